"""The messy cases, each by name and checked by hand: what one incident says, and what becomes of it.

Times are seconds after the call. Unless said otherwise it is EMERGENT, class FIRE (turnout 80 s, first due
240 s), and looked at an hour after the call.
"""

from __future__ import annotations

from typing import Any

from schemas.records import IncidentRecord, Measure, ResponseRecord
from schemas.vocabulary import Flag
from tests.core.driver import Floor, Plan, Town, clock, town
from tests.core.saying import at, call, correct, merge, press, state, unit, whole

Events = list[dict[str, Any]]


def seen(events: Events, when: float = 3_600, **rules: Any) -> Floor:
    """These events, with the clock then; stage two reads on where a figure is asked for."""
    return Floor(town(**rules)).join([*events, clock(at(when))])


def came_to(record: IncidentRecord | ResponseRecord, interval: str) -> int | str:
    """What an interval came to: its value, the reason for its exclusion, or ``open``."""
    measure = record.intervals[interval]
    return measure.value if measure.measured else measure.reason or "open"


def test_a_plain_incident() -> None:
    """One engine: out at 40 s, under way at 100 s, there at 300 s, clear at 900 s."""
    floor = seen(whole())
    incident, response = floor.incident("A"), floor.response("A", "E1")

    assert ("ended", at(900), at(30)) == (incident.state, incident.ended_at, incident.call_at)
    assert {name: came_to(incident, name) for name in incident.intervals} == {
        "call_answering": 10,
        "call_taking": 30,
        "dispatching": 10,
        "alarm_processing": 30,
        "alarm_processing_neris": 40,
        "travel_first_due": 200,
        "response_first_due": 260,
        "total_response": 300,
    }
    assert {n: came_to(response, n) for n in response.intervals} == {
        "turnout": 60,
        "travel": 200,
        "commitment": 860,
        "scene_time": 600,
        "hospital_turnaround": "not_at_hospital",
    }


def test_canceled_en_route() -> None:
    """The only unit is cancelled on its way: it never arrived, that is why, and turnout still counts."""
    floor = seen([*call(), *unit("E1", 40, 100, canceled_enroute=250)])
    response = floor.response("A", "E1")

    assert ("ended", at(250)) == (response.state, response.ended_at)
    assert tuple(came_to(response, n) for n in ("turnout", "travel", "commitment")) == (60, "canceled", 210)
    assert came_to(floor.incident("A"), "travel_first_due") == "canceled"


def test_canceled_means_that_every_counting_unit_was() -> None:
    """One cancelled, one that turned back without a word: per incident that is no arrival."""
    floor = seen([*call(), *unit("E1", 40, 100, canceled_enroute=250), *unit("E2", 40, 110, None, 300)])

    assert came_to(floor.incident("A"), "travel_first_due") == "no_arrival"


def test_a_diverted_unit() -> None:
    """An engine on its way to A is sent to B: A's response ends with its clear, B's is another incident's."""
    floor = seen(
        [
            *call("A"),
            *unit("E1", 40, 100, None, 200),
            *call("B", 150),
            *unit("E1", 200, 200, 320, 900, incident="B"),
            *unit("E2", 210, 290, 500, 950),
        ]
    )

    assert came_to(floor.response("A", "E1"), "travel") == "no_arrival"
    assert tuple(came_to(floor.response("B", "E1"), n) for n in ("turnout", "travel")) == (
        "turnout_zero",
        120,
    )
    assert (floor.incident("A").first_due, came_to(floor.incident("A"), "travel_first_due")) == ("E2", 210)


def test_merged_incidents() -> None:
    """B was another call for A: it leaves the counts, and its engine is A's."""
    floor = seen(
        [
            *call("A"),
            *unit("E1", 40, 100, 300, 900),
            *call("B", 20),
            *unit("E2", 60, 90, 200, 800, incident="B"),
        ]
    )
    assert floor.figures()["town/turnout/EMERGENT/24h/all/all"].n == 2

    floor.run([merge("B", "A", 120), clock(at(3_700))])
    figure = floor.figures()["town/turnout/EMERGENT/24h/all/all"]
    assert (figure.n, figure.merged) == (2, 1)
    assert (
        floor.incident("A").units,
        floor.incident("A").first_due,
        floor.incident("A").absorbed,
    ) == (["E1", "E2"], "E2", ["B"])
    assert ("merged", "A", at(120)) == (
        floor.incident("B").state,
        floor.incident("B").merged_into,
        floor.incident("B").merged_at,
    )


def test_a_merge_undone() -> None:
    """B is one of its own again, and A holds nothing of it.

    The figures are as if it had never been merged.
    """
    apart = [*whole("A"), *call("B"), *unit("E2", 60, 90, 200, 800, incident="B")]
    floor = seen([*apart, merge("B", "A", 120)])
    floor.run([merge("B", None, 130), clock(at(3_700))])

    never = seen(apart, 3_700)
    assert never.comparable_figures() == floor.comparable_figures()
    assert (floor.incident("A").units, floor.response("A", "E2").state) == (["E1"], "void")


def test_a_chain_of_merges_and_a_cycle() -> None:
    """C into B into A: all of it counts at A. Then A into C.

    The least id of the cycle counts, and says so.
    """
    floor = seen([*whole("A"), *whole("B", 60), *whole("C", 120), merge("C", "B", 200), merge("B", "A", 210)])
    assert (floor.incident("A").absorbed, floor.incident("B").state) == (["B", "C"], "merged")
    assert floor.incident("A").flags == []

    floor.run([merge("A", "C", 300), clock(at(3_700))])
    assert tuple(floor.incident(i).state for i in "ABC") == ("ended", "merged", "merged")
    assert floor.incident("A").flags == [Flag.MERGE_CYCLE]


def test_priority_changed_under_way_to_a_shorter_target() -> None:
    """FIRE (80 s) becomes EMS (60 s) 70 s after the dispatch: the limit is the lesser of 80 and 70 + 60."""
    floor = seen([*call(), *unit("E1", 40, 125, 300, 900), state(None, 110, class_="EMS")])
    turnout = floor.response("A", "E1").intervals["turnout"]

    assert (turnout.value, turnout.limit, turnout.standing) == (85, 80, "measured")


def test_priority_changed_under_way_from_none() -> None:
    """NON_EMERGENT becomes EMERGENT 30 s after the dispatch: 30 + 80 seconds, not 80, and not none."""
    events = [
        *call(mode="NON_EMERGENT"),
        *unit("E1", 40, 149, 300, 900),
        state(None, 70, response_mode="EMERGENT"),
    ]
    turnout = seen(events).response("A", "E1").intervals["turnout"]

    assert (turnout.value, turnout.limit, turnout.standing) == (109, 110, "")


def test_downgraded_before_the_limit_had_passed() -> None:
    """EMERGENT becomes NON_EMERGENT in time: no target, no breach."""
    events = [*call(), *unit("E1", 40, 300, 400, 900), state(None, 100, response_mode="NON_EMERGENT")]
    turnout = seen(events).response("A", "E1").intervals["turnout"]

    assert Measure(260, "", at(300)) == turnout


def test_downgraded_after_the_limit_had_passed() -> None:
    """Nobody was under way in 80 s; at 122 s it is downgraded; the unit never goes.

    Limit and breach stand.
    """
    late = [*call(), *unit("E1", 40, None, None, 900), state(None, 162, response_mode="NON_EMERGENT")]
    turnout = seen(late).response("A", "E1").intervals["turnout"]
    assert (
        turnout.reason,
        turnout.limit,
        turnout.standing,
    ) == ("never_enroute", 80, "passed_before_downgrade")

    in_time = [*call(), *unit("E1", 40, None, None, 900), state(None, 120, response_mode="NON_EMERGENT")]
    assert seen(in_time).response("A", "E1").intervals["turnout"].standing == ""


def test_exactly_at_the_limit_is_within() -> None:
    """80.999999 s is 80 whole seconds: within. 81 s is past."""
    for seconds, standing in ((80, ""), (80.999999, ""), (81, "measured")):
        turnout = seen(whole(turnout=seconds)).response("A", "E1").intervals["turnout"]
        assert (int(seconds), standing) == (turnout.value, turnout.standing)


def test_the_same_second_is_machine_work() -> None:
    """Dispatch and enroute 0.9 s apart: a status sent by machine. A whole second is a turnout."""
    assert came_to(seen(whole(turnout=0.9)).response("A", "E1"), "turnout") == "turnout_zero"
    assert came_to(seen(whole(turnout=1)).response("A", "E1"), "turnout") == 1
    assert came_to(seen(whole(travel=0.9)).incident("A"), "travel_first_due") == "travel_zero"


def test_staging_is_arrival_where_the_agency_says_so() -> None:
    """Staged at 200 s, on scene at 300 s: 100 s of travel for one agency, 200 s for the other."""
    events = [*call(), *unit("E1", 40, 100, 300, 900, staging=200)]

    assert came_to(seen(events).incident("A"), "travel_first_due") == 200
    assert came_to(seen(events, staging_is_arrival=True).incident("A"), "travel_first_due") == 100
    assert came_to(seen(events, staging_is_arrival=True).response("A", "E1"), "scene_time") == 700


def test_never_closed() -> None:
    """Nobody ever cleared it: open for 24 h after the last word, then closed by rule and excluded by name."""
    events = [*call(), *unit("E1", 40, 100, 300)]
    assert came_to(seen(events, 86_000).response("A", "E1"), "commitment") == "open"

    floor = seen(events, 300 + 86_400)
    assert tuple(came_to(floor.response("A", "E1"), n) for n in ("commitment", "travel")) == (
        "never_closed",
        200,
    )
    assert ("closed_by_rule", at(86_700)) == (floor.incident("A").state, floor.incident("A").closed_at)


def test_re_dispatch() -> None:
    """Cleared at 500 s and sent again at 600 s: a second response, with a key and intervals of its own."""
    floor = seen([*call(), *unit("E1", 40, 100, 300, 500), *unit("E1", 600, 650, 800, 900)])

    assert tuple(came_to(floor.response("A", "E1", k), "turnout") for k in (1, 2)) == (60, 50)
    assert floor.figures()["town/turnout/EMERGENT/24h/all/all"].n == 2
    assert (["E1", "E1"], at(900)) == (floor.incident("A").units, floor.incident("A").ended_at)


def test_dispatched_twice_is_one_response() -> None:
    """A dispatch pressed again before any end is the same response: the first press counts."""
    floor = seen([*call(), *unit("E1", 40, 100, 300, 500), press("E1", "dispatch", 90)])

    assert (came_to(floor.response("A", "E1"), "turnout"), floor.incident("A").units) == (60, ["E1"])


def test_a_button_pressed_twice() -> None:
    """The first press counts, until it is corrected; then the second stands."""
    events = [*whole(), press("E1", "on_scene", 350)]
    assert came_to(seen(events).response("A", "E1"), "travel") == 200

    corrected = [*events, correct("E1", "on_scene", recorded=400)]
    assert came_to(seen(corrected).response("A", "E1"), "travel") == 250


def test_a_correction_of_one_press_leaves_the_other() -> None:
    """Corrected by its time: the press at 350 s moves to 200 s and is the first now.

    The one at 300 s stands.
    """
    events = [
        *whole(),
        press("E1", "on_scene", 350),
        correct("E1", "on_scene", recorded=400, was=350, time=200),
    ]

    assert came_to(seen(events).response("A", "E1"), "travel") == 100


def test_a_correction_does_not_void_what_was_recorded_after_it() -> None:
    """The earliest press is withdrawn at 150 s.

    One that is recorded later, though it is earlier still, stands.
    """
    events = [*call(), *unit("E1", 40, 100), correct("E1", "enroute_to_scene", recorded=150)]
    assert came_to(seen(events).response("A", "E1"), "turnout") == "open"

    later = [*events, press("E1", "enroute_to_scene", 90, recorded=160)]
    assert came_to(seen(later).response("A", "E1"), "turnout") == 50


def test_two_corrections_to_one_time_are_one_press() -> None:
    """Two presses were corrected to the same instant in the same second: withdrawn once, it is gone."""
    events = [
        *call(),
        *unit("E1", 40, 100),
        press("E1", "enroute_to_scene", 110),
        correct("E1", "enroute_to_scene", recorded=200, was=100, time=90),
        correct("E1", "enroute_to_scene", recorded=200, was=110, time=90),
        correct("E1", "enroute_to_scene", recorded=300),
    ]

    assert came_to(seen(events).response("A", "E1"), "turnout") == "open"


def test_a_withdrawn_response_is_void() -> None:
    """All of a unit's milestones are withdrawn: its record says void, and no figure has it."""
    floor = seen(whole())
    floor.run(
        [
            *[
                correct("E1", n, recorded=2_000)
                for n in ("dispatch", "enroute_to_scene", "on_scene", "unit_clear")
            ],
            clock(at(3_700)),
        ]
    )

    assert (floor.response("A", "E1").state, floor.incident("A").units) == ("void", [])
    assert "town/turnout/EMERGENT/24h/all/all" not in floor.figures()


def test_opened_again() -> None:
    """Cleared as a whole at 500 s; an engine that is dispatched at 600 s opens it again, until it ends."""
    events = [*call(), *unit("E1", 40, 100, 300), press(None, "incident_clear", 500)]
    assert ("ended", at(500)) == (seen(events).incident("A").state, seen(events).incident("A").ended_at)

    again = [*events, *unit("E2", 600)]
    assert (seen(again).incident("A").state, seen(again).response("A", "E1").state) == ("open", "ended")
    ended = seen([*again, press(None, "incident_clear", 900)]).incident("A")
    assert ("ended", at(900)) == (ended.state, ended.ended_at)


def test_ended_by_the_incident_alone() -> None:
    """No unit clear.

    The incident's clear ends the response, and what needed the unit's own end is excluded.
    """
    floor = seen([*call(), *unit("E1", 40, 100, 300), press(None, "incident_clear", 500)])
    response = floor.response("A", "E1")

    assert tuple(came_to(response, name) for name in ("commitment", "scene_time", "travel")) == (
        "unit_clear_missing",
        "unit_clear_missing",
        200,
    )
    assert at(500) == response.intervals["commitment"].at


def test_a_chiefs_car_stops_no_clock() -> None:
    """The chief is there first and doesn't count; a POLICE unit is none of ours.

    The second engine never stands in.
    """
    floor = seen(
        [
            *call(),
            *unit("C1", 35, 50, 120, 900),
            state("C1", 35, first_due_exempt="*"),
            *unit("P1", 33, 40, 90, 900),
            state("P1", 33, service="POLICE"),
            *unit("E1", 40, 300, 300, 900),
            *unit("E2", 45, 100, 400, 900),
        ]
    )
    incident = floor.incident("A")

    assert (incident.first_due, came_to(incident, "travel_first_due")) == ("E1", "travel_zero")
    assert came_to(incident, "response_first_due") == 265
    assert floor.response("A", "P1").intervals == {}


def test_an_exemption_for_one_class() -> None:
    """A unit that does not count at fires counts at medical calls.

    So says the event, or the agency's file.
    """
    events = [
        *call(),
        *unit("M1", 40, 100, 200, 900),
        state("M1", 40, first_due_exempt="FIRE", unit_type="MEDIC"),
    ]
    assert came_to(seen(events).incident("A"), "travel_first_due") == "no_counting_unit"
    assert came_to(seen([*events, state(None, 1, class_="EMS")]).incident("A"), "travel_first_due") == 100

    plain = [event for event in events if "first_due_exempt" not in event.get("attributes", {})]
    typed = [*plain, state("M1", 40, unit_type="MEDIC")]
    assert (
        came_to(seen(typed, first_due_exempt={"FIRE": ["MEDIC"]}).incident("A"), "travel_first_due")
        == "no_counting_unit"
    )
    assert came_to(seen(typed, first_due_exempt={"EMS": ["MEDIC"]}).incident("A"), "travel_first_due") == 100


def test_one_that_can_still_make_it_keeps_the_breach_away() -> None:
    """Two engines, none arrives. While the second is within its 240 s nothing is lost.

    Alone, the first would be late.
    """
    first, second = unit("E1", 40, 100, None, 360), unit("E2", 40, 200, None, 400)
    assert seen([*call(), *first, *second]).incident("A").intervals["travel_first_due"].standing == ""

    alone = seen([*call(), *first]).incident("A").intervals["travel_first_due"]
    assert (alone.reason, alone.standing) == ("no_arrival", "never_ended")
    shorter = unit("E2", 40, 200, None, 342)
    late = seen([*call(), *first, *shorter]).incident("A").intervals["travel_first_due"]
    assert late.standing == "never_ended"


def test_it_takes_its_place_from_the_first_that_arrived() -> None:
    """Mode, class and area: of the first counting unit there, else the first dispatched, else its own."""
    said = [*call(), state("E1", 30, station_area="01"), state("E2", 30, station_area="02")]
    arrived = [*unit("E1", 40, 100, 300, 900), *unit("E2", 50, 100, 250, 900)]

    places = [
        seen([*said, *more]).incident("A").place for more in (arrived, unit("E2", 40) + unit("E1", 50), [])
    ]
    assert [place.station_area for place in places if place is not None] == ["02", "02", "03"]
    undispatched = seen([*said, press("E2", "enroute_to_scene", 60)]).incident("A").place
    assert undispatched is not None
    assert undispatched.station_area == "03"


def test_what_was_said_of_the_incident_holds_for_its_units() -> None:
    """A unit without a word of its own takes the incident's; one that took its own back does so again."""
    floor = seen(
        [
            *whole(),
            state(None, 1, als="true", first_due_exempt="EMS", priority="1"),
            state("E1", 2, priority="2"),
            state("E1", 3, priority=None),
        ],
        measure_als=True,
    )
    place = floor.response("A", "E1").place

    assert place is not None
    assert (place.priority, came_to(floor.incident("A"), "travel_als")) == ("1", 200)


def test_a_time_taken_back_under_way_falls_to_the_incidents() -> None:
    """A unit's own EMERGENT is taken back under way: the incident's, EMERGENT too, goes on binding it."""
    events = [
        *whole(turnout=100),
        state("E1", 40, response_mode="EMERGENT"),
        state("E1", 60, response_mode=None),
    ]
    turnout = seen(events).response("A", "E1").intervals["turnout"]

    assert (turnout.limit, turnout.standing) == (80, "measured")


def test_closed_by_rule_with_the_limit_passed_before_a_downgrade() -> None:
    """Never closed, downgraded long after nobody arrived in time: the breach stands.

    With one still in time it does not.
    """
    downgraded = state(None, 600, response_mode="NON_EMERGENT")
    late = [*call(), *unit("E1", 40, 100), downgraded]
    assert (
        seen(late, 100_000).incident("A").intervals["travel_first_due"].standing == "passed_before_downgrade"
    )

    in_time = [*late, *unit("E2", 300, 500)]
    assert seen(in_time, 100_000).incident("A").intervals["travel_first_due"].standing == ""


def test_targets_are_those_in_force_at_call_time() -> None:
    """Two sets of rules: a call is judged by those of its local date."""
    agency = Town().agency()
    later = agency.rules[0].model_copy(
        update={
            "effective_from": agency.rules[0].effective_from.replace(2017, 1, 2),
            "too_long_s": 100,
            "targets": (),
        }
    )
    both = agency.model_copy(update={"rules": (*agency.rules, later)})
    floor = Floor({"town": both}).run([*whole("A"), *whole("B", 86_400), clock(at(2 * 86_400))])

    assert tuple(
        (
            came_to(floor.incident(i), "travel_first_due"),
            floor.incident(i).intervals["travel_first_due"].limit,
        )
        for i in "AB"
    ) == ((200, 240), ("too_long", -1))


def test_every_interval_can_have_a_target() -> None:
    """An agency sets a target for each.

    Limit, breach and compliance follow, for EMERGENT, and NON_EMERGENT where it says so.
    """
    names = (
        "call_answering",
        "dispatching",
        "alarm_processing",
        "commitment",
        "scene_time",
        "total_response",
    )
    targets = [{"interval": name, "seconds": 5} for name in names]
    targets.append({"interval": "turnout", "seconds": 5, "mode": "NON_EMERGENT"})
    floor = seen(whole(), targets=targets)
    records = {**floor.incident("A").intervals, **floor.response("A", "E1").intervals}
    assert [(records[name].limit, records[name].standing) for name in names] == [(5, "measured")] * 6
    assert floor.figures()["town/scene_time/EMERGENT/24h/all/all"].bound == 1
    assert records["turnout"].limit == -1

    calm = [*call(mode="NON_EMERGENT"), *unit("E1", 40, 100, 300, 900)]
    assert seen(calm, targets=targets).response("A", "E1").intervals["turnout"].limit == 5


def test_what_a_unit_is_doing() -> None:
    """The latest milestone of the latest open response; available once all have ended."""
    floor = seen([*call(), *unit("E1", 40, 100)], 200)
    assert (
        floor.units()["town/E1"].status,
        floor.units()["town/E1"].incident_id,
    ) == ("enroute_to_scene", "A")

    floor.run([*unit("E1", None, None, 300, 900), clock(at(1_000))])
    assert ("available", at(900)) == (floor.units()["town/E1"].status, floor.units()["town/E1"].since)


def test_in_one_partition_or_twelve() -> None:
    """A merged pair that lives on different partitions finds itself."""
    events = [*whole("A"), *whole("B", 60), merge("B", "A", 200), clock(at(3_600))]
    floors = [Floor(town(), Plan(partitions=n)).run(events) for n in (1, 4, 12)]

    assert floors[0].comparable_records() == floors[1].comparable_records() == floors[2].comparable_records()


def test_cleared_as_a_whole_in_the_instant_of_the_dispatch() -> None:
    """A clear that is not before the dispatch ends the response: one at that instant does, one before not."""
    sent = [*call(), *unit("E1", 40, 100, 300)]
    assert seen([*sent, press(None, "incident_clear", 40)]).response("A", "E1").ended_at == at(40)
    assert seen([*sent, press(None, "incident_clear", 39)]).response("A", "E1").state == "open"


def test_a_unit_is_under_way_until_its_end_and_not_at_it() -> None:
    """It turned back in the instant in which its 240 s were past: no breach. A moment later it stands."""
    for end, standing in ((341, ""), (341.000001, "never_ended")):
        measure = seen([*call(), *unit("E1", 40, 100, None, end)]).incident("A").intervals["travel_first_due"]
        assert (measure.reason, measure.standing) == ("no_arrival", standing)


def test_two_that_arrive_together() -> None:
    """A tie goes to the earlier dispatch, then to the unit's name."""
    assert (
        seen([*call(), *unit("E1", 45, 100, 300, 900), *unit("E2", 40, 150, 300, 900)])
        .incident("A")
        .first_due
        == "E2"
    )
    assert (
        seen([*call(), *unit("E1", 40, 100, 300, 900), *unit("E2", 40, 150, 300, 900)])
        .incident("A")
        .first_due
        == "E1"
    )


def test_an_absorbed_state_that_comes_late_is_known_to_be_older() -> None:
    """What A sent to B first comes once more, after what it sent later: the later one holds."""
    floor = seen([*call("B"), *call("A"), *unit("E1", 40), merge("A", "B", 50)])
    sent = [kept for kept in floor.log("incident.events", 0).kept if b'"absorbed"' in (kept.value or b"")]
    floor.join([press("E1", "enroute_to_scene", 100)])
    before = floor.comparable_records()
    floor.put(sent[0].value, "town/B")
    floor.join()

    assert came_to(floor.response("B", "E1"), "turnout") == 60
    assert floor.comparable_records() == before
