"""A worker dies between two sends of a batch, the first of them standing in the log."""

from __future__ import annotations

import random
import signal
from typing import Any

from tests.drills.house import House

ABOUT = "a worker dies between any two sends of a transaction, several times; what it sent stands uncommitted"
WORKERS = ("incidents-1", "incidents-2", "agency-1", "agency-2")


def arguments(chance: random.Random) -> dict[str, Any]:
    """Whom, how many sends each life survives, and how many lives."""
    return {"name": chance.choice(WORKERS), "die_after": chance.randrange(1, 40), "lives": 2}


def run(house: House, *, name: str, die_after: int, lives: int) -> str:
    """Run it rigged until it has died so often, then as it is."""
    house.wait_whole()
    house.again(name, {"die_after": die_after})
    died = 0
    while died < lives:
        waited_s = _another(house, name, house.pid(name), f"{name} dies after {die_after} sends")
        died += 1
        house.tell(f"{name} died by itself after {waited_s:.1f} s, between two sends")
    house.again(name)
    house.wait_whole()
    return f"died {died} times after {die_after} sends ({signal.Signals.SIGKILL.name} from within)"


def _another(house: House, name: str, pid: int, until: str) -> float:
    """Wait until another process has taken a worker's place; how long it took, in seconds."""
    return house.wait(lambda: house.process(name).pid != pid, 60, until)
