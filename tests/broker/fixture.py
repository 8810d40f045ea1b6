"""The one Kafka that most tests share; `tests/conftest.py` imports `kafka` from here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from watchroom.broker import Broker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of its own for the whole session; tests share it, so each makes topics of its own names."""
    with Broker.start(tmp_path_factory.mktemp("kafka"), heap_mb=512, wait_s=120) as broker:
        yield broker
