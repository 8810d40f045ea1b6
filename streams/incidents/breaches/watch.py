"""What an agency's clock must look at in one partition: what was spoken of, and what runs out.

The next deadlines stand in a heap, one an incident: a clock that reaches none costs a glance at its top,
however many clocks run.

A look may be put off, for an incident is the same until something is said of it: a clock notes whom it is to
look at, and the looks are made, each as of its own clock, before the incident is spoken of again, or when the
batch is written. Then most need not be made at all (``settled``), their records having just been measured.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from typing import Final

from schemas.agency import Agency
from schemas.keys import breach_id, breach_part, unpart
from schemas.records import BreachRecord
from schemas.times import Micros
from streams.incidents.breaches.clocks import Look, Made, Name, look
from streams.incidents.breaches.glance import glance
from streams.incidents.breaches.lifecycle import advance
from streams.incidents.breaches.settled import settled
from streams.incidents.emit import Emitted
from streams.incidents.handbook import Handbook
from streams.incidents.state import INCIDENT, NEVER, Incident

NOW: Final = -NEVER
"""Look at the next clock: something was said."""


Failed = tuple[str, int, str]
"""(key of the incident, offset of the last event applied to it, the defect)"""


class Watch:
    """An agency's running clocks in one partition.

    Attributes:
        watching: whether the agency has any clocks at all.
        spoken: ids of incidents that something was said of since the clock last moved.
        pending: id to the first clock that is still to look at the incident.
        changed: key to the incident that was looked at, and the parts of its breaches that changed, since
            records were last written.
        failed: looks that a defect of ours ended, since records were last written.
    """

    __slots__ = ("_clocks", "_due", "_scheduled", "changed", "failed", "pending", "spoken", "watching")

    def __init__(self, agency: Agency) -> None:
        self.watching = any(rules.response_clocks or rules.incident_clocks for rules in agency.rules)
        self.spoken: set[str] = set()
        self.pending: dict[str, Micros] = {}
        self._clocks: list[Micros] = []
        self.changed: dict[str, tuple[Incident, set[str]]] = {}
        self.failed: list[Failed] = []
        self._due: list[tuple[Micros, str]] = []
        self._scheduled: dict[str, Micros] = {}

    def schedule(self, key: str, instant: Micros) -> None:
        """Look at an incident at an instant, instead of when it was to be looked at before."""
        if instant >= NEVER:
            self._scheduled.pop(key, None)
        elif self._scheduled.get(key) != instant:
            self._scheduled[key] = instant
            heappush(self._due, (instant, key))
            if len(self._due) > 64 + 4 * len(self._scheduled):
                self._due = sorted((at, name) for name, at in self._scheduled.items())

    def tick(self, clock: Micros) -> None:
        """The clock has moved: it is to look at what was spoken of, and at what runs out by now."""
        if not self.watching:
            self.spoken.clear()
            return
        pending = self.pending
        for incident_id in self.spoken:
            pending[incident_id] = clock  # what was pending was looked at before it was spoken of
        self.spoken.clear()
        due = self._due
        while due and due[0][0] <= clock:
            instant, key = heappop(due)
            if self._scheduled.get(key) == instant:
                del self._scheduled[key]
                pending.setdefault(unpart(key.split("/", 1)[1]), clock)
        self._clocks.append(clock)

    def awaits(self, incident_id: str) -> bool:
        """Whether the next clock will look at an incident, because something was said of it."""
        return self.watching and incident_id in self.spoken

    def written(self) -> None:
        """All looks were made."""
        self._clocks.clear()

    def keep(self, key: str, incident: Incident, emitted: Emitted) -> None:
        """Say in an incident's state, which is about to be written, when its clocks are to be looked at."""
        if incident.incident_id not in self.spoken:
            return
        if settled(incident, emitted):
            self.spoken.discard(incident.incident_id)
            self._rest(key, incident)
        else:
            incident.wake = NOW

    def spare(self, key: str, incident: Incident, emitted: Emitted) -> bool:
        """Whether the looks that are pending may be left out, which they then are.

        It must have ended, not been closed by rule: for the clocks before that rule it was open.
        """
        if not emitted.incident.ended_at or not settled(incident, emitted):
            return False
        del self.pending[incident.incident_id]
        self._rest(key, incident)
        return True

    def _rest(self, key: str, incident: Incident) -> None:
        self.schedule(key, NEVER)
        incident.wake = NEVER

    def see(self, key: str, incident: Incident, handbook: Handbook, emitted: Emitted | None = None) -> None:
        """Make an incident's pending looks: move its breaches on, and say when to look again.

        ``emitted``: its records as they were just made.
        """
        clock, parts = self.pending.pop(incident.incident_id), set[str]()
        try:
            incident.wake = self._look_on(incident, handbook, clock, emitted, parts)
            self.schedule(key, incident.wake)
        except Exception as defect:
            # A defect of ours is of no event and must stop nothing: what changed before it counts. The
            # incident is looked at again once it is spoken of, or by whoever (a mended worker) recovers it.
            self.failed.append((key, incident.last_offset, repr(defect)))
            incident.wake = NOW
            self.schedule(key, NEVER)
        known = self.changed.get(key)
        if known is None:
            self.changed[key] = (incident, parts)
        else:
            known[1].update(parts)

    def _look_on(
        self, incident: Incident, handbook: Handbook, clock: Micros, emitted: Emitted | None, parts: set[str]
    ) -> Micros:
        """Look at an incident as of a clock and the later ones that find something to look at.

        Adds to ``parts`` those of its breaches that changed; returns when to look again.
        """
        clocks = self._clocks
        made = None if emitted is None else _made(emitted)
        while True:
            again = glance(incident, handbook, clock)
            if again is None:
                seen = look(incident, handbook, clock, made)
                _advance(incident, seen, (incident.last_offset, clock), parts)
                again = seen.again
            if again > clocks[-1]:
                return again
            clock = clocks[bisect_left(clocks, again)]


def _made(emitted: Emitted) -> Made | None:
    """What a look as of an earlier clock may take of it."""
    case = emitted.case
    if case.closed is not None:
        return None
    if not emitted.over or not emitted.whole or not emitted.incident.intervals:
        return Made(case, None, {})
    responses = {(r.unit_id, r.ordinal): r.intervals for _, r in emitted.responses if r.intervals}
    return Made(case, emitted.incident.intervals, responses)


def _advance(incident: Incident, seen: Look, revision: tuple[int, int], parts: set[str]) -> None:
    """Move an incident's breaches on; adds the parts of their keys that changed."""
    readings = {part_of(name): reading for name, reading in seen.readings.items()}
    for part in (*readings, *(p for p in incident.breaches if p not in readings)):
        now = advance(incident.breaches.get(part), readings.get(part), seen, revision)
        if now is not None:
            incident.breaches[part] = now
            parts.add(part)


def part_of(name: Name) -> str:
    """The part of a breach's key after its incident's."""
    return breach_part(*name)


def named(part: str) -> Name:
    """What ``part_of`` was given.

    >>> named("E39/2/turnout"), named("-/travel_first_due")
    (('E39', 2, 'turnout'), ('', 1, 'travel_first_due'))
    """
    pieces = part.split("/")
    ordinal = int(pieces[1]) if len(pieces) == 3 else 1
    unit = INCIDENT if pieces[0] == "-" else unpart(pieces[0])
    return unit, ordinal, pieces[-1]


def record_of(key: str, incident: Incident, part: str, partition: int) -> tuple[str, BreachRecord]:
    """The key and record of a breach that the incident remembers."""
    held = incident.breaches[part]
    unit, ordinal, interval = named(part)
    name = f"{key}/{part}"
    return name, BreachRecord(  # by place: msgspec looks each name up
        incident.agency_id,
        incident.incident_id,
        interval,
        breach_id(name),
        held.revision,
        (partition, incident.first_offset, held.revision[0]),
        held.state,
        held.place,
        unit,
        ordinal,
        held.reason,
        held.standing,
        incident.simulated,
        "",  # type
        held.units,
        held.started,
        held.limit,
        held.amber_at,
        held.deadline,
        held.ended,
        held.value,
        held.revision[1],
        held.steps,
    )
