"""The brokers of the drills: the session's, and one of our own."""

from collections.abc import Iterator

import pytest

from tests.broker.fixture import kafka
from watchroom.broker import Broker

__all__ = ["kafka", "own"]


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of our own: topics may have their real names and be removed, and it compacts without delay."""
    extra = {"log.cleaner.backoff.ms": "200"}
    with Broker.start(tmp_path_factory.mktemp("own-kafka"), wait_s=120, extra=extra) as broker:
        yield broker
