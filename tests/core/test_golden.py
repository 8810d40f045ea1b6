"""The golden figures of the San Francisco week, through both stages: DEFINITIONS.md, 7."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.records import FigureRecord
from schemas.series import series_key
from schemas.times import DAY, HOUR, Micros, parse
from streams.agency.as_known import figures_as_known
from tests.core.driver import Floor, Plan
from tests.core.sanfrancisco import GOLDEN, all_events, sffd, tick
from tests.reference import compare

AS_OF = parse("2017-01-03T18:00:00-08:00")
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


def golden_shape(golden: dict[str, Any], found: dict[str, FigureRecord]) -> dict[str, Any] | None:
    """The product's answer to one golden figure, in its shape; None where there is none."""
    scope = golden["scope"]
    window = {"all": "30d", "day": f"day:{scope.get('date')}"}.get(
        scope["window"], scope["window"].replace(" ", "")
    )
    by, group = ("station_area", scope["station_area"]) if "station_area" in scope else ("all", "all")
    figure = found.get(series_key("sffd", golden["interval"], golden["mode"], window, by, group))
    if figure is None:
        return None
    return {
        "scope": scope,
        "interval": figure.interval,
        "mode": figure.mode,
        "n": figure.n,
        "p50": figure.p50,
        "p90": figure.p90,
        "p95": figure.p95,
        "within": figure.within if figure.bound else None,
        "excluded": figure.excluded,
    }


def wanted(*windows: str) -> list[dict[str, Any]]:
    """The golden figures of these windows."""
    return [golden for golden in GOLDEN["figures"] if golden["scope"]["window"] in windows]


def test_every_golden_figure_of_the_whole_file_and_the_day_stands_in_figures(week: Floor) -> None:
    """What stage two published live, at the end: all, the day, the areas."""
    golden, figures = wanted("all", "day"), week.figures()
    answers = [golden_shape(each, figures) for each in golden]

    assert len(golden) == 88
    assert compare.compare(golden, [each for each in answers if each is not None]) == []


def test_every_golden_figure_as_known_now_for_an_instant(week: Floor) -> None:
    """The last hour and the last day, to the third of January at six in the evening."""
    known = figures_as_known(sffd()["sffd"], week.records().values(), AS_OF, ["1h", "24h"])
    golden = wanted("24 h", "1 h")
    found = {figure.series: figure for figure in known}
    answers = [golden_shape(each, found) for each in golden]

    assert len(golden) == 44
    assert compare.compare(golden, [each for each in answers if each is not None]) == []


@pytest.mark.parametrize("interval", ["turnout", "travel_first_due"])
def test_standing_breaches_and_both_compliances(week: Floor, interval: str) -> None:
    """How many stand and why; within of n, and of n with those that never ended."""
    figure = week.figures()[f"sffd/{interval}/EMERGENT/30d/all/all"]

    assert GOLDEN["standing_breaches"][interval] == figure.standing
    assert GOLDEN["compliance_late_included"][interval] == [figure.within, figure.bound + figure.late]


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
