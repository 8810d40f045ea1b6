"""A fetch that waits while the flow is stopped takes nothing: what it took would be dropped."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.transport.fetch import fetched
from tests.transport.kit import Read, drill, events, read, write
from tests.transport.toy import PART, Toy
from watchroom.broker import Broker

pytestmark = pytest.mark.broker


def test_a_fetch_that_outlives_a_seek_takes_nothing(kafka: Broker, tmp_path: Path) -> None:
    """Goal: between a seek and the flow's resumption the position stays where the seek put it.

    Method: a fetch waits at the log's end, the flow is stopped, events are written; it must bring nothing,
    and the next fetch, with the flow resumed, must begin where the first one stood. Found by `python -m
    tests.drills`: a take-over ended with "expected offset 188, but the fetch began at 207".
    """
    with drill(kafka.bootstrap, tmp_path, Toy("toy", ("source",), "out", "log"), partitions=1) as it:
        place = TopicPartition(it.toy.sources[0], 0)
        write(kafka.bootstrap, place.topic, events(10, 5, 1), 1)

        async def main() -> None:
            reader = AIOKafkaConsumer(
                bootstrap_servers=kafka.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50
            )
            await reader.start()
            flows = True
            try:
                reader.assign([place])
                reader.seek(place, 10)
                waiting = asyncio.create_task(
                    fetched(reader, {place}, wait_s=5.0, records_max=100, keys=False, may=lambda: flows)
                )
                await asyncio.sleep(0.3)
                flows = False
                await asyncio.to_thread(write, kafka.bootstrap, place.topic, events(20, 5, 2), 1)
                assert await waiting == {}
                flows = True
                got = await fetched(
                    reader, {place}, wait_s=5.0, records_max=100, keys=False, may=lambda: flows
                )
                assert got[place].begin == 10
            finally:
                await reader.stop()

        asyncio.run(main())


def test_a_tick_that_takes_long_is_committed_on_its_way(kafka: Broker, tmp_path: Path) -> None:
    """Goal: no transaction is open for as long as a slow tick takes, or the broker would end it meanwhile.

    Method: ticks of twenty parts that take five seconds. A commit's marker takes an offset: between the first
    tick's first part and its last there must be one, and so an offset without a record. Found by `python -m
    bench --only year`: stage two was fenced.
    """
    toy = Toy("toy", ("source",), "out", "log", parts=(20, 0.25))
    with drill(kafka.bootstrap, tmp_path, toy, partitions=1) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(10, 5, 1), 1)
        it.start("a")
        until, parts, records = time.monotonic() + 60, list[int](), list[Read]()
        while len(parts) < 20:
            assert time.monotonic() < until, it.errors()
            records = [record for record in read(kafka.bootstrap, it.toy.output) if record.partition == 0]
            parts = [record.offset for record in records if record.key == PART][:20]
        offsets = {record.offset for record in records}
        assert not set(range(parts[0], parts[-1])) <= offsets
