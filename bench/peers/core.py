"""What every engine calls for an event: Watchroom's own join and records, over one incident's state."""

from __future__ import annotations

from typing import Any

from schemas import keys, records
from schemas.agency import load_agencies
from schemas.decoding import Clock, Correction, Disposition, Merge, Milestone, Undecodable, decode
from schemas.settings import load_settings
from schemas.times import micros
from streams.incidents import packing
from streams.incidents.emit import emit
from streams.incidents.handbook import Handbook
from streams.incidents.joining import join_correction, join_press, join_statement
from streams.incidents.state import EARLIEST, INCIDENT, WITHDRAWN, Incident

HANDBOOKS = {name: Handbook(agency) for name, agency in load_agencies(load_settings().agencies_dir).items()}

Outputs = list[tuple[bytes, bytes]]
"""Keys and values of records."""

pack, unpack = packing.pack, packing.unpack


def step(
    incident: Incident | None, value: bytes, partition: int, offset: int
) -> tuple[Incident | None, Outputs]:
    """One raw event into its incident's state, and the records that may have changed by it.

    Clocks, which are nobody's, and what cannot be decoded give nothing. An engine that knows no log may give
    any offset that grows.
    """
    try:
        event = decode(value)
    except Undecodable:
        return incident, []
    if type(event) is Clock:
        return incident, []
    if incident is None:
        incident = Incident(event.agency_id, event.incident_id)
        incident.first_offset = offset
    incident.last_offset = offset
    unit = _join(incident, event)
    emitted = emit(incident, HANDBOOKS[event.agency_id], None, partition, {unit})
    incident.emitted, incident.shared = emitted.counts, emitted.shared
    key = keys.incident_key(event.agency_id, event.incident_id).encode()
    outputs = [(key, records.encode(emitted.incident))]
    outputs += [(k.encode(), records.encode(record)) for k, record in emitted.responses]
    return incident, outputs


def _join(incident: Incident, event: Any) -> str:
    kind = type(event)
    unit = INCIDENT if kind is Merge or kind is Disposition else event.unit_id or INCIDENT
    occurred = micros(event.occurred_at)
    recorded = occurred if event.recorded_at is None else micros(event.recorded_at)
    incident.last_occurred = max(incident.last_occurred, occurred)
    incident.last_recorded = max(incident.last_recorded, recorded)
    incident.simulated |= event.simulated
    if kind is Milestone:
        join_press(incident, unit, event.name, occurred, recorded)
    elif kind is Correction:
        was = EARLIEST if event.was is None else micros(event.was)
        time = WITHDRAWN if event.time is None else micros(event.time)
        join_correction(incident, unit, event.name, was, (recorded, event.event_id, time))
    else:
        if kind is Merge:
            values = {"merged_into": event.merged_into or ""}
        elif kind is Disposition:
            values = {"disposition": event.disposition or ""}
        else:
            values = {name: said or "" for name, said in event.attributes.items()}
        join_statement(incident, unit, occurred, recorded, event.event_id, values)
    return unit
