"""A whole pipeline of one's own: a real Kafka, real workers of both stages, the sources' own ways in."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer

from schemas.agency import load_agency
from schemas.events import ClockEvent, to_json
from schemas.topics import EVENTS
from sources.profile import find_profile
from sources.replay import Options, Replay
from sources.writer import Writer
from tests.pipeline.plain import Plain, Raw, Record, differences, latest, plain, settled_bytes, winners
from watchroom.broker import Broker

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("incidents", "agency")
SETTLE_S = 180
"""Longest wait for a pipeline to read and commit all there is: generous, since others may use the machine."""

RECORDS_ASIDE = ("revision", "source")
FIGURES_ASIDE = ("as_of", "histogram")
"""When a figure was last told, and whether its histogram came along, is history and not the answer."""

_SFFD = ROOT / "deploy" / "agencies" / "sffd.toml"
_CSV_TIME = "%m/%d/%Y %I:%M:%S %p"
_FAST = {"WATCHROOM_COMMIT_INTERVAL_S": "0.2", "WATCHROOM_TRANSACTION_TIMEOUT_S": "15"}


class Answer(NamedTuple):
    """What an agency's records and figures come to, ready to be compared byte for byte."""

    records: dict[str, str]
    figures: dict[str, str]


def assert_same(expected: Answer, found: Answer) -> None:
    """Both the same byte for byte, and not empty."""
    assert expected.records
    assert expected.figures
    assert differences(expected.records, found.records) == []
    assert differences(expected.figures, found.figures) == []


@dataclass
class Pipeline:
    """One Kafka, one worker of each stage, and the agencies' files they know."""

    folder: Path
    broker: Broker
    plain: Plain
    partitions: int
    agencies: tuple[str, ...]
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

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
        }

    # -- workers

    def start(self, *stages: str) -> None:
        """Start the workers of these stages (both, where none is named), by names they keep."""
        for stage in stages or STAGES:
            with (self.folder / f"{stage}.err").open("ab") as errors:
                self.workers[stage] = subprocess.Popen(
                    [
                        sys.executable, "-m", "watchroom", "worker", "--stage", stage, "--id", stage,
                        "--log", str(self.folder / f"{stage}.log"),
                    ],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=errors,
                    stderr=errors,
                )  # fmt: skip

    def kill(self, *stages: str) -> None:
        """SIGKILL, to workers of ours by their process."""
        for stage in stages or STAGES:
            self.workers[stage].kill()
            self.workers[stage].wait(30)

    def acquired(self, stage: str) -> int:
        """How often a worker of this stage has taken partitions."""
        log = self.folder / f"{stage}.log"
        return log.read_text().count('"acquired"') if log.exists() else 0

    def wait_acquired(self, stage: str, times: int, timeout_s: float = SETTLE_S) -> None:
        """Wait until partitions were taken so and so often."""
        until = time.monotonic() + timeout_s
        while self.acquired(stage) < times:
            self._check(until, f"{stage} has not taken its partitions")
            time.sleep(0.05)

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

    def put(self, events: Iterable[tuple[str, bytes]], *, one_by_one: bool = False) -> None:
        """Events by key, through the sources' own writer; one by one waits for each to be acknowledged."""
        with Writer(self.bootstrap, linger_ms=0 if one_by_one else 50) as writer:
            for key, value in events:
                writer.send(key, value)
                if one_by_one:
                    writer.flush()

    def clocks(self, agency: str, *times: str, source: str = "export") -> None:
        """Clocks of an agency's source to every partition."""
        with Writer(self.bootstrap, linger_ms=0) as writer:
            for time_ in times:
                writer.clock(agency, source, _micros(time_))

    def raw(self, records: Sequence[tuple[bytes | None, bytes | None, int]]) -> list[int]:
        """Key, value and partition past all of the product's own writers; returns the offsets."""
        producer: Any = KafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all", max_request_size=1 << 21, metrics_enabled=False
        )
        try:
            sent = [
                producer.send(EVENTS, key=key, value=value, partition=partition)
                for key, value, partition in records
            ]
            producer.flush(timeout=60)
            return [future.get(timeout=60).offset for future in sent]
        finally:
            producer.close(timeout=10)

    # -- out

    def settle(self, timeout_s: float = SETTLE_S) -> dict[str, Record]:
        """Wait until both stages have read all there is and committed all that came of it.

        Returns:
            The records of ``health`` by key.
        """
        until = time.monotonic() + timeout_s
        while True:
            self._check(until, f"not settled: {self.plain.health()}")
            ends = self.plain.ends(EVENTS)
            if self._reached("incidents", EVENTS, ends) and ends == self.plain.ends(EVENTS):
                results = ("responses.g1", "incidents.g1")
                reached = all(self._reached("agency", t, self.plain.ends(t)) for t in results)
                told = (*results, "figures.g1", "units.g1", "dead.letters", EVENTS)
                if reached and all(map(self.plain.stable, told)):
                    return self.plain.health()
            time.sleep(0.05)

    def _reached(self, stage: str, topic: str, ends: dict[int, int]) -> bool:
        health = self.plain.health()
        return all(
            health.get(f"{stage}/{partition}", {}).get("positions", {}).get(topic, 0) >= end
            for partition, end in ends.items()
        )

    def results(self, topic: str) -> list[Raw]:
        """Every committed record of a topic."""
        return list(self.plain.read(topic))

    def records(self, agency: str) -> dict[str, Record]:
        """An agency's final records of ``responses`` and ``incidents``."""
        return {
            key: record
            for topic in ("responses.g1", "incidents.g1")
            for key, record in winners(self.plain.read(topic), agency).items()
        }

    def figures(self, agency: str) -> dict[str, Record]:
        """An agency's figures as they stand."""
        return latest(self.plain.read("figures.g1"), agency)

    def answer(self, agency: str) -> Answer:
        """All that an agency comes to, of a pipeline that has settled."""
        return Answer(
            settled_bytes(self.records(agency), RECORDS_ASIDE),
            settled_bytes(self.figures(agency), FIGURES_ASIDE),
        )


@contextmanager
def pipeline(folder: Path, *, partitions: int, agencies: Sequence[str]) -> Iterator[Pipeline]:
    """A pipeline with agencies' files of these names; each is San Francisco's under another name.

    ``name:a,b`` gives an agency these sources instead of ``export``.
    """
    (folder / "agencies").mkdir()
    for said in agencies:
        agency, _, sources = said.partition(":")
        text = _SFFD.read_text().replace('id = "sffd"', f'id = "{agency}"')
        if sources:
            head, _, rest = text.partition("[[sources]]")
            listed = "".join(f'[[sources]]\nid = "{source}"\n' for source in sources.split(","))
            text = head + listed + rest[rest.index("[[rules]]") :]
        (folder / "agencies" / f"{agency}.toml").write_text(text)
    with Broker.start(folder, heap_mb=384, wait_s=120) as broker, plain(broker.bootstrap) as reader:
        made = Pipeline(folder, broker, reader, partitions, tuple(a.partition(":")[0] for a in agencies))
        try:
            made.start()
            for stage in STAGES:
                made.wait_acquired(stage, 1)
            yield made
        finally:
            made.stop()


# -- what goes in


@dataclass
class Taken:
    """A sink that keeps what a replay sends: events by key, clocks, in order."""

    sent: list[tuple[str, bytes] | tuple[str, str, int]] = field(default_factory=list)

    def send(self, key: str, value: bytes) -> None:
        self.sent.append((key, value))

    def clock(self, agency_id: str, source_id: str, time: int) -> None:
        self.sent.append((agency_id, source_id, time))

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def events(self) -> list[tuple[str, bytes]]:
        return [(item[0], item[1]) for item in self.sent if len(item) == 2]


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


def taken(path: Path, agency: str, *, source: str = "export", step_s: int = 3600) -> Taken:
    """What a replay of this file at ``max`` would send for an agency, clocks and all."""
    sink = Taken()
    named = load_agency(_SFFD).model_copy(update={"id": agency})
    if source != "export":
        named = named.model_copy(
            update={"sources": tuple(s.model_copy(update={"id": source}) for s in named.sources)}
        )
    options = Options(speed=None, clock_step=step_s * 1_000_000)
    Replay(path, find_profile("sffd"), named, options, source_id=source).run(sink, lambda: None)
    return sink


def _micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


def milestone(
    agency: str, incident: str, name: str, at: str, unit: str | None = None, **more: Any
) -> tuple[str, bytes]:
    """One press, by its key."""
    return event("milestone", agency, incident, at, name=name, **({"unit_id": unit} if unit else {}), **more)


def event(kind: str, agency: str, incident: str, at: str, **more: Any) -> tuple[str, bytes]:
    """One event, by its key; its id follows from what it says."""
    body = {"kind": kind, "agency_id": agency, "incident_id": incident, "occurred_at": at, **more}
    body.setdefault("source_id", "export")
    body.setdefault("event_id", f"{abs(hash(json.dumps(body, sort_keys=True))):x}"[:32])
    return f"{agency}/{incident}", json.dumps(body).encode()


def clock_bytes(agency: str, at: str, source: str = "export") -> bytes:
    """A clock as it stands in the log."""
    return to_json(ClockEvent(agency_id=agency, source_id=source, time=datetime.fromisoformat(at)))


