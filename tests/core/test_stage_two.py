"""What stage two holds, and that how it came to hold it makes no difference."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import IncidentRecord, ResponseRecord
from schemas.times import DAY, HOUR, MINUTE
from streams.agency import book, partition
from streams.agency.book import Book
from streams.agency.due import Due
from streams.agency.histograms import Histograms
from streams.agency.partition import Partition
from streams.agency.reading import IncidentRead, ResponseRead, newer
from streams.stage import Pair, Send
from tests.core.driver import (
    EVENTS,
    FIGURES,
    HEALTH,
    HISTORY,
    INCIDENTS,
    RESPONSES,
    Floor,
    Plan,
    Town,
    clock,
    town,
)
from tests.core.effort import examples
from tests.core.invented import stories, tame_times
from tests.core.naive import _nearest_rank
from tests.core.saying import CALL, at, correct, press, whole


def book_of(floor: Floor) -> Book:
    """The one agency's book."""
    logic = floor.two[0]
    assert isinstance(logic, Partition)
    return logic._books["town"]


def test_a_record_is_read_as_it_is_written() -> None:
    """The fields that stage two reads have the names and defaults of the records on the topics.

    But for the two that it decodes itself, later.
    """
    for whole_record, read in ((ResponseRecord, ResponseRead), (IncidentRecord, IncidentRead)):
        fields = {f.name: f for f in msgspec.structs.fields(whole_record)}
        for field in msgspec.structs.fields(read):
            there = fields[field.name]
            if field.name not in ("place", "milestones"):
                assert (there.type, there.default, there.required) == (
                    field.type,
                    field.default,
                    field.required,
                )


def test_of_two_values_of_a_key_the_higher_revision_is_newer() -> None:
    """By offset, then by the instant a rule closed it; an equal one is not newer."""
    values = [
        b'{"record":"response","revision":[%d,%d],"state":"open"}' % r for r in ((7, 0), (7, 5), (8, 0))
    ]

    assert [[newer(a, b) for b in values] for a in values] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


@examples(15)
@given(data=st.data(), events=stories(when=tame_times, said_max=16))
def test_recovery_says_what_one_by_one_says(data: st.DataObject, events: list[dict[str, Any]]) -> None:
    """What was summed all at once at the end of a recovery is what was summed record by record.

    The same series and bytes; nothing is told anew that was told, and everything moves on alike.
    """
    plan = Plan(sizes=(data.draw(st.sampled_from((1, 4, 50))),))
    said = [*events, clock(CALL + data.draw(st.sampled_from((0, HOUR, 3 * DAY, 40 * DAY))))]
    floor, never_restarted = Floor(town(), plan).run(said), Floor(town(), plan).run(said)
    floor.restart_two()
    assert book_of(floor).held == book_of(never_restarted).held
    floor.run([])
    assert floor.comparable_figures() == never_restarted.comparable_figures()
    assert floor.units() == never_restarted.units()

    for later in (41 * DAY, 64 * DAY, 110 * DAY):
        for each in (floor, never_restarted):
            each.run([clock(CALL + later + MINUTE)])
        floor.restart_two()  # from where its health says
        floor.run([])
        assert book_of(floor).held == book_of(never_restarted).held
        assert floor.comparable_figures() == never_restarted.comparable_figures()
        units, never = floor.units(), never_restarted.units()
        for unit in (*units.values(), *never.values()):
            unit.as_of = 0  # a new life says of all units what they do
        assert units == never


@examples(15)
@given(data=st.data(), events=stories(when=tame_times, said_max=16))
def test_one_by_one_is_settled_as_many_at_once(data: st.DataObject, events: list[dict[str, Any]]) -> None:
    """Sums, histograms and columns are the same whichever way records are settled, and so is what is told."""
    later = data.draw(st.sampled_from((0, HOUR, 3 * DAY, 40 * DAY)))
    size = data.draw(st.sampled_from((1, 4, 50)))
    floors = []
    for few in (0, 1_000):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(book, "_FEW", few)
            floor = Floor(town(), Plan(sizes=(size,)))
            states = []
            for each in ([*events], [clock(CALL + later)], [clock(CALL + later + 100 * DAY)]):
                floor.run(each)
                held = book_of(floor)
                slabs = [columns.held for columns in held._columns.values()]
                used = [columns.used for columns in held._columns.values()]
                states.append(
                    (
                        [c[..., :n].tolist() for slab, n in zip(slabs, used, strict=True) for c in slab],
                        {at: row.tolist() for at, row in enumerate(held._running._sums) if row.any()},
                        len(held._running._leaving),
                        held._unfinished.tolist(),
                        floor.comparable_figures(),
                    )
                )
            floors.append(states)
    assert floors[0] == floors[1]


@examples(15)
@given(data=st.data())
def test_a_corrected_response_leaves_no_trace_in_what_is_held(data: st.DataObject) -> None:
    """A response that was corrected to and fro is held as one that was said right at once.

    Sums, histograms, columns and breakdowns: every figure has the same bytes, told by either.
    """
    times = data.draw(st.lists(st.integers(110, 700), min_size=1, max_size=5))
    final = data.draw(st.integers(110, 700))
    corrections = [
        correct("E1", "enroute_to_scene", recorded=2_000 + n, time=time)
        for n, time in enumerate([*times, final])
    ]
    corrected = Floor(town(), Plan(sizes=(data.draw(st.integers(1, 4)),)))
    corrected.run([*whole("B"), *whole("A"), clock(at(900))])
    for each in corrections:
        corrected.run([each])
    corrected.run([clock(at(4_000))])
    plainly = Floor(town()).run([*whole("B"), *whole("A"), corrections[-1], clock(at(4_000))])

    assert corrected.comparable_figures() == plainly.comparable_figures()
    sums, plain = (book_of(floor)._running._sums for floor in (corrected, plainly))
    assert sums[sums.any(axis=1)].tolist() == plain[plain.any(axis=1)].tolist()


def test_what_is_forgotten_gives_its_memory_back() -> None:
    """Ten months, an incident a day: once records go, their rows, sums and buckets are used again."""
    floor = Floor(town(), Plan(sizes=(500,)))
    sizes = []
    for day in range(0, 300, 10):
        said = [e for n in range(day, day + 10) for e in whole(f"I{n}", n * 86_400)]
        floor.run([*said, clock(at((day + 10) * 86_400))])
        book = book_of(floor)
        rows = sum(columns.used for columns in book._columns.values())
        sizes.append((book.held, rows, len(book._windows), len(book._running._leaving), book.nbytes))

    settled = sizes[13]
    assert max(size[0] for size in sizes) <= 2 * 73
    assert all(now <= 1.05 * then for size in sizes[14:] for now, then in zip(size, settled, strict=True))
    assert sizes[-1][0] > 2 * 50


def test_who_starts_anew_reads_from_where_something_is_still_held() -> None:
    """Ten months: the last quarter of the results is enough, and says what all of them say."""
    floor = Floor(town(), Plan(sizes=(50,)))
    for day in range(0, 300, 5):
        said = [e for n in range(day, day + 5) for e in whole(f"I{n}", n * 86_400)]
        floor.run([*said, clock(at((day + 5) * 86_400))])
    needed = floor.needed_from(0)
    for topic in (RESPONSES, INCIDENTS):
        assert 0.6 * floor.log(topic, 0).end < needed[topic] < 0.85 * floor.log(topic, 0).end

    found = []
    for all_of_it in (False, True):
        floor.restart_two(whole=all_of_it)
        held = book_of(floor).held
        floor.run([])
        found.append((held, floor.comparable_figures(), floor.units()))
    assert found[0] == found[1]


def test_what_was_said_and_not_committed_does_not_hide_what_was() -> None:
    """Stage one says more of an incident and dies before the commit; stage two starts anew before it is back.

    What was committed before is needed, although stage two has read more; it is found in months to come, too.
    """
    floor = Floor(town(), Plan(sizes=(500,))).run([*whole("A"), clock(at(900))])
    floor.run([press("E9", "dispatch", 910, incident="B"), clock(at(1_000))])
    for _ in range(3):
        floor.run([])  # ticks
    floor.send([correct("E1", "enroute_to_scene", recorded=1_100, time=90)])
    floor.send([press("E9", "enroute_to_scene", 1_100, incident="B")])
    floor._keep(
        floor.one[0].apply(floor.log(EVENTS, 0).batch(EVENTS, 0, floor._read[0], 500)), committed=False
    )
    for topic in (RESPONSES, INCIDENTS):
        floor._step_two(topic, 0, 500)
    for _ in range(3):
        floor.tick_two(0)
    assert floor.needed_from(0)

    floor.restart_two()
    assert book_of(floor).held == 4
    floor.restart_one(0)
    floor.run([clock(at(1_200))])
    plainly = Floor(town(), Plan(sizes=(1,))).run(
        [
            *whole("A"),
            press("E9", "dispatch", 910, incident="B"),
            correct("E1", "enroute_to_scene", recorded=1_100, time=90),
            press("E9", "enroute_to_scene", 1_100, incident="B"),
            clock(at(1_200)),
        ]
    )
    assert floor.comparable_figures() == plainly.comparable_figures()


def test_who_needs_more_reads_all() -> None:
    """What the health says is for the same agencies alone; where it says nothing that fits, all is read."""
    floor = Floor(town(), Plan(sizes=(50,))).run([*whole("A"), clock(at(90 * 86_400))])
    *_, said = (kept.value for kept in floor.log(HEALTH, 0).kept if kept.key == b"agency/0")
    assert said is not None

    assert partition.needed_from(said, floor.agencies) == floor.needed_from(0) != {}
    assert partition.needed_from(said, [*floor.agencies, "gown"]) == {}
    for other in (b'{"record":"health","stage":"agency","partition":0}', b"{}", b"what?"):
        assert partition.needed_from(other, floor.agencies) == {}


def test_a_forgotten_response_makes_its_unit_available_and_then_unknown() -> None:
    """A unit whose response was never ended works until its record is forgotten; then it is taken away."""
    floor = Floor(town()).run([*whole("A"), press("E9", "dispatch", 10, incident="B"), clock(at(900))])
    assert floor.units()["town/E9"].status == "dispatch"
    assert floor.units()["town/E1"].status == "available"

    for day in range(1, 75):
        floor.run([clock(at(day * 86_400))])

    assert floor.units() == {}
    floor.restart_two()
    floor.run([])
    assert floor.units() == {}


@examples(60)
@given(data=st.data())
def test_histograms_are_exact(data: st.DataObject) -> None:
    """Values put and taken back at random: percentiles and bins are those of a plain list."""
    chance = random.Random(data.draw(st.integers(0, 10_000)))
    limit = chance.choice((100, 5_000, 90_000))
    plain: dict[int, list[int]] = {cell: [] for cell in range(5)}
    histograms = Histograms()
    for _ in range(chance.randint(1, 12)):
        added = [(chance.randrange(5), chance.randrange(limit)) for _ in range(chance.randint(0, 40))]
        gone = [(c, v) for c, held in plain.items() for v in held if chance.random() < 0.3]
        for pairs, sign in ((added, 1), (gone, -1)):
            cells, values = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
            histograms.add(cells, values, sign)
        for cell, value in added:
            plain[cell].append(value)
        for cell, value in gone:
            plain[cell].remove(value)
        if chance.random() < 0.2:
            histograms.drop(3, 5)
            plain[3], plain[4] = [], []

    cells, n = np.arange(5), np.array([len(plain[cell]) for cell in range(5)])
    assert histograms.percentiles(cells, n, (50, 90, 95)).tolist() == [
        [_nearest_rank(plain[cell], p) for p in (50, 90, 95)] for cell in range(5)
    ]
    assert [histograms.bins(cell) for cell in range(5)] == [
        {value: plain[cell].count(value) for value in sorted(set(plain[cell]))} for cell in range(5)
    ]


@pytest.mark.parametrize("last", [False, True])
def test_what_is_due_is_found_once(last: bool) -> None:
    """All entries that are due by an instant are found, none twice, none forgotten early."""
    due, chance = Due(100), random.Random(4)
    put = {entry: chance.randrange(-5_000, 5_000) for entry in range(400)}
    for _ in range(2):
        due.put(np.array(list(put.values())), np.array(list(put)))
    edge, found = -(1 << 62), set[int]()
    for upto in (-3_000, -2_999, 0, 4_999, 6_000):
        entries = due.between(edge, upto, last=last).tolist()
        assert len(entries) == len(set(entries))
        wanted = {entry for entry, instant in put.items() if edge < instant <= upto}
        assert wanted <= set(entries)
        found |= wanted
        edge = upto

    assert found == set(put)
    assert (len(due) == 0) == last


def test_a_tick_is_told_in_parts_and_a_batch_may_come_between() -> None:
    """A tick that is left in the middle loses nothing: the next one tells the rest, as of then."""
    floor = Floor(town(), Plan(sizes=(500,)))
    floor.send([*whole("A"), *whole("B", 60), clock(at(1_200))])
    floor.run_one()
    logic = floor.two[0]
    for topic in (INCIDENTS, RESPONSES):
        floor._step_two(topic, 0, 500)
    floor._keep(next(iter(logic.tick())))
    floor.run([correct("E1", "enroute_to_scene", recorded=1_300, time=90), clock(at(1_400))])

    plainly = Floor(town()).run(
        [
            *whole("A"),
            *whole("B", 60),
            correct("E1", "enroute_to_scene", recorded=1_300, time=90),
            clock(at(1_400)),
        ]
    )
    assert floor.comparable_figures() == plainly.comparable_figures()


def test_a_batch_between_two_parts_of_a_tick_may_bring_another_agency() -> None:
    """A tick goes over the agencies there are; one that comes meanwhile is told of at the next."""
    agencies = {**town(), "gown": Town().agency("gown")}
    floor = Floor(agencies, Plan(sizes=(500,)))
    floor.send([*whole("A"), clock(at(1_200))])
    floor.run_one()
    for topic in (INCIDENTS, RESPONSES):
        floor._step_two(topic, 0, 500)
    telling = iter(floor.two[0].tick())
    floor._keep(next(telling))
    other = [{**event, "agency_id": "gown"} for event in whole("B", 60)]
    floor.send([*other, clock(at(1_200), "gown")])
    floor.run_one()
    for topic in (INCIDENTS, RESPONSES):
        floor._step_two(topic, 0, 500)
    for part in telling:
        floor._keep(part)
    floor.run_two()

    plainly = Floor(agencies).run([*whole("A"), *other, clock(at(1_200)), clock(at(1_200), "gown")])
    assert floor.comparable_figures() == plainly.comparable_figures()
    assert {figure.agency_id for figure in floor.figures().values()} == {"town", "gown"}


def test_what_a_wide_step_of_the_clock_shows_is_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that steps over three weeks has all their days told, some at a time, and in the same order.

    What follows the clock in its batch waits for the last part, and is in none of the figures before.
    """

    def told(most: int) -> tuple[list[list[Send]], Floor]:
        monkeypatch.setattr(partition, "_AT_A_CLOCK", most)
        floor = Floor(town(), Plan(sizes=(5_000,)))
        days = [whole(f"D{day}", day * 86_400, turnout=60 + day) for day in range(20)]
        floor.send([*(event for day in days for event in day), clock(at(20 * 86_400))])
        floor.send(whole("LATER", 20 * 86_400 + 60))
        floor.run_one()
        floor._step_two(RESPONSES, 0, 5_000)
        batch = floor.log(INCIDENTS, 0).batch(INCIDENTS, 0, 0, 5_000)
        parts = [floor.two[0].apply(batch)]
        while rest := list(floor.two[0].rest()):
            parts.append(rest)
        parts.append(list(floor.two[0].told()))
        return parts, floor

    def pairs(parts: list[list[Send]], topic: str) -> list[Pair]:
        return [pair for part in parts for send in part if send.topic == topic for pair in send.pairs]

    (in_parts, floor), (at_once, other) = told(50), told(1 << 30)

    assert len(in_parts) > 10
    assert [len(part) > 0 for part in in_parts] == [True] * len(in_parts)
    assert max(len(pairs([part], FIGURES)) for part in in_parts[:-1]) < 150
    assert len(at_once) == 2, "a part that is empty, and what was told"
    for topic in (FIGURES, HISTORY):
        assert pairs(in_parts, topic) == pairs(at_once, topic)
    shown = [value for _, value in pairs(in_parts, HISTORY)]
    assert shown
    assert not any(b'"window":"day:2025-01-21"' in (value or b"") for value in shown)
    assert book_of(floor).held == book_of(other).held
