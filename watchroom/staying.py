"""Staying with a house that runs: a look a few times a second, and what follows from it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from schemas.errors import WatchroomError
from watchroom import facts, running
from watchroom.board import Watch
from watchroom.broker.health import accepts
from watchroom.facts import Facts
from watchroom.house import House
from watchroom.screen import Note

NOTES_MAX = 50
COUNT_EVERY_S = 3.0
FACTS_EVERY_S = 0.5
READY_WITHIN_S = 90.0
"""From Kafka's first answer on; it takes 4 s where nothing else runs."""


class Interrupts:
    """Ctrl-C and its like: while starting they raise, then they ask, and while stopping they are unheard.

    Attributes:
        asked: whether somebody wants it to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self.raising = True
        self.deaf = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """A signal came."""
        if self.deaf:
            return
        self.asked = True
        if self.raising:
            raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take SIGINT, SIGTERM and SIGHUP for the time inside."""
    heard = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Notes:
    """What has happened, for the screen or for a log.

    Args:
        echo: whether to print each, where no screen shows them; may be changed.
    """

    def __init__(self, *, echo: bool) -> None:
        self.echo = echo
        self._notes: deque[Note] = deque(maxlen=NOTES_MAX)
        self._counting = ""
        self._told = 0.0
        self._lock = threading.Lock()

    def __call__(self, what: str) -> None:
        """Something happened."""
        with self._lock:
            self._notes.append((time.time(), what))
            if self.echo:
                self._print(what)

    def _print(self, what: str) -> None:
        """Print it; of a count that goes on (45 files), one line that changes, or one every few seconds."""
        counting = what.partition(":")[0] if " of " in what else ""
        goes_on, self._counting = bool(counting) and counting == self._counting, counting
        terminal = sys.stdout.isatty()
        if goes_on and terminal:
            print(f"\x1b[1A\x1b[2K{what}", flush=True)
        elif not goes_on or time.monotonic() - self._told >= COUNT_EVERY_S:
            self._told = time.monotonic()
            print(what, flush=True)

    def all(self) -> list[Note]:
        """The last of them, oldest first."""
        with self._lock:
            return list(self._notes)


class Stay:
    """A house and the watch over its topics.

    Attributes:
        facts: of the last look.
    """

    def __init__(self, house: House, watch: Watch) -> None:
        self.house = house
        self.watch = watch
        self._seen = 0.0
        self.facts: Facts = facts.of(watch.board(), house.agencies, time.time())

    def step(self) -> Facts:
        """One look: start again what ended, follow a new generation, notice when all is ready.

        Raises:
            WatchroomError: Kafka can't be kept up, or something ended before all was ready, for good.
        """
        house = self.house
        house.look()
        if time.monotonic() - self._seen < FACTS_EVERY_S:
            return self.facts
        self._seen = time.monotonic()
        board = self.watch.board()
        if board.generation is not None and board.generation.generation > house.generation:
            house.switch(board.generation.generation)
        self.facts = facts.of(board, house.agencies, time.time())
        if not house.ready:
            self._refuse_given_up()
            house.ready = self._is_ready()
        return self.facts

    def _refuse_given_up(self) -> None:
        for name, code, why in self.house.given_up():
            failed = WatchroomError(
                f"{name} can't be started: {why or f'it ended with code {code}'} "
                f"(log: {self.house.settings.state_dir / 'logs' / name}.log)"
            )
            failed.exit_code = code if code > 0 else 1
            raise failed

    def _is_ready(self) -> bool:
        """Whether every partition has an owner that committed since the start, and the exporter listens."""
        begun_ms = (self.house.started - 1) * 1000
        fresh = [key for key, (_, at_ms) in self.watch.board().health.items() if at_ms >= begun_ms]
        expected = sum(stage.partitions for stage in self.facts.stages)
        settings = self.house.settings
        port = int(self.house.exporter.rpartition(":")[2].partition("/")[0])
        return bool(expected) and len(fresh) >= expected and accepts(settings.exporter_host, port, 0.2)

    def problems(self) -> list[str]:
        """What is wrong, in sentences; while things start, what is not there yet is no problem."""
        found = [f"{name} is not started again: {why or f'exit code {code}'}" for name, code, why in
                 self.house.given_up()]  # fmt: skip
        if self.house.ready:
            found.extend(self.facts.problems)
        return found

    def running(self) -> running.Running | None:
        """What the house remembers of itself."""
        return running.read(self.house.settings.state_dir)
