"""San Francisco's New Year's Eve of 2016: the feed of `watchroom demo`, and the table it fills."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.errors import WatchroomError
from schemas.records import FigureRecord
from schemas.times import MINUTE, SECOND, Micros, parse
from sinks.terminal.figures import target_of
from sinks.terminal.plain import Column, Sheet
from sinks.terminal.selection import has_anything
from sinks.terminal.words import count, duration, share
from sources.pace import TAIL
from sources.profile import Profile
from sources.replay import Options, Replay, SystemTime
from sources.stopping import Stop
from sources.writer import Sink, Writer
from watchroom import words

PROFILE = "sffd"
BEGIN: Micros = parse("2016-12-31T16:00:00-08:00")
CUT: Micros = parse("2017-01-01T02:30:00-08:00")
"""The demo ends in the middle of it, with incidents under way, as any board is looked at."""

SPEED = 600.0
"""Ten and a half hours in 63 s."""

WINDOWS = ("1h", "24h")
_RUN_ON_S = 1.0


@dataclass(frozen=True, slots=True)
class Evening:
    """What there is to replay.

    Attributes:
        events: how many, up to the cut.
        last: when the last of the calls' events was, after the cut.
    """

    events: int
    last: Micros


class _Rehearsal:
    """A sink that goes nowhere and counts up to the cut."""

    def __init__(self) -> None:
        self.events = 0
        self.clock_at: Micros = 0

    def send(self, key: str, value: bytes) -> None:
        """One event."""
        del key, value
        self.events += self.clock_at < CUT

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """Everything up to this time has been said."""
        del agency_id, source_id
        self.clock_at = time

    def flush(self) -> None:
        """Nothing is under way."""


def rehearse(profile: Profile, agency: Agency) -> Evening:
    """Read the evening once, as fast as it goes, to nowhere: then the screen knows what is to come.

    Raises:
        WatchroomError: the sample can't be read.
    """
    sink = _Rehearsal()
    options = Options(speed=None, start=BEGIN, end=CUT, clock_step=MINUTE)
    _replay(profile, agency, options).run(sink, lambda: None)
    if not sink.events:
        raise WatchroomError(f"profile {profile.name}: its sample holds no event of the evening")
    return Evening(sink.events, sink.clock_at - TAIL)


def _replay(
    profile: Profile,
    agency: Agency,
    options: Options,
    stop: Stop | None = None,
    world: SystemTime | None = None,
) -> Replay:
    if profile.sample_path is None:
        raise WatchroomError(f"profile {profile.name} ships no sample")
    return Replay(profile.sample_path, profile, agency, options, stop=stop, world=world)


class _Present(SystemTime):
    """The present, as far ahead as the calls go on after the cut.

    A replay that is shifted to now ends now; this one is cut before its end, and it is the cut that is now.

    Attributes:
        shift: what that adds to the times of 2016, once it was asked for. Whole minutes: clocks fall on
            whole minutes, and one must fall on the cut.
    """

    def __init__(self, ahead: Micros) -> None:
        self.shift: Micros | None = None
        self._ahead = ahead

    def now(self) -> Micros:
        """The last whole minute, and then some."""
        if self.shift is None:
            self.shift = (super().now() - CUT) // MINUTE * MINUTE
        return CUT + self.shift + self._ahead


class _UpToTheCut:
    """A sink that knows how far it has come, and asks the replay to stop at the cut.

    A clock comes after every event up to its time and before the next: stopping there loses none.
    """

    def __init__(self, sink: Sink, stop: Stop, present: _Present) -> None:
        self.sent = 0
        self.reached: Micros = 0
        self._sink = sink
        self._stop = stop
        self._present = present

    def send(self, key: str, value: bytes) -> None:
        """One event."""
        if not self._stop.asked:
            self._sink.send(key, value)
            self.sent += 1

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """As far as that everything has been said."""
        if self._stop.asked:
            return
        self._sink.clock(agency_id, source_id, time)
        self.reached = time - (self._present.shift or 0)
        if self.reached >= CUT:
            self._stop.asked = True

    def flush(self) -> None:
        """All of it is acknowledged."""
        self._sink.flush()


class Feed:
    """The replay in a thread of its own.

    Args:
        bootstrap: Kafka's address.
        stays: whether the clock runs on at the end, until it is closed.
    """

    def __init__(
        self, bootstrap: str, profile: Profile, agency: Agency, evening: Evening, speed: float, *, stays: bool
    ) -> None:
        self.evening = evening
        self.speed = speed
        self.done = False
        self._bootstrap = bootstrap
        self._stays = stays
        self._stop = Stop()
        self._closed = threading.Event()
        self._present = _Present(evening.last - CUT)
        self._sink: _UpToTheCut | None = None
        self._failed: Exception | None = None
        self._begun = self._ended = 0.0
        options = Options(speed=speed, start=BEGIN, end=CUT, shift_to_now=True, run_on_s=0, clock_step=MINUTE)
        self._replay = _replay(profile, agency, options, self._stop, self._present)
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._begun = time.monotonic()
        self._thread.start()

    def close(self) -> None:
        """Send no more."""
        self._stop.asked = True
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            with Writer(self._bootstrap, linger_ms=2) as writer:
                self._sink = _UpToTheCut(writer, self._stop, self._present)
                self._replay.run(self._sink, lambda: None)
                writer.flush()
                self._ended = time.monotonic()
                self.done = True
                if self._stays:
                    self._run_on(writer)
        except Exception as exc:
            self._failed = exc

    def _run_on(self, writer: Writer) -> None:
        """The clock goes on by itself, once a second, from the cut on."""
        end = self.end
        begun = time.monotonic()
        while end is not None and not self._closed.wait(_RUN_ON_S):
            passed = int(time.monotonic() - begun)
            writer.clock(self._replay.agency_id, self._replay.source_id, end + passed * SECOND)
            writer.flush()

    def check(self) -> None:
        """Raise what ended it, if something did.

        Raises:
            WatchroomError: Kafka went away, or the sample can't be read.
        """
        if self._failed is not None:
            raise self._failed

    @property
    def sent(self) -> int:
        """Events sent so far."""
        return self._sink.sent if self._sink is not None else 0

    @property
    def end(self) -> Micros | None:
        """The cut, as if it were now; None before the first event is sent."""
        return None if self._present.shift is None else CUT + self._present.shift

    @property
    def reached(self) -> Micros | None:
        """The time of 2016 that has been reached."""
        return self._sink.reached or None if self._sink is not None else None

    def per_second(self) -> float:
        """Events a second so far."""
        return self.sent / max(1e-9, (self._ended or time.monotonic()) - self._begun)


def header(feed: Feed, lag: int | None, exporter: str, zone: str) -> tuple[str, str]:
    """What the demo is at, in two lines."""
    reached = "about to begin" if feed.reached is None else words.local(feed.reached, zone)
    return (
        f"San Francisco, New Year's Eve of 2016, at {feed.speed:g} times its speed: {reached}",
        f"{feed.sent:,} of {feed.evening.events:,} events sent, {feed.per_second():,.0f} a second; "
        f"lag {words.number(lag)}; metrics at {exporter}",
    )


COLUMNS = (
    Column("EMERGENT"),
    *(
        Column(f"{window} {title}" if title == "n" else title, number=True)
        for window in WINDOWS
        for title in ("n", "p50", "p90", "within")
    ),
    Column("target", flexible=True),
)


def rows(figures: Iterable[FigureRecord], agency: Agency) -> tuple[tuple[str, ...], ...]:
    """A row an interval: what the last hour and the last day say, and the target."""
    found = {
        (f.interval, f.window): f
        for f in figures
        if f.agency_id == agency.id and f.mode == "EMERGENT" and f.by == "all" and f.window in WINDOWS
    }
    shown = []
    for interval in EDITION.intervals:
        pair = [found.get((interval, window)) for window in WINDOWS]
        known = [f for f in pair if f is not None]
        if not any(has_anything(f) and f.n for f in known):
            continue
        cells = [cell for figure in pair for cell in _cells(figure)]
        # The goal (90 %) stands in `watchroom figures`; here the table must fit 100 columns.
        shown.append((interval, *cells, target_of(agency, known[-1]).partition(" (")[0]))
    return tuple(shown)


def _cells(figure: FigureRecord | None) -> tuple[str, str, str, str]:
    if figure is None:
        return "0", words.NOTHING, words.NOTHING, words.NOTHING
    return (
        count(figure.n),
        duration(figure.p50),
        duration(figure.p90),
        share(figure.within, figure.bound),
    )


def sheet(head: tuple[str, ...], figures: Iterable[FigureRecord], agency: Agency) -> Sheet:
    """The table."""
    return Sheet(head, COLUMNS, rows(figures, agency))
