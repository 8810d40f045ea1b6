"""Kafka compacts the changelog and every result topic to the last record of each key, between two runs."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import EVENTS, TOPICS, topic_name
from tests.drills.faults.worker_restarted import positions
from tests.drills.house import Failed, House
from tests.drills.reading import everything

ABOUT = (
    "all workers stop, Kafka compacts changelog and results until each key stands there once, all start "
    "again from that"
)
COMPACTED = tuple(
    topic_name(name, 1) for name, topic in TOPICS.items() if topic.generational and "compact" in topic.cleanup
)
WITHIN_S = 180.0
ROLLED = b"drill//clock/roll"
"""Its key is of a clock, which every check passes over: a live reader sees what was aborted, too."""
SOON = {
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.0001",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "100",
}


def arguments(chance: random.Random) -> dict[str, Any]:
    """Nothing is left to chance."""
    return {}


def run(house: House) -> str:
    """Stop, compact, start, and look where it goes on."""
    house.wait_whole()
    names = house.names()
    pids = {name: house.pid(name) for name in names}
    house.stop(*names)
    left = positions(house, "released", pids)
    before = sizes(house)
    house.configure(COMPACTED, SOON)
    begun = time.monotonic()
    try:
        after = before
        while behind := [topic for topic, (records, keys) in after.items() if records > keys]:
            if time.monotonic() - begun > WITHIN_S:
                raise Failed(f"not compacted within {WITHIN_S:.0f} s: {after}")
            asyncio.run(_roll(house))
            time.sleep(1.0)
            after = after | sizes(house, behind)
    finally:
        house.unset(COMPACTED, list(SOON))
    took_s = time.monotonic() - begun
    for name in names:
        house.start(name)
    house.wait_whole()
    begins = positions(house, "acquired", {name: house.pid(name) for name in names})
    # Of those that could commit before the supervisor's patience ended; the others do it again, by design.
    one = {where: at for where, at in left.items() if where.startswith(EVENTS)}
    if any(begins[where] != at for where, at in one.items()):
        raise Failed(f"stage one ended at {left} and begins at {begins}")
    shrunk = ", ".join(f"{t} {before[t][0]:,} -> {after[t][0]:,}" for t in COMPACTED if before[t][0])
    return f"{shrunk} records in {took_s:.0f} s"


def sizes(house: House, topics: Sequence[str] = COMPACTED) -> dict[str, tuple[int, int]]:
    """Of each topic how many committed records it has, and how many different keys."""
    found = {}
    for topic in topics:
        keys = Counter(read[:2] for read in everything(house.broker.bootstrap, topic, committed=True))
        found[topic] = keys.total(), len(keys)
    return found


async def _roll(house: House) -> None:
    """Let every log begin another segment, for Kafka never compacts the one it writes to.

    What is written is aborted at once, so that no reader ever finds it.
    """
    producer = AIOKafkaProducer(bootstrap_servers=house.broker.bootstrap, transactional_id="drill-roll")
    await producer.start()
    try:
        await producer.begin_transaction()
        for topic in COMPACTED:
            for partition in sorted(await producer.partitions_for(topic)):
                await producer.send_and_wait(topic, b"drill", ROLLED, partition=partition)
        await producer.abort_transaction()
    except KafkaError as exc:
        raise Failed(f"segments could not be rolled: {exc!r}") from exc
    finally:
        await producer.stop()
