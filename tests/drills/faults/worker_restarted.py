"""An orderly stop and a new start: within 10 s, and with nothing to do again."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.drills.house import Failed, House

ABOUT = "every worker of a stage is stopped in order and started: within 10 s, and each begins where it ended"


def arguments(chance: random.Random) -> dict[str, Any]:
    """Which stage."""
    return {"stage": chance.choice(("incidents", "agency")), "after_s": round(chance.uniform(0.0, 1.0), 2)}


def run(house: House, *, stage: str, after_s: float) -> str:
    """Stop all of a stage at once, compare where it ended with where it begins."""
    house.wait_whole()
    house.pause(after_s)
    names = house.names(f"{stage}-")
    pids = {name: house.pid(name) for name in names}
    begun = time.monotonic()
    house.stop(*names)
    took_s = time.monotonic() - begun
    left = positions(house, "released", pids)
    for name, pid in pids.items():
        stopped = house.said("stopped", pid=pid)
        if not stopped or stopped[0]["exit_code"] != 0:
            raise Failed(f"{name} did not stop in order within 10 s: {stopped}\n{house.state()}")
    for name in names:
        house.start(name)
    house.wait_whole(stages=(stage,))
    begins = positions(house, "acquired", {name: house.pid(name) for name in names})
    if stage == "incidents" and begins != left:
        raise Failed(f"{stage} ended at {left} and begins at {begins}")
    if any(at < left[where] for where, at in begins.items()):
        raise Failed(f"{stage} ended at {left} and begins before it, at {begins}")
    return f"{len(names)} stopped within {took_s:.1f} s; {len(begins)} positions as they were left"


def positions(house: House, what: str, pids: dict[str, int]) -> dict[str, int]:
    """Where each partition of these processes was taken first (``acquired``) or left last (``released``).

    Left with all committed: what was not is done again, and the worker has said so by its exit code.

    Whoever starts first takes all, and goes on, before it shares with the next.
    """
    said = [f for f in house.said(what) if f["pid"] in pids.values() and f.get("committed", True)]
    found: dict[str, int] = {}
    for fact in sorted(said, key=lambda fact: str(fact["time"])):
        found = {**fact["positions"], **found} if what == "acquired" else {**found, **fact["positions"]}
    return found
