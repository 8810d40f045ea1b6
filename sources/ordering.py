"""Events in the order of time, however many: sorted in runs, spilled to disk, merged.

What fits in one run never leaves memory. The runs share one temporary file without a name, so that nothing is
left behind, whatever ends the process. The sort is stable: events of one instant keep the order of the file.
"""

from __future__ import annotations

import errno
import heapq
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from types import TracebackType
from typing import IO, Self

import msgspec

from schemas.errors import WatchroomError
from schemas.times import DAY, Micros
from sources.draft import Draft

RUN_EVENTS = 200_000
"""Events held in memory: about 100 MB."""

_BLOCK_EVENTS = 256
"""Events read back at once from each run: a thousand runs take some 100 MB."""

_LENGTH = struct.Struct("<I")
_due = attrgetter("due")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Draft]).decode


class Calendar:
    """When events were said, by day: enough to know first, last and gaps before any event is sent.

    Bounded, since every time lies in a bounded range of years.
    """

    def __init__(self) -> None:
        self._days: dict[int, list[int]] = {}

    def add(self, due: Micros) -> None:
        """Note one event."""
        day = self._days.get(due // DAY)
        if day is None:
            self._days[due // DAY] = [due, due, 1]
            return
        if due < day[0]:
            day[0] = due
        if due > day[1]:
            day[1] = due
        day[2] += 1

    def __bool__(self) -> bool:
        return bool(self._days)

    @property
    def first(self) -> Micros:
        """The earliest."""
        return self._days[min(self._days)][0]

    @property
    def last(self) -> Micros:
        """The latest."""
        return self._days[max(self._days)][1]

    def leap(self, gap: Micros) -> tuple[Micros, Micros] | None:
        """The first two neighbours in time that lie more than ``gap`` apart; ``gap`` is at least a day."""
        before: Micros | None = None
        for day in sorted(self._days):
            earliest, latest, _ = self._days[day]
            if before is not None and earliest - before > gap:
                return before, earliest
            before = latest
        return None

    def count_from(self, instant: Micros) -> int:
        """How many were said on the day of ``instant`` or later: exact for the far side of a leap."""
        return sum(count for day, (_, _, count) in self._days.items() if day >= instant // DAY)


class Sorter:
    """Takes events in any order, gives them in the order of ``due``.

    Args:
        run_events: how many are held in memory.
        folder: where to spill; None: the system's folder for temporary files (``TMPDIR``).
    """

    def __init__(self, run_events: int = RUN_EVENTS, folder: str | None = None) -> None:
        self.calendar = Calendar()
        self.count = 0
        self.earliest: Micros | None = None
        """The earliest ``occurred``."""
        self._run: list[Draft] = []
        self._run_events = run_events
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._segments: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.clear()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    @property
    def runs(self) -> int:
        """Runs on disk."""
        return len(self._segments)

    def add(self, draft: Draft) -> None:
        """Take one event.

        Raises:
            WatchroomError: the disk is full.
        """
        self.count += 1
        self.calendar.add(draft.due)
        if self.earliest is None or draft.occurred < self.earliest:
            self.earliest = draft.occurred
        self._run.append(draft)
        if len(self._run) >= self._run_events:
            self._spill()

    def ordered(self) -> Iterator[Draft]:
        """All of them, in order; may be asked once more for the same answer."""
        self._run.sort(key=_due)
        if not self._segments:
            return iter(self._run)
        if self._file is not None:
            self._file.flush()
        # Segments in the order of the file, and merge keeps that order among equals: the sort is stable.
        return heapq.merge(*(self._read(*segment) for segment in self._segments), self._run, key=_due)

    def _spill(self) -> None:
        self._run.sort(key=_due)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=1 << 20)  # noqa: SIM115 - __exit__
            begin = self._file.tell()
            for at in range(0, len(self._run), _BLOCK_EVENTS):
                block = _encode(self._run[at : at + _BLOCK_EVENTS])
                self._file.write(_LENGTH.pack(len(block)) + block)
            self._file.flush()
        except OSError as exc:
            where = self._folder or tempfile.gettempdir()
            if exc.errno == errno.ENOSPC:
                raise WatchroomError(
                    f"no room in {where} to sort the file; set TMPDIR to a folder with more"
                ) from exc
            raise WatchroomError(
                f"cannot sort in {where}: {exc.strerror}; set TMPDIR to another folder"
            ) from exc
        self._segments.append((begin, self._file.tell()))
        self._run.clear()

    def _read(self, begin: int, end: int) -> Iterator[Draft]:
        assert self._file is not None, "a run on disk has its file"
        number = self._file.fileno()
        while begin < end:
            (size,) = _LENGTH.unpack(os.pread(number, _LENGTH.size, begin))
            begin += _LENGTH.size
            yield from _decode(os.pread(number, size, begin))
            begin += size
