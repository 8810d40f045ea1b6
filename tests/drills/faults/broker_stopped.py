"""SIGSTOP of Kafka for half a minute and more, and SIGCONT: it answers nobody, and then remembers all."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

from tests.drills.house import House

ABOUT = "SIGSTOP of Kafka for longer than sessions and transactions last: it answers nobody; then SIGCONT"


def arguments(chance: random.Random) -> dict[str, Any]:
    """For how long."""
    return {"for_s": chance.randrange(18, 40)}


def run(house: House, *, for_s: float) -> str:
    """Stop it, wait, let it go on."""
    house.wait_whole()
    ended = len(house.said("fatal"))
    os.kill(house.broker.pid, signal.SIGSTOP)
    try:
        house.pause(for_s)
    finally:
        os.kill(house.broker.pid, signal.SIGCONT)
    whole_s = house.wait_whole()
    return (
        f"silent for {for_s} s; {len(house.said('fatal')) - ended} workers ended, whole {whole_s:.1f} s after"
    )
