"""The records of what was touched, looked at or has moved; and the states that remember what they said."""

from __future__ import annotations

from schemas import keys, records
from streams.incidents.breaches.watch import record_of
from streams.incidents.desk import Desk, Touched
from streams.incidents.emit import Emitted, emit
from streams.incidents.forwarding import Forwarding
from streams.incidents.health import Health
from streams.incidents.layout import Layout
from streams.incidents.milestones import SILENCE
from streams.incidents.outbox import Outbox
from streams.incidents.state import Incident
from streams.incidents.store import Store


class Writer:
    """Writes a partition's records: of incidents and responses, of breaches, of clocks."""

    __slots__ = ("_forwarding", "_health", "_layout", "_outbox", "_partition", "_store")

    def __init__(
        self,
        partition: int,
        layout: Layout,
        store: Store,
        outbox: Outbox,
        forwarding: Forwarding,
        health: Health,
    ) -> None:
        self._partition = partition
        self._layout = layout
        self._store = store
        self._outbox = outbox
        self._forwarding = forwarding
        self._health = health

    def write(self, desk: Desk, touched: dict[str, Touched] | None = None) -> None:
        """Write the records and states of what was touched, by default all of it, and empty it."""
        if touched is None:
            touched = desk.touched
        if not touched:
            return
        layout, handbook, outbox = self._layout, desk.handbook, self._outbox
        to = keys.agency_partition(desk.agency.id, layout.result_partitions)
        incidents = outbox.to(layout.incidents, to)
        responses = outbox.to(layout.responses, to)
        encounters = outbox.to(layout.encounters, to)
        encode = records.encode
        before = len(incidents) + len(responses) + len(encounters)
        for incident, units in touched.values():
            emitted = emit(incident, handbook, desk.clock, self._partition, units)
            for name, record in emitted.responses:
                responses.append((name.encode(), encode(record)))
            key = emitted.key.encode()
            incidents.append((key, encode(emitted.incident)))
            if emitted.encounter is not None:
                encounters.append((key, encode(emitted.encounter)))
            incident.emitted = emitted.counts
            incident.shared = emitted.shared
            if incident.sent_to or emitted.named:
                self._forwarding.forward(incident)
            self._keep(desk, emitted.key, incident, emitted)
        touched.clear()
        self._health.count("records_out", len(incidents) + len(responses) + len(encounters) - before)

    def _keep(self, desk: Desk, key: str, incident: Incident, emitted: Emitted) -> None:
        """Remember when it is due, write its state, and pack it once it has ended."""
        self._store.unended += incident.ended - emitted.over
        incident.ended = emitted.over
        if emitted.over:
            incident.due = desk.evict_at(emitted.last_occurred, emitted.last_recorded)
        else:
            incident.due = emitted.last_recorded + SILENCE
        desk.schedule(key, incident.due)
        watch = desk.watch
        if incident.incident_id in watch.pending and not watch.spare(key, incident, emitted):
            watch.see(key, incident, desk.handbook, emitted)
        told = watch.changed.pop(key, None)
        if told is not None:
            self._write_breaches_of(desk, key, *told)
        watch.keep(key, incident, emitted)
        self._change(desk, key, incident)

    def _change(self, desk: Desk, key: str, incident: Incident) -> None:
        """Have a state written with the next commit; it rests once it has ended, and no look is due."""
        rests = incident.ended and not desk.watch.awaits(incident.incident_id)
        self._store.change(key, incident, rests=rests)

    def write_breaches(self, desk: Desk) -> None:
        """Write the breaches that changed, and the states that remember them unless they are written anyway.

        An incident that was looked at is held open until it is written.
        """
        watch = desk.watch
        for key, (incident, parts) in watch.changed.items():
            self._write_breaches_of(desk, key, incident, parts)
            if incident.incident_id in desk.touched:
                continue
            # One that was let go since is not to come back for having been looked at.
            if parts or self._store.held.get(key) is incident:
                self._change(desk, key, incident)
        watch.changed.clear()
        for key, offset, defect in watch.failed:
            self._health.count("looks_failed")
            self._outbox.bury_look(key, offset, self._health.last_event_ms, defect)
        watch.failed.clear()

    def _write_breaches_of(self, desk: Desk, key: str, incident: Incident, parts: set[str]) -> None:
        """Write the breaches of one incident that changed."""
        if not parts:
            return
        to = keys.agency_partition(desk.agency.id, self._layout.result_partitions)
        out = self._outbox.to(self._layout.breaches, to)
        for part in sorted(parts):
            name, record = record_of(key, incident, part, self._partition)
            out.append((name.encode(), records.encode(record)))
        self._health.count("records_out", len(parts))

    def write_clock(self, desk: Desk) -> None:
        """Write the agency's clock to its partition of each result topic, when it has moved."""
        clock, agency_id = desk.clock, desk.agency.id
        if clock is None or desk.told == clock:
            return
        desk.told = clock
        layout = self._layout
        record = records.ClockRecord(
            agency_id=agency_id,
            source_partition=self._partition,
            source_partitions=layout.partitions,
            time=clock,
        )
        pair = (keys.clock_key(agency_id, self._partition).encode(), records.encode(record))
        to = keys.agency_partition(agency_id, layout.result_partitions)
        topics = (layout.responses, layout.incidents, layout.breaches)
        for topic in (*topics, layout.encounters) if desk.agency.mediation else topics:
            self._outbox.to(topic, to).append(pair)
