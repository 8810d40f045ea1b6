"""Histograms of one-second bins, many at once: they merge by addition, forget by subtraction, and are exact.

A histogram is cut into blocks of 128 s, and only blocks that ever held something have bins. A percentile
walks the sums of the blocks and then one block, for all the histograms that are asked for at one go.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_T = TypeVar("_T", bound=np.generic)

_SHIFT = 7
_BLOCK = 1 << _SHIFT
_BLOCKS = 64
"""Blocks of a histogram at first; more when a value asks for them."""


class Lines:
    """Tables as Python sees memory, in one line each, for single numbers; made anew where one grew."""

    def __init__(self) -> None:
        self._tables: tuple[npt.NDArray[Any], ...] = ()
        self._lines: tuple[memoryview, ...] = ()

    def of(self, *tables: npt.NDArray[Any]) -> tuple[memoryview, ...]:
        """The lines of these tables, which are the same ones each time but for those that grew."""
        if not self._tables or any(now is not then for now, then in zip(tables, self._tables, strict=True)):
            self._tables, self._lines = tables, tuple(table.reshape(-1).data for table in tables)
        return self._lines


class Histograms:
    """Histograms by a small number (a cell); one that holds nothing takes four bytes."""

    def __init__(self) -> None:
        self._of = np.full(64, -1, np.int32)
        self._sums = np.zeros((64, _BLOCKS), np.int32)
        self._where = np.zeros((64, _BLOCKS), np.int32)
        self._bins = np.zeros((256, _BLOCK), np.int32)
        self._free: list[int] = []
        self._next = 0
        self._free_bins: list[int] = []
        self._lines = Lines()
        self._next_bins = 1  # of the first all blocks without bins have a share; it stays empty

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return self._of.nbytes + self._sums.nbytes + self._where.nbytes + self._bins.nbytes

    def add(self, cells: Ints, values: Ints, sign: int) -> None:
        """Count values into their cells (``sign`` 1), or take them back (-1)."""
        if not cells.size:
            return
        blocks = values >> _SHIFT
        self._reach(int(cells.max()), int(blocks.max()))
        rows = self._of[cells]
        if rows.min() < 0:
            self._open(once(cells[rows < 0], self._of))
            rows = self._of[cells]
        at = rows.astype(np.int64) * self._sums.shape[1] + blocks
        where = self._where.reshape(-1)
        bins = where[at]
        if bins.min() == 0:
            missing = once(at[bins == 0], where)
            where[missing] = self._take_bins(missing.size)
            bins = where[at]
        np.add.at(self._sums.reshape(-1), at, np.int32(sign))
        np.add.at(
            self._bins.reshape(-1), (bins.astype(np.int64) << _SHIFT) + (values & _BLOCK - 1), np.int32(sign)
        )

    def add_one(self, cells: list[int], value: int, sign: int) -> None:
        """Count one value into several cells, or take it back; ``add`` is for many values."""
        if not cells:
            return
        block, second = value >> _SHIFT, value & _BLOCK - 1
        self._reach(max(cells), block)
        of, sums, where, bins = self._views()
        width = self._sums.shape[1]
        for cell in cells:
            if of[cell] < 0:
                self._open(np.array([cell]))
                of, sums, where, bins = self._views()
            at = of[cell] * width + block
            if not where[at]:
                (where[at],) = self._take_bins(1)
                of, sums, where, bins = self._views()
            sums[at] += sign
            bins[(where[at] << _SHIFT) + second] += sign

    def _views(self) -> tuple[memoryview, ...]:
        return self._lines.of(self._of, self._sums, self._where, self._bins)

    def percentiles(self, cells: Ints, n: Ints, percents: tuple[int, ...]) -> Ints:
        """Nearest rank: the value at rank ceil(percent * n / 100), one column a percent; -1 where n is 0.

        Args:
            cells: which histograms.
            n: how many values each holds.
            percents: which percentiles.
        """
        found = np.full((cells.size, len(percents)), -1, np.int64)
        there = np.flatnonzero(n)
        if not there.size:
            return found
        rows, n = self._of[cells[there]], n[there]
        ranks = -(-np.array(percents) * n[:, None] // 100)
        block, before = _walk(self._sums[rows], ranks)
        bins = self._bins[self._where[rows[:, None], block]]
        inside, _ = _walk(bins.reshape(-1, _BLOCK), (ranks - before).reshape(-1, 1))
        found[there] = (block << _SHIFT) + inside.reshape(block.shape)
        return found

    def bins(self, cell: int) -> dict[int, int]:
        """Value to count, sparse, in order."""
        row = self._of[cell] if cell < self._of.size else -1
        if row < 0:
            return {}
        blocks = np.flatnonzero(self._sums[row])
        counts = self._bins[self._where[row, blocks]]
        there, second = np.nonzero(counts)
        values = (blocks[there] << _SHIFT) + second
        return dict(zip(values.tolist(), counts[there, second].tolist(), strict=True))

    def drop(self, first: int, end: int) -> None:
        """Forget the histograms of cells in [first, end)."""
        rows = self._of[first:end]
        rows = rows[rows >= 0]
        held = self._where[rows]
        bins = held[held > 0]
        self._bins[bins] = 0
        self._free_bins.extend(bins.tolist())
        self._where[rows] = 0
        self._sums[rows] = 0
        self._free.extend(rows.tolist())
        self._of[first:end] = -1

    def _reach(self, cell: int, block: int) -> None:
        if cell >= self._of.size:
            self._of = grown(self._of, 0, cell + 1, -1)
        if block >= self._sums.shape[1]:
            self._sums = grown(self._sums, 1, block + 1)
            self._where = grown(self._where, 1, block + 1)

    def _open(self, cells: Ints) -> None:
        rows = [self._free.pop() for _ in range(min(cells.size, len(self._free)))]
        fresh = cells.size - len(rows)
        rows.extend(range(self._next, self._next + fresh))
        self._next += fresh
        if self._next > len(self._sums):
            self._sums = grown(self._sums, 0, self._next)
            self._where = grown(self._where, 0, self._next)
        self._of[cells] = rows

    def _take_bins(self, count: int) -> list[int]:
        taken = [self._free_bins.pop() for _ in range(min(count, len(self._free_bins)))]
        fresh = count - len(taken)
        taken.extend(range(self._next_bins, self._next_bins + fresh))
        self._next_bins += fresh
        if self._next_bins > len(self._bins):
            self._bins = grown(self._bins, 0, self._next_bins)
        return taken


def once(places: Ints, table: npt.NDArray[np.int32]) -> Ints:
    """Places of a table that is about to be written there, each once; sorting them would cost ten times this.

    The table holds rubbish there afterwards.
    """
    numbers = np.arange(places.size, dtype=np.int32)
    table[places] = numbers
    picked: Ints = places[table[places] == numbers]
    return picked


def _walk(counts: npt.NDArray[np.int32], ranks: Ints) -> tuple[Ints, Ints]:
    """Of each row of counts, for each of its ranks: the first column that reaches it, and what lies before.

    Row after row is laid into one line that only rises, so that one search finds all.
    """
    sums = np.cumsum(counts, axis=1, dtype=np.int64)
    steps = np.cumsum(sums[:, -1]) - sums[:, -1]
    line = (sums + steps[:, None]).reshape(-1)
    width = counts.shape[1]
    column = np.searchsorted(line, ranks + steps[:, None]) - np.arange(len(counts))[:, None] * width
    row = np.arange(len(counts))[:, None]
    before = sums[row, column] - counts[row, column]
    return column, before


def grown(table: npt.NDArray[_T], axis: int, size: int, fill: int = 0) -> npt.NDArray[_T]:
    """A table with room for at least ``size`` along an axis, half as large again as before, filled."""
    shape = list(table.shape)
    shape[axis] = max(size, shape[axis] + shape[axis] // 2)
    new = np.full(shape, fill, table.dtype)
    new[tuple(slice(0, n) for n in table.shape)] = table
    return new
