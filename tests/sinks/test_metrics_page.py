"""docs/metrics.md and the exporter know the same metrics, and promtool has nothing against any of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from schemas.records import encode
from sinks.alertmanager.sink import Figures as AlertFigures
from sinks.prometheus.breaches import BreachBoard
from sinks.prometheus.exporter import Boards
from sinks.prometheus.figures import FigureBoard, Sample
from sinks.prometheus.metrics import METRICS
from sinks.prometheus.pipeline import PipelineBoard
from sinks.prometheus.units import UnitBoard
from sinks.reading import Generation
from tests.sinks.collector import FromSamples
from tests.sinks.diverting import month
from tests.sinks.makings import AGENCIES, BREACH, HEALTH, TURNOUT, breach, figure, pair, unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def full_samples() -> Iterator[Sample]:
    """A scrape in which every metric has a sample."""
    boards = Boards(AGENCIES)
    boards.figures = FigureBoard(AGENCIES, boards.refusals)
    late: dict[str, Any] = {"late": 1, "standing": {"never_ended": 1}}
    for one in (
        msgspec.structs.replace(TURNOUT, histogram={60: 300, 200: 270}),
        figure(window="day:2017-01-03", n=3, p50=1, p90=2, p95=2, bound=3, within=3),
        figure(by="class", group="EMS", n=3, p50=1, p90=2, p95=2, bound=3, within=3, **late),
        figure(window="5h"),
    ):
        boards.figures.take(*pair(one))
    for told in month():
        boards.figures.take(told.series, encode(told))
    boards.pipeline = PipelineBoard(1, boards.refusals)
    boards.pipeline.take("incidents/1", encode(HEALTH), 1_700_000_001_000)
    boards.pipeline.measure({("incident.events", 1): (0, 100), ("dead.letters", 0): (0, 3)})
    boards.units = UnitBoard(boards.refusals)
    boards.units.take("sffd/E01", encode(unit("E01", "on_scene")))
    boards.breaches = BreachBoard(AGENCIES, boards.refusals)
    boards.breaches.take("sffd/A1/E1/turnout", encode(BREACH))
    boards.breaches.take("sffd/A2/E1/turnout", encode(breach("closed", incident_id="A2")))
    boards.generation = Generation(generation=1, status="current")
    boards.last_read_s["figures"] = 1_700_000_001.0
    return boards.samples()


def exposition() -> str:
    """That scrape as text."""
    registry = CollectorRegistry()
    registry.register(FromSamples(full_samples))
    return generate_latest(registry).decode()


def sink_rows() -> dict[str, str]:
    """The alert sink's metrics as rows of the page, by name."""
    rows = {}
    for family in AlertFigures().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows[name] = f"| `{name}` | {family.type} | `alertmanager` | {family.documentation} |"
    return rows


def test_every_metric_is_on_the_page_and_the_other_way_round() -> None:
    """The page has exactly the rows of what the code serves, and names no metric that there is not."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `watchroom_")]
    named = set(re.findall(r"watchroom_[a-z0-9_]*[a-z0-9]", page))

    assert sorted(rows) == sorted([*(metric.row() for metric in METRICS.values()), *sink_rows().values()])
    assert {name for name in named if name not in {*METRICS, *sink_rows()}} <= {
        "watchroom_interval",
        "watchroom_interval_by_group",
    }


def test_every_metric_can_be_scraped() -> None:
    """No metric is a mere promise: each has a sample in a full scrape, with the labels it says."""
    seen = {}
    for line in exposition().splitlines():
        found = re.match(r"(watchroom_\w+)(?:\{(.*)\})? ", line)
        if found:
            seen[found[1]] = set(re.findall(r'(\w+)="', found[2] or ""))

    assert seen == {metric.name: set(metric.labels) for metric in METRICS.values()}


def test_no_label_carries_what_identifies() -> None:
    """Labels never carry an incident, a unit, an address or a caller (DESIGN.md, law 5)."""
    labels = {label for metric in METRICS.values() for label in metric.labels}

    assert not labels & {"incident", "incident_id", "unit", "unit_id", "event_id", "address", "caller"}


@pytest.mark.monitoring
def test_promtool_has_no_complaint() -> None:
    """Names, types, units and help keep Prometheus's conventions."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is missing; Debian's package prometheus brings it: apt-get install prometheus")
    run = subprocess.run(
        [promtool, "check", "metrics"],
        input=exposition(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
