"""A worker of stage two that starts anew: what it reads first, and what it takes away later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import RESULTS_OF_STAGE_ONE, topic_name
from tests.pipeline.kit import Pipeline, assert_same, clock, pipeline, press

pytestmark = pytest.mark.broker

FIRST = datetime(2017, 1, 1, 10, tzinfo=UTC)
DAYS = 200


def a_day(number: int) -> list[tuple[str, bytes]]:
    """An incident with one unit."""
    begin = FIRST + timedelta(days=number)
    steps = ("call_arrival", "call_create", "dispatch", "enroute_to_scene", "on_scene", "unit_clear")
    return [
        press("town", f"I{number}", step, (begin + timedelta(minutes=n)).isoformat(), "E1" if n > 1 else None)
        for n, step in enumerate(steps)
    ]


def put_figure(town: Pipeline, series: str) -> None:
    """Have a series stand in ``figures`` that no record speaks for."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=town.bootstrap)
        await producer.start()
        await producer.send_and_wait(topic_name("figures", 1), b'{"record":"figure"}', series.encode(), 0)
        await producer.stop()

    asyncio.run(send())


def test_it_reads_the_months_that_count_and_takes_away_what_is_left(tmp_path: Path) -> None:
    """Goal: months that no figure asks for are not read, and the figures are those of before.

    Method: 200 days of an incident each; stage two is killed and started again: how many records it read to
    take its partition, and all its figures. A series that an earlier life left in ``figures`` is taken away.
    """
    with pipeline(tmp_path, partitions=1, agencies=("town",)) as town:
        for number in range(0, DAYS, 20):
            said = [item for day in range(number, number + 20) for item in a_day(day)]
            town.put([*said, clock("town", (FIRST + timedelta(days=number + 20)).isoformat())])
            town.settle()
        before = town.answer("town")
        left = "town/turnout/EMERGENT/1h/station_area/GONE"
        put_figure(town, left)
        assert left in town.plain.figures("town")

        town.kill("agency")
        town.start("agency")
        town.wait_acquired("agency", 2)
        town.settle()

        there = sum(sum(town.plain.ends(topic_name(name, 1)).values()) for name in RESULTS_OF_STAGE_ONE)
        read = town._acquired("agency")[-1]["records"]
        assert 2 * 60 < read < 0.6 * there
        assert_same(before, town.answer("town"))
