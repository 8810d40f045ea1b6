"""Aware time only: instants are UTC, inside as whole microseconds since 1970, local zones at the edges alone.

Microseconds are Avro's and Parquet's ``timestamp-micros``: exact for every input we accept, and a span is
plain integer arithmetic (DEFINITIONS.md, 2: floor of the difference in whole seconds).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Micros = int
"""An instant: microseconds since 1970-01-01T00:00:00Z."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_S = _EPOCH.toordinal() * 86_400
"""The epoch in seconds since the calendar's own beginning."""


def micros(moment: datetime) -> Micros:
    """An aware datetime as microseconds since the epoch.

    Raises:
        ValueError: the datetime is naive; an instant without a zone means nothing here.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if moment.tzinfo is UTC:  # as a decoder makes of a Z: half the time of a difference
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        return (moment.toordinal() * 86_400 + seconds - _EPOCH_S) * SECOND + moment.microsecond
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    since = moment - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def moment(instant: Micros) -> datetime:
    """The aware UTC datetime of an instant.

    >>> moment(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=instant)


def iso(instant: Micros) -> str:
    """An instant as people and events write it.

    >>> iso(1_000_000)
    '1970-01-01T00:00:01Z'
    """
    return moment(instant).isoformat().replace("+00:00", "Z")


def parse(text: str) -> Micros:
    """An ISO 8601 instant with a zone, as microseconds.

    Raises:
        ValueError: not ISO 8601, or without a zone.

    >>> parse("1969-12-31T16:00:01-08:00")
    1000000
    """
    return micros(datetime.fromisoformat(text))


def seconds_between(start: Micros, end: Micros) -> int:
    """The span from ``start`` to ``end`` in whole seconds, floored (DEFINITIONS.md, 2).

    >>> seconds_between(0, 1_999_999), seconds_between(1, 0)
    (1, -1)
    """
    return (end - start) // SECOND
