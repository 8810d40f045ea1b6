"""Sources against a real Kafka: partitions, order, clocks in every partition, refusals, speed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from schemas.agency import Agency
from schemas.decoding import decode
from schemas.errors import BadInput, BrokerUnreachable, ConfigurationError, Refused
from schemas.keys import partition_of
from schemas.settings import Settings
from schemas.times import DAY, SECOND, micros, parse
from schemas.topics import EVENTS, TOPICS
from sources.clocks import last_clock
from sources.clockwriter import run as run_clock_writer
from sources.profile import find_profile
from sources.replay import Options, Replay
from sources.writer import Writer
from tests.sources.makings import agency
from watchroom.broker import Broker
from watchroom.cli import main_group

pytestmark = pytest.mark.broker
PARTITIONS = 3


@pytest.fixture
def topic(kafka: Broker) -> str:
    """A topic of its own, made as `watchroom up` would make incident.events."""
    name = f"events-{uuid4().hex[:8]}"
    make_topic(kafka, name)
    return name


def make_topic(kafka: Broker, name: str) -> None:
    admin: Any = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=TOPICS[EVENTS].config())])
    except TopicAlreadyExistsError:
        pass
    finally:
        admin.close()


def everything(kafka: Broker, topic: str) -> list[list[Any]]:
    """All records of a topic, by partition, decoded."""
    consumer: Any = KafkaConsumer(bootstrap_servers=kafka.bootstrap, check_crcs=False)
    partitions = [TopicPartition(topic, n) for n in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    found: list[list[Any]] = [[] for _ in partitions]
    while any(consumer.position(p) < ends[p] for p in partitions):
        for partition, records in consumer.poll(timeout_ms=500).items():
            found[partition.partition] += [decode(r.value) for r in records]
    consumer.close()
    return found


def is_clock(event: Any) -> bool:
    return type(event).__name__ == "ClockEvent"


def replay_week(kafka: Broker, topic: str, options: Options, agency_id: str = "sffd") -> Any:
    profile = find_profile("sffd")
    assert profile.sample_path is not None
    replay = Replay(profile.sample_path, profile, agency(agency_id), options)
    with Writer(kafka.bootstrap, topic, linger_ms=100) as writer:
        return replay.run(writer, lambda: last_clock(kafka.bootstrap, agency_id, "export", topic))


def test_a_week_at_max_is_all_there_in_order_in_its_partitions(kafka: Broker, topic: str) -> None:
    """Each incident in the partition of Kafka's own partitioner, by time; every clock everywhere."""
    begun = time.monotonic()
    summary = replay_week(kafka, topic, Options(speed=None))
    print(f"the week at max: {summary} in {time.monotonic() - begun:.1f} s")

    partitions = everything(kafka, topic)

    assert sum(not is_clock(e) for p in partitions for e in p) == summary.events_sent == 64_330
    clocks = [[e.time for e in p if is_clock(e)] for p in partitions]
    assert clocks[0] == clocks[1] == clocks[2] == sorted(clocks[0])
    assert len(clocks[0]) == summary.clocks
    for number, events in enumerate(partitions):
        clock = None
        for event in events:
            if is_clock(event):
                clock = event.time
                continue
            assert partition_of(f"sffd/{event.incident_id}", PARTITIONS) == number
            assert clock is None or event.occurred_at > clock
    assert micros(clocks[0][-1]) == last_clock(kafka.bootstrap, "sffd", "export", topic)


def test_our_partitions_are_those_of_kafkas_own_partitioner(kafka: Broker, topic: str) -> None:
    """A client that knows nothing of us, given the same keys."""
    producer: Any = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    keys = [f"sffd/{i}" for i in range(200)] + ["a%2Fb/é"]

    theirs = {k: producer.send(topic, key=k.encode(), value=b"x").get(timeout=20).partition for k in keys}
    producer.close()

    with Writer(kafka.bootstrap, topic) as writer:
        assert {k: writer._place(k)[0] for k in keys} == theirs


def test_a_replay_40_days_behind_is_refused_and_a_backfill_is_not(kafka: Broker, topic: str) -> None:
    """The clock is found behind thousands of others' events; another agency has none."""
    first = parse("2016-12-31T08:01:04Z")
    with Writer(kafka.bootstrap, topic) as writer:
        writer.clock("sffd", "export", first + 41 * DAY)
        writer.clock("sffd", "cad", first + 400 * DAY)
        for i in range(5_000):
            writer.send(f"other/{i}", b'{"kind":"milestone","note":"no clock"}')

    assert last_clock(kafka.bootstrap, "sffd", "export", topic) == first + 41 * DAY
    assert last_clock(kafka.bootstrap, "other", "export", topic) is None
    with pytest.raises(Refused, match="over 40 days"):
        replay_week(kafka, topic, Options(speed=None))
    before = last_clock(kafka.bootstrap, "sffd", "export", topic)
    assert replay_week(kafka, topic, Options(speed=None, backfill=True)).clocks == 0
    assert last_clock(kafka.bootstrap, "sffd", "export", topic) == before


def test_a_topic_that_is_not_there_is_said_in_words(kafka: Broker) -> None:
    """With what to do, by the writer as by the reader; and none is made."""
    acts: list[Callable[[], object]] = [
        lambda: Writer(kafka.bootstrap, "no.such.topic"),
        lambda: last_clock(kafka.bootstrap, "sffd", "export", "no.such.topic"),
    ]
    for act in acts:
        with pytest.raises(ConfigurationError, match="start `watchroom up` first"):
            act()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no.such.host.invalid:9092", "127.0.0.1"])
def test_a_kafka_that_is_not_there_is_said_in_words(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, in bounded time."""
    monkeypatch.setattr("sources.writer._METADATA_WAIT_MS", 1_500)

    with pytest.raises(BrokerUnreachable, match=f"no Kafka answers at {address} "):
        Writer(address)


def test_what_is_too_large_is_not_sent_and_the_rest_is(kafka: Broker, topic: str) -> None:
    """The topic's limit is 1 MiB."""
    with Writer(kafka.bootstrap, topic) as writer:
        with pytest.raises(BadInput, match="1 MiB"):
            writer.send("a/1", b"x" * (1 << 20))
        writer.send("a/1", b'{"kind":"clock","agency_id":"a","source_id":"s","time":"2017-01-01T00:00:00Z"}')

    assert sum(len(p) for p in everything(kafka, topic)) == 1


def test_large_but_allowed_records_arrive(kafka: Broker, topic: str) -> None:
    """Just under the limit, and more of them than one batch holds."""
    value = b'{"kind":"clock","agency_id":"a","source_id":"s","time":"2017-01-01T00:00:00Z","x":"%s"}' % (
        b"y" * 900_000
    )
    with Writer(kafka.bootstrap, topic) as writer:
        for i in range(5):
            writer.send(f"a/{i}", value)

    assert sum(len(p) for p in everything(kafka, topic)) == 5


def test_the_clock_writer_writes_the_present_once_a_second(kafka: Broker, topic: str) -> None:
    """For sources whose file asks for it, in every partition, until told to stop."""
    direct = Agency.model_validate(
        {**agency("direct").model_dump(), "sources": [{"id": "cad", "clock": "watchroom"}, {"id": "own"}]}
    )
    stop = threading.Event()
    thread = threading.Thread(
        target=run_clock_writer,
        args=(Settings(broker=kafka.bootstrap), {"direct": direct, "other": agency("other")}, stop),
        kwargs={"open_writer": lambda bootstrap: Writer(bootstrap, topic)},
    )
    began = time.time_ns() // 1000
    thread.start()
    time.sleep(3.5)
    stop.set()
    thread.join(5)

    assert not thread.is_alive()
    for clocks in everything(kafka, topic):
        assert {(c.agency_id, c.source_id) for c in clocks} == {("direct", "cad")}
        times = [micros(c.time) for c in clocks]
        assert 3 <= len(times) <= 5
        assert all(0.8 * SECOND < b - a < 1.6 * SECOND for a, b in pairwise(times))
        assert 0 <= times[0] - began < 3 * SECOND


def test_the_commands_replay_and_send(kafka: Broker, tmp_path: Path) -> None:
    """`watchroom replay` of a day shifted to now, then `watchroom send` of what a feed says."""
    make_topic(kafka, EVENTS)
    agencies = tmp_path / "agencies"
    agencies.mkdir()
    (agencies / "cmdtest.toml").write_text(
        'id = "cmdtest"\nname = "T"\ntime_zone = "UTC"\nsources = [{ id = "export" }]\n'
        "rules = [{ effective_from = 2000-01-01 }]\n"
    )
    flags = ["--broker", kafka.bootstrap, "--agencies-dir", str(agencies)]
    words = ["replay", "-p", "sffd", "--agency", "cmdtest", "--speed", "max", "--shift-to-now", "--for", "0"]

    replayed = CliRunner().invoke(main_group, [*flags, *words, "--from", "2017-01-01", "--to", "2017-01-02"])
    line = (
        b'{"kind":"milestone","event_id":"1","agency_id":"cmdtest","incident_id":"9","name":"call_arrival",'
    )
    line += b'"occurred_at":"2030-01-01T00:00:00Z"}\n'
    sent = CliRunner().invoke(
        main_group, [*flags, "send", "--clock", "--source", "export"], input=line + b"oops\n"
    )

    assert replayed.exception is None
    assert "done: 7,704 rows, 6,5" in replayed.output
    assert isinstance(sent.exception, BadInput)
    assert "done: 2 lines, 1 events and 1 clocks sent, 1 bad lines" in sent.output
    assert last_clock(kafka.bootstrap, "cmdtest", "export") == parse("2030-01-01T00:00:00Z")


@pytest.mark.slow
def test_the_writer_is_fast_enough_to_keep_a_desk_busy(kafka: Broker, topic: str) -> None:
    """Events a second through kafka-python, measured and printed; far below it something is broken."""
    value = b'{"kind":"milestone","event_id":"%024d","agency_id":"sffd","incident_id":"%09d",'
    value += b'"source_id":"export","occurred_at":"2017-01-01T07:57:56Z","unit_id":"E39","name":"on_scene"}'
    values = [(f"sffd/{i // 8}", value % (i, i // 8)) for i in range(60_000)]

    with Writer(kafka.bootstrap, topic, linger_ms=100) as writer:
        begun = time.monotonic()
        for key, each in values:
            writer.send(key, each)
        writer.flush()
        rate = len(values) / (time.monotonic() - begun)
    print(f"the writer: {rate:,.0f} events/s")

    assert rate > 5_000


def test_ctrl_c_ends_a_replay_with_its_summary(kafka: Broker, tmp_path: Path) -> None:
    """SIGINT in a watched replay: one line that says how far it came, exit code 130, all flushed."""
    make_topic(kafka, EVENTS)
    (tmp_path / "stopped.toml").write_text(
        'id = "stopped"\nname = "T"\ntime_zone = "UTC"\nsources = [{ id = "export" }]\n'
        "rules = [{ effective_from = 2000-01-01 }]\n"
    )
    words = ["--broker", kafka.bootstrap, "--agencies-dir", str(tmp_path), "replay", "-p", "sffd"]
    words += ["--agency", "stopped", "--speed", "600"]
    replay = subprocess.Popen(
        [sys.executable, "-c", "from watchroom.cli import main; main()", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while last_clock(kafka.bootstrap, "stopped", "export") is None and time.monotonic() < deadline:
        time.sleep(0.2)

    replay.send_signal(signal.SIGINT)
    said, complained = replay.communicate(timeout=30)

    assert replay.returncode == 130
    assert said.startswith("stopped: 7,704 rows, ")
    assert "stopped\n" in complained
    assert "Traceback" not in complained
    sent = int(said.split(" rows, ")[1].split(" of ")[0].replace(",", ""))
    mine = [e for p in everything(kafka, EVENTS) for e in p if e.agency_id == "stopped" and not is_clock(e)]
    assert 0 < sent == len(mine) < 64_330
