"""A breach as the state of its incident remembers it, so that nothing is opened twice after a restart."""

from __future__ import annotations

import msgspec

from schemas.records import Place, Step
from schemas.times import Micros
from schemas.vocabulary import BreachState

_AMBER, _RED = BreachState.AMBER.value, BreachState.RED.value


class Held(msgspec.Struct, array_like=True):
    """A breach that was opened, as the incident's state remembers it; attributes as in ``BreachRecord``."""

    state: str
    place: Place
    units: list[str]
    started: Micros
    limit: int
    amber_at: Micros
    deadline: Micros
    ended: Micros
    value: int
    standing: str
    reason: str
    revision: tuple[int, int]
    steps: list[Step]

    @property
    def was_red(self) -> bool:
        """Whether the last episode got as far as red."""
        for step in reversed(self.steps):
            if step.state == _RED:
                return True
            if step.state == _AMBER:
                return False
        return False
