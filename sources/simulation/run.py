"""A simulation sent: to Kafka, or as JSON Lines that ``watchroom send`` takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import Refused
from schemas.times import DAY, HOUR, SECOND, Micros, iso
from sources.pace import TAIL
from sources.replay import Progress, Report
from sources.simulation.city import City, Plan, Said
from sources.stopping import Stop
from sources.writer import Sink, clock_record


class Out(Protocol):
    """Where a simulation goes."""

    def said(self, said: Said) -> None:
        """Take events, in order."""

    def clock(self, time: Micros) -> None:
        """Take a clock, after everything before it."""


class ToSink:
    """To Kafka.

    Args:
        sink: a writer; ``city``: whose events they are.
    """

    def __init__(self, sink: Sink, city: City) -> None:
        self._sink = sink
        self._plan = city.plan
        self._prefix = city.wording.key_prefix

    def said(self, said: Said) -> None:
        """Send each event under its incident's key."""
        send, prefix = self._sink.send, self._prefix
        for incident, event in zip(said.incidents.tolist(), said.events, strict=True):
            send(f"{prefix}{incident}", event.encode())

    def clock(self, time: Micros) -> None:
        """Send a clock to every partition."""
        self._sink.clock(self._plan.agency_id, self._plan.source_id, time)


class Stream(Protocol):
    """What lines are written to: all that is asked of it is to write."""

    def write(self, data: bytes, /) -> int:
        """Take these bytes."""


class ToLines:
    """To a file or pipe: one JSON a line, clocks among them.

    Args:
        stream: where to; ``city``: whose events they are.
    """

    def __init__(self, stream: Stream, city: City) -> None:
        self._stream = stream
        self._plan = city.plan

    def said(self, said: Said) -> None:
        """Write each event."""
        self._stream.write(("\n".join(said.events) + "\n").encode())

    def clock(self, time: Micros) -> None:
        """Write a clock."""
        _, value = clock_record(self._plan.agency_id, self._plan.source_id, time)
        self._stream.write(value + b"\n")


@dataclass(slots=True)
class Simulated:
    """What came of it."""

    events: int = 0
    clocks: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def __str__(self) -> str:
        rate = f" ({self.events / self.seconds:,.0f} events/s)" if self.seconds > 0 else ""
        how = "stopped" if self.interrupted else "done"
        return f"{how}: {self.events:,} events, {self.clocks:,} clocks, {self.seconds:.1f} s{rate}"


def run(
    city: City,
    out: Out,
    *,
    report: Report = lambda _: None,
    stop: Stop | None = None,
    flush: Callable[[], None] = lambda: None,
) -> Simulated:
    """Send a whole simulation, as fast as it goes.

    Args:
        city: which.
        out: where to.
        report: told how far it has come, with every block.
        stop: asked with every block.
        flush: waits until all is where it should be; inside the time that is told.
    """
    simulated, begun = Simulated(), time.monotonic()
    start, whole = city.plan.start, city.plan.days * DAY
    for item in city.stream():
        if stop is not None and stop.asked:
            simulated.interrupted = True
            break
        if not isinstance(item, Said):
            out.clock(item)
            simulated.clocks += 1
            continue
        out.said(item)
        simulated.events += len(item.events)
        at, passed = item.last * SECOND, max(1e-9, time.monotonic() - begun)
        share = min(1.0, (at - start) / whole)
        left = passed * (1 - share) / share if share else None
        report(Progress("sending", 0, simulated.events, share, at, simulated.events / passed, left))
    flush()
    simulated.seconds = time.monotonic() - begun
    return simulated


def check_times(plan: Plan, clock: Micros | None, now: Micros, evict_after_days: int) -> None:
    """Refuse what stage one could only dead-letter.

    Args:
        plan: what is to be simulated.
        clock: how far the source's clock has come; None: it never wrote one.
        now: the present.
        evict_after_days: the setting.

    Raises:
        Refused: it ends in the future, or begins too far before the clock.
    """
    end = plan.start + plan.days * DAY + TAIL
    if end > now + HOUR:
        raise Refused(
            f"the simulation would end at {iso(end)}, two days after its last call, and events of the future"
            f" are refused: begin earlier with --start, take fewer --days, or write --to a file"
        )
    if clock is not None and plan.start < clock - evict_after_days * DAY:
        raise Refused(
            f"the clock of {plan.agency_id}, source {plan.source_id}, is at {iso(clock)}, and this would"
            f" begin at {iso(plan.start)}, over {evict_after_days} days before: its first events could not be"
            f" joined. Begin later with --start, or give an agency of its own (--agency, with its file)"
        )
