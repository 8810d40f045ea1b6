"""The figures of the whole (breakdown ``all``), kept up contribution by contribution.

Rolling windows hold what is dated after their edge, (as_of - w, ...): live there is no upper end, so that an
event counts the moment it is read. What leaves a window is found by its date, never by looking at everything.

A figure is a cell: (window, interval, mode) as one integer. Windows are slots: the rolling ones first, then
the calendar periods by their codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from schemas.series import CALENDAR, ROLLING
from schemas.times import MINUTE, Micros
from streams.agency.columns import MODE_NAMES, Columns, Slab
from streams.agency.contributions import INTERVALS, MEASURED, OPEN
from streams.agency.due import Due
from streams.agency.histograms import Histograms, Ints, Lines, grown
from streams.agency.tabulate import FLAG_COLUMNS, FLAG_PLACES, PERCENTS, SUMS, WIDTH, Stats

NAMES: tuple[str, ...] = tuple(name for scope in INTERVALS for name in INTERVALS[scope])
"""All intervals; a number of an interval is its place here."""

FIRST: dict[str, int] = {}
"""Scope to the number of its first interval."""
for _scope in INTERVALS:
    FIRST[_scope] = sum(len(INTERVALS[other]) for other in FIRST)

MODES = len(MODE_NAMES)
CELLS = len(NAMES) * MODES
"""Cells of a slot."""

ROLLING_SLOTS = len(ROLLING)
_LENGTHS = tuple(ROLLING.values())
_FIRST_CELLS = tuple(slot * CELLS for slot in range(ROLLING_SLOTS))
_LONGEST = _LENGTHS.index(max(_LENGTHS))
BEFORE_ALL: Micros = -(1 << 62)
_BUCKET: Micros = 5 * MINUTE

Mask = npt.NDArray[np.bool_]


def entries(scope: str, place: Ints, rows: Ints) -> Ints:
    """What ``Running`` remembers of contributions that will leave a window: where they stand."""
    return rows * len(NAMES) + (place + FIRST[scope])


class Running:
    """The sums of one agency.

    Attributes:
        dirty: by cell, whether it changed since the caller last looked.
        stale: by slot and interval, the same for the breakdowns.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((ROLLING_SLOTS * CELLS, SUMS), np.int32)
        self.dirty = np.zeros(ROLLING_SLOTS * CELLS, np.bool_)
        self.stale = np.zeros((ROLLING_SLOTS, len(NAMES)), np.bool_)
        self._histograms = Histograms()
        self._edges: list[Micros] = [BEFORE_ALL] * ROLLING_SLOTS
        self._leaving = Due(_BUCKET)
        self._lines = Lines()

    @property
    def nbytes(self) -> int:
        """Memory taken, about."""
        return self._sums.nbytes + self._histograms.nbytes + 8 * len(self._leaving)

    def reach(self, slot: int) -> None:
        """Have room for a slot."""
        if slot >= len(self.stale):
            self.stale = grown(self.stale, 0, slot + 1)
            size = len(self.stale) * CELLS
            self._sums, self.dirty = grown(self._sums, 0, size), grown(self.dirty, 0, size)

    # Contributions

    def put(self, scope: str, rows: Ints, slab: Slab, which: Mask, sign: int) -> None:
        """Add contributions (``sign`` 1) to every window that holds them, or take them back (-1).

        Args:
            scope: of the rows.
            rows: which rows of the columns ``slab`` shows.
            slab: their content.
            which: by interval and row, what to put; none of it with code -1.
            sign: 1 or -1.
        """
        place, index = np.nonzero(which)
        if not place.size:
            return
        code, at = slab.code[place, index], slab.at[place, index]
        cell = self._cell(scope, place, slab.mode[index])
        running = code == OPEN
        picks, cells = [], []
        for slot, edge in enumerate(self._edges):
            pick = np.flatnonzero(running | (at > edge))
            picks.append(pick)
            cells.append(cell[pick] + slot * CELLS)
        for kind in range(len(CALENDAR)):
            period = slab.period[kind, index]
            pick = np.flatnonzero(period >= 0)
            picks.append(pick)
            cells.append(cell[pick] + (period[pick].astype(np.int64) + ROLLING_SLOTS) * CELLS)
        pick = np.concatenate(picks)
        value, flags = slab.value[place, index], slab.flags[place, index]
        self._sum(np.concatenate(cells), code[pick], value[pick], flags[pick], sign)
        if sign > 0:
            later = np.flatnonzero(~running & (at > self._edges[_LONGEST]))
            self._leaving.put(at[later], entries(scope, place[later], rows[index[later]]))

    def put_one(
        self,
        number: int,
        mode: int,
        periods: Sequence[int],
        contribution: tuple[int, int, Micros, int],
        sign: int,
        row: int,
    ) -> None:
        """Add one contribution (``sign`` 1) to every window that holds it, or take it back (-1).

        Args:
            number: the interval's.
            mode: the place of its record's.
            periods: codes of the calendar windows it is in, -1 for none.
            contribution: code, value, instant and flags.
            sign: 1 or -1.
            row: its record's.
        """
        code, value, at, flags = contribution
        edges, base = self._edges, number * MODES + mode
        if code == OPEN:
            cells = [base + first for first in _FIRST_CELLS]
        else:
            cells = [base + first for first, edge in zip(_FIRST_CELLS, edges, strict=True) if at > edge]
        cells += [base + (ROLLING_SLOTS + period) * CELLS for period in periods if period >= 0]
        sums, dirty, stale = self._lines.of(self._sums, self.dirty, self.stale)
        columns = FLAG_PLACES[flags]
        for cell in cells:
            first = cell * SUMS
            sums[first + code] += sign
            for column in columns:
                sums[first + column] += sign
            dirty[cell] = True
            stale[cell // MODES] = True
        if code == MEASURED:
            self._histograms.add_one(cells, value, sign)
        if sign > 0 and code != OPEN and at > edges[_LONGEST]:
            self._leaving.put_one(at, row * len(NAMES) + number)

    def _cell(self, scope: str, place: Ints, mode: npt.NDArray[np.int8]) -> Ints:
        return (place + FIRST[scope]) * MODES + mode

    def _sum(
        self,
        cell: Ints,
        code: npt.NDArray[np.int8],
        value: npt.NDArray[np.int32],
        flags: npt.NDArray[np.uint8],
        sign: int,
    ) -> None:
        one = np.int32(sign)
        sums = self._sums.reshape(-1)
        np.add.at(sums, cell * SUMS + code, one)
        flagged = np.flatnonzero(flags)
        if flagged.size:
            there, raised = cell[flagged] * SUMS, flags[flagged]
            for kind in np.flatnonzero(np.bincount(raised)).tolist():
                at = there[raised == kind]
                for column in FLAG_COLUMNS[kind].tolist():
                    np.add.at(sums, at + column, one)
        measured = np.flatnonzero(code == MEASURED)
        self._histograms.add(cell[measured], value[measured].astype(np.int64), sign)
        self.dirty[cell] = True
        self.stale.reshape(-1)[cell // MODES] = True

    # Time

    def advance(self, clock: Micros, columns: Mapping[str, Columns]) -> None:
        """Move the windows' edges with the agency's clock, and let go what they leave behind.

        Args:
            clock: the agency's.
            columns: scope to where contributions stand.
        """
        for slot, length in enumerate(_LENGTHS):
            edge, before = clock - length, self._edges[slot]
            if edge <= before:
                continue
            self._edges[slot] = edge
            due = self._leaving.between(before, edge, last=slot == _LONGEST)
            for scope in columns if due.size else ():
                number = due % len(NAMES) - FIRST[scope]
                of_scope = np.flatnonzero((number >= 0) & (number < len(INTERVALS[scope])))
                place, rows = number[of_scope], due[of_scope] // len(NAMES)
                self._let_go(slot, scope, place, rows, columns[scope].held, before)

    def _let_go(self, slot: int, scope: str, place: Ints, rows: Ints, held: Slab, before: Micros) -> None:
        """Take what is dated in (before, the edge] out of a window; corrections overtook the rest."""
        code, at = held.code[place, rows], held.at[place, rows]
        gone = np.flatnonzero((code >= 0) & (code != OPEN) & (at > before) & (at <= self._edges[slot]))
        place, rows = place[gone], rows[gone]
        cell = self._cell(scope, place, held.mode[rows]) + slot * CELLS
        self._sum(cell, code[gone], held.value[place, rows], held.flags[place, rows], -1)

    def skip(self, clock: Micros) -> None:
        """Set the windows' edges before anything was put."""
        self._edges = [clock - length for length in _LENGTHS]

    def edge(self, slot: int) -> Micros:
        """The edge of a rolling window: it holds what is dated after it."""
        return self._edges[slot]

    def drop(self, slot: int) -> None:
        """Forget a calendar period's sums; its slot may serve another."""
        first, end = slot * CELLS, (slot + 1) * CELLS
        if end <= len(self._sums):
            self._sums[first:end] = 0
            self._histograms.drop(first, end)
            self.dirty[first:end] = False
            self.stale[slot] = False

    # Figures

    def stats(self, cells: Ints) -> Stats:
        """What stands in cells."""
        found = np.empty((cells.size, WIDTH), np.int64)
        found[:, :SUMS] = self._sums[cells]
        found[:, SUMS:] = self._histograms.percentiles(cells, found[:, MEASURED], PERCENTS)
        return found

    def bins(self, cell: int) -> dict[int, int]:
        """The histogram of a cell, sparse: value to count."""
        return self._histograms.bins(cell)
