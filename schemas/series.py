"""Names of series: the key of a figure, and of windows.

``agency/interval/mode/window/by/group``: ``sffd/turnout/EMERGENT/24h/station_area/03``. A window is a rolling
one (``1h 24h 7d 30d``) or a calendar period (``day:2017-01-01``, ``shift:2017-01-01T08:00``,
``month:2017-01``).
"""

from __future__ import annotations

from schemas.keys import part, unpart
from schemas.times import DAY, HOUR, Micros

ROLLING: dict[str, Micros] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
CALENDAR: tuple[str, ...] = ("day", "shift", "month")
BREAKDOWNS: tuple[str, ...] = (
    "all",
    "station_area",
    "battalion",
    "unit_type",
    "class",
    "priority",
    "zone",
)
GROUPED = BREAKDOWNS[1:]
"""Those that have groups."""


def series_key(agency_id: str, interval: str, mode: str, window: str, by: str, group: str) -> str:
    """The key of a figure.

    >>> series_key("sffd", "turnout", "EMERGENT", "24h", "station_area", "03")
    'sffd/turnout/EMERGENT/24h/station_area/03'
    """
    return f"{part(agency_id)}/{interval}/{mode}/{window}/{by}/{part(group)}"


DIVERSION = "diversion"
"""Stands for the interval in the key of a diversion figure; its mode is ``-``."""

DIVERSION_BREAKDOWNS: tuple[str, ...] = ("all", "type", "area", "hour", "shift")
"""What diversion is broken down by: initial type, area, local hour of the call, shift it began in."""

DIVERSION_PERIODS: tuple[str, ...] = ("day", "month")


def diversion_key(agency_id: str, window: str, by: str, group: str) -> str:
    """The key of a diversion figure.

    >>> diversion_key("dayton-sim", "30d", "type", "NOISE")
    'dayton-sim/diversion/-/30d/type/NOISE'
    """
    return series_key(agency_id, DIVERSION, "-", window, by, group)


def is_diversion(key: str) -> bool:
    """Whether the key of a figure is a diversion figure's.

    >>> is_diversion("dayton-sim/diversion/-/30d/all/all"), is_diversion("sffd/turnout/EMERGENT/1h/all/all")
    (True, False)
    """
    return f"/{DIVERSION}/-/" in key


def series_parts(key: str) -> tuple[str, str, str, str, str, str]:
    """The parts of a figure's key: agency, interval, mode, window, breakdown, group.

    Raises:
        ValueError: the key is not a figure's.
    """
    agency, interval, mode, window, by, group = key.split("/")
    return unpart(agency), interval, mode, window, by, unpart(group)
