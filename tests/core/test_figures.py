"""Every figure, held against a naive recomputation from the final records alone.

And no trace of what was corrected.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import FigureRecord
from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros, iso, parse
from streams.agency.as_known import figures_as_known
from streams.agency.periods import Calendar
from tests.core import naive
from tests.core.driver import Floor, Plan, Town, clock, town
from tests.core.effort import LONG, examples
from tests.core.invented import stories, tame_times
from tests.core.sanfrancisco import NEW_YEAR, sffd, slice_of
from tests.core.saying import CALL, at, call, correct, merge, press, state, unit, whole

HOURS = 30 if LONG else 6


def plainly(figures: dict[str, FigureRecord]) -> dict[str, dict[str, Any]]:
    """Published figures in the naive program's shape."""
    names = ("n", "p50", "p90", "p95", "open", "merged", "bound", "within", "late", "excluded", "standing")
    return {series: {name: getattr(figure, name) for name in names} for series, figure in figures.items()}


def check(floor: Floor, agency_id: str, now: Micros) -> None:
    """What stands in ``figures`` is what the records say.

    The same series, the same numbers, final where it should be.
    """
    records, figures, agency = list(floor.records().values()), floor.figures(), floor.agencies[agency_id]

    assert naive.live(records, agency, now) == plainly(figures)
    final = naive.final_periods(records, agency, now)
    assert {f.window for f in figures.values() if f.final != (f.window in final)} == set()


def test_every_figure_of_a_night_hour_by_hour() -> None:
    """San Francisco's New Year's night with hourly clocks, looked at every second hour.

    All windows and breakdowns.
    """
    floor = Floor(sffd(), Plan(sizes=(300,), tick_every=3))
    said = slice_of(NEW_YEAR - 3 * HOUR, NEW_YEAR + (HOURS - 3) * HOUR)
    clocks = [number for number, event in enumerate(said) if event["kind"] == "clock"]
    begin = 0
    for number in clocks[1::3]:
        floor.run(said[begin : number + 1])
        begin = number + 1

        check(floor, "sffd", said[number]["time"])
    floor.run(said[begin:])
    floor.restart_two()
    floor.run([{**said[-1], "time": said[-1]["time"] + MINUTE}])

    check(floor, "sffd", said[-1]["time"] + MINUTE)


def test_every_figure_as_known_for_instants_of_a_night() -> None:
    """The same records asked for two instants on the way, and one before it all."""
    said = slice_of(NEW_YEAR - 2 * HOUR, NEW_YEAR + 2 * HOUR)
    floor = Floor(sffd())
    floor.send([*said, {**said[-1], "time": NEW_YEAR + 30 * HOUR}])
    floor.run_one()
    records = list(floor.records().values())

    for instant in (NEW_YEAR - 3 * HOUR, NEW_YEAR - HOUR, NEW_YEAR + HOUR + 17 * MINUTE + 1):
        known = {f.series: f for f in figures_as_known(sffd()["sffd"], records, instant)}

        assert naive.as_known(records, sffd()["sffd"], instant) == plainly(known)


@examples(10)
@given(data=st.data(), events=stories(when=tame_times, said_max=16), every=st.sampled_from((3, 11, 40)))
def test_every_figure_of_invented_incidents(
    data: st.DataObject, events: list[dict[str, Any]], every: int
) -> None:
    """Invented incidents with clocks between, ticks and a restart of stage two.

    The figures are the records' at each.
    """
    floor = Floor(town(measure_als=True), Plan(sizes=(every,), tick_every=2))
    half = len(events) // 2
    floor.run([*events[:half], clock(CALL + 10 * MINUTE)])
    check(floor, "town", CALL + 10 * MINUTE)
    if data.draw(st.booleans()):
        floor.restart_two()
    for after in data.draw(st.permutations((HOUR, 25 * HOUR, 8 * DAY)))[:2]:
        floor.run([*events[half:], clock(CALL + after)])
        half = len(events)

    now = max(floor.health().clocks.values())
    check(floor, "town", now)
    known = {
        f.series: f for f in figures_as_known(floor.agencies["town"], floor.records().values(), CALL + HOUR)
    }
    assert naive.as_known(floor.records().values(), floor.agencies["town"], CALL + HOUR) == plainly(known)


CORRECTIONS = {
    "a value": [correct("E1", "enroute_to_scene", recorded=2_000, time=130)],
    "a mode": [state(None, 2_000, response_mode="NON_EMERGENT")],
    "an area": [state(None, 2_000, station_area="36")],
    "a class": [state(None, 2_000, class_="EMS")],
    "a call's day": [correct(None, "call_create", recorded=2_000, time=-20 * 3_600)],
    "a call's month": [correct(None, "call_create", recorded=2_000, time=-39 * 86_400)],
    "a response withdrawn": [
        correct("E1", name, recorded=2_000)
        for name in ("dispatch", "enroute_to_scene", "on_scene", "unit_clear")
    ],
    "all of it withdrawn": [
        *[
            correct("E1", n, recorded=2_000)
            for n in ("dispatch", "enroute_to_scene", "on_scene", "unit_clear")
        ],
        *[correct(None, n, recorded=2_000) for n in ("call_arrival", "call_answered", "call_create")],
    ],
    "a merge": [merge("A", "B", 2_000)],
    "a merge undone": [merge("A", "B", 2_000), merge("A", None, 2_100)],
    "a time long before telephones": [correct(None, "call_create", recorded=2_000, time=-61_000_000_000)],
    "a scope": [state("E1", 2_000, service="POLICE")],
}


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("late", [False, True])
def test_a_correction_leaves_no_trace_of_what_was(name: str, late: bool) -> None:
    """After each kind of correction, told long after the figures were, only what the records now say stands.

    Tombstones take away the series that are empty now; a stage two that starts anew agrees.
    """
    floor = Floor(town(), Plan(sizes=(5,)))
    floor.run([*whole("B", -HOUR // SECOND), *whole(), clock(at(1_500))])
    before = set(floor.figures())
    now = at(30 * 3_600 if late else 2_200)
    floor.run([*CORRECTIONS[name], clock(now)])

    check(floor, "town", now)
    stood = floor.comparable_figures()
    floor.restart_two()
    floor.run([])
    assert stood == floor.comparable_figures()
    gone = before - set(floor.figures())
    tombstones = {kept.key.decode() for kept in floor.committed("figures.g1") if kept.value is None}
    assert gone <= tombstones


def test_a_record_that_is_forgotten_while_open_leaves_no_trace() -> None:
    """An incident that is spoken of for 70 days stays open.

    Its record goes after 62, and so does its open interval.
    """
    floor = Floor(town())
    floor.run([*call("A"), *unit("E1", 40, 100), clock(at(3_600))])
    assert floor.figures()["town/travel/EMERGENT/24h/all/all"].open == 1
    for day in range(1, 75):
        when = day * 86_400
        floor.run([state(None, when, priority=str(day % 3)), clock(at(when + 3_600))])

    assert [s for s, f in floor.figures().items() if f.open] == []


def test_windows_slide_with_the_clock_alone() -> None:
    """A turnout leaves the hour when the clock is an hour past it, to the microsecond, without an event."""
    floor = Floor(town()).run([*whole(turnout=60), clock(at(900))])
    series = "town/turnout/EMERGENT/1h/all/all"
    assert floor.figures()[series].n == 1

    floor.run([clock(at(100 + 3_600) - 1)])
    assert floor.figures()[series].n == 1

    floor.run([clock(at(100 + 3_600))])
    assert series not in floor.figures()
    assert floor.figures()["town/turnout/EMERGENT/24h/all/all"].n == 1


def test_history_keeps_what_stood_when_the_clock_reached_the_minute() -> None:
    """As shown at T is what a reader of ``figures`` saw then, and stays so when the records change later."""
    floor = Floor(town(), Plan(sizes=(4,)))
    seen: dict[Micros, dict[str, int]] = {}
    for minute in range(1, 60, 7):
        incident = f"M{minute}"
        floor.run([*whole(incident, 60 * minute, turnout=minute), clock(at(60 * minute + 1_200))])
        seen[at(60 * minute + 1_200)] = {s: f.n for s, f in floor.figures().items() if f.by == "all"}
    floor.run([correct("E1", "dispatch", recorded=9_000, incident="M1"), clock(at(9_060))])

    shown: dict[str, int] = {}
    history = [figure for figure in floor.history() if figure.by == "all"]
    for instant, stood in seen.items():
        shown |= {figure.series: figure.n for figure in history if figure.as_of <= instant}
        latest = {f.series: f.n for f in sorted(history, key=lambda f: f.as_of) if f.as_of <= instant}
        assert {s: n for s, n in latest.items() if s in stood} == stood


def test_an_emptied_series_is_shown_as_empty() -> None:
    """A window that empties is kept in history as n = 0, so that "as shown" does not show what was before."""
    floor = Floor(town()).run([*whole(), clock(at(900))])
    floor.run([clock(at(3 * 3_600))])

    last = {figure.series: figure for figure in floor.history()}
    assert last["town/turnout/EMERGENT/1h/all/all"].n == 0
    assert last["town/turnout/EMERGENT/24h/all/all"].n == 1


def test_a_restart_takes_away_what_was_left_behind() -> None:
    """Series of an earlier life in ``figures`` that nothing holds any more are taken away."""
    floor = Floor(town()).run([*whole(), clock(at(900))])
    stood = floor.comparable_figures()
    for kept in [k for (topic, _), log in floor.logs.items() if topic == "figures.g1" for k in log.kept][:1]:
        floor.log("figures.g1", 0).append(b"town/turnout/EMERGENT/day:2011-01-01/all/all", kept.value, 0)
    floor.restart_two()
    floor.run([])

    assert stood == floor.comparable_figures()


def test_a_day_is_final_when_its_last_incident_has_ended() -> None:
    """Yesterday goes on being told while an incident of yesterday runs, then once more as final.

    A correction unmakes that.
    """
    midnight = parse("2017-01-02T00:00:00-08:00")
    series = "town/turnout/EMERGENT/day:2017-01-01/all/all"
    late = (midnight - CALL) // SECOND - 300
    floor = Floor(town()).run(
        [*whole("A"), *call("B", late), *unit("E2", late + 50, late + 100, incident="B")]
    )
    floor.run([clock(midnight + MINUTE)])
    assert (floor.figures()[series].n, floor.figures()[series].final) == (2, False)

    floor.run([press("E2", "unit_clear", late + 1_000, incident="B"), clock(midnight + HOUR)])
    assert floor.figures()[series].final
    assert not floor.figures()[series.replace("day:2017-01-01", "month:2017-01")].final

    floor.run([press("E3", "dispatch", late + 1_100, incident="B"), clock(midnight + HOUR + MINUTE)])
    assert not floor.figures()[series].final
    grouped = floor.figures()[series.replace("all/all", "station_area/03")]
    assert not grouped.final


DAYS = {
    # instant: the day, the shift (of 08:00 and 20:00) and the month it belongs to, and when each is over
    "2017-03-12T07:59:59Z": (
        "day:2017-03-11",
        "shift:2017-03-11T20:00",
        "2017-03-12T08:00:00Z",
        "2017-03-12T15:00:00Z",
    ),
    "2017-03-12T08:00:00Z": (
        "day:2017-03-12",
        "shift:2017-03-11T20:00",
        "2017-03-13T07:00:00Z",
        "2017-03-12T15:00:00Z",
    ),
    "2017-03-12T15:00:00Z": (
        "day:2017-03-12",
        "shift:2017-03-12T08:00",
        "2017-03-13T07:00:00Z",
        "2017-03-13T03:00:00Z",
    ),
    "2017-11-05T06:59:59Z": (
        "day:2017-11-04",
        "shift:2017-11-04T20:00",
        "2017-11-05T07:00:00Z",
        "2017-11-05T16:00:00Z",
    ),
    "2017-11-05T09:30:00Z": (
        "day:2017-11-05",
        "shift:2017-11-04T20:00",
        "2017-11-06T08:00:00Z",
        "2017-11-05T16:00:00Z",
    ),
    "2017-11-05T15:59:59Z": (
        "day:2017-11-05",
        "shift:2017-11-04T20:00",
        "2017-11-06T08:00:00Z",
        "2017-11-05T16:00:00Z",
    ),
    "2017-11-05T16:00:00Z": (
        "day:2017-11-05",
        "shift:2017-11-05T08:00",
        "2017-11-06T08:00:00Z",
        "2017-11-06T04:00:00Z",
    ),
}


@pytest.mark.parametrize("instant", DAYS)
def test_days_and_shifts_where_clocks_change(instant: str) -> None:
    """The day of 23 hours, the day of 25, and shifts across midnight.

    12 hours of clock time, 11 or 13 of time.
    """
    agency = Town(rules={"shifts": {"starts": ["08:00:00", "20:00:00"]}}).agency()
    day, shift, month = Calendar(agency).periods(parse(instant))

    assert DAYS[instant] == (day.name, shift.name, _text(day.end), _text(shift.end))
    assert month.name == f"month:{instant[:7]}"


def _text(instant: Micros) -> str:
    return iso(instant)


@examples(150)
@given(
    instant=st.integers(parse("1950-01-01T00:00:00Z"), parse("2060-01-01T00:00:00Z")),
    zone=st.sampled_from(
        ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
    ),
    starts=st.sampled_from((["08:00:00"], ["02:30:00"], ["00:00:00", "08:00:00", "16:30:00"])),
)
def test_every_instant_is_in_one_day_one_shift_one_month(instant: int, zone: str, starts: list[str]) -> None:
    """Whatever the zone (half-hour summers, zones off the hour) and the shifts.

    As the naive program says, kept or not.
    """
    agency = Town(zone=zone, rules={"shifts": {"starts": starts}}).agency()
    calendar = Calendar(agency)
    calendar.periods(instant // HOUR * HOUR)

    assert naive.periods_of(instant, agency) == dict(calendar.periods(instant))
    assert all(end > instant for end in dict(calendar.periods(instant)).values())
