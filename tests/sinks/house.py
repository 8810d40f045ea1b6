"""What the stages would do to Kafka, done by hand: topics of a generation, records, transactions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from schemas.topics import GENERATIONS, TOPICS, topic_name
from tests.sinks.makings import generation

PARTITIONS = 2
_numbers = itertools.count(1)
_transactions = itertools.count(1)


class House:
    """One generation on one Kafka; a context manager."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.number = 0
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *exc: Any) -> None:
        # The next test's generation is current alone.
        self.put(GENERATIONS, [(str(self.number), None)])
        self._producer.close()
        self._admin.close()

    def begin(self, *, current: bool = True) -> int:
        """Make the topics of the next generation, and say that it is current."""
        before, self.number = self.number, next(_numbers)
        for topic in TOPICS.values():
            partitions = 1 if topic.partitions == "one" else PARTITIONS
            made = NewTopic(topic_name(topic.name, self.number), partitions, 1, topic_configs=topic.config())
            try:
                self._admin.create_topics([made], timeout_ms=20_000)
            except TopicAlreadyExistsError:
                continue
        if current:
            self.switch(before)
        return self.number

    def switch(self, before: int) -> None:
        """Say that the generation is current, and the one before it retired."""
        self.put(GENERATIONS, [(str(self.number), generation(self.number))])
        if before:
            self.put(GENERATIONS, [(str(before), generation(before, "retired"))])

    def put(self, name: str, pairs: Iterable[tuple[str, bytes | None]], **sent: Any) -> None:
        """Write records, and wait until they are there."""
        _put(self._producer, topic_name(name, self.number), pairs, **sent)
        self._producer.flush(timeout=20)

    @contextmanager
    def transaction(self, *, commit: bool = True) -> Iterator[Transaction]:
        """A transaction, committed or aborted at the end."""
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, transactional_id=f"sinks-{next(_transactions)}", linger_ms=0
        )
        try:
            producer.init_transactions()
            producer.begin_transaction()
            yield Transaction(producer, self.number)
            producer.flush(timeout=20)
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
        finally:
            producer.close()


class Transaction:
    """An open transaction."""

    def __init__(self, producer: KafkaProducer, number: int) -> None:
        self._producer = producer
        self._number = number

    def put(self, name: str, pairs: Iterable[tuple[str, bytes | None]]) -> None:
        """Write records into it, and wait until they are on the topic."""
        _put(self._producer, topic_name(name, self._number), pairs)
        self._producer.flush(timeout=20)


def _put(producer: KafkaProducer, topic: str, pairs: Iterable[tuple[str, bytes | None]], **sent: Any) -> None:
    for key, value in pairs:
        producer.send(topic, key=key.encode(), value=value, **sent)
