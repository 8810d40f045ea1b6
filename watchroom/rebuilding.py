"""A new generation: everything computed anew from the events, beside the one that readers use meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
from kafka import KafkaConsumer, TopicPartition

from schemas.errors import Refused, WatchroomError
from schemas.records import HealthRecord, decode_health
from schemas.settings import Settings
from schemas.topics import EVENTS, RESULTS_OF_STAGE_ONE, topic_name
from sinks.consumers import begins, consumer, ends, partitions
from streams.transport import topicsetup
from streams.transport.topicsetup import Generation
from watchroom import running
from watchroom.children import Spec, environment
from watchroom.commands.worker import formats
from watchroom.supervisor import Supervisor

POLL_S = 0.3
REREAD_AFTER_S = 15.0
"""Stage two says how far it has read with the first batch after it took a partition. Where none comes, a
worker that takes it now has read all of it."""

HAND_OVER_S = 45.0
READERS_SWITCH_S = 3.0
RESULTS = RESULTS_OF_STAGE_ONE

Offsets = dict[TopicPartition, int]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come.

    Attributes:
        done, of: offsets of the events that were there when it began.
        behind: offsets of stage one's records that stage two has yet to read; None while more are to come.
        per_second: offsets a second so far.
    """

    done: int
    of: int
    behind: int | None
    per_second: float

    @property
    def left_s(self) -> float | None:
        """Seconds until stage one is there; None before anybody knows."""
        return (self.of - self.done) / self.per_second if self.per_second else None


class Reader:
    """Reads how far a generation that is being built has come.

    Args:
        made: a consumer that reads committed.
        generation: which.
    """

    def __init__(self, made: KafkaConsumer, generation: int) -> None:
        self._made = made
        self._generation = generation
        self._health: dict[str, HealthRecord] = {}
        asked = partitions(made, [topic_name("health", generation)])
        made.assign(asked)
        for partition in asked:
            made.seek(partition, 0)

    def poll(self) -> dict[str, HealthRecord]:
        """What each partition of each stage last committed, by ``stage/partition``."""
        for records in self._made.poll(timeout_ms=int(POLL_S * 1000)).values():
            for record in records:
                if record.value is None:
                    continue
                try:
                    self._health[record.key.decode()] = decode_health(record.value)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue
        return self._health

    def begins(self, topic: str) -> Offsets:
        """The first offset of each partition of a topic."""
        return begins(self._made, partitions(self._made, [topic]))

    def ends(self, *topics: str) -> Offsets:
        """The end, of committed records, of each partition of those topics that has any."""
        found = ends(self._made, partitions(self._made, topics))
        return {partition: end for partition, end in found.items() if end}


def position(health: dict[str, HealthRecord], stage: str, at: TopicPartition) -> int | None:
    """The position told of a partition; None where none was."""
    record = health.get(f"{stage}/{at.partition}")
    return None if record is None else record.positions.get(at.topic)


class Rebuild:
    """One rebuild, from the first topic to the last worker.

    Args:
        settings: with the broker's address in them.
        workers: of stage one.
        tell: called with a sentence for each step.
        show: called with the progress, a few times a second.
    """

    def __init__(
        self, settings: Settings, workers: int, tell: Tell, show: Callable[[Progress], None]
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._tell = tell
        self._show = show
        self._supervisor = Supervisor(settings.state_dir / "logs", tell)
        self._attempt = 0
        self.generation: Generation | None = None

    # -------------------------------------------------------------------------------------- beginning

    def begin(self) -> Generation:
        """Clear away what an interrupted one left, and register the new generation as ``building``.

        Raises:
            Refused: no worker ever ran, so there is nothing to compute anew.
        """
        bootstrap = self._settings.broker
        known = topicsetup.generations(bootstrap)
        if not known:
            raise Refused(
                f"nothing was ever computed on the Kafka at {bootstrap}: `watchroom up` makes the first "
                "generation"
            )
        for left in (g for g in known.values() if g.status == "building"):
            self._tell(f"clearing away generation {left.generation}, which was left unfinished")
            topicsetup.delete_topics(bootstrap, left.generation)
            topicsetup.register(bootstrap, self._settings, topicsetup.with_status(left, "retired"))
        # A number is never used twice: Kafka deletes topics in its own time, and groups remember offsets.
        number = max(known) + 1
        topicsetup.ensure_topics(bootstrap, self._settings, number)
        with consumer(bootstrap, committed=False) as asking:
            found = ends(asking, partitions(asking, [EVENTS]))
        made = replace(
            Generation.of(number, self._settings, formats(), "building"),
            source_ends={str(p.partition): end for p, end in sorted(found.items())},
        )
        topicsetup.register(bootstrap, self._settings, made)
        self._tell(f"generation {number} begins: {sum(found.values()):,} offsets of {EVENTS} to read")
        self.generation = made
        return made

    # ---------------------------------------------------------------------------------------- running

    def run(self) -> None:
        """Run its workers until both stages have caught up with what was there at the beginning.

        Raises:
            WatchroomError: a worker can't be kept running; says why.
        """
        made = self._made()
        with consumer(self._settings.broker, committed=True) as reading:
            reader = Reader(reading, made.generation)
            # Stage two first: then it tells its position with every batch, the first one among them.
            self._start("agency", 1)
            while sum(key.startswith("agency/") for key in self._look(reader)) < made.result_partitions:
                pass
            self._start("incidents", self._workers)
            self._until_one_is_there(reader)
            self._until_two_is_there(reader)

    def _made(self) -> Generation:
        assert self.generation is not None, "begin comes first"
        return self.generation

    def _start(self, stage: str, count: int) -> list[str]:
        names = [f"rebuild-{stage}-{number}{'-again' * self._attempt}" for number in range(1, count + 1)]
        for name in names:
            arguments = (
                "worker",
                "--stage",
                stage,
                "--id",
                name,
                "--generation",
                str(self._made().generation),
            )
            self._supervisor.start(Spec(name, arguments), environment(self._settings))
        return names

    def _look(self, reader: Reader) -> dict[str, HealthRecord]:
        self._supervisor.look()
        for name, code, why in self._supervisor.given_up():
            failed = WatchroomError(f"{name} can't be kept running: {why or f'it ended with code {code}'}")
            failed.exit_code = code if code > 0 else 1
            raise failed
        return reader.poll()

    def _until_one_is_there(self, reader: Reader) -> None:
        targets = {TopicPartition(EVENTS, p): end for p, end in self._made().silent_below.items() if end}
        firsts = reader.begins(EVENTS)
        of = sum(end - firsts[p] for p, end in targets.items())
        begun = time.monotonic()
        while True:
            health = self._look(reader)
            reached = {p: position(health, "incidents", p) or firsts[p] for p in targets}
            done = sum(min(at, targets[p]) - firsts[p] for p, at in reached.items())
            self._show(Progress(done, of, None, done / max(1e-9, time.monotonic() - begun)))
            if all(reached[p] >= end for p, end in targets.items()):
                return

    def _until_two_is_there(self, reader: Reader) -> None:
        names = [topic_name(name, self._made().generation) for name in RESULTS]
        targets = reader.ends(*names)
        of = sum(self._made().source_ends.values())
        begun, again = time.monotonic(), list[str]()
        while True:
            health = self._look(reader)
            behind = 0
            for at, end in targets.items():
                reached = position(health, "agency", at)
                if reached is None:
                    record = health.get(f"agency/{at.partition}")
                    # Taken by a worker that began after all of it was there: it has read all of it.
                    reached = end if record is not None and record.worker in again else 0
                behind += max(0, end - reached)
            self._show(Progress(of, of, behind, 0.0))
            if not behind:
                return
            if not again and time.monotonic() - begun > REREAD_AFTER_S:
                self._attempt = 1
                self._supervisor.stop([n for n in self._supervisor.names() if n.startswith("rebuild-agency")])
                again = self._start("agency", 1)

    # ------------------------------------------------------------------------------------------ ending

    def finish(self, *, keep: bool) -> None:
        """Make it the one that readers use, hand it over to a running `up`, and clear away the old ones.

        Args:
            keep: leave the topics of the old generations.
        """
        bootstrap, made = self._settings.broker, self._made()
        old = [g for g in topicsetup.generations(bootstrap).values() if g.generation != made.generation]
        # First the new one: of two that are current readers take the higher, of none they take nothing.
        topicsetup.register(bootstrap, self._settings, topicsetup.with_status(made, "current"))
        for each in old:
            if each.status == "current":
                topicsetup.register(bootstrap, self._settings, topicsetup.with_status(each, "retired"))
        self._tell(f"generation {made.generation} is current")
        self._hand_over()
        self.stop()
        if keep:
            return
        time.sleep(READERS_SWITCH_S)
        deleted = [n for each in old for n in topicsetup.delete_topics(bootstrap, each.generation)]
        if deleted:
            self._tell(f"deleted {len(deleted)} topics of generations before it")

    def _hand_over(self) -> None:
        """Wait until the workers of a running `up` have begun: nobody looks away meanwhile."""
        number = self._made().generation
        up = running.read(self._settings.state_dir)
        if up is None or up.bootstrap != self._settings.broker:
            self._tell("no `watchroom up` runs here: start its workers anew, wherever they run")
            return
        deadline = time.monotonic() + HAND_OVER_S
        with consumer(self._settings.broker, committed=True) as reading:
            reader = Reader(reading, number)
            while time.monotonic() < deadline:
                health = self._look(reader)
                up = running.read(self._settings.state_dir)
                if up is None or (
                    up.generation == number
                    and any(not r.worker.startswith("rebuild-") for r in health.values())
                ):
                    return
        self._tell(f"the running `up` has not taken generation {number} over within {HAND_OVER_S:.0f} s")

    def stop(self) -> None:
        """Stop its workers."""
        self._supervisor.stop()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One rebuild at a time on a state folder.

    Raises:
        Refused: another one runs.
    """
    busy = "`watchroom rebuild` already runs on {state_dir}{who}: wait for it, or stop it with Ctrl-C"
    with running.held(settings.state_dir, "rebuild.lock", busy):
        yield
