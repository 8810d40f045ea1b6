"""A replay: an export read, put in the order of time, and sent as events and clocks as if it happened now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from schemas.agency import Agency
from schemas.errors import Refused
from schemas.keys import incident_key
from schemas.times import DAY, SECOND, Micros, iso
from sources.draft import Renderer
from sources.mapping import Mapper
from sources.ordering import Sorter
from sources.pace import LEAP, TAIL, Clocks, Due, Pace, default_step, plan, shift_to_now
from sources.problems import Problem, Problems
from sources.profile import Profile
from sources.reading import Export, opened, positions
from sources.stopping import Stop
from sources.writer import Sink

_SLICE_S = 0.1
"""Longest sleep before asking again whether to stop."""

_REPORT_EVERY = 1_000
"""Events between looks at the time, at ``max``."""


class Time(Protocol):
    """The time of the world, an input like any other."""

    def now(self) -> Micros:
        """The present."""

    def monotonic(self) -> float:
        """Seconds, never backwards."""

    def sleep(self, seconds: float) -> None:
        """Let them pass."""


class SystemTime:
    """The machine's own."""

    def now(self) -> Micros:
        """The present."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds, never backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """How to replay.

    Attributes:
        speed: seconds of event time in a second; None is ``max``.
        start: rows whose call is before are left out; ``end``: at or after.
        clock_step: between clocks, in event time; None: 1 min watched, 1 day at ``max``.
        shift_to_now: see ``pace.shift_to_now``.
        backfill: past events for a running agency; no clock is written.
        run_on_s: after a shifted replay's end the clock runs on this long; None: until it is stopped.
        evict_after_days: the setting; older events than that cannot be joined.
    """

    speed: float | None = 60.0
    start: Micros | None = None
    end: Micros | None = None
    clock_step: Micros | None = None
    shift_to_now: bool = False
    backfill: bool = False
    run_on_s: float | None = None
    evict_after_days: int = 40

    def __post_init__(self) -> None:
        if self.backfill and self.shift_to_now:
            raise Refused("--backfill writes no clock, and --shift-to-now is about nothing else: choose one")


@dataclass(frozen=True, slots=True)
class Leap:
    """Events more than 30 days after the one before them: sent, and moving no clock.

    Attributes:
        before: the last event that moves the clock; ``first``: the first that does not.
        events: how many do not.
        line: of the first one's row; 0: not sent yet.
    """

    before: Micros
    first: Micros
    events: int
    line: int = 0


@dataclass(slots=True)
class Summary:
    """What came of it.

    Attributes:
        rows_outside: rows left out by ``--from`` and ``--to``.
        events_too_late: events that were sent and cannot be joined (``--backfill``).
        clock_before: how far the source's clock had come before.
    """

    rows: int = 0
    rows_outside: int = 0
    events: int = 0
    events_sent: int = 0
    events_too_late: int = 0
    clocks: int = 0
    problems: Problems = field(default_factory=Problems)
    leap: Leap | None = None
    clock_before: Micros | None = None
    seconds: float = 0.0
    interrupted: bool = False

    def __str__(self) -> str:
        bad = self.problems
        outside = f", {self.rows_outside:,} rows outside --from/--to" if self.rows_outside else ""
        late = f", {self.events_too_late:,} too old to be joined" if self.events_too_late else ""
        rate = f" ({self.events_sent / self.seconds:,.0f} events/s)" if self.seconds > 0 else ""
        return (
            f"{'stopped' if self.interrupted else 'done'}: {self.rows:,} rows{outside},"
            f" {self.events_sent:,} of {self.events:,} events sent{late}, {self.clocks:,} clocks,"
            f" {bad.bad_rows:,} bad rows, {bad.bad_cells:,} bad cells, {self.seconds:.1f} s{rate}"
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come, for people.

    Attributes:
        phase: ``reading``, ``sending`` or ``running on``.
        share: of the phase, 0 to 1; None where nobody knows.
        at: the event time reached.
        left_s: until the phase ends.
    """

    phase: str
    rows: int
    events: int
    share: float | None
    at: Micros | None
    per_second: float
    left_s: float | None


Report = Callable[[Progress], None]


class Replay:
    """One replay of one file.

    Args:
        path: the export.
        profile: how it is read.
        agency: whose file lists the source.
        options: how it is sent.
        source_id: instead of the profile's.
        report: told how far it has come, a few times a second.
        stop: asked between events.

    Raises:
        Refused: the agency's file does not list the source.
    """

    def __init__(
        self,
        path: Path,
        profile: Profile,
        agency: Agency,
        options: Options,
        *,
        source_id: str | None = None,
        report: Report = lambda _: None,
        stop: Stop | None = None,
        world: Time | None = None,
    ) -> None:
        self.source_id = source_id or profile.source
        check_source(agency, self.source_id)
        self.agency_id = agency.id
        self._path = path
        self._profile = profile
        self._options = options
        self._report = report
        self._stop = stop or Stop()
        self._world = world or SystemTime()
        self.summary = Summary()

    def run(self, sink: Sink, last_clock: Callable[[], Micros | None]) -> Summary:
        """Read all, then send all.

        Args:
            sink: where to.
            last_clock: how far the source's clock has come; asked once, before anything is sent.

        Raises:
            BadInput: the file cannot be read as what the profile says.
            Refused: the agency's clock is too far past the first row.
        """
        begun = self._world.monotonic()
        summary = self.summary
        try:
            with Sorter() as sorter:
                self._read(sorter)
                summary.events = sorter.count
                if sorter.calendar and not self._stop.asked:
                    self._send(sorter, sink, last_clock)
        finally:
            summary.interrupted = self._stop.asked
            summary.seconds = self._world.monotonic() - begun
        return summary

    # ------------------------------------------------------------------------------------- reading

    def _read(self, sorter: Sorter) -> None:
        options, summary = self._options, self.summary
        begun = self._world.monotonic()
        with opened(self._path) as file:
            export = Export(file, self._profile.file)
            mapper = Mapper(self._profile, positions(export, self._profile), self.agency_id, self.source_id)
            for item in export.rows():
                if self._stop.asked:
                    return
                summary.rows += 1
                if summary.rows % _REPORT_EVERY == 0:
                    passed = max(1e-9, self._world.monotonic() - begun)
                    share = file.share()
                    left = passed * (1 - share) / share if share else None
                    rate = summary.rows / passed
                    self._report(Progress("reading", summary.rows, sorter.count, share, None, rate, left))
                if isinstance(item, Problem):
                    summary.problems.add(item)
                    continue
                mapped = mapper(item)
                for problem in mapped.problems:
                    summary.problems.add(problem)
                if mapped.call is None:
                    continue
                if (options.start is not None and mapped.call < options.start) or (
                    options.end is not None and mapped.call >= options.end
                ):
                    summary.rows_outside += 1
                    continue
                for draft in mapped.drafts:
                    sorter.add(draft)

    # ------------------------------------------------------------------------------------- sending

    def _send(self, sorter: Sorter, sink: Sink, last_clock: Callable[[], Micros | None]) -> None:
        options, calendar = self._options, sorter.calendar
        first, last = calendar.first, calendar.last
        if leap := calendar.leap(LEAP):
            last = leap[0]
            self.summary.leap = Leap(leap[0], leap[1], calendar.count_from(leap[1]))
        shift = shift_to_now(first, last, self._world.now(), options.speed) if options.shift_to_now else 0
        first, last = first + shift, last + shift
        assert sorter.earliest is not None, "a calendar that is not empty has an earliest event"
        self.summary.clock_before = clock = last_clock()
        oldest_joined = None if clock is None else clock - options.evict_after_days * DAY
        if not options.backfill:
            self._refuse_old(sorter.earliest + shift, clock, oldest_joined)
        clocks = None
        if not options.backfill:
            tail = 0 if options.shift_to_now else TAIL
            clocks = Clocks(options.clock_step or default_step(options.speed), last, tail)
        due = plan(sorter.ordered(), clocks, shift)
        if self._send_due(due, sink, Pace(first, options.speed), last, shift, oldest_joined):
            sink.flush()
            if options.shift_to_now:
                self._run_on(sink, last)
        sink.flush()

    def _refuse_old(self, earliest: Micros, clock: Micros | None, oldest_joined: Micros | None) -> None:
        if clock is not None and oldest_joined is not None and earliest < oldest_joined:
            raise Refused(
                f"the clock of {self.agency_id}, source {self.source_id}, is at {iso(clock)}, and this file"
                f" begins at {iso(earliest)}, over {self._options.evict_after_days} days before: its first"
                f" events could not be joined. Replay it as an agency of its own (--agency, with its file),"
                f" or --backfill what is recent enough"
            )

    def _send_due(
        self,
        due: Iterator[Due],
        sink: Sink,
        pace: Pace,
        last: Micros,
        shift: Micros,
        oldest_joined: Micros | None,
    ) -> bool:
        """Send what the plan says when it says so; whether it came to its end."""
        summary, stop, world = self.summary, self._stop, self._world
        render = Renderer(self.agency_id, self.source_id, shift)
        paced = pace.speed is not None
        begun = world.monotonic()
        for at, draft in due:
            # What lies past the last event (the clock at the end) waits for nothing.
            if paced and at <= last:
                self._wait(begun, pace, at, last)
            if stop.asked:
                return False
            if draft is None:
                sink.clock(self.agency_id, self.source_id, at)
                summary.clocks += 1
                continue
            sink.send(incident_key(self.agency_id, draft.incident_id), render(draft))
            summary.events_sent += 1
            if oldest_joined is not None and draft.occurred + shift < oldest_joined:
                summary.events_too_late += 1
            if summary.leap is not None and not summary.leap.line and draft.due >= summary.leap.first:
                summary.leap = Leap(summary.leap.before, summary.leap.first, summary.leap.events, draft.line)
            if summary.events_sent % _REPORT_EVERY == 0:
                self._tell(begun, pace, at, last)
        return True

    def _wait(self, begun: float, pace: Pace, at: Micros, last: Micros) -> None:
        world, target = self._world, pace.seconds(at)
        while not self._stop.asked:
            left = target - (world.monotonic() - begun)
            if left <= 0:
                return
            if left > _SLICE_S:
                assert pace.speed is not None, "only a replay with a speed waits"
                reached = at - int(left * pace.speed * SECOND)
                self._tell(begun, pace, reached, last)
            world.sleep(min(left, _SLICE_S))

    def _tell(self, begun: float, pace: Pace, at: Micros, last: Micros) -> None:
        sent, total = self.summary.events_sent, max(1, self.summary.events)
        passed = max(1e-9, self._world.monotonic() - begun)
        rate = sent / passed
        left = pace.left(at, last)
        if left is None:
            left = (total - sent) / rate if rate else None
        share = (
            sent / total
            if pace.speed is None or last <= pace.first
            else (at - pace.first) / (last - pace.first)
        )
        share = min(1.0, max(0.0, share))
        self._report(Progress("sending", self.summary.rows, sent, share, at, rate, left))

    def _run_on(self, sink: Sink, last: Micros) -> None:
        """The clock goes on by itself at speed 1, once a second, so that the board stays full."""
        world, limit = self._world, self._options.run_on_s
        begun = world.monotonic()
        second = 1
        while not self._stop.asked:
            passed = world.monotonic() - begun
            if limit is not None and passed >= limit:
                return
            if passed < second:
                world.sleep(min(_SLICE_S, second - passed))
                continue
            # Where the machine slept, one clock says it all.
            second = int(passed) + 1
            reached = last + int(passed) * SECOND
            sink.clock(self.agency_id, self.source_id, reached)
            sink.flush()
            self.summary.clocks += 1
            left = None if limit is None else limit - passed
            self._report(
                Progress("running on", self.summary.rows, self.summary.events_sent, None, reached, 0.0, left)
            )


def check_source(agency: Agency, source_id: str) -> None:
    """Refuse a source that the agency's file does not list: all it says would be dead-lettered.

    Raises:
        Refused: it does not.
    """
    if source_id not in agency.source_ids:
        listed = ", ".join(sorted(agency.source_ids))
        raise Refused(
            f"agency {agency.id} lists no source {source_id!r} (it lists {listed}): name it under [[sources]]"
            f" in {agency.id}.toml, or choose one with --source"
        )
