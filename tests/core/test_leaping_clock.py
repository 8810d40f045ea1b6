"""A clock that leaps over all that is open closes it in parts, and nobody can tell from the records."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.times import DAY
from tests.core.driver import EVENTS, INCIDENTS, Floor, Plan, clock, town
from tests.core.saying import CALL, press

MANY = 11


def leap(days: int) -> list[dict[str, Any]]:
    """Incidents that nobody ends, and a clock so many days later."""
    said = [press(f"E{n}", "dispatch", n, incident=f"I{n}") for n in range(MANY)]
    return [*said, clock(CALL + days * DAY)]


@pytest.mark.parametrize("days", [2, 45], ids=["closed", "closed and evicted"])
@pytest.mark.parametrize("at_once", [1, 3, MANY])
def test_where_a_part_ends_makes_no_difference(days: int, at_once: int) -> None:
    """The same records, figures and counts, also where a part is lost with its batch and done anew."""
    whole = Floor(town()).run(leap(days))
    plan = Plan(at_once=at_once, sizes=(5,), crash_after=frozenset({1, 2, 4}))
    parts = Floor(town(), plan).run(leap(days))

    assert parts.comparable_records() == whole.comparable_records()
    assert parts.comparable_figures() == whole.comparable_figures()
    assert parts.health().evicted == whole.health().evicted == (MANY if days == 45 else 0)
    assert parts.health().open_incidents == whole.health().open_incidents


def test_a_part_is_bounded_and_the_clock_is_told_after_the_last() -> None:
    """What reads the records may rely on the clock: all that it closed was written before."""
    floor = Floor(town(), Plan(at_once=3))
    floor.send(leap(2))
    logic, log = floor.one[0], floor.log(EVENTS, 0)
    logic.apply(log.batch(EVENTS, 0, 0, MANY))
    parts = [logic.apply(log.batch(EVENTS, 0, MANY, 1))]
    while rest := list(logic.rest()):
        parts.append(rest)
    said = [[key for s in part if s.topic == INCIDENTS for key, _ in s.pairs] for part in parts]

    assert [len(keys) for keys in said] == [3, 3, 3, 2 + 1]
    assert [key for keys in said for key in keys if b"//" in key] == [said[-1][-1]]
