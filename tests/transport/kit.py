"""What the drills share: topics, events, workers as processes, plain readers, and the check of what came out.

Reading here is aiokafka's own, record by record: independent of the batches that are under test.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import RetriableError

from tests.transport.toy import POSITION, TOTAL, Toy, encoded, revision

ROOT = Path(__file__).resolve().parents[2]
Event = bytes
"""``key amount``, see the toy."""


class Read(NamedTuple):
    """One record as a plain reader sees it."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


# -- topics and events


def make_topics(bootstrap: str, topics: Mapping[str, tuple[int, dict[str, str]]]) -> None:
    """Topics by name, with partitions and configuration."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics(
            {
                name: {"num_partitions": partitions, "replication_factor": 1, "configs": config}
                for name, (partitions, config) in topics.items()
            },
            wait_for_metadata=True,
        )
    finally:
        admin.close()


def events(count: int, keys: int, seed: int) -> list[Event]:
    """Events about a number of keys, the same for the same seed."""
    chance = random.Random(seed)
    return [b"k%d %d" % (chance.randrange(keys), chance.randrange(1000)) for _ in range(count)]


def spread(some: Sequence[Event], partitions: int) -> dict[int, list[Event]]:
    """Events by the partition of their key."""
    out: dict[int, list[Event]] = {p: [] for p in range(partitions)}
    for event in some:
        out[crc32(event.split(b" ")[0]) % partitions].append(event)
    return out


async def _write(
    producer: AIOKafkaProducer, topic: str, by: Mapping[int, Sequence[Event]], size: int
) -> None:
    """Write events in record batches of a given number, so that a reader can be stopped between any two."""
    waiting = []
    for partition, some in by.items():
        for at in range(0, len(some), size):
            batch = producer.create_batch()
            for event in some[at : at + size]:
                assert batch.append(key=event.split(b" ")[0], value=event, timestamp=None) is not None
            batch.close()
            waiting.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*waiting)


def write(bootstrap: str, topic: str, some: Sequence[Event], partitions: int, size: int = 50) -> None:
    """Events into their partitions, outside of any transaction."""

    async def main() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=900_000, acks="all")
        await producer.start()
        try:
            await _write(producer, topic, spread(some, partitions), size)
        finally:
            await producer.stop()

    asyncio.run(main())


def write_transactions(bootstrap: str, topic: str, some: Sequence[Event], partitions: int, seed: int) -> int:
    """Events in transactions of two producers at once, with aborted ones among them that hold poison.

    The poison is events that never happened; the last transaction is an aborted one. Returns how many were.
    """
    chance = random.Random(seed)

    async def main() -> int:
        producers = [
            AIOKafkaProducer(
                bootstrap_servers=bootstrap, transactional_id=f"{topic}-{i}", max_batch_size=900_000
            )
            for i in range(2)
        ]
        for producer in producers:
            await producer.start()
        aborted, at = 0, 0
        try:
            while at < len(some):
                good, bad = producers if chance.random() < 0.5 else producers[::-1]
                size = chance.randrange(50, 400)
                chunk = some[at : at + size]
                at += size
                poison = chance.random() < 0.4 or at >= len(some)
                if poison:  # begun before and aborted after the good one: the two overlap in the log
                    await bad.begin_transaction()
                    await _write(bad, topic, spread(events(chance.randrange(1, 200), 50, at), partitions), 20)
                await good.begin_transaction()
                await _write(good, topic, spread(chunk, partitions), 30)
                await good.commit_transaction()
                if poison:
                    await _write(bad, topic, spread(events(chance.randrange(1, 100), 50, at), partitions), 20)
                    await bad.abort_transaction()
                    aborted += 1
        finally:
            for producer in producers:
                await producer.stop()
        return aborted

    return asyncio.run(main())


def read(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[Read]:
    """Every record of a topic, partition by partition, in the order of the log."""

    async def main() -> list[Read]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
        )
        await consumer.start()
        try:
            await consumer._client.force_metadata_update()
            await consumer._client._wait_on_metadata(topic)
            places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning(*places)
            out: list[Read] = []
            while any([await consumer.position(p) < ends[p] for p in places]):
                for got in (await consumer.getmany(timeout_ms=100)).values():
                    out += [Read(r.partition, r.offset, r.key, r.value, r.headers) for r in got]
            return sorted(out, key=lambda r: (r.partition, r.offset))
        finally:
            await consumer.stop()

    return asyncio.run(main())


def ends(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """The ends of logs, uncommitted records and markers included."""

    async def main() -> dict[tuple[str, int], int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            out: dict[tuple[str, int], int] = {}
            for topic in topics:
                await consumer._client._wait_on_metadata(topic)
                places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
                out |= {(p.topic, p.partition): at for p, at in (await consumer.end_offsets(places)).items()}
            return out
        finally:
            await consumer.stop()

    return asyncio.run(main())


# -- workers


@dataclass
class Drill:
    """A toy stage on a broker, its workers, and what they say."""

    bootstrap: str
    folder: Path
    toy: Toy
    partitions: int
    generation: int
    settings: dict[str, Any] = field(default_factory=dict)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    exits: list[tuple[str, int]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @property
    def group(self) -> str:
        return f"watchroom-{self.toy.name}-g{self.generation}"

    @property
    def log(self) -> Path:
        return self.folder / "workers.log"

    def start(self, name: str, owner: str = "plain", **more: Any) -> subprocess.Popen[bytes]:
        """Start a worker, by a name that it keeps over restarts."""
        spec = {
            "owner": owner,
            "log": str(self.log),
            "toy": self.toy.to_json(),
            "generation": self.generation,
            "worker": name,
            "settings": {
                "broker": self.bootstrap,
                "state_dir": str(self.folder),
                "commit_interval_s": 0.25,
                "max_poll_records": 400,
                "fetch_max_wait_ms": 20,
                **self.settings,
            },
            **more,
        }
        with (self.folder / f"{name}.err").open("ab") as errors:
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.transport.drill", json.dumps(spec)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=errors,
                stderr=errors,
            )
        return self.workers[name]

    def pid(self, name: str) -> int:
        return self.workers[name].pid

    def send(self, name: str, number: signal.Signals) -> None:
        """A signal to one of our own."""
        self.workers[name].send_signal(number)

    def end(self, name: str, number: signal.Signals = signal.SIGKILL, timeout_s: float = 15) -> int:
        """A signal that ends it; returns the exit code."""
        self.send(name, number)
        return self.wait_exit(name, timeout_s)

    def wait_exit(self, name: str, timeout_s: float = 60) -> int:
        code = self.workers[name].wait(timeout_s)
        self.exits.append((name, code))
        return code

    def news(self) -> list[dict[str, Any]]:
        """What was said since the last call."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        new = [json.loads(line) for line in text.splitlines()]
        self.facts += new
        return new

    def said(self, what: str, **facts: Any) -> list[dict[str, Any]]:
        """All that was said so far of one kind."""
        self.news()
        return [f for f in self.facts if f["what"] == what and all(f.get(k) == v for k, v in facts.items())]

    def wait(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 60) -> dict[str, Any]:
        """The next fact of a kind; those said before this call do not count."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            for fact in self.news():
                if wanted(fact):
                    return fact
            time.sleep(0.02)
        raise AssertionError(f"not said within {timeout_s} s; last: {self.facts[-3:]} {self.errors()}")

    def wait_acquired(
        self, name: str, partitions: int | None = None, timeout_s: float = 60
    ) -> dict[str, Any]:
        """Wait until a worker holds partitions, so and so many if told; returns what it said of them."""
        pid, until = self.pid(name), time.monotonic() + timeout_s
        while time.monotonic() < until:
            self.news()
            last = [f for f in self.facts if f["pid"] == pid and f["what"] in ("acquired", "released")][-1:]
            if last and last[0]["what"] == "acquired" and partitions in (None, len(last[0]["partitions"])):
                return last[0]
            time.sleep(0.02)
        raise AssertionError(f"{name} does not hold {partitions}: {self.facts[-3:]} {self.errors()}")

    def errors(self) -> str:
        return "".join(path.read_text()[-2000:] for path in self.folder.glob("*.err"))

    def committed(self) -> dict[tuple[str, int], int]:
        """The group's offsets, which follow the commits."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            found = admin.list_group_offsets({self.group: None})[self.group]
            return {(tp.topic, tp.partition): at.offset for tp, at in found.items()}
        except RetriableError:  # on a broker that has just started no group has a coordinator yet
            return {}
        finally:
            admin.close()

    def hurry(self) -> None:
        """Workers started from now on do not dawdle."""
        self.toy = replace(self.toy, slow_s=0.0)

    def finish(self, timeout_s: float = 90, **more: Any) -> None:
        """Let the workers work all there is, starting again those that ended, then stop them in order."""
        goal = {place: end for place, end in ends(self.bootstrap, self.toy.sources).items() if end}
        until = time.monotonic() + timeout_s
        while not self._there(goal):
            for name, worker in list(self.workers.items()):
                if (code := worker.poll()) is not None:
                    self.exits.append((name, code))
                    self.start(name, **more)
            assert time.monotonic() < until, (goal, self.committed(), self.news(), self.errors())
            time.sleep(0.2)
        for name, worker in self.workers.items():
            if worker.poll() is None:
                self.wait_acquired(name)  # before that it may not know yet how to stop
                assert self.end(name, signal.SIGTERM) == 0, self.errors()

    def _there(self, goal: Mapping[tuple[str, int], int]) -> bool:
        at = self.committed()
        return all(at.get(place, -1) >= end for place, end in goal.items())

    def kill_all(self) -> None:
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait(10)


@contextmanager
def drill(
    bootstrap: str,
    folder: Path,
    toy: Toy,
    *,
    partitions: int = 4,
    config: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[Drill]:
    """A toy stage with topics of its own; whatever still runs at the end is killed, by pid."""
    tag = f"{folder.name.replace('_', '-')[:40]}-{random.randrange(10**6)}"
    toy = replace(
        toy,
        sources=tuple(f"{s}-{tag}" for s in toy.sources),
        output=f"{toy.output}-{tag}",
        changelog=None if toy.changelog is None else f"{toy.changelog}-{tag}",
    )
    topics: dict[str, tuple[int, dict[str, str]]] = {
        s: (partitions, {"message.timestamp.type": "LogAppendTime"}) for s in toy.sources
    }
    topics[toy.output] = (toy.out_partitions, {"message.timestamp.type": "LogAppendTime"})
    if toy.changelog is not None:
        topics[toy.changelog] = (
            partitions,
            {"cleanup.policy": "compact", "max.message.bytes": str(4 << 20), **(config or {})},
        )
    make_topics(bootstrap, topics)
    it = Drill(bootstrap, folder, toy, partitions, random.randrange(1, 10**6), settings)
    try:
        yield it
    finally:
        it.kill_all()


# -- the check


class Truth(NamedTuple):
    """What the source says, computed plainly, one record after the other."""

    counts: dict[bytes, list[int]]
    seen: dict[int, int]
    last: dict[int, int]


def truth(it: Drill) -> Truth:
    """The reference: counts of each key, and how many events each partition has."""
    counts: dict[bytes, list[int]] = {}
    seen = dict.fromkeys(range(it.partitions), 0)
    last = dict.fromkeys(range(it.partitions), -1)
    for source in it.toy.sources:
        for record in read(it.bootstrap, source):
            assert record.value is not None
            name, amount = record.value.split(b" ")
            key = source.encode() + b"/" + name if len(it.toy.sources) > 1 else name
            count = counts.setdefault(key, [0, 0, 0])
            count[0] += 1
            count[1] += int(amount)
            count[2] = record.offset if it.toy.changelog is not None else count[0]
            seen[record.partition] += 1
            last[record.partition] = record.offset
    return Truth(counts, seen, last)


def differences(it: Drill) -> list[str]:
    """How what the workers left differs from the truth; empty when it is exact."""
    true = truth(it)
    bad = _changelog(it, true) if it.toy.changelog is not None else []
    for isolation in ("read_committed", "read_uncommitted"):
        best: dict[bytes, bytes] = {}
        for record in read(it.bootstrap, it.toy.output, isolation):
            if record.value is None or record.key == b"fat" or record.key.startswith(TOTAL):
                continue
            before = best.get(record.key)
            if before is None or revision(record.value) > revision(before):
                best[record.key] = record.value
            elif revision(record.value) == revision(before) and record.value != before:
                bad.append(f"{isolation}: {record.key!r}, one revision: {record.value!r} {before!r}")
            elif isolation == "read_committed" and revision(record.value) < revision(before):
                bad.append(f"committed {record.key!r} falls: {record.value!r} after {before!r}")
        wrong = [k for k, count in true.counts.items() if best.get(k) != encoded(count)]
        unknown = best.keys() - true.counts.keys()
        if wrong or unknown:
            example = [(k, best.get(k), encoded(true.counts[k])) for k in wrong[:2]]
            bad.append(f"{isolation}: {len(wrong)} keys differ, {len(unknown)} unknown: {example}")
    bad += _totals(it, true)
    return bad


def _totals(it: Drill, true: Truth) -> list[str]:
    """What was put off to the ticks: the last total of each partition says all it has seen."""
    final: dict[int, bytes] = {}
    for record in read(it.bootstrap, it.toy.output):
        if record.key.startswith(TOTAL) and record.value is not None:
            final[int(record.key[len(TOTAL) :])] = record.value
    return [
        f"total of partition {p} is {final.get(p)!r}, of {n} events"
        for p, n in true.seen.items()
        if n and (p not in final or int(final[p].split(b" ")[1]) != n)
    ]


def _changelog(it: Drill, true: Truth) -> list[str]:
    assert it.toy.changelog is not None
    state: dict[int, dict[bytes, bytes]] = {p: {} for p in range(it.partitions)}
    for record in read(it.bootstrap, it.toy.changelog):
        assert record.value is not None
        state[record.partition][record.key] = record.value
    bad: list[str] = []
    found: dict[bytes, bytes] = {}
    for partition, held in state.items():
        position = json.loads(held.pop(POSITION, b'{"seen": 0, "next": {}, "last": -1}'))
        at = position["next"].get(it.toy.sources[0], 0)
        if position["seen"] != true.seen[partition] or at <= true.last[partition]:
            bad.append(f"changelog {partition}: {position}, but {true.seen[partition]} events")
        held.pop(b"fat", None)
        found |= held
    wrong = [k for k, count in true.counts.items() if found.get(k) != encoded(count)]
    if wrong or found.keys() - true.counts.keys():
        bad.append(f"changelog: {len(wrong)} keys differ, {len(found.keys() - true.counts.keys())} unknown")
    return bad


def aborted_seen(it: Drill) -> int:
    """How many output records a live reader saw that were never committed."""
    return len(read(it.bootstrap, it.toy.output, "read_uncommitted")) - len(read(it.bootstrap, it.toy.output))


# -- mischief


def put(bootstrap: str, topic: str, key: bytes, value: bytes) -> None:
    """One record into partition 0."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        producer.send(topic, key=key, value=value, partition=0).get(timeout=10)
    finally:
        producer.close()


@contextmanager
def writing(bootstrap: str, topic: str) -> Iterator[None]:
    """Somebody writes to partition 0 all the time, and has begun."""
    enough, begun = threading.Event(), threading.Event()

    def write_on() -> None:
        producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)
        producer.send(topic, key=b"fat", value=b"x", partition=0).get(timeout=10)
        begun.set()
        while not enough.wait(0.001):
            producer.send(topic, key=b"fat", value=b"x", partition=0)
        producer.close()

    thread = threading.Thread(target=write_on)
    thread.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        enough.set()
        thread.join(20)
