"""One figure's running sums.

A histogram of one-second bins that merges by addition and forgets by subtraction.
"""

from __future__ import annotations

from schemas.records import FigureRecord
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
    Contribution,
)

_BLOCK = 7
"""Bins are summed in blocks of 2**7 seconds, so that a percentile walks tens of blocks, not thousands of
bins.
"""


class Tally:
    """The sums of one figure. Response times are integers, so nothing is lost and percentiles are exact."""

    __slots__ = ("bins", "blocks", "bound", "excluded", "late", "merged", "n", "open", "standing", "within")

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.blocks: dict[int, int] = {}
        self.n = 0
        self.open = 0
        self.merged = 0
        self.bound = 0
        self.within = 0
        self.late = 0
        self.excluded: dict[int, int] = {}
        self.standing: dict[int, int] = {}

    def add(self, contribution: Contribution, sign: int) -> None:
        """Add a contribution (``sign`` 1) or take it back (-1)."""
        code, value, _, flags = contribution
        if code == MEASURED:
            self.n += sign
            _shift(self.bins, value, sign)
            _shift(self.blocks, value >> _BLOCK, sign)
        elif code == OPEN:
            self.open += sign
        elif code == MERGED:
            self.merged += sign
        elif code >= EXCLUDED:
            _shift(self.excluded, code, sign)
        if flags:
            if flags & BOUND:
                self.bound += sign
            if flags & WITHIN:
                self.within += sign
            if flags & LATE:
                self.late += sign
            standing = flags >> STANDING_SHIFT
            if standing:
                _shift(self.standing, standing, sign)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it, so that its series must not stay behind."""
        return not (self.n or self.open or self.merged or self.excluded)

    def percentile(self, percent: int) -> int:
        """Nearest rank: the value at rank ceil(percent * n / 100) of the sorted values; -1 where n is 0."""
        if not self.n:
            return -1
        rank = -(-percent * self.n // 100)
        for block in sorted(self.blocks):
            count = self.blocks[block]
            if rank > count:
                rank -= count
                continue
            bins = self.bins
            for value in range(block << _BLOCK, (block + 1) << _BLOCK):
                count = bins.get(value, 0)
                if rank <= count:
                    return value
                rank -= count
        raise AssertionError("blocks and bins disagree")

    def fill(self, figure: FigureRecord) -> FigureRecord:
        """Write the sums into a figure."""
        figure.n, figure.open, figure.merged = self.n, self.open, self.merged
        figure.p50, figure.p90, figure.p95 = self.percentile(50), self.percentile(90), self.percentile(95)
        figure.bound, figure.within, figure.late = self.bound, self.within, self.late
        figure.excluded = {REASONS[code - EXCLUDED]: count for code, count in sorted(self.excluded.items())}
        figure.standing = {STANDINGS[code]: count for code, count in sorted(self.standing.items())}
        return figure


def _shift(counts: dict[int, int], key: int, sign: int) -> None:
    """Count up or down; a count of nothing is no entry."""
    count = counts.get(key, 0) + sign
    if count:
        counts[key] = count
    else:
        del counts[key]
