"""JSON Lines of events to Kafka: each judged as stage one will, the bad reported, the rest all sent."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from schemas.decoding import Absorbed, Clock, Undecodable, decode
from schemas.errors import BadInput
from schemas.keys import incident_key
from schemas.times import Micros, micros
from sources.pace import LEAP
from sources.problems import FIRST_KEPT, shortened
from sources.writer import Sink

LINE_BYTES_MAX = (1 << 20) + (1 << 16)
"""Longer lines are cut there: no record of the topic is as long."""

FLUSH_LINES = 1_000
PAUSE_S = 0.5
"""How long to wait for the next line before what was read is flushed, clocks and all."""

_QUEUE_LINES = 10_000

_Clock: Any = Clock
_Absorbed: Any = Absorbed
"""Made at run time from the models, whose fields they have."""


class SendSink(Sink, Protocol):
    """A sink that takes bytes of no known incident too."""

    def send_unkeyed(self, value: bytes) -> None:
        """Send bytes that name no incident, to any partition."""


@dataclass(slots=True)
class Sent:
    """What came of it.

    Attributes:
        bad: lines that were not sent; ``first_bad`` says of a few why.
        unclocked: events that were sent and moved no clock: more than 30 days ahead of those before them.
    """

    lines: int = 0
    events: int = 0
    clocks: int = 0
    bad: int = 0
    unclocked: int = 0
    interrupted: bool = False
    first_bad: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        how = "stopped" if self.interrupted else "done"
        ahead = f", {self.unclocked:,} too far ahead to move a clock" if self.unclocked else ""
        return (
            f"{how}: {self.lines:,} lines, {self.events:,} events and {self.clocks:,} clocks sent{ahead},"
            f" {self.bad:,} bad lines"
        )


def lines_of(stream: BinaryIO, pause_s: float = PAUSE_S) -> Iterator[bytes | None]:
    """Lines of a stream; None whenever none has come for a while, so that what is held back can go.

    A thread reads, since a pipe cannot be asked politely; the queue between is bounded.
    """
    lines: queue.Queue[bytes | Exception | None] = queue.Queue(_QUEUE_LINES)

    def read() -> None:
        try:
            while line := stream.readline(LINE_BYTES_MAX):
                lines.put(line)
                while not line.endswith(b"\n") and len(line) == LINE_BYTES_MAX:
                    line = stream.readline(LINE_BYTES_MAX)  # the rest of a line cut off
        except (OSError, ValueError) as exc:
            lines.put(exc)
        lines.put(None)

    threading.Thread(target=read, name="watchroom-lines", daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=pause_s)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        if isinstance(line, Exception):
            raise BadInput(f"the input cannot be read: {line}") from line
        yield line


class Sender:
    """Sends lines.

    Args:
        sink: where to.
        clock: whether the events' clocks are written too: at each flush, the greatest ``recorded_at`` seen.
        source_id: of events that do not say theirs.
        raw: bytes untouched, without validation: for tests of dead letters.
    """

    def __init__(
        self, sink: SendSink, *, clock: bool = False, source_id: str | None = None, raw: bool = False
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._source = source_id
        self._raw = raw
        self._times: dict[tuple[str, str], Micros] = {}
        self._moved: set[tuple[str, str]] = set()
        self._since = 0
        self.sent = Sent()

    def run(self, lines: Iterator[bytes | None], stopped: Callable[[], bool] = lambda: False) -> Sent:
        """Send them all."""
        for number, line in _numbered(lines):
            if stopped():
                self.sent.interrupted = True
                break
            if line is None:
                self._flush()
                continue
            stripped = line.rstrip(b"\r\n")
            if not stripped.strip():
                continue
            self.sent.lines += 1
            self._line(number, stripped)
            self._since += 1
            if self._since >= FLUSH_LINES:
                self._flush()
        self._flush()
        return self.sent

    def _line(self, number: int, value: bytes) -> None:
        try:
            if self._raw:
                self._send_raw(value)
            else:
                self._send(value)
        except Undecodable as exc:
            self._bad(number, value, exc.reason.value, exc.detail)
        except BadInput as exc:
            self._bad(number, value, "not_sent", exc.message)

    def _bad(self, number: int, value: bytes, reason: str, detail: str) -> None:
        self.sent.bad += 1
        if len(self.sent.first_bad) < FIRST_KEPT:
            shown = shortened(value[:200].decode(errors="replace"))
            self.sent.first_bad.append(f"line {number}, {shown!r}: {reason}: {detail}")

    def _send(self, value: bytes) -> None:
        event = decode(value)
        if isinstance(event, _Absorbed):
            raise BadInput("absorbed states are stage one's own to write")
        if isinstance(event, _Clock):
            self._flush()
            self._sink.clock(event.agency_id, event.source_id, micros(event.time))
            self.sent.clocks += 1
            return
        source = event.source_id or self._source
        if self._clock and source is None:
            raise BadInput("it names no source_id, so no clock can be written for it; --source gives one")
        if event.source_id is None and self._source is not None:
            value = _with_source(value, self._source)
        self._sink.send(incident_key(event.agency_id, event.incident_id), value)
        self.sent.events += 1
        if self._clock and source is not None:
            self._note((event.agency_id, source), micros(event.recorded_at or event.occurred_at))

    def _note(self, who: tuple[str, str], time: Micros) -> None:
        before = self._times.get(who)
        if before is not None and time - before > LEAP:
            # A date years ahead would close and evict everything: it moves nothing, as in a replay.
            self.sent.unclocked += 1
        elif before is None or time > before:
            self._times[who] = time
            self._moved.add(who)

    def _send_raw(self, value: bytes) -> None:
        try:
            body = json.loads(value)
            key = incident_key(body["agency_id"], body["incident_id"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._sink.send_unkeyed(value)
        else:
            self._sink.send(key, value)
        self.sent.events += 1

    def _flush(self) -> None:
        self._since = 0
        for agency, source in sorted(self._moved):
            self._sink.clock(agency, source, self._times[agency, source])
            self.sent.clocks += 1
        self._moved.clear()
        self._sink.flush()


def _numbered(lines: Iterator[bytes | None]) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    for line in lines:
        number += line is not None
        yield number, line


def _with_source(value: bytes, source_id: str) -> bytes:
    body = json.loads(value)
    body["source_id"] = source_id
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
