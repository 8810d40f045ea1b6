"""A block of incidents and their units: what happens and when, as columns. Pure but for the draws given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sources.simulation.draws import Draws, Ints
from sources.simulation.model import (
    ARRIVED,
    CANCELED,
    GIVEN_UP,
    NEVER_ENROUTE,
    OPEN_ENROUTE,
    OPEN_ON_SCENE,
    TRANSPORTED,
    Model,
)

NEVER = -1
"""In a column of times: it did not happen."""

_STRATA = 8
_KINDS = 4
"""As the fit has them: groups of types by mode, and kinds of units that differ in their times."""


@dataclass(slots=True)
class Calls:
    """Incidents, one a row; times in seconds since 1970.

    Attributes:
        number: each city's own count.
        stratum: group of types and mode; ``priority``: which of the mode's pairs (first said, final).
    """

    number: Ints
    type: Ints
    mode: Ints
    stratum: Ints
    station: Ints
    priority: Ints
    disposition: Ints
    arrival: Ints
    answered: Ints
    create: Ints


@dataclass(slots=True)
class Units:
    """Responses, one a row, those of one call together in the order of their dispatch.

    Attributes:
        call: row of the call; ``place``: 0 for the first unit sent to it; ``unit``: number in the fleet.
        stratum, kind: what its times are drawn by.
    """

    call: Ints
    place: Ints
    unit: Ints
    stratum: Ints
    kind: Ints
    dispatch: Ints
    enroute: Ints
    on_scene: Ints
    transport: Ints
    hospital: Ints
    canceled: Ints
    clear: Ints


class Fleet:
    """Which unit goes: the next of its type, so that one that has just gone out rests longest."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._next = np.zeros(len(model.fleet_size), np.int64)

    def send(self, unit_type: Ints) -> Ints:
        """A unit for each of these types, in turn."""
        chosen = np.empty(len(unit_type), np.int64)
        for number, size in enumerate(self._model.fleet_size):
            rows = np.flatnonzero(unit_type == number)
            turns = (self._next[number] + np.arange(len(rows))) % size
            chosen[rows] = self._model.fleet_from[number] + turns
            self._next[number] = (self._next[number] + len(rows)) % size
        return chosen


def calls_of(model: Model, draws: Draws, arrival: Ints, first_number: int) -> tuple[Calls, Ints]:
    """The calls that arrive at these times, and which kind of call of the fit each is."""
    n = len(arrival)
    kind = model.call.pick(draws.uniform(n))
    type_, mode = model.call_type[kind], model.call_mode[kind]
    stratum = model.group[type_] * 2 + mode
    taking = model.spans["call_taking"].at(draws.uniform(n), stratum)
    create = arrival + taking
    picked = model.disposition.pick(draws.uniform(n), stratum)
    calls = Calls(
        number=first_number + np.arange(n),
        type=type_,
        mode=mode,
        stratum=stratum,
        station=model.station.pick(draws.uniform(n)),
        priority=model.priority.pick(draws.uniform(n), mode),
        disposition=model.disposition_number[stratum, picked],
        arrival=arrival,
        answered=np.minimum(arrival + model.assumed_spans["call_answered_s"].at(draws.uniform(n)), create),
        create=create,
    )
    return calls, kind


def units_of(model: Model, draws: Draws, calls: Calls, kind: Ints, fleet: Fleet) -> Units:
    """The units sent to these calls, and what they did."""
    counts = model.units_count[kind]
    call = np.repeat(np.arange(len(kind)), counts)
    first_rows = np.cumsum(counts) - counts
    place = np.arange(len(call)) - first_rows[call]
    row = model.units_from[kind][call] + place
    stratum = calls.stratum[call]
    unit_type = model.unit_type[row]
    dispatch = _dispatches(model, draws, calls, call, place, first_rows)
    never = np.full(len(call), NEVER, np.int64)
    units = Units(
        call=call,
        place=place,
        unit=fleet.send(unit_type),
        stratum=stratum,
        kind=model.unit_kind[unit_type],
        dispatch=dispatch,
        enroute=never,
        on_scene=never,
        transport=never,
        hospital=never,
        canceled=never,
        clear=never,
    )
    _work(model, draws, calls, units, row)
    return units


def _dispatches(model: Model, draws: Draws, calls: Calls, call: Ints, place: Ints, first_rows: Ints) -> Ints:
    first = calls.create + model.spans["dispatching"].at(draws.uniform(len(calls.create)), calls.stratum)
    table = (np.minimum(place, 3) - 1) * _STRATA + calls.stratum[call]
    later = place > 0
    gaps = np.where(
        later, model.spans["next_dispatch"].at(draws.uniform(len(call)), np.where(later, table, 0)), 0
    )
    total = np.cumsum(gaps)
    times: Ints = first[call] + total - total[first_rows][call]
    return times


def _work(model: Model, draws: Draws, calls: Calls, units: Units, row: Ints) -> None:
    n, spans, fate = len(row), model.spans, model.unit_fate[row]
    by_kind = units.kind * _STRATA + units.stratum
    turnout = spans["turnout"].at(draws.uniform(n), by_kind)
    units.enroute = units.dispatch + np.where(model.unit_turnout_zero[row], 0, turnout)
    units.enroute[fate == NEVER_ENROUTE] = NEVER
    by_rank = model.unit_first[row] * (_KINDS * _STRATA) + by_kind
    travel = spans["travel"].at(_alike(model, draws, units.call), by_rank)
    travel = np.maximum(1, travel * model.travel_percent[calls.station[units.call]] // 100)
    arrives = _is_any(fate, ARRIVED, TRANSPORTED, GIVEN_UP, OPEN_ON_SCENE)
    units.on_scene = np.where(
        arrives, units.enroute + np.where(model.unit_travel_zero[row], 0, travel), NEVER
    )
    left = units.on_scene + spans["scene_transport"].at(draws.uniform(n), by_kind)
    units.transport = np.where(_is_any(fate, TRANSPORTED, GIVEN_UP), left, NEVER)
    there = left + spans["to_hospital"].at(draws.uniform(n), units.kind)
    units.hospital = np.where(fate == TRANSPORTED, there, NEVER)
    units.clear = np.select(
        [fate == ARRIVED, fate == TRANSPORTED, fate == GIVEN_UP, fate == CANCELED, fate == NEVER_ENROUTE],
        [
            units.on_scene + spans["scene_clear"].at(_alike(model, draws, units.call), by_kind),
            there + spans["at_hospital"].at(draws.uniform(n), units.kind),
            left + spans["hospital_given_up"].at(draws.uniform(n)),
            units.enroute + spans["cancel"].at(_alike(model, draws, units.call), by_kind),
            units.dispatch + spans["never_enroute"].at(draws.uniform(n), units.stratum),
        ],
        NEVER,
    )
    units.canceled = np.where(fate == CANCELED, units.clear, NEVER)
    assert not np.any((fate == OPEN_ENROUTE) & (units.clear != NEVER)), "what never closed has no end"


def _alike(model: Model, draws: Draws, call: Ints) -> Ints:
    """A draw for each unit: in a share of cases its call's own, as units on one road are late together."""
    n = len(call)
    shared = draws.uniform(int(call[-1]) + 1 if n else 0)[call]
    own = draws.uniform(n)
    return np.where(draws.below(n, 100) < model.alike_percent, shared, own)


def _is_any(fate: Ints, *which: int) -> NDArray[np.bool_]:
    return np.isin(fate, which)
