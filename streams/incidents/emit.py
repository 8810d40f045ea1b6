"""From an incident's state and the agency's clock to its records: what stages, sinks and analysts read."""

from __future__ import annotations

from collections.abc import Set

from schemas.agency import Agency, Rules
from schemas.keys import incident_key, response_under
from schemas.records import IncidentRecord, Measure, ResponseRecord
from schemas.times import Micros
from schemas.vocabulary import Flag, IncidentState
from streams.incidents.intervals import Case, measure_incident, measure_response
from streams.incidents.milestones import View, out_of_order, view
from streams.incidents.place import Placed
from streams.incidents.state import INCIDENT, Facts, Incident

Shared = tuple[Micros, Micros, str, bool]
"""See ``Incident.shared``."""

_NO_MEASURES: dict[str, Measure] = {}


class Emitted:
    """The records of one incident, and what its state must remember of them.

    Attributes:
        incident: its record; ``responses`` by key, those alone that may differ from what was written before,
            voided ones included.
        counts: unit to how many responses it has now.
        shared: what all its records have in common (``Incident.shared``).
        over: whether the incident has ended or was closed by rule.
        last_recorded, last_occurred: of all it was made from, absorbed incidents included.
    """

    __slots__ = ("counts", "incident", "last_occurred", "last_recorded", "over", "responses", "shared")

    def __init__(self, incident: IncidentRecord, facts: Facts, shared: Shared, *, over: bool) -> None:
        self.incident = incident
        self.last_recorded = facts.last_recorded
        self.last_occurred = facts.last_occurred
        self.shared = shared
        self.over = over
        self.responses: list[tuple[str, ResponseRecord]] = []
        self.counts: dict[str, int] = {}


class _Setting:
    """What all records of one incident share."""

    __slots__ = ("call_at", "closed_at", "incident", "key", "merged_at", "merged_into", "revision", "source")

    def __init__(
        self, incident: Incident, partition: int, call_at: Micros, closed_at: Micros, by_rule: Micros
    ) -> None:
        self.incident = incident
        self.key = incident_key(incident.agency_id, incident.incident_id)
        self.revision = (incident.last_offset, by_rule)
        self.source = (partition, incident.first_offset, incident.last_offset)
        self.call_at = call_at
        self.closed_at = closed_at
        self.merged_into = ""
        self.merged_at: Micros = 0


def emit(
    incident: Incident,
    agency: Agency,
    clock: Micros | None,
    partition: int,
    touched: Set[str] = frozenset({INCIDENT}),
) -> Emitted:
    """The records of an incident as of the agency's clock.

    Args:
        incident: its state; read, not changed.
        agency: its file.
        clock: the agency's clock in this partition, None before its sources have spoken.
        partition: the source partition the incident lives on.
        touched: units spoken of since the records were last written, ``INCIDENT`` for the incident itself.
            Records of other units are left out where nothing they share with the incident has changed.
    """
    holdings = incident.holdings() if incident.absorbed else {}
    facts = incident.combined(holdings)
    seen = view(facts)
    closed = seen.closed_at(clock)
    call_at = seen.call_at
    began = _began(seen)
    rules = agency.rules_at(call_at if call_at is not None else began)
    setting = _Setting(incident, partition, call_at or 0, seen.ended or closed or 0, closed or 0)
    cycle = incident.cycle(holdings) if holdings else []
    if incident.merged_into and (not cycle or incident.incident_id != min(cycle)):
        setting.merged_into = incident.merged_into
        setting.merged_at = incident.stated_at(INCIDENT, "merged_into")
    of_incident = facts.values(INCIDENT)
    units = [Placed(response, facts, of_incident, rules) for response in seen.responses]
    flags = [Flag.MERGE_CYCLE.value] if cycle else []
    record = _incident_record(setting, seen, units, facts, rules, closed, began, flags)
    record.absorbed = sorted(holdings)
    over = seen.ended is not None or closed is not None
    shared = (setting.call_at, setting.closed_at, setting.merged_into, facts.simulated)
    emitted = Emitted(record, facts, shared, over=over)
    every = INCIDENT in touched or shared != incident.shared
    for unit in units:
        name = unit.response.unit
        if every or name in touched:
            emitted.responses.append(_response(setting, unit, facts, rules, closed, over=over))
        emitted.counts[name] = unit.response.ordinal
    _void_the_gone(setting, emitted)
    return emitted


def _began(seen: View) -> Micros:
    """The incident's first milestone, its own or a unit's; 0 where nothing stands."""
    first = min(seen.times.values(), default=None)
    for response in seen.responses:
        began = response.began
        if first is None or began < first:
            first = began
    return first or 0


def _state(merged: bool, end: Micros | None, closed: Micros | None) -> str:
    if merged:
        return IncidentState.MERGED.value
    if end is not None:
        return IncidentState.ENDED.value
    return (IncidentState.OPEN if closed is None else IncidentState.CLOSED_BY_RULE).value


def _incident_record(
    setting: _Setting,
    seen: View,
    units: list[Placed],
    facts: Facts,
    rules: Rules,
    closed: Micros | None,
    began: Micros,
    flags: list[str],
) -> IncidentRecord:
    incident, merged = setting.incident, bool(setting.merged_into)
    in_scope = [unit for unit in units if unit.in_scope]
    case = Case(seen, in_scope, facts, rules, closed)
    scoped = bool(in_scope) or not units
    if out_of_order(seen.times, of_incident=True):
        flags.append(Flag.OUT_OF_ORDER.value)
    void = not seen.times and not units
    type_ = facts.value(INCIDENT, "type")
    first_type = facts.first_type.get(INCIDENT)
    return IncidentRecord(
        agency_id=incident.agency_id,
        incident_id=incident.incident_id,
        revision=setting.revision,
        source=setting.source,
        state=IncidentState.VOID.value if void else _state(merged, seen.ended, closed),
        in_scope=scoped,
        simulated=facts.simulated,
        place=case.place,
        type=type_,
        initial_type=first_type[3] if first_type is not None else type_,
        disposition=facts.value(INCIDENT, "disposition"),
        call_at=setting.call_at,
        began_at=began,
        ended_at=seen.ended or 0,
        closed_at=setting.closed_at,
        merged_at=setting.merged_at,
        merged_into=setting.merged_into,
        milestones=dict(sorted(seen.times.items())),
        units=[unit.response.unit for unit in sorted(units, key=Placed.dispatch_order)],
        first_due=case.due.first.response.unit if case.due.first is not None else "",
        intervals=measure_incident(case) if scoped and not merged and not void else _NO_MEASURES,
        flags=flags,
    )


def _response(
    setting: _Setting, unit: Placed, facts: Facts, rules: Rules, closed: Micros | None, *, over: bool
) -> tuple[str, ResponseRecord]:
    incident, response, merged = setting.incident, unit.response, bool(setting.merged_into)
    measured = unit.in_scope and not merged
    record = ResponseRecord(
        agency_id=incident.agency_id,
        incident_id=incident.incident_id,
        unit_id=response.unit,
        ordinal=response.ordinal,
        revision=setting.revision,
        source=setting.source,
        state=_state(merged, response.end, closed),
        in_scope=unit.in_scope,
        simulated=facts.simulated,
        service=unit.service,
        place=unit.place,
        call_at=setting.call_at,
        began_at=response.began,
        ended_at=response.end or 0,
        closed_at=setting.closed_at,
        merged_at=setting.merged_at,
        merged_into=setting.merged_into,
        milestones=dict(sorted(response.times.items())),
        intervals=measure_response(unit, facts, rules, closed, incident_over=over)
        if measured
        else _NO_MEASURES,
    )
    if out_of_order(response.times, of_incident=False):
        record.flags = [Flag.OUT_OF_ORDER.value]
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
