"""Windows and times as a person writes them: what cannot be meant is refused before any Kafka is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from sinks.terminal.words import instant_of

_PERIODS = {"day": "%Y-%m-%d", "shift": "%Y-%m-%dT%H:%M", "month": "%Y-%m"}
_PERIOD = {"day": "day:2017-01-01", "shift": "shift:2017-01-01T08:00", "month": "month:2017-01"}


def check_windows(
    asked: Collection[str], names: Collection[str], periods: Collection[str], words: str
) -> None:
    """Whether each can be a window.

    Args:
        asked: what was given.
        names: windows that need no date.
        periods: kinds that take one, as ``day:2017-01-01``.
        words: what is to be known about the names.

    Raises:
        click.BadParameter: one is not; says which there are.
    """
    for window in asked:
        if window not in names and not _is_period(window, periods):
            there = ", ".join([*(_PERIOD[kind] for kind in periods), *names])
            raise click.BadParameter(
                f"{window!r} is no window; there are {there} ({words})", param_hint="'--window'"
            )


def _is_period(window: str, periods: Collection[str]) -> bool:
    """Whether it names a day, shift or month by the name that figures have.

    >>> _is_period("day:2017-01-01", ["day"]), _is_period("day:2017-1-1", ["day"])
    (True, False)
    >>> _is_period("day:2017-02-30", ["day"]), _is_period("month:2017-01", ["day"])
    (False, False)
    """
    kind, _, name = window.partition(":")
    if kind not in periods:
        return False
    try:
        read = datetime.strptime(name, _PERIODS[kind]).replace(tzinfo=UTC)
    except ValueError:
        return False
    return read.strftime(_PERIODS[kind]) == name


def check_time(text: str | None) -> None:
    """Whether it can be a time at all; which instant it is the agency's zone says, later.

    Raises:
        BadInput: it is no such thing.
    """
    if text is not None:
        instant_of(text, ZoneInfo("UTC"))
