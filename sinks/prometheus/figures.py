"""Figures as samples: what the topic ``figures`` holds now, under labels that stay bounded.

Shown are the breakdown ``all`` of the rolling windows and of the calendar periods the agency is in, and of
1 h and 24 h those other breakdowns that the operator wants. A series that is tombstoned is gone at the next
scrape; one with n = 0 has no percentile; a group of which there is nothing to say has no sample.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import FigureRecord, decode_figure
from schemas.series import BREAKDOWNS, CALENDAR, ROLLING, is_diversion, series_parts
from schemas.times import DAY, SECOND, Micros
from schemas.vocabulary import MODES, UNKNOWN, Standing
from sinks.prometheus.distribution import WINDOW, buckets
from sinks.prometheus.diversion import DiversionBoard
from sinks.prometheus.labels import Bounds, Refusals, clean
from sinks.prometheus.periods import current, kind_of
from sinks.prometheus.targets import target_samples

Sample = tuple[str, tuple[str, ...], float]
"""Name of a metric without its prefix ``watchroom_``, label values, value."""

BREAKDOWN_WINDOWS = frozenset({"1h", "24h"})
SERIES_MAX = 200_000
AGENCIES_MAX = 200
PERCENTILES = ("50", "90", "95")
OTHER = "other"
"""What a reason outside the definitions is counted under."""

_CLOSED = {
    "interval": frozenset(EDITION.intervals),
    "mode": frozenset((*MODES, UNKNOWN)),
    "by": frozenset(BREAKDOWNS),
}
LAST_INSTANT: Micros = 8_000 * 365 * DAY
"""An agency's time beyond this (about the year 9964) has no calendar."""


class Shown(NamedTuple):
    """One figure that is shown, and its labels: agency, interval, mode, window; of a group by and group."""

    record: FigureRecord
    labels: tuple[str, ...]


class FigureBoard:
    """The figures of one generation. ``take`` is called by one thread, ``samples`` by any."""

    def __init__(
        self,
        agencies: Mapping[str, Agency],
        refusals: Refusals,
        values_max: int = 200,
        breakdowns: Collection[str] = BREAKDOWNS,
    ) -> None:
        self._agencies = agencies
        self._breakdowns = frozenset(breakdowns)
        self._refusals = refusals
        self._bounds = Bounds(refusals, values_max)
        self._shown: dict[str, Shown] = {}
        self._owners: dict[tuple[str, ...], str] = {}
        self._as_of: dict[str, Micros] = {}
        self._editions: dict[str, int] = {}
        self._lock = threading.Lock()
        self._diversion = DiversionBoard(refusals, values_max)

    def __len__(self) -> int:
        return len(self._shown) + len(self._diversion)

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record of ``figures``: a figure, or the tombstone of one."""
        if is_diversion(key):
            self._diversion.take(key, value)
            return
        with self._lock:
            if value is None:
                self._forget(key)
                return
            try:
                record = decode_figure(value)
                if series_parts(key)[0] != record.agency_id or not 0 <= record.as_of < LAST_INSTANT:
                    raise ValueError(key)
            except (msgspec.MsgspecError, ValueError):
                self._refusals.unreadable["figures"] += 1
                # What it was before is not what it is now, so nothing is shown.
                self._forget(key)
                return
            self._show(key, record)

    def _show(self, key: str, record: FigureRecord) -> None:
        if record.agency_id not in self._as_of and len(self._as_of) >= AGENCIES_MAX:
            self._refusals.labels["agency"] += 1
            return
        self._as_of[record.agency_id] = max(record.as_of, self._as_of.get(record.agency_id, 0))
        self._editions[record.agency_id] = record.edition
        kind = kind_of(record.window)
        if not self._known(record) or not self._wanted(record, kind):
            self._forget(key)
            return
        old = self._shown.get(key)
        if old is not None:
            if not record.histogram and record.n:
                # Sent once a minute: until the next one, the last is the newest there is.
                record.histogram = old.record.histogram
            # The labels are the key's, and the key is the same.
            self._shown[key] = old._replace(record=record)
            return
        labels = self._labels(record, kind)
        if self._cedes(labels, record, kind) and self._hold(labels):
            self._shown[key] = Shown(record, labels)
            self._owners[labels] = key

    def _known(self, record: FigureRecord) -> bool:
        """Whether its labels are of the closed sets; a reason that is not is shown as ``other``."""
        for name, value in (("interval", record.interval), ("mode", record.mode), ("by", record.by)):
            if value not in _CLOSED[name]:
                self._refusals.labels[name] += 1
                return False
        if not EDITION.reasons.keys() >= record.excluded.keys():
            self._refusals.labels["reason"] += 1
        return True

    def _wanted(self, record: FigureRecord, kind: str) -> bool:
        if record.by != "all":
            return record.by in self._breakdowns and record.window in BREAKDOWN_WINDOWS
        if not kind:
            if record.window not in ROLLING:
                self._refusals.labels["window"] += 1
            return record.window in ROLLING
        agency = self._agencies.get(record.agency_id)
        # Of a period that was not the agency's own when it was published nothing is ever shown.
        return agency is not None and record.window == current(kind, record.as_of, agency)[0]

    @staticmethod
    def _labels(record: FigureRecord, kind: str) -> tuple[str, ...]:
        labels = tuple(map(clean, (record.agency_id, record.interval, record.mode, kind or record.window)))
        return labels if record.by == "all" else (*labels, record.by, clean(record.group))

    def _cedes(self, labels: tuple[str, ...], record: FigureRecord, kind: str) -> bool:
        """Whether the labels are free: a later period takes them over; no two series share them."""
        owner = self._owners.get(labels)
        if owner is None:
            return True
        if kind and self._shown[owner].record.window < record.window:
            self._forget(owner)
            return True
        if not kind:
            self._refusals.labels["group" if record.by != "all" else "agency"] += 1
        return False

    def _hold(self, labels: tuple[str, ...]) -> bool:
        if len(self._shown) >= SERIES_MAX:
            self._refusals.labels["series"] += 1
            return False
        return len(labels) < 6 or self._bounds.hold(("group", labels[0], labels[4]), labels[5])

    def _forget(self, key: str) -> None:
        gone = self._shown.pop(key, None)
        if gone is None:
            return
        del self._owners[gone.labels]
        if len(gone.labels) == 6:
            self._bounds.release(("group", gone.labels[0], gone.labels[4]), gone.labels[5])

    def samples(self, clocks: Mapping[str, Micros] = MappingProxyType({})) -> Iterator[Sample]:
        """All figures as they are now, and the facts about them.

        Args:
            clocks: agency to its clock, where it is known: it goes on while no figure changes.
        """
        with self._lock:
            shown = list(self._shown.values())
            as_of = dict(self._as_of)
            editions = dict(self._editions)
        periods = {
            (agency_id, kind): current(
                kind, max(instant, clocks.get(agency_id, 0)), self._agencies[agency_id]
            )
            for agency_id, instant in as_of.items()
            if agency_id in self._agencies
            for kind in CALENDAR
        }
        seen: set[tuple[str, str]] = set()
        for one in shown:
            kind = kind_of(one.record.window)
            if kind:
                if periods[one.record.agency_id, kind][0] != one.record.window:
                    continue
                seen.add((one.record.agency_id, kind))
            yield from (all_samples if one.record.by == "all" else group_samples)(one.record, one.labels)
        yield from self._diversion.samples()
        for agency_id, kind in sorted(seen):
            yield (
                "period_start_timestamp_seconds",
                (clean(agency_id), kind),
                periods[agency_id, kind][1] / SECOND,
            )
        simulated = {one.record.agency_id for one in shown if one.record.simulated}
        known = {one.labels[0]: one.record.agency_id for one in shown}
        # An agency with mediation alone has figures too, and is told of like any other.
        for record in self._diversion.newest():
            if record.simulated:
                simulated.add(record.agency_id)
            agency_id = known.setdefault(clean(record.agency_id), record.agency_id)
            as_of[agency_id] = max(record.as_of, as_of.get(agency_id, 0))
            editions.setdefault(agency_id, record.edition)
        for label, agency_id in known.items():
            yield "figures_as_of_timestamp_seconds", (label,), as_of[agency_id] / SECOND
            yield "edition_info", (label, str(editions[agency_id])), 1
            agency = self._agencies.get(agency_id)
            if agency is not None:
                said = "true" if agency.simulated or agency_id in simulated else "false"
                yield "agency_info", (label, clean(agency.name), agency.time_zone, said), 1
                now = max(as_of[agency_id], clocks.get(agency_id, 0))
                yield from target_samples(agency, now, Bounds(self._refusals))


def _percentiles(record: FigureRecord) -> Iterator[tuple[str, int]]:
    if record.n > 0:
        yield from zip(PERCENTILES, (record.p50, record.p90, record.p95), strict=True)


def _excluded(record: FigureRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    others = 0
    for reason, count in record.excluded.items():
        if reason in EDITION.reasons:
            yield "interval_excluded", (*labels, reason), count
        else:
            others += count
    if others:
        yield "interval_excluded", (*labels, OTHER), others


def _standing(record: FigureRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    # Where a target binds, none standing is said as 0: an alert must not wait for a series to appear.
    if record.bound or record.late or record.standing:
        for standing in Standing:
            yield "standing_breaches", (*labels, standing.value), record.standing.get(standing, 0)


def all_samples(record: FigureRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    """The samples of one figure of the breakdown ``all``."""
    for percentile, value in _percentiles(record):
        yield "interval_seconds", (*labels, percentile), value
    yield "interval_measurements", labels, record.n
    yield "interval_bound_measurements", labels, record.bound
    yield "interval_within_measurements", labels, record.within
    yield "interval_late", labels, record.late
    yield from _excluded(record, labels)
    yield "interval_open", labels, record.open
    yield "interval_merged", labels, record.merged
    if record.compliance is not None:
        yield "compliance_ratio", labels, record.compliance
    if record.compliance_late_included is not None:
        yield "compliance_late_included_ratio", labels, record.compliance_late_included
    yield from _standing(record, labels)
    if record.window == WINDOW and record.histogram:
        for edge, count in buckets(record.histogram):
            yield "interval_distribution_measurements", (*labels, edge), count


def group_samples(record: FigureRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    """The samples of one group of a breakdown; why things were excluded is told of ``all`` alone.

    Groups are a hundred times as many as figures of ``all``, so what is nothing is not said of them: no group
    with nothing measured, open or late, and no breaches of which none stands.
    """
    if not (record.n or record.open or record.bound or record.late or record.standing):
        return
    for percentile, value in _percentiles(record):
        yield "interval_by_group_seconds", (*labels, percentile), value
    yield "interval_by_group_measurements", labels, record.n
    if record.bound or record.late:
        yield "interval_by_group_bound_measurements", labels, record.bound
        yield "interval_by_group_within_measurements", labels, record.within
        yield "interval_by_group_late", labels, record.late
    yield "interval_by_group_open", labels, record.open
    if record.compliance is not None:
        yield "compliance_by_group_ratio", labels, record.compliance
    if record.compliance_late_included is not None:
        yield "compliance_by_group_late_included_ratio", labels, record.compliance_late_included
    for standing in Standing:
        if record.standing.get(standing, 0):
            yield "standing_breaches_by_group", (*labels, standing.value), record.standing[standing]
