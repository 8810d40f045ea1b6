"""SIGKILL of Kafka, and a new start on the same data."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.drills.house import House

ABOUT = "SIGKILL of Kafka and, as `watchroom up` does, a new start on its data and its port"


def arguments(chance: random.Random) -> dict[str, Any]:
    """When, and how long it is away."""
    return {"after_s": round(chance.uniform(0.0, 2.0), 2), "away_s": round(chance.uniform(0.0, 4.0), 2)}


def run(house: House, *, after_s: float, away_s: float) -> str:
    """Kill it amid work."""
    house.pause(after_s)
    pids = {name: house.process(name).pid for name in house.names()}
    house.broker.kill()
    house.pause(away_s)
    begun = time.monotonic()
    house.restart_broker()
    up_s = time.monotonic() - begun
    whole_s = house.wait_whole()
    same = sum(house.process(name).pid == pid for name, pid in pids.items() if pid)
    return (
        f"away {away_s:g} s, up after {up_s:.1f} s, all partitions had owners {whole_s:.1f} s later; "
        f"{same} of {len(pids)} workers lived through it"
    )
