"""Open incidents recovered by a new worker, and stage two's rebuild from its inputs."""

from __future__ import annotations

import msgspec

from bench import city, measure
from bench.setting import Bench
from schemas import topics
from schemas.times import SECOND, Micros, moment
from sources.bulk import BulkWriter

OPEN = 100_000


def write_open(broker: str, count: int, late: Micros = 0) -> int:
    """Calls that have a unit on the scene and no end; returns how many events.

    Args:
        broker: where to.
        count: how many calls.
        late: how long after they occurred their events say that they were recorded.
    """
    encode = msgspec.json.encode
    with BulkWriter(broker) as writer:
        for number in range(count):
            at = city.START + number * SECOND // 50
            base = {
                "agency_id": city.AGENCY,
                "incident_id": f"o{number}",
                "source_id": city.SOURCE,
                "simulated": True,
            }
            key = f"{city.AGENCY}/o{number}"
            for step, name in enumerate(
                ("call_arrival", "call_create", "dispatch", "enroute_to_scene", "on_scene")
            ):
                event: dict[str, object] = {
                    "kind": "milestone", "event_id": f"o{number}.{step}", **base,
                    "occurred_at": moment(at + step * 30 * SECOND), "name": name,
                    "recorded_at": moment(at + step * 30 * SECOND + late),
                }  # fmt: skip
                if step > 1:
                    event["unit_id"] = f"E{number % 997}"
                writer.send(key, encode(event))
        writer.clock(city.AGENCY, city.SOURCE, city.START + count * SECOND // 50 + 150 * SECOND)
    return 5 * count


def run(bench: Bench) -> None:
    """Fill, stop, start: how long the new worker needs before it reads on."""
    settings = bench.settings
    measure.prepare(settings, 1)
    count = min(OPEN, bench.events)
    write_open(settings.broker, count)
    measure.backlog(settings, "incidents", 1, [topics.EVENTS], bench.folder / "fill.log")
    for number in range(bench.rounds):
        facts = measure.started(settings, "incidents", 1, bench.folder / f"recovery-{number}.log")
        bench.say(
            f"{count:,} open incidents: {facts['records']:,} changelog records read in"
            f" {facts['recovery_s']:.2f} s, after {facts['fence_s']:.2f} s of fencing"
        )
