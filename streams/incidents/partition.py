"""One partition of stage one: a batch of ``incident.events`` in, records, states and dead letters out.

Pure: the same batches give the same sends. Time comes in as clock records; each agency has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any, NamedTuple

from schemas import events, keys, records
from schemas.agency import Agency
from schemas.decoding import (
    Absorbed,
    Change,
    Clock,
    Correction,
    Disposition,
    Merge,
    Milestone,
    Undecodable,
    decode,
)
from schemas.times import DAY, HOUR, MINUTE, Micros, micros
from schemas.vocabulary import DeadLetterReason
from streams.incidents import packing
from streams.incidents.emit import Emitted, emit
from streams.incidents.milestones import SILENCE
from streams.incidents.state import EARLIEST, INCIDENT, NEVER, SIZE_LIMIT, WITHDRAWN, Incident
from streams.stage import Headers, Pair, RecordBatch, Send

_POSITION_KEY = b"position"
_STATE_PREFIX = "i/"
_FUTURE = HOUR
"""How far ahead of its append time an event may claim to be."""


class Layout(NamedTuple):
    """Names and sizes a partition of stage one must know.

    Attributes:
        events, responses, incidents, changelog, health, dead_letters: topics' full names in Kafka.
        partitions: of ``events``; ``result_partitions`` of every result topic.
        keep: how long after its last event an incident's state lives.
        silent_below: partition to offset; no absorbed states are sent for events below: a rebuild finds those
            in the log.
    """

    events: str
    responses: str
    incidents: str
    changelog: str
    health: str
    dead_letters: str
    partitions: int
    result_partitions: int
    keep: Micros = 40 * DAY
    silent_below: Mapping[int, int] = {}
    worker: str = ""


class Rejected(Exception):
    """An event that is well formed and cannot be joined."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Partition:
    """The logic of one partition (``streams.stage.Logic``)."""

    def __init__(self, partition: int, layout: Layout, agencies: dict[str, Agency]) -> None:
        self._partition = partition
        self._layout = layout
        self._agencies = agencies
        self._held: dict[str, Incident | bytes] = {}
        self._open = 0
        self._clocks: dict[str, dict[str, Micros]] = {a: {} for a in agencies}
        self._clock: dict[str, Micros | None] = dict.fromkeys(agencies)
        self._told: dict[str, Micros] = {}
        self._next = 0
        self._counters: dict[str, int] = {}
        self._heaps: dict[str, list[tuple[Micros, str]]] = {a: [] for a in agencies}
        self._scheduled: dict[str, Micros] = {}
        self._touched: dict[str, dict[str, Incident]] = {a: {} for a in agencies}
        self._last_event_ms = 0
        self._changes: dict[str, bytes | None] = {}
        self._out: dict[tuple[str, int], list[Pair]] = {}
        self._dead: list[tuple[Pair, Headers]] = []
        self._takers: dict[type, Callable[[Any, int, Micros], None]] = {
            Milestone: self._milestone,
            Change: self._change,
            Clock: self._clock_record,
            Correction: self._correction,
            Merge: self._merge,
            Disposition: self._disposition,
            Absorbed: self._absorbed,
        }

    # Recovery

    def load(self, topic: str, key: bytes, value: bytes | None) -> None:  # noqa: ARG002 - one changelog
        """Take one record of the changelog."""
        if key == _POSITION_KEY:
            if value is not None:
                self._load_position(packing.unpack_position(value))
            return
        name = key.decode()[len(_STATE_PREFIX) :]
        if value is None:
            self._held.pop(name, None)
        else:
            self._held[name] = value

    def _load_position(self, position: packing.Position) -> None:
        self._next = position.next_offset
        self._counters = dict(position.counters)
        self._told = dict(position.told)
        for agency_id in self._agencies:
            self._clocks[agency_id] = dict(position.clocks.get(agency_id, {}))
            self._clock[agency_id] = self._agency_clock(agency_id)

    def loaded(self) -> dict[str, int]:
        """Recovery is over: schedule what is held.

        An agency no longer listed keeps its states until it is again.
        """
        for name, value in self._held.items():
            assert isinstance(value, bytes)
            due, ended = packing.header(value)
            self._open += not ended
            self._schedule(name, due)
        return {self._layout.events: self._next} if self._next else {}

    # A batch

    def apply(self, batch: RecordBatch) -> list[Send]:
        """Join one batch: records of what it touched, states, dead letters, and the position."""
        values, offsets, start = batch.values, batch.offsets, 0
        takers = self._takers
        for upto, append_ms in batch.stamps:
            latest = append_ms * 1000 + _FUTURE
            for index in range(start, upto):
                value = values[index]
                try:
                    event = decode(value)
                    takers[type(event)](event, offsets[index], latest)
                except (Undecodable, Rejected) as refused:
                    self._bury(value, offsets[index], append_ms, refused.reason, refused.detail)
                except Exception as defect:
                    # A defect of ours must not lose an event nor stop the floor: it is kept with its error,
                    # and counted.
                    self._bury(value, offsets[index], append_ms, DeadLetterReason.INTERNAL, repr(defect))
            start = upto
            self._last_event_ms = append_ms
        for agency_id, touched in self._touched.items():
            self._flush(agency_id, touched)
        self._next = batch.end
        return self._collect()

    def tick(self) -> list[Send]:
        """What this partition has done so far, for whoever watches the pipeline."""
        count = self._counters.get
        health = records.HealthRecord(
            stage="incidents",
            partition=self._partition,
            worker=self._layout.worker,
            positions={self._layout.events: self._next},
            arrived=count("arrived", 0),
            joined=count("joined", 0),
            dead={k[5:]: n for k, n in sorted(self._counters.items()) if k.startswith("dead:")},
            clock_records=count("clock_records", 0),
            absorbed=count("absorbed", 0),
            evicted=count("evicted", 0),
            records_out=count("records_out", 0),
            clocks={a: clock for a, clock in self._clock.items() if clock is not None},
            held=len(self._held),
            open_incidents=self._open,
            last_event_ms=self._last_event_ms,
        )
        key = f"incidents/{self._partition}"
        partition = keys.partition_of(key, self._layout.result_partitions)
        return [Send(self._layout.health, partition, [(key.encode(), records.encode(health))])]

    # Events

    def _count(self, name: str, more: int = 1) -> None:
        self._counters[name] = self._counters.get(name, 0) + more

    def _incident_for(self, event: Any, offset: int, latest: Micros) -> tuple[Incident, Micros, Micros]:
        """The incident an event is joined into, and when it occurred and was recorded.

        Raises:
            Rejected: the event cannot be accepted.
        """
        agency_id, incident_id = event.agency_id, event.incident_id
        occurred = micros(event.occurred_at)
        stamp = event.recorded_at
        recorded = occurred if stamp is None or stamp is event.occurred_at else micros(stamp)
        if agency_id not in self._clock:
            raise Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {agency_id!r}")
        source = event.source_id
        if source is not None and source not in self._agencies[agency_id].source_ids:
            raise Rejected(DeadLetterReason.UNKNOWN_SOURCE, f"{agency_id} lists no source {source!r}")
        if recorded > latest or occurred > latest:
            raise Rejected(DeadLetterReason.IN_THE_FUTURE, "more than an hour ahead of when it was appended")
        clock = self._clock[agency_id]
        if clock is not None and occurred < clock - self._layout.keep:
            days = self._layout.keep // DAY
            raise Rejected(DeadLetterReason.TOO_LATE, f"more than {days} days before the agency's clock")
        incident = self._hold(agency_id, incident_id)
        if incident.size > SIZE_LIMIT:
            raise Rejected(
                DeadLetterReason.INCIDENT_TOO_LARGE, f"its incident's state is over {SIZE_LIMIT} bytes"
            )
        if occurred > incident.last_occurred:
            incident.last_occurred = occurred
        if recorded > incident.last_recorded:
            incident.last_recorded = recorded
        incident.last_offset = offset
        if incident.first_offset < 0:
            incident.first_offset = offset
        if event.simulated:
            incident.simulated = True
        counters = self._counters
        counters["arrived"] = counters.get("arrived", 0) + 1
        counters["joined"] = counters.get("joined", 0) + 1
        return incident, occurred, recorded

    def _hold(self, agency_id: str, incident_id: str) -> Incident:
        """The incident, opened if it was packed, made if it is new; from now on touched by this batch."""
        if "/" in incident_id or "%" in incident_id:
            key = keys.incident_key(agency_id, incident_id)
        else:
            key = f"{agency_id}/{incident_id}"
        held = self._held.get(key)
        if type(held) is Incident:
            incident = held
        elif held is not None:
            incident = packing.unpack(held)  # type: ignore[arg-type]  # what is no Incident is packed
            self._held[key] = incident
        else:
            if keys.partition_of(key, self._layout.partitions) != self._partition:
                raise Rejected(
                    DeadLetterReason.WRONG_PARTITION, f"{key} does not belong to partition {self._partition}"
                )
            incident = self._held[key] = Incident(agency_id=agency_id, incident_id=incident_id)
            self._open += 1
        self._touched[agency_id][key] = incident
        return incident

    def _milestone(self, event: Any, offset: int, latest: Micros) -> None:
        incident, occurred, recorded = self._incident_for(event, offset, latest)
        incident.size += incident.press(event.unit_id or INCIDENT, event.name, occurred, recorded)

    def _change(self, event: Any, offset: int, latest: Micros) -> None:
        incident, occurred, recorded = self._incident_for(event, offset, latest)
        when = (occurred, recorded, event.event_id)
        incident.size += incident.state_attributes(event.unit_id or INCIDENT, event.attributes, when)

    def _correction(self, event: Any, offset: int, latest: Micros) -> None:
        was = EARLIEST if event.was is None else micros(event.was)
        time = WITHDRAWN if event.time is None else micros(event.time)
        if time > latest:
            raise Rejected(DeadLetterReason.IN_THE_FUTURE, "its new time is more than an hour ahead")
        incident, _, recorded = self._incident_for(event, offset, latest)
        incident.size += incident.correct(
            event.unit_id or INCIDENT, event.name, was, (recorded, event.event_id, time)
        )

    def _merge(self, event: Any, offset: int, latest: Micros) -> None:
        incident, occurred, recorded = self._incident_for(event, offset, latest)
        when = (occurred, recorded, event.event_id)
        incident.size += incident.state_attributes(INCIDENT, {"merged_into": event.merged_into}, when)

    def _disposition(self, event: Any, offset: int, latest: Micros) -> None:
        incident, occurred, recorded = self._incident_for(event, offset, latest)
        when = (occurred, recorded, event.event_id)
        incident.size += incident.state_attributes(INCIDENT, {"disposition": event.disposition}, when)

    def _absorbed(self, event: Any, offset: int, latest: Micros) -> None:  # noqa: ARG002 - as all takers
        if event.agency_id not in self._clock:
            raise Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {event.agency_id!r}")
        try:
            package = packing.unpack_package(event.state)
        except ValueError as exc:
            raise Rejected(DeadLetterReason.INVALID, str(exc)) from exc
        incident = self._hold(event.agency_id, event.incident_id)
        self._count("absorbed")
        if incident.size + len(event.state) > 2 * SIZE_LIMIT:
            raise Rejected(
                DeadLetterReason.INCIDENT_TOO_LARGE, "with what it absorbed its state would be too large"
            )
        if incident.absorb(event.sender, event.offset, package):
            incident.size += len(event.state)
            incident.last_offset = offset
            if incident.first_offset < 0:
                incident.first_offset = offset

    # Time

    def _clock_record(self, event: Any, offset: int, latest: Micros) -> None:  # noqa: ARG002 - as all
        agency_id = event.agency_id
        if agency_id not in self._clock:
            raise Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {agency_id!r}")
        if event.source_id not in self._agencies[agency_id].source_ids:
            raise Rejected(
                DeadLetterReason.UNKNOWN_SOURCE, f"{agency_id} lists no source {event.source_id!r}"
            )
        time = micros(event.time)
        if time > latest:
            raise Rejected(
                DeadLetterReason.IN_THE_FUTURE, "a clock more than an hour ahead of when it was appended"
            )
        self._count("clock_records")
        sources = self._clocks[agency_id]
        if time <= sources.get(event.source_id, -NEVER):
            return
        sources[event.source_id] = time
        before, now = self._clock[agency_id], self._agency_clock(agency_id)
        if now is None or now == before:
            return
        if before is None or now // MINUTE != before // MINUTE:
            # What was read before the minute is told before it, so that a figure "as shown at T" is what
            # stood then.
            self._flush(agency_id, self._touched[agency_id], clock=before)
            self._clock[agency_id] = now
            self._flush(agency_id, self._touched[agency_id])
        else:
            self._clock[agency_id] = now

    def _agency_clock(self, agency_id: str) -> Micros | None:
        """The least, over the listed sources, of the latest each wrote; None until all have written."""
        told, listed = self._clocks[agency_id], self._agencies[agency_id].source_ids
        times = [told[s] for s in listed if s in told]
        return min(times) if len(times) == len(listed) else None

    def _schedule(self, key: str, due: Micros) -> None:
        if due < self._scheduled.get(key, NEVER):
            self._scheduled[key] = due
            agency_id = keys.unpart(key.split("/", 1)[0])
            heappush(self._heaps.setdefault(agency_id, []), (due, key))

    def _fall_due(self, agency_id: str, clock: Micros) -> None:
        """Close by rule and evict what the clock has reached."""
        heap = self._heaps[agency_id]
        while heap and heap[0][0] <= clock:
            due, key = heappop(heap)
            if self._scheduled.get(key) != due:
                continue
            del self._scheduled[key]
            held = self._held.get(key)
            if held is None:
                continue
            really_due, ended = packing.header(held) if isinstance(held, bytes) else (held.due, held.ended)
            if really_due > clock:
                self._schedule(key, really_due)
            elif ended:
                del self._held[key]
                self._changes[key] = None
                self._touched[agency_id].pop(key, None)
                self._count("evicted")
            else:
                incident = packing.unpack(held) if isinstance(held, bytes) else held
                self._held[key] = incident
                self._touched[agency_id][key] = incident

    # Records

    def _flush(self, agency_id: str, touched: dict[str, Incident], clock: Micros | None = None) -> None:
        """Write the records of what was touched, then, without ``clock``, the agency's clock itself."""
        if clock is None:
            now = self._clock[agency_id]
            if now is not None:
                self._emit_all(agency_id, touched, now)
                self._fall_due(agency_id, now)
            self._emit_all(agency_id, touched, now)
            self._tell(agency_id, now)
        else:
            self._emit_all(agency_id, touched, clock)

    def _emit_all(self, agency_id: str, touched: dict[str, Incident], clock: Micros | None) -> None:
        if not touched:
            return
        layout, agency = self._layout, self._agencies[agency_id]
        to = keys.agency_partition(agency_id, layout.result_partitions)
        incidents = self._out.setdefault((layout.incidents, to), [])
        responses = self._out.setdefault((layout.responses, to), [])
        encode = records.encode
        before = len(incidents) + len(responses)
        for key, incident in touched.items():
            emitted = emit(incident, agency, clock, self._partition)
            responses.extend((name.encode(), encode(record)) for name, record in emitted.responses)
            name, record = emitted.incident
            incidents.append((name.encode(), encode(record)))
            incident.emitted = emitted.counts
            if incident.sent_to or INCIDENT in incident.attributes:
                self._forward(incident)
            self._keep(key, incident, emitted)
        touched.clear()
        self._count("records_out", len(incidents) + len(responses) - before)

    def _keep(self, key: str, incident: Incident, emitted: Emitted) -> None:
        """Remember when it is due, write its state, and pack it once it has ended."""
        self._open += incident.ended - emitted.over
        incident.ended = emitted.over
        if emitted.over:
            incident.due = emitted.last_occurred + self._layout.keep
        else:
            incident.due = emitted.last_recorded + SILENCE
        self._schedule(key, incident.due)
        packed = packing.pack(incident)
        self._changes[key] = packed
        if emitted.over:
            self._held[key] = packed

    def _forward(self, incident: Incident) -> None:
        """Send the incident's state to the one it was merged into; an empty one to where it no longer is."""
        target = incident.merged_into
        if incident.sent_to and incident.sent_to != target:
            self._send_absorbed(incident, incident.sent_to, "")
            incident.sent_to, incident.sent_digest = "", b""
        if not target:
            return
        package = packing.pack_package(incident.package_for(target, incident.holdings()))
        fingerprint = packing.digest(package)
        if incident.sent_to == target and incident.sent_digest == fingerprint:
            return
        self._send_absorbed(incident, target, package)
        incident.sent_to, incident.sent_digest = target, fingerprint

    def _send_absorbed(self, incident: Incident, target: str, package: str) -> None:
        layout = self._layout
        if incident.last_offset < layout.silent_below.get(self._partition, 0):
            return
        event = events.AbsorbedEvent(
            agency_id=incident.agency_id,
            incident_id=target,
            sender=incident.incident_id,
            offset=incident.last_offset,
            state=package,
        )
        key = keys.incident_key(incident.agency_id, target)
        to = (layout.events, keys.partition_of(key, layout.partitions))
        self._out.setdefault(to, []).append((key.encode(), events.to_json(event)))

    def _tell(self, agency_id: str, clock: Micros | None) -> None:
        """Write the agency's clock to its partition of each result topic, when it has moved."""
        if clock is None or self._told.get(agency_id) == clock:
            return
        self._told[agency_id] = clock
        layout = self._layout
        record = records.ClockRecord(
            agency_id=agency_id,
            source_partition=self._partition,
            source_partitions=layout.partitions,
            time=clock,
        )
        pair = (keys.clock_key(agency_id, self._partition).encode(), records.encode(record))
        to = keys.agency_partition(agency_id, layout.result_partitions)
        for topic in (layout.responses, layout.incidents):
            self._out.setdefault((topic, to), []).append(pair)

    # Sends

    def _bury(
        self, value: bytes | None, offset: int, append_ms: int, reason: DeadLetterReason, detail: str
    ) -> None:
        """Keep what could not be joined, untouched, with its reason and origin."""
        self._count("arrived")
        self._count(f"dead:{reason.value}")
        topic, partition = self._layout.events, self._partition
        headers = (
            ("reason", reason.value.encode()),
            ("detail", detail[:500].encode(errors="replace")),
            ("topic", topic.encode()),
            ("partition", str(partition).encode()),
            ("offset", str(offset).encode()),
            ("append_ms", str(append_ms).encode()),
        )
        self._dead.append(
            ((f"{topic}/{partition}/{offset}".encode(), value if value is not None else b""), headers)
        )

    def _collect(self) -> list[Send]:
        """Everything this batch gives, states and position last."""
        layout = self._layout
        sends = [Send(topic, partition, pairs) for (topic, partition), pairs in self._out.items() if pairs]
        if self._dead:
            pairs, headers = zip(*self._dead, strict=True)
            sends.append(Send(layout.dead_letters, self._partition, list(pairs), list(headers)))
        states: list[Pair] = [
            (f"{_STATE_PREFIX}{key}".encode(), value) for key, value in self._changes.items()
        ]
        position = packing.Position(packing.FORMAT, self._next, self._clocks, self._told, self._counters)
        states.append((_POSITION_KEY, packing.pack_position(position)))
        sends.append(Send(layout.changelog, self._partition, states))
        self._out, self._dead, self._changes = {}, [], {}
        return sends
