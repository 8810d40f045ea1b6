"""One partition of a stage: its logic, its transactional producer, its open transaction.

A life: ``fence`` shuts out whoever held the partition before, ``recovery.recover`` fills the logic, ``begin``
starts the work, ``feed`` takes batches, ``release`` ticks, commits and lets go. Nothing here knows Faust,
except that an event is acknowledged after its transaction is committed.

What a batch makes is queued, and one task sends it in the order in which the logic said it. That task asks
the logic for what need not be said at once. What batches have changed (``Logic.told``) it asks for before
a commit and, if it is urgent, when the queue is empty and the broker has taken what was sent last: the slower
the sending, the more batches are told of together. A tick it asks for a part at a time, and queues the part,
so that it can't overtake the batch whose effects it already shows, and batches come in between. A tick that
takes long is committed on its way: a transaction must not last as long as the slowest tick.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import aiokafka.errors as kafka_errors
from aiokafka import AIOKafkaProducer

from schemas.errors import BrokerUnreachable, Lost, Refused, WatchroomError
from schemas.refusal import hint
from schemas.security import client_options
from schemas.settings import Settings
from schemas.topics import TOPICS
from streams.stage import Headers, Pair, RecordBatch, Send, Stage
from streams.transport.goodbye import parted

BATCH_BYTES_MAX = 900_000
"""A record batch is closed before it grows larger: under every topic's limit, which holds for the batch, not
the record. A single record larger than this makes a batch of its own."""

REQUEST_BYTES_MAX = 2 * max(topic.max_message_bytes for topic in TOPICS.values())
OUTBOX_MAX = 4
"""Batches' worth of sends that wait to be sent; then the agent waits, and with it the fetching."""

OPEN_MOST = 3
"""Commit intervals that a transaction is open before a tick waits for a commit."""

RELEASE_S = 4.0
"""Longest wait for the last commit: under the session time-out, and the worker stops within 10 s."""

_WRONG_RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.CorruptRecordException,
    kafka_errors.InvalidTopicError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.TopicAuthorizationFailedError,
)
_FENCED = (
    kafka_errors.ProducerFenced,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.InvalidProducerIdMapping,
    kafka_errors.InvalidTxnState,
    kafka_errors.OutOfOrderSequenceNumber,
)


class Undeliverable(Refused):
    """A record that its topic will never take. Starting again would fail again, so nobody should."""


class Acknowledged(Protocol):
    """What ``feed`` is given beside a batch: Faust's event."""

    def ack(self) -> bool:
        """Its batch is dealt with; called once its transaction is committed."""


class Packed(NamedTuple):
    """A closed record batch and where it goes."""

    topic: str
    partition: int
    builder: Any


class _Item(NamedTuple):
    packed: Sequence[Packed] = ()
    event: Acknowledged | None = None
    of_tick: bool = False
    commit: bool = False
    last: bool = False


_WAKE = _Item()


def sentence(exc: BaseException, doing: str) -> WatchroomError:
    """What ended a partition, in words and with the exit code that goes with it.

    Args:
        exc: what was raised.
        doing: what the partition was at, such as ``committing``.
    """
    if isinstance(exc, WatchroomError):
        return exc
    name = type(exc).__name__
    if isinstance(exc, _FENCED):
        return Lost(
            f"{doing}: {name}: another worker has taken the partition over, or this one stood still longer "
            "than a transaction may last; what was not committed is computed anew by the next owner"
        )
    if isinstance(exc, kafka_errors.KafkaError):
        if said := hint(exc):
            return BrokerUnreachable(f"{doing}: {said}")
        return Lost(f"{doing}: {name}: {exc}; nothing of the open transaction is committed")
    defect = WatchroomError(
        f"{doing}: {name}: {exc}. This is a defect of Watchroom; the log has the traceback"
    )
    defect.exit_code = 70
    return defect


class Owner:
    """Who owns one partition of a stage in this process. See the module.

    Args:
        stage: what to run.
        partition: which one.
        app_id: of the Faust app; part of the transactional id.
        generation: of the consumer group, so that batches of an older assignment are told apart.
        settings: broker, intervals, time-outs.
        fatal: called with the sentence when this partition can't go on, from whatever task; must not return.
    """

    def __init__(
        self,
        stage: Stage,
        partition: int,
        *,
        app_id: str,
        generation: int,
        settings: Settings,
        fatal: Callable[[WatchroomError, BaseException], None],
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.app_id = app_id
        self.generation = generation
        self.settings = settings
        self.logic = stage.logic(partition)
        self.positions: dict[str, int] = {}
        self.released = False
        self.records = 0
        self.commit_s: list[float] = []
        self.alive_at = time.monotonic()
        self.ticks = 0  # that were committed to their end
        self.parts = 0  # of batches, so far: what moves while a batch takes long and the position does not
        self._fatal = fatal
        self._outbox: asyncio.Queue[_Item] = asyncio.Queue()
        self._room = asyncio.Semaphore(OUTBOX_MAX)
        self._lock = asyncio.Lock()  # held while the logic is in the middle of a batch
        self._due = False  # a tick
        self._ticking: Iterator[list[Send]] | None = None
        self._part_queued = False
        self._leaving = False
        self._open = False
        self._opened_at = 0.0
        self._futures: list[asyncio.Future[Any]] = []
        self._events: list[Acknowledged] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._producer: AIOKafkaProducer | None = None

    # -- fence

    @property
    def transactional_id(self) -> str | None:
        """Who we are to the transaction coordinator: the same for every owner of this partition, ever."""
        return f"{self.app_id}-{self.stage.name}-{self.partition}"

    @property
    def producer(self) -> AIOKafkaProducer:
        """The started producer."""
        if self._producer is None:
            raise RuntimeError("the producer is not started")
        return self._producer

    async def fence(self) -> None:
        """Shut out the former owner.

        InitProducerId is answered only when the former owner's transaction has ended and its markers are
        written: from here on the changelog can't grow but by us, and its last stable offset is its end.
        """
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.broker,
            client_id=f"{self.app_id}-{self.stage.name}-{self.partition}",
            transactional_id=self.transactional_id,
            transaction_timeout_ms=int(self.settings.transaction_timeout_s * 1000),
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            **client_options(),
            retry_backoff_ms=20,  # between InitProducerId's tries, while the old transaction is aborted
        )
        await self._producer.start()

    def begin(self) -> None:
        """Start to send and to tick; the logic and the positions are as recovery left them."""
        self._tasks = [
            asyncio.create_task(self._guarded(self._work(), "sending")),
            asyncio.create_task(self._guarded(self._ticks(), "ticking")),
        ]

    # -- the logic's side

    async def feed(self, batch: RecordBatch, event: Acknowledged) -> None:
        """Join one batch and queue what comes of it; waits while the outbox is full."""
        try:
            async with self._lock:
                if self.released:
                    return
                expected = self.positions[batch.topic]
                if batch.begin != expected:
                    raise Lost(
                        f"{batch.topic} partition {batch.partition}: expected offset {expected}, but the "
                        f"fetch began at {batch.begin}: records were lost or the log was cut"
                    )
                packed = self._pack(self.logic.apply(batch))
                self.positions[batch.topic] = batch.end
                self.records += len(batch)
                while rest := self._pack(self.logic.rest()):
                    await self._queue(_Item(packed))
                    packed = rest
                    self.alive_at = time.monotonic()
                    self.parts += 1
                    await asyncio.sleep(0)
                # Faust's event and message form a cycle: the values are not kept until the collector comes.
                batch.values, batch.keys, batch.offsets = [], [], ()
                await self._queue(_Item(packed, event))
                # Batches that wait are joined one after the other, and nothing is sent meanwhile: alive all
                # the same. Where sending hangs, the outbox fills and this stands still.
                self.alive_at = time.monotonic()
        except Exception as exc:
            self._end(exc, f"joining {batch.topic} partition {batch.partition} from offset {batch.begin}")

    async def _queue(self, item: _Item) -> None:
        await self._room.acquire()
        self._outbox.put_nowait(item)

    async def _ticks(self) -> None:
        interval = self.settings.commit_interval_s
        # Partitions commit one after the other, not all at once: a commit makes the next event wait a little.
        await asyncio.sleep(interval * (0.5 + 0.5 * (self.partition % 8) / 8))
        while not self.released:
            if self._ticking is None:  # one that takes longer than that is not followed by the next at once
                self._tick()
            await asyncio.sleep(interval)

    def _tick(self) -> None:
        """Have the sending task ask for what was put off, and commit."""
        self._due = True
        self._outbox.put_nowait(_WAKE)

    def _pack(self, sends: Iterable[Send]) -> list[Packed]:
        """Records as closed record batches, split at the producer's limit."""
        out: list[Packed] = []
        stamp = int(time.time() * 1000)  # once: the broker's append time replaces it on all our topics
        for topic, partition, pairs, headers in sends:
            at = 0
            while at < len(pairs):
                builder = self.producer.create_batch()
                at += _fill(builder, pairs[at:] if at else pairs, headers[at:] if headers else None, stamp)
                builder.close()
                out.append(Packed(topic, partition, builder))
        return out

    # -- the transaction's side

    async def _work(self) -> None:
        while True:
            item = await self._next()
            if item.packed:
                await self._send(item.packed)
            if item.event is not None:
                self._events.append(item.event)
            if item.commit:
                await self._commit()
                self.ticks += item.of_tick and self._ticking is None
            self.alive_at = time.monotonic()
            if item.last:
                return

    async def _next(self) -> _Item:
        """What was queued first; where nothing is, what batches have changed."""
        # The logic may not be asked in the middle of a batch; then something is about to be queued. Nothing
        # is awaited between a look at the lock and the question.
        if not self._lock.locked():
            if (self._due or self._ticking is not None) and not self._part_queued:
                self._part_queued = True
                self._outbox.put_nowait(self._part())
            elif self.logic.urgent and self._outbox.empty():
                await self._taken()
                if self._outbox.empty() and not self._lock.locked():
                    return _Item(self._pack(self.logic.told()))
        item = await self._outbox.get()
        if item.of_tick:
            self._part_queued = False
        elif item is not _WAKE:
            self._room.release()
        return item

    def _part(self) -> _Item:
        """A part of a tick, and before it what batches have changed meanwhile; after the last, the commit."""
        if self._ticking is None:
            self._due, self._ticking = False, iter(self.logic.tick())
        elif self._open and time.monotonic() - self._opened_at > OPEN_MOST * self.settings.commit_interval_s:
            return _Item(self._pack(self.logic.told()), of_tick=True, commit=True)
        told = self.logic.told() if self.logic.urgent else []
        part = next(self._ticking, None)
        if part is not None:
            return _Item(self._pack([*told, *part]), of_tick=True)
        self._ticking = None
        packed = self._pack([*told, *self.logic.told()])
        return _Item(packed, of_tick=True, commit=True, last=self._leaving and not self._due)

    async def _taken(self) -> None:
        """Wait until the broker has taken what was sent last. Whether it took it is ``_sent``'s to judge."""
        if self._futures:
            await asyncio.wait(self._futures[-1:])

    async def _send(self, packed: Sequence[Packed]) -> None:
        if not self._open:
            await self.open_transaction()
            self._open, self._opened_at = True, time.monotonic()
        for topic, partition, builder in packed:
            future = await self.producer.send_batch(builder, topic, partition=partition)
            future.add_done_callback(lambda f, t=topic, p=partition, b=builder: self._sent(f, t, p, b))
            self._futures.append(future)
            self.passed("sent")

    def _sent(self, future: asyncio.Future[Any], topic: str, partition: int, builder: Any) -> None:
        if future.cancelled() or (exc := future.exception()) is None:
            return
        if isinstance(exc, _WRONG_RECORD):
            what = "a record" if builder.record_count() == 1 else f"{builder.record_count()} records"
            exc = Undeliverable(
                f"{topic} partition {partition} does not take {what} of {builder.size():,} bytes "
                f"({type(exc).__name__}); nothing of the transaction is committed. The topic's "
                "max.message.bytes is the limit"
            )
        self._end(exc, f"sending to {topic} partition {partition}")

    async def _commit(self) -> None:
        if self._open:
            await self._commit_open()
        events, self._events = self._events, []
        for event in events:
            event.ack()

    async def _commit_open(self) -> None:
        began = time.perf_counter()
        # aiokafka's commit_transaction() waits for all batches but does not look whether one failed, and
        # would commit the rest (message_accumulator.flush_for_commit): every future is looked at first.
        await asyncio.gather(*self._futures)
        self._futures.clear()
        self.passed("before_commit")
        await self.commit_transaction()
        self.passed("after_commit")
        self._open = False
        self.commit_s.append(time.perf_counter() - began)
        if len(self.commit_s) > 2000:
            del self.commit_s[:1000]

    async def open_transaction(self) -> None:
        """Begin a transaction; a negative control of the tests does without."""
        await self.producer.begin_transaction()

    async def commit_transaction(self) -> None:
        """Commit it."""
        await self.producer.commit_transaction()

    def passed(self, point: str) -> None:
        """A named moment went by for drills.

        ``after_fence``, ``sent``, ``before_commit``, ``after_commit``.
        """

    # -- the end

    async def release(self) -> bool:
        """Tick, commit and let go.

        Returns:
            Whether everything is committed. If not, it is no harm: the next owner's fence aborts the
            transaction, and the next owner computes it anew.
        """
        done = True
        if self._tasks and not self.released:
            self.released = True
            try:
                async with asyncio.timeout(RELEASE_S):
                    async with self._lock:
                        self._leaving = True
                        self._tick()
                    await self._tasks[0]
            except TimeoutError:
                done = False
            except Exception as exc:
                self._end(exc, "releasing")
        self.released = True
        for task in self._tasks:
            task.cancel()
        await self.close()
        return done

    async def close(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await parted(producer)

    async def _guarded(self, work: Any, doing: str) -> None:
        try:
            await work
        except Exception as exc:
            self._end(exc, doing)

    def _end(self, exc: BaseException, doing: str) -> None:
        if isinstance(exc, WatchroomError):
            self._fatal(exc, exc)
        else:
            self._fatal(sentence(exc, f"{self.stage.name} partition {self.partition}, {doing}"), exc)


def _fill(builder: Any, pairs: list[Pair], headers: list[Headers] | None, stamp: int) -> int:
    """Append records until the batch takes no more; returns how many it took.

    The first is taken whatever its size: a topic's limit is the broker's to judge. aiokafka's own ``append``
    costs half a microsecond a record; its Cython builder, asked directly, less than 0.2.
    """
    append, taken = builder._builder.append, 0
    extra: list[tuple[str, bytes]] = []
    for key, value in pairs:
        if headers is not None:
            extra = list(headers[taken])
        if append(taken, stamp, key, value, extra) is None:
            break
        taken += 1
    builder._relative_offset = taken
    return taken
