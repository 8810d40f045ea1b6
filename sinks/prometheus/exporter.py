"""The exporter: a thread a topic, which keeps a board, and prometheus-client's server, which shows them.

A board is shown only when its topic has been read up to the present, and stays until the next generation's
board has been: a scrape never sees half of what is.
"""

from __future__ import annotations

import platform
import queue
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from schemas.agency import Agency
from schemas.errors import BrokerUnreachable, ConfigurationError
from schemas.series import BREAKDOWNS
from sinks.prometheus.breaches import BreachBoard
from sinks.prometheus.exposition import application
from sinks.prometheus.figures import FigureBoard, Sample
from sinks.prometheus.labels import Refusals
from sinks.prometheus.pipeline import PipelineBoard
from sinks.prometheus.units import UnitBoard
from sinks.reading import Batch, Follower, Generation

SPAN_EVERY_S = 5.0
AGAIN_AFTER_S = 5.0


def build() -> tuple[str, str]:
    """Watchroom's version and Python's."""
    try:
        ours = version("watchroom")
    except PackageNotFoundError:
        ours = "unknown"
    return ours, platform.python_version()


class Boards:
    """What is shown now, and the exporter's own state."""

    def __init__(self, agencies: Mapping[str, Agency], breakdowns: Collection[str] = BREAKDOWNS) -> None:
        self.agencies = agencies
        self.breakdowns = breakdowns
        self.refusals = Refusals()
        self.figures: FigureBoard | None = None
        self.pipeline: PipelineBoard | None = None
        self.units: UnitBoard | None = None
        self.breaches: BreachBoard | None = None
        self.generation: Generation | None = None
        self.kafka_up = False
        self.last_read_s: dict[str, float] = {}

    def samples(self) -> Iterator[Sample]:
        """All samples of one scrape."""
        figures, pipeline = self.figures, self.pipeline
        if figures is not None:
            yield from figures.samples(pipeline.clocks() if pipeline is not None else {})
        if pipeline is not None:
            yield from pipeline.samples()
        if self.units is not None:
            yield from self.units.samples()
        if self.breaches is not None:
            yield from self.breaches.samples()
        yield "build_info", build(), 1
        g = self.generation
        if g is not None:
            said = (g.generation, g.edition, g.partitions, g.result_partitions)
            yield "generation_info", tuple(map(str, said)), 1
        yield "exporter_kafka_up", (), int(self.kafka_up)
        yield "exporter_ready", ("figures",), int(self.figures is not None)
        yield "exporter_ready", ("health",), int(self.pipeline is not None)
        yield "exporter_ready", ("units",), int(self.units is not None)
        yield "exporter_ready", ("breaches",), int(self.breaches is not None)
        for topic, at in list(self.last_read_s.items()):
            yield "exporter_last_read_timestamp_seconds", (topic,), at
        yield "exporter_series", (), len(self.figures) if self.figures is not None else 0
        for label, count in sorted(self.refusals.labels.items()):
            yield "exporter_rejected_labels_total", (label,), count
        for topic in ("figures", "health", "units", "breaches"):
            yield "exporter_unreadable_records_total", (topic,), self.refusals.unreadable[topic]


class _FigureReader:
    """Keeps ``boards.figures``."""

    topic = "figures"
    committed = False

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self._next: FigureBoard | None = None

    def take(self, batch: Batch, _follower: Follower) -> None:
        if batch.fresh or self._next is None:
            self._next = FigureBoard(
                self._boards.agencies, self._boards.refusals, breakdowns=self._boards.breakdowns
            )
        for record in batch.records:
            self._next.take(record.key, record.value)
        if batch.live:
            self._boards.figures = self._next
            self._boards.generation = batch.generation


class _HealthReader:
    """Keeps ``boards.pipeline``, and asks Kafka how long its topics are."""

    topic = "health"
    committed = True

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self._next: PipelineBoard | None = None
        self._asked = 0.0
        self._topics: frozenset[str] = frozenset()

    def take(self, batch: Batch, follower: Follower) -> None:
        if batch.generation is None:
            return
        if batch.fresh or self._next is None:
            self._next = PipelineBoard(batch.generation.generation, self._boards.refusals)
            self._topics = frozenset()
        for record in batch.records:
            self._next.take(record.key, record.value, record.timestamp_ms)
        if not batch.live:
            return
        self._boards.pipeline = self._next
        topics = self._next.topics()
        if topics != self._topics or time.monotonic() - self._asked >= SPAN_EVERY_S:
            self._topics, self._asked = topics, time.monotonic()
            try:
                self._next.measure(follower.span(topics))
                self._boards.kafka_up = True
            except BrokerUnreachable:
                # Lags of long ago are no lags.
                self._next.measure({})
                self._boards.kafka_up = False


class _UnitReader:
    """Keeps ``boards.units``."""

    topic = "units"
    committed = False

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self._next: UnitBoard | None = None

    def take(self, batch: Batch, _follower: Follower) -> None:
        if batch.fresh or self._next is None:
            self._next = UnitBoard(self._boards.refusals)
        for record in batch.records:
            self._next.take(record.key, record.value)
        if batch.live:
            self._boards.units = self._next


class _BreachReader:
    """Keeps ``boards.breaches``."""

    topic = "breaches"
    committed = False

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self._next: BreachBoard | None = None

    def take(self, batch: Batch, _follower: Follower) -> None:
        if batch.fresh or self._next is None:
            self._next = BreachBoard(self._boards.agencies, self._boards.refusals)
        for record in batch.records:
            self._next.take(record.key, record.value)
        if batch.live:
            self._boards.breaches = self._next


_Reader = _FigureReader | _HealthReader | _UnitReader | _BreachReader


class Exporter:
    """Reads until closed. What it shows stays what it is while Kafka is away; ``exporter_kafka_up`` says so.

    Args:
        bootstrap: Kafka's address.
        agencies: the agencies' files, for names, zones and shifts.
        host: address to listen on.
        port: and port; 0 takes a free one.
        breakdowns: whose groups are shown.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """

    def __init__(
        self,
        bootstrap: str,
        agencies: Mapping[str, Agency],
        host: str,
        port: int,
        breakdowns: Collection[str] = BREAKDOWNS,
    ) -> None:
        self.boards = Boards(agencies, breakdowns)
        self._bootstrap = bootstrap
        self._stop = threading.Event()
        self._failed: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        # The exporter's own memory and processor, under Prometheus's usual names.
        process = CollectorRegistry()
        ProcessCollector(registry=process)
        self._server, self._served = listen(host, port, process)
        self._server.set_app(application(self.boards.samples, process))
        self.url = f"http://{host}:{self._server.server_port}/metrics"
        self._threads = [
            threading.Thread(
                target=self._read, args=(make(self.boards),), name=f"read-{make.topic}", daemon=True
            )
            for make in (_FigureReader, _HealthReader, _UnitReader, _BreachReader)
        ]

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return after the time-out, or raise what ended a reader: figures that stand must not look alive.

        Raises:
            BrokerUnreachable: no Kafka answered, ever; one that answered once is waited for.
        """
        try:
            raise self._failed.get(timeout=timeout_s)
        except queue.Empty:
            return

    def close(self) -> None:
        """Stop reading and listening."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in (*self._threads, self._served):
            if thread.is_alive():
                thread.join(timeout=15)

    def _read(self, reader: _Reader) -> None:
        known = False
        while not self._stop.is_set():
            try:
                for batch in self._batches(reader):
                    reader.take(*batch)
                    known = True
            except BrokerUnreachable as exc:
                self.boards.kafka_up = False
                if not known:
                    self._failed.put(exc)
                    return
                self._stop.wait(AGAIN_AFTER_S)
            except Exception as exc:
                self._failed.put(exc)
                return

    def _batches(self, reader: _Reader) -> Iterator[tuple[Batch, Follower]]:
        follower = Follower(self._bootstrap, [reader.topic], committed=reader.committed)
        for number, batch in enumerate(follower.batches(self._stop)):
            if number == 0:
                self.boards.kafka_up = True
            if batch.records:
                self.boards.last_read_s[reader.topic] = time.time()
            yield batch, follower


def listen(host: str, port: int, registry: CollectorRegistry) -> tuple[WSGIServer, threading.Thread]:
    """Serve a registry over HTTP.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        return start_http_server(port, host, registry)
    except OSError as exc:
        raise ConfigurationError(
            f"the exporter cannot listen on {host}:{port}: {exc.strerror or exc}; set exporter_host and "
            "exporter_port (WATCHROOM_EXPORTER_PORT), or stop what is there"
        ) from exc
