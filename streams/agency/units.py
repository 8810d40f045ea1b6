"""What each unit is doing, from its open responses (topic ``units``)."""

from __future__ import annotations

from schemas.records import ResponseRecord, UnitRecord
from schemas.times import Micros
from schemas.vocabulary import UNIT_MILESTONES, IncidentState

_ORDER = {name: index for index, name in enumerate(UNIT_MILESTONES)}
AVAILABLE = "available"


class Units:
    """The units of one agency.

    Attributes:
        dirty: units whose record may have changed since the caller last emptied this set.
    """

    def __init__(self) -> None:
        self._open: dict[str, dict[str, ResponseRecord]] = {}
        self._ended: dict[str, tuple[Micros, str]] = {}
        self.dirty: set[str] = set()

    def take(self, key: str, record: ResponseRecord) -> None:
        """Remember a response while it is open; of an ended one only when it ended."""
        unit = record.unit_id
        working = self._open.get(unit)
        if record.state == IncidentState.OPEN.value:
            self._open.setdefault(unit, {})[key] = record
            self.dirty.add(unit)
            return
        ended = max(record.ended_at, record.closed_at)
        if record.state == IncidentState.ENDED.value and ended >= self._ended.get(unit, (0, ""))[0]:
            unit_type = record.place.unit_type if record.place is not None else ""
            self._ended[unit] = (ended, unit_type)
            self.dirty.add(unit)
        if working is not None and working.pop(key, None) is not None:
            self.dirty.add(unit)

    def record(self, agency_id: str, unit: str, as_of: Micros) -> UnitRecord:
        """The unit's record: the latest milestone of the latest of its open responses, else available."""
        working = self._open.get(unit)
        if not working:
            since, unit_type = self._ended.get(unit, (0, ""))
            return UnitRecord(
                agency_id=agency_id,
                unit_id=unit,
                status=AVAILABLE,
                since=since,
                unit_type=unit_type,
                as_of=as_of,
            )
        latest = max(
            working.values(), key=lambda r: (r.milestones.get("dispatch", r.began_at), r.incident_id)
        )
        since, _, status = max(
            ((at, _ORDER[name], name) for name, at in latest.milestones.items() if name in _ORDER),
            default=(latest.began_at, 0, "dispatch"),
        )
        return UnitRecord(
            agency_id=agency_id,
            unit_id=unit,
            status=status,
            since=since,
            incident_id=latest.incident_id,
            unit_type=latest.place.unit_type if latest.place is not None else "",
            as_of=as_of,
        )
