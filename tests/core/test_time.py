"""Time is data: only clocks move it, each agency has its own, and it moves as the log is read."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.agency import Agency
from schemas.keys import partition_of
from schemas.times import DAY, HOUR, MINUTE, parse
from tests.core.driver import LONG_AFTER_MS, Floor, Plan, Town, clock, to_json, town
from tests.core.saying import CALL, at, call, correct, merge, press, state, unit, whole

THEN = parse("2016-12-31T23:00:00Z")
NOW = parse("2026-08-01T12:00:00Z")


def of(agency_id: str, events: list[dict[str, Any]], shift: int = 0) -> list[dict[str, Any]]:
    """The same events as another agency's, at another time."""
    return [
        {
            **event,
            "agency_id": agency_id,
            **{
                name: event[name] + shift
                for name in ("occurred_at", "recorded_at", "was", "time")
                if event.get(name) is not None
            },
        }
        for event in events
    ]


def two_agencies() -> dict[str, Agency]:
    """One that replays, one that is live."""
    return {name: Town().agency(name) for name in ("replay", "live")}


def test_two_agencies_on_one_partition_do_not_move_each_other() -> None:
    """One replays 2016, one is live, event by event in turn on one partition: each as if it were alone."""
    replayed = [*of("replay", whole(), THEN - CALL), clock(THEN + 2 * HOUR, "replay")]
    lived = [*of("live", whole(turnout=30), NOW - CALL), clock(NOW + 2 * HOUR, "live")]
    both = Floor(two_agencies(), Plan(sizes=(3,)))
    both.run([event for pair in zip(replayed, lived, strict=True) for event in pair])
    alone = [Floor(two_agencies()).run(said) for said in (replayed, lived)]

    assert both.health().clocks == {"replay": THEN + 2 * HOUR, "live": NOW + 2 * HOUR}
    assert {**alone[0].comparable_records(), **alone[1].comparable_records()} == both.comparable_records()
    assert {**alone[0].comparable_figures(), **alone[1].comparable_figures()} == both.comparable_figures()
    assert both.dead() == []


def test_of_two_sources_the_slower_one_is_the_time() -> None:
    """One source of an agency is replayed a year ahead of the other.

    Nothing of the slower is too late, until both say.
    """
    floor = Floor({"town": Town(sources=("cad", "desk")).agency()})
    floor.run([clock(CALL + 365 * DAY, source_id="desk"), *whole()])
    assert (floor.dead(), floor.health().clocks, floor.figures()) == ([], {}, {})

    floor.run([clock(CALL + HOUR)])
    assert floor.health().clocks == {"town": CALL + HOUR}
    assert floor.incident("A").state == "ended"
    assert floor.figures()["town/turnout/EMERGENT/1h/all/all"].n == 1


def test_a_row_years_ahead_moves_nothing() -> None:
    """An event dated years ahead is dead-lettered by name.

    No clock moves, no deadline fires, no window slides.
    """
    floor = Floor(town())
    append_ms = (CALL + HOUR) // 1000
    floor.run([*call(), *unit("E1", 40, 100), clock(CALL + HOUR)], append_ms=append_ms)
    before = floor.comparable_figures()
    ahead = [press("E1", "on_scene", 9 * 365 * 86_400), correct("E1", "dispatch", recorded=50, time=9e7)]
    floor.run([*ahead, clock(CALL + 9 * 365 * DAY)], append_ms=append_ms)

    assert [reason for reason, _ in floor.dead()] == ["in_the_future"] * 3
    assert floor.health().clocks == {"town": CALL + HOUR}
    assert before == floor.comparable_figures()
    assert floor.incident("A").state == "open"


def test_in_the_future_is_more_than_an_hour_past_the_append() -> None:
    """Exactly an hour ahead is joined, a microsecond more is not; clocks the same."""
    floor = Floor(town())
    append_ms = CALL // 1000
    floor.run([press("E1", "dispatch", 3_600), clock(CALL + HOUR)], append_ms=append_ms)
    assert floor.dead() == []

    just = press("E2", "dispatch", 3_600)
    floor.run([{**just, "occurred_at": just["occurred_at"] + 1}], append_ms=append_ms)
    floor.run([press("E2", "dispatch", 3_600, recorded=3_601), clock(CALL + HOUR + 1)], append_ms=append_ms)
    assert [reason for reason, _ in floor.dead()] == ["in_the_future"] * 3


def test_a_clock_that_nobody_lists_is_dead_lettered_by_name() -> None:
    """A clock or an event from a source that the agency's file does not list; and an agency nobody knows."""
    floor = Floor(town())
    floor.run([clock(CALL, source_id="stranger"), {**press("E1", "dispatch", 0), "source_id": "stranger"}])
    floor.run([clock(CALL, "elsewhere"), {**press("E1", "dispatch", 0), "agency_id": "elsewhere"}])

    assert [reason for reason, _ in floor.dead()] == ["unknown_source"] * 2 + ["unknown_agency"] * 2
    assert floor.health().clocks == {}


def test_clocks_never_go_back() -> None:
    """A clock that is older than what its source wrote before changes nothing."""
    floor = Floor(town()).run([*whole(), clock(CALL + HOUR)])
    before = floor.comparable_figures()
    floor.run([clock(CALL), clock(CALL - DAY)])

    assert floor.health().clocks == {"town": CALL + HOUR}
    assert before == floor.comparable_figures()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_after_ten_minutes_down_no_false_state_is_told(size: int) -> None:
    """A worker comes back to a backlog of clocks and events.

    Nothing is closed by rule that had been spoken of in time.

    An incident was silent for 24 h less five minutes when the worker stopped; four minutes later it was
    spoken of. No record on the way back says that it was closed, whatever the batches.
    """
    silent = [*call(), *unit("E1", 40, 100)]
    day = 86_400
    backlog = [
        event
        for minute in range(10)
        for event in ([state(None, day - 100 + 60 * minute, priority="2")] if minute == 3 else [])
        + [clock(at(day - 100 + 60 * minute))]
    ]
    floor = Floor(town()).run([*silent, clock(at(day - 300))])
    floor.plan = Plan(sizes=(size,))
    floor.sizes[0] = iter([size] * 1_000)
    floor.restart_one(0)
    floor.run([state(None, 500, priority="1", recorded=day - 60), *backlog])

    told = [kept.value for kept in floor.committed("incidents.g1")]
    assert not any(b"closed_by_rule" in (value or b"") for value in told)
    assert floor.incident("A").state == "open"


def test_closed_by_rule_and_undone_by_a_later_event() -> None:
    """Silent for 24 h it is closed, dated then, exactly then.

    A later event undoes it, and what never ended is open again.
    """
    silent = [*call(), *unit("E1", 40, 100)]
    floor = Floor(town()).run([*silent, clock(at(100 + 86_400) - 1)])
    assert floor.incident("A").state == "open"

    floor.run([clock(at(100 + 86_400))])
    record = floor.response("A", "E1")
    assert ("closed_by_rule", at(86_500)) == (record.state, record.closed_at)
    assert ("never_closed", at(86_500)) == (record.intervals["travel"].reason, record.intervals["travel"].at)
    assert floor.figures()["town/travel/EMERGENT/1h/all/all"].excluded == {"never_closed": 1}

    floor.run([press("E1", "on_scene", 400, recorded=90_000)])
    record = floor.response("A", "E1")
    assert (record.state, record.intervals["travel"].value) == ("open", 300)
    assert floor.figures()["town/commitment/EMERGENT/1h/all/all"].open == 1


def test_too_late_is_forty_days_before_the_clock() -> None:
    """Exactly forty days is joined, a microsecond more is dead-lettered.

    Before any clock nothing is too late.
    """
    floor = Floor(town()).run([press("E1", "dispatch", -400 * 86_400, incident="old")])
    assert floor.dead() == []

    floor.run([clock(CALL + 40 * DAY), press("E1", "dispatch", 0)])
    assert floor.dead() == []

    floor.run([{**press("E2", "dispatch", 0), "occurred_at": CALL - 1}])
    assert [reason for reason, _ in floor.dead()] == ["too_late"]


@pytest.mark.parametrize("size", [1, 4, 1_000])
def test_states_are_evicted_forty_days_after_their_last_event_and_counted(size: int) -> None:
    """Both an ended incident and one closed by rule.

    Their records stay, and where a batch ends changes nothing.
    """
    floor = Floor(town(), Plan(sizes=(size,)))
    floor.run([*whole("A"), *call("B"), clock(CALL + DAY)])
    assert floor.health().held == 2

    floor.run([clock(at(900 + 40 * 86_400) - 1)])
    assert (floor.health().held, floor.health().evicted) == (1, 1)

    floor.run([clock(at(900 + 40 * 86_400)), clock(CALL + 42 * DAY)])
    assert (floor.health().held, floor.health().evicted, floor.health().open_incidents) == (0, 2, 0)
    assert floor.incident("A").state == "ended"
    changelog = {kept.key: kept.value for kept in floor.committed("incidents.changelog.g1")}
    assert [key for key, value in changelog.items() if value is not None] == [b"position"]


def test_a_state_outlives_its_last_event_by_its_silence_too() -> None:
    """Corrected on its last day, an incident is held for 24 h more, and is closed by rule before it goes."""
    floor = Floor(town()).join([*call(), *unit("E1", 40, 100), clock(at(39 * 86_400))])
    late = [{**correct("E1", "dispatch", recorded=40 * 86_400 - 50, time=30), "occurred_at": at(99)}]
    floor.join([*late, clock(at(40 * 86_400 + 3_600))])
    assert (floor.health().held, floor.incident("A").state) == (1, "open")

    floor.join([clock(at(41 * 86_400))])
    assert (floor.health().held, floor.incident("A").state) == (0, "closed_by_rule")

    spoken = Floor(town()).join([*call(), *unit("E1", 40, 100), clock(at(39 * 86_400)), *late])
    spoken.join([clock(at(40 * 86_400 + 3_600)), press("E2", "dispatch", 40 * 86_400)])
    assert spoken.incident("A").units == ["E1", "E2"]


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_an_event_after_the_eviction_begins_anew_wherever_a_batch_ends(size: int) -> None:
    """A clock leaps 50 days at once over an open incident; then it is spoken of. In one batch or in many.

    The same.
    """
    floor = Floor(town(), Plan(sizes=(size,)))
    floor.run(
        [
            *call(),
            *unit("E1", 40, 100),
            clock(CALL + HOUR),
            clock(CALL + 50 * DAY),
            clock(CALL + 50 * DAY + 1),
        ]
    )
    floor.run([press("E2", "dispatch", 49 * 86_400), clock(CALL + 50 * DAY + MINUTE)])
    once = Floor(town(), Plan(sizes=(1_000,)))
    once.send(
        [
            *call(),
            *unit("E1", 40, 100),
            clock(CALL + HOUR),
            clock(CALL + 50 * DAY),
            clock(CALL + 50 * DAY + 1),
        ]
    )
    once.run([press("E2", "dispatch", 49 * 86_400), clock(CALL + 50 * DAY + MINUTE)])

    assert floor.health().evicted == once.health().evicted == 1
    assert floor.incident("A").milestones == once.incident("A").milestones == {}
    assert floor.response("A", "E1").state == once.response("A", "E1").state == "closed_by_rule"


def test_a_clock_reaches_every_partition_before_stage_two_believes_it() -> None:
    """The agency's clock in stage two is the least over the source partitions.

    One that lags holds the time back.
    """
    floor = Floor(town(), Plan(partitions=4))
    floor.send([*whole(), clock(CALL + HOUR)])
    for partition in range(3):
        floor.step_one(partition, 1_000)
    floor.run_two()
    assert floor.figures() == {}

    floor.run()
    assert {CALL + HOUR} == {figure.as_of for figure in floor.figures().values()}


def test_a_partitioner_that_is_not_kafkas_is_found_out() -> None:
    """An event on another partition than its key belongs to is dead-lettered, once for each record.

    The others are joined.
    """
    floor = Floor(town(), Plan(partitions=4))
    wrong = next(n for n in range(4) if n != partition_of("town/A", 4))
    right = next(f"B{n}" for n in range(99) if partition_of(f"town/B{n}", 4) == wrong)
    floor.log("incident.events", wrong).append(b"x", to_json(press("E1", "dispatch", 0)), LONG_AFTER_MS)
    floor.log("incident.events", wrong).append(
        b"x", to_json(press("E1", "dispatch", 0, incident=right)), LONG_AFTER_MS
    )
    floor.run([clock(CALL + HOUR)])

    assert [reason for reason, _ in floor.dead()] == ["wrong_partition"]
    assert floor.incident(right).units == ["E1"]


def test_merged_incidents_close_together() -> None:
    """A host that is silent itself stays open while the incident merged into it is spoken of."""
    floor = Floor(town()).run(
        [*call("B"), *call("A"), merge("A", "B", 60), press("E1", "dispatch", 80_000, incident="A")]
    )
    floor.run([clock(at(90_000))])
    assert floor.incident("B").state == "open"

    floor.run([clock(at(80_000 + 86_400))])
    assert ("closed_by_rule", at(166_400)) == (floor.incident("B").state, floor.incident("B").closed_at)
