"""Figures of many cells at once: counts by bincount, percentiles by counting sorts. Nearest rank, exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.agency.columns import MODE_NAMES
from streams.agency.contributions import (
    BOUND,
    EXCLUDED,
    LATE,
    MEASURED,
    MERGED,
    OPEN,
    REASONS,
    STANDING_SHIFT,
    STANDINGS,
    WITHIN,
)

Stats = npt.NDArray[np.int64]
"""One row a cell, one column a number."""

CODES = EXCLUDED + len(REASONS)
FLAGGED = CODES
"""The first column after the counts by code: bound, within, late, then standing by kind."""
STANDING = FLAGGED + 3
SUMS = STANDING + len(STANDINGS) - 1
"""How many columns are counts; after them come p50, p90 and p95."""
PERCENTS = (50, 90, 95)
WIDTH = SUMS + len(PERCENTS)

FLAG_COLUMNS = tuple(
    np.array(columns, np.int64)
    for columns in (
        [
            *([FLAGGED] if flags & BOUND else []),
            *([FLAGGED + 1] if flags & WITHIN else []),
            *([FLAGGED + 2] if flags & LATE else []),
            *([STANDING + (flags >> STANDING_SHIFT) - 1] if flags >> STANDING_SHIFT else []),
        ]
        for flags in range(len(STANDINGS) << STANDING_SHIFT)
    )
)
"""Flags to the columns they count in."""


def tabulate(
    mode: npt.NDArray[np.int8],
    group: npt.NDArray[np.int16],
    sizes: Sequence[int],
    code: npt.NDArray[np.int8],
    value: npt.NDArray[np.int32],
    flags: npt.NDArray[np.uint8],
) -> Stats:
    """The stats of every cell of several breakdowns of the same rows.

    Breakdown stands after breakdown; cell ``g * len(MODE_NAMES) + m`` of one is of its group ``g`` and mode
    ``MODE_NAMES[m]``.

    Args:
        mode: the place of each row's mode in ``MODE_NAMES``.
        group: by breakdown, the group of each row.
        sizes: how many groups each breakdown has.
        code: of each row that is in the window; measured, open, merged or excluded.
        value: whole seconds of each row that is measured.
        flags: of each row, see ``streams.agency.contributions``.
    """
    ends = np.cumsum(sizes) * len(MODE_NAMES)
    cells = int(ends[-1])
    stats = np.zeros((cells, WIDTH), np.int64)
    stats[:, SUMS:] = -1
    if not code.size:
        return stats
    cell = group * np.int16(len(MODE_NAMES)) + mode
    stacked = cell + (ends - np.array(sizes) * len(MODE_NAMES))[:, None]
    counted = (stacked * CODES + code).reshape(-1)
    stats[:, :CODES] = np.bincount(counted, minlength=cells * CODES).reshape(cells, CODES)
    flagged = np.flatnonzero(flags)
    if flagged.size:
        kinds = len(FLAG_COLUMNS)
        raised = (stacked[:, flagged] * kinds + flags[flagged]).reshape(-1)
        counts = np.bincount(raised, minlength=cells * kinds).reshape(cells, kinds)
        for kind in np.flatnonzero(counts.any(axis=0)).tolist():
            stats[:, FLAG_COLUMNS[kind]] += counts[:, kind, None]
    measured = np.flatnonzero(code == MEASURED)
    if measured.size:
        _percentiles(stats, cell[:, measured], value[measured])
    return stats


def _percentiles(stats: Stats, cell: npt.NDArray[np.int16], value: npt.NDArray[np.int32]) -> None:
    """Order by value once, then by the cells of each breakdown.

    numpy sorts small integers by counting them, ten times as fast as it compares large ones.
    """
    rows = _ascending(value)
    ordered, breakdowns = value[rows], len(cell)
    places = np.empty((breakdowns, rows.size), np.int64)
    for by in range(breakdowns):
        of = cell[by][rows]
        places[by] = np.argsort(of.astype(np.uint8) if of.max() < 256 else of, kind="stable")
    n = stats[:, MEASURED]
    there = np.flatnonzero(n)
    starts = np.cumsum(n)[there] - n[there] - 1
    for column, percent in enumerate(PERCENTS, SUMS):
        rank = -(-percent * n[there] // 100)
        stats[there, column] = ordered[places.reshape(-1)[starts + rank]]


def _ascending(value: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Where values stand in their order."""
    rows = np.argsort((value & 0xFFFF).astype(np.uint16), kind="stable")
    high = value >> 16
    if high.any():
        rows = rows[np.argsort(high[rows].astype(np.uint16), kind="stable")]
    return rows


def is_empty(stats: Stats) -> npt.NDArray[np.bool_]:
    """Which cells have nothing in them."""
    return np.asarray(stats[:, :CODES].sum(axis=1) == 0)


class Numbers(NamedTuple):
    """One cell's numbers as a figure has them."""

    n: int
    open: int
    merged: int
    bound: int
    within: int
    late: int
    p50: int
    p90: int
    p95: int
    excluded: dict[str, int]
    standing: dict[str, int]


_PLAIN = [MEASURED, OPEN, MERGED, FLAGGED, FLAGGED + 1, FLAGGED + 2, SUMS, SUMS + 1, SUMS + 2]


def numbered(stats: Stats) -> Iterator[Numbers]:
    """The numbers of each row of stats; reasons and kinds of standing in the order of the definitions."""
    excluded = _named(stats[:, EXCLUDED:CODES], REASONS)
    standing = _named(stats[:, STANDING:SUMS], STANDINGS[1:])
    for plain, reasons, kinds in zip(stats[:, _PLAIN].tolist(), excluded, standing, strict=True):
        yield Numbers._make((*plain, reasons, kinds))


def _named(counts: Stats, names: Sequence[str]) -> list[dict[str, int]]:
    """Of each row, the names of what is counted and how many."""
    found: list[dict[str, int]] = [{} for _ in range(len(counts))]
    rows, columns = np.nonzero(counts)
    for row, column, count in zip(
        rows.tolist(), columns.tolist(), counts[rows, columns].tolist(), strict=True
    ):
        found[row][names[column]] = count
    return found
