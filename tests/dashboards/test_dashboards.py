"""The committed dashboards are what the code makes, whole, and named as Grafana 9.4 will have them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sinks.grafana.pushing import read_dashboards
from sinks.prometheus.metrics import METRICS
from tools.dashboards import BOARDS
from tools.dashboards.__main__ import FOLDER, main

DASHBOARDS = read_dashboards(FOLDER)
PANELS = [
    (uid, panel)
    for uid, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
IDS = [f"{uid}: {panel['title']}" for uid, panel in PANELS]
ELSEWHERE = {"up", "process_resident_memory_bytes"}
ALERTS = {f"watchroom_alerts_{name}" for name in ("waiting", "firing", "posted_total", "failed_posts_total")}
"""Of `watchroom alerts run`, which serves them itself."""


def test_a_rebuild_gives_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    """What is committed is what `python -m tools.dashboards` writes."""
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_difference_is_found_and_mended(tmp_path: Path) -> None:
    """The check can fail: at a change, at a missing file, and at one too many."""
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    first = tmp_path / f"{BOARDS[0].uid}.json"
    first.write_text(first.read_text(encoding="utf-8").replace("Calls", "Calls "), encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    (tmp_path / "more.json").write_text("{}", encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{b.uid}.json" for b in BOARDS)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_dashboard_keeps_grafanas_rules(uid: str) -> None:
    """Unlike ids, no overlap, links, annotations, a data source that can be chosen; nothing of the newest."""
    dashboard = DASHBOARDS[uid]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert not dashboard["editable"]
    assert "placement" not in json.dumps(dashboard).replace('"placement": "bottom"', "")
    assert dashboard["templating"]["list"][0]["name"] == "datasource"
    assert {a["name"] for a in dashboard["annotations"]["list"]} == {
        "Red breaches", "Deployments", "Criteria changed",
    }  # fmt: skip
    assert dashboard["links"][0]["tags"] == ["watchroom"]


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=IDS)
def test_a_panel_says_what_it_is(uid: str, panel: dict[str, Any]) -> None:
    """A title, a description of more than a few words, a unit, and the chosen data source alone."""
    assert panel["title"].strip()
    assert len(panel["description"]) > 25
    assert panel["fieldConfig"]["defaults"]["unit"]
    for target in (panel, *panel["targets"]):
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    if panel["type"] == "heatmap":
        assert panel["options"]["calculate"] is False
    if panel["type"] == "timeseries":
        assert panel["options"]["legend"]["showLegend"]


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=IDS)
def test_a_panel_asks_only_for_metrics_that_there_are(uid: str, panel: dict[str, Any]) -> None:
    """Names of metrics, and of variables, exist."""
    variables = {v["name"] for v in DASHBOARDS[uid]["templating"]["list"]} | {"__rate_interval", "1"}
    for target in panel["targets"]:
        names = set(re.findall(r"\b(?:watchroom|process)_\w+", target["expr"]))
        assert names <= METRICS.keys() | ELSEWHERE | ALERTS, target["expr"]
        assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables, target["expr"]


def test_no_limit_is_written_into_a_panel() -> None:
    """Seconds and goals are the agency's: thresholds are 0 or 1, signs and counts of nothing."""
    for uid, panel in PANELS:
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        assert {s["value"] for s in steps} <= {None, 0, 1}, (uid, panel["title"])
        for target in panel["targets"]:
            assert not re.search(r"[<>]=?\s*\d*[1-9]", target["expr"]), target["expr"]
