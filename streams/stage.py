"""The seam between the pure stages and the transport: batches in, sends out, nothing else.

A stage's logic is a plain object, one a partition. The transport gives it what recovery read, then batches in
the order of the log; it gives back what is to be sent. It knows no clock, no Kafka, no asyncio. The transport
knows nothing of incidents. Everything one call returns, and the position it moved to, goes into one
transaction (DESIGN.md, Exactly once).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

Pair = tuple[bytes, bytes | None]
"""Key and value; a value of None is a tombstone."""

Headers = tuple[tuple[str, bytes], ...]


class RecordBatch:
    """What one fetch of one topic-partition brought.

    Attributes:
        begin: the fetch position before it, ``end`` after it: transaction markers and aborted records
            included, so ``end - begin`` may be more than ``len(values)``, which may be 0.
        values: raw values; ``keys`` beside them where the stage wants keys, else empty.
        offsets: one a value; a range where the log has no holes.
        stamps: (values so far, append time in ms since the epoch), one entry a Kafka record batch.
    """

    __slots__ = ("begin", "end", "keys", "offsets", "partition", "stamps", "topic", "values")

    def __init__(self, topic: str, partition: int, begin: int) -> None:
        self.topic = topic
        self.partition = partition
        self.begin = begin
        self.end = begin
        self.values: list[bytes | None] = []
        self.keys: list[bytes | None] = []
        self.offsets: Sequence[int] = ()
        self.stamps: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.values)


class Send(NamedTuple):
    """Records for one partition of one topic (its full name in Kafka), in order."""

    topic: str
    partition: int
    pairs: list[Pair]
    headers: list[Headers] | None = None
    """One a pair, or None where none has any."""


class Logic(Protocol):
    """One partition of one stage. Pure: the same calls give the same answers."""

    def load(self, batch: RecordBatch) -> None:
        """Take what recovery read at one go of one topic: committed records alone, with their keys."""

    def loaded(self) -> dict[str, int]:
        """Recovery is over. Returns topic to next fetch offset as the state says.

        Topics absent start as told by the stage (``Stage.start_at``).
        """

    def sweep(self) -> None:
        """All of its own results (``Stage.rereads``) has been loaded: take away what no longer stands."""

    def placed(self, positions: dict[str, int]) -> None:
        """Where reading goes on, topic to next fetch offset; said once, after ``loaded``."""

    def apply(self, batch: RecordBatch) -> list[Send]:
        """Join one batch."""

    @property
    def urgent(self) -> bool:
        """Whether ``told`` has something to say that should not wait for the commit."""

    def told(self) -> list[Send]:
        """What batches have changed since this was last asked, where it need not be said batch by batch.

        Asked before every commit, and while it is ``urgent`` whenever the sending has nothing else to do:
        many batches may have come since. The position record, if the stage has one, is among it.
        """

    def rest(self) -> Iterable[Send]:
        """What the batch just joined has left to do, a part; asked until it is empty.

        Nothing else is asked in between, but whoever waits may see that this process lives.
        """

    def tick(self) -> Iterable[list[Send]]:
        """What was put off, in parts.

        Called about once a second, before a commit. A part is made when it is asked for, and what it says was
        true then: batches are applied between parts, and a tick that takes long is committed between two. One
        that is not asked to its end is dropped, and the next says what it did not.
        """


class Mark(NamedTuple):
    """Where a stage says from where on its sources hold what it would need to start anew.

    It says so in a record of its own, written with its other results: nothing else is asked, and where there
    is none, or it says nothing that fits, recovery reads all there is.

    Attributes:
        topic: full name of the topic it is in.
        place: partition of the stage to (partition of that topic, the record's key).
        read: a record's value to topic and offset; a topic that is missing is read whole.
    """

    topic: str
    place: Callable[[int], tuple[int, bytes]]
    read: Callable[[bytes], dict[str, int]]


class Stage(NamedTuple):
    """What the transport must know of a stage.

    Attributes:
        name: part of the app's id and of the transactional id (app, stage, partition).
        sources: full names of the topics read; partition p of all of them belongs to one logic.
        changelog: full name of the plain compacted topic that recovery reads, None: recovery reads the
            sources.
        read_committed: isolation of the live reader. Recovery always reads committed.
        wants_keys: whether batches carry keys.
        logic: makes the logic of a partition.
        start_at: ``beginning`` (a topic without a position starts at its first offset) or ``recovered`` (the
            live reader goes on where recovery stopped reading).
        rereads: full names of topics of the stage's own results, which a new owner reads once its work goes
            on: what stands there and is no longer said must be taken away.
        mark: where it says from where on its sources are needed; of a stage without a changelog.
    """

    name: str
    sources: tuple[str, ...]
    changelog: str | None
    read_committed: bool
    wants_keys: bool
    logic: LogicFactory
    start_at: str = "beginning"
    rereads: tuple[str, ...] = ()
    mark: Mark | None = None


class LogicFactory(Protocol):
    """Makes the logic of one partition."""

    def __call__(self, partition: int) -> Logic:
        """A fresh, empty logic for this partition."""
