"""Figures of many cells at once: counts by bincount, percentiles by counting sorts. Nearest rank, exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.agency.columns import MODE_NAMES
from streams.agency.contributions import (
    BOUND,
    EXCLUDED,
    LATE,
    MEASURED,
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

FLAG_PLACES: tuple[tuple[int, ...], ...] = tuple(
    (
        *((FLAGGED,) if flags & BOUND else ()),
        *((FLAGGED + 1,) if flags & WITHIN else ()),
        *((FLAGGED + 2,) if flags & LATE else ()),
        *((STANDING + (flags >> STANDING_SHIFT) - 1,) if flags >> STANDING_SHIFT else ()),
    )
    for flags in range(len(STANDINGS) << STANDING_SHIFT)
)
"""Flags to the columns they count in."""
FLAG_COLUMNS = tuple(np.array(columns, np.int64) for columns in FLAG_PLACES)


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
    modes = len(MODE_NAMES)
    stats = np.zeros((sum(sizes) * modes, WIDTH), np.int64)
    stats[:, SUMS:] = -1
    if not code.size:
        return stats
    cell = group * np.int16(modes) + mode
    flagged = np.flatnonzero(flags)
    measured = np.flatnonzero(code == MEASURED)
    order = _ascending(value.take(measured))
    of_value = measured.take(order)
    ascending, raised = value.take(of_value), flags.take(flagged)
    first = 0
    for size, of_row in zip(sizes, cell, strict=True):  # one at a time: what is made of it stays in the cache
        held = stats[first : first + size * modes]
        first += size * modes
        counts = np.bincount(of_row * np.int32(CODES) + code, minlength=size * modes * CODES)
        held[:, :CODES] = counts.reshape(-1, CODES)
        if flagged.size:
            _raise(held, of_row.take(flagged), raised)
        if measured.size:
            _percentiles(held, of_row.take(of_value), ascending)
    return stats


def _raise(stats: Stats, cell: npt.NDArray[np.int16], flags: npt.NDArray[np.uint8]) -> None:
    """Count flags into the columns of each row's cell."""
    kinds = len(FLAG_COLUMNS)
    counts = np.bincount(cell * np.int32(kinds) + flags, minlength=len(stats) * kinds).reshape(-1, kinds)
    for kind in np.flatnonzero(counts.any(axis=0)).tolist():
        stats[:, FLAG_COLUMNS[kind]] += counts[:, kind, None]


def _percentiles(stats: Stats, cell: npt.NDArray[np.int16], value: npt.NDArray[np.int32]) -> None:
    """Percentiles of each cell, of rows that are in the order of their values: ordered by cell, they stay so.

    numpy sorts small integers by counting them, ten times as fast as it compares large ones.
    """
    places = np.argsort(cell.astype(np.uint8) if len(stats) <= 256 else cell, kind="stable")
    n = stats[:, MEASURED]
    there = np.flatnonzero(n)
    counts = n[there]
    starts = np.cumsum(counts) - counts - 1
    for column, percent in enumerate(PERCENTS, SUMS):
        stats[there, column] = value[places[starts + -(-percent * counts // 100)]]


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
