"""Spans, sizes and times in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.times import Micros, moment

NOTHING = "-"


def span(seconds: float) -> str:
    """A span in its two largest units.

    >>> span(0.4), span(72), span(3_700), span(90_000), span(283_000_000)
    ('0 s', '1 min 12 s', '1 h 1 min', '1 d 1 h', '8 y 355 d')
    """
    whole = int(seconds)
    for name, small, size, unit in (
        ("y", "d", 31_536_000, 86_400),
        ("d", "h", 86_400, 3_600),
        ("h", "min", 3_600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            rest = whole % size // unit
            return f"{whole // size} {name} {rest} {small}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def megabytes(size: int | None) -> str:
    """Memory.

    >>> megabytes(1375), megabytes(None)
    ('1,375 MB', '-')
    """
    return NOTHING if size is None else f"{size:,} MB"


def number(count: int | None) -> str:
    """A count with thousands told apart, ``?`` where nobody knows.

    >>> number(61632), number(None)
    ('61,632', '?')
    """
    return "?" if count is None else f"{count:,}"


def local(instant: Micros, zone: str) -> str:
    """An instant in a zone.

    >>> local(1_483_495_200_000_000, "America/Los_Angeles")
    '2017-01-03 18:00:00 PST'
    """
    return moment(instant).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def clock_time(seconds: float) -> str:
    """A time of day on this machine, for what has just happened."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")
