"""The record of one call for the mediation half: sets, funnel, outcome, police (DEFINITIONS.md, 6)."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.agency import Agency
from schemas.mediation import Criteria
from schemas.records import EncounterRecord, Revision
from schemas.times import SECOND, Micros
from schemas.vocabulary import UNKNOWN, EncounterFlag, FunnelStep, IncidentState
from streams.incidents.joining import values_of
from streams.incidents.mediation.police import MEDIATION, Others
from streams.incidents.mediation.statements import NONE, PRESENT, has_desk, standing_steps, stated
from streams.incidents.mediation.steps import ACCEPTED, Reached, ended_at
from streams.incidents.milestones import Response, View
from streams.incidents.place import Placed
from streams.incidents.state import INCIDENT, Facts, Incident, Values, paired

_BY_PHONE = "resolved_by_phone"
_WITHOUT = "cleared_without_outcome"
_VOID = IncidentState.VOID.value
_NOT_OFFERED = FunnelStep.NOT_OFFERED.value


def encounter(
    incident: Incident,
    facts: Facts,
    seen: View,
    units: Sequence[Placed],
    agency: Agency,
    *,
    state: str,
    revision: Revision,
    source: tuple[int, int, int],
    closed_at: Micros,
    merged_into: str,
) -> EncounterRecord:
    """The encounter of an incident.

    Args:
        incident: whose it is.
        facts: all that was said of it, what was merged into it included.
        seen: what stands of that.
        units: its responses.
        agency: its file.
        state: of the incident, see ``schemas.vocabulary.IncidentState``.
        revision: as of all its records.
        source: the offsets it came from.
        closed_at: when it ended or was closed by rule, 0 before.
        merged_into: the incident it went into, empty where it is one of its own.
    """
    of_incident = values_of(facts, INCIDENT)
    others = Others(units)
    type_ = of_incident.get("type", "")
    first_type = facts.first_type.get(INCIDENT)
    record = EncounterRecord(
        agency_id=incident.agency_id,
        incident_id=incident.incident_id,
        revision=revision,
        source=source,
        state=state,
        simulated=facts.simulated,
        closed_at=closed_at,
        merged_into=merged_into,
        type=type_,
        initial_type=first_type[3] if first_type is not None else type_,
        place=of_incident.get("place", ""),
        step=_NOT_OFFERED,
        police_present=others.police_present,
        police_dispatched=others.police_dispatched,
        any_dispatched=others.any_dispatched,
        police_s=others.police_s,
    )
    mine = [unit.response for unit in units if unit.service == MEDIATION]
    spoken = has_desk(facts)
    if spoken or mine:
        record.unlinked = not seen.times and not others.cad
        if record.state == _VOID and standing_steps(facts):
            record.state = (IncidentState.CLOSED_BY_RULE if closed_at else IncidentState.OPEN).value
    _at_call(record, facts, seen, mine, of_incident, agency)
    if spoken or mine:
        _down_the_funnel(record, facts, mine)
    if record.call_at and others.first_arrival is not None and others.first_arrival >= record.call_at:
        record.first_arrival_s = (others.first_arrival - record.call_at) // SECOND
    return record


def _at_call(
    record: EncounterRecord,
    facts: Facts,
    seen: View,
    mine: Sequence[Response],
    of_incident: Values,
    agency: Agency,
) -> None:
    """What is judged by the criteria in force at call time."""
    call_at = seen.call_at
    if call_at is None and record.unlinked:
        said = [presses[0] for presses in standing_steps(facts).values()]
        call_at = min([*said, *(min(r.times.values()) for r in mine)], default=None)
    if call_at is None:
        record.flags.append(EncounterFlag.NO_CALL_TIME.value)
        call_at = 0
    record.call_at = call_at
    criteria = agency.criteria_at(call_at)
    said_by = of_incident.get("initiated_by")
    if criteria is None:
        first = agency.mediation[0] if agency.mediation else None
        record.public = said_by == "PUBLIC" if said_by else first is None or first.public_unless_said
        record.area = of_incident.get(first.area_by if first is not None else "zone") or UNKNOWN
        return
    record.public = said_by == "PUBLIC" if said_by else criteria.public_unless_said
    record.area = of_incident.get(criteria.area_by) or UNKNOWN
    _by_criteria(record, criteria, agency)


def _by_criteria(record: EncounterRecord, criteria: Criteria, agency: Agency) -> None:
    of_type = criteria.stated(record.initial_type)
    record.suitable = of_type.suitable
    record.suitable_final = criteria.suitable_final(record.type)
    record.centric = of_type.centric
    record.police_share_percent = of_type.police_share_percent
    record.police_minutes = of_type.police_minutes
    record.service = criteria.in_service(record.call_at, record.area, agency.zone)


def _down_the_funnel(record: EncounterRecord, facts: Facts, mine: Sequence[Response]) -> None:
    steps = standing_steps(facts)
    says = stated(facts, "outcome")
    by_outcome = says[0] if says is not None and says[3]["outcome"] == _BY_PHONE else None
    reached = Reached(steps, mine, by_outcome, over=record.closed_at != 0)
    record.step = reached.step.value
    record.implied = reached.implied
    record.dispatched = bool(mine)
    record.associated = record.dispatched or reached.step in ACCEPTED
    record.on_scene = bool(reached.arrived)
    record.handled = reached.handled
    record.units = sorted({response.unit for response in mine})
    end = ended_at(reached, mine, record.closed_at or None)
    record.ended, record.ended_at = end is not None, end or 0
    last = says[3]["outcome"] if says is not None else ""
    phone = steps.get("phone_resolution")
    if phone and (says is None or phone[-2:] > says[:2]):
        last = _BY_PHONE
    if record.handled and record.ended:
        record.outcome = last or _WITHOUT
    elif last and not record.handled:
        record.flags.append(EncounterFlag.OUTCOME_UNHANDLED.value)
    record.police_requested = "police_requested" in steps or last == "police_requested"
    record.referrals = len(paired(steps.get("referral", ())))
    record.follow_ups = len(paired(steps.get("follow_up", ())))
    _police(record, facts)
    _times(record, reached.arrived)


def _police(record: EncounterRecord, facts: Facts) -> None:
    """Police as the unit wrote it, beside CAD's word; without a CAD half nobody can disagree."""
    wrote = stated(facts, "police")
    record.police_said = wrote[3]["police"] if wrote is not None else ""
    if record.unlinked:
        return
    if record.police_present and record.police_said == NONE:
        record.flags.append(EncounterFlag.POLICE_CONFLICT.value)
    if not record.police_present and record.police_said == PRESENT:
        record.flags.append(EncounterFlag.POLICE_UNSEEN.value)


def _times(record: EncounterRecord, arrived: Sequence[Response]) -> None:
    """From the call to the unit's first arrival, and how long that response was on scene."""
    if not arrived:
        return
    first = min(arrived, key=lambda r: (r.times["on_scene"], r.unit, r.ordinal))
    arrival = first.times["on_scene"]
    if record.call_at and arrival >= record.call_at:
        record.arrival_s = (arrival - record.call_at) // SECOND
    if first.end is not None and first.end >= arrival:
        record.scene_s = (first.end - arrival) // SECOND
