"""The incidents of a partition: as they are held, and as the changelog is told of them."""

from __future__ import annotations

from typing import Final

from streams.incidents import packing
from streams.incidents.state import Incident
from streams.stage import Pair

_PREFIX: Final = "i/"


class Store:
    """What a partition knows of its incidents, by key.

    Attributes:
        held: their states, packed as long as nobody asks: what was recovered, and what has ended.
        unended: how many of them are under way.
    """

    __slots__ = ("_changed", "held", "unended")

    def __init__(self) -> None:
        self.held: dict[str, Incident | bytes] = {}
        self.unended = 0
        self._changed: dict[str, Incident | bytes | None] = {}

    def load(self, name: bytes, value: bytes | None) -> None:
        """Take one record of the changelog."""
        key = name.decode()[len(_PREFIX) :]
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value

    def begin(self, key: str, agency_id: str, incident_id: str) -> Incident:
        """Hold an incident that nothing was known of."""
        incident = self.held[key] = Incident(agency_id, incident_id)
        self.unended += 1
        return incident

    def opened(self, key: str) -> Incident | None:
        """A state that can be read and joined into, held as such from now on; None where there is none."""
        held = self.held.get(key)
        if isinstance(held, bytes):
            incident = self.held[key] = packing.unpack(held)
            return incident
        return held

    def change(self, key: str, incident: Incident, *, rests: bool) -> None:
        """Have a state written with the next commit; hold it packed where nobody is about to ask for it."""
        if rests:
            self._changed[key] = self.held[key] = packing.pack(incident)
        else:
            self._changed[key] = incident

    def forget(self, key: str) -> None:
        """Let a state go, here and in the changelog."""
        del self.held[key]
        self._changed[key] = None

    def changes(self) -> list[Pair]:
        """The states that have changed since this was last asked, each once however often it changed."""
        states: list[Pair] = []
        for key, state in self._changed.items():
            value = packing.pack(state) if isinstance(state, Incident) else state
            states.append((f"{_PREFIX}{key}".encode(), value))
        self._changed = {}
        return states
