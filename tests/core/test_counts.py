"""Nothing is lost silently.

What arrived was joined or dead-lettered, and every interval counts whatever is in scope.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.definitions import EDITION
from schemas.records import ResponseRecord
from schemas.times import DAY, MINUTE
from tests.core import naive
from tests.core.driver import Floor, Plan, Record, clock, town
from tests.core.effort import examples
from tests.core.invented import dealt, plans, stories, tame_times
from tests.core.sanfrancisco import NEW_YEAR, sffd, slice_of
from tests.core.saying import CALL

HOUR = 60 * MINUTE


def counted(floor: Floor) -> None:
    """The law of arrivals, in every partition.

    Read = joined + dead-lettered, clocks and absorbed states apart.
    """
    for partition in range(floor.plan.partitions):
        health = floor.health(partition)
        kept = floor.log("incident.events", partition).kept
        dead = [k for k in floor.log("dead.letters", partition).kept if k.committed]

        assert health.arrived == health.joined + sum(health.dead.values())
        assert len(kept) == health.arrived + health.clock_records + health.absorbed
        assert len(dead) == sum(health.dead.values())
        assert health.positions == {"incident.events": floor.log("incident.events", partition).end}


def in_scope(floor: Floor, agency_id: str) -> None:
    """The law of figures: n + excluded + open + merged = all in scope, for each interval, over modes.

    Over all calendar months together, which hold everything that has a call time, and over the widest window.
    """
    records = [record for record in floor.records().values() if record.in_scope]
    responses = [record for record in records if isinstance(record, ResponseRecord)]
    scopes: dict[str, list[Record]] = {
        "response": [*responses],
        "incident": [record for record in records if not isinstance(record, ResponseRecord)],
    }
    figures = floor.figures().values()
    agency = floor.agencies[agency_id]
    for interval in EDITION.interval:
        if interval.id == "travel_als" and not agency.rules[0].measure_als:
            continue
        mine = [
            f for f in figures if f.interval == interval.id and f.by == "all" and f.window.startswith("month")
        ]
        total = sum(figure.n + sum(figure.excluded.values()) + figure.open + figure.merged for figure in mine)

        assert total == sum(record.call_at != 0 for record in scopes[interval.scope])


@examples(8)
@given(
    data=st.data(),
    events=stories(when=tame_times, said_max=12),
    junk=st.lists(st.binary(max_size=20), max_size=6),
    plan=plans,
)
def test_counts_add_up_after_every_batch(
    data: st.DataObject, events: list[dict[str, Any]], junk: list[bytes], plan: Plan
) -> None:
    """Invented incidents, junk among them, crashes and restarts.

    After each batch nothing is missing from the counts.
    """
    floor = Floor(town(measure_als=True), plan)
    for number, event in enumerate(data.draw(dealt(events))):
        floor.send([event])
        if number < len(junk):
            floor.put(junk[number], f"town/{number}")
        if number % 7 == 6:
            floor.send([clock(CALL + number * MINUTE)])
            floor.run_one()
            counted(floor)
    floor.run([clock(CALL + DAY)])

    counted(floor)
    in_scope(floor, "town")
    in_all_breakdowns(floor)


def in_all_breakdowns(floor: Floor) -> None:
    """Every breakdown of a window holds what the whole holds."""
    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    for figure in floor.figures().values():
        held = sums.setdefault((figure.interval, figure.mode, figure.window), {})
        count = figure.n + sum(figure.excluded.values()) + figure.open + figure.merged
        held[figure.by] = held.get(figure.by, 0) + count
    for held in sums.values():
        assert set(held) == set(naive.BREAKDOWNS)
        assert len(set(held.values())) == 1


def test_counts_add_up_at_every_minute_of_a_night() -> None:
    """An hour of New Year's night, minute by minute: both laws hold whenever the clock is looked at."""
    floor = Floor(sffd(), Plan(partitions=2, sizes=(97,)))
    said = slice_of(NEW_YEAR, NEW_YEAR + 25 * MINUTE, MINUTE)
    begin = 0
    for number, event in enumerate(said):
        if event["kind"] == "clock":
            floor.run(said[begin : number + 1])
            begin = number + 1
            counted(floor)
            in_scope(floor, "sffd")
    in_all_breakdowns(floor)
