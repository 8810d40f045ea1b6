"""A synthetic city's events and clocks, streamed in the order of time, as a replay would give them.

Calls are drawn by the block (a day, an hour or a minute, whichever holds a few thousand); what a call says
after its block's end is carried over. So memory is that of one block and of the calls that are open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros, moment
from sources.pace import TAIL
from sources.simulation.calls import Fleet, calls_of, units_of
from sources.simulation.draws import MILLION, Draws, Ints
from sources.simulation.happenings import Column, Events, events_of
from sources.simulation.model import Model, fitted
from sources.simulation.wording import Wording

_BLOCK_INCIDENTS = 4_000
"""Calls drawn at once: some 70,000 events, 60 MB with their texts."""

_HOUR_S, _MINUTE_S, _DAY_S = HOUR // SECOND, MINUTE // SECOND, DAY // SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """Which city.

    Attributes:
        start: of the first day; ``days``: how many times 24 h calls come in.
        seed: the same plan and seed give the same bytes.
        clock_step: between clocks, in event time.
        stations: how many; 0: as many as San Francisco.
    """

    agency_id: str
    source_id: str
    zone: ZoneInfo
    start: Micros
    incidents_per_day: int
    days: int
    seed: int
    clock_step: Micros = DAY
    stations: int = 0


class Said(NamedTuple):
    """Events one after the other, in the order of time.

    Attributes:
        incidents: of each event, its incident's number; ``ids`` has their names (``City.wording``).
        events: their JSON.
        last: when the last of them was said, in seconds.
    """

    incidents: Ints
    events: list[str]
    last: int


class City:
    """One simulation.

    Args:
        plan: which.
        model: the city's tables; None: as fitted.
    """

    def __init__(self, plan: Plan, model: Model | None = None) -> None:
        self.plan = plan
        self.model = model or Model(fitted(), plan.incidents_per_day, plan.stations)
        date = moment(plan.start).astimezone(plan.zone).strftime("%y%m%d")
        self.wording = Wording(self.model, plan.agency_id, plan.source_id, f"{date}-{plan.seed}-")
        self._draws = Draws(plan.seed)
        self._fleet = Fleet(self.model)
        self._number = 0

    def stream(self) -> Iterator[Said | Micros]:
        """Events, and the clocks (a bare instant) that stand between and after them.

        A clock says that everything up to its time has been said; the last ones are as at a replay's end:
        at the last event, and 48 h later.
        """
        step = self.plan.clock_step // SECOND
        following: int | None = None
        last = 0
        for events in self._blocks():
            due = events[Column.DUE]
            texts = self.wording(events)
            if following is None:
                following = -(-int(due[0]) // step) * step
            begin, last = 0, int(due[-1])
            while following < last:
                end = int(np.searchsorted(due, following, side="right"))
                if end > begin:
                    yield Said(events[Column.INCIDENT, begin:end], texts[begin:end], int(due[end - 1]))
                yield following * SECOND
                begin, following = end, following + step
            yield Said(events[Column.INCIDENT, begin:], texts[begin:], last)
        if following is not None:
            yield last * SECOND
            yield last * SECOND + TAIL

    def _blocks(self) -> Iterator[Events]:
        """Events in order, a block of time at once, none of them empty."""
        plan, carried = self.plan, np.empty((len(Column), 0), np.int64)
        start, size = plan.start // SECOND, self._block_s()
        end = start + plan.days * _DAY_S
        for begin in range(start, end, size):
            drawn = self._drawn(begin, begin + size)
            # What was carried is in order already, and comes before what is new of the same second.
            events = np.concatenate((carried, drawn), axis=1) if drawn is not None else carried
            events = events[:, np.argsort(events[Column.DUE], kind="stable")]
            cut = int(np.searchsorted(events[Column.DUE], begin + size))
            carried = events[:, cut:].copy()
            if cut:
                yield events[:, :cut]
        if carried.shape[1]:
            yield carried

    def _block_s(self) -> int:
        for size in (_DAY_S, _HOUR_S, _MINUTE_S):
            if self.plan.incidents_per_day * size <= _BLOCK_INCIDENTS * _DAY_S:
                return size
        return _MINUTE_S

    def _drawn(self, begin: int, end: int) -> Events | None:
        """Every event of the calls that come in a span of time; None: no call comes."""
        arrival = np.concatenate(
            [
                self._arrivals(at, min(_HOUR_S, end - at))
                for at in range(begin, end, min(_HOUR_S, end - begin))
            ]
        )
        if not len(arrival):
            return None
        calls, kind = calls_of(self.model, self._draws, arrival, self._number)
        self._number += len(arrival)
        units = units_of(self.model, self._draws, calls, kind, self._fleet)
        return events_of(self.model, self._draws, calls, units)

    def _arrivals(self, begin: int, size: int) -> Ints:
        """When calls come in, in an hour or less, by the rhythm of the local hour it begins in."""
        local = moment(begin * SECOND).astimezone(self.plan.zone)
        level = self.model.rhythm[local.weekday() * 24 + local.hour]
        expected = self.plan.incidents_per_day * level * size // _DAY_S
        assert expected < MILLION * MILLION, "a million calls a block is no city"
        return np.sort(begin + self._draws.below(self._draws.arrivals(expected), size))
