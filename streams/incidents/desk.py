"""One agency in one partition of stage one.

Its clock, what was touched since it was last told, what falls due.
"""

from __future__ import annotations

from heapq import heappop, heappush

from schemas.agency import Agency
from schemas.keys import incident_key
from schemas.times import Micros
from streams.incidents import packing
from streams.incidents.breaches.watch import Watch
from streams.incidents.handbook import Handbook
from streams.incidents.joining import combined, holdings_of
from streams.incidents.milestones import SILENCE
from streams.incidents.state import NEVER, Incident

Touched = tuple[Incident, set[str]]
"""(an incident, the units that were spoken of, the incident itself among them as ``INCIDENT``)"""


class Desk:
    """What a partition keeps for one agency.

    Attributes:
        clocks: source to the latest time it wrote.
        clock: the agency's clock here, the least over its listed sources; None until all have written.
        keep: how long after its last event an incident's state lives.
        oldest: events that occurred before are too late.
        told: the clock last written to the result topics.
        watch: its running clocks here.
        handbook: its rules, as the core asks them.
        source: the source that an event named last, of those the agency lists.
        touched: incident's id to what was touched of it since its records were last written.
    """

    __slots__ = (
        "_due",
        "_scheduled",
        "agency",
        "clock",
        "clocks",
        "handbook",
        "id",
        "keep",
        "oldest",
        "source",
        "sources",
        "told",
        "touched",
        "watch",
    )

    def __init__(self, agency: Agency, keep: Micros) -> None:
        self.agency = agency
        self.id: str = agency.id
        self.keep = keep
        self.handbook = Handbook(agency)
        self.sources = agency.source_ids
        self.source = ""
        self.clocks: dict[str, Micros] = {}
        self.clock: Micros | None = None
        self.oldest: Micros = -NEVER
        self.told: Micros | None = None
        self.touched: dict[str, Touched] = {}
        self.watch = Watch(agency)
        self._due: list[tuple[Micros, str]] = []
        self._scheduled: dict[str, Micros] = {}

    def hear(self, source: str, time: Micros) -> bool:
        """Take a source's clock, and move the agency's if that is the least; says whether that has moved."""
        before = self.clock
        if time > self.clocks.get(source, -NEVER):
            self.clocks[source] = time
            self.move(self.least())
        return self.clock != before

    def least(self) -> Micros | None:
        """The least, over the listed sources, of the latest each wrote; None until all have written."""
        times = [self.clocks[source] for source in self.sources if source in self.clocks]
        return min(times) if len(times) == len(self.sources) else None

    def move(self, clock: Micros | None) -> None:
        """Move the agency's clock."""
        self.clock = clock
        self.oldest = -NEVER if clock is None else clock - self.keep

    def schedule(self, key: str, due: Micros) -> None:
        """See to an incident when the clock reaches ``due``, or earlier if it is scheduled so."""
        if due < self._scheduled.get(key, NEVER):
            self._scheduled[key] = due
            heappush(self._due, (due, key))

    def waits(self) -> bool:
        """Whether the clock has reached what nobody has seen to."""
        return self.clock is not None and len(self._due) > 0 and self._due[0][0] <= self.clock

    def fallen_due(self) -> str | None:
        """The next incident to see to, None where the clock has reached no other."""
        due, clock = self._due, self.clock
        while clock is not None and due and due[0][0] <= clock:
            instant, key = heappop(due)
            if self._scheduled.get(key) == instant:
                del self._scheduled[key]
                return key
        return None

    def evict_at(self, last_occurred: Micros, last_recorded: Micros) -> Micros:
        """When the state of an incident that is over may go, by the latest instants said of it."""
        return max(last_occurred + self.keep, last_recorded + SILENCE)

    def outlived(self, held: Incident | bytes) -> bool:
        """Whether an incident's state is past its time by the agency's clock, whatever was done about it."""
        if isinstance(held, bytes):
            due, ended = packing.header(held)
            return ended and self.clock is not None and due <= self.clock
        if held.last_occurred >= self.oldest or self.clock is None:
            return False
        facts = combined(held, holdings_of(held))
        return self.evict_at(facts.last_occurred, facts.last_recorded) <= self.clock

    def spoken_of(self, incident: Incident) -> None:
        """An event is about to be joined: the clocks before it look first, and the next one will."""
        watch = self.watch
        if incident.incident_id in watch.pending:
            watch.see(incident_key(self.agency.id, incident.incident_id), incident, self.handbook)
        watch.spoken.add(incident.incident_id)
