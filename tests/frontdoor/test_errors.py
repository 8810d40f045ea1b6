"""What goes wrong is one clear sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from schemas.settings import load_settings
from watchroom import running


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours, without the settings in it, and with a state folder of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("WATCHROOM_") or k == "WATCHROOM_CACHE"}
    return env | {"WATCHROOM_STATE_DIR": str(folder), "WATCHROOM_EXPORTER_PORT": "0", **more}


def watchroom(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "watchroom", *arguments],
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it, and do not wait."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "watchroom", *arguments],
        env=environment(folder),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def says(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line of error, with this code and these words."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("watchroom: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_no_kafka_anywhere(tmp_path: Path) -> None:
    """`status` without one named and without an `up`: says both ways out."""
    says(watchroom(tmp_path, "status"), 5, "`watchroom up` is not running", "--broker")


def test_a_kafka_that_does_not_answer(tmp_path: Path) -> None:
    """`up` with a named Kafka that is not there names the address, and starts nothing of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    says(watchroom(tmp_path, "--broker", address, "up"), 5, address)

    assert not (tmp_path / "kafka").exists()


def test_the_metrics_port_is_taken(tmp_path: Path) -> None:
    """Found out before Kafka is started; says who has it, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = str(taken.getsockname()[1])
        done = watchroom(tmp_path, "up", WATCHROOM_EXPORTER_PORT=port)
        says(done, 2, port, f"process {os.getpid()}", "WATCHROOM_EXPORTER_PORT")

    assert not (tmp_path / "kafka").exists()


def test_a_second_up(tmp_path: Path) -> None:
    """Refused while the first one holds the folder, detached or not."""
    with running.held(tmp_path):
        for more in ((), ("--detach",)):
            says(watchroom(tmp_path, "up", *more), 4, f"process {os.getpid()}", "watchroom down")


def test_two_rebuilds(tmp_path: Path) -> None:
    """One at a time."""
    with running.held(tmp_path, "rebuild.lock"):
        says(watchroom(tmp_path, "rebuild"), 4, f"process {os.getpid()}")


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    """Not a folder at all."""
    (tmp_path / "file").write_text("")
    for command in ("up", "down", "status"):
        says(watchroom(tmp_path / "file", command), 2, "--state-dir")


@pytest.mark.parametrize("command", ["status", "down", "figures"])
def test_a_state_folder_that_is_not_ours_to_look_into(tmp_path: Path, command: str) -> None:
    """As another user's, which root may read: a folder stands where the lock would, and says no to all."""
    (tmp_path / "kafka" / "lock").mkdir(parents=True)
    says(watchroom(tmp_path, command), 2, str(tmp_path), "the user it belongs to", "--state-dir", "--broker")


def test_a_setting_that_can_not_be_meant(tmp_path: Path) -> None:
    """Named with where it comes from."""
    says(watchroom(tmp_path, "up", WATCHROOM_PARTITIONS="many"), 2, "partitions", "WATCHROOM_PARTITIONS")


@pytest.mark.parametrize("address", ["nonsense", ":9092", "kafka:port", "kafka:0", "kafka:99999", "k:1,,l:2"])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    """Of Kafka: said at once, before anybody looks for it."""
    with pytest.raises(ConfigurationError, match=r"setting broker from the command line: .* is no host:port"):
        load_settings(state_dir=tmp_path, broker=address)


@pytest.mark.parametrize("address", ["kafka:9092", "10.0.0.1:9092, 10.0.0.2:9092", "[::1]:9092", ""])
def test_an_address_that_is_one(tmp_path: Path, address: str) -> None:
    """A name, several with commas and blanks, a bracketed one, and none."""
    assert load_settings(state_dir=tmp_path, broker=address).broker == address.replace(" ", "")


def test_an_alertmanager_without_an_address(tmp_path: Path) -> None:
    """Says how one is written, not which library did not like it."""
    says(
        watchroom(tmp_path, "alerts", "test", "--alertmanager", "localhost:9093"),
        2,
        "'localhost:9093'",
        "http://",
    )


def test_down_where_nothing_runs(tmp_path: Path) -> None:
    """No error: it is down."""
    done = watchroom(tmp_path, "down")

    assert (done.returncode, done.stdout) == (0, f"Nothing runs on {tmp_path}.\n")


def test_doctor_on_this_machine(tmp_path: Path) -> None:
    """Finds all that is needed, and says nothing is missing."""
    done = watchroom(tmp_path, "doctor")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is missing." in done.stdout


def test_doctor_says_the_mend(tmp_path: Path) -> None:
    """No agency's file: missing, with exit code 1 and what to do."""
    done = watchroom(tmp_path, "doctor", WATCHROOM_AGENCIES_DIR=str(tmp_path / "none"))

    assert done.returncode == 1
    assert "Missing: agencies." in done.stdout
    assert "set agencies_dir" in done.stdout
