"""A changelog that the broker compacts: what is left has holes, and is still the whole state."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.transport.fetch import fetched
from tests.transport.kit import Drill, Read, differences, drill, ends, events, read, write
from tests.transport.toy import Toy
from watchroom.broker import Broker

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SOON = {
    "segment.ms": "500",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "100",
}


def drained(it: Drill, topic: str) -> list[tuple[int, int, bytes | None, bytes | None]]:
    """What our own drain reads of a topic, committed."""

    async def main() -> list[tuple[int, int, bytes | None, bytes | None]]:
        reader = AIOKafkaConsumer(
            bootstrap_servers=it.bootstrap, isolation_level="read_committed", enable_auto_commit=False
        )
        await reader.start()
        out = []
        try:
            places = [TopicPartition(topic, p) for p in range(it.partitions)]
            reader.assign(places)
            ends = await reader.end_offsets(places)
            at = await reader.beginning_offsets(places)
            for place, first in at.items():
                reader.seek(place, first)
            while any(at[p] < ends[p] for p in places):
                for place, b in (await fetched(reader, None, wait_s=0.2, records_max=100, keys=True)).items():
                    assert b.begin == at[place]
                    at[place] = b.end
                    out += [
                        (b.partition, o, k, v) for o, k, v in zip(b.offsets, b.keys, b.values, strict=True)
                    ]
        finally:
            await reader.stop()
        return sorted(out, key=lambda r: r[:2])

    return asyncio.run(main())


def test_recovery_from_a_compacted_changelog(own: Broker, tmp_path: Path) -> None:
    """Goal: compaction takes nothing that is needed, and holes are read over.

    Method: half of a source, wait until the broker has compacted, recover from that, the other half, compare.
    """
    with drill(
        own.bootstrap, tmp_path, Toy("toy", ("source",), "out", "log"), config=SOON, max_poll_records=100
    ) as it:
        source, log = it.toy.sources[0], str(it.toy.changelog)
        write(own.bootstrap, source, events(20_000, 50, 1), 4, size=10)
        it.start("a")
        it.finish()
        before = sum(ends(own.bootstrap, [log]).values())  # offsets: some may be compacted away already
        for n in range(2):  # the active segment is never compacted: something must come after it
            time.sleep(0.6)
            write(own.bootstrap, source, events(40, 50, 2 + n), 4)
            it.start("a")
            it.finish()
        left: list[Read] = []
        until = time.monotonic() + 30
        while len(left := read(own.bootstrap, log)) > before / 2:
            assert time.monotonic() < until, (before, len(left))
            time.sleep(0.3)

        by_partition: dict[int, list[int]] = {}
        for record in left:
            by_partition.setdefault(record.partition, []).append(record.offset)
        assert any(
            o[-1] - o[0] + 1 > len(o) for o in by_partition.values()
        )  # holes, or the drill says nothing
        assert drained(it, log) == [(r.partition, r.offset, r.key, r.value) for r in left]
        assert differences(it) == []
        write(own.bootstrap, source, events(20_000, 50, 9), 4)
        it.start("a")
        assert it.wait_acquired("a")["records"] < before
        it.finish()

        assert differences(it) == []
