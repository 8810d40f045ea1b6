"""Reading results: whole and committed first, then live and uncommitted; switching when a generation does.

A reader that starts from the beginning reads committed, up to the end it found at the start, and knows that
it is there by its *position*: transaction markers are no records, and a topic may end in one. From there on
it reads uncommitted, so that latency is not the commit's (DESIGN.md, Exactly once). Health alone is read
committed for good: a counter that an aborted transaction raised would fall again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from kafka import KafkaConsumer, TopicPartition

from schemas.errors import BrokerUnreachable, Lost
from schemas.topics import GENERATIONS, RESULTS_OF_STAGE_ONE, topic_name
from sinks.consumers import begins, consumer, ends, partitions

POLL_MS = 250
ABSENT_S = 1.0
"""Between looks at topics that are not there yet."""
PATIENCE_S = 30.0
"""How long a read that should go on may stand still before it is an error."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of result topics, as the topic ``generations`` has it.

    Attributes:
        generation: its number, part of its topics' names.
        status: ``building``, ``current`` or ``retired``.
        edition: the definitions' edition its figures are made under.
    """

    generation: int
    status: str
    partitions: int = 0
    result_partitions: int = 0
    edition: int = 0


class Record(NamedTuple):
    """One record as read; ``topic`` is the name in ``schemas.topics``, without a generation."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    timestamp_ms: int
    headers: list[tuple[str, bytes]]


class Batch(NamedTuple):
    """What one poll brought, often nothing.

    Attributes:
        generation: whose topics were read; None while none is current.
        fresh: the first of a generation: what was read before is of another, or was read from another
        beginning. live: whether all that stood on the topics at the start has been read.
    """

    generation: Generation | None
    fresh: bool
    live: bool
    records: list[Record]


def current_of(generations: Iterable[Generation]) -> Generation | None:
    """The generation that readers use: the current one, the highest while two are."""
    current = [g for g in generations if g.status == "current"]
    return max(current, key=lambda g: g.generation, default=None)


def _text(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "backslashreplace")


def _records(polled: dict[TopicPartition, list[Any]], names: dict[str, str]) -> list[Record]:
    return [
        Record(names[r.topic], r.partition, r.offset, _text(r.key), r.value, r.timestamp, list(r.headers))
        for batch in polled.values()
        for r in batch
    ]


class Reader:
    """Reads topics whole, committed; a context manager around one consumer.

    Raises:
        BrokerUnreachable: no Kafka answers, or it stops answering.
    """

    def __init__(self, bootstrap: str, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._bootstrap = bootstrap
        self._opened = consumer(bootstrap, committed=True)
        self._consumer: KafkaConsumer | None = None
        self.positions: dict[TopicPartition, int] = {}
        """Where the last ``whole`` ended, partition by partition."""

    def __enter__(self) -> Reader:
        self._consumer = self._opened.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._opened.__exit__(*exc)

    def generation(self) -> Generation | None:
        """The current generation, None where no worker has made one."""
        found: dict[str, Generation] = {}
        for records in self.whole([GENERATIONS]):
            _take_generations(found, records)
        return current_of(found.values())

    def whole(
        self, names: Iterable[str], generation: int = 0, only: set[int] | None = None
    ) -> Iterator[list[Record]]:
        """All committed records of those topics, from their beginning to the end they have now.

        Args:
            names: names in ``schemas.topics``.
            generation: of the topics; any, where they have none.
            only: partitions to read, all by default.
        """
        full = {topic_name(name, generation): name for name in names}
        asked = [p for p in partitions(self._consumer, full) if only is None or p.partition in only]
        if not asked:
            self.positions = {}
            return
        reading = self._consumer
        stops = ends(reading, asked)
        self.positions = begins(reading, asked)
        assert reading is not None
        reading.assign(asked)
        for partition, offset in self.positions.items():
            reading.seek(partition, offset)
        moved = time.monotonic()
        while left := [p for p in asked if self.positions[p] < stops[p]]:
            polled = reading.poll(timeout_ms=POLL_MS)
            before = dict(self.positions)
            for partition in left:
                at = reading.position(partition, timeout_ms=1_000)
                self.positions[partition] = before[partition] if at is None else at
            if self.positions != before:
                moved = time.monotonic()
            elif time.monotonic() - moved > self._patience_s:
                raise BrokerUnreachable(
                    f"Kafka at {self._bootstrap} gave nothing of {left[0].topic}/{left[0].partition} for "
                    f"{self._patience_s:.0f} s, at offset {self.positions[left[0]]} of {stops[left[0]]}"
                )
            if polled:
                yield _records(polled, full)

    def snapshot(self, name: str, generation: int = 0, *, wins: Wins | None = None) -> dict[str, bytes]:
        """A compacted topic as a table: of each key the last record, or the one that ``wins``."""
        table: dict[str, bytes] = {}
        for records in self.whole([name], generation):
            fold(table, records, wins)
        return table

    def has(self, names: Iterable[str], generation: int = 0) -> bool:
        """Whether every one of those topics is there."""
        return all(partitions(self._consumer, [topic_name(name, generation)]) for name in names)

    def sizes(self, name: str, generation: int = 0) -> int:
        """How many offsets a topic spans now (transaction markers count); 0 where it is not there."""
        asked = partitions(self._consumer, [topic_name(name, generation)])
        return sum(ends(self._consumer, asked).values()) - sum(begins(self._consumer, asked).values())


class Takes(Protocol):
    """What takes records one batch after the other, such as a table of them."""

    def take(self, records: Iterable[Record], /) -> object:
        """Take records."""


_Table = TypeVar("_Table", bound=Takes)
_Value = TypeVar("_Value")


def filled(table: _Table, reader: Reader, generation: Generation | None, names: Iterable[str]) -> _Table:
    """The table, once it has taken all that stands on those topics now, committed; nothing where none is.

    Args:
        table: what takes them.
        reader: to read with.
        generation: whose topics; None while none is current.
        names: names in ``schemas.topics``.
    """
    if generation is not None:
        for records in reader.whole(names, generation.generation):
            table.take(records)
    return table


class Latest(Generic[_Value]):
    """The last record of each key.

    An unreadable record takes its key away: what it was before is not what it is now.

    Args:
        decode: a record's value to what it says.
    """

    def __init__(self, decode: Callable[[bytes], _Value]) -> None:
        self._decode = decode
        self.figures: dict[str, _Value] = {}
        self.unreadable = 0

    def put(self, record: Record) -> _Value | None:
        """Put a record in its key's place; None: it is a tombstone, or unreadable."""
        self.figures.pop(record.key, None)
        if record.value is None:
            return None
        try:
            value = self._decode(record.value)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return None
        self.figures[record.key] = value
        return value


Wins = Callable[[bytes, bytes], bool]
"""Whether a new value of a key replaces the old one."""


class _Revised(msgspec.Struct):
    revision: tuple[int, int]


_decode_revision = msgspec.json.Decoder(_Revised).decode


def higher_revision(new: bytes, old: bytes) -> bool:
    """The rule of what stage one writes for stage two: the highest revision of a key wins."""
    return _decode_revision(new).revision >= _decode_revision(old).revision


def fold(table: dict[str, bytes], records: Iterable[Record], wins: Wins | None = None) -> None:
    """Join records into a table of the latest of each key; a tombstone removes."""
    for record in records:
        if record.value is None:
            table.pop(record.key, None)
        elif wins is None or record.key not in table or wins(record.value, table[record.key]):
            table[record.key] = record.value


def _take_generations(found: dict[str, Generation], records: Iterable[Record]) -> None:
    for record in records:
        if record.topic != GENERATIONS:
            continue
        if record.value is None:
            found.pop(record.key, None)
            continue
        try:
            found[record.key] = msgspec.json.decode(record.value, type=Generation)
        except msgspec.MsgspecError as exc:
            raise Lost(
                f"generation {record.key!r} on the topic {GENERATIONS} is not readable: {exc}"
            ) from exc


class Follower:
    """Follows topics of the current generation: whole first, then live, and over again with the next.

    Args:
        bootstrap: Kafka's address.
        names: names in ``schemas.topics``.
        committed: whether the live part, too, reads committed alone.
        poll_ms: the longest wait for records; a batch, maybe empty, comes at least that often.
    """

    def __init__(
        self, bootstrap: str, names: Iterable[str], *, committed: bool = False, poll_ms: int = POLL_MS
    ) -> None:
        self._bootstrap = bootstrap
        self._names = tuple(names)
        self._committed = committed
        self._poll_ms = poll_ms
        self._live: KafkaConsumer | None = None

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Batches until ``stop`` is set; at least one every ``poll_ms``.

        Raises:
            BrokerUnreachable: no Kafka answers at the start, or a read of what must be there stands still.
        """
        while not stop.is_set():
            with Reader(self._bootstrap) as reader:
                generation = reader.generation()
                if generation is None:
                    yield Batch(None, fresh=True, live=False, records=[])
                    stop.wait(ABSENT_S)
                    continue
                known = dict(reader.positions)
                if not reader.has(self._names, generation.generation):
                    yield Batch(generation, fresh=True, live=False, records=[])
                    stop.wait(ABSENT_S)
                    continue
                fresh = True
                for records in reader.whole(self._names, generation.generation):
                    yield Batch(generation, fresh, live=False, records=records)
                    fresh = False
                    if stop.is_set():
                        return
                known.update(reader.positions)
            yield Batch(generation, fresh, live=True, records=[])
            yield from self._follow(generation, known, stop)

    def _follow(
        self, generation: Generation, positions: dict[TopicPartition, int], stop: threading.Event
    ) -> Iterator[Batch]:
        """Live, until another generation is current or a topic begins anew."""
        names = {topic_name(name, generation.generation): name for name in (*self._names, GENERATIONS)}
        found = {str(generation.generation): generation}
        with consumer(self._bootstrap, committed=self._committed) as live:
            live.assign(list(positions))
            for partition, offset in positions.items():
                live.seek(partition, offset)
            self._live = live
            try:
                while not stop.is_set():
                    polled = live.poll(timeout_ms=self._poll_ms)
                    if not _went_on(positions, polled):
                        return
                    records = _records(polled, names)
                    _take_generations(found, records)
                    if current_of(found.values()) != generation:
                        return
                    yield Batch(generation, False, True, [r for r in records if r.topic != GENERATIONS])
            finally:
                self._live = None

    def span(self, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
        """First and next offset of each partition of those topics (full names); those not there are left out.

        To be called between batches, by whoever takes them, once they are live.

        Raises:
            BrokerUnreachable: Kafka did not answer in time.
        """
        if self._live is None:
            return {}
        asked = partitions(self._live, topics)
        first, last = begins(self._live, asked), ends(self._live, asked)
        return {(p.topic, p.partition): (first[p], last[p]) for p in asked}


def _went_on(positions: dict[TopicPartition, int], polled: dict[TopicPartition, list[Any]]) -> bool:
    """Move the positions on; False where records begin before them: the topic was made anew."""
    for partition, records in polled.items():
        if records[0].offset < positions[partition]:
            return False
        positions[partition] = records[-1].offset + 1
    return True


def follow(
    bootstrap: str, names: Iterable[str], stop: threading.Event | None = None, *, committed: bool = False
) -> Iterator[Batch]:
    """Follow topics of the current generation: see ``Follower``."""
    return Follower(bootstrap, names, committed=committed).batches(stop or threading.Event())


def snapshot(bootstrap: str, name: str) -> dict[str, bytes]:
    """A topic of the current generation as a table of the latest of each key; empty where none is current.

    Of what stage one writes for stage two the highest revision of a key wins, else the last record.

    Raises:
        BrokerUnreachable: no Kafka answers.
    """
    with Reader(bootstrap) as reader:
        generation = reader.generation()
        if generation is None:
            return {}
        return reader.snapshot(name, generation.generation, wins=wins_of(name))


def wins_of(name: str) -> Wins | None:
    """Which record of a key counts on a topic: None is the last."""
    return higher_revision if name in RESULTS_OF_STAGE_ONE else None
