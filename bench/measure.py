"""Measuring one run: a raw reader, and a worker that has a backlog before it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaAdminClient, KafkaConsumer
from kafka import TopicPartition as Place
from kafka.errors import KafkaError

from schemas.settings import Settings
from streams.app import app_id
from streams.transport import topicsetup
from watchroom.commands.worker import formats

_PATIENCE_S = 600.0


class Run(NamedTuple):
    """One run of a worker over a backlog.

    Attributes:
        rate: records of the source a second, while there were any.
        seconds: that time.
        cpu_us: processor time of all workers an event, microseconds; their start is not in it.
        samples: at each commit: (seconds, records done, processor seconds).
        memory_mb: the most it took.
    """

    rate: float
    seconds: float
    memory_mb: float
    cpu_us: float
    samples: tuple[tuple[float, int, float], ...] = ()


def raw_reader(bootstrap: str, topic: str, partitions: int, processes: int = 1) -> float:
    """Records a second of a plain aiokafka reader over the whole topic: the limit of any reader here.

    Args:
        bootstrap: where Kafka is.
        topic: what to read.
        partitions: how many it has.
        processes: that share them; each begins to count when it begins to read.
    """
    shares = [(bootstrap, topic, list(range(n, partitions, processes))) for n in range(processes)]
    with get_context("spawn").Pool(processes) as pool:
        read = pool.starmap(_read_raw, shares, chunksize=1)
    return sum(r[0] for r in read) / (max(r[2] for r in read) - min(r[1] for r in read))


def _read_raw(bootstrap: str, topic: str, partitions: list[int]) -> tuple[int, float, float]:
    """Records read, and when that began and ended, by the machine's monotonic clock."""
    return asyncio.run(_reads(bootstrap, topic, partitions))


async def _reads(bootstrap: str, topic: str, partitions: list[int]) -> tuple[int, float, float]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1 << 20,
    )
    await reader.start()
    places = [TopicPartition(topic, p) for p in partitions]
    reader.assign(places)
    ends = await reader.end_offsets(places)
    count, begun = 0, time.monotonic()
    while count < sum(ends.values()):
        for records in (await reader.getmany(timeout_ms=500, max_records=20_000)).values():
            count += len(records)
    ended = time.monotonic()
    await reader.stop()
    return count, begun, ended


def prepare(settings: Settings, generation: int) -> None:
    """Register a generation and make its topics, so that each run begins from nothing."""
    if generation == 1:
        topicsetup.prepare(settings.broker, settings, formats(), 1)
        return
    topicsetup.ensure_topics(settings.broker, settings, generation)
    made = topicsetup.Generation.of(generation, settings, formats())
    topicsetup.register(settings.broker, settings, topicsetup.with_status(made, "building"))


@contextmanager
def worker(
    settings: Settings, stage: str, generation: int, log: Path, name: str = "bench"
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of its own process, stopped at the end."""
    environment = {
        **os.environ,
        "WATCHROOM_BROKER": settings.broker,
        "WATCHROOM_STATE_DIR": str(settings.state_dir),
        "WATCHROOM_PARTITIONS": str(settings.partitions),
    }
    command = [sys.executable, "-m", "watchroom", "worker", "--stage", stage, "--id", f"{name}-{stage}"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--generation", str(generation)], env=environment, stderr=out, stdout=out
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def backlog(
    settings: Settings, stage: str, generation: int, topics: list[str], log: Path, workers: int = 1
) -> Run:
    """Time workers over a backlog, from the first commit after all of them work to the last that left work.

    Between two commits both ends are exact, and a start is not in it; nor is the end, where workers with
    nothing left to do wait up to two seconds for the next commit.

    Args:
        settings: where Kafka is.
        stage: which stage.
        generation: prepared for this run.
        topics: full names of what it reads.
        log: file for what it says; of others than the first, beside it.
        workers: how many share the partitions; processor time and memory are all of theirs.
    """
    with ExitStack() as all_of_it:
        ends = all_of_it.enter_context(_ends(settings.broker, topics))
        logs = [log.with_suffix(f".{n}.log") if n else log for n in range(workers)]
        processes = [
            all_of_it.enter_context(worker(settings, stage, generation, said, f"bench-{n}"))
            for n, said in enumerate(logs)
        ]
        admin = KafkaAdminClient(bootstrap_servers=settings.broker)
        group, until = app_id(stage, generation), time.monotonic() + _PATIENCE_S
        samples: list[tuple[float, int, float]] = []
        before, all_there = _done(admin, group, ends), False
        try:
            while not samples or samples[-1][1] < sum(ends.values()):
                if any(p.poll() is not None for p in processes) or time.monotonic() > until:
                    raise RuntimeError(f"a worker did not get through: see {log}\n{log.read_text()[-2000:]}")
                done = _done(admin, group, ends)
                if not all_there:
                    before, all_there = done, all(map(_acquired, logs))
                elif done > (samples[-1][1] if samples else before):
                    samples.append((time.perf_counter(), done, _use_of_all(processes)[0]))
                time.sleep(0.1)  # seldom: asking costs the worker, too
        finally:
            admin.close()
        _, memory = _use_of_all(processes)
    timed = samples[:-1] if len(samples) > 2 else samples  # a run so short has no other end
    (begun, first, used), (ended, last, used_last) = timed[0], timed[-1]
    passed, events = ended - begun, last - first
    if not events:
        return Run(float("nan"), passed, memory, float("nan"))
    return Run(events / passed, passed, memory, 1e6 * (used_last - used) / events, tuple(samples))


def _use_of_all(processes: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """Processor seconds and the most memory of some processes together."""
    used = [use(process.pid) for process in processes]
    return sum(cpu for cpu, _ in used), sum(memory for _, memory in used)


class Rebuilt(NamedTuple):
    """One recovery of stage two, which has no changelog and reads what it needs of its inputs.

    Attributes:
        seconds: to read all records, as the worker says; ``cpu_us``: of processor a record, start included.
        records: how many.
        memory_mb: the most it took, first figures included.
    """

    seconds: float
    records: int
    memory_mb: float
    cpu_us: float


def started(settings: Settings, stage: str, generation: int, log: Path) -> dict[str, Any]:
    """Start a worker, and what it says when it has its partitions; then it is stopped again."""
    with worker(settings, stage, generation, log) as process:
        return until_acquired(process, log)


def rebuilt(settings: Settings, generation: int, log: Path) -> Rebuilt:
    """Start stage two before a generation's records, and wait until it has read what it needs, and told."""
    with worker(settings, "agency", generation, log) as process:
        facts = until_acquired(process, log)
        time.sleep(3.0)  # its first figures
        cpu, memory = use(process.pid)
    count = int(facts["records"])
    return Rebuilt(float(facts["recovery_s"]), count, memory, 1e6 * cpu / max(1, count))


def until_acquired(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """Wait until a worker has its partitions; what it said then."""
    until = time.monotonic() + _PATIENCE_S
    while not (facts := _acquired(log)):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the worker did not get through: see {log}\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    return facts


def _acquired(log: Path) -> dict[str, Any]:
    """What the worker said when it had its partitions; empty before."""
    for line in log.read_text().splitlines():
        if '"acquired"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    return {}


@contextmanager
def _ends(bootstrap: str, names: list[str]) -> Iterator[dict[Place, int]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    try:
        places = [Place(name, p) for name in names for p in sorted(consumer.partitions_for_topic(name) or ())]
        yield {place: end for place, end in consumer.end_offsets(places).items() if end}
    finally:
        consumer.close()


def _done(admin: KafkaAdminClient, group: str, ends: dict[Place, int]) -> int:
    """How much of the backlog is committed."""
    try:
        offsets = admin.list_group_offsets([group])[group]
    except KafkaError:
        return 0
    return sum(min(max(offsets[p].offset, 0), end) for p, end in ends.items() if p in offsets)


def use(pid: int) -> tuple[float, float]:
    """(processor seconds, most memory in MB) of a process, as the kernel tells."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / ticks, peak / 1024


def progress(admin: KafkaAdminClient, bootstrap: str, group: str, names: list[str]) -> tuple[int, int]:
    """(records of these topics a group has committed, how many are left)."""
    with _ends(bootstrap, names) as ends:
        done = _done(admin, group, ends)
        return done, sum(ends.values()) - done
