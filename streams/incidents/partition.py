"""One partition of stage one: a batch of ``incident.events`` in, records, states and dead letters out.

Pure: the same batches give the same sends. Time comes in as clock records; each agency has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from msgspec.structs import astuple

from schemas import events, keys, records
from schemas.agency import Agency
from schemas.decoding import (
    AGENCY_ID,
    EVENT_ID,
    INCIDENT_ID,
    NAME,
    OCCURRED_AT,
    RECORDED_AT,
    REFUSALS,
    SIMULATED,
    SOURCE_ID,
    UNIT_ID,
    Absorbed,
    Change,
    Clock,
    Correction,
    Disposition,
    MediationCorrection,
    Merge,
    Milestone,
    Undecodable,
    decode,
    fast,
)
from schemas.times import DAY, HOUR, Micros, micros
from schemas.vocabulary import DeadLetterReason
from streams.incidents import packing
from streams.incidents.breaches.watch import record_of
from streams.incidents.desk import Desk, Touched
from streams.incidents.emit import Emitted, emit
from streams.incidents.joining import (
    absorb,
    combined,
    holdings_of,
    join_correction,
    join_press,
    join_statement,
    merged_into,
    package_for,
)
from streams.incidents.mediation import statements
from streams.incidents.milestones import SILENCE, seems_over
from streams.incidents.state import EARLIEST, INCIDENT, NEVER, SIZE_LIMIT, WITHDRAWN, Incident
from streams.stage import Headers, Pair, RecordBatch, Send

_POSITION_KEY = b"position"
_STATE_PREFIX = "i/"
_FUTURE = HOUR
"""How far ahead of its append time an event may claim to be."""

_STRETCH = 400
"""Events of a large batch after which what seems over is written: states of so many and what was made of them
fit a processor's cache, and those of a whole fetch do not."""


class Layout(NamedTuple):
    """Names and sizes a partition of stage one must know.

    Attributes:
        events, responses, incidents, breaches, changelog, health, dead_letters: topics' full names in Kafka.
        partitions: of ``events``; ``result_partitions`` of every result topic.
        keep: how long after its last event an incident's state lives.
        silent_below: partition to offset; no absorbed states are sent for events below: a rebuild finds those
            in the log.
        place_key: the secret that addresses are made places with; empty: they are forgotten.
        at_once: how many incidents a clock closes by rule at one go, see ``Partition.rest``.
    """

    events: str
    responses: str
    incidents: str
    breaches: str
    changelog: str
    health: str
    dead_letters: str
    partitions: int
    result_partitions: int
    keep: Micros = 40 * DAY
    silent_below: Mapping[int, int] = {}
    worker: str = ""
    encounters: str = "encounters"
    place_key: str = ""
    at_once: int = 5_000


class Rejected(Exception):
    """An event that is well formed and cannot be joined."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _decoded(value: bytes | None) -> Any:
    """``decode``, the way that nearly all go first: compiled, that takes no detour through Python."""
    if value is not None and value.isascii():
        try:
            return fast(value)
        except REFUSALS:
            pass
    return decode(value)


def _mediator(event: Any) -> str:
    """Whose a mediation event is: the desk's, or a unit's.

    Raises:
        Rejected: it should name a unit, and doesn't.
    """
    unit = statements.whose(event)
    if unit is None:
        raise Rejected(DeadLetterReason.INVALID, f"unit_id: {event.name} is a unit's, and none is named")
    return unit


def _stated(event: Any) -> dict[str, str]:
    """The attributes an event states; an empty value takes a statement back."""
    kind = type(event)
    if kind is Merge:
        return {"merged_into": event.merged_into or ""}
    if kind is Disposition:
        return {"disposition": event.disposition or ""}
    values: dict[str, str | None] = event.attributes
    for value in values.values():
        if value is None:
            return {name: value or "" for name, value in values.items()}
    return cast("dict[str, str]", values)  # the event's own: nobody else has it


class Partition:
    """The logic of one partition (``streams.stage.Logic``)."""

    def __init__(self, partition: int, layout: Layout, agencies: dict[str, Agency]) -> None:
        self._partition = partition
        self._layout = layout
        self._desks = {agency_id: Desk(agency, layout.keep) for agency_id, agency in agencies.items()}
        self._held: dict[str, Incident | bytes] = {}
        self._open = 0
        self._next = 0
        self._counters: dict[str, int] = {}
        self._joined = 0
        self._named: dict[tuple[str, str], set[str]] = {}
        self._last_event_ms = 0
        self._changed: dict[str, Incident | bytes | None] = {}
        self._told_next = -1
        self._out: dict[tuple[str, int], list[Pair]] = {}
        self._dead: list[tuple[Pair, Headers]] = []

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
        for agency_id, desk in self._desks.items():
            desk.clocks = dict(position.clocks.get(agency_id, {}))
            desk.told = position.told.get(agency_id)
            desk.move(desk.least())

    def loaded(self) -> dict[str, int]:
        """Recovery is over: schedule what is held.

        An agency no longer listed keeps its states until it is again.
        """
        for key, value in self._held.items():
            assert isinstance(value, bytes)
            due, ended = packing.header(value)
            self._open += not ended
            desk = self._desks.get(keys.unpart(key.split("/", 1)[0]))
            if desk is not None:
                desk.schedule(key, due)
                desk.watch.schedule(key, packing.wake_of(value))
        return {self._layout.events: self._next} if self._next else {}

    def placed(self, positions: dict[str, int]) -> None:
        """Where reading goes on."""
        self._next = self._told_next = positions[self._layout.events]

    # A batch

    def apply(self, batch: RecordBatch) -> list[Send]:
        """Join one batch: records of what it touched, and dead letters."""
        values, offsets, start, room = batch.values, batch.offsets, 0, _STRETCH
        for upto, append_ms in batch.stamps:
            latest = append_ms * 1000 + _FUTURE
            for value, offset in zip(values[start:upto], offsets[start:upto], strict=True):
                if room == 0:
                    self._emit_what_seems_over()
                    room = _STRETCH
                room -= 1
                try:
                    event = _decoded(value)
                    kind = type(event)
                    if kind is Clock:
                        self._clock_record(event, latest)
                    elif kind is Absorbed:
                        self._absorbed(event, offset)
                    else:
                        self._join(event, offset, latest)
                except (Undecodable, Rejected) as refused:
                    self._bury(value, offset, append_ms, refused.reason, refused.detail)
                except Exception as defect:
                    # A defect of ours must not lose an event nor stop the floor: it is kept with its error,
                    # and counted.
                    self._bury(value, offset, append_ms, DeadLetterReason.INTERNAL, repr(defect))
            start = upto
            self._last_event_ms = append_ms
        for desk in self._desks.values():
            self._flush(desk)
        self._next = batch.end
        return self._collect()

    def _emit_what_seems_over(self) -> None:
        """Write the records of incidents that seem over, while the processor still has them at hand.

        As if the batch had ended here for them; one that is spoken of again is written again.
        """
        for desk in self._desks.values():
            over = {name: known for name, known in desk.touched.items() if seems_over(known[0])}
            for name in over:
                del desk.touched[name]
            self._emit_touched(desk, over)

    def rest(self) -> list[Send]:
        """A clock that leaps closes by rule all that was open: some at a time, and is told after the last."""
        for desk in self._desks.values():
            while desk.waits():
                self._flush(desk)
                if sends := self._collect():
                    return sends
        return []

    @property
    def urgent(self) -> bool:
        """Never: nobody reads states and position before they are committed."""
        return False

    def told(self) -> list[Send]:
        """The states that batches have changed, each once however many changed it, and the position."""
        states: list[Pair] = []
        for key, state in self._changed.items():
            value = packing.pack(state) if isinstance(state, Incident) else state
            states.append((f"{_STATE_PREFIX}{key}".encode(), value))
        if not states and self._next == self._told_next:
            return []
        position = packing.Position(
            packing.FORMAT,
            self._next,
            {agency_id: desk.clocks for agency_id, desk in self._desks.items() if desk.clocks},
            {agency_id: desk.told for agency_id, desk in self._desks.items() if desk.told is not None},
            self._counters,
        )
        states.append((_POSITION_KEY, packing.pack_position(position)))
        self._changed, self._told_next = {}, self._next
        return [Send(self._layout.changelog, self._partition, states)]

    def tick(self) -> list[list[Send]]:
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
            looks_failed=count("looks_failed", 0),
            records_out=count("records_out", 0),
            clocks={a: desk.clock for a, desk in self._desks.items() if desk.clock is not None},
            held=len(self._held),
            open_incidents=self._open,
            last_event_ms=self._last_event_ms,
        )
        key = f"incidents/{self._partition}"
        partition = keys.partition_of(key, self._layout.result_partitions)
        return [[Send(self._layout.health, partition, [(key.encode(), records.encode(health))])]]

    def _changes(self, desk: Desk, key: str, incident: Incident) -> None:
        """Have a state written with the next commit; hold it packed once it has ended, and no look is due."""
        if incident.ended and not desk.watch.awaits(incident.incident_id):
            self._changed[key] = self._held[key] = packing.pack(incident)
        else:
            self._changed[key] = incident

    # Events

    def _count(self, name: str, more: int = 1) -> None:
        self._counters[name] = self._counters.get(name, 0) + more

    def _desk(self, agency_id: str) -> Desk:
        desk = self._desks.get(agency_id)
        if desk is None:
            raise Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {agency_id!r}")
        return desk

    def _join(self, event: Any, offset: int, latest: Micros) -> None:
        """Join one event into its incident, which is from now on touched by this batch.

        Raises:
            Rejected: the event cannot be accepted.
        """
        # All fields at one go: to ask a struct for one costs compiled code as much as to ask for all of them.
        said = astuple(event)
        agency_id: str = said[AGENCY_ID]
        desk = self._desks.get(agency_id)
        if desk is None:
            raise Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {agency_id!r}")
        occurred = micros(said[OCCURRED_AT])
        stamp = said[RECORDED_AT]
        recorded = occurred if stamp is None else micros(stamp)
        source = said[SOURCE_ID]
        if source is not None and source not in desk.sources:
            raise Rejected(DeadLetterReason.UNKNOWN_SOURCE, f"{agency_id} lists no source {source!r}")
        if recorded > latest or occurred > latest:
            raise Rejected(DeadLetterReason.IN_THE_FUTURE, "more than an hour ahead of when it was appended")
        if occurred < desk.oldest:
            days = self._layout.keep // DAY
            raise Rejected(DeadLetterReason.TOO_LATE, f"more than {days} days before the agency's clock")
        kind = type(event)
        unit: str = INCIDENT
        if kind is Milestone or kind is Change:
            unit = said[UNIT_ID] or INCIDENT
        elif kind is Correction or kind is MediationCorrection:
            if event.time is not None and micros(event.time) > latest:
                raise Rejected(DeadLetterReason.IN_THE_FUTURE, "its new time is more than an hour ahead")
            unit = _mediator(event) if kind is MediationCorrection else event.unit_id or INCIDENT
        elif kind in statements.KINDS:
            unit = _mediator(event)
        incident_id: str = said[INCIDENT_ID]
        known = desk.touched.get(incident_id)
        if known is None or known[0].last_occurred < desk.oldest:
            known = self._hold(desk, incident_id)
        incident, units = known
        size = incident.size
        if size > SIZE_LIMIT:
            raise Rejected(
                DeadLetterReason.INCIDENT_TOO_LARGE, f"its incident's state is over {SIZE_LIMIT} bytes"
            )
        units.add(unit)
        if incident_id not in desk.watch.spoken:
            self._spoken_of(desk, incident)
        if occurred > incident.last_occurred:
            incident.last_occurred = occurred
        if recorded > incident.last_recorded:
            incident.last_recorded = recorded
        incident.last_offset = offset
        if incident.first_offset < 0:
            incident.first_offset = offset
        if said[SIMULATED]:
            incident.simulated = True
        event_id: str = said[EVENT_ID]
        if kind is Milestone:
            grown = join_press(incident, unit, said[NAME], occurred, recorded)
        elif kind is Correction:
            was = EARLIEST if event.was is None else micros(event.was)
            time = WITHDRAWN if event.time is None else micros(event.time)
            grown = join_correction(incident, unit, event.name, was, (recorded, event_id, time))
        elif kind is not Change and kind in statements.KINDS:
            grown = statements.join(incident, unit, event, occurred, recorded)
        else:
            values = _stated(event)
            if "address" in values:
                values = statements.located(values, self._layout.place_key)
            if kind is Merge:
                named = self._named.setdefault((agency_id, incident_id), set())
                named.add(values["merged_into"])
            grown = join_statement(incident, unit, occurred, recorded, event_id, values)
        if grown:
            incident.size = size + grown
        self._joined += 1

    def _hold(self, desk: Desk, incident_id: str) -> Touched:
        """The incident, opened if it was packed, made if it is new; from now on touched by this batch."""
        agency_id = desk.agency.id
        key = keys.incident_key(agency_id, incident_id)
        known = desk.touched.get(incident_id)
        if known is not None:
            if not self._outlived(desk, known[0]):
                return known
            self._emit_touched(desk)
        held = self._held.get(key)
        if held is not None and self._outlived(desk, held):
            # Evicted when it is spoken of, its records written before: where a batch ends changes nothing.
            self._evict(desk, key)
            held = None
        if isinstance(held, bytes):
            incident = self._held[key] = packing.unpack(held)
        elif held is not None:
            incident = held
        else:
            if keys.partition_of(key, self._layout.partitions) != self._partition:
                raise Rejected(
                    DeadLetterReason.WRONG_PARTITION, f"{key} does not belong to partition {self._partition}"
                )
            incident = self._held[key] = Incident(agency_id, incident_id)
            self._open += 1
        touched = desk.touched[incident_id] = (incident, set())
        return touched

    def _absorbed(self, event: Any, offset: int) -> None:
        desk = self._desk(event.agency_id)
        try:
            package = packing.unpack_package(event.state)
        except ValueError as exc:
            raise Rejected(DeadLetterReason.INVALID, str(exc)) from exc
        if not 0 <= event.offset < NEVER:
            raise Rejected(DeadLetterReason.INVALID, "its offset is none of a log's")
        if not package and keys.incident_key(event.agency_id, event.incident_id) not in self._held:
            self._count("absorbed")
            return
        incident, units = self._hold(desk, event.incident_id)
        units.add(INCIDENT)
        self._spoken_of(desk, incident)
        known = incident.absorbed.get(event.sender)
        growth = len(event.state) - (len(packing.pack_package(known[1])) if known is not None else 0)
        if incident.size + growth > 2 * SIZE_LIMIT:
            raise Rejected(
                DeadLetterReason.INCIDENT_TOO_LARGE, "with what it absorbed its state would be too large"
            )
        self._count("absorbed")
        if absorb(incident, event.sender, event.offset, package):
            incident.size += growth
            incident.last_offset = offset
            if incident.first_offset < 0:
                incident.first_offset = offset

    # Time

    def _clock_record(self, event: Any, latest: Micros) -> None:
        desk = self._desk(event.agency_id)
        if event.source_id not in desk.sources:
            raise Rejected(
                DeadLetterReason.UNKNOWN_SOURCE, f"{event.agency_id} lists no source {event.source_id!r}"
            )
        time = micros(event.time)
        if time > latest:
            raise Rejected(
                DeadLetterReason.IN_THE_FUTURE, "a clock more than an hour ahead of when it was appended"
            )
        self._count("clock_records")
        if desk.hear(event.source_id, time) and desk.clock is not None:
            desk.watch.tick(desk.clock)

    def _spoken_of(self, desk: Desk, incident: Incident) -> None:
        """An event is about to be joined: the clocks before it look first, and the next one will."""
        if incident.incident_id in desk.watch.pending:
            desk.watch.see(keys.incident_key(desk.agency.id, incident.incident_id), incident, desk.handbook)
        desk.watch.spoken.add(incident.incident_id)

    def _look(self, desk: Desk) -> None:
        """Make all looks that are pending, each as of its clock.

        A clock sees the events before it and none after it, wherever a batch ends.
        """
        watch = desk.watch
        for incident_id in sorted(watch.pending):
            key = keys.incident_key(desk.agency.id, incident_id)
            held = self._held.get(key)
            if held is None:
                del watch.pending[incident_id]
                continue
            incident = self._held[key] = packing.unpack(held) if isinstance(held, bytes) else held
            watch.see(key, incident, desk.handbook)
        self._tell_breaches(desk)

    def _flush(self, desk: Desk) -> None:
        """Write the records of what was touched or has fallen due, then the agency's clock itself.

        Once a batch, when all of it is joined: what a backlog answers itself is never told otherwise on the
            way.
        """
        self._emit_touched(desk)
        self._look(desk)
        desk.watch.written()
        left = self._layout.at_once
        while left > 0 and (key := desk.fallen_due()) is not None:
            left -= self._see_to(desk, key)
        self._emit_touched(desk)
        if not desk.waits():
            self._tell(desk)

    def _see_to(self, desk: Desk, key: str) -> int:
        """Evict or close by rule what the clock has reached.

        Schedule it anew where it has been spoken of since. Says of how many incidents that writes records.
        """
        held = self._held.get(key)
        if held is None or desk.clock is None:
            return 0
        due = packing.header(held)[0] if isinstance(held, bytes) else held.due
        if due > desk.clock:
            desk.schedule(key, due)
            return 0
        if self._outlived(desk, held):
            return self._evict(desk, key)
        incident = packing.unpack(held) if isinstance(held, bytes) else held
        self._held[key] = incident
        desk.touched[incident.incident_id] = (incident, {INCIDENT})
        return 1

    def _outlived(self, desk: Desk, held: Incident | bytes) -> bool:
        """Whether an incident's state is past its time by the agency's clock, whatever was done about it."""
        if isinstance(held, bytes):
            due, ended = packing.header(held)
            return ended and desk.clock is not None and due <= desk.clock
        if held.last_occurred >= desk.oldest or desk.clock is None:
            return False
        facts = combined(held, holdings_of(held))
        return self._evict_at(facts.last_occurred, facts.last_recorded) <= desk.clock

    def _evict_at(self, last_occurred: Micros, last_recorded: Micros) -> Micros:
        return max(last_occurred + self._layout.keep, last_recorded + SILENCE)

    def _evict(self, desk: Desk, key: str) -> int:
        """Let a state go; where the clock leapt over its closing by rule as well, that is written first.

        Returns:
            1 where it is, else 0.
        """
        self._look(desk)
        held = self._held[key]
        ended = packing.header(held)[1] if isinstance(held, bytes) else held.ended
        if not ended:
            incident = packing.unpack(held) if isinstance(held, bytes) else held
            self._emit_touched(desk, {incident.incident_id: (incident, {INCIDENT})})
        desk.watch.schedule(key, NEVER)
        desk.watch.spoken.discard(keys.unpart(key.split("/", 1)[1]))
        del self._held[key]
        self._changed[key] = None
        self._count("evicted")
        return 0 if ended else 1

    # Records

    def _emit_touched(self, desk: Desk, touched: dict[str, Touched] | None = None) -> None:
        """Write the records and states of what was touched, by default all of it, and empty it."""
        if touched is None:
            touched = desk.touched
        if not touched:
            return
        layout, handbook = self._layout, desk.handbook
        to = keys.agency_partition(desk.agency.id, layout.result_partitions)
        incidents = self._out.setdefault((layout.incidents, to), [])
        responses = self._out.setdefault((layout.responses, to), [])
        encounters = self._out.setdefault((layout.encounters, to), [])
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
                self._forward(incident)
            self._keep(desk, emitted.key, incident, emitted)
        touched.clear()
        self._count("records_out", len(incidents) + len(responses) + len(encounters) - before)

    def _tell_breaches(self, desk: Desk) -> None:
        """Write the breaches that changed, and the states that remember them unless they are written anyway.

        An incident that was looked at is held open until it is written.
        """
        watch = desk.watch
        for key, (incident, parts) in watch.changed.items():
            self._tell_of(desk, key, incident, parts)
            if incident.incident_id in desk.touched:
                continue
            # One that was let go since is not to come back for having been looked at.
            if parts or self._held.get(key) is incident:
                self._changes(desk, key, incident)
        watch.changed.clear()
        self._tell_failed(desk)

    def _tell_of(self, desk: Desk, key: str, incident: Incident, parts: set[str]) -> None:
        """Write the breaches of one incident that changed."""
        if not parts:
            return
        to = keys.agency_partition(desk.agency.id, self._layout.result_partitions)
        out = self._out.setdefault((self._layout.breaches, to), [])
        for part in sorted(parts):
            name, record = record_of(key, incident, part, self._partition)
            out.append((name.encode(), records.encode(record)))
        self._count("records_out", len(parts))

    def _keep(self, desk: Desk, key: str, incident: Incident, emitted: Emitted) -> None:
        """Remember when it is due, write its state, and pack it once it has ended."""
        self._open += incident.ended - emitted.over
        incident.ended = emitted.over
        if emitted.over:
            incident.due = self._evict_at(emitted.last_occurred, emitted.last_recorded)
        else:
            incident.due = emitted.last_recorded + SILENCE
        desk.schedule(key, incident.due)
        watch = desk.watch
        if incident.incident_id in watch.pending and not watch.spare(key, incident, emitted):
            watch.see(key, incident, desk.handbook, emitted)
        told = watch.changed.pop(key, None)
        if told is not None:
            self._tell_of(desk, key, *told)
        watch.keep(key, incident, emitted)
        self._changes(desk, key, incident)

    def _forward(self, incident: Incident) -> None:
        """Send the incident's state to the one it was merged into; an empty one to where it no longer is.

        An empty one also to all that this batch named on the way: an earlier run of it may have ended there,
        been read (sources are read uncommitted) and aborted, and where a batch ends must change nothing.
        """
        target = merged_into(incident)
        named = self._named.pop((incident.agency_id, incident.incident_id), set())
        for other in sorted({incident.sent_to, *named} - {target, incident.incident_id, ""}):
            self._send_absorbed(incident, other, "")
        if incident.sent_to != target:
            incident.sent_to, incident.sent_digest = "", b""
        if not target:
            return
        package = packing.pack_package(package_for(incident, target, holdings_of(incident)))
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

    def _tell(self, desk: Desk) -> None:
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
            self._out.setdefault((topic, to), []).append(pair)

    # Sends

    def _bury(
        self, value: bytes | None, offset: int, append_ms: int, reason: DeadLetterReason, detail: str
    ) -> None:
        """Keep what could not be joined, untouched, with its reason and origin."""
        self._count("arrived")
        self._count(f"dead:{reason.value}")
        key = f"{self._layout.events}/{self._partition}/{offset}"
        self._dead.append(((key.encode(), value or b""), self._headers(offset, append_ms, reason, detail)))

    def _headers(self, offset: int, append_ms: int, reason: DeadLetterReason, detail: str) -> Headers:
        return (
            ("reason", reason.value.encode()),
            ("detail", detail[:500].encode(errors="replace")),
            ("topic", self._layout.events.encode()),
            ("partition", str(self._partition).encode()),
            ("offset", str(offset).encode()),
            ("append_ms", str(append_ms).encode()),
        )

    def _tell_failed(self, desk: Desk) -> None:
        """Tell of looks that a defect of ours ended, under the key of the incident: no event was lost by it.

        So it is a dead letter without a body, and no event of the count law.
        """
        for key, offset, defect in desk.watch.failed:
            self._count("looks_failed")
            detail = f"a look at the clocks of {key}: {defect}"
            headers = self._headers(offset, self._last_event_ms, DeadLetterReason.INTERNAL, detail)
            self._dead.append(((key.encode(), b""), headers))
        desk.watch.failed.clear()

    def _collect(self) -> list[Send]:
        """What is to be sent at once."""
        layout = self._layout
        sends = [Send(topic, partition, pairs) for (topic, partition), pairs in self._out.items() if pairs]
        if self._dead:
            pairs, headers = zip(*self._dead, strict=True)
            sends.append(Send(layout.dead_letters, self._partition, list(pairs), list(headers)))
        if self._joined:
            self._count("arrived", self._joined)
            self._count("joined", self._joined)
            self._joined = 0
        self._out, self._dead = {}, []
        return sends
