"""Writes to ``incident.events``: idempotent, in order within a partition, bounded, nothing silently lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Protocol, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.errors import BadInput, BrokerUnreachable, ConfigurationError
from schemas.events import ClockEvent, to_json
from schemas.keys import part, partition_of
from schemas.refusal import listening, unreachable
from schemas.security import client_options
from schemas.times import Micros, moment
from schemas.topics import EVENTS, TOPICS
from sources.kafka_errors import in_words

UNACKNOWLEDGED_MAX = 50_000
_CHECK_EVERY = 5_000
_METADATA_WAIT_MS = 10_000
_DELIVERY_S = 60


class Sink(Protocol):
    """Where events and clocks go; the tests have one without Kafka."""

    def send(self, key: str, value: bytes, /) -> None:
        """Send one event to the partition of its key."""

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """Send a clock to every partition, after everything sent before."""

    def flush(self) -> None:
        """Wait until everything sent is acknowledged."""


class BlockSink(Sink, Protocol):
    """A sink that takes many events at once."""

    def send_block(self, keys: Sequence[str], of: Sequence[int], values: Sequence[bytes], /) -> None:
        """Send events one after the other: the key of each value is ``keys`` at the place ``of`` gives."""


def clock_record(agency_id: str, source_id: str, time: Micros) -> tuple[bytes, bytes]:
    """(key, value) of a source's clock, the same in every partition."""
    value = to_json(ClockEvent(agency_id=agency_id, source_id=source_id, time=moment(time)))
    return f"{part(agency_id)}//clock/{part(source_id)}".encode(), value


class Writer:
    """Writes to one topic of one Kafka.

    Args:
        bootstrap: where Kafka is.
        topic: ``incident.events``, unless a test wants another.
        linger_ms: how long a batch may wait to fill: little when someone watches, more in bulk.

    Raises:
        BrokerUnreachable: no Kafka answers.
        ConfigurationError: the topic is not there.
    """

    def __init__(self, bootstrap: str, topic: str = EVENTS, linger_ms: int = 5) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self._waiting: deque[Any] = deque()
        listening(bootstrap)
        with in_words(bootstrap):
            self._producer: Any = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                client_id="watchroom-source",
                enable_idempotence=True,
                linger_ms=linger_ms,
                # kafka-python sums each byte in Python (CRC-32C): a seventh of the bytes is twice the speed.
                compression_type="gzip",
                batch_size=256 * 1024,
                max_request_size=TOPICS[EVENTS].max_message_bytes,
                delivery_timeout_ms=_DELIVERY_S * 1000,
                request_timeout_ms=30_000,
                max_block_ms=_METADATA_WAIT_MS,
                bootstrap_timeout_ms=_METADATA_WAIT_MS,
                allow_auto_create_topics=False,
                metrics_enabled=False,
                **client_options(),
            )
        try:
            self.partitions = len(self._producer.partitions_for(topic))
        except KafkaError as exc:
            self._producer.close(timeout=0)
            raise ConfigurationError(
                f"Kafka at {bootstrap} has no topic {topic}: start `watchroom up` first, which makes it"
            ) from exc
        # murmur2 in Python costs more than a send; an incident's events come close together.
        self._partition = lru_cache(maxsize=65_536)(self._place)

    def _place(self, key: str) -> tuple[int, bytes]:
        return partition_of(key, self.partitions), key.encode()

    def send(self, key: str, value: bytes) -> None:
        """Send one event to the partition of its key, as Kafka's own partitioner would choose it.

        Raises:
            BadInput: it is larger than the topic allows.
            BrokerUnreachable: something sent before has failed.
        """
        partition, encoded = self._partition(key)
        self._send(partition, encoded, value)

    def send_unkeyed(self, value: bytes) -> None:
        """Send bytes that name no incident, to any partition."""
        self._send(None, None, value)

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """Send a clock to every partition, after everything sent before it."""
        key, value = clock_record(agency_id, source_id, time)
        for partition in range(self.partitions):
            self._send(partition, key, value)
        # A watched replay sends little: what failed shows at the next clock, not at the end.
        self._settle(down_to=UNACKNOWLEDGED_MAX)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged.

        Raises:
            BrokerUnreachable: it was not.
        """
        with in_words(self.bootstrap):
            self._producer.flush(timeout=_DELIVERY_S + 5)
        self._settle(down_to=0)

    def close(self) -> None:
        """Send what is still to be sent, and let go."""
        try:
            self.flush()
        finally:
            self._producer.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            # It ends in an error, or at a second Ctrl-C: whoever waits has waited enough.
            self._producer.close(timeout=2)

    def _send(self, partition: int | None, key: bytes | None, value: bytes) -> None:
        try:
            future = self._producer.send(self.topic, value=value, key=key, partition=partition)
        except MessageSizeTooLargeError as exc:
            raise BadInput(f"{len(value)} bytes; {self.topic} takes records of up to 1 MiB") from exc
        except KafkaError as exc:
            raise unreachable(self.bootstrap, type(exc).__name__) from exc
        self._waiting.append(future)
        if len(self._waiting) % _CHECK_EVERY == 0:
            self._settle(down_to=UNACKNOWLEDGED_MAX)

    def _settle(self, down_to: int) -> None:
        """Forget what is acknowledged, stop at what failed, wait where too much is under way."""
        waiting = self._waiting
        while waiting:
            oldest = waiting[0]
            if not oldest.is_done:
                if len(waiting) <= down_to:
                    return
                with in_words(self.bootstrap):
                    oldest.get(timeout=_DELIVERY_S + 5)
            if oldest.failed():
                name = type(oldest.exception).__name__
                raise BrokerUnreachable(
                    f"Kafka at {self.bootstrap} did not take what was sent ({name}: {oldest.exception})"
                ) from oldest.exception
            waiting.popleft()
