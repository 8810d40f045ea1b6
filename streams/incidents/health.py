"""What a partition has done, counted, and the record that says so to whoever watches the pipeline."""

from __future__ import annotations

from typing import Final

from schemas import records
from schemas.times import Micros
from schemas.vocabulary import DeadLetterReason
from streams.incidents.layout import Layout

_DEAD: Final = "dead:"


class Health:
    """A partition's counters.

    Attributes:
        counters: name to how often, since the generation began; the position record keeps them.
        joined: events of this batch that were joined so far: they are counted when it is.
        last_event_ms: when the last event that was read was appended.
    """

    __slots__ = ("_layout", "_partition", "counters", "joined", "last_event_ms")

    def __init__(self, partition: int, layout: Layout) -> None:
        self._partition = partition
        self._layout = layout
        self.counters: dict[str, int] = {}
        self.joined = 0
        self.last_event_ms = 0

    def count(self, name: str, more: int = 1) -> None:
        """Count what was done, under its name."""
        self.counters[name] = self.counters.get(name, 0) + more

    def count_dead(self, reason: DeadLetterReason) -> None:
        """Count an event that could not be joined."""
        self.count("arrived")
        self.count(f"{_DEAD}{reason.value}")

    def count_joined(self) -> None:
        """Count the events of a batch that were joined."""
        if self.joined:
            self.count("arrived", self.joined)
            self.count("joined", self.joined)
            self.joined = 0

    def record(
        self, next_offset: int, clocks: dict[str, Micros], held: int, unended: int
    ) -> records.HealthRecord:
        """What this partition has done so far, and how far it is."""
        count = self.counters.get
        return records.HealthRecord(
            stage="incidents",
            partition=self._partition,
            worker=self._layout.worker,
            positions={self._layout.events: next_offset},
            arrived=count("arrived", 0),
            joined=count("joined", 0),
            dead={k[len(_DEAD) :]: n for k, n in sorted(self.counters.items()) if k.startswith(_DEAD)},
            clock_records=count("clock_records", 0),
            absorbed=count("absorbed", 0),
            evicted=count("evicted", 0),
            looks_failed=count("looks_failed", 0),
            records_out=count("records_out", 0),
            clocks=clocks,
            held=held,
            open_incidents=unended,
            last_event_ms=self.last_event_ms,
        )
