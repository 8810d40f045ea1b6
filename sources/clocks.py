"""How far a source's clock has come: read from the end of ``incident.events``, backwards in growing steps.

A clock stands in every partition, so one partition is enough; the shortest one costs least.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer, TopicPartition

from schemas.decoding import Clock, Undecodable, decode
from schemas.errors import BrokerUnreachable, ConfigurationError
from schemas.refusal import listening
from schemas.security import client_options
from schemas.times import Micros, micros
from schemas.topics import EVENTS
from sources.kafka_errors import in_words

_FIRST_STEP = 2_000
_GROWTH = 8
_STALLED_S = 30

_Clock: Any = Clock
"""Made at run time from ``ClockEvent``, whose fields it has."""


def last_clock(bootstrap: str, agency_id: str, source_id: str, topic: str = EVENTS) -> Micros | None:
    """The latest clock this source of this agency has written; None: it never wrote one.

    Raises:
        BrokerUnreachable: no Kafka answers.
        ConfigurationError: the topic is not there.
    """
    listening(bootstrap)
    with in_words(bootstrap):
        consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id="watchroom-clock-reader",
            enable_auto_commit=False,
            isolation_level="read_uncommitted",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=10_000,
            metrics_enabled=False,
            check_crcs=False,  # summed byte by byte in Python
            max_poll_records=20_000,
            **client_options(),
        )
    try:
        with in_words(bootstrap):
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise ConfigurationError(
                    f"Kafka at {bootstrap} has no topic {topic}: start `watchroom up` first, which makes it"
                )
            return _search(
                consumer, [TopicPartition(topic, n) for n in sorted(numbers)], agency_id, source_id
            )
    finally:
        consumer.close()


def _search(consumer: Any, partitions: list[Any], agency_id: str, source_id: str) -> Micros | None:
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    shortest = min(partitions, key=lambda p: ends[p] - begins[p])
    begin, end, step = begins[shortest], ends[shortest], _FIRST_STEP
    consumer.assign([shortest])
    while end > begin:
        start = max(begin, end - step)
        found = _latest_in(consumer, shortest, start, end, agency_id, source_id)
        if found is not None:
            return found
        end, step = start, step * _GROWTH
    return None


def _latest_in(
    consumer: Any, partition: Any, start: int, end: int, agency_id: str, source_id: str
) -> Micros | None:
    """The latest clock in [start, end); the position says when that is read, since markers are no records."""
    latest: Micros | None = None
    consumer.seek(partition, start)
    silent = 0
    while consumer.position(partition) < end:
        polled = consumer.poll(timeout_ms=1000)
        silent = 0 if polled else silent + 1
        if silent > _STALLED_S:
            raise BrokerUnreachable(f"Kafka stopped answering while {partition.topic} was read")
        for record in polled.get(partition, ()):
            if record.offset < end and (time := _clock_of(record.value, agency_id, source_id)) is not None:
                latest = time if latest is None else max(latest, time)
    return latest


def _clock_of(value: bytes | None, agency_id: str, source_id: str) -> Micros | None:
    # Most records are no clocks: a look at the bytes saves decoding them.
    if value is None or b'"clock"' not in value:
        return None
    try:
        event = decode(value)
    except Undecodable:
        return None
    if not isinstance(event, _Clock) or (event.agency_id, event.source_id) != (agency_id, source_id):
        return None
    return micros(event.time)
