"""Local times to instants: every format like ``strptime``, every odd hour as DEFINITIONS.md, 2 says."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import HOUR, MINUTE, iso, parse
from sources.localtime import on_day, parser, resolve

LA = ZoneInfo("America/Los_Angeles")
FORMATS = (
    "%m/%d/%Y %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%d.%m.%y %H:%M",
    "%Y%m%d%H%M%S",
    "%H:%M:%S,%f",
    "%I:%M %p",
    "%m/%d/%Y  %H%M",
)


def wall(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LA, fold=fold)


def test_an_hour_that_occurs_twice_is_the_first_of_the_two() -> None:
    """Autumn, 01:30 with nothing before it: still summer time."""
    assert iso(resolve(wall("2016-11-06T01:30"), None)) == "2016-11-06T08:30:00Z"


def test_an_hour_that_occurs_twice_is_the_second_if_the_first_lies_before_the_milestone_before() -> None:
    """Autumn, 01:30 after a milestone at the first 01:45: the second 01:30, 45 minutes on."""
    before = resolve(wall("2016-11-06T01:45"), None)

    assert resolve(wall("2016-11-06T01:30"), before) - before == 45 * MINUTE


def test_an_hour_that_occurs_twice_stays_the_first_if_both_lie_before_the_milestone_before() -> None:
    """Autumn, 01:30 after 02:00 of winter time: neither is in order, so the rule has no reason to move it."""
    before = resolve(wall("2016-11-06T02:00"), None)

    assert iso(resolve(wall("2016-11-06T01:30"), before)) == "2016-11-06T08:30:00Z"


def test_an_hour_that_occurs_twice_may_be_the_same_second_as_the_milestone_before() -> None:
    """Both buttons at once in the first of the two hours: a span of 0, not of an hour."""
    before = resolve(wall("2016-11-06T01:30"), None)

    assert resolve(wall("2016-11-06T01:30"), before) == before


def test_a_time_that_does_not_exist_is_moved_forward_by_the_gap() -> None:
    """Spring, 02:30 is 03:30 of summer time, whatever lies before it."""
    for before in (None, parse("2017-03-12T10:29:59Z"), parse("2017-03-12T11:00:00Z")):
        assert iso(resolve(wall("2017-03-12T02:30"), before)) == "2017-03-12T10:30:00Z"


def test_a_time_without_a_date_belongs_to_its_rows_day() -> None:
    """Also when it lies up to 6 h before the milestone before it: a wrong button, not another day."""
    day, clock = wall("2016-12-31T00:00"), wall("1900-01-01T17:00")
    before = resolve(wall("2016-12-31T23:00"), None)

    assert resolve(wall("2016-12-31T17:00"), None) == on_day(day, clock, None) == on_day(day, clock, before)


def test_a_time_without_a_date_moves_on_past_midnight() -> None:
    """More than 6 h before the milestone before it: the next day's."""
    day, clock = wall("2016-12-31T00:00"), wall("1900-01-01T00:05")
    before = resolve(wall("2016-12-31T23:58"), None)

    assert on_day(day, clock, before) - before == 7 * MINUTE


def test_a_time_without_a_date_moves_on_by_as_many_days_as_it_takes() -> None:
    """After a milestone weeks away it is found without a walk of weeks, and over a change of clocks."""
    clock = wall("1900-01-01T00:05")
    before = resolve(wall("2016-11-20T12:00"), None)

    found = on_day(wall("2016-10-01T00:00"), clock, before)

    assert found == resolve(wall("2016-11-21T00:05"), None)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), st.integers(-40, 40))  # noqa: DTZ001 - walls
def test_a_time_without_a_date_lands_on_the_first_day_that_fits(moment: datetime, days: int) -> None:
    """On its day or later, never more than 6 h behind the milestone before, and a day earlier would be."""
    at = moment.replace(tzinfo=LA)
    before = resolve(at, None) + days * 24 * HOUR

    found = on_day(at, at, before)

    assert found >= resolve(at, before) or days <= 0
    assert before - found <= 6 * HOUR
    if found > resolve(at, before) + HOUR:
        assert before - (found - 25 * HOUR) > 6 * HOUR


@pytest.mark.parametrize("form", FORMATS)
@given(st.data())
def test_a_compiled_format_reads_what_strptime_reads(form: str, data: st.DataObject) -> None:
    """Written by ``strftime``, or near it: the same time, or refused by both."""
    moment = data.draw(st.datetimes(datetime(1950, 1, 1), datetime(2068, 12, 31)))  # noqa: DTZ001 - walls
    text = moment.strftime(form)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at] + data.draw(st.sampled_from(["", "0", "9", " ", ":", "x", "P", "é"])) + text[at + 1 :]
        )

    def theirs() -> datetime | None:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            return None

    def ours() -> datetime | None:
        try:
            return parser(form, UTC)(text)
        except ValueError:
            return None

    assert theirs() == ours()


def test_a_zone_in_the_text_wins() -> None:
    """An export that writes its offset means it."""
    assert (
        iso(resolve(parser("%Y-%m-%d %H:%M:%S%z", LA)("2017-01-01 00:00:00+0000"), None))
        == "2017-01-01T00:00:00Z"
    )
    assert iso(resolve(parser("iso", LA)("2017-01-01T00:00:00Z"), None)) == "2017-01-01T00:00:00Z"
    assert iso(resolve(parser("iso", LA)("2017-01-01"), None)) == "2017-01-01T08:00:00Z"


@pytest.mark.parametrize("form", ["", "yyyy-mm-dd", "%Q", "%Y %Y"])
def test_a_format_that_no_time_can_match_is_refused_at_once(form: str) -> None:
    """When the profile is read, not at the millionth row."""
    with pytest.raises(ValueError, match=r"."):
        parser(form, UTC)
