"""Live clocks and breaches (DEFINITIONS.md, 5): each rule by name, and the week.

Times are seconds after the call. EMERGENT, class FIRE: turnout 80 s (amber at 64), first due 240 s (at 192).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from schemas.definitions import EDITION
from schemas.keys import breach_key
from schemas.records import BreachRecord
from schemas.times import DAY, HOUR, SECOND
from schemas.vocabulary import BreachState, Withdrawal
from streams.incidents import packing
from streams.incidents.breaches.watch import NOW
from streams.incidents.state import NEVER
from tests.core.driver import CHANGELOG, Floor, Kept, Plan, clock, town
from tests.core.sanfrancisco import all_events, sffd, tick
from tests.core.saying import at, call, correct, merge, press, state, unit
from tests.reference.golden import GOLDEN

Events = list[dict[str, Any]]


def live(events: Events, until: float = 1_000, step: float = 1) -> list[dict[str, Any]]:
    """These events as they are recorded, and a clock each second till then: as a feed would say it."""
    waiting = sorted(events, key=lambda event: event.get("recorded_at", 0))
    said: list[dict[str, Any]] = []
    now = 0.0
    while now <= until:
        while waiting and waiting[0]["recorded_at"] <= at(now):
            said.append(waiting.pop(0))
        said.append(clock(at(now)))
        now += step
    return [*said, *waiting]


def ran(events: Events, until: float = 1_000, plan: Plan | None = None, **rules: Any) -> Floor:
    """A floor that read them live, one record at a time where no plan says otherwise."""
    return Floor(town(**rules), plan or Plan(sizes=(1,))).join(live(events, until))


def breach(floor: Floor, unit_id: str = "", interval: str = "turnout", incident: str = "A") -> BreachRecord:
    """A breach by name."""
    return floor.breaches()[breach_key("town", incident, unit_id, 1, interval)]


def life(record: BreachRecord) -> list[tuple[str, float, float]]:
    """Its steps: (state, dated at, noticed at), in seconds after the call."""
    return [(s.state, (s.at - at(0)) / SECOND, (s.noticed - at(0)) / SECOND) for s in record.steps]


def test_amber_then_red_then_closed() -> None:
    """Dispatched at 40, out at 140: amber at 80 % (104), red a second past 120, closed at 140."""
    floor = ran([*call(), *unit("E1", 40, 140, 200, 800)])
    record = breach(floor, "E1")

    assert life(record) == [("amber", 104, 104), ("red", 120, 121), ("closed", 140, 140)]
    assert (record.state, record.reason, record.standing) == ("closed", "", "measured")
    assert (record.limit, record.value, record.units, record.place.station_area) == (80, 100, ["E1"], "03")
    assert (at(104), at(120), at(140)) == (record.amber_at, record.deadline_at, record.ended_at)


def test_exactly_at_the_limit_is_within() -> None:
    """Out after 80 s: amber, never red, withdrawn as measured within."""
    record = breach(ran([*call(), *unit("E1", 40, 120, 200, 800)]), "E1")

    assert life(record) == [("amber", 104, 104), ("withdrawn", 120, 120)]
    assert record.reason == Withdrawal.MEASURED_WITHIN


def test_quick_enough_is_never_told() -> None:
    """Out after 60 s, there after 180 s: nothing is opened."""
    assert ran([*call(), *unit("E1", 40, 100, 280, 800)]).breaches() == {}


def test_a_clock_that_leaps_dates_red_at_its_deadline() -> None:
    """The clock goes from 41 to 300 s: red is noticed at 300 and dated 120; amber was never to be seen."""
    events = [*call(), press("E1", "dispatch", 40), clock(at(41)), clock(at(300))]
    record = breach(Floor(town()).join(events), "E1")

    assert life(record) == [("red", 120, 300)]
    assert record.state == "red"


def test_only_clocks_open() -> None:
    """A dispatch of ten minutes ago opens nothing until the next clock."""
    floor = Floor(town(), Plan(sizes=(1,)))
    floor.join([*call(), clock(at(640)), press("E1", "dispatch", 40, recorded=640)])

    assert floor.breaches() == {}
    assert breach(floor.join([clock(at(641))]), "E1").state == "red"


def test_what_is_over_and_within_costs_the_next_clock_nothing() -> None:
    """A and B end in one batch, A within: the next clock looks at B alone, which is the late one.

    A's state, written with its records, asks for no look: neither the clock nor a recovery opens it again.
    A correction makes A late after all: the clock after that opens it.
    """
    over = [*call(), *unit("E1", 40, 100, 280, 800), *call("B"), *unit("E2", 40, 140, 280, 800, incident="B")]
    floor = Floor(town(), Plan(sizes=(1_000,))).join([clock(at(0)), *over])
    assert [states(floor, name) for name in "AB"] == [1, 1]
    assert [wakes(floor, name) for name in "AB"] == [NEVER, NOW]

    floor.join([clock(at(900))])
    assert [states(floor, name) for name in "AB"] == [1, 2]
    assert [wakes(floor, name) for name in "AB"] == [NEVER, NEVER]
    assert list(floor.breaches()) == [breach_key("town", "B", "E2", 1, "turnout")]

    floor.join([correct("E1", "enroute_to_scene", recorded=950, time=130), clock(at(960))])
    assert life(breach(floor, "E1")) == [("red", 120, 960), ("closed", 130, 960)]


def test_what_is_over_is_looked_at_where_another_unit_was_late() -> None:
    """E2 was late and all was over in one batch; E1 is spoken of in the next, before any clock."""
    over = [*call(), *unit("E1", 40, 100, 280, 700), *unit("E2", 40, 140, 300, 800)]
    floor = Floor(town(), Plan(sizes=(1_000,))).join([clock(at(0)), *over])
    floor.join([correct("E1", "enroute_to_scene", recorded=850, time=101)]).join([clock(at(900))])

    assert list(floor.breaches()) == [breach_key("town", "A", "E2", 1, "turnout")]


def states(floor: Floor, incident: str) -> int:
    """How often its state was written."""
    return len(_written(floor, incident))


def wakes(floor: Floor, incident: str) -> int:
    """When its state, as it was written last, asks for a look."""
    value = _written(floor, incident)[-1].value
    assert value is not None
    return packing.wake_of(value)


def _written(floor: Floor, incident: str) -> list[Kept]:
    return [kept for kept in floor.committed(CHANGELOG) if kept.key.endswith(f"town/{incident}".encode())]


def test_a_backlog_opens_nothing_that_it_answers() -> None:
    """All of it in one batch: the record is written once, ended, with its life as it was."""
    events = live([*call(), *unit("E1", 40, 140, 200, 800)])
    floor = Floor(town(), Plan(sizes=(100_000,))).join(events)
    written = [kept for kept in floor.committed("breaches.g1") if kept.key.endswith(b"turnout")]

    assert len(written) == 1
    assert life(breach(floor, "E1")) == [("amber", 104, 104), ("red", 120, 121), ("closed", 140, 140)]


def test_never_enroute_stands_when_its_response_ends_late() -> None:
    """Red at 120, cancelled at 300: it stands, as one that never ended."""
    record = breach(ran([*call(), *unit("E1", 40, canceled_enroute=300)]), "E1")

    assert (record.state, record.standing) == ("closed", "never_ended")
    assert at(300) == record.ended_at
    assert record.value == -1


def test_canceled_before_the_deadline_is_withdrawn() -> None:
    """Amber at 104, cancelled at 110."""
    record = breach(ran([*call(), *unit("E1", 40, canceled_enroute=110)]), "E1")

    assert life(record) == [("amber", 104, 104), ("withdrawn", 110, 110)]
    assert record.reason == "never_enroute"


def test_raised_priority_shortens_the_limit() -> None:
    """NON_EMERGENT has no target; EMERGENT from 100 on: 60 s elapsed + 80 = 140 s, so red after 180."""
    events = [
        *call(mode="NON_EMERGENT"),
        press("E1", "dispatch", 40),
        state(None, 100, response_mode="EMERGENT"),
        press("E1", "enroute_to_scene", 200),
    ]
    record = breach(ran(events, 300), "E1")

    assert life(record) == [("amber", 40 + 112, 152), ("red", 180, 181), ("closed", 200, 200)]
    assert record.limit == 140


def test_lowered_before_the_deadline_is_withdrawn() -> None:
    """Amber at 104, NON_EMERGENT at 110: downgraded."""
    events = [*call(), press("E1", "dispatch", 40), state(None, 110, response_mode="NON_EMERGENT")]
    record = breach(ran(events, 300), "E1")

    assert life(record) == [("amber", 104, 104), ("withdrawn", 110, 110)]
    assert record.reason == Withdrawal.DOWNGRADED


def test_lowered_after_the_deadline_stands() -> None:
    """Red at 121, NON_EMERGENT at 150, cancelled at 160: passed before the downgrade."""
    events = [
        *call(),
        press("E1", "dispatch", 40),
        state(None, 150, response_mode="NON_EMERGENT"),
        press("E1", "canceled_enroute", 160),
    ]
    record = breach(ran(events, 300), "E1")

    assert [step.state for step in record.steps] == ["amber", "red", "closed"]
    assert record.standing == "passed_before_downgrade"


def test_correction_of_the_start_withdraws_and_never_steps_back() -> None:
    """Red at 121; at 130 the dispatch is corrected to 90: withdrawn, and red again after 170, not amber."""
    events = [*call(), press("E1", "dispatch", 40), correct("E1", "dispatch", recorded=130, time=90)]
    record = breach(ran(events, 300), "E1")

    assert life(record) == [
        ("amber", 104, 104),
        ("red", 120, 121),
        ("withdrawn", 130, 130),
        ("red", 170, 171),
    ]
    assert record.steps[2].reason == Withdrawal.CORRECTED


def test_correction_of_the_end_withdraws_what_was_closed() -> None:
    """Out at 140, corrected at 900 to 100: it was closed, and is withdrawn as measured within."""
    events = [
        *call(),
        *unit("E1", 40, 140, 200, 800),
        correct("E1", "enroute_to_scene", recorded=900, time=100),
    ]
    record = breach(ran(events), "E1")

    assert [step.state for step in record.steps] == ["amber", "red", "closed", "withdrawn"]
    assert (record.reason, record.standing) == (Withdrawal.MEASURED_WITHIN, "")


def test_merged_leaves_the_counts_and_goes_on_where_it_went() -> None:
    """Red on A; A is merged into B: A's is withdrawn, B has one of its own."""
    events = [*call(), *call("B", 10), press("E1", "dispatch", 40), merge("A", "B", 150)]
    floor = ran(events, 160).join([clock(at(170))])

    assert (
        breach(floor, "E1").state,
        breach(floor, "E1").reason,
    ) == (BreachState.WITHDRAWN, Withdrawal.MERGED)
    assert breach(floor, "E1", incident="B").state == "red"


def test_first_due_is_kept_away_by_one_that_can_still_make_it() -> None:
    """E1 under way at 100 and never there, E2 at 200 and there at 400: amber, never red, within."""
    events = [*call(), *unit("E1", 40, 100, None, 900), *unit("E2", 50, 200, 400, 900)]
    record = breach(ran(events), interval="travel_first_due")

    assert life(record) == [("amber", 292, 292), ("withdrawn", 400, 400)]
    assert record.reason == Withdrawal.MEASURED_WITHIN


def test_first_due_is_red_when_the_one_that_could_make_it_is_diverted() -> None:
    """E1's deadline is 340; E2 could make it till 440, is cancelled at 360: red then, closed when E1 is."""
    events = [*call(), *unit("E1", 40, 100, 420, 900), *unit("E2", 50, 200, canceled_enroute=360)]
    record = breach(ran(events), interval="travel_first_due")

    assert life(record) == [("amber", 292, 292), ("red", 360, 360), ("closed", 420, 420)]
    assert (record.units, record.value, record.standing) == (["E1"], 320, "measured")


def test_first_due_red_stays_red_when_another_sets_out() -> None:
    """E1 is past 340; E2 sets out at 350, is there at 500, within its own: withdrawn then, red till then."""
    events = [*call(), *unit("E1", 40, 100, None, 900), *unit("E2", 345, 350, 500, 900)]
    record = breach(ran(events), interval="travel_first_due")

    assert life(record) == [("amber", 292, 292), ("red", 340, 341), ("withdrawn", 500, 500)]


def test_first_due_with_nobody_left_is_withdrawn_before_it_is_red() -> None:
    """The only unit, amber at 292, is cancelled at 300: diverted; the next one has a clock of its own."""
    events = [
        *call(),
        *unit("E1", 40, 100, canceled_enroute=300),
        *unit("E2", 200, 320, 600, 900),
    ]
    record = breach(ran(events), interval="travel_first_due")

    assert record.steps[1].reason == Withdrawal.DIVERTED
    assert life(record) == [
        ("amber", 292, 292), ("withdrawn", 300, 300), ("amber", 512, 512), ("red", 560, 561),
        ("closed", 600, 600),
    ]  # fmt: skip


def test_staging_stops_the_clock_where_the_agency_says_so() -> None:
    """Staged at 250: within where staging is arrival; else the clock runs on to 340 and beyond."""
    events = [*call(), *unit("E1", 40, 100, 500, 900, staging=250)]

    assert not [k for k in ran(events, staging_is_arrival=True).breaches() if "first_due" in k]
    assert breach(ran(events), interval="travel_first_due").state == "closed"


def test_a_unit_that_arrived_unseen_has_no_turnout_any_more() -> None:
    """Red at 121; on scene at 200 without ever being enroute: nobody can help that turnout."""
    record = breach(ran([*call(), *unit("E1", 40, None, 200, 800)]), "E1")

    assert (record.state, record.reason) == ("withdrawn", "enroute_missing")
    assert at(200) == record.steps[-1].noticed


def test_closing_by_rule_withdraws() -> None:
    """Red, and silent for a day: never closed."""
    floor = Floor(town()).join(
        [*call(), press("E1", "dispatch", 40), clock(at(200)), clock(at(40) + DAY), clock(at(60) + DAY)]
    )
    record = breach(floor, "E1")

    assert (record.state, record.reason) == ("withdrawn", "never_closed")


def test_any_interval_with_a_target_has_a_clock() -> None:
    """Call answering 15 s: amber at 12, red at 16 where nobody answers; `clock = false` runs none."""
    target = {"interval": "call_answering", "seconds": 15}
    events = [press(None, "call_arrival", 0), state(None, 0, response_mode="EMERGENT", class_="FIRE")]
    record = breach(ran(events, 60, targets=[target]), interval="call_answering")

    assert life(record) == [("amber", 12, 12), ("red", 15, 16)]
    assert ran(events, 60, targets=[{**target, "clock": False}]).breaches() == {}


def test_reasons_are_a_closed_list() -> None:
    """A reason of ours is none of the exclusions; together they are all there is."""
    ours = {reason.value for reason in Withdrawal}

    assert not ours & set(EDITION.reasons) - {"merged"}


# The week


def _week(step: int) -> Events:
    """The week with a clock at each step, and the end."""
    said: Events = []
    first, last = all_events()[0]["occurred_at"], all_events()[-1]["occurred_at"]
    due = first // SECOND * SECOND
    for event in all_events():
        while event["occurred_at"] > due:
            said.append(tick(due))
            due += step
        said.append(event)
    while due < last + 3 * HOUR:
        said.append(tick(due))
        due += step
    return [*said, tick(last + 48 * HOUR)]


@cache
def by_the_minute() -> dict[str, BreachRecord]:
    """The week's breaches with a clock a minute, in batches of 500."""
    return Floor(sffd(), Plan(sizes=(500,))).join(_week(60 * SECOND)).breaches()


STANDING = {
    (interval, why): count
    for interval, standing in GOLDEN["standing_breaches"].items()
    for why, count in standing.items()
}


def standing(breaches: dict[str, BreachRecord]) -> Counter[tuple[str, str]]:
    """How many stand, by interval and why."""
    return Counter((b.interval, b.standing) for b in breaches.values() if b.standing)


def test_the_week_ends_with_the_golden_breaches() -> None:
    """With a clock a minute."""
    assert standing(by_the_minute()) == STANDING


@pytest.mark.slow
def test_the_week_by_the_second_withdraws_six_reds_as_measured_within() -> None:
    """Section 5 says so of first due; standing is the same."""
    found = Floor(sffd(), Plan(sizes=(700,))).join(_week(SECOND)).breaches()
    red = [b for b in found.values() if any(s.state == "red" for s in b.steps)]
    within = [b for b in red if b.state == "withdrawn" and b.reason == "measured_within"]

    assert standing(found) == STANDING
    assert Counter({"travel_first_due": 6}) == Counter(b.interval for b in within)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(sizes=(1, 7, 300), partitions=3),
        Plan(sizes=(5_000,), gaps=True),
        Plan(sizes=(40, 900), crash_after=frozenset({3, 9, 20}), restart_after=frozenset({5, 30, 31})),
    ],
)
def test_where_batches_end_and_what_crashes_changes_no_life(plan: Plan) -> None:
    """The same log: the same breaches, lives and revisions, whatever the batches, crashes and partitions."""
    events = _week(60 * SECOND)[:14_000]
    expected = Floor(sffd(), Plan(sizes=(500,))).join(events).breaches()
    found = Floor(sffd(), plan).join(events).breaches()

    assert expected
    assert {key: life_and_end(b) for key, b in expected.items()} == {
        key: life_and_end(b) for key, b in found.items()
    }


def life_and_end(record: BreachRecord) -> tuple[Any, ...]:
    """Everything that is no offset."""
    return record.state, record.reason, record.standing, record.steps, record.units, record.deadline_at


def test_order_changes_which_were_withdrawn_and_never_which_stand() -> None:
    """Every event first, the clocks after them: no amber, the same standing breaches."""
    events = _week(60 * SECOND)
    spoken = [event for event in events if event["kind"] != "clock"]
    clocks = [event for event in events if event["kind"] == "clock"]
    found = Floor(sffd(), Plan(sizes=(5_000,))).join([*reversed(spoken), *clocks]).breaches()

    assert standing(found) == STANDING
