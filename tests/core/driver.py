"""Both stages without Kafka: an in-memory log of everything, and their logic run over it.

A toy of what the transport promises, and no more: each partition of each topic is a log with offsets, a
batch's sends are committed together or not at all, absorbed states go back into the log, a restart knows
the committed changelog alone, live readers of results may see what was aborted. A ``Plan`` says how the
same events are dealt out: in how many partitions, in batches of what size, with what crashes. The laws are
that no plan makes a difference.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

from schemas import keys, records
from schemas.agency import Agency
from schemas.records import (
    BreachRecord,
    DiversionRecord,
    EncounterRecord,
    FigureRecord,
    HealthRecord,
    IncidentRecord,
    ResponseRecord,
    UnitRecord,
)
from schemas.times import DAY, Micros, iso
from streams.agency.partition import Layout as AgencyLayout
from streams.agency.partition import Partition as AgencyPartition
from streams.agency.partition import needed_from, place_of_health
from streams.incidents.layout import Layout as IncidentsLayout
from streams.incidents.partition import Partition as IncidentsPartition
from streams.stage import Headers, Logic, RecordBatch, Send

EVENTS, RESPONSES, INCIDENTS = "incident.events", "responses.g1", "incidents.g1"
BREACHES = "breaches.g1"
CHANGELOG, HEALTH, DEAD = "incidents.changelog.g1", "health.g1", "dead.letters"
ENCOUNTERS, PLACE_KEY = "encounters.g1", "a secret of the tests"
READ_BY_TWO = (RESPONSES, INCIDENTS, ENCOUNTERS)
FIGURES, HISTORY, UNITS = "figures.g1", "figures.history.g1", "units.g1"

LONG_AFTER_MS = 4_102_444_800_000
"""2100-01-01, in ms.

Where nothing else is said, events are appended then, so that none lies in the future.
"""

DIVERSION = "/diversion/-/"

Record = ResponseRecord | IncidentRecord
AnyRecord = Record | EncounterRecord
Event = Mapping[str, Any]
TIMES = ("occurred_at", "recorded_at", "was", "time")


def to_json(event: Event, agency_id: str = "town") -> bytes:
    """An event in the reference's shape (integer times, None for absent) as a source would write it."""
    body = {name: value for name, value in event.items() if value is not None or name == "attributes"}
    body.setdefault("agency_id", agency_id)
    for name in TIMES:
        if isinstance(body.get(name), int):
            body[name] = iso(body[name])
    return json.dumps(body).encode()


def clock(time: Micros, agency_id: str = "town", source_id: str = "cad") -> dict[str, Any]:
    """A clock record, in the same shape."""
    return {"kind": "clock", "agency_id": agency_id, "source_id": source_id, "time": time}


@dataclass(frozen=True)
class Plan:
    """How events are dealt out.

    Attributes:
        partitions: of ``incident.events``; ``result_partitions`` of every result topic.
        sizes: of batches, taken in turn.
        crash_after: batches (counted over all partitions) that are lost: worked out, seen by live readers,
            never committed; the partition then starts anew from its changelog.
        restart_after: batches after which the partition starts anew, with nothing lost.
        compacted: whether recovery finds the changelog compacted.
        gaps: whether offsets have holes, as transaction markers make them.
        tick_every: batches of a stage between its ticks.
        told_every: batches of stage two between two times that it is asked what they changed.
        last_first: whether the last partition takes its turn first.
        at_once: how many incidents a clock closes by rule at one go.
    """

    partitions: int = 1
    result_partitions: int = 1
    sizes: tuple[int, ...] = (1_000_000,)
    crash_after: frozenset[int] = frozenset()
    restart_after: frozenset[int] = frozenset()
    compacted: bool = False
    gaps: bool = False
    tick_every: int = 1_000_000
    told_every: int = 1
    last_first: bool = False
    at_once: int = 5_000


class Kept(NamedTuple):
    """One record of a log."""

    offset: int
    key: bytes
    value: bytes | None
    append_ms: int
    committed: bool
    headers: Headers | None


class Log:
    """One topic-partition."""

    def __init__(self, *, gaps: bool = False) -> None:
        self.kept: list[Kept] = []
        self.end = 0
        self._gaps = gaps

    def append(
        self,
        key: bytes,
        value: bytes | None,
        append_ms: int,
        *,
        committed: bool = True,
        headers: Headers | None = None,
    ) -> int:
        """Append a record; returns its offset. With gaps a marker stands before every third."""
        if self._gaps and len(self.kept) % 3 == 2:
            self.end += 1
        self.kept.append(Kept(self.end, key, value, append_ms, committed, headers))
        self.end += 1
        return self.end - 1

    def batch(self, topic: str, partition: int, begin: int, size: int) -> RecordBatch:
        """What a fetch of at most ``size`` records from an offset brings."""
        first = bisect_left(self.kept, begin, key=lambda kept: kept.offset)
        found = self.kept[first : first + size]
        batch = RecordBatch(topic, partition, begin)
        batch.values = [kept.value for kept in found]
        batch.keys = [kept.key for kept in found]
        batch.offsets = [kept.offset for kept in found]
        for count, kept in enumerate(found, 1):
            if batch.stamps and batch.stamps[-1][1] == kept.append_ms:
                batch.stamps[-1] = (count, kept.append_ms)
            else:
                batch.stamps.append((count, kept.append_ms))
        batch.end = self.end if first + size >= len(self.kept) else found[-1].offset + 1
        return batch


def _batch(topic: str, partition: int, kept: Sequence[Kept]) -> RecordBatch:
    """Records of a log, as recovery reads them."""
    batch = RecordBatch(topic, partition, kept[0].offset if kept else 0)
    batch.keys, batch.values = [k.key for k in kept], [k.value for k in kept]
    batch.end = kept[-1].offset + 1 if kept else 0
    return batch


class Floor:
    """Both stages over their logs.

    Attributes:
        logs: (topic, partition) to its log.
        batches: how many were worked out so far, by stage one and by stage two.
        rounds: how often stage one went over all its partitions until nothing was left; more than
            ``rounds_max`` means that absorbed states go to and fro without end.
    """

    def __init__(
        self, agencies: dict[str, Agency], plan: Plan | None = None, *, keep: Micros = 40 * DAY
    ) -> None:
        self.plan = plan or Plan()
        self.agencies = agencies
        self.logs: dict[tuple[str, int], Log] = {}
        self.batches = [0, 0]
        self.rounds_max = 100_000
        self.sizes: list[Iterator[int]] = [cycle(self.plan.sizes), cycle(self.plan.sizes)]
        self._one_layout = IncidentsLayout(
            EVENTS,
            RESPONSES,
            INCIDENTS,
            BREACHES,
            CHANGELOG,
            HEALTH,
            DEAD,
            self.plan.partitions,
            self.plan.result_partitions,
            keep,
            encounters=ENCOUNTERS,
            place_key=PLACE_KEY,
            at_once=self.plan.at_once,
        )
        self._two_layout = AgencyLayout(
            RESPONSES,
            INCIDENTS,
            FIGURES,
            HISTORY,
            UNITS,
            HEALTH,
            self.plan.result_partitions,
            encounters=ENCOUNTERS,
        )
        self.one = [self._start_one(p) for p in range(self.plan.partitions)]
        self._read = [0] * self.plan.partitions
        self.two = [self._start_two(p) for p in range(self.plan.result_partitions)]
        self._read_two: dict[tuple[str, int], int] = {}

    def log(self, topic: str, partition: int) -> Log:
        """The log of one topic-partition."""
        found = self.logs.get((topic, partition))
        if found is None:
            found = self.logs[topic, partition] = Log(gaps=self.plan.gaps)
        return found

    def committed(self, topic: str) -> list[Kept]:
        """All committed records of a topic, partition by partition."""
        return [
            k
            for (name, _), log in sorted(self.logs.items())
            if name == topic
            for k in log.kept
            if k.committed
        ]

    # In

    def send(self, events: Iterable[Event], *, append_ms: int = LONG_AFTER_MS) -> None:
        """Write events to the partitions they belong to; clocks go to every one."""
        for event in events:
            agency_id = event.get("agency_id", "town")
            value = to_json(event)
            if event["kind"] == "clock":
                for partition in range(self.plan.partitions):
                    self.log(EVENTS, partition).append(agency_id.encode(), value, append_ms)
                continue
            self.put(value, keys.incident_key(agency_id, event["incident_id"]), append_ms)

    def put(self, value: bytes | None, key: str, append_ms: int = LONG_AFTER_MS) -> None:
        """Write raw bytes to the partition of a key."""
        partition = keys.partition_of(key, self.plan.partitions)
        self.log(EVENTS, partition).append(key.encode(), value, append_ms)

    # Stage one

    def _start_one(self, partition: int) -> Logic:
        return IncidentsPartition(partition, self._one_layout, self.agencies)

    def restart_one(self, partition: int) -> None:
        """Start a partition anew from its committed changelog; nothing else survives."""
        logic = self._start_one(partition)
        changes = [kept for kept in self.log(CHANGELOG, partition).kept if kept.committed]
        if self.plan.compacted:
            latest = {kept.key: kept.offset for kept in changes}
            changes = [kept for kept in changes if latest[kept.key] == kept.offset]
        logic.load(_batch(CHANGELOG, partition, changes))
        self._read[partition] = logic.loaded().get(EVENTS, 0)
        self.one[partition] = logic

    def run_one(self) -> None:
        """Let stage one read its logs to their ends, absorbed states included."""
        order = list(range(self.plan.partitions))
        self.rounds = 0
        while any(self._read[p] < self.log(EVENTS, p).end for p in order):
            self.rounds += 1
            assert self.rounds < self.rounds_max, "absorbed states go to and fro without end"
            for partition in reversed(order) if self.plan.last_first else order:
                self.step_one(partition, next(self.sizes[0]))

    def step_one(self, partition: int, size: int) -> None:
        """One batch of one partition, and what the plan has in store for it."""
        if self._read[partition] >= self.log(EVENTS, partition).end:
            return
        batch = self.log(EVENTS, partition).batch(EVENTS, partition, self._read[partition], size)
        lost = self.batches[0] in self.plan.crash_after
        again = self.batches[0] in self.plan.restart_after
        self.batches[0] += 1
        self._keep(self.one[partition].apply(batch), committed=not lost)
        while rest := list(self.one[partition].rest()):
            self._keep(rest, committed=not lost)
        self._keep(self.one[partition].told(), committed=not lost)
        if lost or again:
            self.restart_one(partition)
            return
        self._read[partition] = batch.end
        if self.batches[0] % self.plan.tick_every == 0:
            self._tick(self.one[partition])

    def _keep(self, sends: Iterable[Send], *, committed: bool = True) -> None:
        """Append what a batch gave; what was aborted too, for sources and results are read uncommitted."""
        for send in sends:
            log = self.log(send.topic, send.partition)
            headers: Sequence[Headers | None] = send.headers or [None] * len(send.pairs)
            for (key, value), header in zip(send.pairs, headers, strict=True):
                log.append(key, value, LONG_AFTER_MS, committed=committed, headers=header)

    def _tick(self, logic: Logic) -> None:
        """What was put off, and what is told before a commit."""
        for part in logic.tick():
            self._keep(part)
        self._keep(logic.told())

    # Stage two

    def _start_two(self, partition: int) -> Logic:
        return AgencyPartition(partition, self._two_layout, self.agencies)

    def restart_two(self, partition: int = 0, *, whole: bool = False) -> None:
        """Start a partition of stage two anew: it reads its result topics, then its own figures.

        Args:
            partition: which.
            whole: all of the result topics, not from where the life before said on.
        """
        logic = self._start_two(partition)
        needed = {} if whole else self.needed_from(partition)
        for topic in (*READ_BY_TWO, FIGURES):
            kept = [kept for kept in self.log(topic, partition).kept if kept.committed]
            latest = {k.key: k.offset for k in kept} if self.plan.compacted else {}
            first = needed.get(topic, 0)
            read = [k for k in kept if latest.get(k.key, k.offset) == k.offset and k.offset >= first]
            for at in range(0, len(read), 20):
                logic.load(_batch(topic, partition, read[at : at + 20]))
            self._read_two[topic, partition] = self.log(topic, partition).end
        logic.loaded()
        logic.sweep()
        self.two[partition] = logic

    def needed_from(self, partition: int) -> dict[str, int]:
        """From where on a partition of stage two needs its topics, as its health says."""
        of, key = place_of_health(partition, self.plan.result_partitions)
        said = [kept.value for kept in self.log(HEALTH, of).kept if kept.committed and kept.key == key]
        return needed_from(said[-1] or b"", self.agencies) if said else {}

    def run_two(self) -> None:
        """Let stage two read the results to their ends, and tick."""
        for partition in range(self.plan.result_partitions):
            while self._behind(partition):
                for topic in READ_BY_TWO:
                    self._step_two(topic, partition, next(self.sizes[1]))
            self.tick_two(partition)

    def catch_up(self) -> None:
        """Let stage two read what it has not."""
        if any(map(self._behind, range(self.plan.result_partitions))):
            self.run_two()

    def _behind(self, partition: int) -> bool:
        return any(
            self._read_two.get((topic, partition), 0) < self.log(topic, partition).end
            for topic in READ_BY_TWO
        )

    def _step_two(self, topic: str, partition: int, size: int) -> None:
        log, begin = self.log(topic, partition), self._read_two.get((topic, partition), 0)
        if begin >= log.end:
            return
        batch = log.batch(topic, partition, begin, size)
        self._keep(self.two[partition].apply(batch))
        while rest := list(self.two[partition].rest()):
            self._keep(rest)
        self._read_two[topic, partition] = batch.end
        self.batches[1] += 1
        if self.batches[1] % self.plan.told_every == 0:
            self._keep(self.two[partition].told())
        if self.batches[1] % self.plan.tick_every == 0:
            self.tick_two(partition)

    def tick_two(self, partition: int = 0) -> None:
        """What stage two put off."""
        self._tick(self.two[partition])

    # Whole runs

    def join(self, events: Iterable[Event] = ()) -> Floor:
        """Write events and let stage one read everything; stage two reads on where a figure is asked for."""
        self.send(events)
        self.run_one()
        return self

    def run(self, events: Iterable[Event] = (), *, append_ms: int = LONG_AFTER_MS) -> Floor:
        """Write events, let both stages read everything. Returns itself."""
        self.send(events, append_ms=append_ms)
        self.run_one()
        self.run_two()
        return self

    # Out

    def records(self) -> dict[str, Record]:
        """The final records: of each key the highest revision, void ones left out."""
        return {key: record for key, record in self.all_records().items() if record.state != "void"}

    def all_records(self) -> dict[str, Record]:
        """The final records, void ones among them."""
        found: dict[str, Record] = {}
        for topic in (RESPONSES, INCIDENTS):
            for kept in self.committed(topic):
                assert kept.value is not None
                record = records.decode_result(kept.value)
                if isinstance(record, records.ClockRecord):
                    continue
                key = kept.key.decode()
                if key not in found or record.revision >= found[key].revision:
                    found[key] = record
        return found

    def incident(self, incident_id: str, agency_id: str = "town") -> IncidentRecord:
        """The final record of an incident."""
        record = self.all_records()[keys.incident_key(agency_id, incident_id)]
        assert isinstance(record, IncidentRecord)
        return record

    def response(
        self, incident_id: str, unit: str, ordinal: int = 1, agency_id: str = "town"
    ) -> ResponseRecord:
        """The final record of a response."""
        record = self.all_records()[keys.response_key(agency_id, incident_id, unit, ordinal)]
        assert isinstance(record, ResponseRecord)
        return record

    def breaches(self) -> dict[str, BreachRecord]:
        """The final breaches: of each key the highest revision."""
        found: dict[str, BreachRecord] = {}
        for kept in self.committed(BREACHES):
            assert kept.value is not None
            record = records.decode_breach(kept.value)
            key = kept.key.decode()
            if isinstance(record, BreachRecord) and (
                key not in found or record.revision >= found[key].revision
            ):
                found[key] = record
        return found

    def encounters(self) -> dict[str, EncounterRecord]:
        """The final encounters by incident id, void ones left out."""
        found: dict[str, EncounterRecord] = {}
        for kept in self.committed(ENCOUNTERS):
            assert kept.value is not None
            record = records.decode_result(kept.value)
            if not isinstance(record, EncounterRecord):
                continue
            known = found.get(record.incident_id)
            if known is None or record.revision >= known.revision:
                found[record.incident_id] = record
        return {name: record for name, record in sorted(found.items()) if record.state != "void"}

    def comparable_records(self) -> dict[str, bytes]:
        """The final records as bytes, without what says how they came about: revision and source.

        Encounters among them.
        """
        found = {key: comparable(record) for key, record in sorted(self.records().items())}
        return found | {f"encounter {key}": comparable(record) for key, record in self.encounters().items()}

    def figures(self) -> dict[str, FigureRecord]:
        """What stands in ``figures``: the last of each series, tombstones applied.

        Lets stage two read on first, where it has not.
        """
        self.catch_up()
        return {s: records.decode_figure(value) for s, value in self._standing() if DIVERSION not in s}

    def diversion(self) -> dict[str, DiversionRecord]:
        """The diversion figures that stand in ``figures``, by ``window/by/group``."""
        self.catch_up()
        found = ((s, records.decode_diversion(value)) for s, value in self._standing() if DIVERSION in s)
        return {s.split(DIVERSION)[1]: figure for s, figure in found}

    def _standing(self) -> Iterator[tuple[str, bytes]]:
        last = {kept.key.decode(): kept.value for kept in self.committed(FIGURES)}
        return ((series, value) for series, value in last.items() if value is not None)

    def comparable_figures(self) -> dict[str, bytes]:
        """What stands in ``figures`` as bytes, without when it was told and the histogram of the minute."""
        found = {series: comparable_figure(figure) for series, figure in sorted(self.figures().items())}
        for series, figure in sorted(self.diversion().items()):
            figure.as_of = 0
            found[f"diversion {series}"] = records.encode(figure)
        return found

    def history(self) -> list[FigureRecord]:
        """All figures as shown, in order."""
        return [
            records.decode_figure(kept.value)
            for kept in self.committed(HISTORY)
            if kept.value is not None and DIVERSION.encode() not in kept.key
        ]

    def units(self) -> dict[str, UnitRecord]:
        """What stands in ``units``, tombstones applied."""
        self.catch_up()
        latest = {kept.key.decode(): kept.value for kept in self.committed(UNITS)}
        return {key: records.decode_unit(value) for key, value in latest.items() if value is not None}

    def dead(self) -> list[tuple[str, bytes]]:
        """The dead letters: reason by name, and the bytes."""
        return [(dict(k.headers or ())["reason"].decode(), k.value or b"") for k in self.committed(DEAD)]

    def health(self, partition: int = 0) -> HealthRecord:
        """What a partition of stage one says it has done."""
        ((send,),) = self.one[partition].tick()
        ((_, value),) = send.pairs
        assert value is not None
        return records.decode_health(value)


def comparable(record: AnyRecord) -> bytes:
    """A record's bytes without its revision and source: those say how it came about."""
    copy = records.decode_result(records.encode(record))
    assert not isinstance(copy, records.ClockRecord)
    copy.revision, copy.source = (0, 0), (0, 0, 0)
    return records.encode(copy)


def comparable_figure(figure: FigureRecord) -> bytes:
    """A figure's bytes without when it was told, and without the histogram of the minute."""
    copy = records.decode_figure(records.encode(figure))
    copy.as_of, copy.histogram = 0, {}
    return records.encode(copy)


@dataclass
class Town:
    """Agencies for the tests, made in words."""

    sources: tuple[str, ...] = ("cad",)
    zone: str = "America/Los_Angeles"
    rules: dict[str, Any] = field(default_factory=dict)
    mediation: tuple[dict[str, Any], ...] = ()

    def agency(self, agency_id: str = "town") -> Agency:
        """The agency."""
        return Agency.model_validate(
            {
                "id": agency_id,
                "name": agency_id,
                "time_zone": self.zone,
                "sources": [{"id": source} for source in self.sources],
                "rules": [{"effective_from": "2000-01-01", "targets": NFPA, **self.rules}],
                "mediation": list(self.mediation),
            }
        )


NFPA = (
    {"interval": "turnout", "classes": ["EMS"], "seconds": 60},
    {"interval": "turnout", "classes": ["FIRE"], "seconds": 80},
    {"interval": "travel_first_due", "classes": ["EMS", "FIRE"], "seconds": 240},
    {"interval": "travel_als", "classes": ["EMS", "FIRE"], "seconds": 480},
)
"""The targets the reference program knows."""


def town(**rules: Any) -> dict[str, Agency]:
    """One agency, ``town``, by id; rules of its own beside the targets."""
    return {"town": Town(rules=rules).agency()}
