"""What each unit is doing, from its open responses (topic ``units``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from schemas.records import UnitRecord
from schemas.times import Micros
from schemas.vocabulary import UNIT_MILESTONES, IncidentState
from streams.agency.columns import Slab
from streams.agency.reading import ResponseRead, milestones_of

_ORDER = {name: index for index, name in enumerate(UNIT_MILESTONES)}
_OPEN, _ENDED = IncidentState.OPEN.value, IncidentState.ENDED.value
AVAILABLE = "available"


class _Working(NamedTuple):
    """An open response: the latest by dispatch, then by incident, says what its unit is doing."""

    dispatched: Micros
    incident_id: str
    since: Micros
    status: str
    unit_type: str


class Units:
    """The units of one agency. When one became available is found in the columns: the latest end held.

    Attributes:
        dirty: units whose record may have changed since the caller last emptied this set.
    """

    def __init__(self) -> None:
        self._open: dict[str, dict[bytes, _Working]] = {}
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._types: dict[str, int] = {}
        self._type_names: list[str] = []
        self.dirty: set[str] = set()

    def take(self, key: bytes, record: ResponseRead, unit_type: str) -> tuple[int, int, Micros]:
        """Remember a response while it is open.

        Args:
            key: the response's.
            record: what is known of it now.
            unit_type: the unit's, empty where nobody said.

        Returns:
            What the columns hold of it: the codes of its unit and unit type, and when it ended, 0 where it
            has not.
        """
        unit = record.unit_id
        self.dirty.add(unit)
        code = self._codes.get(unit)
        if code is None:
            code = self._codes[unit] = len(self._names)
            self._names.append(unit)
        type_code = self._types.get(unit_type)
        if type_code is None:
            type_code = self._types[unit_type] = len(self._type_names)
            self._type_names.append(unit_type)
        if record.state == _OPEN:
            self._open.setdefault(unit, {})[key] = _working(record, unit_type)
        else:
            self._end(unit, key)
        ended = max(record.ended_at, record.closed_at) if record.state == _ENDED else 0
        return code, type_code, ended

    def _end(self, unit: str, key: bytes) -> None:
        working = self._open.get(unit)
        if working is not None and working.pop(key, None) is not None and not working:
            del self._open[unit]

    def forget(self, keys: Iterable[bytes], codes: Iterable[int]) -> None:
        """Responses are no longer kept: their keys, and their units' codes as ``take`` gave them."""
        for key, code in zip(keys, codes, strict=True):
            unit = self._names[code]
            self.dirty.add(unit)
            self._end(unit, key)

    def records(self, agency_id: str, as_of: Micros, responses: Slab) -> list[tuple[str, UnitRecord | None]]:
        """What the dirty units do, which are clean then; None where no response of one is held any more."""
        units, self.dirty = sorted(self.dirty), set()
        resting = self._rested([unit for unit in units if unit not in self._open], responses)
        found: list[tuple[str, UnitRecord | None]] = []
        for unit in units:
            working = self._open.get(unit)
            if working is None and unit not in resting:
                found.append((unit, None))
                continue
            record = UnitRecord(agency_id=agency_id, unit_id=unit, status=AVAILABLE, since=0, as_of=as_of)
            if working is not None:
                latest = max(working.values())
                record.status, record.since = latest.status, latest.since
                record.incident_id, record.unit_type = latest.incident_id, latest.unit_type
            else:
                record.since, record.unit_type = resting[unit]
            found.append((unit, record))
        return found

    def _rested(self, units: list[str], responses: Slab) -> dict[str, tuple[Micros, str]]:
        """Of units without an open response: when the last one ended, and the type it was sent as."""
        if not units:
            return {}
        asked = np.zeros(len(self._names) + 1, np.bool_)  # the last is what -1, a free row, finds
        asked[[self._codes[unit] for unit in units]] = True
        rows = np.flatnonzero(asked[responses.unit])
        code, ended = responses.unit[rows], responses.ended[rows]
        latest = np.zeros(asked.size, np.int64)
        np.maximum.at(latest, code, ended)
        best = dict.fromkeys(np.unique(code).tolist(), (0, ""))
        last = np.flatnonzero((ended > 0) & (ended == latest[code]))
        names = [self._type_names[t] for t in responses.unit_type[rows[last]].tolist()]
        for unit, at, name in zip(code[last].tolist(), ended[last].tolist(), names, strict=True):
            best[unit] = max(best[unit], (at, name))
        return {unit: best[c] for unit in units if (c := self._codes[unit]) in best}


def _working(record: ResponseRead, unit_type: str) -> _Working:
    """The latest milestone of an open response."""
    milestones = milestones_of(record.milestones)
    since, _, status = max(
        ((at, _ORDER[name], name) for name, at in milestones.items() if name in _ORDER),
        default=(record.began_at, 0, "dispatch"),
    )
    dispatched = milestones.get("dispatch", record.began_at)
    return _Working(dispatched, record.incident_id, since, status, unit_type)
