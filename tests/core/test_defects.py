"""A defect of ours in a look at an incident's clocks: told of that incident, and nothing else is harmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from schemas import records
from streams.incidents.breaches.held import Held
from streams.incidents.packing import wake_of
from tests.core.driver import CHANGELOG, DEAD, HEALTH, Floor, Plan, clock, town
from tests.core.saying import at, call, press, unit


class _Broken(dict[str, Held]):
    """What an incident remembers, in a state that no look was written for."""

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("a defect")

    def keys(self) -> Any:
        raise RuntimeError("a defect")


def _broken(size: int) -> Floor:
    """A floor with two incidents under way, whose looks at A fail from now on."""
    floor = Floor(town(), Plan(sizes=(size,)))
    floor.join([clock(at(0)), *call(), press("E1", "dispatch", 40), *call("B"), clock(at(50))])
    logic: Any = floor.one[0]
    logic._store.held["town/A"].breaches = _Broken()
    return floor


def _told(floor: Floor) -> list[tuple[bytes, bytes | None, dict[str, str]]]:
    letters = floor.committed(DEAD)
    return [(k.key, k.value, {n: v.decode() for n, v in k.headers or ()}) for k in letters]


@pytest.mark.parametrize("size", [1, 1_000])
def test_it_is_told_of_its_incident_and_no_event_is_blamed(size: int) -> None:
    """The clock at 200 s finds E1 late and fails; what is said of A and B next is joined all the same."""
    floor = _broken(size)
    floor.join(
        [clock(at(200)), press("E1", "enroute_to_scene", 210), *unit("E2", 40, 140, 200, incident="B")]
    )
    floor._tick(floor.one[0])

    ((key, value, headers),) = _told(floor)
    assert (key, value) == (b"town/A", b"")
    assert headers["reason"] == "internal"
    assert headers["detail"].startswith("a look at the clocks of town/A: RuntimeError('a defect'")
    assert headers["offset"] == "5"  # the dispatch: the last that had been said of it
    health = records.decode_health(floor.committed(HEALTH)[-1].value or b"")
    assert (health.arrived, health.joined, health.dead, health.looks_failed) == (13, 13, {}, 1)
    assert floor.response("A", "E1").milestones["enroute_to_scene"] == at(210)


def test_the_next_clocks_are_not_stopped_and_a_mended_worker_looks_again() -> None:
    """Told once, however many clocks follow; B's breach opens; whoever recovers A's state opens A's."""
    floor = _broken(1)
    floor.join([clock(at(200)), *unit("E2", 140, incident="B"), clock(at(300)), clock(at(301))])
    floor._tick(floor.one[0])

    assert len(_told(floor)) == 1
    assert list(floor.breaches()) == ["town/B/E2/turnout"]
    written = [kept.value for kept in floor.committed(CHANGELOG) if kept.key.endswith(b"town/A")]
    assert wake_of(written[-1] or b"") < at(0)

    floor.restart_one(0)
    floor.join([clock(at(302))])
    assert sorted(floor.breaches()) == ["town/A/E1/turnout", "town/B/E2/turnout"]
