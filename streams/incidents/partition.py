"""One partition of stage one: a batch of ``incident.events`` in, records, states and dead letters out.

Pure: the same batches give the same sends. Time comes in as clock records; each agency has its own.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import astuple

from schemas import keys, records
from schemas.agency import Agency
from schemas.decoding import AGENCY_ID, INCIDENT_ID, SIMULATED, Absorbed, Clock, Merge, Undecodable
from schemas.times import HOUR, Micros, micros
from schemas.vocabulary import DeadLetterReason
from streams.incidents import packing
from streams.incidents.desk import Desk, Touched
from streams.incidents.door import Rejected, Said, decoded, join, judged, stranger
from streams.incidents.due import Due
from streams.incidents.forwarding import Forwarding
from streams.incidents.health import Health
from streams.incidents.joining import absorb
from streams.incidents.layout import Layout
from streams.incidents.milestones import seems_over
from streams.incidents.outbox import Outbox
from streams.incidents.state import INCIDENT, NEVER, SIZE_LIMIT
from streams.incidents.store import Store
from streams.incidents.writing import Writer
from streams.stage import RecordBatch, Send

_POSITION_KEY: Final = b"position"
_FUTURE: Final = HOUR
"""How far ahead of its append time an event may claim to be."""

# What each event asks for, as constants of this module: compiled code finds those at once.
_ASTUPLE: Final = astuple
_CLOCK: Final = Clock
_ABSORBED: Final = Absorbed
_MERGE: Final = Merge

_STRETCH: Final = 400
"""Events of a large batch after which what seems over is written: states of so many and what was made of them
fit a processor's cache, and those of a whole fetch do not."""


class Partition:
    """The logic of one partition (``streams.stage.Logic``)."""

    def __init__(self, partition: int, layout: Layout, agencies: dict[str, Agency]) -> None:
        self._partition = partition
        self._layout = layout
        self._place_key = layout.place_key  # asked with each event, and a named tuple is slow to ask
        self._desks = {agency_id: Desk(agency, layout.keep) for agency_id, agency in agencies.items()}
        self._desk: Desk | None = None  # that of the event before: most follow one of the same agency
        self._next = 0
        self._told_next = -1
        self._store = Store()
        self._health = Health(partition, layout)
        self._outbox = Outbox(partition, layout)
        self._forwarding = Forwarding(partition, layout, self._outbox)
        self._writer = Writer(partition, layout, self._store, self._outbox, self._forwarding, self._health)
        self._due = Due(self._store, self._writer, self._health)

    # Recovery

    def load(self, batch: RecordBatch) -> None:
        """Take records of the changelog."""
        store = self._store
        for key, value in zip(batch.keys, batch.values, strict=True):
            if key != _POSITION_KEY:
                store.load(key or b"", value)
            elif value is not None:
                self._load_position(packing.unpack_position(value))

    def _load_position(self, position: packing.Position) -> None:
        self._next = position.next_offset
        self._health.counters = dict(position.counters)
        for agency_id, desk in self._desks.items():
            desk.clocks = dict(position.clocks.get(agency_id, {}))
            desk.told = position.told.get(agency_id)
            desk.move(desk.least())

    def loaded(self) -> dict[str, int]:
        """Recovery is over: schedule what is held.

        An agency no longer listed keeps its states until it is again.
        """
        store = self._store
        for key, value in store.held.items():
            assert isinstance(value, bytes)
            due, ended = packing.header(value)
            store.unended += not ended
            desk = self._desks.get(keys.unpart(key.split("/", 1)[0]))
            if desk is not None:
                desk.schedule(key, due)
                desk.watch.schedule(key, packing.wake_of(value))
        return {self._layout.events: self._next} if self._next else {}

    def sweep(self) -> None:
        """Nothing: it reads none of its own results."""

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
                    self._write_what_seems_over()
                    room = _STRETCH
                room -= 1
                try:
                    event = decoded(value)
                    kind = type(event)
                    if kind is _CLOCK:
                        self._clock_record(event, latest)
                    elif kind is _ABSORBED:
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
            self._health.last_event_ms = append_ms
        for desk in self._desks.values():
            self._flush(desk)
        self._next = batch.end
        return self._collect()

    def _bury(
        self, value: bytes | None, offset: int, append_ms: int, reason: DeadLetterReason, detail: str
    ) -> None:
        self._health.count_dead(reason)
        self._outbox.bury(value, offset, append_ms, reason, detail)

    def _write_what_seems_over(self) -> None:
        """Write the records of incidents that seem over, while the processor still has them at hand.

        As if the batch had ended here for them; one that is spoken of again is written again.
        """
        for desk in self._desks.values():
            over = {name: known for name, known in desk.touched.items() if seems_over(known[0])}
            for name in over:
                del desk.touched[name]
            self._writer.write(desk, over)

    def _flush(self, desk: Desk) -> None:
        """Write the records of what was touched or has fallen due, then the agency's clock itself.

        Once a batch, when all of it is joined: what a backlog answers itself is never told otherwise on the
            way.
        """
        self._writer.write(desk)
        self._due.look(desk)
        desk.watch.written()
        left = self._layout.at_once
        while left > 0 and (key := desk.fallen_due()) is not None:
            left -= self._due.see_to(desk, key)
        self._writer.write(desk)
        if not desk.waits():
            self._writer.write_clock(desk)

    def _collect(self) -> list[Send]:
        """What is to be sent at once."""
        self._health.count_joined()
        return self._outbox.collect()

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
        states = self._store.changes()
        if not states and self._next == self._told_next:
            return []
        position = packing.Position(
            packing.FORMAT,
            self._next,
            {agency_id: desk.clocks for agency_id, desk in self._desks.items() if desk.clocks},
            {agency_id: desk.told for agency_id, desk in self._desks.items() if desk.told is not None},
            self._health.counters,
        )
        states.append((_POSITION_KEY, packing.pack_position(position)))
        self._told_next = self._next
        return [Send(self._layout.changelog, self._partition, states)]

    def tick(self) -> list[list[Send]]:
        """What this partition has done so far, for whoever watches the pipeline."""
        clocks = {name: desk.clock for name, desk in self._desks.items() if desk.clock is not None}
        health = self._health.record(self._next, clocks, len(self._store.held), self._store.unended)
        key = f"incidents/{self._partition}"
        partition = keys.partition_of(key, self._layout.result_partitions)
        return [[Send(self._layout.health, partition, [(key.encode(), records.encode(health))])]]

    # Events

    def _join(self, event: Any, offset: int, latest: Micros) -> None:
        """Join one event into its incident, which is from now on touched by this batch.

        Raises:
            Rejected: the event cannot be accepted.
        """
        said: Said = _ASTUPLE(event)
        agency_id: str = said[AGENCY_ID]
        desk = self._desk
        if desk is None or desk.id != agency_id:
            desk = self._desk = self._desks.get(agency_id)
            if desk is None:
                raise stranger(agency_id)
        unit, occurred, recorded = judged(event, said, desk, latest)
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
            desk.spoken_of(incident)
        if occurred > incident.last_occurred:
            incident.last_occurred = occurred
        if recorded > incident.last_recorded:
            incident.last_recorded = recorded
        incident.last_offset = offset
        if incident.first_offset < 0:
            incident.first_offset = offset
        if said[SIMULATED]:
            incident.simulated = True
        kind = type(event)
        if kind is _MERGE:
            self._forwarding.name(desk.agency.id, incident_id, event.merged_into or "")
        grown = join(incident, unit, event, said, occurred, recorded, self._place_key)
        if grown:
            incident.size = size + grown
        self._health.joined += 1

    def _hold(self, desk: Desk, incident_id: str) -> Touched:
        """The incident, opened if it was packed, made if it is new; from now on touched by this batch."""
        agency_id, store = desk.agency.id, self._store
        key = keys.incident_key(agency_id, incident_id)
        known = desk.touched.get(incident_id)
        if known is not None:
            if not desk.outlived(known[0]):
                return known
            self._writer.write(desk)
        held = store.held.get(key)
        if held is not None and desk.outlived(held):
            # Evicted when it is spoken of, its records written before: where a batch ends changes nothing.
            self._due.evict(desk, key)
        incident = store.opened(key)
        if incident is None:
            if keys.partition_of(key, self._layout.partitions) != self._partition:
                raise Rejected(
                    DeadLetterReason.WRONG_PARTITION, f"{key} does not belong to partition {self._partition}"
                )
            incident = store.begin(key, agency_id, incident_id)
        touched = desk.touched[incident_id] = (incident, set[str]())
        return touched

    def _absorbed(self, event: Any, offset: int) -> None:
        desk = self._desks.get(event.agency_id)
        if desk is None:
            raise stranger(event.agency_id)
        try:
            package = packing.unpack_package(event.state)
        except ValueError as exc:
            raise Rejected(DeadLetterReason.INVALID, str(exc)) from exc
        if not 0 <= event.offset < NEVER:
            raise Rejected(DeadLetterReason.INVALID, "its offset is none of a log's")
        if not package and keys.incident_key(event.agency_id, event.incident_id) not in self._store.held:
            self._health.count("absorbed")
            return
        incident, units = self._hold(desk, event.incident_id)
        units.add(INCIDENT)
        desk.spoken_of(incident)
        known = incident.absorbed.get(event.sender)
        growth = len(event.state) - (len(packing.pack_package(known[1])) if known is not None else 0)
        if incident.size + growth > 2 * SIZE_LIMIT:
            raise Rejected(
                DeadLetterReason.INCIDENT_TOO_LARGE, "with what it absorbed its state would be too large"
            )
        self._health.count("absorbed")
        if absorb(incident, event.sender, event.offset, package):
            incident.size += growth
            incident.last_offset = offset
            if incident.first_offset < 0:
                incident.first_offset = offset

    # Time

    def _clock_record(self, event: Any, latest: Micros) -> None:
        desk = self._desks.get(event.agency_id)
        if desk is None:
            raise stranger(event.agency_id)
        if event.source_id not in desk.sources:
            raise Rejected(
                DeadLetterReason.UNKNOWN_SOURCE, f"{event.agency_id} lists no source {event.source_id!r}"
            )
        time = micros(event.time)
        if time > latest:
            raise Rejected(
                DeadLetterReason.IN_THE_FUTURE, "a clock more than an hour ahead of when it was appended"
            )
        self._health.count("clock_records")
        if desk.hear(event.source_id, time) and desk.clock is not None:
            desk.watch.tick(desk.clock)
