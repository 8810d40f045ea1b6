"""The figures of the breakdowns: made anew from the columns, a window of an interval at a time.

Told is what differs from what was told last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.series import GROUPED
from streams.agency.columns import MODE_NAMES, Columns, Names, Slab
from streams.agency.contributions import INTERVALS, OPEN
from streams.agency.running import FIRST, MODES, NAMES, ROLLING_SLOTS, Running
from streams.agency.tabulate import SUMS, WIDTH, Stats, is_empty, tabulate

Rows = npt.NDArray[np.int64]


class Changed(NamedTuple):
    """Figures of one window of one interval that changed.

    Attributes:
        cells: (breakdown's place in ``GROUPED``, group, mode) of each.
        stats: what stands in them now, a row a cell.
        gone: which of them nothing is in any more.
    """

    cells: list[tuple[int, str, str]]
    stats: Stats
    gone: npt.NDArray[np.bool_]


class _Told(NamedTuple):
    """What was told last: the cells that held something, and of their stats the columns that say anything."""

    sizes: tuple[int, ...]
    cells: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int8]
    numbers: npt.NDArray[np.int32]

    def whole(self, sizes: tuple[int, ...]) -> Stats:
        stats = np.zeros((sum(sizes) * MODES, WIDTH), np.int64)
        stats[:, SUMS:] = -1
        cells: npt.NDArray[Any] = self.cells
        if sizes != self.sizes:  # a breakdown has more groups now
            ends, now = np.cumsum(self.sizes), np.cumsum((0, *sizes[:-1]))
            by = np.searchsorted(ends, cells // MODES, side="right")
            cells = cells + (now - (ends - self.sizes))[by] * MODES
        stats[cells[:, None], self.columns] = self.numbers
        return stats


def _told(sizes: tuple[int, ...], stats: Stats, there: Rows) -> _Told:
    stats = stats[there]
    columns = np.flatnonzero(stats.any(axis=0))
    return _Told(sizes, there.astype(np.int32), columns.astype(np.int8), stats[:, columns].astype(np.int32))


class Breakdowns:
    """What was told of an agency's breakdowns, and what of it has changed.

    Args:
        columns: scope to its columns.
        running: knows the edges of windows.
        names: a breakdown's groups by their codes, in the order of ``GROUPED``.
    """

    def __init__(self, columns: Mapping[str, Columns], running: Running, names: list[Names]) -> None:
        self._columns = columns
        self._running = running
        self._names = names
        self._told: dict[int, dict[int, _Told]] = {}

    def changed(self, number: int, slot: int, kind: int, *, all_: bool = False) -> Changed | None:
        """Make one window of one interval anew; what of it is to be told.

        Args:
            number: the interval's.
            slot: the window's.
            kind: which of ``CALENDAR`` it is, -1 of a rolling one.
            all_: tell every cell that holds something, changed or not.
        """
        sizes = tuple(len(names.names) for names in self._names)
        if not sum(sizes):
            return None
        scope = next(s for s in INTERVALS if FIRST[s] <= number < FIRST[s] + len(INTERVALS[s]))
        held, place = self._columns[scope].held, number - FIRST[scope]
        rows = self._rows(held, place, slot, kind)
        stats = tabulate(
            held.mode.take(rows),
            held.group.take(rows, axis=1),
            sizes,
            held.code[place].take(rows),
            held.value[place].take(rows),
            held.flags[place].take(rows),
        )
        told = self._told.setdefault(slot, {})
        before, empty = told.get(number), is_empty(stats)
        changed = ~empty if before is None else (before.whole(sizes) != stats).any(axis=1)
        if all_:
            changed |= ~empty
        there = np.flatnonzero(~empty)
        if there.size:
            told[number] = _told(sizes, stats, there)
        else:
            told.pop(number, None)
            if not told:
                del self._told[slot]
        cells = np.flatnonzero(changed)
        return Changed(list(self._cells(sizes, cells)), stats[cells], empty[cells]) if cells.size else None

    def _rows(self, held: Slab, place: int, slot: int, kind: int) -> Rows:
        """The rows of an interval that a window holds."""
        code = held.code[place]
        if slot < ROLLING_SLOTS:
            inside = held.at[place] > self._running.edge(slot)
            inside |= code == OPEN
        else:
            inside = held.period[kind] == slot - ROLLING_SLOTS
        inside &= code >= 0
        return np.flatnonzero(inside)

    def _cells(self, sizes: tuple[int, ...], cells: Rows) -> Iterator[tuple[int, str, str]]:
        """Breakdown, group and mode of cells."""
        ends = np.cumsum(sizes)
        of = np.searchsorted(ends, cells // MODES, side="right")
        groups = cells // MODES - (ends - sizes)[of]
        for by, group, mode in zip(of.tolist(), groups.tolist(), (cells % MODES).tolist(), strict=True):
            yield by, self._names[by].names[group], MODE_NAMES[mode]

    def series(self, slot: int) -> Iterator[tuple[str, str, str, str]]:
        """What stands of a window: (interval, mode, breakdown, group) of each figure."""
        for number, told in self._told.get(slot, {}).items():
            for by, group, mode in self._cells(told.sizes, told.cells.astype(np.int64)):
                yield NAMES[number], mode, GROUPED[by], group

    def drop(self, slot: int) -> None:
        """Forget what was told of a window."""
        self._told.pop(slot, None)

    @property
    def nbytes(self) -> int:
        """Memory taken, about."""
        return sum(
            told.cells.nbytes + told.columns.nbytes + told.numbers.nbytes
            for slot in self._told.values()
            for told in slot.values()
        )
