"""Peers: the same pure core on the same topic, broker and cores, in turns: rates and processor time."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from bench import load, measure
from bench.setting import Bench
from schemas import topics

PYTHON = Path(__file__).resolve().parent.parent / ".venv-bench" / "bin" / "python"
_PATIENCE_S = 900


class Peer(NamedTuple):
    """One engine.

    Attributes:
        share: of the load that it is given, for its rate alone counts; at most ``most`` events.
        without: what it does not do that Watchroom does.
    """

    module: str
    about: str
    share: float
    most: int
    without: str


PEERS = (
    Peer("with_bytewax", "Bytewax 0.21.1, recovery", 0.5, 500_000,
         "no transactions (at least once), no dead letters, no clocks, eviction or merges, no fencing"),
    Peer("with_quix", "Quix Streams 3.28.1, state (RocksDB, changelog)", 0.2, 200_000,
         "at least once as by default, no dead letters, no clocks, eviction or merges"),
    Peer("with_faust", "faust-streaming 0.15.3, table (memory, changelog)", 0.02, 20_000,
         "at least once, a changelog record an event, no dead letters, no clocks, eviction or merges"),
)  # fmt: skip

WATCHROOM, WATCHROOM_TWICE = "Watchroom, stage one whole", "Watchroom, two workers"
RAW, RAW_TWICE = "raw aiokafka reader", "raw aiokafka reader, two processes"


def run(bench: Bench) -> None:
    """Write the load once, then all engines in turns, several rounds."""
    settings = bench.settings
    measure.prepare(settings, 1)
    written = asyncio.run(load.write(settings.broker, bench.events, settings.partitions))
    size = written.bytes // written.events
    bench.say(f"{written.events:,} events of {size} bytes, {settings.partitions} partitions")
    rates: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    generation = 0
    for number in range(1, bench.rounds + 1):
        rates[RAW].append(measure.raw_reader(settings.broker, topics.EVENTS, settings.partitions))
        rates[RAW_TWICE].append(
            measure.raw_reader(settings.broker, topics.EVENTS, settings.partitions, processes=2)
        )
        for name, workers in ((WATCHROOM, 1), (WATCHROOM_TWICE, 2)):
            generation += 1
            measure.prepare(settings, generation)
            log = bench.folder / f"contest-{generation}.log"
            ours = measure.backlog(settings, "incidents", generation, [topics.EVENTS], log, workers)
            rates[name].append(ours.rate)
            cpu[name].append(ours.cpu_us)
        for peer in PEERS:
            said = _peer(bench, peer, number, written.events)
            rates[peer.about].append(said["rate"])
            cpu[peer.about].append(said["cpu_us"])
        bench.say(f"round {number}: " + "; ".join(f"{name} {r[-1]:,.0f}/s" for name, r in rates.items()))
    _table(bench, rates, cpu)


def _peer(bench: Bench, peer: Peer, number: int, events: int) -> dict[str, Any]:
    """One run of a peer, from nothing."""
    if not PYTHON.is_file() and bench.peers_python == PYTHON:
        raise SystemExit("the peers are not installed: tools/setup-bench.sh")
    name = f"bench-{peer.module}-{number}"
    admin: Any = KafkaAdminClient(bootstrap_servers=bench.settings.broker)
    admin.create_topics([NewTopic(name, bench.settings.partitions, 1)])
    admin.close()
    folder = bench.folder / name
    folder.mkdir()
    count = min(peer.most, max(2_000, int(events * peer.share)))
    command = [
        str(bench.peers_python), "-m", f"bench.peers.{peer.module}", "--broker", bench.settings.broker,
        "--topic", topics.EVENTS, "--results", name, "--events", str(count), "--folder", str(folder),
        "--name", name,
    ]  # fmt: skip
    with (bench.folder / f"{name}.log").open("wb") as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, timeout=_PATIENCE_S, check=False)
    shutil.rmtree(folder, ignore_errors=True)
    lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith('{"rate"')]
    if not lines:
        raise RuntimeError(f"{peer.module} did not get through: see {log.name}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _table(bench: Bench, rates: dict[str, list[float]], cpu: dict[str, list[float]]) -> None:
    bench.say("")
    bench.say(f"{'events a second':<52}{'min':>10}{'median':>10}{'max':>10}{'ours to it':>12}{'CPU us':>9}")
    for name, found in rates.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[WATCHROOM], found, strict=True))
        used = f"{statistics.median(cpu[name]):>9.1f}" if name in cpu else f"{'':>9}"
        bench.say(
            f"{name:<52}{min(found):>10,.0f}{statistics.median(found):>10,.0f}{max(found):>10,.0f}"
            f"{ratio:>11.2f}x{used}"
        )
    bench.say("")
    twice = [
        statistics.median(ours / raw for ours, raw in zip(rates[WATCHROOM_TWICE], rates[name], strict=True))
        for name in (RAW, RAW_TWICE)
    ]
    bench.say(
        f"Two workers do {twice[0]:.2f} of one raw reader, {twice[1]:.2f} of two. All others are one process."
    )
    bench.say(
        "What they do not do: Watchroom writes all of a batch in one fencing transaction, dead-letters what"
    )
    bench.say("it cannot join, keeps clocks, closes by rule, evicts and merges; tells once a batch.")
    bench.say("The raw reader decodes nothing and writes nothing. The others join and tell event by event:")
    for peer in PEERS:
        bench.say(f"  {peer.about}: {peer.without}")
