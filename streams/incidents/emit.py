"""From an incident's state and the agency's clock to its records: what stages, sinks and analysts read."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from schemas.keys import incident_key, response_under
from schemas.records import EncounterRecord, IncidentRecord, Measure, ResponseRecord
from schemas.times import Micros
from schemas.vocabulary import Flag, IncidentState
from streams.incidents.handbook import Book, Handbook
from streams.incidents.intervals import Case, measure_incident, measure_response
from streams.incidents.joining import (
    combined,
    cycle_through,
    holdings_of,
    is_stated,
    merged_into,
    stated_at,
    values_of,
)
from streams.incidents.mediation.encounter import encounter
from streams.incidents.milestones import View, out_of_order, view
from streams.incidents.place import Placed
from streams.incidents.state import INCIDENT, Facts, Incident, Values

Shared = tuple[Micros, Micros, str, bool]
"""See ``Incident.shared``."""

_NO_MEASURES: Final[dict[str, Measure]] = {}
_MERGED: Final = IncidentState.MERGED.value
_ENDED: Final = IncidentState.ENDED.value
_OPEN: Final = IncidentState.OPEN.value
_CLOSED_BY_RULE: Final = IncidentState.CLOSED_BY_RULE.value


class Emitted:
    """The records of one incident, and what its state must remember of them.

    Attributes:
        key: the incident's.
        encounter: the record of its mediation half, where the agency has a mediation unit.
        incident: its record; ``responses`` by key, those alone that may differ from what was written before,
            voided ones included.
        counts: unit to how many responses it has now.
        shared: what all its records have in common (``Incident.shared``).
        over: whether the incident has ended or was closed by rule.
        named: whether it says, or has said, what it was merged into.
        whole: whether ``responses`` are all of the incident's.
        case: what it was measured by.
        last_recorded, last_occurred: of all it was made from, absorbed incidents included.
    """

    __slots__ = (
        "case", "counts", "encounter", "incident", "key", "last_occurred", "last_recorded", "named", "over",
        "responses", "shared", "whole",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        incident: IncidentRecord,
        case: Case,
        facts: Facts,
        shared: Shared,
        *,
        over: bool,
        named: bool,
    ) -> None:
        self.key = key
        self.case = case
        self.incident = incident
        self.named = named
        self.encounter: EncounterRecord | None = None
        self.last_recorded = facts.last_recorded
        self.last_occurred = facts.last_occurred
        self.shared = shared
        self.over = over
        self.whole = False
        self.responses: list[tuple[str, ResponseRecord]] = []
        self.counts: dict[str, int] = {}


class _Setting:
    """What all records of one incident share."""

    __slots__ = (
        "call_at", "closed", "closed_at", "facts", "incident", "key", "merged_at", "merged_into", "over",
        "revision", "rules", "source",
    )  # fmt: skip

    def __init__(
        self, incident: Incident, key: str, partition: int, facts: Facts, seen: View, closed: Micros | None
    ) -> None:
        self.incident = incident
        self.key = key
        self.facts = facts
        self.closed = closed
        self.revision = (incident.last_offset, closed or 0)
        self.source = (partition, incident.first_offset, incident.last_offset)
        self.call_at: Micros = seen.call_at or 0
        self.closed_at: Micros = seen.ended or closed or 0
        self.over = seen.ended is not None or closed is not None
        self.merged_into = ""
        self.merged_at: Micros = 0


def emit(
    incident: Incident,
    handbook: Handbook,
    clock: Micros | None,
    partition: int,
    touched: Set[str] = frozenset({INCIDENT}),
) -> Emitted:
    """The records of an incident as of the agency's clock.

    Args:
        incident: its state; read, not changed.
        handbook: its agency's rules.
        clock: the agency's clock in this partition, None before its sources have spoken.
        partition: the source partition the incident lives on.
        touched: units spoken of since the records were last written, ``INCIDENT`` for the incident itself.
            Records of other units are left out where nothing they share with the incident has changed.
    """
    holdings = holdings_of(incident) if incident.absorbed else {}
    facts = combined(incident, holdings)
    seen = view(facts)
    key = incident_key(incident.agency_id, incident.incident_id)
    setting = _Setting(incident, key, partition, facts, seen, seen.closed_at(clock))
    rules = handbook.at(setting.call_at or seen.began)
    flags = []
    cycle = cycle_through(incident, holdings) if holdings else []
    if cycle:
        flags.append(Flag.MERGE_CYCLE.value)
    of_incident = values_of(facts, INCIDENT)
    named = is_stated(incident, INCIDENT, "merged_into")
    target = merged_into(incident) if named else ""
    if target and (not cycle or incident.incident_id != min(cycle)):
        setting.merged_into = target
        setting.merged_at = stated_at(incident, INCIDENT, "merged_into")
    units = [Placed(response, facts, of_incident, rules) for response in seen.responses]
    case = Case(seen, [unit for unit in units if unit.in_scope], facts, rules, setting.closed)
    record = _incident_record(setting, case, units, of_incident, flags)
    if holdings:
        record.absorbed = sorted(holdings)
    shared = (setting.call_at, setting.closed_at, setting.merged_into, facts.simulated)
    emitted = Emitted(key, record, case, facts, shared, over=setting.over, named=named)
    counts, responses = emitted.counts, emitted.responses
    emitted.whole = every = INCIDENT in touched or shared != incident.shared
    for unit in units:
        name = unit.response.unit
        if every or name in touched:
            responses.append(_response(setting, unit, rules))
        counts[name] = unit.response.ordinal
    if incident.emitted != counts:
        _void_the_gone(setting, emitted)
    if handbook.mediation:
        emitted.encounter = encounter(
            incident, facts, seen, units, handbook.agency,
            state=record.state, revision=setting.revision, source=setting.source,
            closed_at=setting.closed_at, merged_into=setting.merged_into,
        )  # fmt: skip
    return emitted


def _state(merged: bool, end: Micros | None, closed: Micros | None) -> str:
    if merged:
        return _MERGED
    if end is not None:
        return _ENDED
    return _OPEN if closed is None else _CLOSED_BY_RULE


def _incident_record(
    setting: _Setting, case: Case, units: list[Placed], of_incident: Values, flags: list[str]
) -> IncidentRecord:
    incident, facts, merged = setting.incident, setting.facts, bool(setting.merged_into)
    seen = case.seen
    scoped = bool(case.units) or not units
    if out_of_order(seen.times, of_incident=True):
        flags.append(Flag.OUT_OF_ORDER.value)
    void = not seen.times and not units
    type_ = of_incident.get("type", "")
    first_type = facts.first_type.get(INCIDENT)
    first = case.due.first
    sent = sorted(units, key=Placed.dispatch_order) if len(units) > 1 else units
    return IncidentRecord(  # by place: msgspec looks each name up
        incident.agency_id,
        incident.incident_id,
        setting.revision,
        setting.source,
        IncidentState.VOID.value if void else _state(merged, seen.ended, setting.closed),
        scoped,
        facts.simulated,
        case.place,
        type_,
        first_type[3] if first_type is not None else type_,  # initial_type
        of_incident.get("disposition", ""),
        setting.call_at,
        seen.began,
        seen.ended or 0,
        setting.closed_at,
        setting.merged_at,
        setting.merged_into,
        seen.times,
        [unit.response.unit for unit in sent],
        first.response.unit if first is not None else "",
        [],  # absorbed
        measure_incident(case) if scoped and not merged and not void else _NO_MEASURES,
        flags,
    )


def _response(setting: _Setting, unit: Placed, rules: Book) -> tuple[str, ResponseRecord]:
    incident, response, merged = setting.incident, unit.response, bool(setting.merged_into)
    times, facts, closed = response.times, setting.facts, setting.closed
    in_scope = unit.in_scope
    record = ResponseRecord(  # by place, as above
        incident.agency_id,
        incident.incident_id,
        response.unit,
        response.ordinal,
        setting.revision,
        setting.source,
        _state(merged, response.end, closed),
        in_scope,
        facts.simulated,
        unit.service,
        unit.place,
        setting.call_at,
        response.began,
        response.end or 0,
        setting.closed_at,
        setting.merged_at,
        setting.merged_into,
        times,
        measure_response(unit, facts, rules, closed, incident_over=setting.over)
        if in_scope and not merged
        else _NO_MEASURES,
        [Flag.OUT_OF_ORDER.value] if out_of_order(times, of_incident=False) else [],
    )
    return response_under(setting.key, response.unit, response.ordinal), record


def _void_the_gone(setting: _Setting, emitted: Emitted) -> None:
    """A response that was written once and is no more is replaced by a void record, never left to stand."""
    incident = setting.incident
    for unit, written in sorted(incident.emitted.items()):
        for ordinal in range(emitted.counts.get(unit, 0) + 1, written + 1):
            record = ResponseRecord(
                agency_id=incident.agency_id,
                incident_id=incident.incident_id,
                unit_id=unit,
                ordinal=ordinal,
                revision=setting.revision,
                source=setting.source,
                state=IncidentState.VOID.value,
            )
            emitted.responses.append((response_under(setting.key, unit, ordinal), record))
