"""Diversion figures as samples: rates with their parts, funnel, outcomes, of labels that stay bounded.

Shown are the breakdown ``all`` of the rolling windows and of the latest day and month, and of the other
breakdowns the rates of 24 h and 30 d. A rate whose denominator is zero is not there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec

from schemas.definitions import EDITION
from schemas.records import DiversionRecord, decode_diversion
from schemas.series import DIVERSION_BREAKDOWNS, DIVERSION_PERIODS, ROLLING, series_parts
from schemas.vocabulary import OUTCOMES
from sinks.prometheus.labels import Bounds, Refusals, clean

Sample = tuple[str, tuple[str, ...], float]

BREAKDOWN_WINDOWS = frozenset({"24h", "30d"})
SERIES_MAX = 20_000


class DiversionBoard:
    """The diversion figures of one generation. ``take`` is called by one thread, ``samples`` by any."""

    def __init__(self, refusals: Refusals, values_max: int = 200) -> None:
        self._refusals = refusals
        self._bounds = Bounds(refusals, values_max)
        self._shown: dict[str, DiversionRecord] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._shown)

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record of ``figures`` whose key is a diversion figure's."""
        with self._lock:
            self._forget(key)
            if value is None:
                return
            try:
                record = decode_diversion(value)
                if series_parts(key)[0] != record.agency_id:
                    raise ValueError(key)
            except (msgspec.MsgspecError, ValueError):
                self._refusals.unreadable["figures"] += 1
                return
            if self._wanted(record) and self._hold(record):
                self._shown[key] = record

    def _wanted(self, record: DiversionRecord) -> bool:
        if record.by not in DIVERSION_BREAKDOWNS:
            self._refusals.labels["by"] += 1
            return False
        if record.by != "all":
            return record.window in BREAKDOWN_WINDOWS
        kind = record.window.split(":", 1)[0]
        if record.window in ROLLING or kind in DIVERSION_PERIODS:
            return True
        self._refusals.labels["window"] += 1
        return False

    def _hold(self, record: DiversionRecord) -> bool:
        if len(self._shown) >= SERIES_MAX:
            self._refusals.labels["series"] += 1
            return False
        return record.by == "all" or self._bounds.hold(_scope(record), _group(record))

    def _forget(self, key: str) -> None:
        gone = self._shown.pop(key, None)
        if gone is not None and gone.by != "all":
            self._bounds.release(_scope(gone), _group(gone))

    def newest(self) -> list[DiversionRecord]:
        """Of each agency its newest figure: which agencies there are, as of when, and whether simulated."""
        with self._lock:
            shown = list(self._shown.values())
        found: dict[str, DiversionRecord] = {}
        for record in shown:
            if record.agency_id not in found or found[record.agency_id].as_of < record.as_of:
                found[record.agency_id] = record
        return list(found.values())

    def samples(self) -> Iterator[Sample]:
        """All diversion figures as they are now."""
        with self._lock:
            shown = list(self._shown.values())
        latest: dict[tuple[str, str], str] = {}
        for record in shown:
            kind = record.window.split(":", 1)[0]
            if kind in DIVERSION_PERIODS:
                of = (record.agency_id, kind)
                latest[of] = max(latest.get(of, ""), record.window)
        seen: set[tuple[str, ...]] = set()
        for record in shown:
            kind = record.window.split(":", 1)[0]
            if kind in DIVERSION_PERIODS and latest[record.agency_id, kind] != record.window:
                continue
            labels: tuple[str, ...] = (clean(record.agency_id), kind)
            if record.by != "all":
                labels = (*labels, record.by, clean(record.group))
            if labels in seen:
                self._refusals.labels["group"] += 1
                continue
            seen.add(labels)
            yield from _of_all(record, labels) if record.by == "all" else _of_group(record, labels)


def _scope(record: DiversionRecord) -> tuple[str, ...]:
    return "group", record.agency_id, record.by


def _group(record: DiversionRecord) -> str:
    return f"{record.window}/{record.group}"


def _of_all(record: DiversionRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    for formula, rate in record.rates.items():
        if formula in EDITION.formulas:
            yield "diversion_rate_ratio", (*labels, formula), rate.value
            yield "diversion_rate_numerator", (*labels, formula), rate.numerator
            yield "diversion_rate_denominator", (*labels, formula), rate.denominator
    for name, n in record.counts.items():
        yield "diversion_calls", (*labels, name), n
    for side in ("funnel", "column"):
        for step, n in getattr(record, side).items():
            if not step.startswith("outcome:"):
                yield "diversion_funnel_calls", (*labels, side, step), n
    for outcome in OUTCOMES:
        yield "diversion_outcome_calls", (*labels, outcome), record.outcomes.get(outcome, 0)
    yield "diversion_police_saved_seconds", labels, 60 * record.police_minutes_saved
    if record.arrival_p50 >= 0:
        yield "diversion_arrival_seconds", (*labels, "50"), record.arrival_p50
        yield "diversion_arrival_seconds", (*labels, "90"), record.arrival_p90


def _of_group(record: DiversionRecord, labels: tuple[str, ...]) -> Iterator[Sample]:
    for formula, rate in record.rates.items():
        if formula in EDITION.formulas:
            yield "diversion_by_group_rate_ratio", (*labels, formula), rate.value
            yield "diversion_by_group_rate_numerator", (*labels, formula), rate.numerator
            yield "diversion_by_group_rate_denominator", (*labels, formula), rate.denominator
