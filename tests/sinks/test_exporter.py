"""The exporter on a real Kafka, scraped by hand and by a real Prometheus."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.errors import BrokerUnreachable, ConfigurationError
from schemas.records import encode
from sinks.prometheus.exporter import Exporter
from tests.sinks.house import House
from tests.sinks.makings import AGENCIES, HEALTH, TURNOUT, figure, pair

pytestmark = pytest.mark.broker

WAIT_S = 30.0


def get(url: str) -> str:
    """What a URL says."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def eventually(ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """What is asked, once it is good; bounded."""
    deadline = time.monotonic() + WAIT_S
    said: Any = None
    while time.monotonic() < deadline:
        try:
            said = ask()
            if good(said):
                return said
        except (urllib.error.URLError, ConnectionError) as exc:
            said = exc
        time.sleep(0.1)
    raise AssertionError(f"not so within {WAIT_S} s; the last was: {said}")


@pytest.fixture
def exporter(house: House) -> Iterator[Exporter]:
    """An exporter of the house, on a free port."""
    made = Exporter(house.bootstrap, AGENCIES, "127.0.0.1", 0)
    made.start()
    yield made
    made.close()


def value(text: str, start: str) -> float | None:
    """The value of the first sample that starts so."""
    for line in text.splitlines():
        if line.startswith(start):
            return float(line.rpartition(" ")[2])
    return None


def test_a_scrape_follows_the_topics(house: House, exporter: Exporter) -> None:
    """A figure appears, changes, and is gone with its tombstone; health, lag and dead letters beside it."""
    turnout = 'watchroom_interval_measurements{agency="sffd",interval="turnout"'
    house.put("figures", [pair(TURNOUT)])
    house.put("incident.events", [(f"sffd/{i}", b"{}") for i in range(5)], partition=1)
    health = msgspec.structs.replace(HEALTH, positions={"incident.events": 0})
    house.put("health", [("incidents/1", encode(health))])

    def scrape() -> str:
        return get(exporter.url)

    lag = 'watchroom_lag_offsets{partition="1",stage="incidents",topic="incident.events"}'
    text = eventually(scrape, lambda t: value(t, turnout) == 570 and (value(t, lag) or 0) >= 5)
    assert value(text, "watchroom_events_arrived_total") == 80
    assert value(text, "watchroom_exporter_kafka_up") == 1
    assert value(text, 'watchroom_exporter_ready{topic="health"}') == 1
    assert value(text, "watchroom_generation_info") == 1
    assert abs((value(text, "watchroom_last_commit_timestamp_seconds") or 0) - time.time()) < 60

    house.put("figures", [pair(figure(n=0))])
    text = eventually(scrape, lambda t: value(t, turnout) == 0)
    assert value(text, "watchroom_interval_seconds") is None

    house.put("figures", [(TURNOUT.series, None)])
    eventually(scrape, lambda t: value(t, turnout) is None)


def test_an_aborted_count_is_never_seen(house: House, exporter: Exporter) -> None:
    """A counter shows what was committed alone: what an aborted transaction counted never happened."""
    arrived = 'watchroom_events_arrived_total{partition="1",stage="incidents"}'
    house.put("health", [("incidents/1", encode(HEALTH))])
    eventually(lambda: value(get(exporter.url), arrived), lambda v: v == 80)
    with house.transaction(commit=False) as aborted:
        aborted.put("health", [("incidents/1", encode(msgspec.structs.replace(HEALTH, arrived=999)))])
    seen: set[float | None] = set()

    def look() -> set[float | None]:
        seen.add(value(get(exporter.url), arrived))
        return seen

    house.put("health", [("incidents/1", encode(msgspec.structs.replace(HEALTH, arrived=81, joined=78)))])
    eventually(look, lambda s: 81 in s)

    assert seen <= {80, 81}


def test_the_next_generation_replaces_the_whole(house: House, exporter: Exporter) -> None:
    """Series of a retired generation leave nothing behind, and no scrape sees half of the next."""
    before = house.number
    house.put("figures", [pair(TURNOUT), pair(figure(interval="travel", n=1, p50=1, p90=1, p95=1))])
    eventually(lambda: get(exporter.url), lambda t: 'interval="travel"' in t)
    house.begin(current=False)
    house.put("figures", [pair(figure(n=7, p50=1, p90=1, p95=1))])
    house.switch(before)

    turnout = 'watchroom_interval_measurements{agency="sffd",interval="turnout"'
    seen: list[tuple[float | None, bool]] = []

    def look() -> tuple[float | None, bool]:
        text = get(exporter.url)
        seen.append((value(text, turnout), 'interval="travel"' in text))
        return seen[-1]

    eventually(look, lambda last: last == (7, False))
    assert set(seen) <= {(570, True), (7, False)}


def test_a_port_that_is_taken_is_said(house: House) -> None:
    """The error names the address and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port}.*exporter_port"):
            Exporter(house.bootstrap, AGENCIES, "127.0.0.1", port)


def test_an_exporter_without_a_kafka_ends() -> None:
    """Where no Kafka answers from the start, that is the error, not an empty page."""
    made = Exporter("127.0.0.1:1", AGENCIES, "127.0.0.1", 0)
    made.start()
    try:
        with pytest.raises(BrokerUnreachable):
            made.wait(timeout_s=WAIT_S)
    finally:
        made.close()


def test_the_command_serves_until_it_is_told_to_stop(house: House, tmp_path: Path) -> None:
    """`watchroom exporter` says where it listens, and SIGTERM ends it in order."""
    run = "from watchroom.cli import main; main()"
    command = [sys.executable, "-c", run, "--broker", house.bootstrap, "exporter", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            eventually(lambda: get(url), lambda t: value(t, "watchroom_exporter_ready") == 1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()

    assert (process.returncode, out, err) == (0, "", "")


@pytest.fixture
def prometheus(exporter: Exporter, tmp_path: Path) -> Iterator[str]:
    """A Prometheus of Debian's on a free port that scrapes the exporter every second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("prometheus is missing; Debian's package brings it: apt-get install prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = urllib.parse.urlsplit(exporter.url).netloc
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "watchroom", "static_configs": [{"targets": [target]}]}],
    }
    # JSON is YAML.
    (tmp_path / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = (tmp_path / "prometheus.log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(timeout=20)


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """The answer of Prometheus to an instant query."""
    said = json.loads(get(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
    result: list[dict[str, Any]] = said["data"]["result"]
    return result


@pytest.mark.monitoring
def test_a_real_prometheus_reads_the_figures(house: House, prometheus: str) -> None:
    """The target is up, a figure is its record's, a ratio of sums is the ratio, and a tombstone is gone."""
    house.put("figures", [pair(TURNOUT)])
    house.put("health", [("incidents/1", encode(HEALTH))])
    p90 = 'watchroom_interval_seconds{interval="turnout",window="24h",percentile="90"}'
    (found,) = eventually(lambda: ask(prometheus, p90), bool)

    assert found["value"][1] == "128"
    assert found["metric"]["agency"] == "sffd"
    assert [r["value"][1] for r in ask(prometheus, "up")] == ["1"]
    within = "sum(watchroom_interval_within_measurements) / sum(watchroom_interval_bound_measurements)"
    (ratio,) = ask(prometheus, within)
    (compliance,) = ask(prometheus, "watchroom_compliance_ratio")
    assert float(ratio["value"][1]) == pytest.approx(float(compliance["value"][1]))
    (kept,) = ask(prometheus, "sum(watchroom_events_arrived_total) - sum(watchroom_events_joined_total)")
    assert kept["value"][1] == "3"

    house.put("figures", [(TURNOUT.series, None)])
    assert eventually(lambda: ask(prometheus, p90), lambda r: not r) == []
