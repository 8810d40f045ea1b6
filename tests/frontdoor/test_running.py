"""What `up` remembers, who holds a folder, and where Kafka is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import BrokerUnreachable, ConfigurationError, Refused
from schemas.settings import load_settings
from watchroom import running
from watchroom.running import Process, Running

SAID = Running(
    pid=os.getpid(),
    bootstrap="127.0.0.1:20001",
    own_broker=False,
    exporter="http://127.0.0.1:9108/metrics",
    workers=2,
    agency_workers=1,
    generation=3,
    started=1_500_000_000.0,
    ready=True,
    processes=(Process("incidents-1", 4711, "running", 1, "lost", 1_500_000_001.0, "stage incidents"),),
)


def test_what_is_written_is_read_while_the_folder_is_held(tmp_path: Path) -> None:
    """Everything comes back as it was, and nothing once its writer has let go: an old file says nothing."""
    with running.held(tmp_path):
        running.write(tmp_path, SAID)

        assert running.read(tmp_path) == SAID
        assert running.holder(tmp_path) == os.getpid()

    assert running.read(tmp_path) is None
    assert running.holder(tmp_path) is None


def test_a_folder_is_held_by_one_alone(tmp_path: Path) -> None:
    """The second is refused in words that name the first and what to do."""
    said = rf"process {os.getpid()}.*watchroom down"
    with running.held(tmp_path), pytest.raises(Refused, match=said), running.held(tmp_path):
        pass


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    """The kernel lets go for it, so no stale file has to be removed by hand."""
    code = (
        "import os, sys; from pathlib import Path; from watchroom import running\n"
        "lock = running.held(Path(sys.argv[1])); lock.__enter__(); print('held', flush=True); "
        "sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert running.holder(tmp_path) == child.pid
        child.kill()

    assert running.holder(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "pid": 3}'])
def test_a_file_that_can_not_be_read_says_nothing(tmp_path: Path, content: str) -> None:
    """Of another format, cut short or of other fields: as if nothing ran, and no traceback."""
    with running.held(tmp_path):
        (tmp_path / running.FILE).write_text(content)

        assert running.read(tmp_path) is None


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="--state-dir"), running.held(tmp_path / "file"):
        pass


def test_the_named_kafka_is_used(tmp_path: Path) -> None:
    """Whatever runs: a setting wins."""
    assert running.bootstrap(load_settings(state_dir=tmp_path, broker="k:9092")) == "k:9092"


def test_without_a_named_kafka_the_one_of_up_is_used(tmp_path: Path) -> None:
    """An `up` that was told of a Kafka tells the others; when it has ended nobody does."""
    settings = load_settings(state_dir=tmp_path, broker="")
    with running.held(tmp_path):
        running.write(tmp_path, SAID)

        assert running.bootstrap(settings) == SAID.bootstrap

    with pytest.raises(BrokerUnreachable, match=r"`watchroom up` is not running.*--broker"):
        running.bootstrap(settings)
