"""What is due by an instant, in buckets of time: eight bytes an entry, no object, no sorting.

An entry is an integer that says where to look. It is a hint: whoever asks looks whether what stands there now
is really due, so an entry that was overtaken by a correction need not be taken out.
"""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from schemas.times import Micros

Ints = npt.NDArray[np.int64]


class Due:
    """Integers by the instant they are due at.

    Args:
        width: of a bucket, in microseconds.
    """

    def __init__(self, width: Micros) -> None:
        self._width = width
        self._buckets: dict[int, array[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def put(self, at: Ints, entries: Ints) -> None:
        """Remember entries with the instants they are due at."""
        if not at.size:
            return
        buckets = at // self._width
        lowest = buckets.min()
        apart = buckets - lowest
        # Small integers are sorted by counting.
        order = np.argsort(apart.astype(np.uint16) if apart.max() < 1 << 16 else apart, kind="stable")
        buckets, entries = buckets[order], entries[order]
        starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
        ends = [*starts[1:].tolist(), buckets.size]
        for start, end, bucket in zip(starts.tolist(), ends, buckets[starts].tolist(), strict=True):
            held = self._buckets.get(bucket)
            if held is None:
                held = self._buckets[bucket] = array("q")
            held.frombytes(entries[start:end].tobytes())

    def put_one(self, at: Micros, entry: int) -> None:
        """Remember one entry."""
        bucket = at // self._width
        held = self._buckets.get(bucket)
        if held is None:
            held = self._buckets[bucket] = array("q")
        held.append(entry)

    def between(self, after: Micros, upto: Micros, *, last: bool = False) -> Ints:
        """Entries that may be due in (``after``, ``upto``], each once, others among them.

        Args:
            after: entries due by then may be left out.
            upto: entries due later may be among them.
            last: nobody will ask again for what is due by ``upto``; it is forgotten.
        """
        first, end = after // self._width, upto // self._width
        if end - first < len(self._buckets):
            there = [b for b in range(first, end + 1) if b in self._buckets]
        else:
            there = [b for b in self._buckets if first <= b <= end]
        if not there:
            return np.empty(0, np.int64)
        found = [np.frombuffer(self._buckets[b], np.int64) for b in there]
        entries: Ints = np.sort(np.concatenate(found), kind="stable")  # mostly in order as they are
        del found  # they are views, and a bucket that is looked at can't grow
        once: Ints = entries[np.diff(entries, prepend=-1) != 0]
        if last:
            for b in there:
                if b < end:
                    del self._buckets[b]
        return once
