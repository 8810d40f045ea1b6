"""The diversion figures of all agencies of one partition of stage two: records in, pairs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from schemas import records
from schemas.agency import Agency
from schemas.records import ClockRecord, DiversionRecord, EncounterRecord
from schemas.times import HOUR, MINUTE, Micros
from streams.agency.diversion.book import Diversion, Told
from streams.agency.reading import NO_INCIDENT, newer, unreadable
from streams.stage import Pair

_HELD_MAX = 20_000
"""Encounters held undecoded at a time while recovery reads."""


class Shelf:
    """Books of diversion by agency.

    Attributes:
        read, news, clocks: encounters read, those that were news, clock records.
    """

    def __init__(self, agencies: dict[str, Agency], topic: str) -> None:
        self._agencies = agencies
        self._topic = topic
        self._books: dict[str, Diversion] = {}
        self._held: dict[bytes, bytes] = {}
        self._at = self._held_from = 0
        self._figures: list[Pair] = []
        self._history: list[Pair] = []
        self.read = self.news = self.clocks = 0
        # What changed since the last minute (breakdowns: hour) that was kept as shown, by agency and series.
        self._shown: dict[str, dict[str, DiversionRecord]] = {}

    def reads(self, offset: int) -> None:
        """What is given next stands at this offset of its topic, or after it."""
        self._at = offset
        if not self._held:
            self._held_from = offset

    def needed_from(self) -> int | None:
        """The first offset at which something stands that is held; None where nothing is."""
        found = [n for book in self._books.values() if (n := book.needed_from()) is not None]
        return min([*found, *([self._held_from] if self._held else [])], default=None)

    def hold(self, topic: str, key: bytes, value: bytes | None, *, telling: bool) -> None:
        """Keep an encounter as it is, of each key the highest revision, until a clock or the telling asks.

        Args:
            topic: of encounters, its full name.
            key: the record's.
            value: an encounter, or a clock of stage one.
            telling: whether what follows is told; not while recovery reads.
        """
        if value is None or (NO_INCIDENT in key and self._clock(key, value, telling=telling)):
            return
        self.read += 1
        before = self._held.get(key)
        if before is not None:
            try:
                if not newer(value, before):
                    return
            except msgspec.MsgspecError as exc:
                raise unreadable(topic, key, exc) from exc
            self.news += 1
        self._held[key] = value
        if len(self._held) >= _HELD_MAX:
            self.take_held()

    def _clock(self, key: bytes, value: bytes, *, telling: bool) -> bool:
        """Take a clock, if it is one. What was read before it is joined before it moves anything."""
        record = self._decoded(key, value)
        if not isinstance(record, ClockRecord):
            return False
        book = self._book(record.agency_id)
        if book is not None:
            self.clocks += 1
            clock = book.tell(record.source_partition, record.source_partitions, record.time, self._at)
            if clock is not None:
                if telling:
                    self.take_held()
                self._advance(book, clock, telling=telling)
        return True

    def _decoded(self, key: bytes, value: bytes) -> EncounterRecord | ClockRecord:
        try:
            record = records.decode_result(value)
        except msgspec.MsgspecError as exc:
            raise unreadable(self._topic, key, exc) from exc
        assert isinstance(record, EncounterRecord | ClockRecord), "another stage writes to this topic"
        return record

    def take_held(self) -> None:
        """Decode what is held and give it to its agencies' books."""
        held, self._held = self._held, {}
        for key, value in held.items():
            record = self._decoded(key, value)
            assert isinstance(record, EncounterRecord)
            book = self._book(record.agency_id)
            if book is not None:
                self.news += book.take(key.decode(), record, self._held_from)
        self._held_from = self._at

    def _book(self, agency_id: str) -> Diversion | None:
        book = self._books.get(agency_id)
        if book is None:
            agency = self._agencies.get(agency_id)
            if agency is None:
                return None
            book = self._books[agency_id] = Diversion(agency)
            self._shown[agency_id] = {}
        return book

    def _advance(self, book: Diversion, clock: Micros, *, telling: bool) -> None:
        """Move a clock. A minute reached is kept as shown, an hour with its breakdowns."""
        before = book.clock
        gone = book.advance(clock)
        if not telling:
            return
        self._figures.extend((series.encode(), None) for series in gone)
        if before is not None and clock // MINUTE == before // MINUTE:
            return
        hour = before is None or clock // HOUR != before // HOUR
        self._tell(book, book.figures(grouped=hour))
        shown = self._shown[book.agency.id]
        for series, figure in [(s, f) for s, f in shown.items() if hour or f.by == "all"]:
            figure.as_of = clock
            self._history.append((series.encode(), records.encode(figure)))
            del shown[series]

    def tell_whole(self) -> None:
        """The whole, as batches changed it."""
        for book in self._books.values():
            self._tell(book, book.figures(grouped=False))

    def tick(self) -> Iterator[None]:
        """The whole and the breakdowns that changed: a window at a time, and it is asked for the next.

        In between batches may come; what they change is told by the window's turn, or by the next tick.
        """
        for book in list(self._books.values()):
            for window in book.windows():
                if self._tell(book, book.of(window, grouped=True)):
                    yield

    def _tell(self, book: Diversion, told: Iterable[Told]) -> int:
        shown, before = self._shown[book.agency.id], len(self._figures)
        for series, figure, gone in told:
            self._figures.append((series.encode(), None if gone else records.encode(figure)))
            shown[series] = figure
        return len(self._figures) - before

    def hand_over(self, figures: list[Pair], history: list[Pair]) -> None:
        """Put what waits to be sent behind what is there."""
        figures += self._figures
        history += self._history
        self._figures, self._history = [], []

    def books(self) -> list[Diversion]:
        """The books, by agency."""
        return list(self._books.values())


def as_known(
    agency: Agency, known: Iterable[tuple[str, EncounterRecord]], as_of: Micros
) -> list[DiversionRecord]:
    """Every diversion figure of an agency as known now for an instant: calls up to it, as they are now.

    Args:
        agency: its file.
        known: key and encounter, of each key the highest revision.
        as_of: the instant.
    """
    book = Diversion(agency)
    for key, record in known:
        if record.call_at <= as_of:
            book.take(key, record)
    book.clock = as_of
    return [figure for _, figure, gone in book.figures(grouped=True) if not gone]
