"""Writes the load while things break: steadily, in order within each partition, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.events import ClockEvent, to_json
from schemas.keys import partition_of
from schemas.topics import EVENTS
from tests.pipeline.kit import Item

_TURN_S = 0.1
_AT_MOST = 4_000
"""Items a turn when there is no hurry to keep a pace."""


class Feeder:
    """Sends items, so many a second, until they are all acknowledged.

    What is not acknowledged is sent again by the same idempotent producer, or by another one when that has
    given up: then a record may stand in the log twice, which changes no figure. What arrived is therefore
    counted in the log, not here.

    Args:
        bootstrap: where Kafka is reached.
        partitions: of ``incident.events``.
        items: what there is to send.
        rate: items a second; 0 for as fast as Kafka takes them.
        allowed: how many of them for now; ``allow`` lets more go.
    """

    def __init__(
        self, bootstrap: str, partitions: int, items: Sequence[Item], rate: float, allowed: int | None = None
    ) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._items = items
        self._rate = rate
        self._enough = threading.Event()
        self._allowed = len(items) if allowed is None else allowed
        self.sent = 0
        self.again = 0
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def allow(self, more: int) -> None:
        """Let so many more go."""
        self._allowed = min(self._allowed + more, len(self._items))

    def hurry(self) -> None:
        """Keep no pace any more, and let all go."""
        self._rate, self._allowed = 0.0, len(self._items)

    def stop(self) -> None:
        """Send no more."""
        self._enough.set()
        self._thread.join(60)

    @property
    def done(self) -> bool:
        """Whether all is acknowledged.

        Raises:
            BaseException: what ended the thread.
        """
        if self.error is not None:
            raise self.error
        return self.sent >= len(self._items)

    def _run(self) -> None:
        try:
            asyncio.run(self._feed())
        except BaseException as exc:
            self.error = exc

    async def _feed(self) -> None:
        while not self.done and not self._enough.is_set():
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap, enable_idempotence=True, linger_ms=5, retry_backoff_ms=50
            )
            try:
                await producer.start()
                await self._send_all(producer)
            except KafkaError:
                self.again += 1
                await asyncio.sleep(0.2)
            finally:
                await producer.stop()

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        due = 0.0
        then = time.monotonic()
        while not self.done and not self._enough.is_set():
            now = time.monotonic()
            due, then = due + (now - then) * self._rate, now
            count = min(int(due), _AT_MOST) if self._rate else _AT_MOST
            count = min(count, self._allowed - self.sent)
            due = min(due, self._rate)  # what was not allowed is not made up for
            if count <= 0:
                await asyncio.sleep(_TURN_S)
                continue
            due = max(0.0, due - count)
            turn = self._items[self.sent : self.sent + count]
            waiting = [await producer.send(EVENTS, value, key, p) for key, value, p in self._records(turn)]
            await asyncio.gather(*waiting)
            self.sent += len(turn)
            await asyncio.sleep(_TURN_S if self._rate else 0)

    def _records(self, items: Sequence[Item]) -> list[tuple[bytes, bytes, int]]:
        found = []
        for item in items:
            if isinstance(item, ClockEvent):
                key = f"{item.agency_id}//clock/{item.source_id}".encode()
                value = to_json(item)
                found += [(key, value, partition) for partition in range(self._partitions)]
            else:
                found.append((item[0].encode(), item[1], partition_of(item[0], self._partitions)))
        return found
