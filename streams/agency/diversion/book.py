"""One agency's diversion figures: what each encounter last added, its clock, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

import numpy as np

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import DiversionRecord, EncounterRecord, Revision
from schemas.series import DIVERSION_BREAKDOWNS, DIVERSION_PERIODS, ROLLING, diversion_key
from schemas.times import DAY, Micros, moment
from schemas.vocabulary import UNKNOWN, IncidentState
from streams.agency.columns import Names
from streams.agency.diversion.columns import WITH_UNIT, WITHOUT_UNIT, Columns, Row, Rows, Times
from streams.agency.diversion.counting import counted, helped, row, traits
from streams.agency.diversion.rates import fill
from streams.agency.diversion.repeats import Repeats
from streams.agency.needed import Needed
from streams.agency.periods import Calendar

PERIOD_KEPT: Micros = 30 * DAY
"""How long after its end a calendar period's figures are kept."""

KEPT: Micros = 95 * DAY
"""How long after it was over an encounter is kept.

A month (31 days and an hour) is kept for 30 days, and a repeat in it looks back 30 days more: what decides a
figure must be there as long as the figure, or a worker that starts anew would say otherwise. The topic keeps
100 days.
"""

Told = tuple[str, DiversionRecord, bool]
"""(series, the figure, whether nothing is in it any more)"""

_Helped = tuple[str, Micros] | None
"""Place and call of an encounter that ended well."""

_GROUPED = DIVERSION_BREAKDOWNS[1:]


class _Entry:
    """An encounter as the book holds it."""

    __slots__ = ("at", "counted", "helped", "periods", "record", "revision")

    def __init__(self, at: int) -> None:
        self.at = at
        self.revision: Revision = (-1, 0)
        self.record: EncounterRecord | None = None
        self.counted = False
        self.helped = False
        self.periods: tuple[str, ...] = ()


_NEVER: Micros = -(1 << 62)


class Window:
    """A window that is held: a rolling one, or a calendar period.

    Attributes:
        name: as in a series.
        length: of a rolling one; 0 for a period, which has an ``end``, and in the columns a ``code`` of its
            ``kind``.
        dirty: whether an encounter in it was written since it was last made: the whole, and the breakdowns.
        made_at: the clock when it was last made, of both.
    """

    __slots__ = ("code", "dirty", "end", "kind", "length", "made_at", "name")

    def __init__(
        self, name: str, *, length: Micros = 0, kind: int = 0, code: int = 0, end: Micros = 0
    ) -> None:
        self.name, self.length = name, length
        self.kind, self.code, self.end = kind, code, end
        self.dirty = [True, True]
        self.made_at = [_NEVER, _NEVER]

    def due(self, clock: Micros, *, grouped: bool) -> bool:
        """Whether it may show something else by this clock: written to, rolled on, or over since."""
        before = self.made_at[grouped]
        return self.dirty[grouped] or (before < clock if self.length else before < self.end <= clock)

    def made(self, clock: Micros, *, grouped: bool) -> None:
        """It is made now; its breakdowns never without the whole."""
        for part in (False, True) if grouped else (False,):
            self.dirty[part], self.made_at[part] = False, clock


class _Shown:
    """What a series shows."""

    __slots__ = ("final", "n", "sums", "times", "writes")

    def __init__(self, n: int, writes: int, sums: bytes, times: Times, *, final: bool) -> None:
        self.n, self.writes = n, writes
        self.sums, self.times, self.final = sums, times, final

    def same(self, other: _Shown) -> bool:
        """Whether it shows the same."""
        return (self.sums, self.times, self.final) == (other.sums, other.times, other.final)


class Diversion:
    """The diversion figures of one agency. Pure: what goes in decides what comes out.

    Attributes:
        clock: the agency's clock as the encounters' topic tells it, None before every source partition has.
        published: series to its window, of all that stand in ``figures``.
        ignored: encounters older than what is kept, or of no higher revision than what is known.
    """

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.clock: Micros | None = None
        self.published: dict[str, str] = {}
        self.ignored = 0
        self._entries: dict[str, _Entry] = {}
        self._columns = Columns(len(_GROUPED), len(DIVERSION_PERIODS))
        self._names = [Names() for _ in _GROUPED]
        self._repeats = Repeats()
        self._calendar = Calendar(agency)
        self._rolling = [Window(name, length=length) for name, length in ROLLING.items()]
        self._periods: dict[str, Window] = {}
        self._codes = 0
        self._forget: list[tuple[Micros, str]] = []
        self._told: dict[int, Micros] = {}
        self._stand: Needed[str] = Needed()
        self._clocks_stand: Needed[int] = Needed()
        self._simulated = agency.simulated
        self._shown: dict[str, _Shown] = {}

    # In

    def take(self, key: str, record: EncounterRecord, since: int = 0) -> bool:
        """Take an encounter; the highest revision of a key wins.

        Args:
            key: the encounter's.
            record: what is known of it.
            since: an offset not after the one where it stands in its topic.

        Returns:
            Whether it was news.
        """
        entry = self._entries.get(key)
        if entry is not None and entry.revision >= record.revision:
            self.ignored += 1
            return False
        forget_at = _forget_at(record)
        if entry is None and self.clock is not None and forget_at <= self.clock:
            self.ignored += 1
            return False
        if entry is None:
            entry = self._entries[key] = _Entry(self._columns.take())
            heappush(self._forget, (forget_at, key))
        before = self._take_back(key, entry)
        self._stand.stands(key, since)
        entry.revision, entry.record = record.revision, record
        entry.counted, entry.helped = counted(record), helped(record)
        self._simulated |= record.simulated
        now: _Helped = None
        if entry.counted:
            entry.periods = self._periods_of(record.call_at)
            if record.place and record.associated:
                self._repeats.put(record.place, key, record.call_at, helped=entry.helped)
                now = (record.place, record.call_at) if entry.helped else None
        self._write(entry)
        if before != now:
            touched = {k for at in (before, now) if at is not None for k in self._repeats.after(*at)}
            for neighbour in sorted(touched - {key}):
                self._write(self._entries[neighbour])
        return True

    def _take_back(self, key: str, entry: _Entry) -> _Helped:
        """Undo what an encounter put elsewhere; returns where and when it was helped, if it was."""
        old = entry.record
        self._mark(entry.periods)
        entry.periods = ()
        if old is None or not entry.counted or not (old.place and old.associated):
            return None
        self._repeats.take(old.place, key, old.call_at, helped=entry.helped)
        return (old.place, old.call_at) if entry.helped else None

    def _mark(self, periods: tuple[str, ...]) -> None:
        """Windows whose figures must be made anew: these periods and the rolling ones."""
        for window in self._rolling:
            window.dirty = [True, True]
        for name in periods:
            period = self._periods.get(name)
            if period is not None:
                period.dirty = [True, True]

    def _write(self, entry: _Entry) -> None:
        """Write an encounter into the columns, as it now counts."""
        record = entry.record
        assert record is not None
        self._mark(entry.periods)
        if not entry.counted:
            self._columns.clear(entry.at)
            return
        repeat = bool(record.place) and self._repeats.is_repeat(record.place, record.call_at)
        kind = 0
        if record.suitable:
            kind = WITH_UNIT if record.handled else 0 if record.associated else WITHOUT_UNIT
        self._columns.put(
            entry.at,
            Row(
                record.call_at,
                self._columns.signature_of(traits(record, repeat=repeat), lambda: row(record, repeat=repeat)),
                tuple(n.code(g) for n, g in zip(self._names, self._groups(record), strict=True)),
                self._period_codes(entry.periods),
                record.state == IncidentState.OPEN.value,
                kind,
                record.police_present,
                record.arrival_s,
                record.scene_s,
                record.first_arrival_s,
                record.police_s,
            ),
        )

    def _groups(self, record: EncounterRecord) -> tuple[str, ...]:
        """Initial type, area, local hour of the call, and when the shift it came in begins."""
        hour = f"{moment(record.call_at).astimezone(self.agency.zone).hour:02}"
        shift = self._calendar.periods(record.call_at)[1].name
        return record.initial_type or UNKNOWN, record.area, hour, shift[-5:]

    def _periods_of(self, call_at: Micros) -> tuple[str, ...]:
        day, _, month = self._calendar.periods(call_at)
        names = []
        for kind, (name, end) in enumerate((day, month)):
            if self.clock is not None and end + PERIOD_KEPT <= self.clock:
                continue
            if name not in self._periods:
                self._codes += 1
                self._periods[name] = Window(name, kind=kind, code=self._codes, end=end)
            names.append(name)
        return tuple(names)

    def _period_codes(self, names: tuple[str, ...]) -> tuple[int, ...]:
        codes = [0] * len(DIVERSION_PERIODS)
        for name in names:
            period = self._periods.get(name)
            if period is not None:
                codes[period.kind] = period.code
        return tuple(codes)

    # Time

    def tell(
        self, source_partition: int, source_partitions: int, time: Micros, since: int = 0
    ) -> Micros | None:
        """Take the clock of one partition of stage one, which stands not before an offset of its topic.

        Returns:
            The agency's if it moved.
        """
        if time <= self._told.get(source_partition, time - 1):
            return None
        self._told[source_partition] = time
        self._clocks_stand.stands(source_partition, since)
        if len(self._told) < source_partitions:
            return None
        clock = min(self._told.values())
        return clock if self.clock is None or clock > self.clock else None

    def advance(self, clock: Micros) -> list[str]:
        """Move the clock; forget what is older than what is kept.

        Returns:
            Series of periods that are no longer kept, which must not stay behind.
        """
        self.clock = clock
        while self._forget and self._forget[0][0] <= clock:
            _, key = heappop(self._forget)
            entry = self._entries[key]
            assert entry.record is not None
            forget_at = _forget_at(entry.record)
            if forget_at > clock:
                heappush(self._forget, (forget_at, key))
                continue
            self._take_back(key, entry)
            self._columns.free(entry.at)
            del self._entries[key]
            self._stand.drop(key)
        gone = {name for name, period in self._periods.items() if period.end + PERIOD_KEPT <= clock}
        if not gone:
            return []
        for name in gone:
            del self._periods[name]
        series = [name for name, window in self.published.items() if window in gone]
        for name in series:
            del self.published[name]
            self._shown.pop(name, None)
        return series

    # Out

    def figures(self, *, grouped: bool) -> Iterator[Told]:
        """The figures that changed since they were last asked for.

        Args:
            grouped: the breakdowns too; else the whole alone.
        """
        for window in self.windows():
            yield from self.of(window, grouped=grouped)

    def windows(self) -> list[Window]:
        """Those that are held."""
        return [*self._rolling, *self._periods.values()]

    def of(self, window: Window, *, grouped: bool) -> list[Told]:
        """The figures of one window that changed since they were last asked for."""
        clock, columns = self.clock, self._columns
        if clock is None or not window.due(clock, grouped=grouped):
            return []
        if not window.length and self._periods.get(window.name) is not window:
            return []  # let go since it was listed
        window.made(clock, grouped=grouped)
        if window.length:
            rows, final = np.flatnonzero(columns.used & (columns.call_at > clock - window.length)), False
        else:
            rows = np.flatnonzero(columns.used & (columns.period[window.kind] == window.code))
            final = window.end <= clock and not bool(columns.open[rows].any())
        return list(self._of_window(window.name, rows, grouped=grouped, final=final))

    def _of_window(self, window: str, rows: Rows, *, grouped: bool, final: bool) -> Iterator[Told]:
        columns = self._columns
        yield from self._cell(window, "all", "all", columns.sums(rows, None, 1)[0], rows, final=final)
        if not grouped:
            return
        for index, by in enumerate(_GROUPED):
            names = self._names[index].names
            if not names:
                continue
            group = columns.group[index][rows]
            order = np.argsort(group, kind="stable")
            edges = np.searchsorted(group[order], np.arange(len(names) + 1))
            sums = columns.sums(rows, group, len(names))
            for code, name in enumerate(names):
                mine = rows[order[edges[code] : edges[code + 1]]]
                yield from self._cell(window, by, name, sums[code], mine, final=final)

    def _cell(
        self, window: str, by: str, group: str, sums: Rows, rows: Rows, *, final: bool
    ) -> Iterator[Told]:
        series = diversion_key(self.agency.id, window, by, group)
        before, n = self._shown.get(series), len(rows)
        if not n:
            if before is not None:
                del self._shown[series], self.published[series]
                yield series, self._figure(series, window, by, group, final=final), True
            return
        columns = self._columns
        as_many = before is not None and before.n == n and before.final == final
        if before is not None and as_many and int(columns.written[rows].max()) <= before.writes:
            return  # a row enters a cell when it is written: as many, and none written since, are the same
        shown = _Shown(n, columns.writes, sums.tobytes(), columns.times(rows), final=final)
        self._shown[series] = shown
        if before is not None and before.same(shown):
            return
        self.published[series] = window
        figure = fill(self._figure(series, window, by, group, final=final), sums.tolist())
        times = shown.times
        figure.arrival_p50, figure.arrival_p90, figure.scene_p50 = times[:3]
        figure.arrival_n, figure.scene_n = times.arrival_n, times.scene_n
        figure.with_unit, figure.without_unit = times.with_unit, times.without_unit
        yield series, figure, False

    def _figure(self, series: str, window: str, by: str, group: str, *, final: bool) -> DiversionRecord:
        assert self.clock is not None
        criteria = self.agency.criteria_at(self.clock)
        return DiversionRecord(
            series=series,
            agency_id=self.agency.id,
            window=window,
            by=by,
            group=group,
            as_of=self.clock,
            edition=EDITION.edition,
            assumption=criteria.assumption if criteria is not None else "",
            final=final,
            simulated=self._simulated,
        )

    def standing(self) -> set[str]:
        """All series of this agency that stand."""
        return set(self.published)

    def needed_from(self) -> int | None:
        """The first offset at which something stood that is held, as of when this was last asked.

        See ``streams.agency.needed``; None where nothing is held.
        """
        firsts = (self._stand.first(), self._clocks_stand.first())
        return min((first for first in firsts if first is not None), default=None)

    @property
    def held(self) -> int:
        """Encounters held."""
        return len(self._entries)

    @property
    def rejected_labels(self) -> int:
        """Groups beyond the limit of a breakdown, counted under ``OTHER``."""
        return sum(names.rejected for names in self._names)


def _forget_at(record: EncounterRecord) -> Micros:
    return max(record.closed_at, record.ended_at, record.call_at) + KEPT
