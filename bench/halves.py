"""``python -m bench.halves``: what the mediation half costs stage one, without Kafka: its pure logic alone.

A simulated city with a mediation unit, three ways in turns: CAD's events for an agency without criteria, the
same events with them, and both halves whole. Processor microseconds an event are told, not the clock's.

Example:
  python -m bench.halves
  python -m bench.halves --days 60 --rounds 9
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from bench.offline import join
from schemas.agency import Agency, load_agency
from sources.mediation_city.calls import CAD, DESK
from sources.mediation_city.city import Item, Plan, stream
from sources.writer import clock_record
from streams.incidents.layout import Layout
from streams.incidents.partition import Partition

_AGENCY = Path(__file__).resolve().parent.parent / "deploy" / "agencies" / "dayton-sim.toml"
_BATCH = 4_000


class Way(NamedTuple):
    """One of the three: what it is called, the agency, and the log it reads."""

    name: str
    agency: Agency
    values: list[bytes]


def _ways(days: int, seed: int) -> list[Way]:
    agency = load_agency(_AGENCY)
    plain = agency.model_copy(update={"mediation": ()})
    items = list(stream(Plan(agency, date(2025, 1, 6), days, seed)))
    both = list(_values(agency, items))
    cad = [value for value in both if b'"kind":"mediation' not in value]
    return [
        Way("CAD's half, an agency without criteria", plain, cad),
        Way("CAD's half, an agency with criteria", agency, cad),
        Way("both halves", agency, both),
    ]


def _values(agency: Agency, items: list[Item]) -> Iterator[bytes]:
    for item in items:
        if item.key:
            yield item.value
            continue
        for source in (CAD, DESK):
            yield clock_record(agency.id, source, item.at)[1]


def _cost_us(way: Way) -> float:
    """Processor microseconds an event, of one run from nothing."""
    layout = Layout("events", "responses", "incidents", "breaches", "log", "health", "dead", 1, 1)
    logic = Partition(0, layout, {way.agency.id: way.agency})
    begun = time.process_time()
    join(logic, way.values, _BATCH)
    return 1e6 * (time.process_time() - begun) / len(way.values)


def main() -> None:
    """Run the command."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bench.halves", description=__doc__, formatter_class=form)
    parser.add_argument("--days", type=int, default=20, help="of the simulated city (20)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seed", type=int, default=1, help="of the city (1)")
    options = parser.parse_args()
    ways = _ways(options.days, options.seed)
    costs: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(options.rounds):
        for way in ways:
            costs[way.name].append(_cost_us(way))
    first = costs[ways[0].name]
    print(f"{'us of processor an event':<44}{'events':>10}{'min':>8}{'median':>8}{'max':>8}{'to first':>10}")
    for way in ways:
        found = costs[way.name]
        ratio = statistics.median(mine / its for mine, its in zip(found, first, strict=True))
        print(
            f"{way.name:<44}{len(way.values):>10,}{min(found):>8.1f}{statistics.median(found):>8.1f}"
            f"{max(found):>8.1f}{ratio:>10.2f}"
        )


if __name__ == "__main__":
    main()
