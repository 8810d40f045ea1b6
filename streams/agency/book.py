"""One agency's book: what each record last contributed, its clock, and the figures that follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from schemas.agency import Agency
from schemas.records import UnitRecord
from schemas.series import CALENDAR, GROUPED, ROLLING, series_key
from schemas.times import DAY, HOUR, Micros
from streams.agency.breakdowns import Breakdowns
from streams.agency.columns import MODE_NAMES, Columns, Names, Slab
from streams.agency.contributions import INTERVALS, RESPONSE, contributions, groups, over
from streams.agency.due import Due
from streams.agency.histograms import Ints
from streams.agency.needed import Needed
from streams.agency.reading import Read, ResponseRead, place_of
from streams.agency.rewriting import rewrite
from streams.agency.running import BEFORE_ALL, CELLS, FIRST, MODES, NAMES, ROLLING_SLOTS, Running
from streams.agency.tabulate import is_empty
from streams.agency.telling import Teller, Told
from streams.agency.units import Units
from streams.agency.windows import Windows, kind

KEPT: Micros = 62 * DAY
"""How long after it was over a record is kept."""

_AT_ONCE = 8_192
"""Rows put into the sums at one go when recovery is over: bounds what that takes beside the columns."""

_FEW = 24
"""Records that are settled one by one."""

_ROLLING_NAMES = tuple(ROLLING)
_WITH_BINS = frozenset(_ROLLING_NAMES.index(window) for window in ("24h", "30d"))
_WHO = [(interval, mode) for interval in NAMES for mode in MODE_NAMES]
"""Cell of a slot to its interval and mode."""
_UNKNOWN: tuple[int, ...] = (len(MODE_NAMES) - 1, 0, 0, 0, 0, 0, 0)
_NO_PERIODS = (-1,) * len(CALENDAR)
_NO_UNIT = (-1, -1, 0)


_PLACES_MAX = 20_000
"""Different places whose meaning is kept: a few MB."""

_Where = tuple[tuple[int, ...] | None, str]
"""Mode and groups of a place as codes, None before a record counted there; and its unit type."""


class Book:
    """The figures of one agency. Pure: what goes in decides what comes out.

    It begins as recovery needs it: records are taken into columns and nothing is summed until ``loaded``.

    Attributes:
        clock: the agency's clock, None before every source partition has told its own.
        units: what its units are doing.
        ignored: records older than what is kept, or of a lower revision than what is known.
    """

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.clock: Micros | None = None
        self.units = Units()
        self.ignored = 0
        self._loading = True
        self._columns = {scope: Columns(scope) for scope in INTERVALS}
        self._forget = {scope: Due(HOUR) for scope in INTERVALS}
        self._running = Running()
        self._names = [Names() for _ in GROUPED]
        self._breakdowns = Breakdowns(self._columns, self._running, self._names)
        self._places: dict[bytes, _Where] = {}
        self._windows = Windows(agency)
        self._unfinished = np.zeros(64, np.int64)
        self._standing = np.zeros(0, np.bool_)
        self._final: set[str] = set()
        self._again: set[tuple[int, int]] = set()
        self._told: dict[str, dict[int, Micros]] = {}
        self._clocks_stand: dict[str, Needed[int]] = {}
        self._partitions = 0
        self._simulated = agency.simulated

    # In

    def take(self, scope: str, found: Iterable[tuple[bytes, Read]], since: int = 0) -> int:
        """Take records, of each key one; the highest revision of a key wins.

        Args:
            scope: whose records they are.
            found: key and record of each.
            since: an offset not after any of those where they stand in their topic.

        Returns:
            How many were news.
        """
        columns, agency, clock, news = self._columns[scope], self.agency, self.clock, 0
        places = self._places
        for key, record in found:
            forget_at = max(record.closed_at, record.began_at, record.call_at, record.merged_at) + KEPT
            row = columns.rows.get(key)
            if row is None:
                if clock is not None and forget_at <= clock:
                    self.ignored += 1
                    continue
                row = columns.add(key)
            if not columns.revise(row, record.revision, since):
                self.ignored += 1
                continue
            news += 1
            if record.simulated:
                self._simulated = True
            raw = bytes(record.place)
            where = places.get(raw)
            if where is None:
                where = self._where(raw)
            unit = self.units.take(key, record, where[1]) if isinstance(record, ResponseRead) else _NO_UNIT
            adds, codes, periods = contributions(record, scope, agency), _UNKNOWN, _NO_PERIODS
            if adds is not None:
                codes = where[0] or self._codes(raw)
                if record.call_at:
                    periods = self._windows.of(record.call_at, clock)
            columns.stage(row, adds, (*codes, *periods, record.began_at, forget_at, over(record), *unit))
        if news:
            self._settle(scope)
        return news

    def _where(self, raw: bytes) -> _Where:
        """What a place means, kept for the next record of the same place."""
        if len(self._places) >= _PLACES_MAX:
            self._places.clear()
        place = place_of(raw)
        self._places[raw] = None, "" if place is None else place.unit_type
        return self._places[raw]

    def _codes(self, raw: bytes) -> tuple[int, ...]:
        """Mode and groups of a place, as codes: given when a record counts there for the first time."""
        place = place_of(raw)
        if place is None:
            codes = (_UNKNOWN[0], *(names.code("UNKNOWN") for names in self._names))
        else:
            those = zip(self._names, groups(place), strict=True)
            codes = (MODE_NAMES.index(place.mode), *(names.code(group) for names, group in those))
        self._places[raw] = codes, self._places[raw][1]
        return codes

    def _settle(self, scope: str) -> None:
        """Write what was staged, and have the sums follow."""
        if self._loading:
            self._columns[scope].fill()
            return
        self._reach()
        if self._columns[scope].staged <= _FEW:
            self._settle_few(scope)
        else:
            self._settle_many(scope)

    def _settle_few(self, scope: str) -> None:
        """``_settle_many`` for a few records, one by one: numpy costs the same however few they are."""
        columns, clock = self._columns[scope], BEFORE_ALL if self.clock is None else self.clock
        gone = []
        for row, words, around in columns.unstaged():
            before = rewrite(columns, self._running, FIRST[scope], row, words, around)
            for is_over, periods, sign in ((before.over, before.periods, -1), (around[12], around[7:10], 1)):
                if not is_over:
                    for code in periods:
                        if code >= 0:
                            self._unfinished[code] += sign
            forget_at = around[11]
            if forget_at <= clock:
                gone.append(row)
            elif forget_at != before.forget_at:
                self._forget[scope].put_one(forget_at, row)
        self._let_go(scope, np.array(gone, np.int64))

    def _settle_many(self, scope: str) -> None:
        """Write what was staged, take back what the records contributed, add what they contribute now.

        No trace of an old value stays.
        """
        rows, old, new = self._columns[scope].settle()
        differ = (old.code != new.code) | (old.value != new.value) | (old.at != new.at)
        differ |= old.flags != new.flags
        differ |= (old.mode != new.mode) | (old.group != new.group).any(axis=0)
        differ |= (old.period != new.period).any(axis=0)
        self._running.put(scope, rows, old, differ & (old.code >= 0), -1)
        self._running.put(scope, rows, new, differ & (new.code >= 0), 1)
        self._count_unfinished(old, -1)
        self._count_unfinished(new, 1)
        kept = new.forget_at > (BEFORE_ALL if self.clock is None else self.clock)
        moved = np.flatnonzero(kept & (old.forget_at != new.forget_at))
        self._forget[scope].put(new.forget_at[moved], rows[moved])
        self._let_go(scope, rows[~kept])

    def _count_unfinished(self, slab: Slab, sign: int) -> None:
        """How many records of each period are not over."""
        running = np.flatnonzero(~slab.over)
        if running.size:
            codes = slab.period[:, running].reshape(-1)
            np.add.at(self._unfinished, codes[codes >= 0], sign)

    def _reach(self) -> None:
        """Have room for every window that was opened."""
        windows = len(self._windows)
        self._running.reach(ROLLING_SLOTS + windows)
        if windows > self._unfinished.size:
            self._unfinished = np.append(self._unfinished, np.zeros(windows, np.int64))
        cells = self._running.dirty.size
        if cells > self._standing.size:
            self._standing = np.append(self._standing, np.zeros(cells - self._standing.size, np.bool_))

    def loaded(self) -> None:
        """Recovery is over: sum what the columns hold, all at once."""
        clock = self.clock
        if clock is not None:
            self._let_go_early(clock)
            for name, _ in self._windows.past(clock):
                self._drop_period(name)
            self._running.skip(clock)
        self._loading = False
        self._reach()
        for scope, columns in self._columns.items():
            for first in range(0, columns.used, _AT_ONCE):
                rows = np.arange(first, min(columns.used, first + _AT_ONCE))
                rows = rows[columns.in_use[rows]]
                held = columns.held.take(rows)
                self._running.put(scope, rows, held, held.code >= 0, 1)
                self._count_unfinished(held, 1)
                self._forget[scope].put(held.forget_at, rows)

    # Time

    def tell(
        self, topic: str, source_partition: int, source_partitions: int, time: Micros, since: int = 0
    ) -> Micros | None:
        """Take the clock of one partition of stage one, as one result topic tells it.

        Args:
            topic: which result topic.
            source_partition: whose clock.
            source_partitions: how many there are.
            time: what it says.
            since: an offset not after the one where it stands.

        Returns:
            The agency's clock if it moved: the least over all source partitions, of both topics.
        """
        told = self._told.setdefault(topic, {})
        if time <= told.get(source_partition, time - 1):
            return None
        told[source_partition] = time
        self._clocks_stand.setdefault(topic, Needed()).stands(source_partition, since)
        self._partitions = max(self._partitions, source_partitions)
        if len(self._told) < len(INTERVALS) or any(len(t) < self._partitions for t in self._told.values()):
            return None
        clock = min(min(t.values()) for t in self._told.values())
        if self.clock is not None and clock <= self.clock:
            return None
        return clock

    def advance(self, clock: Micros) -> None:
        """Move windows' edges, forget what is older than what is kept."""
        before = self.clock if self.clock is not None else BEFORE_ALL
        self.clock = clock
        self._windows.moved()
        if self._loading:
            if clock // DAY != before // DAY:
                self._let_go_early(clock)
            return
        self._running.advance(clock, self._columns)
        for scope, due in self._forget.items():
            rows = due.between(before, clock, last=True)
            if rows.size:
                held = self._columns[scope].held.forget_at[rows]
                self._let_go(scope, rows[(held > 0) & (held <= clock)])

    def _let_go(self, scope: str, rows: Ints) -> None:
        """Forget records; what of them stands in a figure (an open interval has no date) goes with them."""
        if rows.size:
            columns = self._columns[scope]
            held = columns.held.take(rows)
            self._running.put(scope, rows, held, held.code >= 0, -1)
            self._count_unfinished(held, -1)
            self._free(scope, rows)

    def _let_go_early(self, clock: Micros) -> None:
        """While recovery reads, nothing is summed, and forgetting is no more than this."""
        for scope, columns in self._columns.items():
            self._free(scope, columns.to_forget(clock))

    def _free(self, scope: str, rows: Ints) -> None:
        columns = self._columns[scope]
        units = columns.held.unit[rows].tolist()
        keys = columns.free(rows)
        if scope == RESPONSE:
            self.units.forget(keys, units)

    # Out: the whole

    def figures(self, *, histogram: bool = False) -> Iterator[list[Told]]:
        """The figures of the whole that changed since they were last asked for; a list is of one window.

        Args:
            histogram: send the histograms of 24 h and 30 d along.
        """
        running = self._running
        if self.clock is None:
            return
        cells = np.flatnonzero(running.dirty)
        if not cells.size:
            return
        running.dirty[cells] = False
        stats = running.stats(cells)
        there = ~is_empty(stats)
        news = there | self._standing[cells]
        self._standing[cells] = there
        changed = zip(cells[news].tolist(), stats[news].tolist(), there[news].tolist(), strict=True)
        for slot, of_slot in groupby(changed, key=lambda cell: cell[0] // CELLS):
            tell, with_bins = self._teller(slot).tell, histogram and slot in _WITH_BINS
            told = []
            for cell, numbers, stands in of_slot:
                interval, mode = _WHO[cell % CELLS]
                bins = running.bins(cell) if with_bins and stands else None
                told.append(tell(interval, mode, "all", "all", numbers, not stands, bins))
            yield told

    def _teller(self, slot: int) -> Teller:
        """Writes the figures of a window as of now."""
        assert self.clock is not None
        window = self._window(slot)
        final = window in self._final
        return Teller(self.agency.id, window, self.clock, final=final, simulated=self._simulated)

    def _window(self, slot: int) -> str:
        if slot < ROLLING_SLOTS:
            return _ROLLING_NAMES[slot]
        return self._windows.name(slot - ROLLING_SLOTS)

    # Out: the breakdowns

    def grouped(self) -> Iterator[list[Told]]:
        """The figures of the breakdowns that changed since they were last asked for.

        A list is one window of one interval, made when it is asked for: records may be taken in between.
        """
        if self.clock is None:
            return
        slots, numbers = np.nonzero(self._running.stale)
        for slot, number in sorted(zip(slots.tolist(), numbers.tolist(), strict=True), key=lambda p: p[::-1]):
            if not self._running.stale[slot, number]:
                continue  # told or dropped since
            self._running.stale[slot, number] = False
            again = (slot, number) in self._again
            self._again.discard((slot, number))
            which = -1 if slot < ROLLING_SLOTS else kind(self._window(slot))
            changed = self._breakdowns.changed(number, slot, which, all_=again)
            if changed is not None:
                tell, interval = self._teller(slot).tell, NAMES[number]
                found = zip(changed.cells, changed.stats.tolist(), changed.gone.tolist(), strict=True)
                yield [
                    tell(interval, mode, GROUPED[by], group, numbers, gone)
                    for (by, group, mode), numbers, gone in found
                ]

    # Out: units

    def unit_records(self) -> list[tuple[str, UnitRecord | None]]:
        """What the units are doing of which something was said since this was last asked; None: nothing."""
        assert self.clock is not None
        return self.units.records(self.agency.id, self.clock, self._columns[RESPONSE].held)

    # Periods

    def settle_periods(self) -> None:
        """Find the periods that have become final, or are no longer.

        Their figures are told once more as such.
        """
        clock, ends = self.clock, self._windows.ends
        assert clock is not None
        codes = self._windows.codes
        unfinished = self._unfinished.tolist()
        final = {name for name, code in codes.items() if not unfinished[code] and ends[code] <= clock}
        turned = final ^ (self._final & codes.keys())
        self._final = final
        for name in turned:
            slot = ROLLING_SLOTS + codes[name]
            held = slice(slot * CELLS, (slot + 1) * CELLS)
            self._running.dirty[held] |= self._standing[held]
            numbers = np.flatnonzero(self._standing[held].reshape(-1, MODES).any(axis=1)).tolist()
            self._running.stale[slot, numbers] = True
            self._again.update((slot, number) for number in numbers)

    def forget_periods(self) -> list[str]:
        """Drop periods that are no longer kept; returns their series, which must not stay behind."""
        assert self.clock is not None
        return [series for name, _ in self._windows.past(self.clock) for series in self._drop_period(name)]

    def _drop_period(self, name: str) -> list[str]:
        code = self._windows.codes[name]
        slot = ROLLING_SLOTS + code
        series = self._series(slot, name)
        self._running.drop(slot)
        self._breakdowns.drop(slot)
        self._standing[slot * CELLS : (slot + 1) * CELLS] = False
        self._again = {pair for pair in self._again if pair[0] != slot}
        for columns in self._columns.values():
            columns.forget_period(kind(name), code)
        if code < self._unfinished.size:
            self._unfinished[code] = 0
        self._windows.drop(name)
        return series

    def _series(self, slot: int, window: str) -> list[str]:
        """All series of a window that stand."""
        first = slot * CELLS
        stand = [divmod(c, MODES) for c in np.flatnonzero(self._standing[first : first + CELLS]).tolist()]
        whole = [(NAMES[number], MODE_NAMES[mode], "all", "all") for number, mode in stand]
        return [
            series_key(self.agency.id, interval, mode, window, by, group)
            for interval, mode, by, group in (*whole, *self._breakdowns.series(slot))
        ]

    def standing(self) -> set[str]:
        """All series of this agency that stand."""
        rolling = [(slot, window) for slot, window in enumerate(_ROLLING_NAMES)]
        calendar = [(ROLLING_SLOTS + code, name) for name, code in self._windows.codes.items()]
        return {series for slot, name in (*rolling, *calendar) for series in self._series(slot, name)}

    def needed_from(self, topic: str, scope: str) -> int | None:
        """The first offset of a topic at which something stood that is held: a record, or a clock.

        As of when this was last asked, see ``streams.agency.needed``; None where nothing is held.
        """
        clocks = self._clocks_stand.get(topic)
        firsts = (self._columns[scope].needed_from(), clocks.first() if clocks is not None else None)
        return min((first for first in firsts if first is not None), default=None)

    @property
    def rejected_labels(self) -> int:
        """Groups beyond the limit of a breakdown, counted under ``OTHER``."""
        return sum(names.rejected for names in self._names)

    @property
    def held(self) -> int:
        """Records held."""
        return sum(len(columns.rows) for columns in self._columns.values())

    @property
    def nbytes(self) -> int:
        """Memory of the figures' ground and sums, keys apart, about."""
        columns = sum(columns.nbytes for columns in self._columns.values())
        return columns + self._running.nbytes + self._breakdowns.nbytes
