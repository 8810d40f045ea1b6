"""The laws of the join hold with the mediation half in it: no order, batch or crash changes anything.

And of whatever is said: the funnel adds up at every step, and no encounter is in two outcomes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import records
from schemas.agency import Agency
from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros
from schemas.vocabulary import DESK_STEPS, MEDIATION_UNIT_STEPS, OUTCOMES
from streams.agency.diversion.rates import unsound
from tests.core.driver import Floor, Plan, clock
from tests.core.effort import examples
from tests.core.invented import INCIDENTS, dealt, plans, stories, tame_times
from tests.core.mediating import CRITERIA, agency
from tests.core.saying import CALL
from tests.core.test_laws import with_clocks

Events = list[dict[str, Any]]

_UNITS = ("MRU1", "MRU2", "B4")
_LAGS = (0, 0, 5, 600, 26 * 3600)


def told() -> dict[str, Agency]:
    """Criteria with the invented incidents' own types and zones, and a change of them in the midst."""
    types = [
        {"name": "Alarm", "police_share_percent": 50, "police_minutes": 45},
        {"name": "Medical Incident", "suitable": False, "suitable_final": True},
    ]
    hours = [{"days": CRITERIA["hours"][0]["days"], "from": "11:50", "to": "12:00"}]
    return agency(types=types, hours=hours, areas=["north"])


@st.composite
def _half(draw: st.DrawFn, incidents: tuple[str, ...], when: st.SearchStrategy[Micros]) -> dict[str, Any]:
    """One thing the desk or a unit said, or CAD said of what the desk needs."""
    occurred = draw(when)
    event: dict[str, Any] = {
        "incident_id": draw(st.sampled_from(incidents)),
        "occurred_at": occurred,
        "recorded_at": occurred + draw(st.sampled_from(_LAGS)) * SECOND,
    }
    unit, sort = draw(st.sampled_from(_UNITS)), draw(st.integers(0, 11))
    if sort < 4:
        return event | {"kind": "mediation", "name": draw(st.sampled_from(DESK_STEPS)), "unit_id": None}
    if sort < 7:
        name = draw(st.sampled_from(MEDIATION_UNIT_STEPS))
        return event | {"kind": "mediation_unit", "name": name, "unit_id": unit}
    if sort < 9:
        outcome, said = draw(st.sampled_from((None, *OUTCOMES))), draw(st.sampled_from((None, True, False)))
        return event | {"kind": "mediation_outcome", "outcome": outcome, "police_on_scene": said}
    if sort < 11:
        name = draw(st.sampled_from((*DESK_STEPS, *MEDIATION_UNIT_STEPS)))
        times = {"was": draw(st.none() | when), "time": draw(st.none() | when)}
        return event | {"kind": "mediation_correction", "name": name, "unit_id": unit, **times}
    attributes = draw(
        st.sampled_from(
            (
                {"initiated_by": "OFFICER"},
                {"initiated_by": None},
                {"address": "12 Elm St"},
                {"address": "14 Elm St", "zone": "north"},
                {"address": None},
                {"type": "Alarm", "zone": "north"},
            )
        )
    )
    return event | {"kind": "change", "unit_id": None, "attributes": attributes}


@st.composite
def both_halves(draw: st.DrawFn, said_max: int = 14) -> Events:
    """Invented incidents, with anything at all said of them by the other half."""
    events = draw(stories(when=tame_times, said_max=6))
    incidents = tuple(sorted({e["incident_id"] for e in events})) or INCIDENTS[:1]
    more = draw(st.lists(_half((*incidents, "U"), tame_times), min_size=3, max_size=said_max))
    for number, event in enumerate(more):
        event["event_id"] = f"m{number:04d}"
    return [*events, *more]


@examples(25)
@given(data=st.data(), events=both_halves(), plan=plans)
def test_both_halves_in_any_order_by_any_plan(data: st.DataObject, events: Events, plan: Plan) -> None:
    """The final records, encounters and figures are the same byte for byte."""
    final = CALL + data.draw(st.sampled_from((HOUR, DAY + HOUR, 3 * DAY, 20 * DAY)))
    plain = Floor(told()).run([*events, clock(final)])
    shares = data.draw(st.lists(st.integers(1, 3 * DAY), max_size=4))

    anyhow = Floor(told(), plan).run(with_clocks(data.draw(dealt(events)), final, shares))

    assert plain.comparable_records() == anyhow.comparable_records()
    assert plain.comparable_figures() == anyhow.comparable_figures()
    assert plain.dead() == anyhow.dead() == []


@examples(10)
@given(events=both_halves())
def test_a_start_anew_says_the_same_diversion(events: Events) -> None:
    """Both stages started anew from compacted logs: states, encounters and figures are what they were."""
    floor = Floor(told(), Plan(compacted=True, sizes=(9,))).run([*events, clock(CALL + 3 * DAY)])
    floor.restart_one(0)
    floor.restart_two()
    floor.run([events[-1], clock(CALL + 3 * DAY + MINUTE)])
    plain = Floor(told()).run([*events, clock(CALL + 3 * DAY + MINUTE)])

    assert plain.comparable_records() == floor.comparable_records()
    assert plain.comparable_figures() == floor.comparable_figures()


@examples(40)
@given(events=both_halves(said_max=24))
def test_whatever_is_said_it_adds_up(events: Events) -> None:
    """The funnel adds up at every step; one outcome, and only of what ended handled."""
    for until in (HOUR, 2 * DAY):
        floor = Floor(told()).run([*events, clock(CALL + until)])
        for series, figure in floor.diversion().items():
            assert unsound(figure) == [], series
            assert all(rate.denominator > 0 for rate in figure.rates.values())
            assert all(rate.numerator <= rate.denominator for rate in figure.rates.values()), series
        for record in floor.encounters().values():
            if record.state != "merged":
                assert bool(record.outcome) == (record.handled and record.ended)


@examples(25)
@given(data=st.data(), events=both_halves())
def test_the_mediation_half_changes_no_fire_figure(data: st.DataObject, events: Events) -> None:
    """What the desk says leaves every interval of a FIRE or EMS unit as it was."""
    desk = [e for e in events if e["kind"] in ("mediation", "mediation_outcome")]
    without = [e for e in events if e not in desk]
    final = clock(CALL + 30 * DAY)
    with_desk = Floor(told()).run([*data.draw(dealt(events)), final])
    alone = Floor(told()).run([*without, final])

    theirs = {k: records.encode(r.intervals) for k, r in alone.records().items() if r.state == "ended"}
    ours = {k: records.encode(r.intervals) for k, r in with_desk.records().items() if k in theirs}
    assert theirs == ours
