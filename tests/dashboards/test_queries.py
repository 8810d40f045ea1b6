"""Every query of every dashboard, asked of a real Prometheus that holds the demo, returns data."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

import pytest
import yaml

from sinks.prometheus.distribution import EDGES_S
from sinks.prometheus.metrics import METRICS
from tests.dashboards.cardinality import Shape, bound
from tests.dashboards.monitored import Demo, demo, get
from tests.dashboards.test_dashboards import DASHBOARDS, PANELS
from tests.pipeline.kit import ROOT

pytestmark = [pytest.mark.broker, pytest.mark.monitoring, pytest.mark.slow, pytest.mark.timeout(600)]

QUERIES = [
    (f"{uid}: {panel['title']}: {target['refId']}", target["expr"])
    for uid, panel in PANELS
    for target in panel["targets"]
]
RULES = [
    rule
    for path in sorted((ROOT / "deploy" / "prometheus").glob("*.rules.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
WEEKS = "job:watchroom_events_arrived:rate1h_weekly"
"""Of the weeks before: no demo is a week old. Its selectors are asked without their offsets."""
SELECTORS = sorted(
    {
        selector
        for rule in RULES
        for selector in re.findall(
            r"\b(?:up|watchroom_\w+|(?:\w+:)watchroom_\w+:\w+)\b(?:\{[^}]*\})?(?:\[\w+\])?", rule["expr"]
        )
        if selector != WEEKS
    }
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("monitored")) as made:
        yield made


@pytest.mark.parametrize("promql", [q for _, q in QUERIES], ids=[name for name, _ in QUERIES])
def test_a_query_returns_data(running: Demo, promql: str) -> None:
    """At least one series, and numbers in it."""
    found = running.prometheus.query(promql)

    assert found, promql
    assert all(math.isfinite(float(one["value"][1])) for one in found), promql


@pytest.mark.parametrize("name", sorted(RECORDED.keys() - {WEEKS}))
def test_a_recording_rule_records(running: Demo, name: str) -> None:
    """The expression has an answer, and Prometheus has written one down under the rule's name."""
    assert running.prometheus.query(RECORDED[name]), RECORDED[name]
    assert running.prometheus.query(name), name


def test_every_rule_asks_for_something() -> None:
    """The pattern that finds selectors misses no rule but the one that asks for nothing."""
    for rule in RULES:
        if rule.get("alert") != "Watchdog":
            assert any(selector in rule["expr"] for selector in SELECTORS), rule


@pytest.mark.parametrize("selector", SELECTORS)
def test_what_a_rule_selects_is_there(running: Demo, selector: str) -> None:
    """Every selector of every recording and alerting rule: one that finds nothing can never fire."""
    assert running.prometheus.query(selector), selector


def test_prometheus_evaluates_every_rule(running: Demo) -> None:
    """All that ship are loaded, each has been asked, and none failed."""
    said = get(f"{running.prometheus.url}/api/v1/rules")["data"]["groups"]
    loaded = {rule["name"]: rule["health"] for group in said for rule in group["rules"]}

    assert loaded.keys() == {rule.get("record") or rule["alert"] for rule in RULES}
    assert set(loaded.values()) == {"ok"}


def test_every_variable_has_values_and_its_default_among_them(running: Demo) -> None:
    """A dashboard that opens on a value that is not there is empty."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", str(variable.get("definition")))
            if variable["type"] == "datasource":
                continue
            assert asked is not None
            values = running.prometheus.label_values(asked[1], asked[2])
            default = variable.get("current", {}).get("value")
            assert values, variable["name"]
            assert default in (None, "$__all") or default in values, variable["name"]


def test_annotations_are_understood_and_a_deployment_shows(running: Demo) -> None:
    """What was not there five minutes ago is new."""
    for dashboard in DASHBOARDS.values():
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                running.prometheus.query(annotation["expr"])
    fresh = next(
        a for a in DASHBOARDS["watchroom-operations"]["annotations"]["list"] if a["name"] == "Deployments"
    )
    assert len(running.prometheus.query(fresh["expr"])) == 1


def test_a_panel_shows_what_the_command_says(running: Demo) -> None:
    """The headline of the dashboard is the figure of `watchroom figures`, over a window that stands still."""
    said = running.pipeline.ok(
        "figures",
        "--json",
        "--agency",
        "sffd",
        "--interval",
        "turnout",
        "--mode",
        "EMERGENT",
        "--window",
        "30d",
    )
    (figure,) = [json.loads(line) for line in said.splitlines()]
    labels = 'agency="sffd",interval="turnout",mode="EMERGENT",window="30d"'
    p90 = f'watchroom_interval_seconds{{{labels},percentile="90"}}'
    n = f"watchroom_interval_measurements{{{labels}}}"

    assert running.prometheus.one(p90) == figure["p90"]
    assert running.prometheus.one(n) == figure["n"] > 4_000


def test_a_distribution_is_whole(running: Demo) -> None:
    """Its last bucket is n of the same figure, a minute old at most; and it never falls."""
    labels = 'agency="sffd",interval="turnout",mode="EMERGENT",window="24h"'
    found = {
        one["metric"]["at_most"]: float(one["value"][1])
        for one in running.prometheus.query(f"watchroom_interval_distribution_measurements{{{labels}}}")
    }
    counts = [found[str(edge)] for edge in EDGES_S] + [found["+Inf"]]
    n = running.prometheus.one(f"watchroom_interval_measurements{{{labels}}}")

    assert counts == sorted(counts)
    assert abs(found["+Inf"] - n) <= 0.05 * n


def test_the_count_law_holds_on_the_dashboard(running: Demo) -> None:
    """The panel of the unaccounted shows nothing."""
    law = next(q for name, q in QUERIES if "Unaccounted" in name)
    assert running.prometheus.eventually(law, lambda v: v == 0) == 0


def test_labels_are_few(running: Demo) -> None:
    """Every metric's series are counted, and stay under the bound that docs/operations.md reckons with."""
    found = running.prometheus.query('count by (__name__) ({__name__=~"watchroom_.+"})')
    every_count = {one["metric"]["__name__"]: int(one["value"][1]) for one in found}
    # The alert sink's have one label, the Alertmanager, of which an installation names two or three.
    sink = {name for name in every_count if name.startswith("watchroom_alerts_")}
    assert sink
    assert {every_count[name] for name in sink} == {1}
    counts = {name: count for name, count in every_count.items() if name not in sink}
    groups = {
        one["metric"]["by"]: int(one["value"][1])
        for one in running.prometheus.query(
            "count by (by) (count by (by, group) (watchroom_interval_by_group_measurements))"
        )
    }
    stations, every = groups["station_area"], sum(groups.values())
    shape = Shape(agencies=2, stations=stations, others=every - stations, mediating=1)
    print(json.dumps({"counts": counts, "groups": groups}, sort_keys=True))

    for name, count in counts.items():
        assert count <= bound(METRICS[name], shape), name
    assert sum(counts.values()) > 5_000
