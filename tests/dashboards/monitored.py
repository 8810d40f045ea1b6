"""The whole chain, real: Kafka, workers, exporter and Prometheus, filled with the week that ships.

Beside it stands the simulated city with a mediation unit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.pipeline.kit import ROOT, Pipeline, pipeline
from tests.sinks.alertmanager.kit import PROMETHEUS, Manager, manager

WAIT_S = 300.0
"""Generous: others may use the machine."""
PATIENT = {"WATCHROOM_TRANSACTION_TIMEOUT_S": "120", "WATCHROOM_SESSION_TIMEOUT_S": "60"}
"""Where others use the machine a worker may stand still for longer than Kafka waits; nobody restarts it."""
DEMO = {
    "agency": "sffd", "mode": "EMERGENT", "window": "24h", "interval": "turnout", "station": ".*",
    "mediating": "dayton-sim", "diversion_window": "30d",
}  # fmt: skip
"""What the variables of the dashboards stand at."""


def get(url: str) -> Any:
    """What a URL says, as JSON; an error's body is an answer too."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as exc:
        return json.loads(exc.read())


@dataclass
class Prometheus:
    """One that runs."""

    url: str
    wait_s: float = WAIT_S

    def query(self, promql: str, variables: dict[str, str] = DEMO) -> list[dict[str, Any]]:
        """An instant query, with the variables of a dashboard put in.

        Raises:
            AssertionError: Prometheus does not understand it.
        """
        asked = filled(promql, variables)
        said = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': asked})}")
        assert said["status"] == "success", f"{asked}: {said}"
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    def label_values(self, selector: str, label: str) -> set[str]:
        """What Grafana asks for a variable: of a selector, by the endpoint of its own.

        Raises:
            AssertionError: it is no selector.
        """
        asked = urllib.parse.urlencode({"match[]": filled(selector, DEMO)})
        said = get(f"{self.url}/api/v1/label/{label}/values?{asked}")
        assert said["status"] == "success", f"{selector}: {said}"
        return set(said["data"])

    def one(self, promql: str) -> float:
        """The value of a query of one series."""
        (found,) = self.query(promql)
        return float(found["value"][1])

    def eventually(self, promql: str, good: Callable[[float], bool]) -> float:
        """The value, once it is good; bounded."""
        deadline = time.monotonic() + self.wait_s
        said: Any = None
        while time.monotonic() < deadline:
            try:
                said = self.query(promql)
                if said and good(float(said[0]["value"][1])):
                    return float(said[0]["value"][1])
            except (urllib.error.URLError, ConnectionError) as exc:
                said = exc
            time.sleep(0.25)
        raise AssertionError(f"{promql} is not so within {self.wait_s} s; the last was: {said}")


def filled(promql: str, variables: dict[str, str]) -> str:
    """A query as Grafana would send it."""
    for name, value in {**variables, "__rate_interval": "20s"}.items():
        promql = promql.replace(f"${name}", value)
    assert "$" not in promql.replace('"$1"', ""), promql
    return promql


@contextmanager
def exported(made: Pipeline) -> Iterator[str]:
    """`watchroom exporter` on a free port; yields host:port."""
    command = [sys.executable, "-m", "watchroom", "exporter", "--port", "0"]
    with subprocess.Popen(
        command, cwd=made.folder, env=made.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield urllib.parse.urlsplit(process.stdout.readline().split()[-1]).netloc
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


@contextmanager
def alerting(made: Pipeline, manager: Manager) -> Iterator[None]:
    """`watchroom alerts run`, telling the Alertmanager, on the port that the shipped Prometheus asks."""
    environment = {**made.environment, "WATCHROOM_ALERTS_PORT": str(manager.used.alerts)}
    command = [sys.executable, "-m", "watchroom", "alerts", "run", "--alertmanager", manager.url]
    with (made.folder / "alerts.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=made.folder, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


@dataclass
class Demo:
    """All of it, running, with the week in it."""

    pipeline: Pipeline
    prometheus: Prometheus
    exporter: str


def _say_of_now(made: Pipeline) -> None:
    """A call of the last half hour: the file's own last hours hold nothing but units clearing."""
    now = time.time()

    def said(kind: str, at_s: float, **more: Any) -> str:
        when = datetime.fromtimestamp(now + at_s, UTC).isoformat()
        event = {"agency_id": "sffd", "source_id": "export", "incident_id": "now", "event_id": f"now{at_s}"}
        return json.dumps({**event, "kind": kind, "occurred_at": when, **more})

    values = {"response_mode": "EMERGENT", "class": "EMS", "station_area": "03", "unit_type": "ENGINE"}
    lines = [said("change", -1800, attributes=values), said("milestone", -1790, name="call_create")]
    for name, at_s in (
        ("dispatch", -1760),
        ("enroute_to_scene", -1700),
        ("on_scene", -1500),
        ("unit_clear", -900),
    ):
        lines.append(said("milestone", at_s, name=name, unit_id="E03"))
    environment = {**os.environ, **made.environment}
    command = [sys.executable, "-m", "watchroom", "send"]
    subprocess.run(command, input="\n".join(lines), text=True, cwd=made.folder, env=environment, check=True)


@contextmanager
def demo(folder: Path, speed: str = "max", wait_s: float = WAIT_S) -> Iterator[Demo]:
    """The week replayed, moved so that it ends now, the clock running on while the test asks.

    Prometheus has the settings and the rules that ship, and an Alertmanager and the alert sink beside it.
    """
    with ExitStack() as opened:
        files = {"dayton-sim": (ROOT / "deploy" / "agencies" / "dayton-sim.toml").read_text()}
        made = opened.enter_context(
            pipeline(folder, partitions=2, agencies=("sffd",), files=files, more=PATIENT)
        )
        target = opened.enter_context(exported(made))
        manages = opened.enter_context(manager(folder / "monitoring", int(target.rpartition(":")[2])))
        manages.start(PROMETHEUS)
        asked = Prometheus(f"http://127.0.0.1:{manages.used.prometheus}", wait_s)
        opened.enter_context(alerting(made, manages))
        made.ok("simulate", "mediation", "--days", "10", "--background", "10")
        words = ["replay", "--profile", "sffd", "--speed", speed, "--shift-to-now"]
        words += ["--clock-step", "1d" if speed == "max" else "1h"]
        with (folder / "replay.log").open("wb") as log:
            replay = subprocess.Popen(
                [sys.executable, "-m", "watchroom", *words],
                cwd=folder,
                env={**os.environ, **made.environment},
                stdout=log,
                stderr=log,
            )
        try:
            asked.eventually('sum(watchroom_events_arrived_total{stage="incidents"})', lambda v: v >= 64_000)
            asked.eventually(
                'watchroom_interval_measurements{agency="sffd",interval="turnout",mode="EMERGENT",window="7d"}',
                lambda v: v > 4_000,
            )
            _say_of_now(made)
            # One that nobody can read: a demo without a dead letter shows an empty panel of them.
            made.raw([(b"sffd/bad", b"not an event", 0)])
            labels = 'agency="sffd",interval="turnout",mode="EMERGENT",window="1h"'
            asked.eventually(f"watchroom_interval_measurements{{{labels}}}", lambda v: v > 0)
            asked.eventually("count(watchroom_interval_distribution_measurements)", lambda v: v > 0)
            asked.eventually("count(watchroom_breaches_ended)", lambda v: v > 0)
            asked.eventually('count(watchroom_interval_by_group_seconds{agency="sffd"})', lambda v: v > 100)
            asked.eventually("sum(watchroom_alerts_posted_total)", lambda v: v > 0)
            asked.eventually("count(stage:watchroom_events_dead_lettered:increase10m)", lambda v: v > 0)
            asked.eventually("count(job:watchroom_events_arrived:rate1h)", lambda v: v > 0)
            asked.eventually('watchroom_diversion_arrival_seconds{window="30d"}', lambda v: v > 0)
            yield Demo(made, asked, target)
        finally:
            replay.terminate()
            replay.wait(timeout=30)
