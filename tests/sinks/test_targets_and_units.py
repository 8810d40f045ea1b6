"""What panels take their limits from, how values are spread, and what units do."""

from __future__ import annotations

from datetime import date

import msgspec

from schemas.agency import Agency
from schemas.records import encode
from schemas.times import parse
from sinks.prometheus.distribution import EDGES_S, buckets
from sinks.prometheus.figures import FigureBoard, Sample
from sinks.prometheus.labels import Bounds, Refusals
from sinks.prometheus.targets import target_samples
from sinks.prometheus.units import UnitBoard
from tests.sinks.makings import AGENCIES, AGENCY, AS_OF, TURNOUT, figure, pair, unit


def of(samples: list[Sample], name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for found, labels, value in samples if found == name}


def test_targets_are_those_of_the_agencys_file() -> None:
    """Each class's limit and goal, and since when, as the file says."""
    found = list(target_samples(AGENCY, AS_OF, Bounds(Refusals())))

    assert of(found, "target_seconds") == {
        ("sffd", "turnout", "EMERGENT", "EMS", "*"): 60,
        ("sffd", "turnout", "EMERGENT", "FIRE", "*"): 80,
        ("sffd", "travel_first_due", "EMERGENT", "EMS", "*"): 240,
        ("sffd", "travel_first_due", "EMERGENT", "FIRE", "*"): 240,
    }
    assert set(of(found, "target_goal_ratio").values()) == {0.9}
    assert of(found, "rules_effective_timestamp_seconds") == {("sffd",): 946_713_600}


def test_targets_change_with_the_agencys_own_time() -> None:
    """New rules count from their date in the agency's zone; a replay of old days keeps the old ones."""
    rules = AGENCY.rules[0]
    stricter = rules.targets[0].model_copy(update={"seconds": 45, "goal_percent": 95})
    later = rules.model_copy(update={"effective_from": date(2020, 1, 1), "targets": (stricter,)})
    agency = Agency.model_validate({**AGENCY.model_dump(), "rules": [rules.model_dump(), later.model_dump()]})
    for instant, expected in (
        ("2019-12-31T23:59:59-08:00", (60, 0.9)),
        ("2020-01-01T00:00:00-08:00", (45, 0.95)),
    ):
        found = list(target_samples(agency, parse(instant), Bounds(Refusals())))
        ems = ("sffd", "turnout", "EMERGENT", "EMS", "*")
        assert (of(found, "target_seconds")[ems], of(found, "target_goal_ratio")[ems]) == expected


def test_of_two_targets_for_the_same_the_first_is_told() -> None:
    """As `Rules.target` has it."""
    rules = AGENCY.rules[0]
    second = rules.targets[0].model_copy(update={"seconds": 999})
    doubled = rules.model_copy(update={"targets": (*rules.targets, second)})
    agency = AGENCY.model_copy(update={"rules": (doubled,)})

    assert 999 not in of(list(target_samples(agency, AS_OF, Bounds(Refusals()))), "target_seconds").values()


def test_targets_are_few() -> None:
    """A file with a thousand priorities fills nothing, and is counted."""
    refusals = Refusals()
    rules = AGENCY.rules[0]
    wide = rules.targets[0].model_copy(update={"priorities": tuple(str(n) for n in range(1000))})
    agency = AGENCY.model_copy(update={"rules": (rules.model_copy(update={"targets": (wide,)}),)})

    assert len(of(list(target_samples(agency, AS_OF, Bounds(refusals))), "target_seconds")) == 200
    assert refusals.labels["target"] == 800


def test_a_distribution_is_cumulative_and_whole() -> None:
    """A value at an edge is within it; the last bucket holds all."""
    found = dict(buckets({0: 1, 15: 1, 16: 1, 7200: 1, 7201: 1}))

    assert [found["15"], found["30"], found["7200"], found["+Inf"]] == [2, 3, 4, 5]
    assert list(found) == [*map(str, EDGES_S), "+Inf"]
    assert list(found.values()) == sorted(found.values())


def test_a_histogram_stays_until_the_next_one_comes() -> None:
    """It is sent once a minute; the records between carry none, and n = 0 empties it."""
    board = FigureBoard(AGENCIES, Refusals())
    name = "interval_distribution_measurements"
    board.take(*pair(msgspec.structs.replace(TURNOUT, histogram={60: 3, 90: 1})))
    board.take(*pair(msgspec.structs.replace(TURNOUT, n=571)))
    last = ("sffd", "turnout", "EMERGENT", "24h", "+Inf")
    assert of(list(board.samples()), name)[last] == 4

    board.take(*pair(figure(n=0)))
    assert of(list(board.samples()), name) == {}
    board.take(*pair(figure(window="30d", n=2, histogram={60: 2})))
    assert of(list(board.samples()), name) == {}


def test_units_are_counted_by_what_they_do() -> None:
    """A unit moves from one status to the next, and a tombstone takes it away."""
    board = UnitBoard(Refusals())
    for name, status in (("E01", "on_scene"), ("E02", "available"), ("E03", "available")):
        board.take(f"sffd/{name}", encode(unit(name, status)))
    found = of(list(board.samples()), "units")
    assert found["sffd", "on_scene", "ENGINE"] == 1
    assert found["sffd", "available", "ENGINE"] == 2
    assert found["sffd", "dispatch", "ENGINE"] == 0

    board.take("sffd/E01", encode(unit("E01", "available")))
    board.take("sffd/E02", None)
    found = of(list(board.samples()), "units")
    assert (found["sffd", "on_scene", "ENGINE"], found["sffd", "available", "ENGINE"]) == (0, 2)


def test_units_that_cannot_be_shown_are_counted() -> None:
    """Unreadable bytes, an unknown status and one type too many are refused, each by name."""
    refusals = Refusals()
    board = UnitBoard(refusals, types_max=1)
    board.take("sffd/E01", b"{")
    board.take("sffd/E02", encode(unit("E02", "asleep")))
    board.take("sffd/E03", encode(unit("E03", "available")))
    board.take("sffd/T01", encode(unit("T01", "available", "TRUCK")))

    assert refusals.unreadable["units"] == 1
    assert (refusals.labels["status"], refusals.labels["unit_type"]) == (1, 1)
    assert {labels[2] for _, labels, _ in board.samples()} == {"ENGINE"}
