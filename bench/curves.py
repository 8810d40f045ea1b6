"""What an event costs against the length of the run, the number of open incidents and that of stations."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import city, measure, recovery
from bench.setting import Bench
from schemas import topics
from schemas.settings import Settings, load_settings
from schemas.times import DAY
from watchroom.broker import Broker

OPEN = (1_000, 10_000, 100_000)
STATIONS = (10, 100, 1_000)
PER_DAY = 2300
PLOT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.svg"

Curve = list[tuple[float, float]]


def run(bench: Bench) -> None:
    """Three curves, each on generations of its own; processor microseconds an event."""
    curves = {
        "events before it": _length(bench),
        "open incidents": _open(bench),
        "stations (stage two, a record)": _stations(bench),
    }
    for name, curve in curves.items():
        bench.say(f"{name}: " + "; ".join(f"{size:,.0f}: {cost:.1f} us" for size, cost in curve))
    done = subprocess.run(
        [str(bench.peers_python), "-m", "bench.plot", str(PLOT)],
        input=json.dumps(curves), text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        bench.plots.append(PLOT.name)


@contextmanager
def _kafka(bench: Bench, name: str) -> Iterator[Settings]:
    """A Kafka of its own, so that each size begins with an empty log."""
    folder = bench.folder / name
    folder.mkdir()
    with Broker.start(folder / "broker", on_progress=lambda _: None) as broker:
        settings = load_settings(broker=broker.bootstrap, state_dir=folder / "state")
        measure.prepare(settings, 1)
        yield settings
    shutil.rmtree(folder, ignore_errors=True)


def _days(events: int) -> int:
    return max(1, round(events / (PER_DAY * city.EVENTS_A_CALL)))


def _length(bench: Bench) -> Curve:
    """One run in six pieces."""
    measure.prepare(bench.settings, 1)
    city.write(bench.settings.broker, city.plan(PER_DAY, 2 * _days(bench.events)))
    ran = measure.backlog(bench.settings, "incidents", 1, [topics.EVENTS], bench.folder / "length.log")
    pieces, curve, start = 6, [], ran.samples[0]
    for sample in ran.samples[1:]:
        if sample[1] - start[1] >= ran.samples[-1][1] / pieces or sample is ran.samples[-1]:
            if sample[1] - start[1] > ran.samples[-1][1] / (3 * pieces):
                curve.append((float(sample[1]), 1e6 * (sample[2] - start[2]) / (sample[1] - start[1])))
            start = sample
    return curve


def _open(bench: Bench) -> Curve:
    """So many calls left open, then a city's days joined beside them.

    They were recorded after those days: else the rule would close them meanwhile, which is work of its own
    and none of the events'.
    """
    curve = []
    for number, count in enumerate(OPEN):
        with _kafka(bench, f"open-{count}") as settings:
            recovery.write_open(settings.broker, count, late=2 * _days(bench.events) * DAY)
            measure.backlog(settings, "incidents", 1, [topics.EVENTS], bench.folder / f"fill-{count}.log")
            city.write(settings.broker, city.plan(PER_DAY, _days(bench.events), seed=2 + number))
            ran = measure.backlog(
                settings, "incidents", 1, [topics.EVENTS], bench.folder / f"open-{count}.log"
            )
            curve.append((float(count), ran.cpu_us))
    return curve


def _stations(bench: Bench) -> Curve:
    """The same city with few stations and many: stage two makes a figure of each."""
    curve = []
    for count in STATIONS:
        with _kafka(bench, f"stations-{count}") as settings:
            city.write(settings.broker, city.plan(PER_DAY, _days(bench.events), stations=count))
            measure.backlog(settings, "incidents", 1, [topics.EVENTS], bench.folder / f"stations-{count}.log")
            again = measure.rebuilt(settings, 1, bench.folder / f"agency-{count}.log")
            curve.append((float(count), again.cpu_us))
    return curve
