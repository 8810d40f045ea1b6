"""Pipelines of real processes, shared where a test can have an agency of its own on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.kit import Answer, Pipeline, pipeline, slice_of, taken

TOWN = (
    "sffd", "straight", "burst", "shuffled", "single", "steps", "alone", "leap", "twice:a,b", "backlog",
    "bad", "merging", "apart", "joined", "backwards", "corrected", "right", "paging",
)  # fmt: skip
"""Agencies of the shared pipeline: each test speaks for its own."""


@pytest.fixture(scope="session")
def town_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("town"), partitions=4, agencies=TOWN) as made:
        yield made


@pytest.fixture
def town(town_running: Pipeline) -> Pipeline:
    """Four partitions and many agencies; workers that a test left dead are started again."""
    town_running.revive()
    return town_running


@pytest.fixture(scope="session")
def week_replayed(town_running: Pipeline) -> Pipeline:
    """The week at ``max`` on the shared pipeline, by the command."""
    town_running.revive()
    said = town_running.ok("replay", "--profile", "sffd", "--speed", "max", "--clock-step", "1d")
    assert "done: 7,704 rows, 64,330 of 64,330 events sent" in said
    town_running.settle()
    return town_running


@pytest.fixture(scope="session")
def eve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New Year's Eve, from ten at night to two in the morning, as a file of its own."""
    return slice_of(tmp_path_factory.mktemp("eve"), "2016-12-31 22:00", "2017-01-01 02:00")


@pytest.fixture(scope="session")
def straight(town_running: Pipeline, eve: Path) -> Answer:
    """What New Year's Eve comes to in order, with a clock each hour."""
    town_running.revive()
    town_running.put(taken(eve, "straight", step_s=3600))
    town_running.settle()
    return town_running.answer("straight")


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """One partition for all."""
    folder = tmp_path_factory.mktemp("lane")
    with pipeline(folder, partitions=1, agencies=("past", "live", "shown", "minutes")) as made:
        yield made
