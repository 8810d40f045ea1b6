"""A Kafka of this folder's own: its tests say which generation is current, and there can be but one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sinks.house import House
from watchroom.broker import Broker


@pytest.fixture(scope="session")
def sinks_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker.start(tmp_path_factory.mktemp("sinks-kafka"), heap_mb=256, wait_s=120) as broker:
        yield broker


@pytest.fixture
def house(sinks_kafka: Broker) -> Iterator[House]:
    """The topics of a new generation, current, and nothing on them."""
    with House(sinks_kafka.bootstrap) as made:
        made.begin()
        yield made
