"""The wall clock of a worker of each stage steps back an hour while it works."""

from __future__ import annotations

import random
import signal
from typing import Any

from tests.drills.house import House

ABOUT = "the wall clock of one worker of each stage steps back an hour while it works; both are killed later"
HOUR_S = 3600.0


def arguments(chance: random.Random) -> dict[str, Any]:
    """When, and for how long they work with it."""
    return {"after_s": round(chance.uniform(3.0, 6.0), 1), "works_s": round(chance.uniform(4.0, 8.0), 1)}


def run(house: House, *, after_s: float, works_s: float) -> str:
    """Run both rigged, over a step and a recovery after it, then as they are."""
    house.wait_whole()
    names = [f"{stage}-1" for stage in ("incidents", "agency")]
    for name in names:
        house.again(name, {"back_after_s": after_s, "back_s": HOUR_S})
    house.wait_whole()
    house.pause(after_s + works_s)
    ran = {name: house.pid(name) for name in names}
    for name, pid in ran.items():
        times = [fact["time"] for fact in house.facts if fact["pid"] == pid]
        house.tell(f"{name} said its last at {times[-1] if times else '?'}")
        house.signal(name, signal.SIGKILL)
    house.wait_whole()
    for name in names:
        house.again(name)
    house.wait_whole()
    return f"{', '.join(names)} worked {works_s:g} s by a clock an hour behind, and recovered by it"
