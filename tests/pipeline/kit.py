"""A whole pipeline of one's own: a real Kafka, real workers of both stages, the sources' own ways in."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.agency import load_agency
from schemas.events import ClockEvent, to_json
from schemas.keys import partition_of
from schemas.times import SECOND, moment
from schemas.topics import EVENTS
from sources.profile import find_profile
from sources.replay import Options, Replay
from tests.pipeline.plain import Plain, Record, differences, plain, settled_bytes
from watchroom.broker import Broker

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("incidents", "agency")
RESULTS = ("responses.g1", "incidents.g1", "encounters.g1")
WRITTEN = (*RESULTS, "figures.g1", "units.g1", "dead.letters")
SETTLE_S = 180
"""Longest wait for a pipeline to read and commit all there is: generous, since others may use the machine."""

RECORDS_ASIDE = ("revision", "source")
FIGURES_ASIDE = ("as_of", "histogram")
"""When a figure was last told, and whether its histogram came along, is history and not the answer."""

_SFFD = ROOT / "deploy" / "agencies" / "sffd.toml"
_CSV_TIME = "%m/%d/%Y %I:%M:%S %p"
_FAST = {"WATCHROOM_COMMIT_INTERVAL_S": "0.4"}

Item = tuple[str, bytes] | ClockEvent
"""An event by its key, or a clock."""


class Answer(NamedTuple):
    """What an agency's records and figures come to, ready to be compared byte for byte."""

    records: dict[str, str]
    figures: dict[str, str]


def assert_same(expected: Answer, found: Answer) -> None:
    """Both the same byte for byte, and not empty."""
    assert expected.records
    assert expected.figures
    said = differences(expected.records, found.records) + differences(expected.figures, found.figures)
    assert not said, "\n".join(said)


@dataclass
class Pipeline:
    """One Kafka, one worker of each stage, and the agencies' files they know."""

    folder: Path
    broker: Broker
    plain: Plain
    partitions: int
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    """More settings, as the environment has them."""

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **_FAST,
            "PYTHONPATH": str(ROOT),
            "WATCHROOM_BROKER": self.bootstrap,
            "WATCHROOM_STATE_DIR": str(self.folder),
            "WATCHROOM_AGENCIES_DIR": str(self.folder / "agencies"),
            "WATCHROOM_PARTITIONS": str(self.partitions),
            "WATCHROOM_RESULT_PARTITIONS": str(min(4, self.partitions)),
            **self.more,
        }

    # -- workers

    def start(self, *stages: str) -> None:
        """Start the workers of these stages (both, where none is named), by names they keep."""
        for stage in stages or STAGES:
            words = ["worker", "--stage", stage, "--id", stage, "--log", str(self.folder / f"{stage}.log")]
            with (self.folder / f"{stage}.err").open("ab") as errors:
                self.workers[stage] = subprocess.Popen(
                    [sys.executable, "-m", "watchroom", *words],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=errors,
                    stderr=errors,
                )

    def kill(self, *stages: str) -> None:
        """SIGKILL, to workers of ours by their process."""
        for stage in stages or STAGES:
            self.workers[stage].kill()
            self.workers[stage].wait(30)

    def acquired(self, stage: str) -> int:
        """How often a worker of this stage has taken partitions."""
        return len(self._acquired(stage))

    def _acquired(self, stage: str) -> list[dict[str, Any]]:
        log = self.folder / f"{stage}.log"
        lines = log.read_text().split("\n")[:-1] if log.exists() else []
        return [fact for line in lines if (fact := json.loads(line))["what"] == "acquired"]

    def wait_acquired(self, stage: str, times: int, timeout_s: float = SETTLE_S) -> None:
        """Wait until partitions were taken so and so often."""
        until = time.monotonic() + timeout_s
        while self.acquired(stage) < times:
            self._check(until, f"{stage} has not taken its partitions")
            time.sleep(0.05)

    def revive(self) -> None:
        """Start again what does not run."""
        dead = {stage: self.acquired(stage) for stage in STAGES if self.workers[stage].poll() is not None}
        for stage in dead:
            self.start(stage)
        for stage, times in dead.items():
            self.wait_acquired(stage, times + 1)

    def stop(self) -> None:
        """End what still runs; the broker needs no goodbye."""
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.kill()
                worker.wait(30)

    def said(self) -> str:
        """The end of what the workers had to say."""
        found = [*self.folder.glob("*.err"), *self.folder.glob("*.log")]
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in found)

    def _check(self, until: float, what: str) -> None:
        for stage, worker in self.workers.items():
            assert worker.poll() is None, f"{stage} ended with {worker.returncode}:\n{self.said()}"
        assert time.monotonic() < until, f"{what}\n{self.said()}"

    # -- in

    def cli(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run ``watchroom`` as a person does, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "watchroom", *words],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=SETTLE_S,
            check=False,
        )

    def ok(self, *words: str, stdin: bytes = b"") -> str:
        """The same, of what must succeed; returns what it printed."""
        done = self.cli(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def put(self, items: Iterable[Item], *, one_by_one: bool = False) -> None:
        """Events and clocks, in this order within each partition; a clock goes to every one.

        Not through the sources' writer, of which the week at ``max`` is the test: this is quicker. One by one
        waits for each to be acknowledged.
        """
        by: dict[int, list[tuple[bytes, bytes]]] = {n: [] for n in range(self.partitions)}
        for item in items:
            if isinstance(item, ClockEvent):
                key = f"{item.agency_id}//clock/{item.source_id}".encode()
                for some in by.values():
                    some.append((key, to_json(item)))
            else:
                by[partition_of(item[0], self.partitions)].append((item[0].encode(), item[1]))
        asyncio.run(_put(self.bootstrap, by, one_by_one=one_by_one))

    def raw(self, records: Sequence[tuple[bytes | None, bytes | None, int]]) -> list[int]:
        """Key, value and partition, whatever they are; returns the offsets."""

        async def send() -> list[int]:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=1 << 21)
            await producer.start()
            try:
                return [
                    (await producer.send_and_wait(EVENTS, value, key, partition)).offset
                    for key, value, partition in records
                ]
            finally:
                await producer.stop()

        return asyncio.run(send())

    # -- out

    def settle(self, timeout_s: float = SETTLE_S) -> dict[str, Record]:
        """Wait until both stages have read all there is and committed all that came of it.

        Returns:
            The records of ``health`` by key.
        """
        until = time.monotonic() + timeout_s
        while True:
            health = self.plain.health()
            self._check(until, f"not settled: {health}")
            ends = self.plain.ends(EVENTS)
            if self._reached(health, "incidents", EVENTS, ends):
                after = {topic: self.plain.ends(topic) for topic in RESULTS}
                health = self.plain.health()
                if (
                    all(self._reached(health, "agency", topic, after[topic]) for topic in RESULTS)
                    and all(map(self.plain.stable, WRITTEN))
                    and self.plain.ends(EVENTS) == ends
                    and self._swept()
                ):
                    return health
            time.sleep(0.1)

    def _swept(self) -> bool:
        """Whether stage two has taken away what its life before left standing."""
        log = (self.folder / "agency.log").read_text().split("\n")[:-1]
        said = [what for line in log if (what := json.loads(line)["what"]) in ("acquired", "reread")]
        return said[-1:] == ["reread"]

    def _reached(self, health: dict[str, Record], stage: str, topic: str, ends: dict[int, int]) -> bool:
        """Whether a stage has told of positions at these ends.

        Stage two tells of none where it has read all while it took the partition: then its log does.
        """
        taken_at = self._acquired(stage)[-1]["positions"]
        for partition, end in ends.items():
            told = health.get(f"{stage}/{partition}", {}).get("positions", {})
            if told.get(topic, taken_at[f"{topic}-{partition}"]) < end:
                return False
        return True

    def answer(self, agency: str) -> Answer:
        """All that an agency comes to, of a pipeline that has settled."""
        return Answer(
            settled_bytes(self.plain.records(agency), RECORDS_ASIDE),
            settled_bytes(self.plain.figures(agency), FIGURES_ASIDE),
        )


async def _put(bootstrap: str, by: dict[int, list[tuple[bytes, bytes]]], *, one_by_one: bool) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=500_000)
    await producer.start()
    try:
        waiting = []
        for partition, some in by.items():
            batch = producer.create_batch()
            for key, value in some:
                if batch.append(key=key, value=value, timestamp=None) is None:
                    waiting.append(await producer.send_batch(batch, EVENTS, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=None)
                if one_by_one:
                    await (await producer.send_batch(batch, EVENTS, partition=partition))
                    batch = producer.create_batch()
            if batch.record_count():
                waiting.append(await producer.send_batch(batch, EVENTS, partition=partition))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


@contextmanager
def pipeline(
    folder: Path,
    *,
    partitions: int,
    agencies: Sequence[str],
    files: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[Pipeline]:
    """A pipeline with agencies' files of these names; each is San Francisco's under another name.

    ``name:a,b`` gives an agency these sources instead of ``export``. ``files`` are agencies' files of their
    own, by id; ``more`` are settings, as the environment has them.
    """
    (folder / "agencies").mkdir()
    for agency, text in (files or {}).items():
        (folder / "agencies" / f"{agency}.toml").write_text(text)
    for said in agencies:
        agency, _, sources = said.partition(":")
        text = _SFFD.read_text().replace('id = "sffd"', f'id = "{agency}"')
        if sources:
            head, _, rest = text.partition("[[sources]]")
            listed = "".join(f'[[sources]]\nid = "{source}"\n' for source in sources.split(","))
            text = head + listed + rest[rest.index("[[rules]]") :]
        (folder / "agencies" / f"{agency}.toml").write_text(text)
    with Broker.start(folder, heap_mb=384, wait_s=120) as broker, plain(broker.bootstrap) as reader:
        made = Pipeline(folder, broker, reader, partitions, more=more or {})
        try:
            made.start()
            for stage in STAGES:
                made.wait_acquired(stage, 1)
            yield made
        finally:
            made.stop()


# -- what goes in


@dataclass
class _Taken:
    """A sink that keeps what a replay sends, in order."""

    sent: list[Item] = field(default_factory=list)

    def send(self, key: str, value: bytes) -> None:
        self.sent.append((key, value))

    def clock(self, agency_id: str, source_id: str, time: int) -> None:
        self.sent.append(ClockEvent(agency_id=agency_id, source_id=source_id, time=moment(time)))

    def flush(self) -> None:
        """Nothing waits."""


def week() -> Path:
    """San Francisco's week."""
    sample = find_profile("sffd").sample_path
    assert sample is not None
    return sample


def slice_of(folder: Path, start: str, end: str, name: str = "slice.csv") -> Path:
    """The rows of the week whose call came in between two local times, as a file of its own."""
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    path = folder / name
    with week().open(newline="") as whole, path.open("w", newline="") as part:
        reader = csv.DictReader(whole)
        assert reader.fieldnames is not None
        writer = csv.DictWriter(part, reader.fieldnames)
        writer.writeheader()
        for row in reader:
            received = datetime.strptime(row["Received DtTm"], _CSV_TIME)  # noqa: DTZ007 - local, both sides
            if first <= received < last:
                writer.writerow(row)
    return path


@lru_cache(maxsize=8)
def _read(path: Path, step_s: int) -> tuple[Item, ...]:
    sink = _Taken()
    options = Options(speed=None, clock_step=step_s * SECOND)
    Replay(path, find_profile("sffd"), load_agency(_SFFD), options).run(sink, lambda: None)
    return tuple(sink.sent)


def taken(path: Path, agency: str, *, source: str = "export", step_s: int = 86_400) -> list[Item]:
    """What a replay of this file at ``max`` would send for an agency: events and clocks in order."""
    return [_renamed(item, agency, source) for item in _read(path, step_s)]


def _renamed(item: Item, agency: str, source: str) -> Item:
    if isinstance(item, ClockEvent):
        return item.model_copy(update={"agency_id": agency, "source_id": source})
    key, value = item
    value = value.replace(b'"agency_id":"sffd"', b'"agency_id":"%s"' % agency.encode(), 1)
    value = value.replace(b'"source_id":"export"', b'"source_id":"%s"' % source.encode(), 1)
    return f"{agency}/{key.split('/', 1)[1]}", value


def events_of(items: Iterable[Item]) -> list[tuple[str, bytes]]:
    """Without the clocks."""
    return [item for item in items if not isinstance(item, ClockEvent)]


def clocks_of(items: Iterable[Item]) -> list[ClockEvent]:
    """The clocks alone."""
    return [item for item in items if isinstance(item, ClockEvent)]


def clock(agency: str, at: str, source: str = "export") -> ClockEvent:
    """A clock."""
    return ClockEvent(agency_id=agency, source_id=source, time=datetime.fromisoformat(at))


def press(
    agency: str, incident: str, name: str, at: str, unit: str | None = None, **more: Any
) -> tuple[str, bytes]:
    """One press of a milestone, by its key."""
    if unit is not None:
        more["unit_id"] = unit
    return event("milestone", agency, incident, at, name=name, **more)


def event(kind: str, agency: str, incident: str, at: str, **more: Any) -> tuple[str, bytes]:
    """One event, by its key; its id follows from what it says, whichever agency says it."""
    body: dict[str, Any] = {"kind": kind, "incident_id": incident, "occurred_at": at, **more}
    body.setdefault("event_id", sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24])
    body.setdefault("source_id", "export")
    body["agency_id"] = agency
    return f"{agency}/{incident}", json.dumps(body).encode()
