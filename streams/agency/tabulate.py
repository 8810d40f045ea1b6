"""Figures of many cells at once: counts by bincount, percentiles by one sort. Nearest rank, exact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schemas.records import FigureRecord
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
    group: npt.NDArray[np.int16] | None,
    groups: int,
    code: npt.NDArray[np.int8],
    value: npt.NDArray[np.int32],
    flags: npt.NDArray[np.uint8],
) -> Stats:
    """The stats of every cell; cell ``g * len(MODE_NAMES) + m`` is of group ``g`` and mode ``MODE_NAMES[m]``.

    Args:
        mode: the place of each row's mode in ``MODE_NAMES``.
        group: the group of each row, None for the whole.
        groups: how many groups there are.
        code: of each row that is in the window; measured, open, merged or excluded.
        value: whole seconds of each row that is measured.
        flags: of each row, see ``streams.agency.contributions``.
    """
    cells = len(MODE_NAMES) * groups
    stats = np.zeros((cells, WIDTH), np.int64)
    stats[:, SUMS:] = -1
    if not code.size:
        return stats
    cell = mode.astype(np.int64)
    if group is not None:
        cell += group.astype(np.int64) * len(MODE_NAMES)
    stats[:, :CODES] = np.bincount(cell * CODES + code, minlength=cells * CODES).reshape(cells, CODES)
    flagged = np.flatnonzero(flags)
    if flagged.size:
        kinds = len(FLAG_COLUMNS)
        raised = np.bincount(cell[flagged] * kinds + flags[flagged], minlength=cells * kinds)
        raised = raised.reshape(cells, kinds)
        for kind in np.flatnonzero(raised.any(axis=0)).tolist():
            stats[:, FLAG_COLUMNS[kind]] += raised[:, kind, None]
    _percentiles(stats, cell, code, value)
    return stats


def _percentiles(
    stats: Stats, cell: npt.NDArray[np.int64], code: npt.NDArray[np.int8], value: npt.NDArray[np.int32]
) -> None:
    measured = np.flatnonzero(code == MEASURED)
    ordered = (cell[measured] << 32) | value[measured]
    ordered.sort()
    n = stats[:, MEASURED]
    there = np.flatnonzero(n)
    starts = np.cumsum(n)[there] - n[there]
    for column, percent in enumerate(PERCENTS, SUMS):
        rank = -(-percent * n[there] // 100)
        stats[there, column] = ordered[starts + rank - 1] & 0xFFFFFFFF


def is_empty(stats: Stats) -> npt.NDArray[np.bool_]:
    """Which cells have nothing in them."""
    return ~stats[:, :CODES].any(axis=1)


def fill(figure: FigureRecord, numbers: list[int], excluded: dict[str, int]) -> FigureRecord:
    """Write one cell's stats, and what of it is excluded, into a figure."""
    figure.n, figure.open, figure.merged = numbers[MEASURED], numbers[OPEN], numbers[MERGED]
    figure.bound, figure.within, figure.late = numbers[FLAGGED:STANDING]
    figure.p50, figure.p90, figure.p95 = numbers[SUMS:]
    if excluded:
        figure.excluded = excluded
    if any(numbers[STANDING:SUMS]):
        figure.standing = {
            STANDINGS[i + 1]: count for i, count in enumerate(numbers[STANDING:SUMS]) if count
        }
    return figure


def exclusions(stats: Stats) -> list[dict[str, int]]:
    """Of each cell, the reasons of what is excluded and how many, in the order of ``REASONS``."""
    found: list[dict[str, int]] = [{} for _ in range(len(stats))]
    counts = stats[:, EXCLUDED:CODES]
    cells, reasons = np.nonzero(counts)
    for cell, reason, count in zip(
        cells.tolist(), reasons.tolist(), counts[cells, reasons].tolist(), strict=True
    ):
        found[cell][REASONS[reason]] = count
    return found
