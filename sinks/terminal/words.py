"""Numbers and instants in words, so that nothing looks better than it is."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.errors import BadInput
from schemas.times import Micros, micros, moment

NOTHING = "-"


def duration(seconds: int | None) -> str:
    """Whole seconds as minutes and seconds, hours before them where there are any; ``-`` for none.

    >>> duration(65), duration(4720), duration(0), duration(-1)
    ('1:05', '1:18:40', '0:00', '-')
    """
    if seconds is None or seconds < 0:
        return NOTHING
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def share(numerator: int, denominator: int) -> str:
    """A share in per cent with one decimal, cut and not rounded: 89.96 % is not the 90 % that was asked for.

    >>> share(2704, 4929), share(8996, 10000), share(3, 3), share(0, 0)
    ('54.8 %', '89.9 %', '100.0 %', '-')
    """
    if denominator <= 0:
        return NOTHING
    tenths = 1000 * numerator // denominator
    return f"{tenths // 10}.{tenths % 10} %"


def count(number: int) -> str:
    """A count with thousands told apart.

    >>> count(4929)
    '4,929'
    """
    return f"{number:,}"


def local_and_utc(instant: Micros, zone: ZoneInfo) -> str:
    """An instant in the agency's zone, and in UTC.

    >>> local_and_utc(1_483_495_200_000_000, ZoneInfo("America/Los_Angeles"))
    '2017-01-03 18:00:00 PST (2017-01-04 02:00:00 UTC)'
    """
    utc = moment(instant)
    if zone.key == "UTC":
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return f"{utc.astimezone(zone):%Y-%m-%d %H:%M:%S %Z} ({utc:%Y-%m-%d %H:%M:%S} UTC)"


def instant_of(text: str, zone: ZoneInfo) -> Micros:
    """An instant as a person writes it: ISO 8601, in the agency's zone where it names none.

    A local time that occurs twice is the first of the two (DEFINITIONS.md, 2).

    Raises:
        BadInput: it is no such thing.

    >>> instant_of("2017-01-03T18:00", ZoneInfo("America/Los_Angeles"))
    1483495200000000
    """
    try:
        read = datetime.fromisoformat(text.strip())
        return micros(read if read.tzinfo else read.replace(tzinfo=zone))
    except (ValueError, OverflowError) as exc:
        raise BadInput(
            f"{text!r} is no time; write it like 2017-01-03T18:00 (the agency's own time) "
            "or 2017-01-04T02:00:00Z"
        ) from exc
