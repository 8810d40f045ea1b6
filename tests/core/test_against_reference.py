"""The product and the reference program, written apart from each other, agree on every invented incident."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY, HOUR, SECOND
from tests.core.against import differences
from tests.core.driver import Floor, Plan, clock, town
from tests.core.effort import examples
from tests.core.invented import by_incident, dealt, plans, stories
from tests.core.saying import CALL
from tests.reference import join

clocks = st.sampled_from((HOUR, DAY - SECOND, DAY, DAY + HOUR, 3 * DAY, 30 * DAY)).map(
    lambda after: CALL + after
)

agencies = st.builds(
    join.Settings,
    staging_is_arrival=st.booleans(),
    als=st.booleans(),
    too_long_seconds=st.sampled_from((86_400, 86_400, 300)),
)


def as_rules(said: join.Settings) -> dict[str, Any]:
    """What the reference is told, as an agency's file says it."""
    return {
        "staging_is_arrival": said.staging_is_arrival,
        "measure_als": said.als,
        "too_long_s": said.too_long_seconds,
    }


@examples(250)
@given(events=stories(), now=clocks, said=agencies)
def test_every_interval_is_what_the_reference_says(
    events: list[dict[str, Any]], now: int, said: join.Settings
) -> None:
    """Invented incidents through stage one, then a clock.

    The records say what the naive program says of the set.
    """
    floor = Floor(town(**as_rules(said)))
    floor.send(events)
    floor.send([clock(now)])
    floor.run_one()

    assert differences(floor, by_incident(events), now, said) == []


@examples(50)
@given(data=st.data(), events=stories(merges_max=8, said_max=12), now=clocks, plan=plans)
def test_it_agrees_however_it_was_dealt_out(
    data: st.DataObject, events: list[dict[str, Any]], now: int, plan: Plan
) -> None:
    """The same over several partitions, with merges and their undoing, duplicates, disorder and crashes."""
    floor = Floor(town(measure_als=True), plan)
    floor.send(data.draw(dealt(events)))
    floor.send([clock(now)])
    floor.run_one()

    assert differences(floor, by_incident(events), now, join.Settings(als=True)) == []
