"""What an agency's clock makes due: looks at running clocks, closing by rule, eviction."""

from __future__ import annotations

from schemas import keys
from streams.incidents import packing
from streams.incidents.desk import Desk
from streams.incidents.health import Health
from streams.incidents.state import INCIDENT, NEVER
from streams.incidents.store import Store
from streams.incidents.writing import Writer


class Due:
    """Sees to what is due in a partition."""

    __slots__ = ("_health", "_store", "_writer")

    def __init__(self, store: Store, writer: Writer, health: Health) -> None:
        self._store = store
        self._writer = writer
        self._health = health

    def look(self, desk: Desk) -> None:
        """Make all looks that are pending, each as of its clock.

        A clock sees the events before it and none after it, wherever a batch ends.
        """
        watch = desk.watch
        for incident_id in sorted(watch.pending):
            key = keys.incident_key(desk.agency.id, incident_id)
            incident = self._store.opened(key)
            if incident is None:
                del watch.pending[incident_id]
            else:
                watch.see(key, incident, desk.handbook)
        self._writer.write_breaches(desk)

    def see_to(self, desk: Desk, key: str) -> int:
        """Evict or close by rule what the clock has reached.

        Schedule it anew where it has been spoken of since. Says of how many incidents that writes records.
        """
        held = self._store.held.get(key)
        if held is None or desk.clock is None:
            return 0
        due = packing.header(held)[0] if isinstance(held, bytes) else held.due
        if due > desk.clock:
            desk.schedule(key, due)
            return 0
        if desk.outlived(held):
            return self.evict(desk, key)
        incident = self._store.opened(key)
        assert incident is not None
        desk.touched[incident.incident_id] = (incident, {INCIDENT})
        return 1

    def evict(self, desk: Desk, key: str) -> int:
        """Let a state go; where the clock leapt over its closing by rule as well, that is written first.

        Returns:
            1 where it is, else 0.
        """
        self.look(desk)
        held = self._store.held[key]
        ended = packing.header(held)[1] if isinstance(held, bytes) else held.ended
        if not ended:
            incident = packing.unpack(held) if isinstance(held, bytes) else held
            self._writer.write(desk, {incident.incident_id: (incident, {INCIDENT})})
        desk.watch.schedule(key, NEVER)
        desk.watch.spoken.discard(keys.unpart(key.split("/", 1)[1]))
        self._store.forget(key)
        self._health.count("evicted")
        return 0 if ended else 1
