"""Breaches as samples: how many are open, by interval and severity, and what became of those there were."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import BreachRecord, decode_breach
from schemas.vocabulary import BreachState, Withdrawal
from sinks.prometheus.figures import OTHER, Sample
from sinks.prometheus.labels import Refusals, clean

_STATES = frozenset(BreachState)
_REASONS = frozenset(Withdrawal) | EDITION.reasons.keys() | {""}
_Known = tuple[tuple[int, int], tuple[str, str, str, str]]
"""(revision, (agency, interval, state, reason))"""


class BreachBoard:
    """The breaches on the topic, counted; ``samples`` may be called by any thread."""

    def __init__(self, agencies: Mapping[str, Agency], refusals: Refusals) -> None:
        self._agencies = agencies
        self._refusals = refusals
        self._known: dict[str, _Known] = {}
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._lock = threading.Lock()

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record of ``breaches``."""
        with self._lock:
            if value is None:
                known = self._known.pop(key, None)
                if known is not None:
                    self._counts[known[1]] -= 1
                return
            try:
                record = decode_breach(value)
            except msgspec.MsgspecError:
                self._refusals.unreadable["breaches"] += 1
                return
            if isinstance(record, BreachRecord):
                self._join(key, record)

    def _join(self, key: str, record: BreachRecord) -> None:
        if record.agency_id not in self._agencies:
            self._refusals.labels["agency"] += 1
            return
        if record.interval not in EDITION.intervals or record.state not in _STATES:
            self._refusals.labels["interval"] += 1
            return
        known = self._known.get(key)
        if known is not None:
            if known[0] >= record.revision:
                return
            self._counts[known[1]] -= 1
        reason = record.reason if record.reason in _REASONS else OTHER
        labels = (clean(record.agency_id), record.interval, record.state, reason)
        self._known[key] = record.revision, labels
        self._counts[labels] += 1

    def samples(self) -> Iterator[Sample]:
        """All of it as it is now; open ones of every clock there is, 0 too: a rule has what to ask."""
        with self._lock:
            counts = dict(self._counts)
        for agency_id, agency in self._agencies.items():
            rules = agency.rules[-1]
            for interval in (*rules.response_clocks, *rules.incident_clocks):
                for severity in ("amber", "red"):
                    labels = (clean(agency_id), interval, severity)
                    yield "breaches_open", labels, counts.get((*labels, ""), 0)
        for labels_ended, count in sorted(counts.items()):
            if labels_ended[2] in ("closed", "withdrawn"):
                yield "breaches_ended", labels_ended, count
