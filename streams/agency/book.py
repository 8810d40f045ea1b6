"""One agency's book: what each record last contributed, its clock, and the figures that follow."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import FigureRecord, IncidentRecord, ResponseRecord, Revision
from schemas.series import BREAKDOWNS, CALENDAR, ROLLING, series_key
from schemas.times import DAY, Micros
from streams.agency.columns import MODE_NAMES, Columns, Names, Row
from streams.agency.contributions import (
    INCIDENT,
    INTERVALS,
    OPEN,
    RESPONSE,
    Contribution,
    contributions,
    groups,
    over,
)
from streams.agency.periods import Calendar
from streams.agency.running import Running
from streams.agency.tabulate import Stats, exclusions, fill, is_empty, tabulate
from streams.agency.units import Units

KEPT: Micros = 62 * DAY
"""How long after it was over a record is kept."""

PERIOD_KEPT: Micros = 31 * DAY
"""How long after its end a calendar period's figures are kept: never longer than the records it is made
of.
"""

_GROUPED = BREAKDOWNS[1:]


class Told(NamedTuple):
    """A figure that changed.

    Attributes:
        gone: nothing is in it any more, so that its series must not stay behind; the figure has n = 0.
    """

    series: str
    figure: FigureRecord
    gone: bool


_NO_PLACE = ("UNKNOWN",) * len(_GROUPED)


class Entry:
    """A record as the book holds it."""

    __slots__ = (
        "contributions",
        "forget_at",
        "groups",
        "mode",
        "over",
        "periods",
        "revision",
        "row",
        "scope",
    )

    def __init__(self, scope: str, row: int) -> None:
        self.scope = scope
        self.row = row
        self.revision: Revision = (-1, 0)
        self.contributions: tuple[Contribution, ...] = ()
        self.mode = ""
        self.groups: tuple[str, ...] = _NO_PLACE
        self.periods: tuple[str, ...] = ()
        self.over = False
        self.forget_at: Micros = 0


class _PeriodState:
    """A calendar period that is held: when it ends, and how many of its records are not over."""

    __slots__ = ("code", "end", "unfinished")

    def __init__(self, end: Micros, code: int) -> None:
        self.end = end
        self.code = code
        self.unfinished = 0


class Book:
    """The figures of one agency. Pure: what goes in decides what comes out.

    Attributes:
        clock: the agency's clock, None before every source partition has told its own.
        units: what its units are doing.
        published: series to the window it belongs to, of all series that stand in ``figures``.
        ignored: records older than what is kept, or of a lower revision than what is known.
    """

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.clock: Micros | None = None
        self.units = Units()
        self.published: dict[str, str] = {}
        self.ignored = 0
        self._entries: dict[str, Entry] = {}
        self._running = Running(self._current)
        self._calendar = Calendar(agency)
        self._columns = {scope: Columns(len(INTERVALS[scope]), len(_GROUPED)) for scope in INTERVALS}
        self._names = [Names() for _ in _GROUPED]
        self._periods: dict[str, _PeriodState] = {}
        self._codes: list[str] = []
        self._final: set[str] = set()
        self._refinal: set[str] = set()
        self._forget: list[tuple[Micros, str]] = []
        self._told: dict[str, dict[int, Micros]] = {}
        self._partitions = 0
        self._simulated = agency.simulated
        self._stale: set[tuple[str, str]] = set()
        self._grouped: dict[tuple[str, str, str], Stats] = {}

    # In

    def take(self, key: str, record: ResponseRecord | IncidentRecord) -> bool:
        """Take a record; the highest revision of a key wins. Says whether it was news."""
        entry = self._entries.get(key)
        if entry is not None and entry.revision >= record.revision:
            self.ignored += 1
            return False
        forget_at = max(record.closed_at, record.began_at, record.call_at, record.merged_at) + KEPT
        if entry is None and self.clock is not None and forget_at <= self.clock:
            self.ignored += 1
            return False
        scope = RESPONSE if isinstance(record, ResponseRecord) else INCIDENT
        if isinstance(record, ResponseRecord):
            self.units.take(key, record)
        if entry is None:
            entry = self._entries[key] = Entry(scope, self._columns[scope].take())
            heappush(self._forget, (forget_at, key))
        entry.revision = record.revision
        entry.forget_at = forget_at
        self._simulated |= record.simulated
        self._replace(key, entry, record)
        if self.clock is not None and forget_at <= self.clock:
            self._let_go(key, entry)
        return True

    def _replace(self, key: str, entry: Entry, record: ResponseRecord | IncidentRecord) -> None:
        """Take back what the record contributed and add what it contributes now.

        No trace of the old value stays.
        """
        new = contributions(record, entry.scope, self.agency)
        place = record.place
        mode = place.mode if place is not None else MODE_NAMES[-1]
        where = groups(place) if place is not None else _NO_PLACE
        counted = bool(new)
        periods = self._periods_of(record.call_at) if counted and record.call_at else ()
        held = tuple(name for name in entry.periods if name in self._periods)
        finished = over(record)
        if (mode, where, periods) == (entry.mode, entry.groups, held) and len(new) == len(
            entry.contributions
        ):
            changed = [(i, c) for i, c in enumerate(entry.contributions) if c != new[i]]
            added = [(i, new[i]) for i, _ in changed]
        else:
            changed, added = list(enumerate(entry.contributions)), list(enumerate(new))
        put = self._running.put
        put(key, entry.scope, entry.mode, held, changed, -1)
        self._unfinish(held, entry.over, -1)
        entry.contributions, entry.mode, entry.groups, entry.periods, entry.over = (
            new,
            mode,
            where,
            periods,
            finished,
        )
        put(key, entry.scope, mode, periods, added, 1)
        self._unfinish(periods, finished, 1)
        if changed or added:
            names = self._names
            self._columns[entry.scope].put(
                entry.row,
                Row(
                    new,
                    MODE_NAMES.index(mode),
                    tuple(names[i].code(group) for i, group in enumerate(where)),
                    self._period_codes_of(periods),
                    record.began_at,
                ),
            )

    def _periods_of(self, call_at: Micros) -> tuple[str, ...]:
        """The names of the calendar windows of a call that are held; one long past is not opened again."""
        names = []
        for name, end in self._calendar.periods(call_at):
            if self.clock is not None and end + PERIOD_KEPT <= self.clock:
                continue
            if name not in self._periods:
                self._periods[name] = _PeriodState(end, len(self._codes))
                self._codes.append(name)
            names.append(name)
        return tuple(names)

    def _period_codes_of(self, periods: tuple[str, ...]) -> tuple[int, ...]:
        codes = [-1] * len(CALENDAR)
        for name in periods:
            codes[_kind(name)] = self._periods[name].code
        return tuple(codes)

    def _unfinish(self, periods: tuple[str, ...], finished: bool, sign: int) -> None:
        if not finished:
            for name in periods:
                self._periods[name].unfinished += sign

    def _current(self, key: str) -> tuple[str, str, tuple[Contribution, ...]] | None:
        entry = self._entries.get(key)
        return None if entry is None else (entry.scope, entry.mode, entry.contributions)

    # Time

    def tell(self, topic: str, source_partition: int, source_partitions: int, time: Micros) -> Micros | None:
        """Take the clock of one partition of stage one, as one result topic tells it.

        Returns:
            The agency's clock if it moved: the least over all source partitions, of both topics.
        """
        told = self._told.setdefault(topic, {})
        if time <= told.get(source_partition, time - 1):
            return None
        told[source_partition] = time
        self._partitions = max(self._partitions, source_partitions)
        if len(self._told) < len(INTERVALS) or any(len(t) < self._partitions for t in self._told.values()):
            return None
        clock = min(min(t.values()) for t in self._told.values())
        if self.clock is not None and clock <= self.clock:
            return None
        return clock

    def advance(self, clock: Micros) -> None:
        """Move windows' edges, forget what is older than what is kept."""
        self.clock = clock
        self._running.advance(clock)
        while self._forget and self._forget[0][0] <= clock:
            _, key = heappop(self._forget)
            entry = self._entries.get(key)
            if entry is None:
                continue
            if entry.forget_at > clock:
                heappush(self._forget, (entry.forget_at, key))
                continue
            self._let_go(key, entry)

    def _let_go(self, key: str, entry: Entry) -> None:
        """Forget a record; what of it stands in a figure (an open interval has no date) goes with it."""
        held = tuple(name for name in entry.periods if name in self._periods)
        self._running.put(key, entry.scope, entry.mode, held, enumerate(entry.contributions), -1)
        self._unfinish(held, entry.over, -1)
        del self._entries[key]
        self._columns[entry.scope].clear(entry.row)

    # Out: the whole

    def figures(self, *, histogram: bool = False) -> Iterator[Told]:
        """The figures of the whole that changed since they were last asked for.

        Args:
            histogram: send the histograms of 24 h and 30 d along.
        """
        if self.clock is None:
            return
        running = self._running
        for cell in sorted(running.dirty):
            interval, mode, window = cell
            self._stale.add((interval, window))
            series = series_key(self.agency.id, interval, mode, window, "all", "all")
            figure = self._figure(series, interval, mode, window, "all", "all")
            tally = running.tallies.get(cell)
            if tally is None or tally.empty:
                running.tallies.pop(cell, None)
                if self.published.pop(series, None) is not None:
                    yield Told(series, figure, gone=True)
                continue
            tally.fill(figure)
            if histogram and window in ("24h", "30d"):
                figure.histogram = dict(sorted(tally.bins.items()))
            self.published[series] = window
            yield Told(series, figure, gone=False)
        running.dirty.clear()

    def _figure(
        self, series: str, interval: str, mode: str, window: str, by: str, group: str
    ) -> FigureRecord:
        assert self.clock is not None
        return FigureRecord(
            series=series,
            agency_id=self.agency.id,
            interval=interval,
            mode=mode,
            window=window,
            by=by,
            group=group,
            as_of=self.clock,
            edition=EDITION.edition,
            final=window in self._final,
            simulated=self._simulated,
        )

    # Out: the breakdowns

    def grouped(self) -> Iterator[Told]:
        """The figures of the breakdowns that changed since they were last asked for."""
        if self.clock is None or not self._stale:
            return
        for columns in self._columns.values():
            columns.settle()
        stale, self._stale = sorted(self._stale), set()
        for interval, window in stale:
            scope = RESPONSE if interval in INTERVALS[RESPONSE] else INCIDENT
            columns, place = self._columns[scope], INTERVALS[scope].index(interval)
            rows = self._rows(columns, place, window)
            code, value = columns.code[place][rows], columns.value[place][rows]
            flags, mode = columns.flags[place][rows], columns.mode[rows]
            for index, by in enumerate(_GROUPED):
                names = self._names[index].names
                if not names:
                    continue
                stats = tabulate(mode, columns.group[index][rows], len(names), code, value, flags)
                yield from self._changed(interval, window, by, names, stats)
        self._refinal.clear()

    def _rows(self, columns: Columns, place: int, window: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The rows of an interval that a window holds."""
        code = columns.code[place]
        if window in ROLLING:
            inside = (code == OPEN) | ((code >= 0) & (columns.at[place] > self._running.edge(window)))
        else:
            inside = (code >= 0) & (columns.period[_kind(window)] == self._periods[window].code)
        return np.flatnonzero(inside)

    def _changed(self, interval: str, window: str, by: str, names: list[str], stats: Stats) -> Iterator[Told]:
        key, count = (interval, window, by), len(names)
        before = self._grouped.get(key)
        aligned = np.zeros_like(stats)
        if before is not None:
            known = len(before) // len(MODE_NAMES)
            for mode in range(len(MODE_NAMES)):
                aligned[mode * count : mode * count + known] = before[mode * known : (mode + 1) * known]
        empty = is_empty(stats)
        changed = (aligned != stats).any(axis=1) & ~(empty & is_empty(aligned))
        if window in self._refinal:
            changed |= ~empty
        different = np.flatnonzero(changed)
        if (~empty).any():
            self._grouped[key] = stats
        else:
            self._grouped.pop(key, None)
        rows = stats[different]
        for cell, numbers, excluded, gone in zip(
            different.tolist(), rows.tolist(), exclusions(rows), empty[different].tolist(), strict=True
        ):
            name, group = MODE_NAMES[cell // count], names[cell % count]
            series = series_key(self.agency.id, interval, name, window, by, group)
            figure = self._figure(series, interval, name, window, by, group)
            if not gone:
                self.published[series] = window
                yield Told(series, fill(figure, numbers, excluded), gone=False)
            elif self.published.pop(series, None) is not None:
                yield Told(series, figure, gone=True)

    # Periods

    def settle_periods(self) -> None:
        """Find the periods that have become final, or are no longer.

        Their figures are told once more as such.
        """
        assert self.clock is not None
        final = {n for n, state in self._periods.items() if not state.unfinished and state.end <= self.clock}
        turned = final ^ (self._final & self._periods.keys())
        self._final = final
        if turned:
            self._refinal |= turned
            self._running.dirty.update(cell for cell in self._running.tallies if cell[2] in turned)

    def forget_periods(self) -> list[str]:
        """Drop periods that are no longer kept; returns their series, which must not stay behind."""
        assert self.clock is not None
        gone = [name for name, state in self._periods.items() if state.end + PERIOD_KEPT <= self.clock]
        for name in gone:
            del self._periods[name]
            self._running.drop(name)
            for key in [key for key in self._grouped if key[1] == name]:
                del self._grouped[key]
            self._stale = {item for item in self._stale if item[1] != name}
        dropped = set(gone)
        series = [s for s, window in self.published.items() if window in dropped]
        for name in series:
            del self.published[name]
        return series

    @property
    def rejected_labels(self) -> int:
        """Groups beyond the limit of a breakdown, counted under ``OTHER``."""
        return sum(names.rejected for names in self._names)

    @property
    def held(self) -> int:
        """Records held."""
        return len(self._entries)


def _kind(window: str) -> int:
    """Which of ``CALENDAR`` a period is."""
    return CALENDAR.index(window.split(":", 1)[0])
