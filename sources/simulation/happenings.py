"""Calls and units to events, as columns: what is said, when it happened and when it was written.

One block is a matrix of whole numbers, a row for each ``Column``, so that events are sorted, cut and carried
over to the next block by the hundred thousand.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sources.simulation.calls import NEVER, Calls, Units
from sources.simulation.draws import Draws, Ints
from sources.simulation.model import Model


class Column(IntEnum):
    """Rows of the matrix.

    ``INCIDENT`` is twice the call's number, and one more for a duplicate call; ``NUMBER`` counts an
    incident's events; ``FIRST`` and ``SECOND`` are what the event's kind needs.
    """

    DUE = 0
    OCCURRED = 1
    KIND = 2
    INCIDENT = 3
    NUMBER = 4
    UNIT = 5
    FIRST = 6
    SECOND = 7


class Kind(IntEnum):
    """What an event says; a milestone's correction is ``CORRECTION`` + the milestone."""

    CALL_ARRIVAL = 0
    CALL_ANSWERED = 1
    CALL_CREATE = 2
    DISPATCH = 3
    ENROUTE_TO_SCENE = 4
    ON_SCENE = 5
    ENROUTE_TO_HOSPITAL = 6
    ARRIVED_AT_HOSPITAL = 7
    CANCELED_ENROUTE = 8
    UNIT_CLEAR = 9
    OF_INCIDENT = 10
    OF_UNIT = 11
    RAISED = 12
    DISPOSITION = 13
    MERGE = 14
    CORRECTION = 20


Events = NDArray[np.int64]
"""A matrix of ``Column`` by event."""

_A_UNIT = 40
"""Event numbers that belong to one unit of an incident."""

_TWICE, _CORRECTED, _AGAIN = 10, 20, 32
"""Where, among a unit's numbers, those of second presses, of corrections and of its second response begin."""


class _Said:
    """Gathers columns of events, in the order in which things of one second are said."""

    def __init__(self) -> None:
        self.blocks: list[Events] = []

    def add(
        self,
        kind: int,
        incident: Ints,
        number: Ints | int,
        occurred: Ints,
        *,
        due: Ints | None = None,
        unit: Ints | int = NEVER,
        first: Ints | int = 0,
        second: Ints | int = 0,
    ) -> None:
        block = np.empty((len(Column), len(incident)), np.int64)
        block[Column.DUE] = occurred if due is None else due
        block[Column.OCCURRED] = occurred
        block[Column.KIND] = kind
        block[Column.INCIDENT] = incident
        block[Column.NUMBER] = number
        block[Column.UNIT] = unit
        block[Column.FIRST] = first
        block[Column.SECOND] = second
        self.blocks.append(block)


def events_of(model: Model, draws: Draws, calls: Calls, units: Units) -> Events:
    """Every event of these calls, not yet in the order of time."""
    said = _Said()
    incident = calls.number * 2
    _of_calls(model, draws, said, calls, incident)
    _merged(model, draws, said, calls, incident)
    _of_units(model, draws, said, calls, units, incident[units.call])
    _disposed(said, calls, units, incident)
    return np.concatenate(said.blocks, axis=1)


def _of_calls(model: Model, draws: Draws, said: _Said, calls: Calls, incident: Ints) -> None:
    said.add(Kind.CALL_ARRIVAL, incident, 0, calls.arrival)
    said.add(Kind.CALL_ANSWERED, incident, 1, calls.answered)
    said.add(Kind.CALL_CREATE, incident, 2, calls.create)
    attributes = attribute_number(model, calls.type, calls.mode, calls.priority)
    said.add(Kind.OF_INCIDENT, incident, 3, calls.create, first=attributes, second=calls.station)
    changed = np.array([[before != after for before, after in pairs] for pairs in _padded(model)])
    rows = np.flatnonzero(changed[calls.mode, calls.priority])
    later = model.assumed_spans["changed_after_create_s"].at(draws.uniform(len(rows)))
    said.add(Kind.RAISED, incident[rows], 4, calls.create[rows] + later, first=attributes[rows])


def _padded(model: Model) -> list[list[tuple[str, str]]]:
    widest = max(len(pairs) for pairs in model.priorities)
    return [pairs + [("", "")] * (widest - len(pairs)) for pairs in model.priorities]


def attribute_number(model: Model, type_: Ints, mode: Ints, priority: Ints) -> Ints:
    """One number for type, mode and priority of a call; ``attributes_numbered`` turns it back."""
    widest = max(len(pairs) for pairs in model.priorities)
    return (type_ * len(model.priorities) + mode) * widest + priority


def _merged(model: Model, draws: Draws, said: _Said, calls: Calls, incident: Ints) -> None:
    """A second caller about the same thing gets an incident of its own, until someone sees it."""
    rows = np.flatnonzero(draws.happens(len(incident), model.assumed["merged_ppm"]))
    n, spans = len(rows), model.assumed_spans
    arrival = calls.arrival[rows] + spans["merged_call_after_s"].at(draws.uniform(n))
    taking = model.spans["call_taking"].at(draws.uniform(n), calls.stratum[rows])
    answered = np.minimum(arrival + spans["call_answered_s"].at(draws.uniform(n)), arrival + taking)
    create = arrival + taking
    merged = create + spans["merged_after_s"].at(draws.uniform(n))
    duplicate = incident[rows] + 1
    attributes = attribute_number(model, calls.type[rows], calls.mode[rows], calls.priority[rows])
    said.add(Kind.CALL_ARRIVAL, duplicate, 0, arrival)
    said.add(Kind.CALL_ANSWERED, duplicate, 1, answered)
    said.add(Kind.CALL_CREATE, duplicate, 2, create)
    said.add(Kind.OF_INCIDENT, duplicate, 3, create, first=attributes, second=calls.station[rows])
    said.add(Kind.MERGE, duplicate, 5, merged, first=incident[rows])


def _of_units(model: Model, draws: Draws, said: _Said, calls: Calls, units: Units, incident: Ints) -> None:
    number = (units.place + 1) * _A_UNIT
    said.add(Kind.OF_UNIT, incident, number, units.dispatch, unit=units.unit)
    for kind, times in (
        (Kind.DISPATCH, units.dispatch),
        (Kind.ENROUTE_TO_SCENE, units.enroute),
        (Kind.ON_SCENE, units.on_scene),
        (Kind.ENROUTE_TO_HOSPITAL, units.transport),
        (Kind.ARRIVED_AT_HOSPITAL, units.hospital),
        (Kind.CANCELED_ENROUTE, units.canceled),
        (Kind.UNIT_CLEAR, units.clear),
    ):
        rows = np.flatnonzero(times != NEVER)
        local = int(kind) - int(Kind.DISPATCH) + 1
        _press(
            model, draws, said, int(kind), incident[rows], number[rows] + local, units.unit[rows], times[rows]
        )
    _sent_again(model, draws, said, calls, units, incident, number)


def _press(
    model: Model, draws: Draws, said: _Said, kind: int, incident: Ints, number: Ints, unit: Ints, at: Ints
) -> None:
    """A press: mostly as it happens; a few are written late, a few twice pressed, a few corrected."""
    assumed, spans = model.assumed, model.assumed_spans
    late, twice, wrong = assumed["written_late_ppm"], assumed["twice_pressed_ppm"], assumed["corrected_ppm"]
    chance = draws.below(len(at), 1_000_000)
    due = at.copy()
    rows = np.flatnonzero(chance < late)
    due[rows] += spans["written_late_s"].at(draws.uniform(len(rows)))
    said.add(kind, incident, number, at, due=due, unit=unit)
    rows = np.flatnonzero((chance >= late) & (chance < late + twice))
    again = at[rows] + spans["twice_pressed_s"].at(draws.uniform(len(rows)))
    said.add(kind, incident[rows], number[rows] + _TWICE, again, unit=unit[rows])
    if kind not in (Kind.DISPATCH, Kind.ENROUTE_TO_SCENE, Kind.ON_SCENE):
        return
    rows = np.flatnonzero((chance >= late + twice) & (chance < late + twice + wrong))
    seen = at[rows] + spans["corrected_after_s"].at(draws.uniform(len(rows)))
    right = at[rows] + spans["corrected_by_s"].at(draws.uniform(len(rows)))
    gone = draws.happens(len(rows), assumed["withdrawn_of_corrected_ppm"])
    right = np.where(gone & (kind != Kind.DISPATCH), NEVER, right)
    said.add(
        int(Kind.CORRECTION) + kind, incident[rows], number[rows] + _CORRECTED, seen,
        unit=unit[rows], first=at[rows], second=right,
    )  # fmt: skip


def _sent_again(
    model: Model, draws: Draws, said: _Said, calls: Calls, units: Units, incident: Ints, number: Ints
) -> None:
    """A unit that had cleared, or was turned around, is sent to the same incident once more."""
    cleared = np.flatnonzero(units.clear != NEVER)
    rows = cleared[draws.happens(len(cleared), model.assumed["sent_again_ppm"])]
    n = len(rows)
    by_kind = units.kind[rows] * 8 + units.stratum[rows]
    dispatch = units.clear[rows] + model.assumed_spans["sent_again_after_s"].at(draws.uniform(n))
    enroute = dispatch + model.spans["turnout"].at(draws.uniform(n), by_kind)
    travel = model.spans["travel"].at(draws.uniform(n), by_kind)
    percent = model.travel_percent[calls.station[units.call[rows]]]
    on_scene = enroute + np.maximum(1, travel * percent // 100)
    clear = on_scene + model.spans["scene_clear"].at(draws.uniform(n), by_kind)
    for local, (kind, times) in enumerate(
        (
            (Kind.DISPATCH, dispatch),
            (Kind.ENROUTE_TO_SCENE, enroute),
            (Kind.ON_SCENE, on_scene),
            (Kind.UNIT_CLEAR, clear),
        )
    ):
        numbers = number[rows] + _AGAIN + local
        said.add(int(kind), incident[rows], numbers, times, unit=units.unit[rows])


def _disposed(said: _Said, calls: Calls, units: Units, incident: Ints) -> None:
    """The disposition comes with the last unit's end."""
    last = np.full(len(incident), NEVER, np.int64)
    np.maximum.at(last, units.call, units.clear)
    rows = np.flatnonzero(last != NEVER)
    said.add(Kind.DISPOSITION, incident[rows], 6, last[rows], first=calls.disposition[rows])
