"""The golden figures of the San Francisco week, through both stages: DEFINITIONS.md, 7."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.times import DAY, HOUR, Micros, parse
from streams.agency.as_known import figures_as_known
from tests.core.driver import Floor, Plan
from tests.core.sanfrancisco import all_events, sffd, tick
from tests.reference.golden import AS_OF, KNOWN, LIVE, differences, target_differences

LAST: Micros = max(event["occurred_at"] for event in all_events())


@pytest.fixture(scope="module")
def week() -> Floor:
    """The week through four partitions in batches of 2,000, a clock each day, then two days of silence."""
    said: list[dict[str, Any]] = []
    midnight = all_events()[0]["occurred_at"] // DAY * DAY + DAY
    for event in all_events():
        while event["occurred_at"] >= midnight:
            said.append(tick(midnight))
            midnight += DAY
        said.append(event)
    plan = Plan(partitions=4, sizes=(2_000,), crash_after=frozenset({5}), restart_after=frozenset({9, 17}))
    return Floor(sffd(), plan).run([*said, tick(LAST + 48 * HOUR)])


def test_every_golden_figure_of_the_whole_file_and_the_day_stands_in_figures(week: Floor) -> None:
    """What stage two published live, at the end: all, the day, the areas."""
    assert len(LIVE) == 88
    assert differences(LIVE, map(msgspec.to_builtins, week.figures().values())) == []


def test_every_golden_figure_as_known_now_for_an_instant(week: Floor) -> None:
    """The last hour and the last day, to the third of January at six in the evening."""
    known = figures_as_known(sffd()["sffd"], week.records().values(), parse(AS_OF), ["1h", "24h"])

    assert len(KNOWN) == 44
    assert differences(KNOWN, map(msgspec.to_builtins, known)) == []


def test_standing_breaches_and_both_compliances(week: Floor) -> None:
    """How many stand and why; within of n, and of n with those that never ended."""
    assert target_differences(map(msgspec.to_builtins, week.figures().values())) == []


def test_a_difference_is_found(week: Floor) -> None:
    """A count that is off by one, a figure that is missing, a breach too many: each is said."""
    figures = {s: msgspec.to_builtins(f) for s, f in week.figures().items()}
    turnout = figures["sffd/turnout/EMERGENT/30d/all/all"]
    del figures["sffd/travel/EMERGENT/30d/all/all"]
    turnout["n"] += 1
    turnout["standing"]["measured"] += 1

    assert differences(LIVE, figures.values()) == [
        "travel EMERGENT [window=all]: missing in produced",
        "turnout EMERGENT [window=all]: n: golden 4929, produced 4930",
    ]
    assert len(target_differences(figures.values())) == 1


def test_the_week_is_whole(week: Floor) -> None:
    """7,704 responses on 3,560 incidents; every event joined; all over; every period final."""
    records = week.records().values()
    health = [week.health(partition) for partition in range(4)]

    assert (
        sum(hasattr(record, "unit_id") for record in records),
        sum(hasattr(record, "units") for record in records),
    ) == (7_704, 3_560)
    assert len(all_events()) == sum(each.joined for each in health) == sum(each.arrived for each in health)
    assert {"ended", "closed_by_rule"} == {record.state for record in records}
    assert all(
        figure.final for figure in week.figures().values() if figure.window.startswith(("day", "shift"))
    )
