"""One row of the columns rewritten, and the sums with it: what differs is taken back and added anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.times import Micros
from streams.agency.columns import Columns
from streams.agency.contributions import WORD_FLAGS, WORD_VALUE
from streams.agency.running import Running


class Before(NamedTuple):
    """What stood in a row, as far as others than the sums ask."""

    periods: tuple[int, int, int]
    over: bool
    forget_at: Micros


def rewrite(
    columns: Columns, running: Running, first: int, row: int, words: list[int], around: Sequence[int]
) -> Before:
    """Write a row, and have the sums follow; no trace of an old value stays.

    Args:
        columns: of the record's scope.
        running: the sums.
        first: the number of the scope's first interval.
        row: which.
        words: as ``streams.agency.contributions`` makes them.
        around: what ``Columns.stage`` was given beside them.
    """
    codes, values, ats, flags, modes, group, period, began, forget_at, over, unit, unit_type, ended = (
        columns.views
    )
    mode, periods = modes[row], (period[0, row], period[1, row], period[2, row])
    before = Before(periods, bool(over[row]), forget_at[row])
    new_mode, new_periods = around[0], (around[7], around[8], around[9])
    moved = mode != new_mode or periods != new_periods
    for by in range(6):
        if group[by, row] != around[1 + by]:
            group[by, row] = around[1 + by]
            moved = True
    n = len(words) // 2
    for place in range(n):
        word = words[place]
        new = ((word & 0xFF) - 1, (word >> WORD_VALUE) - 1, words[n + place], word >> WORD_FLAGS & 0xFF)
        code = codes[place, row]
        old = (code, values[place, row], ats[place, row], flags[place, row])
        if old == new and not moved:
            continue
        if code >= 0:
            running.put_one(first + place, mode, periods, old, -1, row)
        codes[place, row], values[place, row], ats[place, row], flags[place, row] = new
        if new[0] >= 0:
            running.put_one(first + place, new_mode, new_periods, new, 1, row)
    modes[row] = new_mode
    period[0, row], period[1, row], period[2, row] = new_periods
    began[row], forget_at[row], over[row] = around[10], around[11], bool(around[12])
    unit[row], unit_type[row], ended[row] = around[13], around[14], around[15]
    return before
