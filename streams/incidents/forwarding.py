"""States of merged incidents, sent through ``incident.events`` to those they were merged into."""

from __future__ import annotations

from schemas import events, keys
from streams.incidents import packing
from streams.incidents.joining import holdings_of, merged_into, package_for
from streams.incidents.layout import Layout
from streams.incidents.outbox import Outbox
from streams.incidents.state import Incident


class Forwarding:
    """What a partition sends of its merged incidents."""

    __slots__ = ("_layout", "_named", "_outbox", "_silent_below")

    def __init__(self, partition: int, layout: Layout, outbox: Outbox) -> None:
        self._layout = layout
        self._outbox = outbox
        self._silent_below = layout.silent_below.get(partition, 0)
        self._named: dict[tuple[str, str], set[str]] = {}

    def name(self, agency_id: str, incident_id: str, target: str) -> None:
        """An event names what its incident was merged into, whether that will stand or not."""
        self._named.setdefault((agency_id, incident_id), set()).add(target)

    def forward(self, incident: Incident) -> None:
        """Send the incident's state to the one it was merged into; an empty one to where it no longer is.

        An empty one also to all that this batch named on the way: an earlier run of it may have ended there,
        been read (sources are read uncommitted) and aborted, and where a batch ends must change nothing.
        """
        target = merged_into(incident)
        named = self._named.pop((incident.agency_id, incident.incident_id), set())
        for other in sorted({incident.sent_to, *named} - {target, incident.incident_id, ""}):
            self._send(incident, other, "")
        if incident.sent_to != target:
            incident.sent_to, incident.sent_digest = "", b""
        if not target:
            return
        package = packing.pack_package(package_for(incident, target, holdings_of(incident)))
        fingerprint = packing.digest(package)
        if incident.sent_to == target and incident.sent_digest == fingerprint:
            return
        self._send(incident, target, package)
        incident.sent_to, incident.sent_digest = target, fingerprint

    def _send(self, incident: Incident, target: str, package: str) -> None:
        if incident.last_offset < self._silent_below:
            return
        event = events.AbsorbedEvent(
            agency_id=incident.agency_id,
            incident_id=target,
            sender=incident.incident_id,
            offset=incident.last_offset,
            state=package,
        )
        key = keys.incident_key(incident.agency_id, target)
        to = keys.partition_of(key, self._layout.partitions)
        self._outbox.to(self._layout.events, to).append((key.encode(), events.to_json(event)))
