"""What to post to one Alertmanager, and when: no clock of its own, no network.

An alert that fires is posted with an end some minutes ahead and again well before it, so that it neither
flaps nor outlives us for long. One that has ended is posted for as long, since an Alertmanager that was
killed forgets. What ended before it was ever posted is never posted: a backlog that answers itself pages
nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from schemas.times import SECOND, moment
from sinks.alertmanager.alerts import Alert

HOLD_S = 0.2
"""How long an alert waits before it is first posted, for its end may be in the next fetch."""
REFRESH_S = 20.0
LEASE_S = 300.0
"""How far ahead the end of an alert that fires is set, and how long one that has ended is still posted."""
LATE_S = 10.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.5, 30.0
BATCH = 500


@dataclass(slots=True)
class _Entry:
    alert: Alert
    due: float
    posted: bool = False
    late: str = ""


class Outbox:
    """What one Alertmanager is to know.

    Attributes:
        overtaken: how many alerts ended before they were ever posted.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._back_off = 0.0
        self._not_before = 0.0
        self.overtaken = 0

    def __len__(self) -> int:
        return len(self._entries)

    def waiting(self) -> int:
        """How many were never posted yet."""
        return sum(not entry.posted for entry in self._entries.values())

    def firing(self) -> dict[str, Alert]:
        """The alerts that fire, by key."""
        return {key: e.alert for key, e in self._entries.items() if e.alert.ends is None}

    def take(self, alert: Alert, now: float, *, anew: bool = False) -> None:
        """Take an alert as it is to stand from now on.

        ``anew``: what it was before is not known to us, who have just started. One that has ended is posted
        all the same then, for another life of ours may have posted it.
        """
        known = self._entries.get(alert.key)
        if known is None:
            if alert.ends is None:
                self._entries[alert.key] = _Entry(alert, now if anew else now + HOLD_S)
            elif anew and now - alert.ends < LEASE_S:
                self._entries[alert.key] = _Entry(alert, now, posted=True)
            return
        if alert.ends is not None and not known.posted:
            del self._entries[alert.key]
            self.overtaken += 1
        elif alert != known.alert:
            starts = min(alert.starts, known.alert.starts) if known.alert.ends is None else alert.starts
            known.alert = replace(alert, starts=starts)
            known.due = now if known.posted else known.due

    def forget(self, keys: Iterable[str], now: float) -> None:
        """Alerts whose breach is no more, as after a rebuild: they end now."""
        for key in list(keys):
            known = self._entries.get(key)
            if known is not None and known.alert.ends is None:
                note = {**known.alert.annotations, "outcome": "withdrawn: computed anew"}
                self.take(replace(known.alert, ends=now, annotations=note), now)

    def next(self) -> float:
        """When to look again."""
        first = min((entry.due for entry in self._entries.values()), default=float("inf"))
        return max(first, self._not_before)

    def due(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """What is to be posted now, oldest first: key and body."""
        if now < self._not_before:
            return []
        keys = sorted(
            (k for k, e in self._entries.items() if e.due <= now), key=lambda k: self._entries[k].due
        )
        return [(key, self._body(self._entries[key], now)) for key in keys[:BATCH]]

    def _body(self, entry: _Entry, now: float) -> dict[str, Any]:
        alert, notes = entry.alert, dict(entry.alert.annotations)
        if not entry.posted and now - alert.told > LATE_S:
            entry.late = f"{now - alert.told:.0f} s late: Alertmanager or this sink was away"
        if entry.late:
            notes["late"] = entry.late
        return {
            "labels": dict(alert.labels),
            "annotations": notes,
            "startsAt": stamp(alert.starts),
            "endsAt": stamp(now + LEASE_S if alert.ends is None else max(alert.ends, alert.starts + 0.001)),
        }

    def done(self, keys: Iterable[str], now: float) -> None:
        """They were taken."""
        self._back_off = self._not_before = 0.0
        for key in keys:
            entry = self._entries.get(key)
            if entry is None:
                continue
            entry.posted, entry.due = True, now + REFRESH_S
            if entry.alert.ends is not None and now - entry.alert.ends > LEASE_S:
                del self._entries[key]

    def refused(self, key: str) -> None:
        """It will never be taken."""
        self._entries.pop(key, None)

    def failed(self, now: float) -> float:
        """Nobody took anything; returns for how many seconds nothing is tried."""
        self._back_off = min(BACKOFF_MAX_S, max(BACKOFF_MIN_S, self._back_off * 2))
        self._not_before = now + self._back_off
        return self._back_off


def stamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339.

    >>> stamp(1.5)
    '1970-01-01T00:00:01.500000Z'
    """
    return moment(round(seconds * SECOND)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
