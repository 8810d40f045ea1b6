"""Both stages over a backlog, beside a raw reader of the same topic."""

from __future__ import annotations

import asyncio
import os
import statistics

from bench import load, measure
from bench.setting import Bench
from schemas import topics
from streams import compiled

WRITTEN = "as it is written"


def _row(name: str, values: list[float], unit: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:<58}{low:>12,.0f}{middle:>12,.0f}{high:>12,.0f}  {unit}".rstrip()


def cores() -> list[str]:
    """The core as it is written, and compiled where ``make fast`` has been said."""
    return [WRITTEN, "compiled"] if compiled.compiled() is not None else [WRITTEN]


def run(bench: Bench) -> None:
    """San Francisco's week laid five times over itself and repeated (``bench.load``)."""
    settings = bench.settings
    measure.prepare(settings, 1)
    written = asyncio.run(load.write(settings.broker, bench.events, settings.partitions))
    bench.say(
        f"wrote {written.events:,} events of {written.bytes // written.events} bytes, and {written.clocks:,}"
        f" clocks to each of {settings.partitions} partitions"
    )
    raw: list[float] = []
    one: dict[str, list[measure.Run]] = {core: [] for core in cores()}
    two: list[measure.Rebuilt] = []
    limits: dict[str, list[float]] = {core: [] for core in one}
    generation = 0
    for _ in range(bench.rounds):
        raw.append(measure.raw_reader(settings.broker, topics.EVENTS, settings.partitions))
        for core, runs in one.items():
            generation += 1
            measure.prepare(settings, generation)
            os.environ[compiled.VARIABLE] = "0" if core == WRITTEN else ""
            log = bench.folder / f"incidents-{generation}.log"
            runs.append(measure.backlog(settings, "incidents", generation, [topics.EVENTS], log))
            limits[core].append(raw[-1])
        two.append(measure.rebuilt(settings, generation, bench.folder / f"agency-{generation}.log"))
    bench.say(f"{'':<58}{'min':>12}{'median':>12}{'max':>12}")
    bench.say(_row("raw aiokafka reader, records/s", raw, ""))
    for core, runs in one.items():
        bench.say(f"stage one {core}, validation, transactions, outputs:")
        bench.say(_row("  records/s", [r.rate for r in runs], ""))
        ratios = [100 * r.rate / limit for r, limit in zip(runs, limits[core], strict=True)]
        bench.say(_row("  as a share of the raw reader of its round", ratios, "%"))
        bench.say(_row("  processor microseconds an event", [r.cpu_us for r in runs], ""))
        bench.say(_row("  most memory", [r.memory_mb for r in runs], "MB"))
    bench.say(_row("stage two, records read a second at a rebuild", [r.records / r.seconds for r in two], ""))
    bench.say(_row("stage two, most memory", [r.memory_mb for r in two], "MB"))
