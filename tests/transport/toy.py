"""A small deterministic stage: it counts, so that an event lost or taken twice shows for ever.

An event is ``key amount``. Of each key the state is how many events, their sum, and the offset of the last;
an output record is that state, its revision the offset. Once a tick each partition puts out how many events
it has seen: work put off, which must be neither lost nor ahead of what the transaction holds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from zlib import crc32

from streams.stage import Headers, Pair, RecordBatch, Send, Stage

POSITION = b"\x00position"
TOTAL = b"total/"
PART = b"part"


@dataclass(frozen=True)
class Toy:
    """Where a toy stage reads and writes, and how it behaves; goes to the worker as JSON.

    Attributes:
        slow_s: seconds of sleep a batch, so that there is time to kill it.
        fat_bytes: size of one more changelog record with each position, for the limits.
        fat_outputs: how many more output records with each batch, and their size.
        headers: whether output records carry one.
        slow_load_s: seconds of sleep a record that recovery reads.
        parts: how many more parts a tick has, a record each, and how long each takes.
        hang_at, fail_at: after how many events it stands still or raises.
    """

    name: str
    sources: tuple[str, ...]
    output: str
    changelog: str | None = None
    out_partitions: int = 3
    read_committed: bool = False
    slow_s: float = 0.0
    fat_bytes: int = 0
    fat_outputs: tuple[int, int] = (0, 0)
    headers: bool = False
    slow_load_s: float = 0.0
    parts: tuple[int, float] = (0, 0.0)
    hang_at: int = -1
    fail_at: int = -1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Toy:
        fields = json.loads(text)
        return cls(**fields | {k: tuple(fields[k]) for k in ("sources", "fat_outputs", "parts")})

    def stage(self) -> Stage:
        """The stage as the transport takes it."""
        return Stage(
            name=self.name,
            sources=self.sources,
            changelog=self.changelog,
            read_committed=self.read_committed,
            wants_keys=self.changelog is None,
            logic=lambda partition: Counting(self, partition),
            start_at="beginning" if self.changelog is not None else "recovered",
        )


Count = list[int]
"""How many, their sum, the offset of the last."""


@dataclass
class Counting:
    """The logic of one partition."""

    toy: Toy
    partition: int
    counts: dict[bytes, Count] = field(default_factory=dict)
    next: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    last: int = -1
    totalled: int = 0
    unsaid: dict[bytes, Count] = field(default_factory=dict)

    # -- recovery

    def load(self, batch: RecordBatch) -> None:
        for key, value in zip(batch.keys, batch.values, strict=True):
            self._load(batch.topic, key or b"", value)

    def _load(self, topic: str, key: bytes, value: bytes | None) -> None:
        if self.toy.slow_load_s:
            time.sleep(self.toy.slow_load_s)
        if topic != self.toy.changelog:
            assert value is not None
            self.join(topic, value, None)
        elif key == POSITION:
            position = json.loads(value or b"{}")
            self.next, self.seen, self.last = position["next"], position["seen"], position["last"]
        elif not key.startswith(b"fat"):
            last, many, total = (value or b"").split(b" ")
            self.counts[key] = [int(many), int(total), int(last)]

    def sweep(self) -> None:
        """Nothing to sweep."""

    def loaded(self) -> dict[str, int]:
        if self.toy.changelog is not None:
            return dict(self.next)
        # What was read may never have been put out: without a changelog nobody knows.
        self.unsaid = dict(self.counts)
        return {}

    # -- live

    def join(self, topic: str, value: bytes, offset: int | None) -> bytes:
        """Count one event. Recovery from sources tells no offsets: there the revision is the count itself."""
        name, amount = value.split(b" ")
        key = topic.encode() + b"/" + name if len(self.toy.sources) > 1 else name
        count = self.counts.get(key)
        if count is None:
            count = self.counts[key] = [0, 0, 0]
        count[0] += 1
        count[1] += int(amount)
        count[2] = count[0] if offset is None else offset
        self.seen += 1
        self.last = self.seen if offset is None else offset
        return key

    def placed(self, positions: dict[str, int]) -> None:
        """The toy needs no more than its own position."""

    def apply(self, batch: RecordBatch) -> list[Send]:
        touched: dict[bytes, Count] = {}
        for value, offset in zip(batch.values, batch.offsets, strict=True):
            assert value is not None
            key = self.join(batch.topic, value, None if self.toy.changelog is None else offset)
            touched[key] = self.counts[key]
        self.next[batch.topic] = batch.end
        if self.toy.slow_s:
            time.sleep(self.toy.slow_s)
        if 0 <= self.toy.hang_at <= self.seen:
            time.sleep(60)
        if 0 <= self.toy.fail_at <= self.seen:
            raise ValueError("this toy was made to fail")
        return self.changed(touched) if touched else []

    def changed(self, touched: Mapping[bytes, Count]) -> list[Send]:
        pairs = [(key, encoded(count)) for key, count in touched.items()]
        sends = []
        if self.toy.changelog is not None:
            position = json.dumps({"next": self.next, "seen": self.seen, "last": self.last}).encode()
            log: list[Pair] = [*pairs, (POSITION, position)]
            if self.toy.fat_bytes:
                log.insert(0, (b"fat", b"x" * self.toy.fat_bytes))
            sends.append(Send(self.toy.changelog, self.partition, log))
        out: dict[int, list[Pair]] = {}
        for key, value in pairs:
            out.setdefault(crc32(key) % self.toy.out_partitions, []).append((key, value))
        many, size = self.toy.fat_outputs
        if many:
            out.setdefault(0, []).extend([(b"fat", b"x" * size)] * many)
        for partition, some in out.items():
            heads: list[Headers] | None = None
            if self.toy.headers:
                heads = [(("n", str(i).encode()),) for i in range(len(some))]
            sends.append(Send(self.toy.output, partition, some, heads))
        return sends

    urgent = False

    def told(self) -> list[Send]:
        return []

    def rest(self) -> list[Send]:
        return []

    def tick(self) -> Iterator[list[Send]]:
        sends, self.unsaid = self.changed(self.unsaid) if self.unsaid else [], {}
        if self.totalled != self.seen:
            self.totalled = self.seen
            total: list[Pair] = [(TOTAL + b"%d" % self.partition, encoded([self.seen, 0, self.last]))]
            sends.append(Send(self.toy.output, 0, total))
        yield sends
        many, each_s = self.toy.parts
        for number in range(many):
            time.sleep(each_s)
            yield [Send(self.toy.output, 0, [(PART, b"%d" % number)])]


def encoded(count: Count) -> bytes:
    """A count as bytes: equal counts are equal bytes."""
    return b"%d %d %d" % (count[2], count[0], count[1])


def revision(value: bytes) -> int:
    """The revision of an output record."""
    return int(value.split(b" ", 1)[0])
