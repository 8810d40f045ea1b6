"""The state of one incident: what its events said (DEFINITIONS.md, 1). ``joining`` joins events into it."""

from __future__ import annotations

from typing import Final

from schemas.times import Micros
from streams.incidents.breaches.held import Held

KEPT: Final = 16
"""Presses of a name, corrections of a milestone and changes of an attribute that are kept."""

SIZE_LIMIT: Final = 400_000
"""About how many bytes one incident's state may grow to; what would make it larger is dead-lettered."""

WITHDRAWN: Final = -(1 << 62)
"""Stands for the absent new time of a correction."""

EARLIEST: Final = -(1 << 62)
"""Stands for the absent ``was`` of a correction: the earliest press."""

INCIDENT: Final = ""
"""Stands for the unit where the incident itself is meant."""

DESK: Final = "what the mediation desk says, under the name of a unit that no event can have"
"""Stands for the unit where the mediation desk is meant. An identifier has 64 characters at most."""

NEVER: Final = 1 << 62
"""Later than any instant."""

Press = tuple[Micros, Micros]
"""(occurred_at, recorded_at)"""

Presses = tuple[Micros, ...]
"""The presses of one milestone in order, laid flat: occurred_at and recorded_at in turn.

``[0]`` is when the earliest occurred, ``[::2]`` when each did. Most often there is one, and one object holds
what a list of pairs would hold in three.
"""

Values = dict[str, str]
"""Attributes by name; an empty value takes a statement back."""

Statement = tuple[Micros, Micros, str, Values]
"""(occurred_at, recorded_at, event_id, what of it still holds)"""

First = tuple[Micros, Micros, str, str]
"""(occurred_at, recorded_at, event_id, value)"""

Correction = tuple[Micros, str, Micros]
"""(recorded_at, event_id, new time or ``WITHDRAWN``)"""

Change = tuple[Micros, str]
"""(occurred_at, value)"""


def paired(presses: Presses) -> list[Press]:
    """Presses as pairs.

    >>> paired((5, 6, 7, 8))
    [(5, 6), (7, 8)]
    """
    return [(presses[place], presses[place + 1]) for place in range(0, len(presses), 2)]


def flat(pairs: list[Press]) -> Presses:
    """The other way round.

    >>> flat([(5, 6), (7, 8)])
    (5, 6, 7, 8)
    """
    return tuple([instant for pair in pairs for instant in pair])


class Facts:
    """What the events of one incident said, and nothing derived: the joined part of the state.

    A plain class, whose fields compiled code reads directly; ``packing`` makes bytes of it.

    Attributes:
        presses: unit to milestone to its presses.
        corrections: unit to milestone to ``was`` to the correction that holds.
        attributes: unit to its statements; each name stands in the one that holds, the latest that said it.
        first_type: unit to what was stated first of its type, where it was stated more than once.
        history: unit to name to (occurred_at, value), in order, where there is more than one.
        last_occurred, last_recorded: the latest instants said of it.
        simulated: whether any of it was marked as simulated.
        changed: whether there is any history.
    """

    __slots__ = (
        "attributes", "changed", "corrections", "first_type", "history", "last_occurred", "last_recorded",
        "presses", "simulated",
    )  # fmt: skip

    def __init__(self) -> None:
        self.presses: dict[str, dict[str, Presses]] = {}
        self.corrections: dict[str, dict[str, dict[Micros, Correction]]] = {}
        self.attributes: dict[str, list[Statement]] = {}
        self.first_type: dict[str, First] = {}
        self.history: dict[str, dict[str, list[Change]]] = {}
        self.last_occurred: Micros = -NEVER
        self.last_recorded: Micros = -NEVER
        self.simulated: bool = False
        self.changed: bool = False


Package = dict[str, tuple[list[str], Facts]]
"""What a merged incident sends: origin to (the incidents it came through, its facts)."""


class Incident(Facts):
    """An incident as stage one holds it: its own facts, what it absorbed, and what was made of it so far.

    Attributes:
        absorbed: sender to (its offset, its package).
        first_offset, last_offset: of the events applied, on its partition of ``incident.events``.
        size: about how many bytes it takes.
        sent_to: the incident its package went to last, with ``sent_digest`` of that package.
        emitted: unit to how many responses of it have been written as records.
        due: the instant of the clock at which something must be done with it without an event (closing,
            eviction).
        ended: whether it has ended or was closed by rule, so that it may be kept packed.
        shared: what all its records had in common when they were last written: (call time, when it was over,
            what it was merged into, simulated).
        breaches: what was opened of it, by the part of their keys after the incident's.
        wake: the instant of the clock at which its clocks are to be looked at.
    """

    __slots__ = (
        "absorbed", "agency_id", "breaches", "due", "emitted", "ended", "first_offset", "incident_id",
        "last_offset", "sent_digest", "sent_to", "shared", "size", "wake",
    )  # fmt: skip

    def __init__(self, agency_id: str, incident_id: str) -> None:
        super().__init__()
        self.agency_id = agency_id
        self.incident_id = incident_id
        self.absorbed: dict[str, tuple[int, Package]] = {}
        self.first_offset: int = -1
        self.last_offset: int = -1
        self.size: int = 200
        self.sent_to: str = ""
        self.sent_digest: bytes = b""
        self.emitted: dict[str, int] = {}
        self.due: Micros = NEVER
        self.ended: bool = False
        self.shared: tuple[Micros, Micros, str, bool] = (0, 0, "", False)
        self.breaches: dict[str, Held] = {}
        self.wake: Micros = NEVER

    def fields(self) -> tuple[object, ...]:
        """All of it, in the order in which ``packing`` writes it."""
        return (
            self.presses, self.corrections, self.attributes, self.first_type, self.history,
            self.last_occurred, self.last_recorded, self.simulated, self.changed,
            self.agency_id, self.incident_id, self.absorbed, self.first_offset, self.last_offset, self.size,
            self.sent_to, self.sent_digest, self.emitted, self.due, self.ended, self.shared, self.breaches,
            self.wake,
        )  # fmt: skip
