"""Writes to ``incident.events`` in bulk: ten times as fast as ``sources.writer``, for what nobody watches.

kafka-python makes and sums each record in Python, 15,000 to 26,000 a second. aiokafka's compiled batches are
filled here by the thread that calls, and sent by a thread with an event loop: idempotent, in the order given
within a partition, a bounded number under way. What waits in a batch goes at ``flush``, or when it is full.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.errors import BadInput, BrokerUnreachable, ConfigurationError
from schemas.keys import partition_of
from schemas.refusal import listening, refusal, unreachable
from schemas.security import client_options
from schemas.times import Micros
from schemas.topics import EVENTS, TOPICS
from sources.writer import clock_record

_BATCH_BYTES = 256 * 1024
_BATCHES_WAITING = 4
"""Full batches a partition may have before it; with them, who fills more must wait."""

_T = TypeVar("_T")
_CONNECT_S = 15
_DELIVERY_S = 65


class BulkWriter:
    """Writes to one topic of one Kafka; a ``BlockSink``.

    Args:
        bootstrap: where Kafka is.
        topic: ``incident.events``, unless a test wants another.

    Raises:
        BrokerUnreachable: no Kafka answers.
        ConfigurationError: the topic is not there.
    """

    def __init__(self, bootstrap: str, topic: str = EVENTS) -> None:
        listening(bootstrap)
        self.bootstrap = bootstrap
        self.topic = topic
        self._failed: BaseException | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._queues: list[asyncio.Queue[Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watchroom-bulk", daemon=True)
        self._thread.start()
        try:
            self.partitions = self._ask(self._start(), _CONNECT_S)
        except BaseException:
            self._end_loop()
            raise
        self._batches = [self._producer.create_batch() for _ in range(self.partitions)]
        self._place = lru_cache(maxsize=65_536)(self._placed)

    # ----------------------------------------------------------------------------------- the caller

    def send(self, key: str, value: bytes) -> None:
        """Send one event to the partition of its key, as Kafka's own partitioner would choose it.

        Raises:
            BadInput: it is larger than the topic allows.
            BrokerUnreachable: something sent before has failed.
        """
        partition, encoded = self._place(key)
        self._append(partition, encoded, value)

    def send_block(self, keys: Sequence[str], of: Sequence[int], values: Sequence[bytes]) -> None:
        """Send events one after the other: the key of each value is ``keys`` at the place ``of`` gives.

        Raises: as ``send``.
        """
        places, batches = [self._place(key) for key in keys], self._batches
        for at, value in zip(of, values, strict=True):
            partition, key = places[at]
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                self._append(partition, key, value)

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """Send a clock to every partition, after everything sent before it."""
        key, value = clock_record(agency_id, source_id, time)
        for partition in range(self.partitions):
            self._append(partition, key, value)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged.

        Raises:
            BrokerUnreachable: it was not.
        """
        for partition, batch in enumerate(self._batches):
            if batch.record_count():
                self._ship(partition)
        self._ask(self._settled(), _DELIVERY_S)
        self._check()

    def close(self) -> None:
        """Send what is still to be sent, and let go."""
        try:
            self.flush()
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._let_go()

    def _placed(self, key: str) -> tuple[int, bytes]:
        return partition_of(key, self.partitions), key.encode()

    def _append(self, partition: int, key: bytes, value: bytes) -> None:
        if self._batches[partition].append(key=key, value=value, timestamp=None) is not None:
            return
        if len(key) + len(value) > TOPICS[EVENTS].max_message_bytes:
            raise BadInput(f"{len(value)} bytes; {self.topic} takes records of up to 1 MiB")
        self._ship(partition)
        # The first record of a batch is taken whatever its size.
        self._batches[partition].append(key=key, value=value, timestamp=None)

    def _ship(self, partition: int) -> None:
        """Hand a batch over to be sent; waits while too many are."""
        self._check()
        batch, self._batches[partition] = self._batches[partition], self._producer.create_batch()
        batch.close()
        self._ask(self._queues[partition].put(batch), _DELIVERY_S)

    def _check(self) -> None:
        if self._failed is not None:
            raise BrokerUnreachable(
                f"Kafka at {self.bootstrap} did not take what was sent"
                f" ({type(self._failed).__name__}: {self._failed})"
            ) from self._failed

    def _ask(self, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
        future: Future[_T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except TimeoutError as exc:
            future.cancel()
            raise unreachable(self.bootstrap, f"nothing within {timeout_s:g} s") from exc
        except (KafkaError, OSError, ValueError) as exc:
            if said := refusal(self.bootstrap, exc):
                raise BrokerUnreachable(f"{self.bootstrap}: {said}") from exc
            raise unreachable(self.bootstrap, type(exc).__name__) from exc

    def _let_go(self) -> None:
        try:
            self._ask(self._stop(), 5)
        except BrokerUnreachable:
            pass  # it ends in an error already, or everything was acknowledged
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    # ------------------------------------------------------------------------------ the event loop

    async def _start(self) -> int:
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap.split(","),
            client_id="watchroom-bulk",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=TOPICS[EVENTS].max_message_bytes,
            request_timeout_ms=30_000,
            **client_options(),
        )
        try:
            await self._producer.start()
        except KafkaError:
            await self._producer.stop()
            raise
        # Asked of all topics: of a missing one aiokafka asks again for most of a minute.
        cluster = await self._producer.client.fetch_all_metadata()
        count = len(cluster.partitions_for_topic(self.topic) or ())
        if not count:
            await self._producer.stop()
            raise ConfigurationError(
                f"Kafka at {self.bootstrap} has no topic {self.topic}: start `watchroom up` first,"
                " which makes it"
            )
        self._queues = [asyncio.Queue(_BATCHES_WAITING) for _ in range(count)]
        self._pumps = [asyncio.create_task(self._pump(p)) for p in range(count)]
        return count

    async def _pump(self, partition: int) -> None:
        """Send the batches of a partition, one after the other, until one fails."""
        queue = self._queues[partition]
        while True:
            batch = await queue.get()
            try:
                if self._failed is None:
                    sent = await self._producer.send_batch(batch, self.topic, partition=partition)
                    await sent
            except (KafkaError, OSError) as exc:
                self._failed = exc
            finally:
                queue.task_done()

    async def _settled(self) -> None:
        for queue in self._queues:
            await queue.join()

    async def _stop(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await self._producer.stop()
