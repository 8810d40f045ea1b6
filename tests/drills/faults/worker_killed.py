"""SIGKILL of a worker, at any moment of its life."""

from __future__ import annotations

import random
import signal
from typing import Any

from tests.drills.house import House

ABOUT = (
    "SIGKILL of a worker at any moment, its start and its recovery included; the supervisor starts it again"
)
WORKERS = ("incidents-1", "incidents-2", "agency-1", "agency-2")


def arguments(chance: random.Random) -> dict[str, Any]:
    """Whom, when, and whether partitions must have owners first."""
    return {
        "name": chance.choice(WORKERS),
        "after_s": round(chance.uniform(0.0, 2.0), 2),
        "whole_first": chance.random() < 0.6,
    }


def run(house: House, *, name: str, after_s: float, whole_first: bool) -> str:
    """Kill it; the next fault waits for the rest."""
    if whole_first:
        house.wait_whole()
    house.pause(after_s)
    held = house.held(name)
    pid = house.signal(name, signal.SIGKILL)
    house.wait(lambda: house.process(name).pid != pid, 10, f"{name} has ended")
    return f"killed holding {held or 'nothing yet'}"
