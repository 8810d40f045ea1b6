"""What one record adds to the figures.

Per interval a code, a value, an instant and flags, all small integers.

The same codes serve the running tallies, the columns and the as-of questions, so a figure means the same in
all.
"""

from __future__ import annotations

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import IncidentRecord, Measure, Place, ResponseRecord
from schemas.times import Micros
from schemas.vocabulary import IncidentState, Standing

RESPONSE = "response"
INCIDENT = "incident"

INTERVALS: dict[str, tuple[str, ...]] = {
    RESPONSE: EDITION.response_intervals,
    INCIDENT: EDITION.incident_intervals,
}
"""Scope to its intervals; a contribution is known by its place here."""

REASONS: tuple[str, ...] = ("never_closed", *(r for r in EDITION.reasons if r != "never_closed"))

MEASURED = 0
OPEN = 1
MERGED = 2
EXCLUDED = 3
"""Codes: measured, open, merged, and from here on excluded as ``REASONS[code - EXCLUDED]``."""

BOUND = 1
WITHIN = 2
LATE = 4
STANDING_SHIFT = 3
"""Flags: bit 0 a target binds, 1 within it, 2 never ended and late, 3-4 which ``STANDINGS``, if any."""

STANDINGS: tuple[str, ...] = ("", *(s.value for s in Standing))

_CODE = {reason: EXCLUDED + index for index, reason in enumerate(REASONS)}
_STANDING = {standing: index << STANDING_SHIFT for index, standing in enumerate(STANDINGS)}
_OVER = frozenset({IncidentState.MERGED.value, IncidentState.VOID.value})

Contribution = tuple[int, int, Micros, int]
"""(code, value in seconds or -1, the instant it is dated at or 0, flags)"""

NOTHING: Contribution = (-1, -1, 0, 0)
"""Stands where an interval is not measured at all."""

_RUNNING: Contribution = (OPEN, -1, 0, 0)


def contribution(measure: Measure) -> Contribution:
    """What one interval of one record adds."""
    if measure.value >= 0:
        flags = _STANDING[measure.standing]
        if measure.binding:
            flags |= BOUND | WITHIN if measure.value <= measure.limit else BOUND
        return MEASURED, measure.value, measure.at, flags
    if not measure.reason:
        return _RUNNING
    flags = _STANDING[measure.standing]
    if measure.binding and measure.standing == Standing.NEVER_ENDED.value:
        flags |= LATE
    return _CODE[measure.reason], -1, measure.at, flags


def contributions(
    record: ResponseRecord | IncidentRecord, scope: str, agency: Agency
) -> tuple[Contribution, ...]:
    """What a record adds, one a place of ``INTERVALS[scope]``; empty where it counts nowhere."""
    if record.state == IncidentState.VOID.value or not record.in_scope:
        return ()
    intervals = INTERVALS[scope]
    if record.state == IncidentState.MERGED.value:
        merged: Contribution = (MERGED, -1, record.merged_at, 0)
        als = agency.rules_at(record.call_at or record.began_at).measure_als
        return tuple(merged if als or interval != "travel_als" else NOTHING for interval in intervals)
    measures = record.intervals
    return tuple(
        contribution(measure) if (measure := measures.get(interval)) is not None else NOTHING
        for interval in intervals
    )


def over(record: ResponseRecord | IncidentRecord) -> bool:
    """Whether nothing of the record will change but by corrections.

    Its incident has ended, or it counts nowhere.
    """
    return record.closed_at != 0 or record.state in _OVER or not record.in_scope


def groups(place: Place) -> tuple[str, str, str, str, str, str]:
    """What it is broken down by, in the order of ``schemas.series.BREAKDOWNS`` after ``all``."""
    return place.station_area, place.battalion, place.unit_type, place.class_, place.priority, place.zone
