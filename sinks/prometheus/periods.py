"""The calendar period an agency is in: a label says its kind alone, so only one can be shown."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.agency import Agency
from schemas.series import CALENDAR
from schemas.times import Micros, micros, moment


def kind_of(window: str) -> str:
    """The kind of a calendar window; empty for a rolling one.

    >>> kind_of("day:2017-01-01"), kind_of("24h")
    ('day', '')
    """
    kind, colon, _ = window.partition(":")
    return kind if colon and kind in CALENDAR else ""


def current(kind: str, as_of: Micros, agency: Agency) -> tuple[str, Micros]:
    """The window of that kind that the agency's time is in, and the instant at which it began.

    Args:
        kind: ``day``, ``shift`` or ``month``.
        as_of: the agency's time.
        agency: says zone and shifts.
    """
    local = moment(as_of).astimezone(agency.zone).replace(tzinfo=None)
    midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - local wall time, named as such
    if kind == "day":
        return f"day:{midnight:%Y-%m-%d}", _instant(midnight, agency)
    if kind == "month":
        first = midnight.replace(day=1)
        return f"month:{first:%Y-%m}", _instant(first, agency)
    starts = agency.rules_at(as_of).shifts.starts
    begun = [s for s in starts if s <= local.time()]
    date = midnight.date() if begun else midnight.date() - timedelta(days=1)
    start = datetime.combine(date, begun[-1] if begun else starts[-1])
    return f"shift:{start:%Y-%m-%dT%H:%M}", _instant(start, agency)


def _instant(local: datetime, agency: Agency) -> Micros:
    return micros(local.replace(tzinfo=agency.zone))
