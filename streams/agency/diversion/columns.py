"""All encounters of an agency in columns, so that any window and group is one sum.

An encounter's row of counts is one of a few hundred that ever occur (``counting.traits``), so a column holds
its number, and the sum of any rows is a count of numbers times a small table: whole numbers, exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.records import CallTimes
from streams.agency.diversion.counting import NAMES, Traits

Rows = npt.NDArray[np.int64]

WITH_UNIT, WITHOUT_UNIT = 1, 2
"""``kind`` of a suitable call: handled by the unit, or not associated with it."""


class Row(NamedTuple):
    """One encounter that is counted."""

    call_at: int
    signature: int
    groups: tuple[int, ...]
    periods: tuple[int, ...]
    open: bool
    kind: int
    police_present: bool
    arrival_s: int
    scene_s: int
    first_arrival_s: int
    police_s: int


class Columns:
    """The encounters of one agency.

    Attributes:
        used: which rows hold an encounter that is counted.
        written: at which of all writes a row was last written, ``writes`` how many there were: rows of which
            none was written since, and as many as then, are the same rows.
    """

    def __init__(self, groups: int, periods: int) -> None:
        self._free: list[int] = []
        self._size = 0
        self._table = np.zeros((0, len(NAMES)), np.int64)
        self._rows: list[list[int]] = []
        self._signatures: dict[Traits, int] = {}
        self.writes = 0
        self.written = np.zeros(0, np.int64)
        self.used = np.zeros(0, np.bool_)
        self.call_at = np.zeros(0, np.int64)
        self.signature = np.zeros(0, np.int64)
        self.group = np.zeros((groups, 0), np.int64)
        self.period = np.zeros((periods, 0), np.int64)
        self.open = np.zeros(0, np.bool_)
        self.kind = np.zeros(0, np.int8)
        self.police_present = np.zeros(0, np.bool_)
        self.seconds = np.zeros((4, 0), np.int64)

    def signature_of(self, traits: Traits, make: Any) -> int:
        """The number of a row of counts; ``make`` makes it where it is new."""
        code = self._signatures.get(traits)
        if code is None:
            code = self._signatures[traits] = len(self._rows)
            self._rows.append(make())
        return code

    def take(self) -> int:
        """A row for a new encounter."""
        if self._free:
            return self._free.pop()
        if self._size == self.used.size:
            self._grow(max(1024, 2 * self._size))
        self._size += 1
        return self._size - 1

    def _grow(self, size: int) -> None:
        for name in ("used", "written", "call_at", "signature", "open", "kind", "police_present"):
            old = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[: old.size] = old
            setattr(self, name, new)
        for name in ("group", "period", "seconds"):
            old = getattr(self, name)
            wide = np.zeros((old.shape[0], size), old.dtype)
            wide[:, : old.shape[1]] = old
            setattr(self, name, wide)

    def put(self, at: int, row: Row) -> None:
        """Write an encounter."""
        self.writes += 1
        self.used[at], self.written[at] = True, self.writes
        self.call_at[at], self.signature[at] = row.call_at, row.signature
        self.group[:, at], self.period[:, at] = row.groups, row.periods
        self.open[at], self.kind[at], self.police_present[at] = row.open, row.kind, row.police_present
        self.seconds[:, at] = row.arrival_s, row.scene_s, row.first_arrival_s, row.police_s

    def clear(self, at: int) -> None:
        """What stands there is not counted."""
        self.used[at] = False

    def free(self, at: int) -> None:
        """Give the row back."""
        self.used[at] = False
        self._free.append(at)

    @property
    def table(self) -> Rows:
        """The rows of counts by signature."""
        if len(self._table) < len(self._rows):
            self._table = np.array(self._rows, np.int64).reshape(-1, len(NAMES))
        return self._table

    def sums(self, rows: Rows, group: Rows | None, groups: int) -> Rows:
        """The sums of some rows by group: one row a group, one column a name."""
        table = self.table
        signatures = self.signature[rows]
        if group is not None:
            signatures = group * len(table) + signatures
        counts = np.bincount(signatures, minlength=groups * len(table)).reshape(groups, len(table))
        return counts @ table

    def times(self, rows: Rows) -> Times:
        """Percentiles of the unit's times, and calls with the unit beside those without it."""
        arrival, scene, first, police = self.seconds[:, rows]
        kind, there = self.kind[rows], self.police_present[rows]
        compared = []
        for wanted in (WITH_UNIT, WITHOUT_UNIT):
            of = kind == wanted
            arrivals = _measured(first[of])
            half, most = percentile(arrivals, 50), percentile(arrivals, 90)
            sums = int(of.sum()), int(there[of].sum()), int(police[of].sum())
            compared.append(CallTimes(*sums, len(arrivals), half, most))
        arrivals, scenes = _measured(arrival), _measured(scene)
        return Times(
            percentile(arrivals, 50),
            percentile(arrivals, 90),
            percentile(scenes, 50),
            len(arrivals),
            len(scenes),
            *compared,
        )


class Times(NamedTuple):
    """See ``DiversionRecord``."""

    arrival_p50: int
    arrival_p90: int
    scene_p50: int
    arrival_n: int
    scene_n: int
    with_unit: CallTimes
    without_unit: CallTimes


def _measured(values: Rows) -> Rows:
    return np.sort(values[values >= 0])


def percentile(ordered: Rows, percent: int) -> int:
    """Nearest rank of sorted values; -1 where there are none.

    >>> percentile(np.array([1, 2, 3, 4]), 50), percentile(np.array([], dtype=np.int64), 90)
    (2, -1)
    """
    n = len(ordered)
    return int(ordered[-(-percent * n // 100) - 1]) if n else -1
