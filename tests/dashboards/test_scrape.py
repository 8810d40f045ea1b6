"""A large installation's scrape keeps its bound, and is written fast."""

from __future__ import annotations

import time
from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest

from schemas.definitions import EDITION
from schemas.series import GROUPED
from sinks.prometheus.exporter import Boards
from sinks.prometheus.exposition import text
from sinks.prometheus.metrics import FIGURES, GROUPS, METRICS, PREFIX
from tests.dashboards.cardinality import Shape, bound
from tests.dashboards.scrape import OTHERS, filled
from tests.sinks.collector import FromSamples

NAMES = [metric.name for metric in (*FIGURES, *GROUPS)]


def counted(boards: Boards) -> Counter[str]:
    """Series by metric."""
    return Counter(PREFIX + name for name, _, _ in boards.samples())


def test_the_bound_holds_where_everything_is_in_use() -> None:
    """Every interval has a target, every group values in every mode: no metric passes its bound."""
    shape = Shape(stations=20, others=10)
    counts = counted(filled(shape, GROUPED, tuple(EDITION.intervals)))

    assert {name for name in NAMES if counts[name] > bound(METRICS[name], shape)} == set()
    # And it is no bound of the moon: what a group has of one value, it has as often as the bound says.
    assert counts["watchroom_interval_by_group_measurements"] == bound(
        METRICS["watchroom_interval_by_group_measurements"], shape
    )


def test_series_grow_with_agencies_and_groups_and_nothing_else() -> None:
    """Three agencies have three times the figures of one: what is measured of few is true of many."""
    one, three = (
        sum(counted(filled(Shape(agencies=n, stations=10, others=5), GROUPED)).values()) for n in (1, 3)
    )
    idle = len(list(Boards({}).samples()))

    assert three - idle == 3 * (one - idle)


def test_breakdowns_that_nobody_wants_are_not_there() -> None:
    """Of station areas alone, the series of the other groups are saved, and nothing else is."""
    shape = Shape(stations=20, others=20)
    every = counted(filled(shape, GROUPED))
    stations = counted(filled(shape, ("station_area",)))

    for metric in GROUPS:
        assert stations[metric.name] == every[metric.name] * 20 / 40, metric.name
    for metric in FIGURES:
        assert stations[metric.name] == every[metric.name], metric.name
    assert len(OTHERS) == len(GROUPED) - 1


def test_it_is_written_in_half_of_the_librarys_time_or_less() -> None:
    """Processor time, in turns; it was a fifth when it was made."""
    boards = filled(Shape(stations=30, others=10), GROUPED)
    registry = CollectorRegistry()
    registry.register(FromSamples(boards.samples))
    ours = theirs = 0.0
    for _ in range(3):
        began = time.process_time()
        text(boards.samples())
        between = time.process_time()
        generate_latest(registry)
        ours, theirs = ours + between - began, theirs + time.process_time() - between

    assert ours < theirs / 2
