"""What is large, what is too large, what stands still, and how a worker says so."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.transport.kit import aborted_seen, differences, drill, events, put, read, write, writing
from tests.transport.toy import POSITION, Toy
from watchroom.broker import Broker

pytestmark = pytest.mark.broker

PLAIN = Toy("toy", ("source",), "out", "log")


def test_large_records_and_batches_go_through(kafka: Broker, tmp_path: Path) -> None:
    """Goal: limits are the topics', not the client's.

    Method: 3 MiB a changelog record, 3 MB of outputs a batch, headers.
    """
    toy = replace(PLAIN, fat_bytes=3 << 20, fat_outputs=(30, 100_000), headers=True, out_partitions=1)
    with drill(kafka.bootstrap, tmp_path, toy, partitions=1) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(500, 50, 1), 1)
        it.start("a")
        it.finish()

        assert differences(it) == []
        out = read(kafka.bootstrap, it.toy.output)
        fat = [r for r in out if r.key == b"fat"]
        assert fat
        assert len(fat) % 30 == 0
        assert {len(r.value or b"") for r in fat} == {100_000}
        assert all(r.headers and r.headers[0][0] == "n" for r in out if not r.key.startswith(b"total/"))
        log = read(kafka.bootstrap, str(it.toy.changelog))
        assert max(len(r.value or b"") for r in log) == 3 << 20


def test_an_undeliverable_record_ends_the_worker(kafka: Broker, tmp_path: Path) -> None:
    """Goal: what a topic refuses is said, and nothing beside it is committed.

    Method: 2 MiB where 1 MiB is the limit; aiokafka by itself would commit the rest of that transaction.
    """
    toy = replace(PLAIN, fat_outputs=(1, 2 << 20))
    with drill(kafka.bootstrap, tmp_path, toy) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(500, 50, 1), 4)
        it.start("a")

        assert it.wait_exit("a") == 4
        [fatal] = it.said("fatal")
        assert it.toy.output in fatal["text"]
        assert "max.message.bytes" in fatal["text"]
        assert "nothing of the transaction is committed" in fatal["text"]
        assert read(kafka.bootstrap, it.toy.output) == []
        assert read(kafka.bootstrap, str(it.toy.changelog)) == []
        assert set(it.committed().values()) == {0}


def test_a_defect_in_the_logic_ends_the_worker(kafka: Broker, tmp_path: Path) -> None:
    """Goal: an exception of the logic never drops a batch, as Faust would.

    Method: a logic that raises.
    """
    with drill(kafka.bootstrap, tmp_path, replace(PLAIN, fail_at=100)) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(1_000, 50, 1), 4)
        it.start("a")

        assert it.wait_exit("a") == 70
        [fatal] = it.said("fatal")
        assert "this toy was made to fail" in fatal["text"]
        assert "toy.py" in fatal["traceback"]


def test_an_orderly_stop_leaves_nothing_to_redo(kafka: Broker, tmp_path: Path) -> None:
    """Goal: sIGTERM ends within 10 s with all that was read committed.

    Method: stop amid a backlog, and look where it goes on.
    """
    with drill(kafka.bootstrap, tmp_path, replace(PLAIN, slow_s=0.03)) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(40_000, 500, 1), 4)
        it.start("a")
        it.wait_acquired("a")
        time.sleep(1.0)
        began = time.monotonic()
        assert it.end("a", signal.SIGTERM) == 0
        assert time.monotonic() - began < 10
        [released] = it.said("released")
        assert released["committed"] is True
        assert 0 < released["records"] < 40_000
        assert aborted_seen(it) == 0
        it.hurry()
        it.start("a")
        assert it.wait_acquired("a")["positions"] == released["positions"]
        it.finish()

        assert differences(it) == []
        assert not any(path.name not in {"workers.log", "a.err", "faust"} for path in tmp_path.iterdir())


def test_the_watchdog_ends_a_worker_that_stands_still(kafka: Broker, tmp_path: Path) -> None:
    """Goal: standing still ends with 76, having nothing to do does not.

    Method: idle, then hang, each for longer than the bound.
    """
    with drill(kafka.bootstrap, tmp_path, replace(PLAIN, hang_at=1)) as it:
        it.start("a", stall_s=5.0)
        it.wait_acquired("a")
        time.sleep(8.0)
        assert it.workers["a"].poll() is None
        write(kafka.bootstrap, it.toy.sources[0], events(1_000, 50, 1), 4)

        assert it.wait_exit("a") == 76
        [fatal] = it.said("fatal")
        assert "the worker ends so that another one takes over" in fatal["text"]


def test_the_watchdog_ends_a_worker_whose_commits_stand_still(kafka: Broker, tmp_path: Path) -> None:
    """Goal: a commit that never comes back ends with 76, and what it held is computed anew.

    Method: the third commit waits for ever while events go in; another worker does the rest.
    """
    with drill(kafka.bootstrap, tmp_path, PLAIN) as it:
        it.start("a", owner="stuck", stall_s=3.0)
        it.wait_acquired("a")
        for seed in range(4):
            write(kafka.bootstrap, it.toy.sources[0], events(500, 50, seed), 4)
            time.sleep(0.4)

        assert it.wait_exit("a") == 76
        [fatal] = it.said("fatal")
        assert "has neither sent nor committed for 3 s" in fatal["text"]
        assert any(
            "drill.py" in where and "commit_transaction" in where for where in fatal["waiting"].values()
        )
        it.start("a")
        it.finish()
        assert differences(it) == []


def test_the_watchdog_ends_a_worker_whose_consumer_stands_still(kafka: Broker, tmp_path: Path) -> None:
    """Goal: a consumer that silently fetches no more ends with 76 once there is something to fetch.

    Method: it goes deaf at its first commit, after which events go in; idle, it is left alone.
    """
    with drill(kafka.bootstrap, tmp_path, PLAIN) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(500, 50, 1), 4)
        it.start("a", owner="deaf", stall_s=3.0)
        it.wait_acquired("a")
        time.sleep(5.0)
        assert it.workers["a"].poll() is None
        write(kafka.bootstrap, it.toy.sources[0], events(500, 50, 2), 4)

        assert it.wait_exit("a") == 76
        [fatal] = it.said("fatal")
        assert "has stood at" in fatal["text"]
        assert "and the log goes to" in fatal["text"]
        it.start("a")
        it.finish()
        assert differences(it) == []


def test_a_position_outside_the_log_is_lost(kafka: Broker, tmp_path: Path) -> None:
    """Goal: a source made anew under a position is noticed.

    Method: a position record beyond the log's end.
    """
    with drill(kafka.bootstrap, tmp_path, PLAIN, partitions=1) as it:
        write(kafka.bootstrap, it.toy.sources[0], events(100, 50, 1), 1)
        position = json.dumps({"next": {it.toy.sources[0]: 10**6}, "seen": 1, "last": 1}).encode()
        put(kafka.bootstrap, str(it.toy.changelog), POSITION, position)
        it.start("a")

        assert it.wait_exit("a") == 75
        [fatal] = it.said("fatal")
        assert "position 1000000 of toy is outside the log, which holds 0 to 100" in fatal["text"]


def test_a_foreign_writer_is_noticed(kafka: Broker, tmp_path: Path) -> None:
    """Goal: nobody else may write the changelog once it is fenced.

    Method: somebody does, while it is read.
    """
    with drill(kafka.bootstrap, tmp_path, replace(PLAIN, slow_load_s=0.001), partitions=1) as it:
        with writing(kafka.bootstrap, str(it.toy.changelog)):
            it.start("a")
            assert it.wait_exit("a") == 75
        [fatal] = it.said("fatal")
        assert "somebody else writes to it" in fatal["text"]
