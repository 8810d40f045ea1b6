"""Worked examples for the naive model in join.py: small incidents whose answers can be checked by hand.

Times are written in seconds after the call. Unless an example says otherwise it is EMERGENT, of class FIRE
(turnout 80 s, travel_first_due 240 s), recorded as it occurred, and looked at an hour after the call.
"""

from __future__ import annotations

import random
from itertools import count
from typing import Any

from tests.reference.join import SECOND, Settings, view

CALL = 1_483_300_000 * SECOND
HOUR = 3600
DAY = 24 * HOUR
NUMBERS = count(1)

Event = dict[str, Any]


def event(kind: str, at: float, recorded: float | None, incident: str, **fields: Any) -> Event:
    """Any event, by the second."""
    return {
        "kind": kind,
        "event_id": f"{next(NUMBERS):06d}",
        "incident_id": incident,
        "occurred_at": CALL + int(at * SECOND),
        "recorded_at": CALL + int((at if recorded is None else recorded) * SECOND),
        **fields,
    }


def press(
    unit: str | None, name: str, at: float, recorded: float | None = None, incident: str = "A"
) -> Event:
    """A press of a milestone."""
    return event("milestone", at, recorded, incident, unit_id=unit, name=name)


def correct(unit: str | None, name: str, was: float | None, time: float | None, recorded: float) -> Event:
    """A correction; time None withdraws, was None is the earliest press."""
    return event(
        "correction",
        recorded,
        recorded,
        "A",
        unit_id=unit,
        name=name,
        was=None if was is None else CALL + int(was * SECOND),
        time=None if time is None else CALL + int(time * SECOND),
    )


def change(unit: str | None, at: float, incident: str = "A", **attributes: str) -> Event:
    """A change of attributes; klass stands for class."""
    named = {"class" if name == "klass" else name: value for name, value in attributes.items()}
    return event("change", at, None, incident, unit_id=unit, attributes=named)


def merge(incident: str, into: str | None, at: float) -> Event:
    """A merge, or with None its undoing."""
    return event("merge", at, None, incident, merged_into=into)


def call(incident: str = "A", mode: str = "EMERGENT", klass: str = "FIRE") -> list[Event]:
    """The call itself: arrival at 0 s, answered at 10 s, created at 30 s."""
    return [
        press(None, "call_arrival", 0, incident=incident),
        press(None, "call_answered", 10, incident=incident),
        press(None, "call_create", 30, incident=incident),
        change(None, 0, incident, response_mode=mode, klass=klass, station_area="03"),
    ]


def unit(
    name: str,
    dispatch: float | None = None,
    enroute: float | None = None,
    on_scene: float | None = None,
    clear: float | None = None,
    incident: str = "A",
) -> list[Event]:
    """The milestones of one unit that are there."""
    pressed = {
        "dispatch": dispatch,
        "enroute_to_scene": enroute,
        "on_scene": on_scene,
        "unit_clear": clear,
    }
    return [press(name, what, at, incident=incident) for what, at in pressed.items() if at is not None]


def seen(events: list[Event], clock: float = HOUR, settings: Settings | None = None) -> dict[str, Any]:
    """Incident A as these events show it."""
    return view({"A": events}, CALL + int(clock * SECOND), settings)["A"]


def interval(seen_in: dict[str, Any], name: str) -> tuple[Any, ...]:
    """What an interval came to: (status, reason, value)."""
    found = seen_in["intervals"][name]
    return found["status"], found["reason"], found["value"]


def test_a_plain_incident_is_measured_from_end_to_end() -> None:
    """One engine, out at 40 s, under way at 100 s, there at 300 s, clear at 900 s."""
    incident = seen([*call(), *unit("E1", 40, 100, 300, 900)])
    response = incident["responses"]["E1", 1]

    assert (incident["state"], incident["ended_at"]) == ("ended", CALL + 900 * SECOND)
    assert {name: found["value"] for name, found in incident["intervals"].items()} == {
        "call_answering": 10,
        "call_taking": 30,
        "dispatching": 10,
        "alarm_processing": 30,
        "alarm_processing_neris": 40,
        "response_first_due": 260,
        "total_response": 300,
        "travel_first_due": 200,
    }
    assert interval(response, "turnout") == ("measured", None, 60)
    assert interval(response, "travel") == ("measured", None, 200)
    assert interval(response, "commitment") == ("measured", None, 860)
    assert interval(response, "scene_time") == ("measured", None, 600)
    assert interval(response, "hospital_turnaround") == ("excluded", "not_at_hospital", None)
    assert incident["intervals"]["total_response"]["at"] == CALL + 300 * SECOND
    assert response["intervals"]["hospital_turnaround"]["at"] == CALL + 900 * SECOND


def test_while_a_unit_is_out_what_is_missing_is_open() -> None:
    """The engine is under way: its turnout is measured, all that needs a later milestone is open."""
    incident = seen([*call(), *unit("E1", 40, 100)], clock=200)
    response = incident["responses"]["E1", 1]

    assert incident["state"] == "open"
    assert interval(response, "turnout") == ("measured", None, 60)
    for name in ("travel", "commitment", "scene_time", "hospital_turnaround"):
        assert interval(response, name) == ("open", None, None)
    assert interval(incident, "travel_first_due") == ("open", None, None)


def test_an_ambulance_leaves_the_scene_for_the_hospital() -> None:
    """The transport ends scene_time; hospital_cleared, else the unit's end, ends hospital_turnaround."""
    moves = [
        *unit("M1", 40, 100, 300, 3000),
        press("M1", "enroute_to_hospital", 1000),
        press("M1", "arrived_at_hospital", 1500),
    ]
    uncleared = seen([*call(klass="EMS"), *moves])["responses"]["M1", 1]
    cleared = seen([*call(klass="EMS"), *moves, press("M1", "hospital_cleared", 2500)])["responses"]["M1", 1]

    assert interval(uncleared, "scene_time") == ("measured", None, 700)
    assert interval(uncleared, "hospital_turnaround") == ("measured", None, 1500)
    assert interval(cleared, "hospital_turnaround") == ("measured", None, 1000)


def test_a_unit_canceled_en_route_has_a_turnout_and_no_travel() -> None:
    """The response ends with the cancellation; travel is canceled, and so is the incident's first due."""
    incident = seen([*call(), *unit("E1", 40, 100), press("E1", "canceled_enroute", 150)])
    response = incident["responses"]["E1", 1]

    assert response["ended_at"] == CALL + 150 * SECOND
    assert interval(response, "turnout") == ("measured", None, 60)
    assert interval(response, "travel") == ("excluded", "canceled", None)
    assert interval(response, "commitment") == ("measured", None, 110)
    assert interval(incident, "travel_first_due") == ("excluded", "canceled", None)
    assert interval(incident, "total_response") == ("excluded", "canceled", None)
    assert incident["intervals"]["travel_first_due"]["standing"] is None


def test_first_due_is_no_arrival_if_only_some_were_canceled() -> None:
    """One unit was cancelled and the other just cleared: not every counting unit was cancelled."""
    events = [*call(), *unit("E1", 40, 100), press("E1", "canceled_enroute", 150)]
    events += unit("E2", 40, 90, None, 160)

    assert interval(seen(events), "response_first_due") == ("excluded", "no_arrival", None)


def test_canceled_before_it_moved_is_never_enroute() -> None:
    """never_enroute is tried before canceled."""
    response = seen([*call(), *unit("E1", 40), press("E1", "canceled_enroute", 60)])["responses"]["E1", 1]

    assert interval(response, "travel") == ("excluded", "never_enroute", None)
    assert interval(response, "turnout") == ("excluded", "never_enroute", None)


def test_a_diverted_unit_leaves_the_first_due_to_the_other() -> None:
    """E1 is diverted to incident B at 150 s: at A, E2 is measured; at B, E1 has a response of its own."""
    events = {
        "A": [*call(), *unit("E1", 40, 100, None, 150), *unit("E2", 60, 130, 400, 900)],
        "B": [*call("B"), *unit("E1", 150, 160, 260, 800, incident="B")],
    }
    both = view(events, CALL + HOUR * SECOND)

    assert interval(both["A"]["responses"]["E1", 1], "travel") == ("excluded", "no_arrival", None)
    assert interval(both["A"], "travel_first_due") == ("measured", None, 270)
    assert both["A"]["intervals"]["travel_first_due"]["standing"] == "measured"
    assert interval(both["B"], "travel_first_due") == ("measured", None, 100)


def test_merged_incidents_count_once_with_the_units_of_both() -> None:
    """B was the same fire: it leaves the counts, and its engine, first there, is the first due of A."""
    events = {
        "A": [*call(), *unit("E1", 40, 100, 400, 900)],
        "B": [*call("B"), *unit("E2", 50, 110, 200, 900, incident="B"), merge("B", "A", 500)],
    }
    both = view(events, CALL + HOUR * SECOND)

    assert both["B"]["state"] == "merged"
    assert both["B"]["counts_at"] == "A"
    assert both["B"]["merged_at"] == CALL + 500 * SECOND
    assert {("E1", 1), ("E2", 1)} == set(both["A"]["responses"])
    assert interval(both["A"], "travel_first_due") == ("measured", None, 90)
    assert interval(both["A"], "total_response") == ("measured", None, 200)


def test_a_unit_in_both_merged_incidents_is_one_response() -> None:
    """E1 was dispatched in each: one response, with the earlier dispatch."""
    events = {
        "A": [*call(), *unit("E1", 40, 100, 400, 900)],
        "B": [*call("B"), *unit("E1", 50, 110, incident="B"), merge("B", "A", 500)],
    }
    target = view(events, CALL + HOUR * SECOND)["A"]

    assert list(target["responses"]) == [("E1", 1)]
    assert interval(target["responses"]["E1", 1], "turnout") == ("measured", None, 60)


def test_a_merge_undone_gives_both_incidents_back() -> None:
    """The later merge event, into none, holds."""
    merged = {"A": [*call()], "B": [*call("B"), merge("B", "A", 500)]}
    undone = {"A": merged["A"], "B": [*merged["B"], merge("B", None, 600)]}

    assert view(merged, CALL + HOUR * SECOND)["B"]["state"] == "merged"
    assert view(undone, CALL + HOUR * SECOND)["B"]["state"] == "open"


def test_a_chain_of_merges_forwards_to_its_end() -> None:
    """C into B into A: all three count at A."""
    events = {
        "A": [*call(), *unit("E1", 40, 100, 400, 900)],
        "B": [*call("B"), *unit("E2", 40, 100, 300, 900, incident="B"), merge("B", "A", 500)],
        "C": [*call("C"), *unit("E3", 40, 100, 200, 900, incident="C"), merge("C", "B", 490)],
    }
    all_three = view(events, CALL + HOUR * SECOND)

    assert [all_three[each]["state"] for each in "ABC"] == ["ended", "merged", "merged"]
    assert interval(all_three["A"], "total_response") == ("measured", None, 200)
    assert not all_three["A"]["cycle"]


def test_in_a_cycle_of_merges_the_least_id_counts_and_is_flagged() -> None:
    """B into C into B, and A into C, which is not of the cycle: B counts with everything, and is flagged."""
    events = {
        "B": [*call("B"), *unit("E2", 40, 100, 300, 900, incident="B"), merge("B", "C", 500)],
        "C": [*call("C"), *unit("E3", 40, 100, 200, 900, incident="C"), merge("C", "B", 490)],
        "A": [*call("A"), *unit("E4", 40, 100, 150, 900, incident="A"), merge("A", "C", 480)],
    }
    all_three = view(events, CALL + HOUR * SECOND)

    assert [all_three[each]["state"] for each in "BCA"] == ["ended", "merged", "merged"]
    assert all_three["B"]["cycle"]
    assert interval(all_three["B"], "total_response") == ("measured", None, 150)


def test_an_incident_only_merged_into_exists() -> None:
    """A itself never sent an event; B's whole state is sent to it."""
    both = view({"B": [*call("B"), merge("B", "A", 500)]}, CALL + HOUR * SECOND)

    assert both["A"]["call_time"] == CALL + 30 * SECOND


def test_an_upgrade_under_way_gives_the_new_target_from_then_on() -> None:
    """NON_EMERGENT becomes EMERGENT 50 s into the turnout: 50 + 80 s is the limit, and 130 s is within it."""
    before = [*call(mode="NON_EMERGENT"), change(None, 90, response_mode="EMERGENT")]
    within = seen([*before, *unit("E1", 40, 170, 300, 900)])["responses"]["E1", 1]["intervals"]["turnout"]
    over = seen([*before, *unit("E1", 40, 171, 300, 900)])["responses"]["E1", 1]["intervals"]["turnout"]

    assert (within["limit"], within["value"], within["standing"]) == (130, 130, None)
    assert (over["limit"], over["value"], over["standing"]) == (130, 131, "measured")


def test_a_shorter_target_never_extends_the_old_limit() -> None:
    """FIRE becomes EMS 30 s into the turnout: the lesser of 80 and 30 + 60 is 80; at 10 s it is 70."""
    late = [*call(), change(None, 70, klass="EMS"), *unit("E1", 40, 170, 300, 900)]
    early = [*call(), change(None, 50, klass="EMS"), *unit("E1", 40, 170, 300, 900)]

    assert seen(late)["responses"]["E1", 1]["intervals"]["turnout"]["limit"] == 80
    assert seen(early)["responses"]["E1", 1]["intervals"]["turnout"]["limit"] == 70


def test_a_downgrade_in_time_lifts_the_limit() -> None:
    """NON_EMERGENT from 80 s into the turnout, exactly at the limit: not past, so nothing binds any more."""
    events = [*call(), change(None, 120, response_mode="NON_EMERGENT"), *unit("E1", 40, 400, 500, 900)]
    turnout = seen(events)["responses"]["E1", 1]["intervals"]["turnout"]

    assert (turnout["limit"], turnout["value"], turnout["standing"]) == (None, 360, None)


def test_a_downgrade_too_late_leaves_limit_and_breach() -> None:
    """One second later the limit had passed: it stands, and so does the breach."""
    events = [*call(), change(None, 121, response_mode="NON_EMERGENT"), *unit("E1", 40, 400, 500, 900)]
    turnout = seen(events)["responses"]["E1", 1]["intervals"]["turnout"]

    assert (turnout["limit"], turnout["value"], turnout["standing"]) == (80, 360, "measured")


def test_a_breach_passed_before_a_downgrade_stands_without_a_measurement() -> None:
    """The same, but the enroute is after the arrival: the interval is excluded, the breach stands."""
    events = [*call(), change(None, 121, response_mode="NON_EMERGENT"), *unit("E1", 40, 600, 500, 900)]
    turnout = seen(events)["responses"]["E1", 1]["intervals"]["turnout"]

    assert (turnout["reason"], turnout["limit"]) == ("enroute_after_arrival", 80)
    assert turnout["standing"] == "passed_before_downgrade"


def test_a_change_outside_the_interval_moves_no_limit() -> None:
    """At its very start the new value is in force all along; at its very end it is too late for it."""
    at_start = [*call(), change(None, 40, response_mode="NON_EMERGENT"), *unit("E1", 40, 400, 500, 900)]
    at_end = [*call(), change(None, 100, response_mode="NON_EMERGENT"), *unit("E1", 40, 100, 500, 900)]

    assert seen(at_start)["responses"]["E1", 1]["intervals"]["turnout"]["limit"] is None
    assert seen(at_end)["responses"]["E1", 1]["intervals"]["turnout"]["limit"] == 80


def test_the_first_history_entry_holds_before_it_was_made() -> None:
    """The mode is first stated at 60 s, after the dispatch at 40 s: it counts from the dispatch."""
    events = [press(None, "call_create", 30), change(None, 60, response_mode="EMERGENT", klass="EMS")]
    incident = seen([*events, *unit("E1", 40, 170, 300, 900)])

    assert incident["responses"]["E1", 1]["intervals"]["turnout"]["limit"] == 60


def test_a_units_own_mode_outweighs_the_incidents() -> None:
    """E2 goes NON_EMERGENT within an EMERGENT incident, and has no limit."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), *unit("E2", 40, 400, 700, 900)]
    incident = seen([*events, change("E2", 40, response_mode="NON_EMERGENT")])

    assert incident["mode"] == "EMERGENT"
    assert incident["responses"]["E2", 1]["mode"] == "NON_EMERGENT"
    assert incident["responses"]["E2", 1]["intervals"]["turnout"]["limit"] is None
    assert incident["responses"]["E2", 1]["class"] == "FIRE"


def test_staging_is_arrival_only_where_the_agency_says_so() -> None:
    """Staged at 250 s, on scene at 300 s; staging with no on_scene is an arrival, or none."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), press("E1", "staging", 250)]
    staged = [*call(), *unit("E1", 40, 100, None, 900), press("E1", "staging", 250)]
    says_so = Settings(staging_is_arrival=True)

    assert interval(seen(events), "travel_first_due") == ("measured", None, 200)
    assert interval(seen(events, settings=says_so), "travel_first_due") == ("measured", None, 150)
    assert interval(seen(staged), "travel_first_due") == ("excluded", "no_arrival", None)
    assert interval(seen(staged, settings=says_so), "total_response") == ("measured", None, 250)


def test_an_incident_never_closed_is_closed_by_rule_after_a_day_of_silence() -> None:
    """Nothing after the enroute at 100 s: open until 100 s + 24 h, then never_closed, dated then."""
    events = [*call(), *unit("E1", 40, 100)]
    before = seen(events, clock=DAY + 99)
    after = seen(events, clock=DAY + 100)

    assert before["state"] == "open"
    assert interval(before["responses"]["E1", 1], "travel") == ("open", None, None)
    assert after["state"] == "closed_by_rule"
    assert after["closed_at"] == CALL + (DAY + 100) * SECOND
    assert interval(after["responses"]["E1", 1], "travel") == ("excluded", "never_closed", None)
    assert after["responses"]["E1", 1]["intervals"]["travel"]["at"] == CALL + (DAY + 100) * SECOND
    assert interval(after["responses"]["E1", 1], "turnout") == ("measured", None, 60)
    assert interval(after, "travel_first_due") == ("excluded", "never_closed", None)


def test_a_later_event_undoes_the_closing_by_rule() -> None:
    """The unit clears after two days: ended, and no longer never_closed."""
    events = [*call(), *unit("E1", 40, 100), press("E1", "unit_clear", 2 * DAY)]
    incident = seen(events, clock=4 * DAY)

    assert incident["state"] == "ended"
    assert interval(incident["responses"]["E1", 1], "travel") == ("excluded", "no_arrival", None)
    assert interval(incident["responses"]["E1", 1], "commitment") == ("excluded", "too_long", None)


def test_silence_counts_from_the_last_recording_of_any_kind() -> None:
    """A remark recorded late, though of early times, keeps the incident open."""
    events = [*call(), *unit("E1", 40, 100), press(None, "call_arrival", 0, recorded=5000)]

    assert seen(events, clock=DAY + 4999)["state"] == "open"
    assert seen(events, clock=DAY + 5000)["state"] == "closed_by_rule"


def test_a_dispatch_after_an_end_begins_another_response() -> None:
    """E1 clears at 150 s and is dispatched again at 200 s: two responses, each with its own milestones."""
    events = [*call(), *unit("E1", 40, 100, None, 150), *unit("E1", 200, 260, 500, 900)]
    responses = seen(events)["responses"]

    assert list(responses) == [("E1", 1), ("E1", 2)]
    assert interval(responses["E1", 1], "travel") == ("excluded", "no_arrival", None)
    assert interval(responses["E1", 2], "turnout") == ("measured", None, 60)
    assert interval(responses["E1", 2], "travel") == ("measured", None, 240)


def test_a_dispatch_pressed_twice_is_one_response() -> None:
    """Without an end between them the first counts; an end at the second's own time is not before it."""
    twice = seen([*call(), *unit("E1", 40, 100, 300, 900), press("E1", "dispatch", 60)])
    touching = seen([*call(), *unit("E1", 40, 50, None, 60), press("E1", "dispatch", 60)])

    assert list(twice["responses"]) == [("E1", 1)]
    assert interval(twice["responses"]["E1", 1], "turnout") == ("measured", None, 60)
    assert list(touching["responses"]) == [("E1", 1)]


def test_an_end_before_the_dispatch_separates_nothing() -> None:
    """A stray clear at 20 s belongs to the first response, which so ends before it began."""
    stray = [press("E1", "unit_clear", 20), press("E1", "dispatch", 60)]
    responses = seen([*call(), *stray, *unit("E1", 40, 100, 300)])["responses"]

    assert list(responses) == [("E1", 1)]
    assert interval(responses["E1", 1], "commitment") == ("excluded", "clear_before_dispatch", None)


def test_an_incident_dispatched_again_is_open_again() -> None:
    """Cleared at 900 s, and E2 dispatched at 1000 s: open, until it is cleared again."""
    first = [*call(), *unit("E1", 40, 100, 300), press(None, "incident_clear", 900)]
    again = [*first, *unit("E2", 1000)]
    cleared = [*again, press(None, "incident_clear", 1500)]

    assert seen(first)["state"] == "ended"
    assert seen(again)["state"] == "open"
    assert (seen(cleared)["state"], seen(cleared)["ended_at"]) == ("ended", CALL + 1500 * SECOND)
    assert seen(cleared)["responses"]["E1", 1]["ended_at"] == CALL + 900 * SECOND
    assert seen(cleared)["responses"]["E2", 1]["ended_at"] == CALL + 1500 * SECOND


def test_what_only_incident_clear_ended_lacks_its_unit_clear() -> None:
    """Commitment and scene time needed the unit's own end; travel did not."""
    events = [*call(), *unit("E1", 40, 100, 300), press(None, "incident_clear", 900)]
    response = seen(events)["responses"]["E1", 1]
    without_arrival = [*call(), *unit("E1", 40, 100), press(None, "incident_clear", 900)]
    not_there = seen(without_arrival)["responses"]["E1", 1]

    assert interval(response, "commitment") == ("excluded", "unit_clear_missing", None)
    assert interval(response, "scene_time") == ("excluded", "unit_clear_missing", None)
    assert interval(response, "travel") == ("measured", None, 200)
    assert interval(not_there, "scene_time") == ("excluded", "no_arrival", None)


def test_a_correction_moves_a_milestone_later() -> None:
    """On scene was 300 s, and is corrected to 340 s: the void press no longer stands."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), correct("E1", "on_scene", 300, 340, 950)]

    assert interval(seen(events), "travel_first_due") == ("measured", None, 240)


def test_a_correction_without_was_replaces_the_earliest_press() -> None:
    """Pressed at 300 s and 320 s: the earliest goes to 350 s, so that 320 s is now the first."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), press("E1", "on_scene", 320)]
    events.append(correct("E1", "on_scene", None, 350, 950))

    assert interval(seen(events), "travel_first_due") == ("measured", None, 220)


def test_a_withdrawal_takes_the_press_away() -> None:
    """A clear pressed by mistake is withdrawn: the response is open again."""
    events = [*call(), *unit("E1", 40, 100, None, 150), correct("E1", "unit_clear", 150, None, 160)]
    response = seen(events, clock=200)["responses"]["E1", 1]

    assert response["ended_at"] is None
    assert interval(response, "travel") == ("open", None, None)


def test_a_response_with_nothing_left_is_no_response() -> None:
    """A dispatch made in error is withdrawn, and nothing else was pressed."""
    events = [*call(), *unit("E1", 40), correct("E1", "dispatch", 40, None, 60)]

    assert seen(events)["responses"] == {}


def test_a_correction_of_a_correction_holds() -> None:
    """300 s becomes 340 s, and that becomes 320 s: whatever the order in which they are read."""
    events = [*call(), *unit("E1", 40, 100, 300, 900)]
    events += [correct("E1", "on_scene", 340, 320, 960), correct("E1", "on_scene", 300, 340, 950)]

    assert interval(seen(events), "travel_first_due") == ("measured", None, 220)


def test_the_later_of_two_corrections_of_one_time_holds_alone() -> None:
    """300 s becomes 340 s, no, 320 s: the first correction does not hold, and its 340 s never stood."""
    events = [*call(), *unit("E1", 40, 100, 300, 900)]
    events += [correct("E1", "on_scene", 300, 340, 950), correct("E1", "on_scene", 300, 320, 960)]

    assert interval(seen(events), "travel_first_due") == ("measured", None, 220)


def test_a_correction_voids_nothing_that_was_recorded_after_it() -> None:
    """The same press is recorded again after the correction: it stands."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), correct("E1", "on_scene", 300, 340, 950)]
    events.append(press("E1", "on_scene", 300, recorded=960))

    assert interval(seen(events), "travel_first_due") == ("measured", None, 200)


def test_a_correction_to_the_time_it_replaces_changes_nothing() -> None:
    """It voids what stood there, never its own new press."""
    events = [*call(), *unit("E1", 40, 100, 300, 900), correct("E1", "on_scene", 300, 300, 950)]

    assert interval(seen(events), "travel_first_due") == ("measured", None, 200)


def test_only_the_sixteen_earliest_presses_are_kept() -> None:
    """Of seventeen the latest is not there to fall back on, once corrections took the others away."""
    presses = [press("E1", "on_scene", 300 + number) for number in range(17)]
    withdrawn = [correct("E1", "on_scene", 300 + number, None, 1000 + number) for number in range(16)]
    base = [*call(), *unit("E1", 40, 100, None, 900)]

    assert interval(seen([*base, *presses, *withdrawn[:15]]), "travel_first_due") == ("measured", None, 215)
    assert interval(seen([*base, *presses, *withdrawn]), "travel_first_due") == (
        "excluded",
        "no_arrival",
        None,
    )


def test_only_the_sixteen_latest_corrections_are_kept() -> None:
    """A withdrawal is forgotten once sixteen others, of other times, were recorded after it."""
    base = [*call(), *unit("E1", 40, 100, 300, 900), correct("E1", "on_scene", 300, None, 950)]
    others = [correct("E1", "on_scene", 400 + number, None, 1000 + number) for number in range(16)]

    assert interval(seen([*base, *others[:15]]), "travel_first_due") == ("excluded", "no_arrival", None)
    assert interval(seen([*base, *others]), "travel_first_due") == ("measured", None, 200)


def test_only_the_sixteen_latest_history_entries_are_kept() -> None:
    """The mode at the dispatch is forgotten after sixteen changes: the first entry left is taken for it."""
    base = [*call(), *unit("E1", 40, 100, 300, 900)]
    changes = [change(None, 500 + number, response_mode="NON_EMERGENT") for number in range(16)]
    kept = seen([*base, *changes[:15]])["responses"]["E1", 1]["intervals"]["turnout"]
    forgotten = seen([*base, *changes])["responses"]["E1", 1]["intervals"]["turnout"]

    assert kept["limit"] == 80
    assert forgotten["limit"] is None


def test_negative_spans_have_names_of_their_own() -> None:
    """Each interval that runs backwards is excluded by its own name, dated at its end milestone."""
    backwards = seen([*call(), *unit("E1", 40, 20, 10, 5)])
    response = backwards["responses"]["E1", 1]

    assert interval(response, "turnout") == ("excluded", "enroute_before_dispatch", None)
    assert interval(response, "travel") == ("excluded", "arrival_before_enroute", None)
    assert interval(response, "commitment") == ("excluded", "clear_before_dispatch", None)
    assert interval(response, "scene_time") == ("excluded", "end_before_arrival", None)
    assert interval(backwards, "response_first_due") == ("excluded", "arrival_before_dispatch", None)
    assert interval(backwards, "travel_first_due") == ("excluded", "arrival_before_enroute", None)
    assert backwards["intervals"]["travel_first_due"]["at"] == CALL + 10 * SECOND


def test_a_tenth_of_a_second_backwards_is_backwards() -> None:
    """The floor of -0.1 s is -1 s; the floor of 0.9 s is 0 s, which is both buttons at once."""
    before = seen([*call(), *unit("E1", 40, 100.1, 100, 900)])["responses"]["E1", 1]
    at_once = seen([*call(), *unit("E1", 40, 100, 100.9, 900)])["responses"]["E1", 1]

    assert interval(before, "travel") == ("excluded", "arrival_before_enroute", None)
    assert interval(before, "turnout") == ("excluded", "enroute_after_arrival", None)
    assert interval(at_once, "travel") == ("excluded", "travel_zero", None)


def test_zero_and_missing_enroutes_have_names_of_their_own() -> None:
    """turnout_zero: a status sent by machine; enroute_missing: it arrived all the same."""
    zero = seen([*call(), *unit("E1", 40, 40, 300, 900)])["responses"]["E1", 1]
    missing = seen([*call(), *unit("E1", 40, None, 300, 900)])

    assert interval(zero, "turnout") == ("excluded", "turnout_zero", None)
    assert interval(missing["responses"]["E1", 1], "turnout") == ("excluded", "enroute_missing", None)
    assert interval(missing, "travel_first_due") == ("excluded", "enroute_missing", None)
    assert interval(missing, "total_response") == ("measured", None, 300)


def test_exactly_at_the_limit_is_within() -> None:
    """80 s and 80.9 s of turnout stand as nothing, 81 s as a breach; 240 s and 241 s of travel likewise."""
    for turnout, travel, expected in ((80, 240, None), (80.9, 240.9, None), (81, 241, "measured")):
        incident = seen([*call(), *unit("E1", 40, 40 + turnout, 40 + turnout + travel, 900)])

        assert expected == incident["responses"]["E1", 1]["intervals"]["turnout"]["standing"]
        assert expected == incident["intervals"]["travel_first_due"]["standing"]


def test_exactly_a_day_is_not_too_long() -> None:
    """24 h are measured, one second more is too_long."""
    exact = seen([*call(), *unit("E1", 40, 100, 300, 40 + DAY)], clock=3 * DAY)
    over = seen([*call(), *unit("E1", 40, 100, 300, 41 + DAY)], clock=3 * DAY)

    assert interval(exact["responses"]["E1", 1], "commitment") == ("measured", None, DAY)
    assert interval(over["responses"]["E1", 1], "commitment") == ("excluded", "too_long", None)

    slow = seen([*call(), *unit("E1", 40, 40 + DAY, 40 + 2 * DAY, 4 * DAY)], clock=5 * DAY)
    slower = seen([*call(), *unit("E1", 40, 41 + DAY, 42 + 2 * DAY, 4 * DAY)], clock=5 * DAY)

    for name in ("turnout", "travel"):
        assert interval(slow["responses"]["E1", 1], name) == ("measured", None, DAY)
        assert interval(slower["responses"]["E1", 1], name) == ("excluded", "too_long", None)


def test_a_turnout_that_never_ended_stands_once_past_its_limit() -> None:
    """Cleared without ever moving: 80 s after the dispatch nothing stands, 81 s after it never_ended does."""
    in_time = seen([*call(), *unit("E1", 40, None, None, 120)])["responses"]["E1", 1]["intervals"]["turnout"]
    late = seen([*call(), *unit("E1", 40, None, None, 121)])["responses"]["E1", 1]["intervals"]["turnout"]

    assert (in_time["reason"], in_time["standing"]) == ("never_enroute", None)
    assert (late["reason"], late["standing"]) == ("never_enroute", "never_ended")


def test_nothing_stands_before_the_incident_has_ended() -> None:
    """A turnout of 100 s is over its limit, but the unit is still out."""
    events = [*call(), *unit("E1", 40, 140)]

    assert seen(events, clock=200)["responses"]["E1", 1]["intervals"]["turnout"]["standing"] is None
    assert seen(events, clock=2 * DAY)["responses"]["E1", 1]["intervals"]["turnout"]["standing"] == "measured"


def test_a_first_due_that_nobody_made_stands() -> None:
    """The only engine is enroute at 100 s and clears past its deadline of 340 s without arriving."""
    past = seen([*call(), *unit("E1", 40, 100, None, 400)])["intervals"]["travel_first_due"]
    before = seen([*call(), *unit("E1", 40, 100, None, 300)])["intervals"]["travel_first_due"]

    assert (past["reason"], past["limit"], past["standing"]) == ("no_arrival", 240, "never_ended")
    assert (before["reason"], before["standing"]) == ("no_arrival", None)


def test_while_one_unit_can_still_make_it_nothing_is_lost() -> None:
    """E2, enroute at 300 s, can make it until 540 s: both clear at 500 s, or E2 alone at 400 s."""
    saved = [*call(), *unit("E1", 40, 100, None, 500), *unit("E2", 40, 300, None, 500)]
    lost = [*call(), *unit("E1", 40, 100, None, 500), *unit("E2", 40, 300, None, 400)]
    just = [*call(), *unit("E1", 40, 100, None, 340.5), *unit("E2", 40, 300, None, 340)]

    assert seen(saved)["intervals"]["travel_first_due"]["standing"] is None
    assert seen(lost)["intervals"]["travel_first_due"]["standing"] == "never_ended"
    assert seen(just)["intervals"]["travel_first_due"]["standing"] is None


def test_a_unit_that_ends_the_second_it_would_be_past_was_never_past() -> None:
    """Under way excludes the end: enroute at 100 s, past and ended at 341 s; a moment later it stands."""
    touching = [*call(), *unit("E1", 40, 100, None, 341)]
    after = [*call(), *unit("E1", 40, 100, None, 341.5)]

    assert seen(touching)["intervals"]["travel_first_due"]["standing"] is None
    assert seen(after)["intervals"]["travel_first_due"]["standing"] == "never_ended"


def test_a_chiefs_car_stops_no_clock() -> None:
    """C1 does not count: the engine that comes later is the first due; alone it leaves no_counting_unit."""
    chief = [*unit("C1", 40, 50, 100, 900), change("C1", 40, first_due_exempt="*", station_area="36")]
    both = seen([*call(), *chief, *unit("E1", 40, 100, 300, 900)])
    alone = seen([*call(), *chief])

    assert interval(both, "travel_first_due") == ("measured", None, 200)
    assert both["station_area"] == "03"
    assert interval(alone, "travel_first_due") == ("excluded", "no_counting_unit", None)
    assert interval(alone, "total_response") == ("excluded", "no_counting_unit", None)
    assert interval(alone["responses"]["C1", 1], "travel") == ("measured", None, 50)


def test_a_unit_may_count_in_one_class_and_not_in_another() -> None:
    """M1 does not count at a FIRE, and does at an EMS call."""
    medic = [*unit("M1", 40, 50, 100, 900), change("M1", 40, first_due_exempt="FIRE HAZMAT")]

    assert interval(seen([*call(), *medic]), "travel_first_due") == ("excluded", "no_counting_unit", None)
    assert interval(seen([*call(klass="EMS"), *medic]), "travel_first_due") == ("measured", None, 50)


def test_a_tie_of_arrivals_goes_to_the_earlier_dispatch_then_the_name() -> None:
    """Both arrive at 300 s: E2, dispatched first, is the first due; dispatched together it is E1."""
    by_dispatch = [*call(), *unit("E1", 50, 100, 300, 900), *unit("E2", 40, 110, 300, 900)]
    by_name = [*call(), *unit("E1", 40, 100, 300, 900), *unit("E2", 40, 110, 300, 900)]

    assert interval(seen(by_dispatch), "travel_first_due") == ("measured", None, 190)
    assert interval(seen(by_name), "travel_first_due") == ("measured", None, 200)


def test_the_second_unit_never_stands_in_for_the_first() -> None:
    """E1, there first, has no enroute: the incident is excluded though E2 was measured."""
    events = [*call(), *unit("E1", 40, None, 200, 900), *unit("E2", 40, 100, 300, 900)]

    assert interval(seen(events), "travel_first_due") == ("excluded", "enroute_missing", None)


def test_travel_als_is_computed_when_asked_for() -> None:
    """The first ALS unit is the medic; its target is 480 s."""
    medic = [*unit("M1", 40, 100, 600, 900), change("M1", 40, als="true")]
    events = [*call(), *unit("E1", 40, 100, 300, 900), *medic]
    incident = seen(events, settings=Settings(als=True))

    assert "travel_als" not in seen(events)["intervals"]
    assert interval(incident, "travel_als") == ("measured", None, 500)
    assert incident["intervals"]["travel_als"]["limit"] == 480
    assert incident["intervals"]["travel_als"]["standing"] == "measured"


def test_police_and_mediation_alone_are_out_of_scope() -> None:
    """With units, none of them FIRE or EMS, it has no intervals; with no unit at all it has them."""
    police = [*call(), *unit("P1", 40, 100, 300, 900), change("P1", 40, service="POLICE")]
    nobody = [*call(), press(None, "incident_clear", 900)]

    assert seen(police)["intervals"] == {}
    assert seen(police)["responses"]["P1", 1]["intervals"] == {}
    assert interval(seen(nobody), "call_taking") == ("measured", None, 30)
    assert interval(seen(nobody), "dispatching") == ("excluded", "no_dispatch", None)
    assert interval(seen(nobody), "total_response") == ("excluded", "no_counting_unit", None)


def test_neither_order_nor_duplicates_matter() -> None:
    """One incident with a bit of everything, shuffled and delivered twice, is the same incident."""
    events = [*call(), *unit("E1", 40, 100, None, 150), *unit("E1", 200, 260, 500, 900)]
    events += [*unit("E2", 60, 130, 400, 900), correct("E2", "on_scene", 400, 420, 950)]
    events += [correct("E2", "on_scene", 420, 410, 960), change(None, 220, response_mode="NON_EMERGENT")]
    expected = seen(events)
    for seed in range(50):
        again = events + events
        random.Random(seed).shuffle(again)

        assert expected == seen(again)
