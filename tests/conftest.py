"""What all rooms of tests share: in CI no test is skipped, and one Kafka serves the session.

A test that needs Kafka asks for ``kafka`` and makes topics of its own names on it; one that needs Watchroom's
own topic names starts a broker of its own (``tests/sinks``, ``tests/pipeline``).
"""

from tests.broker.fixture import kafka

pytest_plugins = ["tests.house.no_skips", "tests.house.side_by_side"]

__all__ = ["kafka"]
