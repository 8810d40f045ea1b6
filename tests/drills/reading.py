"""A topic read from its first record to its end by a plain client, nothing kept between two readings."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

Read = tuple[int, bytes | None, bytes | None]
"""Partition, key and value."""


def everything(bootstrap: str, topic: str, *, committed: bool) -> list[Read]:
    """Every record; as a live reader sees them, aborted ones among them, or committed alone."""
    return asyncio.run(_everything(bootstrap, topic, "read_committed" if committed else "read_uncommitted"))


async def _everything(bootstrap: str, topic: str, isolation: str) -> list[Read]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
    )
    await reader.start()
    try:
        await reader._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, p) for p in sorted(reader.partitions_for_topic(topic) or ())]
        reader.assign(places)
        ends = await reader.end_offsets(places)
        await reader.seek_to_beginning(*places)
        found: list[Read] = []
        while any([await reader.position(p) < ends[p] for p in places]):
            for got in (await reader.getmany(timeout_ms=50)).values():
                found += [(r.partition, r.key, r.value) for r in got]
        return found
    finally:
        await reader.stop()
