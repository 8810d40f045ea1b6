"""Faults: small modules, each named for what it breaks.

Each has ``ABOUT``, one sentence of what it does; ``arguments(chance)``, what the seed decides, so that a plan
can be printed; and ``run(house, **arguments)``, which breaks it, waits until the house is whole again, raises
``Failed`` where it did not behave as it must, and says in a few words what happened.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from tests.drills.house import House


class Fault(Protocol):
    """What each module here is."""

    ABOUT: str

    def arguments(self, chance: random.Random) -> dict[str, Any]:
        """What the seed decides."""

    def run(self, house: House, **arguments: Any) -> str:
        """Break it, wait until it is whole; returns what happened."""


NAMES = (
    "worker_killed",
    "worker_stopped",
    "worker_joins",
    "worker_restarted",
    "death_between_sends",
    "clock_back",
    "broker_killed",
    "broker_stopped",
    "broker_refuses",
    "disk_full",
    "record_too_large",
    "logs_compacted",
)

FAULTS: Mapping[str, Fault] = {name: import_module(f"{__name__}.{name}") for name in NAMES}
"""By name."""
