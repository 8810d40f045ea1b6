"""Prometheus's rules and Alertmanager's configuration as shipped: checked, tested, and each with its page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.monitoring

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"


def run(*words: str) -> None:
    """A tool that must find nothing wrong."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=PROMETHEUS, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_and_amtool_have_no_complaint() -> None:
    """The files are what they say."""
    run("promtool", "check", "config", "prometheus.yml")
    run("amtool", "check-config", str(ROOT / "deploy" / "alertmanager" / "alertmanager.yml"))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=ResponseBreach severity=red", "on-call"),
        ("alertname=ResponseBreach severity=amber", "room"),
        ("alertname=ResponseBreach severity=red simulated=true", "room"),
        ("alertname=WorkersStuck severity=page", "on-call"),
        ("alertname=DeadLetters severity=warning", "room"),
        ("alertname=Watchdog severity=none", "heartbeat"),
    ],
)
def test_an_alert_goes_to_whom_it_concerns(labels: str, receiver: str) -> None:
    """As Alertmanager itself reads the routes we ship; nothing simulated calls anybody."""
    file = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    words = ("--config.file", str(file), f"--verify.receivers={receiver}", *labels.split())
    run("amtool", "config", "routes", "test", *words)


@pytest.mark.parametrize("name", ["tests.yml", "feed_tests.yml"])
def test_every_rule_fires_when_it_should(name: str) -> None:
    """Silent just before, firing just after, the right labels, the series gone."""
    run("promtool", "test", "rules", name)


def test_every_alert_is_tested_and_has_a_section() -> None:
    """Severity, summary, description, a section of the runbook with its four parts, and a test."""
    rules = (PROMETHEUS / "alerting.rules.yml").read_text(encoding="utf-8")
    tests = "".join((PROMETHEUS / n).read_text(encoding="utf-8") for n in ("tests.yml", "feed_tests.yml"))
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    alerts = re.findall(r"^ +- alert: (\w+)$", rules, re.MULTILINE)
    bodies = re.split(r"^ +- alert: \w+$", rules, flags=re.MULTILINE)[1:]

    assert len(alerts) > 10
    for alert, body in zip(alerts, bodies, strict=True):
        for part in ("severity:", "summary:", "description:", f"runbook: docs/runbook.md#{alert.lower()}"):
            assert part in body, f"{alert} has no {part}"
        assert f"alertname: {alert}" in tests, f"{alert} is not tested"
        section = page.partition(f"## {alert}\n")[2].partition("\n## ")[0]
        for part in ("What it means", "Look at", "Do", "Ignore it"):
            assert f"**{part}" in section, f"docs/runbook.md says nothing of {alert}: {part}"
