"""Results are a function of the set of events: no order, duplicate, partition, burst or kill changes them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.pipeline.kit import (
    STAGES,
    Answer,
    Item,
    Pipeline,
    assert_same,
    clocks_of,
    events_of,
    pipeline,
    taken,
    week,
)
from tests.pipeline.test_breaches import standing
from tests.reference.golden import GOLDEN

pytestmark = pytest.mark.broker
KILLS = 5


def shaken(items: list[Item], seed: int) -> list[Item]:
    """Events in any order, a tenth of them twice; no clock, so that nothing is too late."""
    chance = random.Random(seed)
    events = events_of(items)
    events += chance.sample(events, len(events) // 10)
    chance.shuffle(events)
    return list(events)


def test_shuffled_and_a_tenth_twice(town: Pipeline, straight: Answer, eve: Path) -> None:
    """Goal: the same records and figures byte for byte. Method: shuffle with a seed; clocks afterwards."""
    items = taken(eve, "shuffled", step_s=3600)
    town.put([*shaken(items, seed=1), *clocks_of(items)])
    town.settle()

    assert_same(straight, town.answer("shuffled"))


def test_one_burst_after_a_pause(town: Pipeline, straight: Answer, eve: Path) -> None:
    """Goal: a backlog read in one go gives the same. Method: all is sent while no worker runs."""
    town.kill()
    town.put(taken(eve, "burst", step_s=3600))
    town.revive()
    town.settle()

    assert_same(straight, town.answer("burst"))


def test_one_by_one(town: Pipeline, straight: Answer, eve: Path) -> None:
    """Goal: the same from many small batches. Method: each event is acknowledged before the next is sent."""
    town.put(taken(eve, "single", step_s=3600), one_by_one=True)
    town.settle()

    assert_same(straight, town.answer("single"))


@pytest.mark.slow
def test_twelve_partitions_shuffled_twice_and_killed(
    week_replayed: Pipeline, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Goal: SIGKILL five times in each stage, 12 partitions, disorder and duplicates together change nothing.

    Method: the whole week, shuffled, a tenth twice, in six parts; both workers are killed at a random moment
    after each part and started again; the answer is held against the week in order on four partitions.
    """
    golden = week_replayed.answer("sffd")
    items = taken(week(), "sffd")
    events = shaken(items, seed=2)
    chance = random.Random(3)
    part = len(events) // (KILLS + 1) + 1
    with pipeline(tmp_path_factory.mktemp("killed"), partitions=12, agencies=("sffd",)) as killed:
        for time_killed in range(KILLS):
            killed.put(events[time_killed * part : (time_killed + 1) * part])
            time.sleep(chance.uniform(0, 1.5))
            killed.kill(*chance.sample(STAGES, 2))
            killed.start()
            for stage in STAGES:
                killed.wait_acquired(stage, time_killed + 2)
        killed.put([*events[KILLS * part :], *clocks_of(items)])
        health = killed.settle()

        assert_same(golden, killed.answer("sffd"))
        assert standing(killed, "sffd") == GOLDEN["standing_breaches"]
        parts = [p for key, p in health.items() if key.startswith("incidents/")]
        assert len(parts) == 12
        assert sum(p["arrived"] for p in parts) == sum(p["joined"] for p in parts) == len(events)
