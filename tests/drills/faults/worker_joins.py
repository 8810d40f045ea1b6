"""A third worker joins a stage, and leaves it: two rebalances."""

from __future__ import annotations

import random
import signal
from typing import Any

from tests.drills.house import House

ABOUT = "a third worker joins one of the stages, works, and leaves by SIGTERM or SIGKILL: two rebalances"


def arguments(chance: random.Random) -> dict[str, Any]:
    """Which stage, how long it works, and how it leaves."""
    return {
        "stage": chance.choice(("incidents", "incidents", "agency")),
        "works_s": round(chance.uniform(0.3, 2.0), 2),
        "leaves": chance.choice(("SIGTERM", "SIGTERM", "SIGKILL")),
    }


def run(house: House, *, stage: str, works_s: float, leaves: str) -> str:
    """Join, work, leave."""
    name = f"{stage}-3"
    house.wait_whole()
    before = len(house.said("acquired"))
    house.start(name)
    joined_s = house.wait(lambda: house.whole(stage) and bool(house.held(name)), 90, f"{name} has its part")
    held = house.held(name)
    house.pause(works_s)
    if leaves == "SIGKILL":
        house.signal(name, signal.SIGKILL)
    house.stop(name)
    left_s = house.wait_whole(stages=(stage,))
    took = len(house.said("acquired")) - before
    return (
        f"had {held} after {joined_s:.1f} s, left by {leaves}, its part had an owner {left_s:.1f} s later; "
        f"partitions were taken {took} times"
    )
