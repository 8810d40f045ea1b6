"""The figures of the breakdowns: made anew from the columns, a window of an interval at a time, and compared
with what was told last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.series import BREAKDOWNS
from streams.agency.columns import MODE_NAMES, Columns, Names, Slab
from streams.agency.contributions import INTERVALS, OPEN
from streams.agency.running import FIRST, MODES, NAMES, ROLLING_SLOTS, Running
from streams.agency.tabulate import WIDTH, Stats, is_empty, tabulate

GROUPED = BREAKDOWNS[1:]

Rows = npt.NDArray[np.int64]


class Changed(NamedTuple):
    """Cells of one breakdown of one window of one interval that changed.

    Attributes:
        by: the place in ``GROUPED``.
        cells: see ``streams.agency.tabulate``.
        stats: what stands in them now, a row a cell.
        gone: which of them nothing is in any more.
    """

    by: int
    cells: Rows
    stats: Stats
    gone: npt.NDArray[np.bool_]


class _Told(NamedTuple):
    """What was told last: the cells with something in them, and of their stats the columns that say anything."""

    cells: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int8]
    numbers: npt.NDArray[np.int32]

    def whole(self, cells: int) -> Stats:
        stats = np.zeros((cells, WIDTH), np.int64)
        stats[:, WIDTH - 3 :] = -1
        stats[self.cells[:, None], self.columns] = self.numbers
        return stats


def _told(stats: Stats) -> _Told | None:
    cells = np.flatnonzero(~is_empty(stats))
    if not cells.size:
        return None
    there = stats[cells]
    columns = np.flatnonzero((there != 0).any(axis=0))
    return _Told(cells.astype(np.int32), columns.astype(np.int8), there[:, columns].astype(np.int32))


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
        self._told: dict[int, dict[tuple[int, int], _Told]] = {}

    def changed(self, number: int, slot: int, kind: int, *, all_: bool = False) -> Iterator[Changed]:
        """Tell one window of one interval again.

        Args:
            number: the interval's.
            slot: the window's.
            kind: which of ``CALENDAR`` it is, -1 of a rolling one.
            all_: tell every cell that holds something, changed or not.
        """
        scope = next(s for s in INTERVALS if FIRST[s] <= number < FIRST[s] + len(INTERVALS[s]))
        held, place = self._columns[scope].held, number - FIRST[scope]
        rows = self._rows(held, place, slot, kind)
        code, value, flags = held.code[place][rows], held.value[place][rows], held.flags[place][rows]
        mode = held.mode[rows]
        told = self._told.setdefault(slot, {})
        for by, names in enumerate(self._names):
            if not names.names:
                continue
            stats = tabulate(mode, held.group[by][rows], len(names.names), code, value, flags)
            before = told.get((number, by))
            if before is None:
                changed = empty = is_empty(stats)
                changed = ~empty
            else:
                known, empty = before.whole(len(stats)), is_empty(stats)
                changed = (known != stats).any(axis=1)
                if all_:
                    changed |= ~empty
            now = _told(stats)
            if now is not None:
                told[number, by] = now
            else:
                told.pop((number, by), None)
            cells = np.flatnonzero(changed)
            if cells.size:
                yield Changed(by, cells, stats[cells], empty[cells])
        if not told:
            del self._told[slot]

    def _rows(self, held: Slab, place: int, slot: int, kind: int) -> Rows:
        """The rows of an interval that a window holds."""
        code = held.code[place]
        if slot < ROLLING_SLOTS:
            inside = held.at[place] > self._running.edge(slot)
            inside |= code == OPEN
            inside &= code >= 0
        else:
            inside = held.period[kind] == slot - ROLLING_SLOTS
            inside &= code >= 0
        return np.flatnonzero(inside)

    def series(self, slot: int) -> Iterator[tuple[str, str, str, str]]:
        """What stands of a window: (interval, mode, breakdown, group) of each figure."""
        for (number, by), told in self._told.get(slot, {}).items():
            names = self._names[by].names
            for cell in told.cells.tolist():
                yield NAMES[number], MODE_NAMES[cell % MODES], GROUPED[by], names[cell // MODES]

    def stands(self, slot: int, interval: str, mode: str, by: str, group: str) -> bool:
        """Whether a figure stands."""
        if by not in GROUPED or interval not in NAMES or mode not in MODE_NAMES:
            return False
        place = GROUPED.index(by)
        told = self._told.get(slot, {}).get((NAMES.index(interval), place))
        code = self._names[place].codes.get(group)
        return told is not None and code is not None and code * MODES + MODE_NAMES.index(mode) in told.cells

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
