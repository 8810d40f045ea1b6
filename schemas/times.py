"""Aware time only: instants are UTC, inside as whole microseconds since 1970, local zones at the edges alone.

Microseconds are Avro's and Parquet's ``timestamp-micros``: exact for every input we accept, and a span is
plain integer arithmetic (DEFINITIONS.md, 2: floor of the difference in whole seconds).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

Micros = int
"""An instant: microseconds since 1970-01-01T00:00:00Z."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> Micros:
    """An aware datetime as microseconds since the epoch.

    Raises:
        ValueError: the datetime is naive; an instant without a zone means nothing here.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    try:
        since = moment - _EPOCH
    except TypeError:
        raise ValueError(f"{moment.isoformat()} has no time zone") from None
    # Days by 1024ths of a day: compiled code is slow with products of which one side is over 2^30.
    return (since.days * (DAY >> 10) << 10) + since.seconds * SECOND + since.microseconds


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
