"""The book of diversion tells what changed and nothing else: what is told in between adds up to the whole."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import DiversionRecord, EncounterRecord, encode
from schemas.times import HOUR, Micros
from streams.agency.diversion.book import Diversion
from streams.agency.diversion.shelf import as_known
from tests.core.effort import examples
from tests.sinks.diverting import AS_OF, TOWN, VISIT, call

CALLS = st.fixed_dictionaries(
    {
        "call_at": st.integers(-200, 300).map(lambda hours: AS_OF + hours * HOUR),
        "place": st.sampled_from(["court", "court", "corner", ""]),
        "area": st.sampled_from(["north", "south"]),
        "state": st.sampled_from(["open", "ended", "ended", "void"]),
        "outcome": st.sampled_from(["resolved", "refused", "resolved", ""]),
        "arrival_s": st.sampled_from([-1, 60, 900]),
        "associated": st.sampled_from([True, True, True, False]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 6), CALLS),
        st.tuples(st.just("advance"), st.integers(0, 60), st.just({})),
        st.tuples(st.just("tell"), st.integers(0, 1), st.just({})),
    ),
    min_size=6,
    max_size=30,
)
Step = tuple[str, int, dict[str, Any]]


class Reader:
    """What somebody knows who reads all that is told."""

    def __init__(self, book: Diversion) -> None:
        self.book = book
        self.known: dict[str, DiversionRecord] = {}

    def read(self, *, grouped: bool) -> int:
        """Ask for what changed; returns how much that was."""
        told = list(self.book.figures(grouped=grouped))
        for series, figure, gone in told:
            if gone:
                del self.known[series]
            else:
                self.known[series] = figure
        return len(told)


def plain(figure: DiversionRecord) -> bytes:
    """Without when it was told."""
    figure.as_of = 0
    return encode(figure)


@examples(100)
@given(steps=STEPS)
def test_what_is_told_in_between_adds_up_to_the_whole(steps: list[Step]) -> None:
    """Revised, moved, emptied and rolled on in any order: as if all had been counted once, at the end."""
    book, latest = Diversion(TOWN), dict[str, EncounterRecord]()
    clock: Micros = AS_OF
    book.advance(clock)
    reader = Reader(book)
    for number, (what, n, said) in enumerate(steps, 1):
        if what == "take":
            key, record = call(n, **{**VISIT, **said, "revision": (number, 0)})
            latest[key] = record
            book.take(key, record)
        elif what == "advance":
            clock += n * HOUR
            book.advance(clock)
        else:
            reader.read(grouped=bool(n))
    clock = max(clock, AS_OF + 300 * HOUR)  # as known for an instant is of calls up to it
    book.advance(clock)
    reader.read(grouped=True)

    whole = {figure.series: plain(figure) for figure in as_known(TOWN, latest.items(), clock)}
    assert {series: plain(figure) for series, figure in reader.known.items()} == whole
    assert book.standing() == whole.keys()
    assert reader.read(grouped=True) == 0


def test_only_who_is_within_thirty_days_after_is_written_anew() -> None:
    """A place with a thousand calls costs a new one nothing; one that was helped, those after it alone."""
    book = Diversion(TOWN)
    for n in range(1, 1001):
        book.take(*call(n, **{**VISIT, "place": "court", "outcome": "refused"}))
    before = book._columns.writes
    book.take(*call(1001, **{**VISIT, "place": "court", "outcome": "refused"}))
    alone = book._columns.writes - before
    # Call n came n minutes before AS_OF - HOUR: nine came after the tenth.
    book.take(*call(10, **{**VISIT, "place": "court", "outcome": "resolved", "revision": (2000, 0)}))

    assert alone == 1
    assert book._columns.writes - before - alone == 1 + 9
