"""What the topics `health` and `figures` say of the pipeline now: read once, or followed by a thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from schemas.errors import BrokerUnreachable, WatchroomError
from schemas.records import FigureRecord, HealthRecord, decode_figure, decode_health
from schemas.series import is_diversion
from schemas.topics import EVENTS
from sinks.consumers import begins, consumer, ends, partitions
from sinks.reading import Batch, Follower, Generation, Reader, Record

SPAN_EVERY_S = 1.0
AGAIN_AFTER_S = 1.0
RATE_OVER_S = 5.0

Span = dict[tuple[str, int], tuple[int, int]]
"""Topic (full name) and partition to its first and next offset."""


@dataclass
class Board:
    """One look.

    Attributes:
        generation: that readers use; None before the first worker ever ran.
        health: ``stage/partition`` to what it last committed, and when (milliseconds since the epoch).
        figures: series to figure, of the breakdown ``all``.
        span: of the topics that are read.
        live: whether all that stood there has been read.
        error: why it does not move, empty while it does.
        per_second: events that arrived, over the last few seconds; None before anybody knows.
    """

    generation: Generation | None = None
    health: dict[str, tuple[HealthRecord, int]] = field(default_factory=dict)
    figures: dict[str, FigureRecord] = field(default_factory=dict)
    span: Span = field(default_factory=dict)
    live: bool = False
    error: str = ""
    per_second: float | None = None

    def take(self, records: Iterable[Record]) -> None:
        """Take records of both topics; what can't be read is left out, the exporter counts it."""
        for record in records:
            if record.topic == "health":
                self._take_health(record)
            elif record.key.endswith("/all/all") and not is_diversion(record.key):
                self._take_figure(record)

    def _take_health(self, record: Record) -> None:
        if record.value is None:
            self.health.pop(record.key, None)
            return
        try:
            self.health[record.key] = decode_health(record.value), record.timestamp_ms
        except msgspec.MsgspecError:
            return

    def _take_figure(self, record: Record) -> None:
        self.figures.pop(record.key, None)
        if record.value is None:
            return
        try:
            self.figures[record.key] = decode_figure(record.value)
        except msgspec.MsgspecError:
            return

    def topics(self) -> set[str]:
        """Full names of the topics that the stages read."""
        return {EVENTS, *(topic for record, _ in self.health.values() for topic in record.positions)}

    def arrived(self) -> int:
        """Events that have arrived at stage one."""
        return sum(r.arrived for r, _ in self.health.values() if r.stage == "incidents")


def once(bootstrap: str, *, figures: bool = True) -> Board:
    """The board as it stands, committed.

    Args:
        bootstrap: Kafka's address.
        figures: whether they are wanted; there are many more of them than of all else.

    Raises:
        BrokerUnreachable: no Kafka answers.
    """
    with Reader(bootstrap) as reader:
        board = Board(reader.generation(), live=True)
        if board.generation is not None:
            for records in reader.whole(
                ["health", *(["figures"] if figures else [])], board.generation.generation
            ):
                board.take(records)
    with consumer(bootstrap, committed=False) as asking:
        asked = partitions(asking, board.topics())
        first, last = begins(asking, asked), ends(asking, asked)
        board.span = {(p.topic, p.partition): (first[p], last[p]) for p in asked}
    return board


class Rate:
    """Events a second over the last few seconds, from a count that grows once a second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, at_s: float, count: int) -> float | None:
        """Note a count; returns the rate, None before there are two.

        >>> rate = Rate()
        >>> rate.per_second(0.0, 100), rate.per_second(2.0, 300)
        (None, 100.0)
        """
        seen = self._seen
        if seen and count < seen[-1][1]:
            seen.clear()  # another generation counts from nothing
        seen.append((at_s, count))
        while len(seen) > 2 and seen[1][0] <= at_s - RATE_OVER_S:
            seen.popleft()
        since = at_s - seen[0][0]
        return (count - seen[0][1]) / since if since > 0 else None


class Watch:
    """A thread that follows both topics, committed: what an aborted transaction said never happened.

    Args:
        bootstrap: Kafka's address. One that is away for a while is waited for.
    """

    def __init__(self, bootstrap: str) -> None:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._bootstrap = bootstrap
        self._board = Board()
        self._shown = Board()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._rate = Rate()
        self._asked = 0.0

    def board(self) -> Board:
        """The latest look; it is nobody else's and does not change."""
        with self._lock:
            shown = self._shown
            return replace(shown, health=dict(shown.health), figures=dict(shown.figures))

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                follower = Follower(self._bootstrap, ["health", "figures"], committed=True)
                for batch in follower.batches(self._stop):
                    self._take(batch, follower)
            except WatchroomError as exc:
                self._say(exc.message)
            except Exception as exc:
                # Whatever it is, the screen must say that it stands still.
                self._say(f"{type(exc).__name__}: {exc}")
            self._stop.wait(AGAIN_AFTER_S)

    def _say(self, error: str) -> None:
        with self._lock:
            self._shown.error = error

    def _take(self, batch: Batch, follower: Follower) -> None:
        if batch.fresh:
            self._board = Board(batch.generation)
            self._rate = Rate()
        board = self._board
        with self._lock:
            board.take(batch.records)
            board.live = batch.live
            board.error = ""
            if batch.live or batch.generation is None:
                self._shown = board
        now = time.monotonic()
        if batch.live and now - self._asked >= SPAN_EVERY_S:
            self._asked = now
            try:
                span = follower.span(board.topics())
            except BrokerUnreachable as exc:
                self._say(exc.message)
                return
            with self._lock:
                board.span = span
                board.per_second = self._rate.per_second(now, board.arrived())
