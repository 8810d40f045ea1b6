"""The count law and the other facts, from records made by hand."""

from __future__ import annotations

from schemas.agency import load_agencies
from schemas.records import FigureRecord, HealthRecord
from schemas.settings import load_settings
from schemas.times import SECOND
from schemas.topics import EVENTS
from sinks.reading import Generation
from watchroom import facts
from watchroom.board import Board
from watchroom.facts import SCOPES, law_of

NOW_S = 1_500_000_000.0


def figures(interval: str, n: int, excluded: int = 0, still_open: int = 0, merged: int = 0) -> FigureRecord:
    """A month's figure that accounts for ``n`` and more."""
    return FigureRecord(
        series=f"a/{interval}/EMERGENT/month:2017-01/all/all",
        agency_id="a",
        interval=interval,
        mode="EMERGENT",
        window="month:2017-01",
        by="all",
        group="all",
        as_of=0,
        edition=1,
        n=n,
        excluded={"too_long": excluded} if excluded else {},
        open=still_open,
        merged=merged,
    )


def month(**changed: FigureRecord) -> list[FigureRecord]:
    """A whole month in which every interval accounts for 10, but for what is changed."""
    whole = {i: figures(i, 10) for intervals in SCOPES.values() for i in intervals if i != "travel_als"}
    return list({**whole, **changed}.values())


def test_the_law_holds_where_everything_adds_up() -> None:
    """Measured, excluded, open and merged are four ways to be accounted for."""
    law = law_of(
        [HealthRecord(stage="incidents", partition=0, arrived=5, joined=3, dead={"invalid": 2})],
        month(
            turnout=figures("turnout", 4, excluded=3, still_open=2, merged=1),
            travel_als=figures("travel_als", 7),  # an agency may measure it for a part of the month
        ),
    )

    assert law.holds, law.broken
    assert law.accounted == {"responses": 10, "incidents": 10}
    assert law.months == ("month:2017-01",)
    assert (law.arrived, law.joined, law.dead) == (5, 3, {"invalid": 2})


def test_an_interval_that_loses_one_breaks_it() -> None:
    """One response that turnout does not account for is named with its agency, month and mode."""
    law = law_of([], month(turnout=figures("turnout", 9)))

    assert law.broken == ("a month:2017-01 EMERGENT: turnout accounts for 9 of 10 responses",)


def test_a_series_that_is_not_there_accounts_for_nothing() -> None:
    """Silence is no excuse: an interval without a figure breaks the law as well."""
    law = law_of([], [f for f in month() if f.interval != "travel"])

    assert law.broken == ("a month:2017-01 EMERGENT: travel accounts for 0 of 10 responses",)


def test_an_event_that_went_nowhere_breaks_it() -> None:
    """Arrived is not joined plus dead-lettered: the partition is named."""
    law = law_of([HealthRecord(stage="incidents", partition=3, arrived=5, joined=3, dead={"invalid": 1})], [])

    assert law.broken == ("partition 3: 5 events arrived, and 3 joined with 1 dead-lettered are 4",)


def test_rolling_windows_are_not_compared() -> None:
    """There an interval is dated by itself, so the sums differ rightly."""
    figure = figures("turnout", 3)
    figure.window = "24h"

    assert law_of([], [figure]).holds


def board(**health: HealthRecord) -> Board:
    """A look at two partitions of each stage that have just reported."""
    made = Board(Generation(generation=2, status="current", partitions=2, result_partitions=2, edition=1))
    for stage in facts.STAGES:
        for partition in (0, 1):
            made.health[f"{stage}/{partition}"] = (
                HealthRecord(stage=stage, partition=partition),
                int(NOW_S * 1000),
            )
    for key, record in health.items():
        made.health[key.replace("_", "/")] = record, int(NOW_S * 1000)
    made.live = True
    return made


def test_a_silent_partition_is_a_problem() -> None:
    """Health is written once a second; ten seconds of silence have a name."""
    made = board()
    record, _ = made.health["agency/1"]
    made.health["agency/1"] = record, int((NOW_S - 60) * 1000)
    found = facts.of(made, {}, NOW_S)

    assert [s.reporting for s in found.stages] == [2, 1]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("stage agency: 1 of 2 partitions have not reported")


def test_lag_is_what_lies_between_positions_and_ends() -> None:
    """Stage one that has told no position has read nothing; stage two that has told none, all it found."""
    made = board(
        incidents_0=HealthRecord(stage="incidents", partition=0, positions={EVENTS: 7}),
        agency_0=HealthRecord(stage="agency", partition=0, positions={"responses.g2": 90}),
    )
    made.span = {
        (EVENTS, 0): (0, 10),
        (EVENTS, 1): (2, 4),
        ("responses.g2", 0): (0, 100),
        ("responses.g2", 1): (0, 50),
    }
    found = facts.of(made, {}, NOW_S)

    assert [s.lag for s in found.stages] == [3 + 2, 10]


def test_an_agencys_clock_is_the_one_its_figures_have() -> None:
    """Stage two's, where it has one; its age is said against this machine's."""
    clock = int((NOW_S - 90) * SECOND)
    made = board(
        incidents_0=HealthRecord(stage="incidents", partition=0, clocks={"sffd": clock + SECOND, "x": 1}),
        agency_0=HealthRecord(stage="agency", partition=0, clocks={"sffd": clock}),
    )
    found = facts.of(made, load_agencies(load_settings().agencies_dir), NOW_S)

    assert [(a.agency_id, a.clock) for a in found.agencies] == [("sffd", clock), ("x", 1)]
    assert found.agencies[0].behind_s == 90
    assert found.agencies[0].name == "San Francisco Fire Department"
