"""Both stages over a backlog, beside a raw reader of the same topic."""

from __future__ import annotations

import asyncio
import statistics

from bench import load, measure
from bench.setting import Bench
from schemas import topics


def _row(name: str, values: list[float], unit: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:<58}{low:>12,.0f}{middle:>12,.0f}{high:>12,.0f}  {unit}".rstrip()


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
    one: list[measure.Run] = []
    two: list[measure.Rebuilt] = []
    for number in range(1, bench.rounds + 1):
        measure.prepare(settings, number)
        raw.append(asyncio.run(measure.raw_reader(settings.broker, topics.EVENTS, settings.partitions)))
        log = bench.folder / f"incidents-{number}.log"
        one.append(measure.backlog(settings, "incidents", number, [topics.EVENTS], log))
        two.append(measure.rebuilt(settings, number, bench.folder / f"agency-{number}.log"))
    bench.say(f"{'':<58}{'min':>12}{'median':>12}{'max':>12}")
    bench.say(_row("raw aiokafka reader, records/s", raw, ""))
    bench.say(_row("stage one, validation, transactions, outputs, records/s", [r.rate for r in one], ""))
    ratios = [100 * r.rate / limit for r, limit in zip(one, raw, strict=True)]
    bench.say(_row("stage one as a share of the raw reader of its round", ratios, "%"))
    bench.say(_row("stage one, processor microseconds an event", [r.cpu_us for r in one], ""))
    bench.say(_row("stage one, most memory", [r.memory_mb for r in one], "MB"))
    bench.say(_row("stage two, records read a second at a rebuild", [r.records / r.seconds for r in two], ""))
    bench.say(_row("stage two, most memory", [r.memory_mb for r in two], "MB"))
