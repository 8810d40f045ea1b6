"""Every event counts once: whatever is killed, stopped, joined or left. After each drill all is compared.

The stage counts, so an event lost or doubled shows for ever. What is compared, and how: ``kit.differences``.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.transport.kit import Drill, aborted_seen, differences, drill, events, write, write_transactions
from tests.transport.toy import Toy
from watchroom.broker import Broker

pytestmark = [pytest.mark.broker, pytest.mark.slow]

COUNTING = Toy("toy", ("source",), "out", "log", slow_s=0.05)


def test_sigkill_at_random(kafka: Broker, tmp_path: Path) -> None:
    """Goal: a kill at any moment loses and doubles nothing.

    Method: five SIGKILLs at random, starts and recoveries included.
    """
    with drill(kafka.bootstrap, tmp_path, COUNTING) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(60_000, 3_000, 1), 4)
        for round_ in range(5):
            it.start("a")
            if round_ % 2:  # at any moment since its start, recovery included
                time.sleep(random.uniform(0.3, 2.0))
            else:
                it.wait_acquired("a")
                time.sleep(random.uniform(0.3, 0.9))
            it.end("a")
        it.hurry()
        it.start("a")
        it.finish()

        assert differences(it) == []
        assert aborted_seen(it) > 0  # kills fell into open transactions, else the drill says nothing


def test_exits_at_named_points(kafka: Broker, tmp_path: Path) -> None:
    """Goal: the seams between fence, read, send and commit hold.

    Method: the process ends exactly there, again and again.
    """
    with drill(kafka.bootstrap, tmp_path, COUNTING) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(40_000, 2_000, 2), 4)
        for point in ("before_commit", "after_fence", "after_commit", "before_commit"):
            it.start("a", owner=point)
            assert it.wait_exit("a") == 9, it.errors()
        it.hurry()
        it.start("a")
        it.finish()

        assert differences(it) == []


class Zombie(NamedTuple):
    """What became of a worker that was stopped for longer than its session, and of what it left."""

    drill: Drill
    differences: list[str]
    woke: dict[str, object]


def haunt(bootstrap: str, folder: Path, owner: str, stack: ExitStack) -> Zombie:
    """Two workers; one is stopped, the other takes over and works, the first one wakes."""
    folder.mkdir()
    it = stack.enter_context(drill(bootstrap, folder, COUNTING, max_poll_records=100))
    write(bootstrap, it.toy.sources[0], events(60_000, 2_000, 3), 4)
    it.start("a", owner)
    it.wait_acquired("a", 4)
    it.start("b", owner)
    it.wait_acquired("b", 2)
    time.sleep(1.0)
    pid = it.pid("a")
    it.news()
    it.send("a", signal.SIGSTOP)
    it.wait_acquired("b", 4)
    time.sleep(1.0)  # the new owner works and commits
    it.send("a", signal.SIGCONT)
    woke = it.wait(lambda f: f["pid"] == pid and f["what"] in ("fatal", "acquired", "released"))
    time.sleep(0.5)
    it.hurry()
    for name in ("a", "b"):
        if it.workers[name].poll() is None:
            it.end(name)
        else:
            it.exits.append((name, it.workers[name].returncode))
    it.start("b", owner)
    it.finish(owner=owner)
    return Zombie(it, differences(it), woke)


@pytest.fixture(scope="module")
def zombies(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Zombie]]:
    """The same drill with and without the fence, side by side."""
    folder = tmp_path_factory.mktemp("zombies")
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        runs = {o: pool.submit(haunt, kafka.bootstrap, folder / o, o, stack) for o in ("plain", "unfenced")}
        yield {owner: run.result() for owner, run in runs.items()}


def test_a_zombie_can_write_nothing(zombies: dict[str, Zombie]) -> None:
    """Goal: who stood still for longer than its session ends with 75 and leaves nothing.

    Method: SIGSTOP, take-over, SIGCONT.
    """
    zombie = zombies["plain"]

    assert zombie.differences == []
    assert zombie.woke["what"] == "fatal"
    assert zombie.woke["exit_code"] == 75
    assert "another worker has taken the partition over" in str(zombie.woke["text"])
    assert ("a", 75) in zombie.drill.exits


def test_without_the_fence_the_check_finds_the_harm(zombies: dict[str, Zombie]) -> None:
    """Goal: the check can fail.

    Method: the same zombie without transactions, whose harm must be seen.
    """
    assert zombies["unfenced"].differences != []


def test_workers_join_and_leave(kafka: Broker, tmp_path: Path) -> None:
    """Goal: rebalances move partitions without a trace.

    Method: a second worker joins, leaves, joins, is killed and comes back.
    """
    with drill(kafka.bootstrap, tmp_path, COUNTING, max_poll_records=100) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(40_000, 2_000, 4), 4)
        it.start("a")
        it.wait_acquired("a", 4)
        time.sleep(0.7)
        it.start("b")
        it.wait_acquired("b", 2)
        time.sleep(0.7)
        assert it.end("b", signal.SIGTERM) == 0
        it.wait_acquired("a", 4)  # b's partitions are a's once its session is over
        it.start("b")
        it.wait_acquired("b", 2)
        time.sleep(0.5)
        it.end("b")
        it.start("b")  # in time: Kafka knows it by its name and gives it back what it had
        it.wait_acquired("b", 2)
        it.hurry()
        it.end("a")
        it.end("b")
        it.start("a")
        it.finish()

        assert differences(it) == []


def test_a_source_in_transactions(kafka: Broker, tmp_path: Path) -> None:
    """Goal: what a source aborts never counts.

    Method: two producers, overlapping aborts, a poison tail, two kills.
    """
    toy = Toy("toy", ("source",), "out", "log", read_committed=True, slow_s=0.02)
    with drill(kafka.bootstrap, tmp_path, toy) as it:
        aborted = write_transactions(kafka.bootstrap, it.toy.sources[0], events(20_000, 1_000, 5), 4, 6)
        assert aborted > 10
        for _ in range(2):
            it.start("a")
            it.wait_acquired("a")
            time.sleep(random.uniform(0.2, 0.8))
            it.end("a")
        it.hurry()
        it.start("a")
        it.finish()

        assert differences(it) == []


def test_a_stage_without_a_changelog(kafka: Broker, tmp_path: Path) -> None:
    """Goal: two sources are one state, read back whole, and live reading goes on exactly there.

    Method: committed and aborted events before the start, live ones after, a kill between, a second worker.
    """
    toy = Toy("toy", ("left", "right"), "out", None, slow_s=0.01)
    with drill(kafka.bootstrap, tmp_path, toy) as it:
        left, right = it.toy.sources
        write_transactions(kafka.bootstrap, left, events(5_000, 500, 7), 4, 8)
        write(kafka.bootstrap, right, events(5_000, 500, 9), 4)
        it.start("a")
        assert it.wait_acquired("a")["records"] == 10_000
        write(kafka.bootstrap, left, events(10_000, 500, 10), 4)
        time.sleep(0.3)
        it.end("a")
        it.start("a")
        assert it.wait_acquired("a")["records"] == 20_000
        it.start("b")
        held = it.wait_acquired("b", 2)
        assert set(held["positions"]) == {f"{t}-{p}" for t in (left, right) for p in held["partitions"]}
        it.wait_acquired("a", 2)
        write(kafka.bootstrap, right, events(10_000, 500, 11), 4)
        write(kafka.bootstrap, left, events(10_000, 500, 12), 4)
        it.finish()

        assert differences(it) == []
