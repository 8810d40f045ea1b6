"""What each record last contributed, in columns.

The ground from which breakdowns and as-of figures are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.times import Micros
from schemas.vocabulary import MODES, UNKNOWN
from streams.agency.contributions import NOTHING, Contribution

Ints = npt.NDArray[np.int64]

MODE_NAMES: tuple[str, ...] = (*MODES, UNKNOWN)
GROUP_LIMIT = 500
"""Groups a breakdown may have; what comes beyond is counted under ``OTHER``, and the refusals are counted."""
OTHER = "OTHER"


class Names:
    """Names to small codes, one list a breakdown; bounded."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self.rejected = 0

    def code(self, name: str) -> int:
        """The code of a name; that of ``OTHER`` once the limit is reached."""
        code = self._codes.get(name)
        if code is None:
            if len(self.names) >= GROUP_LIMIT and name != OTHER:
                self.rejected += 1
                return self.code(OTHER)
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code


class Row(NamedTuple):
    """One record in the columns.

    Attributes:
        groups: a code for each breakdown after ``all``.
        periods: a code for day, shift and month, -1 where there is no call time.
        began: when what is measured began, for as-of questions.
    """

    contributions: Sequence[Contribution]
    mode: int
    groups: Sequence[int]
    periods: Sequence[int]
    began: Micros


class Columns:
    """The columns of one scope.

    Rows put are settled in bulk: many revisions of a record between two looks cost one.
    """

    def __init__(self, intervals: int, breakdowns: int) -> None:
        self._nothing: tuple[Contribution, ...] = (NOTHING,) * intervals
        self._pending: dict[int, Row | None] = {}
        self._free: list[int] = []
        self.rows = 0
        self.code = np.full((intervals, 64), -1, np.int8)
        self.value = np.full((intervals, 64), -1, np.int32)
        self.at = np.zeros((intervals, 64), np.int64)
        self.flags = np.zeros((intervals, 64), np.uint8)
        self.mode = np.zeros(64, np.int8)
        self.group = np.zeros((breakdowns, 64), np.int16)
        self.period = np.full((3, 64), -1, np.int32)
        self.began = np.zeros(64, np.int64)

    def take(self) -> int:
        """A free row."""
        if self._free:
            return self._free.pop()
        self.rows += 1
        return self.rows - 1

    def put(self, row: int, content: Row) -> None:
        """Write a row, soon."""
        self._pending[row] = content

    def clear(self, row: int) -> None:
        """Empty a row and give it back."""
        self._pending[row] = None
        self._free.append(row)

    def settle(self) -> None:
        """Write what was put into the arrays."""
        if not self._pending:
            return
        if self.rows > self.mode.size:
            self._grow()
        index = np.fromiter(self._pending, np.int64, len(self._pending))
        empty = Row(self._nothing, 0, (0,) * len(self.group), (-1, -1, -1), 0)
        contents = [content or empty for content in self._pending.values()]
        table = np.array([c.contributions or self._nothing for c in contents], np.int64)
        self.code[:, index] = table[:, :, 0].T
        self.value[:, index] = table[:, :, 1].T
        self.at[:, index] = table[:, :, 2].T
        self.flags[:, index] = table[:, :, 3].T
        self.mode[index] = [c.mode for c in contents]
        self.group[:, index] = np.array([c.groups for c in contents]).T
        self.period[:, index] = np.array([c.periods for c in contents]).T
        self.began[index] = [c.began for c in contents]
        self._pending.clear()

    def _grow(self) -> None:
        size = max(self.rows, 2 * self.mode.size)
        for name, fill in (("code", -1), ("value", -1), ("at", 0), ("flags", 0), ("mode", 0), ("group", 0),
                           ("period", -1), ("began", 0)):  # fmt: skip
            old = getattr(self, name)
            new = np.full((*old.shape[:-1], size), fill, old.dtype)
            new[..., : old.shape[-1]] = old
            setattr(self, name, new)
