"""The pipeline's health as counters and gauges."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from schemas.records import HealthRecord, encode
from sinks.prometheus.labels import Refusals
from sinks.prometheus.pipeline import PipelineBoard
from tests.sinks.collector import FromSamples
from tests.sinks.golden import golden
from tests.sinks.makings import HEALTH

SPAN = {("incident.events", 1): (0, 100), ("incident.events", 0): (0, 7), ("dead.letters", 0): (5, 9)}


def board(*records: HealthRecord) -> tuple[PipelineBoard, Refusals]:
    """A board of generation 3 that has taken these records, written at a known time, and what it refused."""
    refusals = Refusals()
    made = PipelineBoard(3, refusals)
    for record in records:
        made.take(f"{record.stage}/{record.partition}", encode(record), 1_700_000_001_000)
    made.measure(SPAN)
    return made, refusals


def exposition(made: PipelineBoard) -> str:
    """The samples as text, without HELP."""
    registry = CollectorRegistry()
    registry.register(FromSamples(made.samples))
    text = generate_latest(registry).decode()
    return "".join(line + "\n" for line in text.splitlines() if not line.startswith("# HELP"))


def test_health_is_exported_exactly() -> None:
    """Counts are counters, the rest gauges; ages are instants, so that time() - x says them."""
    text = exposition(board(HEALTH)[0])

    assert text == golden("exposition_health.txt", text)


def test_the_count_law_can_be_read_from_the_counters() -> None:
    """Arrived is joined and dead-lettered together, in the exposition as in the record."""
    samples = {(name, labels): value for name, labels, value in board(HEALTH)[0].samples()}
    at = ("incidents", "1")
    dead = sum(v for (name, _), v in samples.items() if name == "events_dead_lettered_total")

    assert samples["events_arrived_total", at] == samples["events_joined_total", at] + dead


def test_a_lag_names_its_topic_without_the_generation() -> None:
    """A rebuild must not cut the series of a lag in two."""
    made, _ = board(msgspec.structs.replace(HEALTH, stage="agency", positions={"responses.g3": 4}))
    made.measure({("responses.g3", 1): (0, 10)})
    lags = [(labels, value) for name, labels, value in made.samples() if name == "lag_offsets"]

    assert lags == [(("agency", "1", "responses"), 6)]


def test_a_lag_is_not_guessed() -> None:
    """No lag where Kafka did not say how long a topic is; a position read later than the end is no lag."""
    made, _ = board(msgspec.structs.replace(HEALTH, positions={"incident.events": 105, "figures": 3}))
    lags = [(labels, value) for name, labels, value in made.samples() if name == "lag_offsets"]

    assert lags == [(("incidents", "1", "incident.events"), 0)]


def test_what_is_no_stage_is_refused() -> None:
    """A key that is not its record's, a stage nobody knows, unreadable bytes: counted, and shown nowhere."""
    made, refusals = board(msgspec.structs.replace(HEALTH, stage="\n"))
    made.take("incidents/2", encode(HEALTH), 0)
    made.take("incidents/1", b"{", 0)
    made.measure({})

    assert exposition(made) == ""
    assert refusals.labels == {"stage": 2}
    assert refusals.unreadable == {"health": 1}


def test_reasons_are_a_closed_set() -> None:
    """A reason that the vocabulary does not have is counted as other: the sum stays whole."""
    made, _ = board(msgspec.structs.replace(HEALTH, dead={"naive_time": 2, "x": 1, "y": 1}))
    dead = {
        labels[2]: value for name, labels, value in made.samples() if name == "events_dead_lettered_total"
    }

    assert dead == {"naive_time": 2, "other": 2}


def test_a_tombstone_takes_a_partition_away() -> None:
    """A partition whose health is tombstoned is gone."""
    made, _ = board(HEALTH)
    made.take("incidents/1", None, 0)
    made.measure({})

    assert exposition(made) == ""
