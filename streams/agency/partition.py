"""One partition of stage two: records in, figures and units out. Pure; no changelog, nothing can drift.

Recovery gives it the result topics, from where it still needs them; then, while its work goes on, its own
``figures``, so that series it no longer holds are taken away.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from schemas import keys, records
from schemas.agency import Agency
from schemas.records import ClockRecord, HealthRecord
from schemas.series import series_parts
from schemas.times import DAY, HOUR, MINUTE, Micros
from streams.agency.book import KEPT, Book
from streams.agency.contributions import INCIDENT, RESPONSE
from streams.agency.diversion.book import KEPT as DIVERSION_KEPT
from streams.agency.diversion.book import Diversion
from streams.agency.diversion.shelf import Shelf
from streams.agency.reading import DECODERS, NO_INCIDENT, Read, newer, unreadable
from streams.agency.running import BEFORE_ALL
from streams.agency.telling import Told
from streams.stage import Pair, RecordBatch, Send

_Shown = dict[bytes, bytes]
"""By series, a figure's bytes."""

_Moved = tuple[Book, Micros]
"""An agency's book, and the instant that its clock now moves to."""

_AS_OF = re.compile(rb'"as_of":-?\d+,')
"""A figure's instant in its bytes: a quote in a string is escaped, so no group's name is found by this."""

_HELD_MAX = 20_000
"""Records of a topic held undecoded at a time, about: some 20 MB."""

_PART = 100
"""Figures, about, that a tick tells at one go: what batches changed waits for no more."""

_AT_A_CLOCK = 5_000
"""Figures, about, that a clock has told before they are sent: some MB. A wide step tells millions."""


class Layout(NamedTuple):
    """Names a partition of stage two must know.

    Topics' full names in Kafka, and how many partitions they have.
    """

    responses: str
    incidents: str
    figures: str
    history: str
    units: str
    health: str
    result_partitions: int
    worker: str = ""
    encounters: str = "encounters"


class Partition:
    """The logic of one partition (``streams.stage.Logic``)."""

    def __init__(self, partition: int, layout: Layout, agencies: dict[str, Agency]) -> None:
        self._partition = partition
        self._layout = layout
        self._agencies = agencies
        self._books: dict[str, Book] = {}
        # Encounters, which are counted and not measured, have books and clocks of their own.
        self._shelf = Shelf(agencies, layout.encounters)
        self._scopes = {layout.responses: RESPONSE, layout.incidents: INCIDENT}
        self._held: dict[str, dict[bytes, bytes]] = {topic: {} for topic in self._scopes}
        # Where records that are held undecoded stand: from the begin of the first batch of them on.
        self._held_from = dict.fromkeys(self._scopes, 0)
        self._reading, self._begin = "", 0
        self._needed: dict[str, int] = {}
        self._needed_hour = BEFORE_ALL
        self._loading = True
        self._taking: Iterator[list[Send]] = iter(())
        self.urgent = False
        self._left_behind: set[bytes] = set()
        self._swept = True
        self._positions: dict[str, int] = {}
        self._read = 0
        self._news = 0
        self._clock_records = 0
        self._out = 0
        self._last_event_ms = 0
        self._figures: list[Pair] = []
        self._history: list[Pair] = []
        # What changed since the last minute (breakdowns: hour) that was kept as shown, by agency and series.
        self._shown: dict[str, _Shown] = {}
        self._shown_grouped: dict[str, _Shown] = {}

    # Recovery

    def load(self, batch: RecordBatch) -> None:
        """Take records of a result topic, or of its own ``figures``."""
        topic = batch.topic
        records_of = zip(batch.keys, batch.values, strict=True)
        if topic == self._layout.figures:
            last = {key: value for key, value in records_of if key is not None}
            self._left_behind.difference_update([key for key, value in last.items() if value is None])
            self._left_behind.update([key for key, value in last.items() if value is not None])
            return
        self._reads(batch)
        for key, value in records_of:
            if topic == self._layout.encounters:
                self._shelf.hold(topic, key or b"", value, telling=False)
                continue
            moved = self._hold(topic, key or b"", value)
            if moved is not None:
                book, clock = moved
                book.advance(clock)
            if len(self._held[topic]) >= _HELD_MAX:
                self._take_held()

    def loaded(self) -> dict[str, int]:
        """Recovery is over; reading goes on where it stopped.

        Periods that records opened before the clock was known, and that are long past, are let go.
        """
        self._take_held()
        self._loading = False
        for book in self._books.values():
            book.loaded()
        return {}

    def sweep(self) -> None:
        """Its ``figures`` have been loaded whole: the next tick takes away what no longer stands."""
        self._swept = False

    def placed(self, positions: dict[str, int]) -> None:
        """Where reading goes on: its health says so from the start."""
        self._positions = dict(positions)

    # A batch

    def apply(self, batch: RecordBatch) -> list[Send]:
        """Take a batch of records; ``told`` says what it changed, and ``rest`` what its clocks had shown."""
        if self._loading:
            self.loaded()  # nothing was there to recover
        self._taking = self._take(batch)
        return next(self._taking, [])

    def rest(self) -> list[Send]:
        """What clocks of the batch had shown, and then the records after them, as far as the next such part.

        A clock that steps over months has every period in between told; nothing of it is held for longer.
        """
        return next(self._taking, [])

    def _take(self, batch: RecordBatch) -> Iterator[list[Send]]:
        topic = batch.topic
        self._reads(batch)
        hold = self._shelf_hold if topic == self._layout.encounters else self._hold
        for key, value in zip(batch.keys, batch.values, strict=True):
            if key is not None:
                moved = hold(topic, key, value)
                if moved is not None:
                    self._take_held()  # what was read before a clock is joined before it moves anything
                    yield from self._advance(*moved)
        if len(self._held.get(topic, ())) >= _HELD_MAX:
            self._take_held()
        self.urgent = True
        self._positions[topic] = batch.end
        if batch.stamps:
            self._last_event_ms = batch.stamps[-1][1]

    def _reads(self, batch: RecordBatch) -> None:
        """Note where a batch stands: what is held of it is needed from there on."""
        self._reading, self._begin = batch.topic, batch.begin
        if batch.topic == self._layout.encounters:
            self._shelf.reads(batch.begin)
        elif not self._held[batch.topic]:
            self._held_from[batch.topic] = batch.begin

    def _shelf_hold(self, topic: str, key: bytes, value: bytes | None) -> None:
        self._shelf.hold(topic, key, value, telling=True)

    def told(self) -> list[Send]:
        """The figures of the whole that batches have changed."""
        self.urgent = False
        self._take_held()
        for agency_id, book in self._books.items():
            for told in book.figures():
                self._tell_all(told, self._shown[agency_id])
        self._shelf.tell_whole()
        return self._collect()

    def _hold(self, topic: str, key: bytes, value: bytes | None) -> _Moved | None:
        """Keep a record as it is, of each key the highest revision, until a clock or the telling asks for it.

        A record that was revised many times since is decoded once; what was overtaken is never decoded whole.

        Returns:
            Whose clock it moves and where to, if it is a clock that does.
        """
        if value is None:
            return None
        if NO_INCIDENT in key:
            try:
                record = records.decode_result(value)
            except msgspec.MsgspecError as exc:
                raise unreadable(topic, key, exc) from exc
            if isinstance(record, ClockRecord):
                return self._clock(topic, record)
        self._read += 1
        held = self._held[topic]
        before = held.get(key)
        if before is not None:
            try:
                if not newer(value, before):
                    return None
            except msgspec.MsgspecError as exc:
                raise unreadable(topic, key, exc) from exc
            self._news += 1
        held[key] = value
        return None

    def _clock(self, topic: str, record: ClockRecord) -> _Moved | None:
        book = self._book(record.agency_id)
        if book is None:
            return None
        self._clock_records += 1
        clock = book.tell(topic, record.source_partition, record.source_partitions, record.time, self._begin)
        return None if clock is None else (book, clock)

    def _take_held(self) -> None:
        """Decode what is held and give it to its agencies' books."""
        self._shelf.take_held()
        for topic, held in self._held.items():
            if not held:
                continue
            scope = self._scopes[topic]
            decode, found = DECODERS[scope], dict[str, list[tuple[bytes, Read]]]()
            for key, value in held.items():
                try:
                    record = decode(value)
                except msgspec.MsgspecError as exc:
                    raise unreadable(topic, key, exc) from exc
                found.setdefault(record.agency_id, []).append((key, record))
            self._held[topic] = {}
            for agency_id, of_agency in found.items():
                book = self._book(agency_id)
                if book is not None:
                    self._news += book.take(scope, of_agency, self._held_from[topic])
            if topic == self._reading:
                self._held_from[topic] = self._begin

    def _book(self, agency_id: str) -> Book | None:
        book = self._books.get(agency_id)
        if book is None:
            agency = self._agencies.get(agency_id)
            if agency is None:
                return None
            book = self._books[agency_id] = Book(agency)
            if not self._loading:
                book.loaded()
            self._shown[agency_id], self._shown_grouped[agency_id] = {}, {}
        return book

    def _advance(self, book: Book, clock: Micros) -> Iterator[list[Send]]:
        """Move an agency's clock. A minute reached is kept as shown, an hour with its breakdowns."""
        before = book.clock
        book.advance(clock)
        if before is not None and clock // MINUTE == before // MINUTE:
            return
        self._figures.extend((series.encode(), None) for series in book.forget_periods())
        book.settle_periods()
        yield from self._show(book.figures(histogram=True), self._shown[book.agency.id], clock)
        if before is None or clock // HOUR != before // HOUR:
            yield from self._show(book.grouped(), self._shown_grouped[book.agency.id], clock)

    def _show(self, told: Iterable[list[Told]], changed: _Shown, clock: Micros) -> Iterator[list[Send]]:
        """Tell figures, and keep as shown at this instant them and what changed since the one before."""
        for some in told:
            shown: _Shown = {}
            self._tell_all(some, shown)
            for series in shown:
                changed.pop(series, None)
            self._keep(shown, clock)
            if len(self._figures) >= _AT_A_CLOCK:
                yield self._collect()
        self._keep(changed, clock)

    def tick(self) -> Iterator[list[Send]]:
        """The breakdowns and units that changed, what was left behind, and how this partition does.

        In parts that are made when they are asked for, so that batches need not wait for all of them.
        """
        if self._loading:
            self.loaded()
        self._take_held()
        for agency_id, book in list(self._books.items()):  # a batch in between may bring another agency
            if book.clock is None:
                continue
            book.settle_periods()
            for told in book.figures():
                self._tell_all(told, self._shown[agency_id])
            for told in book.grouped():
                self._tell_all(told, self._shown_grouped[agency_id])
                if len(self._figures) >= _PART:
                    yield self._collect()
            units = [
                (_unit_key(agency_id, unit), None if record is None else records.encode(record))
                for unit, record in book.unit_records()
            ]
            if units:
                yield [Send(self._layout.units, self._partition, units)]
        for _ in self._shelf.tick():
            yield self._collect()
        self._sweep()
        yield [*self._collect(), self._health()]

    def _sweep(self) -> None:
        """Take away series of an earlier life that are no longer held, once their agency's clock is known."""
        if self._swept or not self._left_behind:
            return
        every = self._every()
        waiting = {book.agency.id for book in every if book.clock is None}
        standing = {series.encode() for book in every for series in book.standing()}
        for series in sorted(self._left_behind - standing):
            if _agency_of(series) not in waiting:
                self._figures.append((series, None))
        self._left_behind = {series for series in self._left_behind if _agency_of(series) in waiting}
        self._swept = not self._left_behind

    def _every(self) -> list[Book | Diversion]:
        return [*self._books.values(), *self._shelf.books()]

    # Sends

    def _tell_all(self, told: list[Told], shown: _Shown) -> None:
        """Send figures that changed, and remember each as what would be shown at the next minute or hour."""
        self._figures.extend([(series, value) for series, value, _ in told])
        shown.update([(series, value) for series, _, value in told])

    def _keep(self, shown: _Shown, clock: Micros) -> None:
        """Write what is shown now to the history; an emptied figure has n = 0 there.

        Its ``as_of`` is the instant reached: a figure told a while ago, as of the clock before, was not shown
        at that one.
        """
        as_of = b'"as_of":%d,' % clock
        self._history.extend(
            (key, value if as_of in value else _AS_OF.sub(as_of, value, count=1))
            for key, value in shown.items()
        )
        shown.clear()

    def _collect(self) -> list[Send]:
        sends = []
        self._shelf.hand_over(self._figures, self._history)
        for topic, pairs in ((self._layout.figures, self._figures), (self._layout.history, self._history)):
            if pairs:
                self._out += len(pairs)
                sends.append(Send(topic, self._partition, pairs))
        self._figures, self._history = [], []
        return sends

    def _health(self) -> Send:
        books, every, shelf = self._books, self._every(), self._shelf
        health = records.HealthRecord(
            stage="agency",
            partition=self._partition,
            worker=self._layout.worker,
            positions=dict(self._positions),
            arrived=self._read + shelf.read,
            joined=self._news + shelf.news,
            clock_records=self._clock_records + shelf.clocks,
            rejected_labels=sum(book.rejected_labels for book in every),
            records_out=self._out,
            clocks={a: book.clock for a, book in books.items() if book.clock is not None},
            held=sum(book.held for book in every),
            last_event_ms=self._last_event_ms,
            needed_from=self._needed_from(),
            needed_by=needed_by(self._agencies),
        )
        partition, key = place_of_health(self._partition, self._layout.result_partitions)
        return Send(self._layout.health, partition, [(key, records.encode(health))])

    def _needed_from(self) -> dict[str, int]:
        """By topic, from where on whoever starts anew needs it; found when all clocks reach another hour.

        An older answer is true as well: what is needed only moves on. It is as of the hour before, for stage
        one's results are read before they are committed: once its clocks are an hour on, they are.
        """
        books, layout = self._books.values(), self._layout
        hour = min(
            (book.clock // HOUR for book in self._every() if book.clock is not None), default=BEFORE_ALL
        )
        if hour > self._needed_hour or not self._needed:
            self._needed_hour = hour
            found = {layout.encounters: [n] if (n := self._shelf.needed_from()) is not None else []}
            for topic, scope in self._scopes.items():
                found[topic] = [n for book in books if (n := book.needed_from(topic, scope)) is not None]
                if self._held[topic]:
                    found[topic].append(self._held_from[topic])
            for topic, first in found.items():
                if topic in self._positions:
                    self._needed[topic] = min([*first, self._positions[topic]])
        return self._needed


def needed_by(agencies: Iterable[str]) -> str:
    """Who needs of the result topics what ``HealthRecord.needed_from`` says: these agencies, kept so long."""
    known = ",".join(map(keys.part, sorted(agencies)))
    return f"{KEPT // DAY}/{DIVERSION_KEPT // DAY}/{hashlib.sha256(known.encode()).hexdigest()[:16]}"


def needed_from(value: bytes, agencies: Iterable[str]) -> dict[str, int]:
    """Topic to where reading may begin, as the last owner's health says; empty where it is another's."""
    try:
        health = msgspec.json.decode(value, type=HealthRecord)
    except msgspec.MsgspecError:
        return {}
    return health.needed_from if health.needed_by == needed_by(agencies) else {}


def place_of_health(partition: int, result_partitions: int) -> tuple[int, bytes]:
    """Partition and key of this stage's health."""
    key = f"agency/{partition}"
    return keys.partition_of(key, result_partitions), key.encode()


def _unit_key(agency_id: str, unit: str) -> bytes:
    return f"{keys.part(agency_id)}/{keys.part(unit)}".encode()


def _agency_of(series: bytes) -> str:
    """Whose figure it is; nobody's where the key is none of ours."""
    try:
        return series_parts(series.decode())[0]
    except ValueError:
        return ""
