"""Which calendar period an agency is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.series import CALENDAR
from schemas.times import MINUTE, iso, parse
from sinks.prometheus.periods import current
from streams.agency.periods import Calendar
from tests.sinks.makings import AGENCY

CASES = {
    "the first second of a day": ("day", "2017-01-03T08:00:00Z", "day:2017-01-03", "2017-01-03T08:00:00Z"),
    "the last second of a day": ("day", "2017-01-03T07:59:59Z", "day:2017-01-02", "2017-01-02T08:00:00Z"),
    "the day the clocks go forward": (
        "day",
        "2017-03-12T12:00:00Z",
        "day:2017-03-12",
        "2017-03-12T08:00:00Z",
    ),
    "the day after it": ("day", "2017-03-13T12:00:00Z", "day:2017-03-13", "2017-03-13T07:00:00Z"),
    "a month": ("month", "2017-02-01T07:59:59Z", "month:2017-01", "2017-01-01T08:00:00Z"),
    "the day shift": ("shift", "2017-01-03T16:00:00Z", "shift:2017-01-03T08:00", "2017-01-03T16:00:00Z"),
    "the night shift": ("shift", "2017-01-04T04:00:00Z", "shift:2017-01-03T20:00", "2017-01-04T04:00:00Z"),
    "the night shift after midnight": (
        "shift",
        "2017-01-04T15:59:59Z",
        "shift:2017-01-03T20:00",
        "2017-01-04T04:00:00Z",
    ),
}


@pytest.mark.parametrize(("kind", "as_of", "window", "start"), CASES.values(), ids=CASES.keys())
def test_the_period_of_a_time(kind: str, as_of: str, window: str, start: str) -> None:
    """Days, shifts and months are the agency's own, and begin when its clocks say so."""
    name, began = current(kind, parse(as_of), AGENCY)

    assert (name, iso(began)) == (window, start)


@given(st.integers(parse("2015-01-01T00:00:00Z") // MINUTE, parse("2030-01-01T00:00:00Z") // MINUTE))
def test_the_periods_are_those_of_the_figures(minute: int) -> None:
    """The name computed here is the name that stage two publishes under, at any minute of fifteen years."""
    instant = minute * MINUTE
    published = [period.name for period in Calendar(AGENCY).periods(instant)]

    assert [current(kind, instant, AGENCY)[0] for kind in CALENDAR] == published
