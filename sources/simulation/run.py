"""A simulation sent: to Kafka, or as JSON Lines that ``watchroom send`` takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from schemas.errors import Refused
from schemas.times import DAY, HOUR, SECOND, Micros, iso
from sources.pace import TAIL
from sources.replay import Progress, Report
from sources.simulation.city import City, Plan, Said
from sources.stopping import Stop
from sources.writer import BlockSink


def _send(said: Said, prefix: str, sink: BlockSink) -> None:
    """Each event under its incident's key; a key is made, and its partition found, once a block."""
    incidents, of = np.unique(said.incidents, return_inverse=True)
    keys = [f"{prefix}{incident}" for incident in incidents.tolist()]
    # JSON has no line feed of its own, so a block is encoded at one go.
    sink.send_block(keys, of.tolist(), "\n".join(said.events).encode().split(b"\n"))


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
    sink: BlockSink,
    *,
    report: Report = lambda _: None,
    stop: Stop | None = None,
) -> Simulated:
    """Send a whole simulation, as fast as it goes.

    Args:
        city: which.
        sink: where to; it is flushed inside the time that is told.
        report: told how far it has come, with every block.
        stop: asked with every block.
    """
    simulated, begun = Simulated(), time.monotonic()
    plan = city.plan
    start, whole = plan.start, plan.days * DAY
    for item in city.stream():
        if stop is not None and stop.asked:
            simulated.interrupted = True
            break
        if not isinstance(item, Said):
            sink.clock(plan.agency_id, plan.source_id, item)
            simulated.clocks += 1
            continue
        _send(item, city.wording.key_prefix, sink)
        simulated.events += len(item.events)
        at, passed = item.last * SECOND, max(1e-9, time.monotonic() - begun)
        share = min(1.0, (at - start) / whole)
        left = passed * (1 - share) / share if share else None
        report(Progress("sending", 0, simulated.events, share, at, simulated.events / passed, left))
    sink.flush()
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
