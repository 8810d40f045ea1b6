"""A Kafka of our own: real processes, each on a free port and in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from watchroom.broker import (
    CACHE_VARIABLE,
    Broker,
    BrokerError,
    BrokerUnreachable,
    DiskFull,
    FolderLocked,
    FolderVersion,
    PortTaken,
    StartFailed,
    answers,
    attach,
    prepare,
)
from watchroom.broker import ports as broker_ports
from watchroom.broker.logs import Cause, cause, quote
from watchroom.broker.state import LOG_BYTES_MAX, Folder

pytestmark = pytest.mark.broker

TOPIC = "kept"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker.start(tmp_path_factory.mktemp("running")) as broker:
        yield broker


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody else's server, which accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def make_topic(bootstrap: str) -> None:
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.create_topics([NewTopic(name=TOPIC, num_partitions=1, replication_factor=1)])


def write(bootstrap: str, value: bytes) -> None:
    with contextlib.closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all")) as producer:
        producer.send(TOPIC, value, partition=0).get(timeout=20)


def read(bootstrap: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    with contextlib.closing(consumer):
        consumer.assign([TopicPartition(TOPIC, 0)])
        values: list[bytes] = []
        deadline = time.monotonic() + 20
        while len(values) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                values += [record.value for record in records]
        return values


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def offline(cache: Path) -> dict[str, str]:
    """An environment in which nothing can be fetched: its proxy is a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        proxy = f"http://127.0.0.1:{closed_soon.getsockname()[1]}"
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", CACHE_VARIABLE: str(cache)}


# ------------------------------------------------------------------------------------- starting, stopping


def test_data_outlives_a_stop_and_a_kill(tmp_path: Path) -> None:
    """Goal: what was acknowledged is there after a stop and after a SIGKILL, and nothing is formatted twice.

    Method: three runs in one folder; a message in each of the first two, which end by stop and by SIGKILL.
    """
    said: list[str] = []
    with Broker.start(tmp_path, on_progress=said.append) as first:
        assert first.alive()
        make_topic(first.bootstrap)
        write(first.bootstrap, b"before the stop")
    assert not first.alive()
    assert not runs(first.pid)
    assert attach(tmp_path) is None
    assert list((tmp_path / "kafka" / "tmp").iterdir()) == []
    identity = (tmp_path / "kafka" / "data" / "meta.properties").read_text()

    second = Broker.start(tmp_path, on_progress=said.append)
    try:
        assert read(second.bootstrap, 1) == [b"before the stop"]
        write(second.bootstrap, b"before the kill")
    finally:
        second.kill()
    assert not runs(second.pid)
    assert "SIGKILL" in str(second.why_ended())

    with Broker.start(tmp_path, on_progress=said.append) as third:
        assert read(third.bootstrap, 2) == [b"before the stop", b"before the kill"]

    assert (tmp_path / "kafka" / "data" / "meta.properties").read_text() == identity
    assert said.count("making Kafka's data folder") == 1
    # The port is kept, so an address that somebody wrote down stays right.
    assert first.bootstrap == second.bootstrap == third.bootstrap
    assert "Kafka Server started" in third.log_file.read_text()


def test_ends_with_its_parent_and_not_with_a_thread(tmp_path: Path) -> None:
    """Goal: a broker that is not detached lives as long as the process that started it, however that ends.

    Method: a process starts it from a thread that ends, waits, and is SIGKILLed; the broker follows it.
    """
    code = """
import sys, threading, time
from pathlib import Path
from watchroom.broker import Broker
def start():
    broker = Broker.start(Path(sys.argv[1]))
    print(broker.pid, flush=True)
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(600)
"""
    parent = python(code, str(tmp_path))
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        assert runs(pid)
    finally:
        parent.kill()
        parent.communicate()

    assert within(20, lambda: not runs(pid))
    assert within(1, lambda: attach(tmp_path) is None)


def test_detached_is_found_and_stopped_by_another_process(tmp_path: Path) -> None:
    """Goal: a detached broker stays when its parent ends, survives Ctrl-C there, and can be stopped later.

    Method: a process starts it, sends SIGINT to its own group and ends; this one attaches and stops it.
    """
    code = """
import os, signal, sys
from pathlib import Path
from watchroom.broker import Broker
broker = Broker.start(Path(sys.argv[1]), detach=True)
os.setpgid(0, 0) if os.getpgid(0) != os.getpid() else None
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.killpg(0, signal.SIGINT)
print(broker.pid, flush=True)
"""
    out, err = python(code, str(tmp_path)).communicate(timeout=120)
    assert out, err

    found = attach(tmp_path)

    assert found is not None
    assert found.pid == int(out)
    assert found.alive()
    answers(found.bootstrap)
    found.stop()
    assert not found.alive()
    assert within(1, lambda: not runs(found.pid))
    assert attach(tmp_path) is None
    found.stop()  # once more does no harm


def test_a_port_lost_in_between_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a port that was free when it was picked and taken when Kafka came is no failure.

    Method: the first pick for Kafka's own second port is one that somebody listens on.
    """
    pick = broker_ports.pick
    with socket.create_server(("127.0.0.1", 0)) as other:
        picks = [(other.getsockname()[1],), pick(1)]

        def lied(count: int, avoid: frozenset[int] = frozenset()) -> tuple[int, ...]:
            return picks.pop() if picks else pick(count, avoid)

        monkeypatch.setattr(broker_ports, "pick", lied)
        with Broker.start(tmp_path) as broker:
            assert not picks
            assert "Address already in use" in broker.log_file.read_text()


def test_a_failed_start_quotes_the_log(tmp_path: Path) -> None:
    """Goal: when Kafka refuses to start, its own words are in the error, and the folder is free again.

    Method: a setting that Kafka refuses.
    """
    with pytest.raises(StartFailed, match=r"num\.network\.threads"):
        Broker.start(tmp_path, extra={"num.network.threads": "0"})

    assert not Folder(tmp_path).locked()


def test_our_own_settings_cannot_be_overridden(tmp_path: Path) -> None:
    """Goal: nobody opens the broker to the network by a setting.

    Method: the one that would.
    """
    with pytest.raises(BrokerError, match="listeners"):
        Broker.start(tmp_path, extra={"listeners": "PLAINTEXT://0.0.0.0:9092"})


# ------------------------------------------------------------------------------------- what is in the way


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path, listener: socket.socket) -> None:
    """Goal: a port asked for and taken is an error that says which, and who has it.

    Method: this process listens on it.
    """
    port = listener.getsockname()[1]

    with pytest.raises(PortTaken, match=f"port {port} is in use by process {os.getpid()} "):
        Broker.start(tmp_path, port=port)


def test_a_folder_runs_one_broker(running: Broker) -> None:
    """Goal: two brokers cannot have one folder; the error names who has it, and the first is not disturbed.

    Method: start a second one, from this process and from another; look for the first.
    """
    parent = running.log_file.parents[1]
    with pytest.raises(FolderLocked, match=f"process {running.pid}:"):
        Broker.start(parent)
    code = "import sys, pathlib, watchroom.broker as b; b.Broker.start(pathlib.Path(sys.argv[1]))"
    _, err = python(code, str(parent)).communicate(timeout=60)

    assert f"FolderLocked: the Kafka in {parent}/kafka is already run by process {running.pid}" in err
    found = attach(parent)
    assert found is not None
    assert found.pid == running.pid
    answers(running.bootstrap)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "is of format 2"),
        ({"kafka": "5.0.0"}, r"was written by Kafka 5\.0\.0"),
        ({"kafka": "4.99.0"}, r"was written by Kafka 4\.99\.0"),
        ({"surprise": 1}, "other fields"),
    ],
)
def test_a_folder_of_another_version_is_refused(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    """Goal: data of another layout, or of a Kafka that this one cannot read, is left alone and said so.

    Method: a state file with one thing different.
    """
    root = tmp_path / "kafka"
    root.mkdir()
    state = {"format": 1, "kafka": "4.3.1", "cluster_id": "x", "port": 1, "controller_port": 2, "pid": None}
    (root / "watchroom-broker.json").write_text(json.dumps({**state, **changes}))

    with pytest.raises(FolderVersion, match=says) as raised:
        Broker.start(tmp_path)

    assert "choose another state folder" in raised.value.message
    assert raised.value.exit_code == 6
    assert not (root / "data").exists()


def test_foreign_data_is_not_touched(tmp_path: Path) -> None:
    """Goal: a folder that holds somebody's data, but no state file of ours, is refused.

    Method: one with a file in it.
    """
    (tmp_path / "kafka" / "data" / "orders-0").mkdir(parents=True)

    with pytest.raises(FolderVersion, match="did not write"):
        Broker.start(tmp_path)


def test_too_little_room_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a start needs 512 MB of room.

    Method: a disk that says it has 100 MB.
    """
    usage = shutil.disk_usage(tmp_path)._replace(free=100 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    with pytest.raises(DiskFull, match="100 MB free and Kafka needs 512 MB"):
        Broker.start(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Goal: a place that cannot be written is one sentence, not a traceback of the operating system.

    Method: a folder below a file, and one below `/proc`, where even root may make nothing.
    """
    (tmp_path / "file").touch()

    for impossible in (tmp_path / "file" / "state", Path("/proc/self/state")):
        with pytest.raises(DiskFull, match="cannot be written"):
            Broker.start(impossible)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("java.io.IOException: No space left on device", Cause.DISK_FULL),
        ("Caused by: java.net.BindException: Address already in use", Cause.PORT_TAKEN),
        ("java.lang.OutOfMemoryError: Java heap space", Cause.OUT_OF_MEMORY),
        ("java.nio.file.AccessDeniedException: data/meta.properties", Cause.NOT_WRITABLE),
        ("INFO Kafka Server started", Cause.OTHER),
    ],
)
def test_the_log_tells_the_cause(line: str, expected: Cause) -> None:
    """Goal: the causes that a person can mend are told apart.

    Method: the words of Java for each.
    """
    assert cause(f"INFO something\n{line}\n\tat java.base/x.y\n") is expected


def test_a_quoted_log_is_short_and_without_stack_traces() -> None:
    """Goal: an error quotes what Kafka said last, not where in its code it was.

    Method: twenty lines, one with a long stack trace.
    """
    text = "".join(f"line {n}\n\tat a.b.C\n\t... 12 more\n" for n in range(20))

    assert quote(text, 2) == "its log ends with:\n  line 18\n  line 19"


def test_a_long_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    """Goal: the log is bounded.

    Method: a sparse file a byte above the limit, and one at it.
    """
    folder = Folder(tmp_path)
    folder.make()
    for size, left in ((LOG_BYTES_MAX, True), (LOG_BYTES_MAX + 1, False)):
        with folder.log.open("wb") as file:
            file.truncate(size)
        folder.tidy()

        assert folder.log.exists() is left


# ------------------------------------------------------------------------------------- reaching it


def test_answers_names_an_address_where_nobody_is(listener: socket.socket) -> None:
    """Goal: no Kafka there, or something else there, is an error with the address in it, in bounded time.

    Method: a closed port, a port whose server never speaks, and something that is no address.
    """
    silent = f"127.0.0.1:{listener.getsockname()[1]}"
    (port,) = broker_ports.pick(1)
    started = time.monotonic()
    threads = threading.active_count()

    with pytest.raises(BrokerUnreachable, match=f"no Kafka answers at 127.0.0.1:{port}"):
        answers(f"127.0.0.1:{port}", timeout_s=0.5)
    with pytest.raises(BrokerUnreachable, match=f"what listens at {silent} did not answer as a Kafka"):
        answers(silent, timeout_s=1)
    with pytest.raises(BrokerUnreachable, match="must be HOST:PORT"):
        answers("localhost", timeout_s=1)
    assert time.monotonic() - started < 10
    assert threading.active_count() == threads


def test_answers_waits_for_one_that_comes(running: Broker) -> None:
    """Goal: it returns as soon as a Kafka answers, also when the first address of a list is dead.

    Method: the running one, behind an address where nobody is; no thread stays behind.
    """
    (port,) = broker_ports.pick(1)
    threads = threading.active_count()

    answers(running.bootstrap)
    answers(f"127.0.0.1:{port},{running.bootstrap}")

    assert within(5, lambda: threading.active_count() <= threads)


# ------------------------------------------------------------------------------------- offline


def test_no_network_at_the_first_start_is_one_sentence(tmp_path: Path) -> None:
    """Goal: without a network and without a cache, a person reads what is missing and what to do.

    Method: another process, an empty cache, and a proxy that does not exist.
    """
    code = """
import sys, pathlib
from watchroom.broker import Broker, NoNetwork
try:
    Broker.start(pathlib.Path(sys.argv[1]))
except NoNetwork as error:
    print(error)
"""
    out, err = python(code, str(tmp_path / "state"), **offline(tmp_path / "cache")).communicate(timeout=60)

    assert "a part of Kafka, could not be fetched (the proxy does not answer)" in out, err
    assert f"or set {CACHE_VARIABLE} to a copy" in out
    assert len(out.splitlines()) == 1


def test_a_filled_cache_needs_no_network_and_a_damaged_one_says_what(tmp_path: Path) -> None:
    """Goal: the second start fetches nothing, from a copy of the cache too; a file cut short is noticed.

    Method: copy the cache, prepare from it offline without jgo, cut one jar, and prepare again.
    """
    prepared = prepare()
    copy = tmp_path / "cache"
    shutil.copytree(prepared.folder, copy / prepared.folder.name, ignore=shutil.ignore_patterns("*.aot"))
    code = """
import sys
from watchroom.broker import NoNetwork, prepare
try:
    print(len(prepare().jars), "jgo" in sys.modules)
except NoNetwork as error:
    print(error)
"""
    environment = offline(copy)
    out, err = python(code, **environment).communicate(timeout=60)
    assert out.split() == [str(len(prepared.jars)), "False"], err

    jar = copy / prepared.folder.name / prepared.jars[0].relative_to(prepared.folder)
    os.truncate(jar, 1000)
    out, err = python(code, **environment).communicate(timeout=60)

    assert jar.parents[1].name in out, err
    assert "could not be fetched" in out


def test_sigterm_from_outside_is_a_clean_stop(running: Broker) -> None:
    """Goal: a broker stopped by somebody else is seen to be gone, and why.

    Method: SIGTERM from outside, as the last test of the shared broker.
    """
    os.kill(running.pid, signal.SIGTERM)

    assert within(20, lambda: not running.alive())
    assert "exit code 143" in str(running.why_ended())
    running.stop()
    assert attach(running.log_file.parents[1]) is None
