"""Consumers of kafka-python as every reader of ours wants them: without a group, and with waits that end."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaConfigurationError, KafkaError

from schemas.emptied_markers import read_over_them
from schemas.errors import BrokerUnreachable
from schemas.refusal import listening, refusal, unreachable
from schemas.security import client_options
from schemas.topics import MIB

CONNECT_MS = 10_000
ANSWER_MS = 10_000

# What it has to say goes to whoever configures logging; to a person at a terminal we say it in our own words.
logging.getLogger("kafka").addHandler(logging.NullHandler())
read_over_them()


@contextmanager
def consumer(bootstrap: str, *, committed: bool) -> Iterator[KafkaConsumer]:
    """A consumer without a group, closed at the end.

    Args:
        bootstrap: host:port, several separated by commas.
        committed: whether it reads what transactions committed alone.

    Raises:
        BrokerUnreachable: no Kafka answers there, or it stopped answering while this was in use.
    """
    made: Any = None
    listening(bootstrap)
    with answering(bootstrap):
        try:
            made = KafkaConsumer(
                bootstrap_servers=bootstrap.split(","),
                client_id="watchroom-reader",
                isolation_level="read_committed" if committed else "read_uncommitted",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                max_poll_records=20_000,
                max_partition_fetch_bytes=4 * MIB,
                fetch_max_wait_ms=100,
                reconnect_backoff_max_ms=1_000,
                bootstrap_timeout_ms=CONNECT_MS,
                request_timeout_ms=ANSWER_MS,
                # The broker checked them, and this client's checksum is plain Python: a byte at a time.
                check_crcs=False,
                metrics_enabled=False,
                **client_options(),
            )
            yield made
        finally:
            if made is not None:
                made.close(autocommit=False, timeout_ms=2_000)


@contextmanager
def answering(bootstrap: str) -> Iterator[None]:
    """Turn what kafka-python raises into one sentence.

    Raises:
        BrokerUnreachable: in place of any of kafka-python's errors.
    """
    try:
        yield
    except (KafkaError, KafkaConfigurationError) as exc:
        if said := refusal(bootstrap, exc):
            raise BrokerUnreachable(f"{bootstrap}: {said}") from exc
        raise unreachable(bootstrap, type(exc).__name__) from exc


def partitions(made: KafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """The partitions of those topics that exist, in order."""
    return [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(made.partitions_for_topic(topic) or ())
    ]


def begins(made: KafkaConsumer, asked: list[TopicPartition]) -> dict[TopicPartition, int]:
    """The first offset of each partition.

    Raises:
        BrokerUnreachable: the broker stopped answering.
    """
    with answering(_address(made)):
        return dict(made.beginning_offsets(asked, timeout_ms=ANSWER_MS)) if asked else {}


def ends(made: KafkaConsumer, asked: list[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last of each partition: the last *committed* one where it reads committed.

    Raises:
        BrokerUnreachable: the broker stopped answering.
    """
    with answering(_address(made)):
        return dict(made.end_offsets(asked, timeout_ms=ANSWER_MS)) if asked else {}


def _address(made: KafkaConsumer) -> str:
    """Whom a consumer asks, for the sentence that says that nobody answers."""
    servers = made.config["bootstrap_servers"]
    return servers if isinstance(servers, str) else ",".join(servers)
