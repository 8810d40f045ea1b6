"""The front door on a real Kafka: up, replay, status, a killed worker, rebuild, down.

One story in one test, because each step stands on the one before, and a Kafka takes seconds to start.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.frontdoor.test_errors import started, watchroom
from watchroom import procfs, running
from watchroom.stopping import stop

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(900)]

WITHIN_S = 180.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A state folder; whatever happens, nothing of it runs afterwards."""
    yield tmp_path
    stop(tmp_path, lambda _: None)


def done(folder: Path, *arguments: str) -> str:
    """Run a command that must succeed; returns what it printed."""
    run = watchroom(folder, *arguments)

    assert run.returncode == 0, f"{arguments}: {run.stdout}{run.stderr}"
    return run.stdout


def status(folder: Path) -> dict[str, Any]:
    """`watchroom status --json`, whatever it thinks of it."""
    said: dict[str, Any] = json.loads(watchroom(folder, "status", "--json").stdout)
    return said


def until(folder: Path, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first status of which that is true, and of the one before as well, with the same counts.

    A transaction ends in one partition after the other: in between, health may be a commit ahead of figures.
    """
    deadline = time.monotonic() + WITHIN_S
    before: dict[str, Any] | None = None
    while True:
        said = status(folder)
        if true(said):
            if before is not None and before["law"] == said["law"]:
                return said
            before = said
        assert time.monotonic() < deadline, said


def settled(said: dict[str, Any]) -> bool:
    """Everything read by both stages, and nothing wrong."""
    return all(stage["lag"] == 0 for stage in said["stages"]) and not said["problems"]


def figures(folder: Path) -> list[dict[str, Any]]:
    """Every figure there is, in order, but for when each was last told and what is told once a minute."""
    lines = done(folder, "figures", "--json", "--mode", "any", "--by", "any", "--window", "any")
    found = [json.loads(line) for line in lines.splitlines()]
    for figure in found:
        del figure["as_of"]
        figure.pop("histogram", None)
    return sorted(found, key=lambda f: str(f["series"]))


def process(said: dict[str, Any], name: str) -> dict[str, Any]:
    """One process of a status."""
    found: dict[str, Any] = next(p for p in said["up"]["processes"] if p["name"] == name)
    return found


def interrupted_rebuild(folder: Path) -> None:
    """Ctrl-C in the middle of one: it says that nothing changed, and readers keep what they have."""
    with started(folder, "rebuild") as rebuild:
        assert rebuild.stdout is not None
        while "begins" not in (line := rebuild.stdout.readline()):
            assert line, "it ended before it began"
        time.sleep(1.0)
        rebuild.send_signal(signal.SIGINT)
        rest = rebuild.stdout.read()
    assert rebuild.returncode == 130, rest
    assert "the next rebuild begins anew" in rest
    assert status(folder)["generation"] == 1


def test_up_replay_kill_rebuild_down(folder: Path) -> None:
    """The same figures before and after a killed worker and a rebuild, and at the end no process is left."""
    begun = done(folder, "up", "--workers", "2", "--detach")
    assert "It stays up" in begun
    pids = {p["pid"] for p in status(folder)["up"]["processes"]}
    pids.add(running.holder(folder))

    replayed = done(
        folder, "replay", "--profile", "sffd", "--speed", "max", "--to", "2017-01-02", "--clock-step", "1h"
    )
    assert "0 bad rows" in replayed
    first = until(folder, lambda s: settled(s) and s["law"]["arrived"] > 0)
    assert first["law"]["holds"]
    assert first["law"]["arrived"] == first["law"]["joined"]
    assert f"{first['law']['arrived']:,} of {first['law']['arrived']:,} events sent" in replayed
    assert first["law"]["accounted"]["responses"] > first["law"]["accounted"]["incidents"] > 0
    assert {p["name"] for p in first["up"]["processes"]} == {
        "kafka", "incidents-1", "incidents-2", "agency-1", "exporter",
    }  # fmt: skip
    before = figures(folder)
    assert before

    known = done(folder, "figures", "--as-of", "2017-01-01T12:00", "--window", "24h", "--json").splitlines()
    assert {json.loads(line)["asked"] for line in known} == {"as known now"}

    killed = process(first, "incidents-1")["pid"]
    os.kill(killed, signal.SIGKILL)
    after = until(folder, lambda s: settled(s) and process(s, "incidents-1")["pid"] not in (0, killed))
    assert process(after, "incidents-1")["restarts"] == 1
    assert figures(folder) == before

    interrupted_rebuild(folder)
    again = done(folder, "rebuild")
    assert "clearing away generation 2" in again
    assert "generation 3 is current" in again
    rebuilt = until(folder, lambda s: settled(s) and s["generation"] == 3 and s["up"]["generation"] == 3)
    assert rebuilt["law"]["arrived"] == first["law"]["arrived"]
    assert rebuilt["law"]["accounted"] == first["law"]["accounted"]
    assert figures(folder) == before

    pids |= {p["pid"] for p in rebuilt["up"]["processes"]}
    assert done(folder, "down").endswith("stopped\n")
    assert [pid for pid in pids if pid and procfs.runs(pid)] == []
    assert running.read(folder) is None


def test_once_ready_runs_a_command_and_stops(folder: Path) -> None:
    """For scripts: all is up while the command runs, its code is ours, and then all is down."""
    command = 'echo "broker $WATCHROOM_BROKER"; exit 7'
    run = watchroom(folder, "up", "--once-ready", command)

    assert run.returncode == 7, run.stdout + run.stderr
    assert "broker 127.0.0.1:" in run.stdout
    assert running.holder(folder) is None
