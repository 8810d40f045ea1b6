"""Small cells of what is public are suppressed, and as many more as it takes that nobody can work them out.

A count from 1 to 9 may be a person one knows. Hiding it alone is not enough: a total less the cells beside it
gives it away. So cells stand in sums (a total and its parts), and more are hidden until no hidden cell
follows from what is shown: first by the sums one by one, then by all of them together.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from heapq import heapify, heappop, heappush
from typing import TypeVar

LEAST = 10
"""The smallest count that is shown; zero is shown, too."""

Cell = TypeVar("Cell", bound=Hashable)
Row = dict[Cell, int]
"""Factors of the cells of a sum, all shown ones left out."""

_PRIME = (1 << 61) - 1


class Withheld(Exception):
    """What must be hidden follows from what is shown already, whatever else is hidden."""


def suppressed(
    cells: Mapping[Cell, int],
    sums: Iterable[tuple[Cell, Sequence[Cell]]],
    keep: Set[Cell] = frozenset(),
) -> frozenset[Cell]:
    """The cells that must not be shown.

    Args:
        cells: counts that are not negative.
        sums: (total, its parts): the total is the sum of the parts, all of them cells.
        keep: cells that are shown already.

    Raises:
        Withheld: others cannot be protected without hiding what is shown already.

    >>> sorted(suppressed({"all": 40, "a": 25, "b": 12, "c": 3}, [("all", ["a", "b", "c"])]))
    ['b', 'c']
    """
    relations = [(total, tuple(parts)) for total, parts in sums]
    hidden = {cell for cell, count in cells.items() if 0 < count < LEAST and cell not in keep}
    # What the sums alone say of a cell, whatever the counts are, no hiding can take back, and it is no news.
    known = set(_worked_out(relations, set(cells)))
    while True:
        _sum_by_sum(cells, relations, hidden, keep)
        found = {cell for cell in _worked_out(relations, hidden) if cell not in known}
        if not found:
            return frozenset(hidden)
        while not _hide_beside(found, cells, relations, hidden, keep):
            # All beside them is hidden, and what gives them away is shown farther off.
            near = found | {
                c for total, parts in relations for c in (total, *parts) if found & {total, *parts}
            }
            if near == found:
                raise AssertionError(
                    "all that these cells stand in is hidden, and they are known all the same"
                )
            found = near


def _sum_by_sum(
    cells: Mapping[Cell, int],
    relations: list[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    keep: Set[Cell],
) -> None:
    """Hide more until in every sum either nothing is hidden, or so much that it says little."""
    changed = True
    while changed:
        changed = False
        for total, parts in relations:
            among = [part for part in parts if part in hidden]
            if total in hidden:
                if among:
                    continue
            elif not among or (len(among) > 1 and sum(cells[part] for part in among) >= LEAST):
                continue
            more = _next(total, parts, cells, hidden, keep)
            if more is None:
                continue
            hidden.add(more)
            changed = True


def _next(
    total: Cell, parts: tuple[Cell, ...], cells: Mapping[Cell, int], hidden: set[Cell], keep: Set[Cell]
) -> Cell | None:
    """What to hide next in a sum: the smallest part that is something, else the total, else a zero.

    Raises:
        Withheld: only what is to be kept is left.
    """
    best: tuple[bool, int, int, str, Cell] | None = None
    for cell in (total, *parts):
        if cell in hidden:
            continue
        sort = 1 if cell == total else 0 if cells[cell] else 2
        rank = (cell in keep, sort, cells[cell], str(cell), cell)
        if best is None or rank[:4] < best[:4]:
            best = rank
    if best is None:
        return None
    if best[0]:
        raise Withheld
    return best[4]


def _hide_beside(
    found: Set[Cell],
    cells: Mapping[Cell, int],
    relations: list[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    keep: Set[Cell],
) -> int:
    """Hide one more in every sum that one of those cells stands in; returns how many."""
    before = len(hidden)
    for total, parts in relations:
        if total in found or not found.isdisjoint(parts):
            more = _next(total, parts, cells, hidden, keep)
            if more is not None:
                hidden.add(more)
    return len(hidden) - before


def _worked_out(relations: list[tuple[Cell, tuple[Cell, ...]]], hidden: set[Cell]) -> list[Cell]:
    """Hidden cells that all sums together give away: unknowns that the linear system determines.

    Two solutions that fit all that is shown differ by numbers for which every sum is zero. A cell that is
    determined has a zero in each such row of numbers; in one drawn by chance the others have none, but once
    in 10^18. Whole numbers modulo a prime, so nothing is rounded.
    """
    rows: list[Row[Cell]] = []
    for total, parts in relations:
        row: Row[Cell] = {}
        for cell, sign in ((total, _PRIME - 1), *((part, 1) for part in parts)):
            if cell in hidden:
                row[cell] = (row.get(cell, 0) + sign) % _PRIME
        if row := {cell: value for cell, value in row.items() if value}:
            rows.append(row)
    peeled = _peeled(rows)
    gone = {place for place, _ in peeled}
    core = _echelon([row for place, row in enumerate(rows) if place not in gone])
    solved = [*reversed(core), *((cell, rows[place]) for place, cell in reversed(peeled))]
    chance = random.Random(len(solved))
    drawn: Row[Cell] = {}
    for pivot, row in solved:
        others = 0
        for cell, value in row.items():
            if cell != pivot:
                if cell not in drawn:
                    drawn[cell] = chance.randrange(1, _PRIME)
                others += value * drawn[cell]
        drawn[pivot] = -others * pow(row[pivot], -1, _PRIME) % _PRIME
    return sorted((cell for cell, value in drawn.items() if not value), key=str)


def _peeled(rows: Sequence[Row[Cell]]) -> list[tuple[int, Cell]]:
    """Rows that say nothing of any other cell, each with the cell that stands in no other row that is left.

    Most go so, one after the other; what is left is small enough to be reduced.
    """
    where: dict[Cell, set[int]] = {}
    for place, row in enumerate(rows):
        for cell in row:
            where.setdefault(cell, set()).add(place)
    found: list[tuple[int, Cell]] = []
    alone = [cell for cell, places in where.items() if len(places) == 1]
    while alone:
        cell = alone.pop()
        if not where[cell]:
            continue  # its row went with another cell
        (place,) = where[cell]
        found.append((place, cell))
        for other in rows[place]:
            where[other].discard(place)
            if len(where[other]) == 1:
                alone.append(other)
    return found


def _echelon(rows: Iterable[Row[Cell]]) -> list[tuple[Cell, Row[Cell]]]:
    """The same system with a pivot a row, which stands in no later row."""
    rows = sorted(rows, key=len)
    uses = Counter(cell for row in rows for cell in row)
    found: list[tuple[Cell, Row[Cell]]] = []
    order: dict[Cell, int] = {}
    for given in rows:
        row = dict(given)
        waiting = [order[cell] for cell in row if cell in order]
        heapify(waiting)
        while waiting:
            pivot, by = found[heappop(waiting)]
            if pivot not in row:
                continue
            before = row.keys() - by.keys()
            _subtract(row, by, row[pivot] * pow(by[pivot], -1, _PRIME) % _PRIME)
            for cell in row.keys() - before:
                if cell in order:
                    heappush(waiting, order[cell])
        if row:
            pivot = min(row, key=lambda cell: (uses[cell], str(cell)))
            order[pivot] = len(found)
            found.append((pivot, row))
    return found


def _subtract(row: Row[Cell], other: Row[Cell], times: int) -> None:
    for cell, value in other.items():
        left = (row.get(cell, 0) - times * value) % _PRIME
        if left:
            row[cell] = left
        else:
            row.pop(cell, None)
