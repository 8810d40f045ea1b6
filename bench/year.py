"""A big city's year through both agents at a clock step of a day: time, memory, then a rebuild."""

from __future__ import annotations

import time

from kafka import KafkaAdminClient

from bench import city, measure
from bench.setting import Bench
from schemas import topics
from streams.app import app_id

A_YEAR = 15_000_000
DAYS = 365
_STEP_S = 0.5


def run(bench: Bench) -> None:
    """Fewer events are fewer days of the same city."""
    settings = bench.settings
    measure.prepare(settings, 1)
    per_day = round(A_YEAR / DAYS / city.EVENTS_A_CALL)
    days = max(2, round(DAYS * bench.events / A_YEAR))
    written = city.write(settings.broker, city.plan(per_day, days))
    bench.say(f"{days} days of {per_day:,} calls: {written}")
    results = [topics.topic_name(name, 1) for name in topics.RESULTS_OF_STAGE_ONE]
    with (
        measure.worker(settings, "incidents", 1, log_one := bench.folder / "incidents.log") as one,
        measure.worker(settings, "agency", 1, log_two := bench.folder / "agency.log") as two,
    ):
        measure.until_acquired(one, log_one)
        measure.until_acquired(two, log_two)
        begun, told, admin = time.perf_counter(), 0, KafkaAdminClient(bootstrap_servers=settings.broker)
        names = ("stage one MB", "stage two MB", "CPU s one", "CPU s two")
        bench.say(f"{'events':>12}{'s':>8}" + "".join(f"{name:>14}" for name in names))
        while True:
            done, left = measure.progress(admin, settings.broker, app_id("incidents", 1), [topics.EVENTS])
            behind = left or measure.progress(admin, settings.broker, app_id("agency", 1), results)[1]
            if done >= told or not behind:
                (cpu_one, mb_one), (cpu_two, mb_two) = measure.use(one.pid), measure.use(two.pid)
                passed = time.perf_counter() - begun
                bench.say(
                    f"{done:>12,}{passed:>8.1f}{mb_one:>14,.0f}{mb_two:>14,.0f}"
                    f"{cpu_one:>14.1f}{cpu_two:>14.1f}"
                )
                told = done + written.events // 10
            if not behind:
                break
            for process, log in ((one, log_one), (two, log_two)):
                if process.poll() is not None:
                    raise RuntimeError(f"a worker ended: see {log}\n{log.read_text()[-2000:]}")
            time.sleep(_STEP_S)
        admin.close()
    again = measure.rebuilt(settings, 1, bench.folder / "rebuilt.log")
    bench.say(
        f"stage two rebuilt from {again.records:,} records in {again.seconds:.1f} s,"
        f" {again.memory_mb:,.0f} MB"
    )
