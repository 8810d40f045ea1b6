"""SIGSTOP of a worker for longer than its session, and SIGCONT: a zombie."""

from __future__ import annotations

import random
import signal
from typing import Any

from tests.drills.house import WHOLE_S, Failed, House

ABOUT = (
    "SIGSTOP of a worker until another has taken its partitions over and works, then SIGCONT: it must end "
    "with 75 and leave nothing"
)
WORKERS = ("incidents-1", "incidents-2", "agency-1", "agency-2")


def arguments(chance: random.Random) -> dict[str, Any]:
    """Whom, and for how long the other one works before it wakes."""
    return {"name": chance.choice(WORKERS), "works_s": round(chance.uniform(0.5, 4.0), 2)}


def run(house: House, *, name: str, works_s: float) -> str:
    """Stop it, wait for the take-over, let it wake."""
    stage = name.rpartition("-")[0]
    # One that holds nothing yet has nothing to lose, and nothing to say when it wakes.
    house.wait(lambda: house.whole(stage) and bool(house.held(name)), WHOLE_S, f"{name} holds its part")
    held = house.held(name)
    pid = house.signal(name, signal.SIGSTOP)
    took_s = house.wait_whole(stages=(stage,))
    house.pause(works_s)
    house.signal(name, signal.SIGCONT)
    # What it says last; it may also find out by its heartbeat, before it tries to write, and begin anew.
    house.wait(lambda: bool(_woke(house, pid)), 30, f"{name} notices that it was away")
    woke = _woke(house, pid)[0]
    if woke["what"] == "fatal" and woke["exit_code"] != 75:
        raise Failed(f"{name} woke and ended with {woke['exit_code']}: {woke['text']}")
    house.wait_whole(stages=(stage,))
    end = f"ended with 75 ({woke['error']})" if woke["what"] == "fatal" else f"{woke['what']} and began anew"
    return f"holding {held}; taken over after {took_s:.1f} s; it woke and {end}"


def _woke(house: House, pid: int) -> list[dict[str, Any]]:
    """What a process has said of its end or of its partitions since it last took some."""
    house.news()
    mine = [f for f in house.facts if f["pid"] == pid and f["what"] in ("acquired", "released", "fatal")]
    since = max((n for n, f in enumerate(mine) if f["what"] == "acquired"), default=-1)
    return mine[since + 1 :]
