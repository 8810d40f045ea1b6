"""Chance in whole numbers, so that a seed gives the same bytes on every machine, Python and numpy.

Only the raw stream of numpy's PCG64 is used, which numpy promises to keep; its distributions may change from
one release to the next, and logarithms differ in the last bit between machines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MILLION = 1_000_000
_HALF = np.int64(1 << 31)
_LOW = np.uint64(0xFFFFFFFF)
_TRIALS = 16
"""Trials for each expected arrival: a binomial this fine has 15/16 of a Poisson's variance."""


class Draws:
    """One stream of chance.

    Args:
        seed: any whole number from 0 on.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def uniform(self, count: int) -> Ints:
        """Whole numbers from 0 to 2**32 - 1."""
        raw = self._bits.random_raw((count + 1) // 2)
        numbers = np.empty(2 * len(raw), np.uint64)
        numbers[0::2] = raw >> np.uint64(32)
        numbers[1::2] = raw & _LOW
        return numbers[:count].astype(np.int64)

    def below(self, count: int, limit: Ints | int) -> Ints:
        """Whole numbers from 0 to ``limit`` - 1, evenly; ``limit`` up to 2**31."""
        return (self.uniform(count) * limit) >> 32

    def happens(self, count: int, millionths: int) -> NDArray[np.bool_]:
        """Yes in so many of a million."""
        return self.below(count, MILLION) < millionths

    def arrivals(self, expected_millionths: int) -> int:
        """How many come where so many are expected: a binomial of many small chances."""
        trials = -(-expected_millionths * _TRIALS // MILLION)
        if not trials:
            return 0
        return int(np.count_nonzero(self.uniform(trials) < (expected_millionths << 32) // (trials * MILLION)))


class Choice:
    """One of several, by weight; several such tables, of which each draw names one.

    Args:
        tables: the weights of each.
    """

    def __init__(self, tables: list[list[int]]) -> None:
        weights = np.array([w for table in tables for w in table], np.int64)
        sizes = np.array([len(table) for table in tables], np.int64)
        self._starts = np.concatenate(([0], np.cumsum(sizes)))[:-1]
        self._ends = np.cumsum(weights)
        self._totals = np.array([sum(table) for table in tables], np.int64)
        self._bases = np.cumsum(self._totals) - self._totals

    def pick(self, uniform: Ints, table: Ints | int = 0) -> Ints:
        """The position, in its table, of what each draw falls on."""
        at = self._bases[table] + ((uniform * self._totals[table]) >> 32)
        return np.searchsorted(self._ends, at, side="right") - self._starts[table]


class Quantiles:
    """Spans by their quantiles, straight lines between; several such tables of one length.

    Args:
        tables: the values at even steps of probability, least and greatest included.
    """

    def __init__(self, tables: list[list[int]]) -> None:
        self._values = np.array(tables, np.int64)
        self._cells = self._values.shape[1] - 1

    def at(self, uniform: Ints, table: Ints | int = 0) -> Ints:
        """The value of each draw."""
        place = uniform * self._cells
        cell = place >> 32
        low, high = self._values[table, cell], self._values[table, cell + 1]
        value: Ints = low + (((high - low) * (place & 0xFFFFFFFF) + _HALF) >> 32)
        return value
