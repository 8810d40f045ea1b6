"""Hypothesis without a stopwatch; these tests share the session's Kafka, of ``tests/conftest.py``."""

from hypothesis import settings

# How long an example takes says something of the machine's other work, and nothing of us.
settings.register_profile("watchroom", deadline=None)
settings.load_profile("watchroom")
