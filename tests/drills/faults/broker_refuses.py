"""Kafka is there and refuses every connection for a minute."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tests.drills.house import House

ABOUT = (
    "Kafka refuses every client's connection for a minute, and resets those that are open; it runs on itself"
)


def arguments(chance: random.Random) -> dict[str, Any]:
    """A minute."""
    return {"for_s": 60}


def run(house: House, *, for_s: float) -> str:
    """Refuse; workers are looked after as beside a Kafka that is not ours: nobody holds them back."""
    house.wait_whole()
    ended, hands = len(house.said("fatal")), house.hands
    house.proxy.refuse()
    try:
        house.pause(for_s)
    finally:
        house.proxy.accept()
    whole_s = house.wait_whole()
    codes = Counter(fact["exit_code"] for fact in house.said("fatal")[ended:])
    return (
        f"refused for {for_s} s; workers ended with {dict(codes)}, {house.hands - hands} had to be started "
        f"by hand; whole {whole_s:.1f} s after"
    )
