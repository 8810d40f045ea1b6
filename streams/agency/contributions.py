"""What one record adds to the figures.

Per interval a code, a value, an instant and flags, all small integers.

The same codes serve the running tallies, the columns and the as-of questions, so a figure means the same in
all.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import Measure, Place
from schemas.times import Micros
from schemas.vocabulary import IncidentState, Standing

RESPONSE = "response"
INCIDENT = "incident"

INTERVALS: dict[str, tuple[str, ...]] = {
    RESPONSE: EDITION.response_intervals,
    INCIDENT: EDITION.incident_intervals,
}
"""Scope to its intervals; a contribution is known by its place here."""

_PLACES = {scope: {name: place for place, name in enumerate(names)} for scope, names in INTERVALS.items()}

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
_VOID, _MERGED = IncidentState.VOID.value, IncidentState.MERGED.value
_OVER = frozenset({_MERGED, _VOID})
_MEASURED_BITS = MEASURED + 1
_ASTUPLE: Final = msgspec.structs.astuple
"""All fields of a measure at once cost hardly more than one of them."""

WORD_VALUE, WORD_FLAGS, WORD_CODE = 16, 8, 0
"""A contribution as one integer: value + 1 from bit 16 on, flags from bit 8 on, code + 1 below.

0 stands where an interval is not measured at all.
"""


class _Contributing(Protocol):
    """What a record must say to contribute: a whole one, or one as ``streams.agency.reading`` reads it."""

    state: str
    in_scope: bool
    call_at: Micros
    began_at: Micros
    closed_at: Micros
    merged_at: Micros
    intervals: dict[str, Measure]


def _word(code: int, flags: int = 0) -> int:
    return flags << WORD_FLAGS | code + 1


_OPEN_WORD, _MERGED_WORD = _word(OPEN), _word(MERGED)


def _excluded() -> dict[tuple[str, str, bool], int]:
    """(reason, standing, binding) to the word."""
    found = {}
    for reason, code in _CODE.items():
        for standing, flags in _STANDING.items():
            for binding in (False, True):
                late = LATE if binding and standing == Standing.NEVER_ENDED.value else 0
                found[reason, standing, binding] = _word(code, flags | late)
    return found


_EXCLUDED = _excluded()


def contributions(record: _Contributing, scope: str, agency: Agency) -> list[int] | None:
    """What a record adds, None where it counts nowhere.

    Returns:
        The word of each of ``INTERVALS[scope]``, then the instant each is dated at, 0 where it is not.
    """
    if record.state == _VOID or not record.in_scope:
        return None
    intervals = INTERVALS[scope]
    if record.state == _MERGED:
        als = agency.rules_at(record.call_at or record.began_at).measure_als
        merged = [_MERGED_WORD if als or interval != "travel_als" else 0 for interval in intervals]
        return merged + [record.merged_at if word else 0 for word in merged]
    places = _PLACES[scope]
    size = len(intervals)
    found = [0] * (2 * size)
    for interval, measure in record.intervals.items():
        place = places.get(interval)
        if place is None:
            continue
        value, reason, at, limit, binding, standing = _ASTUPLE(measure)
        if value >= 0:
            flags = _STANDING[standing]
            if binding:
                flags |= BOUND | WITHIN if value <= limit else BOUND
            found[place] = (value + 1) << WORD_VALUE | flags << WORD_FLAGS | _MEASURED_BITS
            found[place + size] = at
        elif reason:
            found[place] = _EXCLUDED[reason, standing, binding]
            found[place + size] = at
        else:
            found[place] = _OPEN_WORD
    return found


def over(record: _Contributing) -> bool:
    """Whether nothing of the record will change but by corrections.

    Its incident has ended, or it counts nowhere.
    """
    return record.closed_at != 0 or record.state in _OVER or not record.in_scope


def groups(place: Place) -> tuple[str, str, str, str, str, str]:
    """What it is broken down by, in the order of ``schemas.series.BREAKDOWNS`` after ``all``."""
    return place.station_area, place.battalion, place.unit_type, place.class_, place.priority, place.zone
