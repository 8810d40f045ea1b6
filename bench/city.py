"""A generated city as load: written in bulk, or said on a schedule."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from schemas.times import DAY, parse
from sources.bulk import BulkWriter
from sources.simulation.city import City, Plan, Said
from sources.simulation.model import Model, fitted
from sources.simulation.run import Simulated, run

AGENCY, SOURCE = "simcity", "cad"
START = parse("2025-01-06T00:00:00-08:00")
EVENTS_A_CALL = 16.9
"""Of the fit, assumptions included."""


def plan(incidents_per_day: int, days: int, seed: int = 1, **more: Any) -> Plan:
    """A city of the benchmark's own agency."""
    zone = ZoneInfo("America/Los_Angeles")
    return Plan(AGENCY, SOURCE, zone, START, incidents_per_day, days, seed, **more)


def write(broker: str, wanted: Plan) -> Simulated:
    """A whole city into Kafka, as fast as it goes."""
    city = City(wanted)
    with BulkWriter(broker) as writer:
        return run(city, writer)


def simple(count: int, incidents_per_day: int = 50_000, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """Events without merges, corrections or changes: (key, JSON), so that what was measured can be counted.

    Args:
        count: how many.
        incidents_per_day: of the city.
        first: which day it begins on; other days are other calls.
    """
    fit: Any = copy.deepcopy(fitted())
    for name in fit["assumed"]:
        if name.endswith("_ppm"):
            fit["assumed"][name] = 0
    fit["priorities"] = {mode: [[1, rows[0][2], rows[0][2]]] for mode, rows in fit["priorities"].items()}
    wanted = plan(incidents_per_day, 3650)
    city = City(replace(wanted, start=wanted.start + first * DAY), Model(fit, incidents_per_day))
    made = 0
    for item in city.stream():
        if not isinstance(item, Said):
            continue
        for incident, event in zip(item.incidents.tolist(), item.events, strict=True):
            yield f"{city.wording.key_prefix}{incident}", event.encode()
            made += 1
            if made >= count:
                return
