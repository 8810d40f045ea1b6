"""The figures of the whole (breakdown ``all``), kept up contribution by contribution, told with every batch.

Rolling windows hold what is dated after their edge, (as_of - w, ...): live there is no upper end, so that an
event counts the moment it is read. What leaves a window is found by its date, never by looking at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from schemas.series import ROLLING
from schemas.times import Micros
from streams.agency.contributions import INTERVALS, OPEN, Contribution
from streams.agency.tally import Tally

Cell = tuple[str, str, str]
"""(interval, mode, window)"""

Leaving = tuple[Micros, str, int]
"""(the instant it is dated at, the record's key, the place of the interval)"""

_WINDOWS = tuple(ROLLING.items())
_BEFORE_ALL: Micros = -(1 << 62)


class Running:
    """The tallies of one agency.

    Attributes:
        tallies: those that are not empty, or were when last looked at.
        dirty: cells changed since the caller last emptied this set.
    """

    def __init__(self, current: Callable[[str], tuple[str, str, tuple[Contribution, ...]] | None]) -> None:
        """Make empty tallies.

        Args:
            current: gives (scope, mode, contributions) that a record's key stands for now, None when
                forgotten.
        """
        self.tallies: dict[Cell, Tally] = {}
        self.dirty: set[Cell] = set()
        self._current = current
        self._edges: list[Micros] = [_BEFORE_ALL] * len(_WINDOWS)
        self._leaving: list[list[Leaving]] = [[] for _ in _WINDOWS]

    def _add(self, cell: Cell, contribution: Contribution, sign: int) -> None:
        tally = self.tallies.get(cell)
        if tally is None:
            tally = self.tallies[cell] = Tally()
        tally.add(contribution, sign)
        self.dirty.add(cell)

    def put(
        self,
        key: str,
        scope: str,
        mode: str,
        periods: Iterable[str],
        contributions: Iterable[tuple[int, Contribution]],
        sign: int,
    ) -> None:
        """Add contributions (``sign`` 1) with their places, or take them back (-1)."""
        intervals = INTERVALS[scope]
        for place, contribution in contributions:
            code, _, at, _ = contribution
            if code < 0:
                continue
            interval = intervals[place]
            for period in periods:
                self._add((interval, mode, period), contribution, sign)
            pending = sign > 0 and code != OPEN
            for index, (window, _) in enumerate(_WINDOWS):
                if code == OPEN or at > self._edges[index]:
                    self._add((interval, mode, window), contribution, sign)
                    if pending:
                        # It leaves the shortest window that holds it first, and is then put into the next
                        # one's queue.
                        heappush(self._leaving[index], (at, key, place))
                        pending = False

    def advance(self, clock: Micros) -> None:
        """Move the windows' edges with the agency's clock."""
        for index, (window, length) in enumerate(_WINDOWS):
            edge = clock - length
            if edge > self._edges[index]:
                self._edges[index] = edge
                self._let_go(index, window, edge)

    def _let_go(self, index: int, window: str, edge: Micros) -> None:
        queue = self._leaving[index]
        last: Leaving | None = None
        while queue and queue[0][0] <= edge:
            leaving = heappop(queue)
            if leaving == last:
                continue  # taken back and put again since: twice in the queue, once in the window
            last = leaving
            at, key, place = leaving
            current = self._current(key)
            if current is None:
                continue
            scope, mode, contributions = current
            if place >= len(contributions):
                continue
            contribution = contributions[place]
            if contribution[2] != at or contribution[0] == OPEN or contribution[0] < 0:
                continue
            self._add((INTERVALS[scope][place], mode, window), contribution, -1)
            for later in range(index + 1, len(_WINDOWS)):
                if at > self._edges[later]:
                    heappush(self._leaving[later], leaving)
                    break

    def edge(self, window: str) -> Micros:
        """The edge of a rolling window: it holds what is dated after it."""
        return self._edges[tuple(ROLLING).index(window)]

    def drop(self, window: str) -> None:
        """Forget a calendar period's tallies."""
        for cell in [cell for cell in self.tallies if cell[2] == window]:
            del self.tallies[cell]
            self.dirty.discard(cell)
