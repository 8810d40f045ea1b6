"""The fit as tables: ``city.json``, which tools/fit_city.py writes; stations and fleet of one city."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from sources.simulation.draws import Choice, Ints, Quantiles

ARRIVED, TRANSPORTED, GIVEN_UP, CANCELED, NEVER_ENROUTE, OPEN_ENROUTE, OPEN_ON_SCENE = range(7)
"""What a unit did, in the order of the letters of the fit."""

_LETTERS = "atbcnos"
_FLEET_MIN = 40
"""More than the units of one type that any one call has: none is sent to it twice by chance."""

_SPARE_PERCENT = 150


@lru_cache(maxsize=1)
def fitted() -> dict[str, Any]:
    """What the fit says, as its file has it."""
    text = files("sources.simulation").joinpath("city.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


class Model:
    """One city's tables.

    Args:
        fit: what ``fitted`` says, or a fit of another week.
        incidents_per_day: how busy the city is; its fleet grows with it.
        stations: how many; 0: as many as the fit has. Others are the fitted ones, thinned or split.

    Attributes:
        rhythm: millionths of the mean hour, by hour of the local week from Monday.
        units_from, units_count: of each kind of call, where its units stand in the unit tables.
        unit_type, unit_fate, unit_turnout_zero, unit_travel_zero, unit_first: of each unit of each kind
            of call.
        fleet_from, fleet_size: the units of each type, numbered over all types.
    """

    def __init__(self, fit: dict[str, Any], incidents_per_day: int, stations: int = 0) -> None:
        self.incidents_per_day = incidents_per_day
        self.rhythm: list[int] = fit["rhythm"]
        self.types: list[str] = fit["types"]
        self.group = np.array(fit["groups"], np.int64)
        self.unit_types: list[str] = fit["unit_types"]
        self.unit_kind = np.array(fit["unit_kinds"], np.int64)
        self.als_percent: list[int] = fit["als_percent"]
        self.alike_percent: int = fit["alike_percent"]
        self._calls(fit["calls"])
        self._stations(fit["stations"], stations or len(fit["stations"]))
        self._said(fit)
        self.spans = {name: Quantiles(tables) for name, tables in fit["spans"].items()}
        self.assumed: dict[str, Any] = fit["assumed"]
        self.assumed_spans = {
            name: Quantiles([table]) for name, table in self.assumed.items() if name.endswith("_s")
        }
        share = _SPARE_PERCENT * incidents_per_day
        sizes = [max(_FLEET_MIN, -(-n * share // (100 * fit["incidents_per_day"]))) for n in fit["fleet"]]
        self.fleet_size = np.array(sizes, np.int64)
        self.fleet_from = np.cumsum(self.fleet_size) - self.fleet_size

    def _calls(self, calls: list[list[Any]]) -> None:
        self.call = Choice([[row[0] for row in calls]])
        self.call_type: Ints = np.array([row[1] for row in calls], np.int64)
        self.call_mode: Ints = np.array([row[2] for row in calls], np.int64)
        units = [row[3].split() for row in calls]
        self.units_count: Ints = np.array([len(u) for u in units], np.int64)
        self.units_from: Ints = np.cumsum(self.units_count) - self.units_count
        flat = [unit for call in units for unit in call]
        self.unit_type: Ints = np.array([int(u[0]) for u in flat], np.int64)
        self.unit_fate: Ints = np.array([_LETTERS.index(u[1]) for u in flat], np.int64)
        self.unit_turnout_zero = np.array(["z" in u for u in flat])
        self.unit_travel_zero = np.array(["y" in u for u in flat])
        self.unit_first: Ints = np.array(["f" in u for u in flat], np.int64)

    def _stations(self, fitted_ones: list[list[Any]], count: int) -> None:
        chosen = [fitted_ones[i * len(fitted_ones) // count] for i in range(count)]
        self.station = Choice([[row[0] for row in chosen]])
        self.travel_percent: Ints = np.array([row[1] for row in chosen], np.int64)
        self.battalions: list[str] = [row[2] for row in chosen]
        width = max(2, len(str(count)))
        self.stations: list[str] = [f"S{i + 1:0{width}d}" for i in range(count)]

    def _said(self, fit: dict[str, Any]) -> None:
        by_mode = list(fit["priorities"].values())
        self.priority = Choice([[row[0] for row in rows] for rows in by_mode])
        self.priorities: list[list[tuple[str, str]]] = [[(r[1], r[2]) for r in rows] for rows in by_mode]
        by_stratum = fit["dispositions"]
        self.disposition = Choice([[row[0] for row in rows] for rows in by_stratum])
        self.dispositions: list[str] = sorted({row[1] for rows in by_stratum for row in rows})
        widest = max(len(rows) for rows in by_stratum)
        numbers = [[self.dispositions.index(r[1]) for r in rows] for rows in by_stratum]
        self.disposition_number: Ints = np.array(
            [row + [0] * (widest - len(row)) for row in numbers], np.int64
        )
