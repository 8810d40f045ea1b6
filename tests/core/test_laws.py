"""A result is a function of the set of events.

Order, duplicates, partitions, batches and crashes make no difference.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY, HOUR, MINUTE
from streams.incidents import packing
from streams.incidents.packing import pack_package, unpack_package
from streams.incidents.state import Facts, Incident
from tests.core.driver import Floor, Plan, clock, comparable_figure, town
from tests.core.effort import examples
from tests.core.invented import INCIDENTS, dealt, plans, stories, tame_times
from tests.core.saying import CALL, call, correct, merge, unit, whole

Events = list[dict[str, Any]]


def with_clocks(events: Events, final: int, shares: list[int]) -> Events:
    """The events with clocks among them, that never pass the final one."""
    clocks = [clock(final - share) for share in sorted(shares, reverse=True)]
    step = max(1, len(events) // (len(clocks) + 1))
    said: Events = []
    for number, event in enumerate(events):
        said.append(event)
        if number % step == step - 1 and clocks:
            said.append(clocks.pop(0))
    return [*said, *clocks, clock(final)]


@examples(18)
@given(data=st.data(), events=stories(when=tame_times, said_max=14), plan=plans)
def test_any_order_any_plan_the_same_records_and_figures(
    data: st.DataObject, events: Events, plan: Plan
) -> None:
    """Dealt out in order and anyhow: disorder, duplicates, clocks between, partitions, crashes.

    The final records and figures are the same byte for byte.
    """
    final = CALL + data.draw(st.sampled_from((HOUR, DAY + HOUR, 3 * DAY, 20 * DAY)))
    plain = Floor(town(measure_als=True)).run([*events, clock(final)])
    shares = data.draw(st.lists(st.integers(1, 3 * DAY), max_size=4))

    anyhow = Floor(town(measure_als=True), plan).run(with_clocks(data.draw(dealt(events)), final, shares))

    assert plain.comparable_records() == anyhow.comparable_records()
    assert plain.comparable_figures() == anyhow.comparable_figures()
    assert plain.dead() == anyhow.dead() == []


@examples(15)
@given(data=st.data(), events=stories(said_max=14), plan=plans)
def test_wild_times_change_nothing_of_that(data: st.DataObject, events: Events, plan: Plan) -> None:
    """The same with times that are days and centuries off; clocks come last, so that nothing is too late."""
    final = CALL + data.draw(st.sampled_from((HOUR, 3 * DAY, 39 * DAY)))
    plain = Floor(town()).run([*events, clock(final)])

    anyhow = Floor(town(), plan).run([*data.draw(dealt(events)), clock(final)])

    assert plain.comparable_records() == anyhow.comparable_records()
    assert plain.comparable_figures() == anyhow.comparable_figures()


@examples(8)
@given(data=st.data(), events=stories(when=tame_times, said_max=10))
def test_a_stage_that_starts_anew_says_the_same_again(data: st.DataObject, events: Events) -> None:
    """Both stages started anew at the end, from a compacted log.

    States, records and figures are what they were.
    """
    floor = Floor(town(), Plan(compacted=True, sizes=(9,))).run([*events, clock(CALL + 3 * DAY)])
    before = floor.comparable_figures()
    floor.restart_one(0)
    floor.restart_two()

    floor.run([events[data.draw(st.integers(0, len(events) - 1))], clock(CALL + 3 * DAY + MINUTE)])

    plain = Floor(town()).run([*events, clock(CALL + 3 * DAY + MINUTE)])
    assert before.keys() >= plain.comparable_figures().keys()
    assert plain.comparable_records() == floor.comparable_records()
    assert plain.comparable_figures() == floor.comparable_figures()


@examples(25)
@given(
    data=st.data(),
    merges=st.lists(st.tuples(st.sampled_from(INCIDENTS), st.sampled_from((*INCIDENTS, None)))),
    plan=plans,
)
def test_chains_and_cycles_of_merges_settle(
    data: st.DataObject, merges: list[tuple[str, str | None]], plan: Plan
) -> None:
    """Any sequence of merges and undone merges among four incidents.

    Absorbed states come to rest, on the same records.

    The rounds of the ping-pong are bounded by a small number for each thing said.
    """
    events = [event for number, incident in enumerate(INCIDENTS) for event in whole(incident, 60 * number)]
    events += [merge(who, into, 1_000 + number) for number, (who, into) in enumerate(merges)]
    plain = Floor(town())
    plain.rounds_max = 20
    plain.join([*events, clock(CALL + DAY)])
    floor = Floor(town(), plan)
    floor.rounds_max = 30 * len(events)
    floor.join([*data.draw(dealt(events)), clock(CALL + DAY)])

    assert plain.comparable_records() == floor.comparable_records()


def test_a_burst_or_one_by_one_is_the_same_however_long_a_merged_incident_goes_on() -> None:
    """A merged incident that is spoken of a thousand times sends its state each time.

    Its host does not fill up.

    One by one or in one batch: all of it is joined, nothing is too large.
    """
    events = [*whole("B"), *call("A"), merge("A", "B", 50)]
    events += [
        correct("E7", "dispatch", recorded=100 + n, was=n, time=n + 1, incident="A") for n in range(700)
    ]
    events += [*unit("E9", 800, 900, 1_000, 1_100, incident="B"), clock(CALL + DAY)]

    burst = Floor(town(), Plan()).run(events)
    singly = Floor(town(), Plan(sizes=(1,))).run(events)

    assert burst.dead() == singly.dead() == []
    assert burst.comparable_records() == singly.comparable_records()


@examples(40)
@given(data=st.data(), events=stories(incidents_max=1, said_max=16))
def test_the_same_facts_are_the_same_bytes(data: st.DataObject, events: Events) -> None:
    """Whatever the order and duplicates they were joined in: what a merged incident sends is equal text.

    It is also read back as what it was, so that nothing is sent twice, and cycles of merges come to rest.
    """
    merged = [*events, merge("A", "B", 5_000_000)]
    sent = []
    for said in (merged, [*data.draw(dealt(events)), merged[-1]]):
        floor = Floor(town()).join(said)
        sent.append([json.loads(k.value or b"") for k in floor.log("incident.events", 0).kept][-1]["state"])

    assert sent[0] == sent[1]
    assert pack_package(unpack_package(sent[0])) == sent[0]


SENT_BY_FORMAT_2 = (
    "gaFTkpGhU5mCoIGrY2FsbF9jcmVhdGWRks8ABUTvunpBAM8ABUTvunpBAKJFMYGoZGlzcGF0Y2iSks8ABUTvvh0KQM8ABUTvvixMgJLP"
    "AAVE78QS60DPAAVE78QiLYCBokUxgahkaXNwYXRjaIHPAAVE774dCkCTzwAFRO/GZgMAoXnPAAVE7761oMCBokUxkZTPAAVE774dCkDP"
    "AAVE774dCkCheIGlY2xhc3OkRklSRYCAzwAFRO/GZgMAzwAFRO/GZgMAwsI="
)
"""What a merged incident sent before the changelog's format 3: the log keeps it, and a rebuild reads it."""


def test_what_a_merged_incident_ever_sent_is_still_read() -> None:
    """The presses of it, and that a worker of today would send the same text."""
    package = unpack_package(SENT_BY_FORMAT_2)

    path, facts = package["S"]
    assert path == ["S"]
    assert facts.presses == {
        "": {"call_create": (1483171300000000, 1483171300000000)},
        "E1": {"dispatch": (1483171361000000, 1483171362000000, 1483171461000000, 1483171462000000)},
    }
    assert facts.corrections["E1"]["dispatch"] == {
        1483171361000000: (1483171500000000, "y", 1483171371000000)
    }
    assert pack_package(package) == SENT_BY_FORMAT_2


def test_a_merge_that_was_seen_and_lost_leaves_nothing_behind() -> None:
    """A batch that merged A into B was aborted, and its absorbed state read all the same.

    Sources are read uncommitted.

    Worked out anew, merge and undoing fall into one batch. B must not keep what it saw.
    """
    events = [*whole("A"), *whole("B", 60)]
    undone = [merge("A", "B", 100), merge("A", None, 200)]
    floor = Floor(town(), Plan(sizes=(1,), crash_after=frozenset({len(events)})))
    floor.run([*events, undone[0]])
    floor.plan = Plan()
    calm = Floor(town()).run([*events, *undone, clock(CALL + DAY)])

    lost = Floor(town(), Plan(sizes=(len(events) + 1, 1_000), crash_after=frozenset({0})))
    lost.run([*events, *undone, clock(CALL + DAY)])

    assert lost.incident("B").absorbed == []
    assert calm.comparable_records() == lost.comparable_records()


def test_a_correction_of_a_merged_incident_reaches_its_host() -> None:
    """Corrections travel with the absorbed state.

    What was corrected in A before or after the merge counts in B.
    """
    events = [*call("B"), *whole("A"), merge("A", "B", 100)]
    floor = Floor(town(), Plan(partitions=4)).run(events)
    assert floor.response("B", "E1").intervals["turnout"].value == 60

    floor.run([correct("E1", "enroute_to_scene", recorded=2_000, time=150, incident="A"), clock(CALL + DAY)])

    assert floor.response("B", "E1").intervals["turnout"].value == 110


def test_a_figure_is_told_again_only_when_it_changes() -> None:
    """A second tick says nothing new of figures: only what changed is written."""
    floor = Floor(town()).run([*whole(), clock(CALL + HOUR)])
    before = [comparable_figure(figure) for figure in floor.figures().values()]
    written = len(floor.committed("figures.g1"))
    floor.tick_two()

    assert len(floor.committed("figures.g1")) == written
    assert before == [comparable_figure(figure) for figure in floor.figures().values()]


def test_every_field_of_a_state_has_its_place_in_the_changelog() -> None:
    """Goal: a field that is added to a state and not to its bytes would be lost at the next recovery.

    Method: the names of both, the state's as its class says them, compiled or not.
    """

    def fields(of: type) -> set[str]:
        return {name for name in dir(of) if name[0] != "_" and not callable(getattr(of, name))}

    assert set(packing._Facts.__struct_fields__) == fields(Facts)
    assert set(packing._Incident.__struct_fields__) == fields(Incident)
