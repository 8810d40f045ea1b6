"""The sink: follows ``breaches`` and keeps each Alertmanager told, a thread each: none waits for another.

Two sinks side by side post the same alerts, which Alertmanager knows by their labels: one notification.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from schemas.agency import Agency
from schemas.errors import BrokerUnreachable
from schemas.records import BreachRecord, decode_breach
from sinks.alertmanager.alerts import Alert, Links, alerts_of
from sinks.alertmanager.client import Client, NotTaken, Unreachable
from sinks.alertmanager.outbox import LEASE_S, Outbox
from sinks.reading import Batch, Follower

AGAIN_AFTER_S = 2.0
_LOOK_S = 1.0
_log = logging.getLogger(__name__)


class Figures:
    """What the sink says of itself, for Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        args: dict[str, Any] = {"registry": self.registry, "labelnames": ["alertmanager"]}
        self.posted = Counter("watchroom_alerts_posted", "Alerts that Alertmanager took.", **args)
        self.failed = Counter(
            "watchroom_alerts_failed_posts",
            "Posts that Alertmanager did not take; they are tried again.",
            **args,
        )
        self.refused = Counter(
            "watchroom_alerts_refused", "Alerts that Alertmanager will never take.", **args
        )
        self.firing = Gauge("watchroom_alerts_firing", "Alerts that fire now.", **args)
        self.waiting = Gauge("watchroom_alerts_waiting", "Alerts never posted yet.", **args)
        self.last = Gauge(
            "watchroom_alerts_last_post_timestamp_seconds", "When Alertmanager last took a post.", **args
        )
        self.overtaken = Gauge(
            "watchroom_alerts_overtaken",
            "Alerts that ended before they were ever posted.",
            **args,
        )


class Target:
    """One Alertmanager, its outbox and the thread that empties it."""

    def __init__(self, client: Client, figures: Figures) -> None:
        self.client = client
        self._figures = figures
        for counter in (figures.posted, figures.failed, figures.refused):
            # There from the start, at 0: a rate of what is not there yet is no rate.
            counter.labels(client.url)
        self._outbox = Outbox()
        self._changed = threading.Condition()
        self._stop = False
        self._well = True
        self._thread = threading.Thread(target=self._run, name=f"alerts-{client.url}", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def take(self, alerts: Sequence[Alert], *, anew: bool, known: set[str] | None = None) -> None:
        """Take alerts as they are to stand; ``known``: all there are, others end."""
        with self._changed:
            now = time.time()
            for alert in alerts:
                self._outbox.take(alert, now, anew=anew)
            if known is not None:
                self._outbox.forget(set(self._outbox.firing()) - known, now)
            self._changed.notify()

    def close(self) -> None:
        """Post no more; what fires keeps its end some minutes ahead."""
        with self._changed:
            self._stop = True
            self._changed.notify()
        self._thread.join(timeout=15)
        self.client.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.time()
                while not self._stop and (wait := min(_LOOK_S, self._outbox.next() - now)) > 0:
                    self._changed.wait(wait)
                    self._count()
                    now = time.time()
                if self._stop:
                    return
                bodies = self._outbox.due(now)
            if bodies:
                self._post(bodies)

    def _count(self) -> None:
        url, figures = self.client.url, self._figures
        figures.firing.labels(url).set(len(self._outbox.firing()))
        figures.waiting.labels(url).set(self._outbox.waiting())
        figures.overtaken.labels(url).set(self._outbox.overtaken)

    def _post(self, bodies: list[tuple[str, dict[str, object]]]) -> None:
        try:
            self._give(bodies)
        except Unreachable as exc:
            self._figures.failed.labels(self.client.url).inc()
            with self._changed:
                pause = self._outbox.failed(time.time())
            if self._well:
                _log.warning("%s; tried again, at first after %.1f s", exc.message, pause)
            self._well = False
        else:
            if not self._well:
                _log.warning("Alertmanager at %s answers again", self.client.url)
            self._well = True

    def _give(self, bodies: list[tuple[str, dict[str, object]]]) -> None:
        """Post all at once; where one is refused, one by one, so that it takes no other with it."""
        try:
            self.client.post([body for _, body in bodies])
        except NotTaken as exc:
            if len(bodies) == 1:
                _log.error("%s", exc.message)
                self._figures.refused.labels(self.client.url).inc()
                with self._changed:
                    self._outbox.refused(bodies[0][0])
                return
            for one in bodies:
                self._give([one])
            return
        now = time.time()
        self._figures.posted.labels(self.client.url).inc(len(bodies))
        self._figures.last.labels(self.client.url).set(now)
        with self._changed:
            self._outbox.done([key for key, _ in bodies], now)


class AlertSink:
    """Follows ``breaches`` until it is stopped.

    Args:
        bootstrap: Kafka's address.
        urls: of the Alertmanagers, all of which are told.
        agencies: for their zones.
        links: where alerts lead.
    """

    def __init__(
        self, bootstrap: str, urls: Sequence[str], agencies: Mapping[str, Agency], links: Links
    ) -> None:
        self.figures = Figures()
        self.unreadable = 0
        self._bootstrap = bootstrap
        self._agencies = agencies
        self._links = links
        self._targets = [Target(Client(url), self.figures) for url in urls]
        self._table: dict[str, tuple[BreachRecord, int]] = {}
        self._live = False

    def run(self, stop: threading.Event) -> None:
        """Follow until ``stop`` is set; a Kafka that goes away after it was there is waited for.

        Raises:
            BrokerUnreachable: no Kafka answered, ever.
        """
        for target in self._targets:
            target.start()
        known = False
        try:
            while not stop.is_set():
                try:
                    for batch in Follower(self._bootstrap, ["breaches"], poll_ms=100).batches(stop):
                        known = True
                        self.take(batch)
                except BrokerUnreachable:
                    if not known:
                        raise
                    stop.wait(AGAIN_AFTER_S)
        finally:
            for target in self._targets:
                target.close()

    def take(self, batch: Batch) -> None:
        """Take a batch; tell nobody before all that stands was read."""
        if batch.fresh:
            self._table, self._live = {}, False
        came: dict[str, tuple[BreachRecord, int]] = {}
        for record in batch.records:
            if record.value is None:
                continue
            try:
                breach = decode_breach(record.value)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            if isinstance(breach, BreachRecord):
                self._join(came, record.key, breach, record.timestamp_ms)
        if not batch.live:
            return
        if not self._live:
            self._live = True
            alerts = [a for breach, at in self._table.values() for a in self._alerts(breach, at)]
            now = time.time()
            fresh = [a for a in alerts if a.ends is None or now - a.ends < LEASE_S]
            firing = {a.key for a in alerts if a.ends is None}
            for target in self._targets:
                target.take(fresh, anew=True, known=firing)
        elif came:
            alerts = [a for breach, at in came.values() for a in self._alerts(breach, at)]
            for target in self._targets:
                target.take(alerts, anew=False)
        self._drop_the_ended()

    def _join(
        self, came: dict[str, tuple[BreachRecord, int]], key: str, breach: BreachRecord, append_ms: int
    ) -> None:
        known = self._table.get(key)
        if known is not None and known[0].revision >= breach.revision:
            return
        self._table[key] = came[key] = (breach, append_ms)

    def _drop_the_ended(self) -> None:
        """Keep of what has ended only what is young: a breach of last week needs no memory."""
        if len(self._table) > 10_000:
            young = (time.time() - LEASE_S) * 1000
            self._table = {k: v for k, v in self._table.items() if v[0].open or v[1] > young}

    def _alerts(self, breach: BreachRecord, append_ms: int) -> list[Alert]:
        return alerts_of(breach, append_ms, self._agencies.get(breach.agency_id), self._links)
