"""A real Alertmanager with our own configuration: once, together, quiet where it should be, after a kill."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.records import encode
from sinks.alertmanager.alerts import Links
from sinks.alertmanager.client import Client
from sinks.alertmanager.outbox import stamp
from sinks.alertmanager.sink import AlertSink
from sinks.reading import Batch, Generation, Record
from tests.sinks.alertmanager.kit import Manager, manager
from tests.sinks.makings import AGENCIES, breach

pytestmark = [pytest.mark.monitoring, pytest.mark.slow]
GENERATION = Generation(generation=1, status="current")


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Manager]:
    """One of its own for each test."""
    with manager(tmp_path) as made:
        yield made


class Sink:
    """The sink without Kafka: batches by hand, its targets' threads and posts real."""

    def __init__(self, url: str) -> None:
        self.sink = AlertSink("nowhere:1", [url], AGENCIES, Links())
        self._offset = 0
        for target in self.sink._targets:
            target.start()
        self.say()

    def say(self, *states: tuple[str, str], fresh: bool = False) -> None:
        """Breaches by incident and state, appended now."""
        now = int(time.time() * 1000)
        records = []
        for incident, state in states:
            self._offset += 1
            record = breach(state, incident_id=incident)
            key = f"sffd/{incident}/E1/turnout"
            records.append(Record("breaches", 0, self._offset, key, encode(record), now, []))
        self.sink.take(Batch(GENERATION, fresh, True, records))

    def close(self) -> None:
        for target in self.sink._targets:
            target.close()


@pytest.fixture
def sink(alertmanager: Manager) -> Iterator[Sink]:
    """A sink that posts there."""
    made = Sink(alertmanager.url)
    yield made
    made.close()


def test_one_breach_is_told_once_and_ends_once(alertmanager: Manager, sink: Sink) -> None:
    """Amber, then red, which keeps amber quiet; closed: each is told once, whoever is asked how often."""
    sink.say(("A1", "amber"))
    alertmanager.wait(lambda: alertmanager.of("amber", "firing"), "amber is told")
    sink.say(("A1", "red"))
    alertmanager.wait(lambda: alertmanager.of("red", "firing"), "red is told")
    time.sleep(5)
    sink.say(("A1", "closed"))
    alertmanager.wait(lambda: alertmanager.of("red", "ended"), "the end is told")
    time.sleep(8)

    assert len(alertmanager.of("red", "firing")) == 1
    assert len(alertmanager.of("red", "ended")) == 1
    assert len(alertmanager.of("amber", "firing")) == 1
    said = alertmanager.of("red", "firing")[0]
    assert said.route == "on-call"
    assert said.title == "RED: 1 breach, sffd"
    assert "RED turnout: E1, area 03, target 1:20 (incident A1)" in said.text
    assert "closed after 1:40" in alertmanager.of("red", "ended")[0].text


def test_two_sinks_side_by_side_are_one(alertmanager: Manager, sink: Sink) -> None:
    """Both post the same breach and its end: one notification each."""
    other = Sink(alertmanager.url)
    try:
        for each in (sink, other):
            each.say(("A1", "red"))
        alertmanager.wait(lambda: alertmanager.of("red", "firing"), "red is told")
        time.sleep(4)
        for each in (sink, other):
            each.say(("A1", "withdrawn"))
            time.sleep(0.3)
        time.sleep(8)
    finally:
        other.close()

    assert len(alertmanager.of("red", "firing")) == 1


def test_an_alertmanager_that_was_killed_tells_nobody_twice(alertmanager: Manager, sink: Sink) -> None:
    """Killed after it told, started again: it is posted again, and nobody hears of it again but its end."""
    sink.say(("A1", "red"))
    alertmanager.wait(lambda: alertmanager.of("red", "firing"), "red is told")
    time.sleep(2)
    alertmanager.kill()
    sink.say(("A2", "red"))
    time.sleep(3)
    alertmanager.start()
    alertmanager.wait(lambda: any("A2" in n.text for n in alertmanager.told), "what came meanwhile is told")
    alertmanager.wait(lambda: len(Client(alertmanager.url).alerts()) == 4, "both stand there again", 60)
    time.sleep(5)
    sink.say(("A1", "closed"), ("A2", "closed"))
    alertmanager.wait(
        lambda: sum(n.text.count("- ended: RED") for n in alertmanager.told) == 2, "both ends are told"
    )

    firing = [n for n in alertmanager.of("red", "firing") if "incident A1" in n.text]
    assert len([n for n in firing if "incident A2" not in n.text]) == 1


def test_a_storm_makes_few_readable_messages(alertmanager: Manager, sink: Sink) -> None:
    """500 breaches within seconds: few messages, each says how many, no text longer than a phone shows."""
    for some in range(10):
        sink.say(*((f"S{some}-{n}", "red") for n in range(50)))
        time.sleep(0.2)
    client = Client(alertmanager.url)
    alertmanager.wait(lambda: len(client.alerts()) == 1000, "all stand there, amber and red")
    alertmanager.wait(lambda: any("RED: 500 " in n.title for n in alertmanager.told), "all are told")
    told = list(alertmanager.told)

    assert len(told) <= 8
    last = next(n for n in told if "RED: 500 " in n.title)
    assert last.title == "RED: 500 breaches, sffd"
    assert last.text.startswith("500 are open; the first 8:")
    assert len(last.text.strip().splitlines()) == 9
    assert len(last.text) < 1_000


def test_a_pipeline_that_is_down_keeps_breaches_quiet(alertmanager: Manager, sink: Sink) -> None:
    """FeedSilent fires: a breach that comes then pages nobody."""
    client = Client(alertmanager.url)
    now = time.time()
    client.post(
        [
            {
                "labels": {"alertname": "FeedSilent", "severity": "page", "silences": "figures"},
                "annotations": {"summary": "No events for 3m"},
                "startsAt": stamp(now),
                "endsAt": stamp(now + 60),
            }
        ]
    )
    alertmanager.wait(
        lambda: any("FeedSilent" in n.title for n in alertmanager.told), "the feed's own is told"
    )
    sink.say(("A1", "red"))
    alertmanager.wait(lambda: len(client.alerts()) == 3, "the breach stands there")
    time.sleep(4)

    assert [n.title for n in alertmanager.told] == ["PAGE: FeedSilent"]
