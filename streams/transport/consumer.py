"""The Faust transport driver: one Faust message a fetch, and what exactly-once had to take from Faust.

Faust keeps the app, the agent, the stream, membership, the assignor, flow control and the commits of group
offsets, which serve people who look at lag and nothing else. Taken from it: recovery (``FencedRecovery``),
the seek that ends it (``perform_seek``), and the unit of delivery. Its producer is never used. The numbers
are those of faust-streaming 0.15.3; ``tests/transport/test_seams.py`` pins all that is overridden here.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, cast

import aiokafka
import aiokafka.errors as kafka_errors
import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import drivers
from faust.transport.drivers import aiokafka as base
from faust.types import TP, ConsumerMessage

from schemas.errors import Lost
from schemas.security import client_options
from streams.stage import RecordBatch
from streams.transport.fetch import fetched
from streams.transport.holder import Holder
from streams.transport.owner import sentence

SCHEME = "watchroom"
"""Of the broker URL that chooses this driver."""

GATHER_S = 0.003
"""How soon after a fetch that brought little the next is handed out: a batch costs a worker and the broker
half a millisecond each, whatever is in it, so that at a thousand events a second a batch for each would leave
time for nothing else. An event after a pause does not wait for it."""

LITTLE = 1_000
"""Records; a fetch of more is handed out as soon as it is there."""


class BatchApp(faust.App):
    """A Faust app with a ``Holder``; what the driver finds there is all it knows of Watchroom."""

    holder: Holder


class BatchThread(base.AIOKafkaConsumerThread):
    """The thread that fetches and sends heartbeats."""

    app: BatchApp
    _not_before = 0.0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002
        """Faust's (drivers/aiokafka.py:535) with three things otherwise.

        The assignor is Faust's own, sticky and co-partitioned, although no table exists; the longest wait of
        a fetch is a setting, not 1,500 ms; and the isolation is the stage's.
        """
        conf, holder = self.app.conf, self.app.holder
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=holder.settings.broker,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            # An offset out of range resets silently to this (fetcher.py:899); the next batch then does not
            # begin where it must, and the owner says so.
            auto_offset_reset="earliest",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=holder.settings.fetch_max_wait_ms,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            isolation_level="read_committed" if holder.stage.read_committed else "read_uncommitted",
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **client_options(),
        )

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[Any, RecordBatch]:
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        # Asked at each look, not once: a fetch that waits may outlive a whole rebalance, and Faust changes
        # the set of active partitions in place. What it took after the seek and before the flow is resumed
        # would be dropped by `getmany` and never be fetched again.
        found = await fetched(
            consumer,
            active_partitions,
            wait_s=timeout or 0.0,
            records_max=max_records or 5000,
            keys=self.app.holder.stage.wants_keys,
            may=lambda: self.consumer.flow_active,
            abreast=self.app.holder.abreast if len(self.app.holder.stage.sources) > 1 else None,
        )
        if sum(map(len, found.values())) < LITTLE:
            self._not_before = time.monotonic() + GATHER_S
        return found


class BatchConsumer(base.Consumer):
    """Hands out one message a fetch and keeps its own books of what may be committed to the group."""

    app: BatchApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Partition to the message offsets (batch.end - 1) handed out, in order.
        self._handed_out: defaultdict[TP, deque[int]] = defaultdict(deque)
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message a partition that brought something."""
        holder = self.app.holder
        try:
            fetched_now, active = await self._wait_next_records(timeout)
            records = cast(dict[TP, RecordBatch], fetched_now)
        except kafka_errors.ConsumerStoppedError:
            raise
        except (Lost, kafka_errors.KafkaError) as exc:
            holder.fatal(sentence(exc, f"{holder.stage.name}, fetching"), exc)
            raise
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        for where, batch in records.items():
            # What is dropped here is fetched again: the flow is stopped for an assignment, which ends in a
            # seek. (Faust seeks to the group's offsets here, which are not ours.)
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            tp = TP(where.topic, where.partition)
            if active is not None and tp not in active:
                continue
            last = batch.end - 1
            # So that the gap detector of _drain_messages (consumer.py:1212) sees steps of one.
            self._read_offset[tp] = last - 1 if last > 0 else None
            if self.app.topics.acks_enabled_for(tp.topic):
                self._handed_out[tp].append(last)
            value = cast(bytes, batch)  # Faust does not look into a value; BatchSchema hands it on as it is
            message = ConsumerMessage(
                tp.topic, tp.partition, last, time.time(), 0, None, None, value, None, 0, 0, tp,
                generation_id=generation,
            )  # fmt: skip
            yield tp, message

    # -- the group's offsets: the unbroken run of batches acknowledged

    def _new_offset(self, tp: TP) -> int | None:
        acked, queue, offset = self._acked_index[tp], self._handed_out[tp], None
        while queue and queue[0] in acked:
            offset = queue.popleft()
            acked.discard(offset)
        self._acked[tp][:] = acked
        return None if offset is None else offset + 1

    def _forget(self) -> None:
        for books in (self._handed_out, self._acked, self._acked_index):
            books.clear()

    # -- assignment

    async def perform_seek(self) -> None:
        """Go to where the owners' state says. Faust's goes to the group's offsets."""
        self._forget()
        positions = {TP(*place): at for place, at in self.app.holder.positions().items()}
        await self.seek_wait(positions)
        # Told to the group too: what was acknowledged last may never have got there, and where nothing more
        # arrives the lag would stay for ever.
        if positions and await self._commit(positions):
            self._committed_offset.update(positions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish what is open before JoinGroup is sent: whoever comes next finds nothing to abort."""
        self.stop_flow()  # first: the fetcher must not feed the agent any more
        await self.app.holder.release("revoked")
        await super().on_partitions_revoked(revoked)
        self._forget()

    async def on_stop(self) -> None:
        """The last commit, when nobody did it before."""
        await self.app.holder.release("stopping")
        await super().on_stop()

    # -- a full buffer makes the drain loop wait; Faust would drop the partition for a second

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: the queue itself holds the fetching back."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, as above."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: our watchdog judges progress; Faust's judgement counts messages and cries wolf."""


class Transport(base.Transport):
    """Chosen by the scheme of the broker's URL."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer


class FencedRecovery(Recovery):
    """Fence and read, then let Faust resume.

    Without tables Faust's recovery does one thing, ``_resume_streams`` (recovery.py:377). It has a task of
    its own, so that heartbeats go on, and ``_wait`` abandons it when another rebalance begins. No time-out is
    given to ``_wait``: Faust takes one that ran out for success (recovery.py:606).
    """

    app: BatchApp

    async def _resume_streams(self, generation_id: int = 0) -> None:
        assigned = [(tp.topic, tp.partition) for tp in self.app.consumer.assignment()]
        await self._wait(self.app.holder.acquire(generation_id, assigned))
        await super()._resume_streams(generation_id)


class NoTables(TableManager):
    """Brings ``FencedRecovery``, and begins at once: Faust's waits a second for tables to be declared."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = FencedRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Faust's (tables/manager.py:139) without the second."""
        await self._update_channels()
        await self.recovery.start()


class BatchSchema(faust.Schema):
    """An event's value is the ``RecordBatch`` itself: no codec, no key, no copy."""

    def __init__(self) -> None:
        super().__init__(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:
        """What makes an event of a message."""
        create = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return create(message.key, message.value, message.headers, message)

        return decode


drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
