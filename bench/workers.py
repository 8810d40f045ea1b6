"""Two workers of stage one against one: rate, and processor time an event."""

from __future__ import annotations

from bench import city, measure
from bench.setting import Bench
from schemas import topics

PER_DAY = 2300


def run(bench: Bench) -> None:
    """One worker, then two, in turns over the same backlog."""
    measure.prepare(bench.settings, 1)
    days = max(1, round(bench.events / (PER_DAY * city.EVENTS_A_CALL)))
    written = city.write(bench.settings.broker, city.plan(PER_DAY, days))
    bench.say(f"{written.events:,} events of a generated city")
    bench.say(f"{'workers':<10}{'events/s':>12}{'CPU us an event':>20}")
    generation = 0
    for _ in range(bench.rounds):
        for count in (1, 2):
            generation += 1
            measure.prepare(bench.settings, generation)
            log = bench.folder / f"workers-{generation}.log"
            ran = measure.backlog(bench.settings, "incidents", generation, [topics.EVENTS], log, count)
            bench.say(f"{count:<10}{ran.rate:>12,.0f}{ran.cpu_us:>20.1f}")
