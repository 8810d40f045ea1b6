"""The product and the reference program, written apart from each other, agree on every invented incident."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY, HOUR, SECOND
from tests.core.against import differences
from tests.core.driver import Floor, Plan, clock, town
from tests.core.effort import examples
from tests.core.invented import by_incident, dealt, plans, stories
from tests.core.saying import CALL, at, call, correct, press, state, unit
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


MANY = 17
"""One more than is kept of anything."""


@pytest.mark.parametrize("order", [1, -1])
def test_of_everything_the_sixteen_that_count_are_kept(order: int) -> None:
    """Seventeen presses, corrections and changes, first to last and last to first: as the reference says.

    The sixteen earliest presses are withdrawn, so that the seventeenth shows if it was kept; a mode changed
    seventeen times under way shows by its limit if the first was.
    """
    presses = [press("E1", "enroute_to_scene", 50 + n) for n in range(MANY)]
    withdrawn = [correct("E1", "enroute_to_scene", recorded=900 + n, was=50 + n) for n in range(MANY - 1)]
    corrected = [correct("E1", "on_scene", recorded=900 + n, was=n, time=200 + n) for n in range(MANY)]
    modes = [
        state(None, 41 + n, incident="B", response_mode=("EMERGENT", "NON_EMERGENT")[n % 2])
        for n in range(MANY)
    ]
    events = [
        *call("A"),
        *unit("E1", 40),
        *presses,
        *withdrawn,
        *corrected,
        *call("B"),
        *unit("E1", 40, 400, 500, 600, incident="B"),
        *modes,
    ]
    said = join.Settings()
    floor = Floor(town()).join([*events[::order], clock(CALL + HOUR)])

    assert differences(floor, by_incident(events), CALL + HOUR, said) == []
    assert "enroute_to_scene" not in floor.response("A", "E1").milestones
    assert floor.response("A", "E1").milestones["on_scene"] == at(201)


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
