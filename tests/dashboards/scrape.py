"""How long a scrape of a large installation is, in series, bytes and seconds.

python -m tests.dashboards.scrape [--agencies 10] [--stations 100] [--others 40] [--breakdowns station_area]

The exporter's own board is filled with figures for every agency, interval, mode and window that is shown, of
every station and every other group, all with values: no installation of that shape has more. Targets bind
two of the intervals, as San Francisco's do. Then it is scraped over HTTP, as Prometheus does it, and with
``--old`` also written by prometheus-client alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from schemas.definitions import EDITION
from schemas.records import FigureRecord
from schemas.series import BREAKDOWNS, ROLLING
from schemas.vocabulary import MODES, UNKNOWN, Standing
from sinks.prometheus.exporter import Boards, listen
from sinks.prometheus.exposition import application, text
from sinks.prometheus.figures import BREAKDOWN_WINDOWS, FigureBoard
from tests.dashboards.cardinality import Shape
from tests.sinks.collector import FromSamples
from tests.sinks.makings import AGENCY, figure, pair

BOUND = ("turnout", "travel_first_due")
OTHERS = tuple(by for by in BREAKDOWNS if by not in ("all", "station_area"))


def agency_ids(shape: Shape) -> list[str]:
    """Names of the agencies."""
    return [f"agency-{number:02}" for number in range(shape.agencies)]


def groups(shape: Shape) -> list[tuple[str, str]]:
    """Breakdown and group: stations, and the other groups dealt out over the other breakdowns."""
    stations = [("station_area", f"{number:03}") for number in range(shape.stations)]
    return stations + [(OTHERS[n % len(OTHERS)], f"{n:03}") for n in range(shape.others)]


def figures(shape: Shape, bound: tuple[str, ...] = BOUND) -> Iterator[FigureRecord]:
    """Every figure that such an installation can have on the exporter, calendar periods apart."""
    for agency_id in agency_ids(shape):
        for interval in EDITION.intervals:
            more: dict[str, Any] = {"bound": 40, "within": 31, "late": 1} if interval in bound else {}
            if interval in bound:
                more["standing"] = {Standing.MEASURED: 9, Standing.NEVER_ENDED: 1}
            for mode in (*MODES, UNKNOWN):
                said = {"agency_id": agency_id, "interval": interval, "mode": mode, **more}
                said |= {"n": 40, "p50": 61, "p90": 120, "p95": 150}
                for window in ROLLING:
                    yield figure(window=window, **said)
                for window in sorted(BREAKDOWN_WINDOWS):
                    for by, group in groups(shape):
                        yield figure(window=window, by=by, group=group, **said)


def filled(shape: Shape, breakdowns: tuple[str, ...], bound: tuple[str, ...] = BOUND) -> Boards:
    """The exporter's boards with all of it."""
    agencies = {one: AGENCY.model_copy(update={"id": one}) for one in agency_ids(shape)}
    boards = Boards(agencies, breakdowns)
    boards.figures = FigureBoard(agencies, boards.refusals, breakdowns=breakdowns)
    for one in figures(shape, bound):
        boards.figures.take(*pair(one))
    return boards


def scraped(boards: Boards) -> dict[str, object]:
    """One scrape over HTTP, compressed as Prometheus asks for it."""
    nothing = CollectorRegistry()
    server, _ = listen("127.0.0.1", 0, nothing)
    server.set_app(application(boards.samples, nothing))
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    try:
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=600) as answer:
            wire = answer.read()
        took = time.monotonic() - began
    finally:
        server.shutdown()
        server.server_close()
    body = gzip.decompress(wire)
    return {
        "series": sum(1 for line in body.splitlines() if not line.startswith(b"#")),
        "text_mb": round(len(body) / 1e6, 1),
        "wire_mb": round(len(wire) / 1e6, 1),
        "seconds": round(took, 2),
    }


def main() -> int:
    """Measure, and print one line of JSON for each way."""
    parser = argparse.ArgumentParser(description="Series, bytes and seconds of a large scrape.")
    parser.add_argument("--agencies", type=int, default=10)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--others", type=int, default=40)
    parser.add_argument("--breakdowns", default=",".join(BREAKDOWNS[1:]))
    parser.add_argument("--old", action="store_true", help="also by prometheus-client's own writer")
    asked = parser.parse_args()
    shape = Shape(agencies=asked.agencies, stations=asked.stations, others=asked.others)
    boards = filled(shape, tuple(asked.breakdowns.split(",")))
    cpu = time.process_time()
    text(boards.samples())
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({**scraped(boards), "text_cpu_s": round(cpu, 2), "peak_mb": round(peak)}), flush=True)
    if asked.old:
        registry = CollectorRegistry()
        registry.register(FromSamples(boards.samples))
        cpu = time.process_time()
        size = len(generate_latest(registry))
        used = round(time.process_time() - cpu, 2)
        print(json.dumps({"writer": "prometheus-client", "text_mb": round(size / 1e6, 1), "cpu_s": used}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
