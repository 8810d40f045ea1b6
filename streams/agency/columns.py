"""What each record last contributed, in columns: some hundred bytes a record, no object an interval.

The ground of all figures. A record has a row for as long as it is kept; a row that is freed serves the next
record. Rows are staged as integers one by one, and read and written many at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from schemas.records import Revision
from schemas.series import CALENDAR
from schemas.times import Micros
from schemas.vocabulary import MODES, UNKNOWN
from streams.agency.contributions import INTERVALS, WORD_CODE, WORD_FLAGS, WORD_VALUE
from streams.agency.histograms import Ints, grown

MODE_NAMES: tuple[str, ...] = (*MODES, UNKNOWN)
GROUP_LIMIT = 500
"""Groups a breakdown may have; what comes beyond is counted under ``OTHER``, and the refusals are counted."""
OTHER = "OTHER"


class Names:
    """Names to small codes, one list a breakdown; bounded."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.codes: dict[str, int] = {}
        self.rejected = 0

    def code(self, name: str) -> int:
        """The code of a name; that of ``OTHER`` once the limit is reached."""
        code = self.codes.get(name)
        if code is None:
            if len(self.names) >= GROUP_LIMIT and name != OTHER:
                self.rejected += 1
                return self.code(OTHER)
            code = self.codes[name] = len(self.names)
            self.names.append(name)
        return code


class Slab(NamedTuple):
    """Rows of the columns, as arrays: one column a row, the first axis (where there are two) as it says.

    Attributes:
        code, value, at, flags: by interval, see ``streams.agency.contributions``; code -1 where one is not
            measured at all.
        mode: the place in ``MODE_NAMES``.
        group: by breakdown after ``all``, a code.
        period: by calendar window (day, shift, month), a code, -1 where there is none.
        began: when what is measured began, for as-of questions.
        forget_at: when the record is no longer kept, 0 in an empty row.
        over: whether nothing of it will change but by corrections.
        unit, unit_type, ended: of a response: codes, and when it ended, 0 where it has not; else -1, -1, 0.
    """

    code: npt.NDArray[np.int8]
    value: npt.NDArray[np.int32]
    at: npt.NDArray[np.int64]
    flags: npt.NDArray[np.uint8]
    mode: npt.NDArray[np.int8]
    group: npt.NDArray[np.int16]
    period: npt.NDArray[np.int32]
    began: npt.NDArray[np.int64]
    forget_at: npt.NDArray[np.int64]
    over: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.int32]
    unit_type: npt.NDArray[np.int32]
    ended: npt.NDArray[np.int64]

    def filled(self) -> Iterator[tuple[npt.NDArray[Any], int]]:
        """Each column, and what stands in it where a row is free."""
        return zip(cast("tuple[npt.NDArray[Any], ...]", self), _EMPTY, strict=True)

    def take(self, rows: Ints | slice) -> Slab:
        """Some of the rows."""
        return Slab._make([column[..., rows] for column in self])


Views = tuple[memoryview, ...]

_EMPTY: tuple[int, ...] = (-1, -1, 0, 0, 0, 0, -1, 0, 0, True, -1, -1, 0)
"""What stands in a row that is free."""

AROUND = 1 + 6 + len(CALENDAR) + 6
"""What ``Columns.stage`` is given beside the contributions."""


class Columns:
    """The columns of one scope, and which row is whose.

    Attributes:
        rows: key to row.
        held: the columns, longer than the rows that are in use.
    """

    def __init__(self, scope: str) -> None:
        self._intervals = len(INTERVALS[scope])
        self.rows: dict[bytes, int] = {}
        self._keys: list[bytes | None] = []
        self._free: list[int] = []
        self._offsets = array("q")
        self._instants = array("q")
        self._since = array("q")  # from where its topic is needed for a row, as of the last ``needed_from``
        self._written = array("q")  # and where the row's record itself stands
        self._staged: list[tuple[int, list[int], Sequence[int]]] = []
        self._packed = Struct(f"={2 * self._intervals + AROUND}q")
        self._views: Views = ()
        self._viewed: Slab | None = None
        n = self._intervals
        self.held = Slab(
            np.full((n, 0), -1, np.int8),
            np.full((n, 0), -1, np.int32),
            np.zeros((n, 0), np.int64),
            np.zeros((n, 0), np.uint8),
            np.zeros(0, np.int8),
            np.zeros((6, 0), np.int16),
            np.full((len(CALENDAR), 0), -1, np.int32),
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0, np.bool_),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
        )

    @property
    def used(self) -> int:
        """Rows ever taken; the free ones among them contribute nothing."""
        return len(self._keys)

    @property
    def nbytes(self) -> int:
        """Memory of the columns, keys apart."""
        return sum(column.nbytes for column in self.held)

    # A row

    def add(self, key: bytes | None = None) -> int:
        """A row for a new record; under its key, where it will be asked for again."""
        if self._free:
            row = self._free.pop()
            self._keys[row] = key
        else:
            row = len(self._keys)
            self._keys.append(key)
            self._offsets.append(-1)
            self._instants.append(0)
            self._since.append(0)
            self._written.append(0)
        if key is not None:
            self.rows[key] = row
        return row

    def revise(self, row: int, revision: Revision, since: int = 0) -> bool:
        """Note a record's revision if it is the higher one; says whether it is.

        Args:
            row: the record's.
            revision: what it says.
            since: an offset not after the one where it stands in its topic.
        """
        offset, instant = revision
        known = self._offsets[row]
        if offset < known or (offset == known and instant <= self._instants[row]):
            return False
        self._offsets[row], self._instants[row], self._written[row] = offset, instant, since
        if known < 0:
            self._since[row] = since
        return True

    def stage(self, row: int, contributions: list[int] | None, around: Sequence[int]) -> None:
        """Write a row, at the next ``settle``; at most once before it.

        Args:
            row: which.
            contributions: as ``streams.agency.contributions`` makes them, None where it counts nowhere.
            around: mode, groups, periods, began, forget_at, over, unit, unit_type, ended.
        """
        assert len(around) == AROUND
        words = contributions if contributions is not None else [0] * (2 * self._intervals)
        self._staged.append((row, words, around))

    @property
    def staged(self) -> int:
        """Rows that wait to be written."""
        return len(self._staged)

    def unstaged(self) -> list[tuple[int, list[int], Sequence[int]]]:
        """What waits to be written, for whoever writes it row by row into ``views``."""
        staged, self._staged = self._staged, []
        self._grow()
        return staged

    @property
    def views(self) -> Views:
        """The columns as Python sees memory, in the order of ``Slab``: for single numbers."""
        if self._viewed is not self.held:
            self._views = tuple(column.data for column in self.held)
            self._viewed = self.held
        return self._views

    # Many rows

    def settle(self) -> tuple[Ints, Slab, Slab]:
        """Write what was staged.

        Returns:
            The rows, what stood in them, and what stands there now.
        """
        rows, new = self._unpacked()
        old = self.held.take(rows)
        self._put(rows, new)
        return rows, old, new

    def fill(self) -> None:
        """Write what was staged, where nobody asks what stood there."""
        self._put(*self._unpacked())

    def _put(self, rows: Ints, new: Slab) -> None:
        for (column, _), content in zip(self.held.filled(), new, strict=True):
            column[..., rows] = content

    def _unpacked(self) -> tuple[Ints, Slab]:
        """What was staged, as columns; there is room for it."""
        n, pack = self._intervals, self._packed.pack
        flat = b"".join([pack(*words, *around) for _, words, around in self._staged])
        rows = np.array([row for row, _, _ in self._staged], np.int64)
        table = np.frombuffer(flat, np.int64).reshape(rows.size, 2 * n + AROUND).T
        self._staged = []
        words, around = table[:n], table[2 * n :]
        new = Slab(
            ((words >> WORD_CODE & 0xFF) - 1).astype(np.int8),
            ((words >> WORD_VALUE) - 1).astype(np.int32),
            np.ascontiguousarray(table[n : 2 * n]),
            (words >> WORD_FLAGS & 0xFF).astype(np.uint8),
            around[0].astype(np.int8),
            around[1:7].astype(np.int16),
            around[7:10].astype(np.int32),
            np.ascontiguousarray(around[10]),
            np.ascontiguousarray(around[11]),
            around[12].astype(np.bool_),
            around[13].astype(np.int32),
            around[14].astype(np.int32),
            np.ascontiguousarray(around[15]),
        )
        self._grow()
        return rows, new

    def _grow(self) -> None:
        """Have room for every row that was taken."""
        size = self.used
        if size > self.held.mode.size:
            self.held = Slab._make(
                [grown(column, column.ndim - 1, size, fill) for column, fill in self.held.filled()]
            )

    def free(self, rows: Ints) -> list[bytes]:
        """Empty rows and give them back; returns whose they were."""
        keys = []
        for column, nothing in self.held.filled():
            column[..., rows] = nothing
        for row in rows.tolist():
            key = self._keys[row]
            assert key is not None
            self._keys[row] = None
            self._offsets[row], self._instants[row] = -1, 0
            del self.rows[key]
            keys.append(key)
        self._free.extend(rows.tolist())
        return keys

    def forget_period(self, kind: int, code: int) -> None:
        """Take a calendar period's code out of every row, for another one will have it."""
        column = self.held.period[kind]
        column[column == code] = -1

    def needed_from(self) -> int | None:
        """The first offset at which a record stood that is held, as of when this was last asked.

        See ``streams.agency.needed``; None where nothing is held.
        """
        since = np.frombuffer(self._since, np.int64)[self.in_use[: self.used]]
        first = int(since.min()) if since.size else None
        self._since = array("q", self._written)
        return first

    def to_forget(self, clock: Micros) -> Ints:
        """All rows in use that are no longer kept."""
        forget_at = self.held.forget_at
        return np.flatnonzero((forget_at <= clock) & self.in_use)

    @property
    def in_use(self) -> npt.NDArray[np.bool_]:
        """Which rows hold a record."""
        return np.asarray(self.held.forget_at != 0)
