"""Units by what they do now: the topic ``units``, counted by status and type. No unit is ever named."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import msgspec

from schemas.records import decode_unit
from schemas.vocabulary import UNIT_MILESTONES, UNKNOWN
from sinks.prometheus.figures import AGENCIES_MAX, Sample
from sinks.prometheus.labels import Bounds, Refusals, clean

UNITS_MAX = 50_000
TYPES_MAX = 50
STATUSES = frozenset(("available", *UNIT_MILESTONES))

_Held = tuple[str, str, str]
"""Agency, status, unit type: the labels."""


class UnitBoard:
    """What each unit does, of one generation. ``take`` is called by one thread, ``samples`` by any."""

    def __init__(self, refusals: Refusals, types_max: int = TYPES_MAX) -> None:
        self._refusals = refusals
        self._bounds = Bounds(refusals, types_max)
        self._agencies = Bounds(refusals, AGENCIES_MAX)
        self._units: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record of ``units``, or the tombstone of one."""
        with self._lock:
            self._forget(key)
            if value is None:
                return
            try:
                unit = decode_unit(value)
            except msgspec.MsgspecError:
                self._refusals.unreadable["units"] += 1
                return
            if unit.status not in STATUSES:
                self._refusals.labels["status"] += 1
                return
            labels = (clean(unit.agency_id), unit.status, clean(unit.unit_type or UNKNOWN))
            if len(self._units) >= UNITS_MAX:
                self._refusals.labels["unit"] += 1
            elif self._hold(labels):
                self._units[key] = labels

    def _hold(self, labels: _Held) -> bool:
        agency, _, unit_type = labels
        if not self._agencies.hold(("agency",), agency):
            return False
        if self._bounds.hold(("unit_type", agency), unit_type):
            return True
        self._agencies.release(("agency",), agency)
        return False

    def _forget(self, key: str) -> None:
        gone = self._units.pop(key, None)
        if gone is not None:
            self._agencies.release(("agency",), gone[0])
            self._bounds.release(("unit_type", gone[0]), gone[2])

    def samples(self) -> Iterator[Sample]:
        """How many units of each type do what; of a type that is there, no status is left out."""
        with self._lock:
            counts = Counter(self._units.values())
        for agency, unit_type in sorted({(a, t) for a, _, t in counts}):
            for status in ("available", *UNIT_MILESTONES):
                yield "units", (agency, status, unit_type), counts[agency, status, unit_type]
