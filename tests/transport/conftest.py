"""The broker of the drills: the session's, from ``tests/broker``."""

from tests.broker.fixture import kafka

__all__ = ["kafka"]
