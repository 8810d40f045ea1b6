"""Local times of an export to instants: formats, and the hours that occur twice or never (DEFINITIONS.md, 2).

``strptime`` costs as much as all the rest of reading a row, so formats of plain numbers are compiled to one
regular expression each; a property test holds them to ``strptime``'s own answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from schemas.times import DAY, HOUR, Micros, micros

Parser = Callable[[str], datetime]
"""Text to an aware datetime: in the zone of its text, else on the wall of the profile's zone. Raises
ValueError."""

YEAR_MIN, YEAR_MAX = 1900, 2199
"""Times outside are called unreadable: typing errors, and stand-ins for "none" such as 9999-12-31."""

BEHIND_MAX: Micros = 6 * HOUR
"""A time without a date may lie this far before the milestone before it; past that it is the next day's."""

_DIRECTIVES = {
    "Y": r"(?P<Y>\d\d\d\d)",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>1[0-2]|0[1-9]|[1-9])",
    "d": r"(?P<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])",
    "H": r"(?P<H>2[0-3]|[0-1]\d|\d)",
    "I": r"(?P<I>1[0-2]|0[1-9]|[1-9])",
    "M": r"(?P<M>[0-5]\d|\d)",
    "S": r"(?P<S>6[0-1]|[0-5]\d|\d)",
    "f": r"(?P<f>[0-9]{1,6})",
    "p": r"(?P<p>am|pm)",
    "%": "%",
}
_ISO = "iso"


def parser(form: str, zone: tzinfo) -> Parser:
    """What reads times of one format: ``strptime``'s, or ``iso`` for ISO 8601.

    Raises:
        ValueError: there is no such format.

    >>> from datetime import UTC
    >>> parser("%m/%d/%Y %I:%M:%S %p", UTC)("12/31/2016 11:57:56 PM").isoformat()
    '2016-12-31T23:57:56+00:00'
    """
    if form == _ISO:
        return lambda text: _in_zone(datetime.fromisoformat(text), zone)
    _probe(form)
    pattern = _pattern(form)
    if pattern is None:
        return lambda text: _in_zone(datetime.strptime(text, form), zone)  # noqa: DTZ007 - the zone comes next
    return _compiled(pattern, zone)


def _in_zone(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone) if wall.tzinfo is None else wall


def _probe(form: str) -> None:
    """Refuse what no text can ever match, when the profile is read and not at the millionth row."""
    if "%" not in form:
        raise ValueError(f"{form!r} is no time format: it needs directives such as %Y-%m-%d")
    try:
        datetime.strptime("", form)  # noqa: DTZ007 - asks only whether the format exists
    except ValueError as exc:
        if "does not match format" not in str(exc):
            raise
    except re.error as exc:
        raise ValueError(f"{form!r} names a part of the time twice") from exc


def _pattern(form: str) -> re.Pattern[str] | None:
    """The format as a regular expression; None where it has a directive that only ``strptime`` reads."""
    out = ""
    for token in re.findall(r"%.|\s+|[^%\s]+", form, re.DOTALL):
        if token[0] == "%":
            if token[1] not in _DIRECTIVES:
                return None
            out += _DIRECTIVES[token[1]]
        else:
            out += r"\s+" if token.isspace() else re.escape(token)
    return re.compile(out, re.IGNORECASE)


def _compiled(pattern: re.Pattern[str], zone: tzinfo) -> Parser:
    match = pattern.match
    names = frozenset(pattern.groupindex)
    short_year, half_days, fraction = "y" in names, "I" in names, "f" in names
    ampm = "p" in names

    def read(text: str) -> datetime:
        found = match(text)
        if found is None or found.end() != len(text):
            raise ValueError("does not match the format")
        part = found.groupdict()
        year = int(part.get("Y") or 1900)
        if short_year:
            year = int(part["y"])
            year += 2000 if year <= 68 else 1900
        hour = int(part.get("H") or 0)
        if half_days:
            hour = int(part["I"]) % 12
            if ampm and part["p"][0] in "pP":
                hour += 12
        micro = int(part["f"].ljust(6, "0")) if fraction else 0
        month, day = int(part.get("m") or 1), int(part.get("d") or 1)
        return datetime(year, month, day, hour, int(part.get("M") or 0), int(part.get("S") or 0), micro, zone)

    return read


def first_that_reads(parsers: tuple[Parser, ...]) -> Parser:
    """A parser that tries several in order."""
    if len(parsers) == 1:
        return parsers[0]

    def read(text: str) -> datetime:
        for each in parsers:
            try:
                return each(text)
            except ValueError:
                continue
        raise ValueError("matches none of the formats")

    return read


def resolve(wall: datetime, before: Micros | None) -> Micros:
    """The instant of a local time.

    An hour that occurs twice is the first of the two, unless that puts it before ``before`` (the nearest
    milestone present before it in the row) and the second does not. One that does not exist is moved forward
    by the gap.

    >>> from zoneinfo import ZoneInfo
    >>> fall = datetime(2016, 11, 6, 1, 30, tzinfo=ZoneInfo("America/Los_Angeles"))
    >>> (resolve(fall, resolve(fall, None) + 1) - resolve(fall, None)) // HOUR
    1
    """
    first = micros(wall)
    if before is not None and first < before:
        second = micros(wall.replace(fold=1))
        # In the gap of spring the second lies before the first, so this is never taken there.
        if second >= before:
            return second
    return first


def on_day(day: datetime, clock: datetime, before: Micros | None) -> Micros:
    """The instant of a time of day without a date: on its row's day, or on a later one.

    It moves on by whole days while it lies more than 6 h before the nearest milestone present before it.
    """
    wall = datetime.combine(day.date(), clock.timetz())
    instant = resolve(wall, before)
    if before is None or before - instant <= BEHIND_MAX:
        return instant
    # Straight to the day before the right one, at the earliest; then day by day, as days may have 23 or 25 h.
    wall += timedelta(days=max(0, (before - BEHIND_MAX - instant) // DAY - 1))
    while before - (instant := resolve(wall, before)) > BEHIND_MAX:
        wall += timedelta(days=1)
    return instant
