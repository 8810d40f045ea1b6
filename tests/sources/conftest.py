"""The broker of these tests (the session's, from ``tests/broker``), and Hypothesis without a stopwatch."""

from hypothesis import settings

from tests.broker.fixture import kafka

# How long an example takes says something of the machine's other work, and nothing of us.
settings.register_profile("watchroom", deadline=None)
settings.load_profile("watchroom")

__all__ = ["kafka"]
