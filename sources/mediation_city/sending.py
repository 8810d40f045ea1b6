"""A simulated city sent: to Kafka, or as JSON Lines that ``watchroom send`` takes; all at once, or live."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import Refused
from schemas.times import DAY, SECOND, Micros, iso
from sources.mediation_city.calls import CAD, DESK
from sources.mediation_city.city import Item, Plan, stream
from sources.replay import Progress, Report, Time
from sources.stopping import Stop
from sources.writer import Sink

_SLICE_S = 0.1
_REPORT_EVERY = 2_000


@dataclass(slots=True)
class Sent:
    """What came of it."""

    events: int = 0
    clocks: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def __str__(self) -> str:
        how = "stopped" if self.interrupted else "done"
        rate = f" ({self.events / self.seconds:,.0f} events/s)" if self.seconds > 0 else ""
        return f"{how}: {self.events:,} simulated events, {self.clocks:,} clocks, {self.seconds:.1f} s{rate}"


def check_plan(plan: Plan, clock: Micros | None, now: Micros, evict_after_days: int) -> None:
    """Refuse what stage one could only dead-letter.

    Args:
        plan: what is to be simulated.
        clock: how far the sources' clocks have come; None: they never wrote one.
        now: the present.
        evict_after_days: the setting.

    Raises:
        Refused: the agency is not a simulated one or lists not both sources; or it begins too far before
            the clock, or ends in the future.
    """
    agency = plan.agency
    if not agency.simulated:
        raise Refused(
            f"agency {agency.id} is not marked simulated = true in its file: invented calls stay out"
        )
    if missing := sorted({CAD, DESK} - agency.source_ids):
        raise Refused(
            f"agency {agency.id} lists no source {missing[0]!r}: the simulation speaks as cad and desk"
        )
    if not agency.mediation:
        raise Refused(
            f"agency {agency.id} has no [[mediation]] criteria in its file: nothing would be suitable"
        )
    first = next(stream(plan)).at
    if plan.days is not None and first + plan.days * DAY > now:
        raise Refused("the simulation would end in the future, and such events are refused: begin earlier")
    if clock is not None and first < clock - evict_after_days * DAY:
        raise Refused(
            f"the clock of {agency.id} is at {iso(clock)}, and this begins at {iso(first)}, over"
            f" {evict_after_days} days before: begin later, or use an agency of its own"
        )


def send(
    plan: Plan,
    sink: Sink,
    world: Time,
    *,
    report: Report = lambda _: None,
    stop: Stop | None = None,
    run_on_s: float | None = None,
) -> Sent:
    """Send a simulation as fast as it goes; one without an end is live from the present on.

    Args:
        plan: which.
        sink: where to.
        world: the time.
        report: told how far it has come.
        stop: asked between events.
        run_on_s: a live one ends so long after it reached the present; None: when it is stopped.
    """
    sent, begun, stop = Sent(), world.monotonic(), stop or Stop()
    live_since: float | None = None
    first: Micros | None = None
    for item in stream(plan):
        first = item.at if first is None else first
        if plan.days is None and item.at > world.now():
            live_since = world.monotonic() if live_since is None else live_since
            until = None if run_on_s is None else live_since + run_on_s
            if not _wait(item.at, plan, sink, world, stop, sent, until):
                break
        if plan.days is not None and item.at > world.now():
            break  # what the last calls still have to say: a correction a day later, the clock that ends it
        if stop.asked:
            break
        _pass_on(item, plan, sink, sent, live=live_since is not None)
        if sent.events % _REPORT_EVERY == 0 and item.key:
            passed = max(1e-9, world.monotonic() - begun)
            whole = None if plan.days is None else plan.days * DAY
            share = min(1.0, (item.at - first) / whole) if whole else None
            left = passed * (1 - share) / share if share else None
            report(Progress("sending", 0, sent.events, share, item.at, sent.events / passed, left))
    sink.flush()
    sent.interrupted = stop.asked and plan.days is not None
    sent.seconds = world.monotonic() - begun
    return sent


def _pass_on(item: Item, plan: Plan, sink: Sink, sent: Sent, *, live: bool) -> None:
    if item.key:
        sink.send(item.key, item.value)
        sent.events += 1
    elif not live:
        _clocks(plan, sink, item.at)
        sent.clocks += 1


def _clocks(plan: Plan, sink: Sink, time: Micros) -> None:
    for source in (CAD, DESK):
        sink.clock(plan.agency.id, source, time)


def _wait(
    until: Micros, plan: Plan, sink: Sink, world: Time, stop: Stop, sent: Sent, ends: float | None
) -> bool:
    """Wait for the next event's time; the clocks go on once a second. False: it is time to end."""
    last = 0
    while (now := world.now()) < until:
        if stop.asked or (ends is not None and world.monotonic() >= ends):
            return False
        if now // SECOND > last:
            last = now // SECOND
            _clocks(plan, sink, last * SECOND)
            sink.flush()
            sent.clocks += 1
        world.sleep(_SLICE_S)
    return True
