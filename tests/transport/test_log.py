"""What a worker's log leaves out, and that it says so."""

from __future__ import annotations

import logging

from streams.transport.log import NAME, Once


def record(name: str, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, text, (), None)


def test_a_library_says_the_same_thing_once_in_a_while() -> None:
    """Goal: an absent Kafka fills no log, and what was left out is counted.

    Method: one line a hundred times within ten seconds, another between, and once after.
    """
    now = [0.0]
    once = Once(10.0, lambda: now[0])
    heard = 0
    for _ in range(100):
        now[0] += 0.09
        heard += once.filter(record("aiokafka", "Unable connect to node with id 1"))
    assert heard == 1
    assert once.filter(record("aiokafka", "another line"))
    now[0] += 5.0
    last = record("aiokafka", "Unable connect to node with id 1")
    assert once.filter(last)
    assert vars(last)["facts"] == {"left_out": 99}


def test_our_own_lines_are_all_heard() -> None:
    """Goal: no fact is left out. Method: the same fact twice at one moment."""
    once = Once(10.0, lambda: 0.0)

    assert once.filter(record(NAME, "acquired"))
    assert once.filter(record(NAME, "acquired"))
