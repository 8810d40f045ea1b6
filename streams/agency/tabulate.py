"""Figures of many groups at once, from columns: counts by bincount, percentiles by one sort.

Nearest rank, exact.
"""

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
"""One row a cell (mode, group), one column a number."""

_CODES = EXCLUDED + len(REASONS)
_BOUND, _WITHIN, _LATE, _P50, _P90, _P95 = range(_CODES, _CODES + 6)
_STANDING = _P95 + 1
WIDTH = _STANDING + len(STANDINGS) - 1
"""Columns of ``Stats``: counts by code, bound, within, late, three percentiles, standing by kind."""


def tabulate(
    mode: npt.NDArray[np.int8],
    group: npt.NDArray[np.int16] | None,
    groups: int,
    code: npt.NDArray[np.int8],
    value: npt.NDArray[np.int32],
    flags: npt.NDArray[np.uint8],
) -> Stats:
    """The stats of every cell; cell ``m * groups + g`` is of mode ``MODE_NAMES[m]`` and group ``g``.

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
    stats[:, _P50 : _P95 + 1] = -1
    if not code.size:
        return stats
    cell = mode.astype(np.int64) * groups
    if group is not None:
        cell += group
    stats[:, :_CODES] = np.bincount(cell * _CODES + code, minlength=cells * _CODES).reshape(cells, _CODES)
    flagged = np.flatnonzero(flags)
    if flagged.size:
        there, raised = cell[flagged], flags[flagged]
        for column, bit in ((_BOUND, BOUND), (_WITHIN, WITHIN), (_LATE, LATE)):
            stats[:, column] = np.bincount(there[raised & bit > 0], minlength=cells)
        standing = raised >> STANDING_SHIFT
        for kind in range(1, len(STANDINGS)):
            stats[:, _STANDING + kind - 1] = np.bincount(there[standing == kind], minlength=cells)
    _percentiles(stats, cell, code, value)
    return stats


def _percentiles(
    stats: Stats, cell: npt.NDArray[np.int64], code: npt.NDArray[np.int8], value: npt.NDArray[np.int32]
) -> None:
    measured = code == MEASURED
    ordered = (cell[measured] << 32) | value[measured].astype(np.int64)
    ordered.sort()
    n = stats[:, MEASURED]
    there = np.flatnonzero(n)
    starts = np.cumsum(n)[there] - n[there]
    for column, percent in ((_P50, 50), (_P90, 90), (_P95, 95)):
        rank = -(-percent * n[there] // 100)
        stats[there, column] = ordered[starts + rank - 1] & 0xFFFFFFFF


def is_empty(stats: Stats) -> npt.NDArray[np.bool_]:
    """Which cells have nothing in them."""
    return np.asarray(stats[:, :_CODES].sum(axis=1) == 0)


def fill(figure: FigureRecord, numbers: list[int], excluded: dict[str, int]) -> FigureRecord:
    """Write one cell's stats, and what of it is excluded, into a figure."""
    figure.n, figure.open, figure.merged = numbers[MEASURED], numbers[OPEN], numbers[MERGED]
    figure.bound, figure.within, figure.late = numbers[_BOUND : _LATE + 1]
    figure.p50, figure.p90, figure.p95 = numbers[_P50 : _P95 + 1]
    if excluded:
        figure.excluded = excluded
    if any(numbers[_STANDING:]):
        figure.standing = {STANDINGS[i + 1]: count for i, count in enumerate(numbers[_STANDING:]) if count}
    return figure


def exclusions(stats: Stats) -> list[dict[str, int]]:
    """Of each cell, the reasons of what is excluded and how many, in the order of ``REASONS``."""
    found: list[dict[str, int]] = [{} for _ in range(len(stats))]
    counts = stats[:, EXCLUDED:_CODES]
    cells, reasons = np.nonzero(counts)
    for cell, reason, count in zip(
        cells.tolist(), reasons.tolist(), counts[cells, reasons].tolist(), strict=True
    ):
        found[cell][REASONS[reason]] = count
    return found
