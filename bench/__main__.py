"""``python -m bench``: start a Kafka, write the load, measure readers and workers in turn, print a table.

Example:
  make bench                          # a million events, three rounds
  make bench ARGS='--events 300000 --rounds 1'
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from bench import load, measure
from schemas import topics
from schemas.settings import Settings, load_settings
from watchroom.broker import KAFKA_VERSION, Broker

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_said: list[str] = []


def _say(text: str) -> None:
    _said.append(text)
    print(text, flush=True)


def _write() -> None:
    """Write what was said to the page, with the machine it was said on."""
    versions = f"Python {platform.python_version()}, Kafka {KAFKA_VERSION}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {versions}"
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench ARGS=--write`. The load is San Francisco's week laid five times over itself",
        "and repeated (`bench/load.py`). Broker, reader and worker share the machine's cores; a ratio is of",
        "one round.",
        f"Machine: {machine}.",
        "",
        "```",
        *_said,
        "```",
        "",
    ]
    _PAGE.write_text("\n".join(lines), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=form)
    parser.add_argument("--events", type=int, default=1_000_000, help="about how many events (1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a raw reader and workers (3)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--keep", type=Path, help="keep broker's data and logs in this folder")
    return parser.parse_args()


def _row(name: str, values: list[float], unit: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:<58}{low:>12,.0f}{middle:>12,.0f}{high:>12,.0f}  {unit}"


def _run(settings: Settings, options: argparse.Namespace, folder: Path) -> None:
    measure.prepare(settings, 1)
    begun = time.perf_counter()
    written = asyncio.run(load.write(settings.broker, options.events, settings.partitions))
    passed = time.perf_counter() - begun
    _say(
        f"wrote {written.events:,} events of {written.bytes // written.events} bytes, and {written.clocks:,}"
        f" clocks to each of {settings.partitions} partitions, in {passed:.0f} s"
    )
    raw: list[float] = []
    one: list[measure.Run] = []
    two: list[measure.Rebuilt] = []
    for number in range(1, options.rounds + 1):
        measure.prepare(settings, number)
        raw.append(asyncio.run(measure.raw_reader(settings.broker, topics.EVENTS, settings.partitions)))
        log = folder / f"incidents-{number}.log"
        one.append(measure.backlog(settings, "incidents", number, [topics.EVENTS], log))
        two.append(measure.rebuilt(settings, number, folder / f"agency-{number}.log"))
        _say(
            f"round {number}: raw reader {raw[-1]:,.0f}/s;"
            f" stage one {one[-1].rate:,.0f}/s, {one[-1].memory_mb:.0f} MB;"
            f" stage two read {two[-1].records:,} records in {two[-1].seconds:.1f} s"
        )
    _say("")
    _say(f"{'':<58}{'min':>12}{'median':>12}{'max':>12}")
    _say(_row("raw aiokafka reader, records/s", raw, ""))
    _say(_row("stage one, validation, transactions, outputs, records/s", [r.rate for r in one], ""))
    ratios = [100 * r.rate / limit for r, limit in zip(one, raw, strict=True)]
    _say(_row("stage one as a share of the raw reader of its round", ratios, "%"))
    cpu = [1e6 * r.cpu_seconds / written.events for r in one]
    _say(_row("stage one, processor microseconds an event", cpu, ""))
    _say(_row("stage one, most memory", [r.memory_mb for r in one], "MB"))
    _say(_row("stage two, records read a second at a rebuild", [r.records / r.seconds for r in two], ""))
    _say(_row("stage two, most memory", [r.memory_mb for r in two], "MB"))


def main() -> None:
    """Run the benchmark."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="watchroom-bench-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with Broker.start(folder / "broker", on_progress=_say) as broker:
            settings = load_settings(broker=broker.bootstrap, state_dir=folder / "state")
            _run(settings, options, folder)
    if options.write:
        _write()


if __name__ == "__main__":
    main()
