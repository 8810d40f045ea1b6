"""Topics are made as the table says and never changed; a generation laid out otherwise is refused."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from schemas.errors import BrokerUnreachable, GenerationMismatch
from schemas.settings import Settings
from schemas.topics import GENERATIONS, TOPICS, topic_name
from streams.transport import topicsetup
from streams.transport.topicsetup import Generation
from tests.transport.kit import make_topics
from watchroom.broker import Broker

pytestmark = pytest.mark.broker

FORMATS = {"incidents.changelog": 1}


@pytest.fixture
def clean(own: Broker) -> str:
    """A broker without any of our topics."""
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap)
    ours = {topic_name(name, g) for name in TOPICS for g in (1, 2, 7)}
    while there := sorted(ours & set(admin.list_topics())):
        admin.delete_topics(there, raise_errors=False)
        time.sleep(0.1)
    admin.close()
    return own.bootstrap


def of(bootstrap: str, state: Path, **settings: int) -> Settings:
    return Settings(broker=bootstrap, state_dir=state, **settings)  # type: ignore[arg-type]


def test_missing_topics_are_made_as_the_table_says(clean: str, tmp_path: Path) -> None:
    """Goal: all topics of a generation, once.

    Method: make them, look, make them again.
    """
    settings = of(clean, tmp_path, partitions=2, result_partitions=3)

    made = topicsetup.ensure_topics(clean, settings, 7)

    assert set(made) == {topic_name(name, 7) for name in TOPICS}
    assert topicsetup.ensure_topics(clean, settings, 7) == []
    admin = KafkaAdminClient(bootstrap_servers=clean)
    found = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(made)}
    admin.close()
    assert found["incident.events"] == 2
    assert found["incidents.changelog.g7"] == 2
    assert found["responses.g7"] == 3
    assert found[GENERATIONS] == 1


def test_another_number_of_partitions_is_refused(clean: str, tmp_path: Path) -> None:
    """Goal: named are topic, expected and found.

    Method: the same topics for other settings.
    """
    topicsetup.ensure_topics(clean, of(clean, tmp_path, partitions=2), 7)

    with pytest.raises(GenerationMismatch, match=r"topic \S+: expected 5 partitions, found 2; set \w+ to 2"):
        topicsetup.ensure_topics(clean, of(clean, tmp_path, partitions=5), 7)


def test_another_configuration_is_refused(clean: str, tmp_path: Path) -> None:
    """Goal: named are topic, key, expected and found.

    Method: somebody made a topic by hand.
    """
    config = {"cleanup.policy": "compact", "max.message.bytes": "4194304"}
    make_topics(clean, {"incidents.changelog.g7": (4, config)})

    with pytest.raises(
        GenerationMismatch,
        match=r"topic incidents\.changelog\.g7: expected message\.timestamp\.type=LogAppendTime, found Cr",
    ):
        topicsetup.ensure_topics(clean, of(clean, tmp_path), 7)


def test_the_register_of_generations(clean: str, tmp_path: Path) -> None:
    """Goal: readers find the generation they are to use.

    Method: a life of two generations, step by step.
    """
    settings = of(clean, tmp_path)
    assert topicsetup.current_generation(clean, settings) is None

    first = topicsetup.prepare(clean, settings, FORMATS)

    assert first == Generation(1, "current", 4, 4, 1, FORMATS)
    assert topicsetup.prepare(clean, settings, FORMATS) == first
    second = Generation.of(2, settings, FORMATS, "building")
    topicsetup.register(clean, settings, second)
    assert topicsetup.current_generation(clean, settings) == first
    assert topicsetup.prepare(clean, settings, FORMATS, 2) == second
    topicsetup.register(clean, settings, topicsetup.with_status(second, "current"))
    topicsetup.register(clean, settings, topicsetup.with_status(first, "retired"))
    assert topicsetup.current_generation(clean, settings) == topicsetup.with_status(second, "current")
    assert {g.status for g in topicsetup.generations(clean).values()} == {"retired", "current"}


def test_two_first_workers_at_once(clean: str, tmp_path: Path) -> None:
    """Goal: whoever comes first, all work on the same. Method: four prepare a new Kafka side by side."""
    settings = of(clean, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = [
            f.result() for f in [pool.submit(topicsetup.prepare, clean, settings, FORMATS) for _ in range(4)]
        ]

    assert found == [Generation.of(1, settings, FORMATS)] * 4


def test_an_unregistered_generation_is_refused(clean: str, tmp_path: Path) -> None:
    """Goal: nobody works beside a rebuild by a slip of the number.

    Method: ask for one that is not there.
    """
    settings = of(clean, tmp_path)

    with pytest.raises(GenerationMismatch, match="generation 7 is not registered"):
        topicsetup.prepare(clean, settings, FORMATS, 7)


@pytest.mark.parametrize(
    ("change", "formats", "word"),
    [
        ({"partitions": 8}, FORMATS, "partitions is 4 there and 8 here"),
        ({"result_partitions": 8}, FORMATS, "result_partitions is 4 there and 8 here"),
        ({}, {"incidents.changelog": 2}, "formats is {'incidents.changelog': 1} there"),
    ],
)
def test_a_worker_of_another_layout_is_refused(
    tmp_path: Path, change: dict[str, int], formats: dict[str, int], word: str
) -> None:
    """Goal: the sentence says what differs and the way out.

    Method: one difference at a time.
    """
    registered = Generation.of(1, of("", tmp_path), FORMATS)

    with pytest.raises(GenerationMismatch) as caught:
        topicsetup.check(registered, of("", tmp_path, **change), formats)
    assert word in caught.value.message
    assert "`watchroom rebuild`" in caught.value.message


def test_another_edition_is_refused(tmp_path: Path) -> None:
    """Goal: figures of two editions never mix.

    Method: a register from another edition.
    """
    registered = Generation(1, "current", 4, 4, 99, FORMATS)

    with pytest.raises(GenerationMismatch, match="edition is 99 there and 1 here"):
        topicsetup.check(registered, of("", tmp_path), FORMATS)


def test_a_later_register_is_refused() -> None:
    """Goal: what can't be read is not guessed at.

    Method: a value with a field we do not know.
    """
    with pytest.raises(GenerationMismatch, match="holds what this Watchroom can't read"):
        Generation.from_json(b'{"generation": 1, "colour": "red"}')


def test_no_broker_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a sentence instead of a traceback.

    Method: nobody listens at port 1.
    """
    monkeypatch.setattr(topicsetup, "_ANSWER_S", 1)
    for ask in (
        lambda: topicsetup.generations("127.0.0.1:1"),
        lambda: topicsetup.ensure_topics("127.0.0.1:1", of("", tmp_path), 1),
    ):
        with pytest.raises(BrokerUnreachable, match=r"no Kafka answers at 127\.0\.0\.1:1"):
            ask()
