"""The pipeline's health as samples: what the topic ``health`` says, and how far its positions lie behind.

Health is read committed: what an aborted transaction counted never happened, and a counter must not fall.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import msgspec

from schemas.records import HealthRecord, decode_health
from schemas.times import SECOND, Micros
from schemas.topics import DEAD_LETTERS
from schemas.vocabulary import DeadLetterReason
from sinks.prometheus.figures import LAST_INSTANT, OTHER, Sample
from sinks.prometheus.labels import Refusals, clean

PARTS_MAX = 2_048
AGENCIES_MAX = 200
STAGES = frozenset({"incidents", "agency"})
_REASONS = frozenset(DeadLetterReason)

Span = Mapping[tuple[str, int], tuple[int, int]]
"""Topic (full name) and partition to its first and next offset."""


class PipelineBoard:
    """What each partition of each stage last committed; ``samples`` may be called by any thread."""

    def __init__(self, generation: int, refusals: Refusals) -> None:
        self._suffix = f".g{generation}"
        self._refusals = refusals
        self._parts: dict[str, tuple[HealthRecord, int]] = {}
        self._span: Span = {}
        self._lock = threading.Lock()

    def take(self, key: str, value: bytes | None, timestamp_ms: int) -> None:
        """Take one record of ``health``, and when it was written."""
        with self._lock:
            if value is None:
                self._parts.pop(key, None)
                return
            try:
                record = decode_health(value)
            except msgspec.MsgspecError:
                self._refusals.unreadable["health"] += 1
                return
            if key != f"{record.stage}/{record.partition}" or record.stage not in STAGES:
                self._refusals.labels["stage"] += 1
            elif key not in self._parts and len(self._parts) >= PARTS_MAX:
                self._refusals.labels["partition"] += 1
            else:
                self._parts[key] = record, timestamp_ms

    def topics(self) -> frozenset[str]:
        """The topics, by full name, whose ends are asked for: those of the positions, and dead letters."""
        with self._lock:
            return frozenset(
                {DEAD_LETTERS, *(t for record, _ in self._parts.values() for t in record.positions)}
            )

    def clocks(self) -> dict[str, Micros]:
        """Agency to its clock in stage two, which is where its figures are made."""
        with self._lock:
            found = [record.clocks for record, _ in self._parts.values() if record.stage == "agency"]
        return {
            agency_id: clock
            for clocks in found
            for agency_id, clock in clocks.items()
            if 0 <= clock < LAST_INSTANT
        }

    def measure(self, span: Span) -> None:
        """Take the topics' ends as Kafka just said them."""
        with self._lock:
            self._span = span

    def samples(self) -> Iterator[Sample]:
        """All of it as it is now."""
        with self._lock:
            parts = list(self._parts.values())
            span = self._span
        for record, timestamp_ms in parts:
            labels = (record.stage, str(record.partition))
            yield from _counters(record, labels)
            yield from _gauges(record, labels, timestamp_ms)
            yield from self._lags(record, labels, span)
        for (topic, partition), (begin, end) in span.items():
            if topic == DEAD_LETTERS:
                yield "dead_letters_kept_offsets", (str(partition),), end - begin

    def _lags(self, record: HealthRecord, labels: tuple[str, str], span: Span) -> Iterator[Sample]:
        for topic, position in record.positions.items():
            if (topic, record.partition) in span:
                # The end was asked for before the position was read or after it; behind is never less than
                # nothing.
                lag = max(0, span[topic, record.partition][1] - position)
                yield "lag_offsets", (*labels, clean(topic.removesuffix(self._suffix))), lag


def _counters(record: HealthRecord, labels: tuple[str, str]) -> Iterator[Sample]:
    yield "events_arrived_total", labels, record.arrived
    yield "events_joined_total", labels, record.joined
    others = 0
    for reason, count in record.dead.items():
        if reason in _REASONS:
            yield "events_dead_lettered_total", (*labels, reason), count
        else:
            others += count
    if others:
        yield "events_dead_lettered_total", (*labels, OTHER), others
    yield "clock_records_total", labels, record.clock_records
    yield "absorbed_records_total", labels, record.absorbed
    yield "incidents_evicted_total", labels, record.evicted
    yield "looks_failed_total", labels, record.looks_failed
    yield "labels_rejected_total", labels, record.rejected_labels
    yield "records_written_total", labels, record.records_out


def _gauges(record: HealthRecord, labels: tuple[str, str], timestamp_ms: int) -> Iterator[Sample]:
    if record.last_event_ms:
        yield "last_event_timestamp_seconds", labels, record.last_event_ms / 1000
    yield "last_commit_timestamp_seconds", labels, timestamp_ms / 1000
    agencies = {clean(agency_id): clock for agency_id, clock in sorted(record.clocks.items())[:AGENCIES_MAX]}
    for agency, clock in agencies.items():
        yield "clock_timestamp_seconds", (*labels, agency), clock / SECOND
    yield "incidents_held", labels, record.held
    yield "incidents_open", labels, record.open_incidents
    if record.worker:
        yield "worker_info", (*labels, clean(record.worker)), 1
