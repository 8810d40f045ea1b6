"""The bulk writer against a real Kafka: the same records in the same order as the slow one."""

from __future__ import annotations

from uuid import uuid4

import pytest

from schemas.decoding import decode
from schemas.errors import BadInput, BrokerUnreachable, ConfigurationError
from schemas.keys import partition_of
from schemas.times import micros, parse
from sources.bulk import BulkWriter
from sources.writer import Writer
from tests.sources.test_kafka import PARTITIONS, everything, is_clock, make_topic
from watchroom.broker import Broker

pytestmark = pytest.mark.broker

EVENT = (
    '{{"kind":"milestone","event_id":"{0}","agency_id":"t","incident_id":"{1}",'
    '"occurred_at":"2026-01-01T00:00:00Z","name":"call_create"}}'
)
CLOCK = parse("2026-01-01T00:00:00Z")


def test_it_writes_what_the_other_writer_writes(kafka: Broker) -> None:
    """Ten thousand events of 3,000 incidents, clocks between: partition for partition, in the same order."""
    found = []
    for kind in (Writer, BulkWriter):
        name = f"bulk-{uuid4().hex[:8]}"
        make_topic(kafka, name)
        with kind(kafka.bootstrap, name) as writer:
            for number in range(10_000):
                incident = f"i{number % 3000}"
                writer.send(f"t/{incident}", EVENT.format(number, incident).encode())
                if number % 2_500 == 0:
                    writer.clock("t", "cad", CLOCK + number)
        found.append(everything(kafka, name))

    slow, fast = found
    assert sum(map(len, fast)) == 10_000 + 4 * PARTITIONS
    assert fast == slow
    for partition, events in enumerate(fast):
        assert {partition_of(f"t/{e.incident_id}", PARTITIONS) for e in events if not is_clock(e)} == {
            partition
        }
        assert [micros(e.time) for e in events if is_clock(e)] == [CLOCK + n for n in (0, 2500, 5000, 7500)]


def test_a_block_is_written_as_one_by_one(kafka: Broker) -> None:
    """Keys said once a block, values long enough that a batch fills in the middle of it."""
    found, keys = [], [f"t/i{number}" for number in range(7)]
    of = [number * 5 % 7 for number in range(3_000)]
    values = [EVENT.format(number, f"i{at}").encode() + b" " * 400 for number, at in enumerate(of)]
    for in_blocks in (False, True):
        name = f"bulk-{uuid4().hex[:8]}"
        make_topic(kafka, name)
        with BulkWriter(kafka.bootstrap, name) as writer:
            if in_blocks:
                writer.send_block(keys, of[:1_000], values[:1_000])
                writer.send_block(keys, of[1_000:], values[1_000:])
            else:
                for at, value in zip(of, values, strict=True):
                    writer.send(keys[at], value)
        found.append(everything(kafka, name))

    one_by_one, blocks = found
    assert sum(map(len, blocks)) == 3_000
    assert blocks == one_by_one


def test_what_is_too_large_is_said_and_a_large_one_passes(kafka: Broker) -> None:
    """A record above the batch's size goes in a batch of its own; above the topic's limit, in none."""
    name = f"bulk-{uuid4().hex[:8]}"
    make_topic(kafka, name)
    large = EVENT.format("e", "i").replace("}", ',"note":"' + "x" * 700_000 + '"}').encode()

    with BulkWriter(kafka.bootstrap, name) as writer:
        writer.send("t/i", EVENT.format("first", "i").encode())
        writer.send("t/i", large)
        writer.send("t/i", EVENT.format("last", "i").encode())
        with pytest.raises(BadInput, match="1 MiB"):
            writer.send("t/i", b"x" * (1 << 20))
    (events,) = (p for p in everything(kafka, name) if p)

    assert [e.event_id for e in events] == ["first", "e", "last"]
    assert decode(large).incident_id == "i"


def test_a_missing_topic_and_a_missing_kafka_are_said(kafka: Broker) -> None:
    """In a sentence, and nothing hangs."""
    with pytest.raises(ConfigurationError, match="watchroom up"):
        BulkWriter(kafka.bootstrap, f"none-{uuid4().hex[:8]}")
    with pytest.raises(BrokerUnreachable):
        BulkWriter("127.0.0.1:1")
