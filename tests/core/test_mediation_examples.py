"""Worked cases of DEFINITIONS.md, 6, by name: one call each, what was said of it, and what it comes to."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.agency import Agency
from schemas.times import SECOND, micros
from tests.core.driver import Floor, Plan, Town, clock
from tests.core.mediating import (
    CRITERIA,
    agency,
    desk,
    encounter,
    encounters,
    mended,
    mru,
    outcome,
    over,
    police,
    rang,
    visit,
)
from tests.core.saying import CALL, DAY, HOUR, Event, correct, merge, press, said, state, unit


def test_a_plain_visit_is_on_scene_resolved_without_police() -> None:
    """Offered, accepted, sent, there, done: every step was said, so none is implied."""
    found = encounter(*rang(), *visit(), over())

    assert (found.step, found.outcome, found.implied) == ("on_scene", "resolved", [])
    assert found.suitable
    assert found.suitable_final
    assert found.service == "in_service"
    assert found.associated
    assert found.dispatched
    assert found.on_scene
    assert found.handled
    assert found.ended
    assert not found.police_present
    assert not found.police_requested
    assert not found.unlinked
    assert (found.arrival_s, found.scene_s, found.first_arrival_s) == (870, 1800, 870)
    assert (found.police_share_percent, found.police_minutes, found.centric) == (90, 60, False)
    assert found.flags == []


def test_police_arrive_after_the_unit_wrote_resolved() -> None:
    """CAD's word counts, at any time in the incident; the unit wrote that there were none: they disagree."""
    later = police(("dispatch", 3000), ("on_scene", 3600), ("unit_clear", 4200))
    found = encounter(*rang(), *visit(), *later, over(when=4300))

    assert (found.outcome, found.police_present, found.police_said) == ("resolved", True, "none")
    assert found.flags == ["police_conflict"]
    assert found.police_s == 1200


def test_a_unit_that_wrote_nothing_of_police_disagrees_with_nobody() -> None:
    """Police were there; the unit left that blank, which is no conflict."""
    found = encounter(*rang(), *visit(police=None), *police(("on_scene", 1000)), over())

    assert found.police_present
    assert found.flags == []


def test_a_unit_that_wrote_of_police_cad_does_not_know() -> None:
    """CAD's word counts: not present. The disagreement is flagged under a name of its own."""
    found = encounter(*rang(), *visit(police=True), over())

    assert not found.police_present
    assert found.flags == ["police_unseen"]


def test_police_that_were_sent_and_canceled_were_not_present() -> None:
    """Presence is on_scene, not dispatch."""
    found = encounter(*rang(), *visit(), *police(("dispatch", 100), ("canceled_enroute", 400)), over())

    assert found.police_dispatched
    assert not found.police_present


@pytest.mark.parametrize("when", [200, 1000], ids=["before dispatch", "after dispatch"])
def test_the_type_changes_from_suitable_to_not(when: float) -> None:
    """The initial type decides, what the call-taker could know; by the final type stands beside it."""
    found = encounter(*rang(), *visit(), state(None, when, type="ASSAULT"), over())

    assert (found.initial_type, found.type) == ("NOISE", "ASSAULT")
    assert found.suitable
    assert not found.suitable_final
    assert found.step == "on_scene"


def test_the_type_changes_from_not_suitable_to_suitable() -> None:
    """It was off criteria when it was taken, and stays so."""
    found = encounter(*rang(type_="ASSAULT"), *visit(), state(None, 200, type="NOISE"), over())

    assert not found.suitable
    assert found.suitable_final
    assert found.associated


def test_declined_and_then_accepted() -> None:
    """The last decision by the time it happened counts, whatever the order it is heard in."""
    steps = [desk("offered", 60), desk("declined", 90), desk("accepted", 120)]
    for order in (steps, steps[::-1]):
        found = encounter(*rang(), *order, until=HOUR)
        assert (found.step, found.associated) == ("waiting", True)


def test_accepted_and_then_declined() -> None:
    """The other way round it was declined, and is not associated."""
    found = encounter(*rang(), desk("offered", 60), desk("accepted", 90), desk("declined", 120))

    assert (found.step, found.associated, found.handled) == ("declined", False, False)


def test_a_milestone_outranks_a_decision() -> None:
    """A unit was there: whatever was declined, the earlier steps are implied, and that is said."""
    found = encounter(*rang(), desk("declined", 5000), mru("on_scene", 900), mru("unit_clear", 2700), over())

    assert found.step == "on_scene"
    assert found.implied == ["offered", "accepted", "dispatched"]


def test_unit_unavailable_and_then_free() -> None:
    """No unit was free, then one was: dispatched. Without it the call stays unit_unavailable."""
    none_free = [*rang(), desk("offered", 60), desk("unit_unavailable", 90)]

    assert encounter(*none_free).step == "unit_unavailable"
    found = encounter(*none_free, desk("accepted", 900), mru("dispatch", 1000), until=HOUR)
    assert (found.step, found.implied) == ("under_way", [])


def test_one_call_with_fire_police_and_mediation() -> None:
    """One incident, three services: each half is counted by its own rules, and none in another's stead."""
    events = [
        *rang(response_mode="EMERGENT", class_="FIRE"),
        *unit("E1", 40, 100, 300, 2000),
        *police(("dispatch", 50), ("on_scene", 350), ("unit_clear", 1900)),
        *visit(),
        over(),
    ]
    floor = Floor(agency()).join([*events, clock(CALL + round(DAY * SECOND))])
    found = floor.encounters()["A"]

    assert found.police_present
    assert found.on_scene
    assert found.any_dispatched
    assert (found.first_arrival_s, found.arrival_s) == (270, 870)
    assert floor.incident("A").intervals["response_first_due"].value == 260
    assert floor.incident("A").in_scope
    assert floor.response("A", "E1").in_scope
    assert not floor.response("A", "MRU1").in_scope
    assert "accepted" not in floor.incident("A").milestones


def test_duplicate_and_late_desk_events() -> None:
    """Everything twice, and the desk's half three days after CAD's: the same encounter."""
    prompt = [*rang(), *visit(), over()]
    late = [*rang(), over(), *reversed(visit()), *visit(), *rang()]

    assert facts_of(encounter(*prompt, until=4 * DAY)) == facts_of(encounter(*late, until=4 * DAY))


def facts_of(record: Any) -> dict[str, Any]:
    """A record without what says how it came about."""
    return {
        name: getattr(record, name) for name in record.__struct_fields__ if name not in ("revision", "source")
    }


def test_a_correction_of_an_outcome_after_a_day() -> None:
    """The outcome said again a day later holds; taken back, the encounter ended without one."""
    events = [*rang(), *visit(), over()]
    assert encounter(*events, outcome("referred", 2700, recorded=DAY)).outcome == "referred"
    assert encounter(*events, outcome(None, 2700, recorded=DAY)).outcome == "cleared_without_outcome"
    stale = outcome("refused", 2600, recorded=2 * DAY)
    assert encounter(*events, stale, until=3 * DAY).outcome == "resolved", "what happened later counts"


def test_a_correction_of_an_arrival() -> None:
    """The unit never was on scene: the press is withdrawn, and with it the handling and the outcome."""
    events = [*rang(), *visit(police=None), over()]
    found = encounter(*events, mended("on_scene", recorded=4000, unit_id="MRU1"))

    assert (found.step, found.handled, found.outcome) == ("canceled", False, "")
    assert found.flags == ["outcome_unhandled"]
    moved = encounter(*events, mended("on_scene", recorded=4000, unit_id="MRU1", time=1000))
    assert (moved.arrival_s, moved.scene_s) == (970, 1700)


def test_a_correction_of_a_decision() -> None:
    """The decline was a slip: withdrawn, the acceptance before it counts again."""
    events = [*rang(), desk("offered", 60), desk("accepted", 90), desk("declined", 120)]
    found = encounter(*events, mended("declined", recorded=4000), until=2 * HOUR)

    assert found.step == "waiting"


def test_a_correction_by_cad_of_the_same_button() -> None:
    """CAD and the unit's log press the same button: CAD's correction is one of both."""
    events = [*rang(), *visit(), over()]
    found = encounter(*events, correct("MRU1", "on_scene", recorded=4000, time=1200))

    assert found.arrival_s == 1170


def test_a_merge_of_two_calls() -> None:
    """A neighbour called too. The first call leaves every count; its visit is one of the second's."""
    found = encounters(*rang("A"), *rang("B", 100), *visit("A"), merge("A", "B", 200), over("B"))

    assert (found["A"].state, found["A"].merged_into) == ("merged", "B")
    assert (found["B"].step, found["B"].outcome, found["B"].state) == ("on_scene", "resolved", "ended")
    alone = encounters(*rang("A"), *rang("B", 100), *visit("A"), merge("A", "B", 200), merge("A", None, 300))
    assert (alone["A"].step, alone["B"].step) == ("on_scene", "not_offered")


def test_a_follow_up_visit() -> None:
    """Two days later: as a step of the desk it changes neither end nor outcome.

    As a second dispatch of the unit it is a second response; the encounter is open until that ends too.
    """
    events = [*rang(), *visit(), over()]
    plain = encounter(*events, until=4 * DAY)
    by_desk = encounter(*events, desk("follow_up", 2 * DAY), until=4 * DAY)

    assert by_desk.follow_ups == 1
    assert (by_desk.ended_at, by_desk.outcome) == (plain.ended_at, plain.outcome)
    again = [mru("dispatch", 2 * DAY), mru("on_scene", 2 * DAY + 600)]
    under_way = encounter(*events, *again, until=2 * DAY + HOUR)
    assert (under_way.ended, under_way.outcome) == (False, "")
    done = encounter(*events, *again, mru("unit_clear", 2 * DAY + 1200), until=4 * DAY)
    assert (done.ended, done.outcome, done.arrival_s, done.scene_s) == (True, "resolved", 870, 1800)


def test_resolved_by_phone() -> None:
    """By phone alone: handled, ended with the resolution, and its outcome follows without being said."""
    found = encounter(*rang(), desk("offered", 60), desk("accepted", 90), desk("phone_resolution", 600))

    assert (found.step, found.outcome, found.handled, found.ended) == (
        "by_phone",
        "resolved_by_phone",
        True,
        True,
    )
    assert found.ended_at == CALL + 600 * SECOND
    assert not found.dispatched


def test_resolved_by_phone_while_a_unit_was_on_its_way() -> None:
    """Sent, and then resolved by phone: by phone, and dispatched all the same (D1b counts it)."""
    sent = [*rang(), desk("phone_resolution", 600), mru("dispatch", 300), mru("canceled_enroute", 610)]
    found = encounter(*sent)

    assert (found.step, found.dispatched, found.on_scene) == ("by_phone", True, False)
    arrived = encounter(*sent, mru("on_scene", 605))
    assert arrived.step == "on_scene", "never on scene is part of by phone"


def test_an_outcome_by_phone_implies_the_resolution() -> None:
    """A log that has the outcome alone."""
    found = encounter(*rang(), outcome("resolved_by_phone", 600))

    assert (found.step, found.outcome) == ("by_phone", "resolved_by_phone")
    assert found.implied == ["offered", "accepted", "phone_resolution"]


def test_an_outcome_of_what_nobody_handled_is_none() -> None:
    """Nobody was there: no outcome, and a flag."""
    found = encounter(*rang(), desk("offered", 60), outcome("resolved", 600), over())

    assert (found.step, found.outcome, found.flags) == ("undecided", "", ["outcome_unhandled"])


def test_accepted_and_nothing_more() -> None:
    """It waits until the incident is over; then it was withdrawn, though nobody said so."""
    events = [*rang(), desk("offered", 60), desk("accepted", 90)]

    assert encounter(*events, until=HOUR).step == "waiting"
    assert (lambda e: (e.step, e.implied))(encounter(*events, over())) == ("withdrawn", ["withdrawn"])
    assert (lambda e: (e.step, e.state))(encounter(*events)) == ("withdrawn", "closed_by_rule")
    assert encounter(*events, desk("withdrawn", 300), until=HOUR).implied == []


def test_a_visit_that_never_ended_is_closed_by_rule() -> None:
    """Silent for a day: ended, without an outcome."""
    found = encounter(*rang(), *visit(result=None, police=None)[:-1])

    assert (found.step, found.ended, found.outcome, found.state) == (
        "on_scene", True, "cleared_without_outcome", "closed_by_rule",
    )  # fmt: skip


def test_a_unit_that_was_canceled() -> None:
    """Sent and called back: canceled, dispatched, not handled."""
    found = encounter(*rang(), mru("dispatch", 300), mru("canceled_enroute", 500), over())

    assert (found.step, found.dispatched, found.handled, found.ended) == ("canceled", True, False, True)


def test_an_encounter_with_no_cad_half_is_unlinked() -> None:
    """Whether police came is unknown; its call time is the first thing the other half says.

    The fire figures do not see it at all.
    """
    floor = Floor(agency()).join(
        [*visit(), desk("police_requested", 1000), clock(CALL + round(2 * DAY * SECOND))]
    )
    found = floor.encounters()["A"]

    assert found.unlinked
    assert not found.police_present
    assert found.police_requested
    assert found.call_at == CALL + 60 * SECOND
    assert found.state == "ended"
    assert not floor.incident("A").in_scope
    assert not floor.incident("A").intervals
    by_phone = Floor(agency()).join([desk("phone_resolution", 60), clock(CALL + round(2 * DAY * SECOND))])
    assert by_phone.encounters()["A"].outcome == "resolved_by_phone"
    assert by_phone.incident("A").state == "void"


def test_the_cad_half_links_it_hours_later() -> None:
    """CAD's half comes after the mediation half: linked, and with CAD's call time."""
    found = encounter(*visit(), *rang(), over())

    assert not found.unlinked
    assert found.call_at == CALL + 30 * SECOND


def test_mediation_units_by_cad_alone() -> None:
    """No desk at all: CAD has the unit, and its type says the service. All but the milestones is implied."""
    cad = [state("MRU1", 300, unit_type="MRU"), *unit("MRU1", 300, 310, 900, 2700)]
    found = encounter(*rang(), *cad, over())

    assert (found.step, found.outcome) == ("on_scene", "cleared_without_outcome")
    assert found.implied == ["offered", "accepted"]


def test_off_criteria_out_of_hours_out_of_area() -> None:
    """Hours are tried before area; taken all the same it is associated."""
    early = -4 * HOUR  # before eight in the morning
    assert encounter(*rang("A", early, zone="east")).service == "out_of_hours"
    assert encounter(*rang(zone="east"), *visit()).service == "out_of_area"
    assert not encounter(*rang(type_="ASSAULT"), *visit()).suitable


def on(text: str) -> float:
    """A local time in Los Angeles, as seconds after the call of ``saying``."""
    return (
        micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Los_Angeles"))) - CALL
    ) / SECOND


@pytest.mark.parametrize(
    ("local", "service"),
    [
        ("2017-01-03 23:59:00", "in_service"),
        ("2017-01-03 23:59:59", "in_service"),
        ("2017-01-04 00:00:00", "out_of_hours"),
        ("2017-01-03 09:59:59", "out_of_hours"),
        ("2017-01-03 10:00:00", "in_service"),
        ("2017-12-25 12:00:00", "out_of_hours"),
    ],
)
def test_a_call_at_2359_in_hours_that_end_at_midnight(local: str, service: str) -> None:
    """The last second before midnight is inside, midnight outside; a holiday is closed all day."""
    when = on(local) - 30  # call_create is 30 s after the ringing
    assert encounter(*rang(when=when), until=when + DAY).service == service


def test_a_daylight_saving_night() -> None:
    """Hours from ten at night to half past one: by the wall clock, the hour that comes twice is in twice."""
    night = [{"days": ["Sat"], "from": "22:00", "to": "01:30"}]
    first = on("2017-11-05 01:10:00")
    agencies = agency(hours=night)
    for when, service in (
        (first, "in_service"),
        (first + 1200, "out_of_hours"),
        (first + 3600, "in_service"),
        (first + 3600 + 1200, "out_of_hours"),
        (on("2017-11-04 22:00:00"), "in_service"),
        (on("2017-11-05 22:00:00"), "out_of_hours"),
    ):
        assert encounter(*rang(when=when - 30), until=when + DAY, agencies=agencies).service == service
    spring = on("2017-03-12 01:29:59")
    assert encounter(*rang(when=spring - 30), until=spring + DAY, agencies=agencies).service == "in_service"
    assert encounter(*rang(when=spring - 29), until=spring + DAY, agencies=agencies).service == "out_of_hours"


def test_a_change_of_criteria_never_rewrites_the_past() -> None:
    """Calls of both sides of the date are judged by the criteria of their own time."""
    narrow = {**CRITERIA, "effective_from": "2017-01-02", "types": [{"name": "NEIGHBOR"}]}
    made = Town(mediation=({**CRITERIA, "effective_from": "2017-01-01"}, narrow)).agency()
    both: dict[str, Agency] = {"town": made}
    found = encounters(*rang("A"), *rang("B", DAY), *rang("C", -DAY), agencies=both)

    assert (found["A"].suitable, found["B"].suitable, found["C"].suitable) == (True, False, False)
    assert found["C"].service == ""


def test_officer_initiated_is_not_public() -> None:
    """Said by the event; where nothing is said the criteria say."""
    assert encounter(*rang()).public
    assert not encounter(*rang(initiated_by="OFFICER")).public
    assert not encounter(*rang(), agencies=agency(public_unless_said=False)).public
    assert encounter(*rang(initiated_by="PUBLIC"), agencies=agency(public_unless_said=False)).public


def test_an_address_is_never_kept() -> None:
    """The place is a keyed hash, the same however it is written; the address itself is in no state."""
    events = [
        *rang("A", address="12 Elm St"),
        *rang("B", address=" 12  elm ST"),
        *rang("C", address="14 Elm St"),
    ]
    floor = Floor(agency()).join([*events, clock(CALL + round(DAY * SECOND))])
    found = floor.encounters()

    assert found["A"].place == found["B"].place != found["C"].place
    assert len(found["A"].place) == 24
    kept = b"".join(
        k.value or b""
        for (topic, _), log in floor.logs.items()
        if topic != "incident.events"
        for k in log.kept
    )
    assert b"lm St" not in kept
    assert b"lm ST" not in kept


def test_without_a_key_there_is_no_place() -> None:
    """No key: the address is forgotten, and with it the repeats."""
    floor = Floor(agency())
    floor._one_layout = floor._one_layout._replace(place_key="")
    floor.one = [floor._start_one(0)]
    floor.join([*rang(address="12 Elm St"), clock(CALL + round(DAY * SECOND))])

    assert floor.encounters()["A"].place == ""


def test_a_correction_that_names_no_unit_is_a_dead_letter() -> None:
    """A unit's step is some unit's."""
    floor = Floor(agency()).join([*rang(), mended("on_scene", recorded=100)])

    assert [reason for reason, _ in floor.dead()] == ["invalid"]


def test_an_agency_without_a_mediation_unit_has_no_encounters() -> None:
    """Its events are joined all the same, and nothing is lost."""
    floor = Floor({"town": Town().agency()}, Plan()).join(
        [*rang(), *visit(), clock(CALL + round(DAY * SECOND))]
    )

    assert floor.encounters() == {}
    assert floor.dead() == []


def test_simulated_events_make_a_simulated_encounter() -> None:
    """Marked in the event, marked in the record."""
    marked: list[Event] = [{**event, "simulated": True} for event in (*rang(), *visit())]

    assert encounter(*marked).simulated
    assert not encounter(*rang()).simulated


def test_a_press_of_nothing_known_is_no_event() -> None:
    """A desk's step has a closed list of names."""
    floor = Floor(agency()).join([said("mediation", 0, name="pondered"), press(None, "call_create", 0)])

    assert [reason for reason, _ in floor.dead()] == ["invalid"]
