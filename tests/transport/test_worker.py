"""How a worker starts, refuses and ends, and what it says of it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiokafka.errors as kafka_errors
import pytest
from click.testing import CliRunner

from schemas.errors import ConfigurationError, GenerationMismatch, Lost, WatchroomError
from schemas.settings import Settings
from streams import app
from streams.stage import Stage
from streams.transport import topicsetup
from streams.transport.holder import Holder
from streams.transport.log import Log
from streams.transport.owner import sentence
from tests.transport.kit import ROOT, drill
from tests.transport.toy import Toy
from watchroom.broker import Broker
from watchroom.children import environment
from watchroom.cli import main_group
from watchroom.commands.worker import formats

TWO = Toy("toy", ("left", "right"), "out").stage()


def holder(stage: Stage, left: list[int]) -> tuple[Holder, io.StringIO]:
    """A holder whose end is noted instead of done, and what it says."""
    said = io.StringIO()
    log = Log("a", "INFO", said)
    return Holder(stage, Settings(), app_id="app", log=log, leave=left.append), said


@pytest.mark.parametrize(
    ("exc", "code", "words"),
    [
        (kafka_errors.ProducerFenced(), 75, "another worker has taken the partition over"),
        (kafka_errors.InvalidProducerEpoch(), 75, "another worker has taken the partition over"),
        (kafka_errors.KafkaConnectionError("gone"), 75, "nothing of the open transaction is committed"),
        (ValueError("oops"), 70, "ValueError: oops. This is a defect of Watchroom"),
        (GenerationMismatch("of format 9"), 6, "of format 9"),
        (Lost("cut"), 75, "cut"),
    ],
)
def test_every_end_has_a_sentence_and_a_code(exc: Exception, code: int, words: str) -> None:
    """Goal: whoever watches over workers knows whether to start again.

    Method: what may be raised, and what is made of it.
    """
    made = sentence(exc, "committing")

    assert made.exit_code == code
    assert words in made.message


def test_the_last_word_is_one_line_of_json() -> None:
    """Goal: the reason of an end can be read by people and programs.

    Method: end with a defect, read the line.
    """
    left: list[int] = []
    it, said = holder(TWO, left)
    defect = WatchroomError("joining: it broke")
    defect.exit_code = 70
    try:
        raise ValueError("inside")
    except ValueError as exc:
        it.fatal(defect, exc)

    [line] = [json.loads(text) for text in said.getvalue().splitlines()]
    assert left == [70]
    assert (line["what"], line["level"], line["text"], line["exit_code"]) == (
        "fatal",
        "CRITICAL",
        "joining: it broke",
        70,
    )
    assert "ValueError: inside" in line["traceback"]


def test_sources_must_be_assigned_together() -> None:
    """Goal: one logic gets all its sources or nothing is begun.

    Method: an assignment in which one partition of one source is missing.
    """
    it, _ = holder(TWO, [])

    assert it._whole([("left", 0), ("right", 0), ("left", 2), ("right", 2)]) == [0, 2]
    with pytest.raises(GenerationMismatch, match="not assigned the same partitions of all its sources"):
        it._whole([("left", 0), ("right", 0), ("left", 1)])


@pytest.mark.parametrize(
    ("settings", "worker", "words"),
    [
        (Settings(), "a", "a worker must know its Kafka"),
        (Settings(broker="127.0.0.1:1"), "fire & ems", "Kafka takes letters"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: Settings, worker: str, words: str) -> None:
    """Goal: a sentence before anything is begun.

    Method: no broker; a name that Kafka would not take.
    """
    with pytest.raises(ConfigurationError, match=words):
        app.build(TWO, settings, generation=1, worker_id=worker)


@pytest.mark.broker
def test_it_can_be_stopped_as_soon_as_it_starts(kafka: Broker, tmp_path: Path) -> None:
    """Goal: a stop while Faust is starting is as orderly as any.

    Method: SIGTERM at several moments of the first half second.
    """
    with drill(kafka.bootstrap, tmp_path, Toy("toy", ("source",), "out", "log")) as it:
        for pause_s in (0.0, 0.05, 0.3):
            it.start("a")
            it.wait(lambda fact: bool(fact["what"] == "starting"))
            time.sleep(pause_s)
            assert it.end("a", signal.SIGTERM, timeout_s=10) == 0


@pytest.mark.broker
def test_two_of_one_name_are_refused(kafka: Broker, tmp_path: Path) -> None:
    """Goal: two workers of one name do not drive each other out for ever.

    Method: start the second beside the first.
    """
    with drill(kafka.bootstrap, tmp_path, Toy("toy", ("source",), "out", "log")) as it:
        first = it.start("a")
        it.wait_acquired("a")
        it.start("a")

        assert it.wait_exit("a") == 4
        assert "already runs on this machine" in it.errors()
        it.workers["a"] = first
        assert it.end("a", signal.SIGTERM) == 0


def test_the_command_has_an_example() -> None:
    """Goal: --help is enough to begin.

    Method: ask for it.
    """
    said = CliRunner().invoke(main_group, ["worker", "--help"]).output

    assert "Example:" in said
    assert "watchroom worker --stage incidents" in said


@pytest.mark.broker
@pytest.mark.parametrize("stage", ["incidents", "agency"])
def test_the_command_runs_a_real_stage(own: Broker, tmp_path: Path, stage: str) -> None:
    """Goal: the command makes the topics, takes its partitions, stops in order and leaves nothing behind.

    Method: start it in an empty folder, wait until it holds them, SIGTERM.
    """
    here = tmp_path / "here"
    here.mkdir()
    log = tmp_path / "log"
    run = "from watchroom.cli import main; main()"
    where = ["--broker", own.bootstrap, "--state-dir", str(tmp_path / "state")]
    worker = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-c",
            run,
            *where,
            "worker",
            "--stage",
            stage,
            "--id",
            "w1",
            "--log",
            str(log),
        ],
        cwd=here,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    try:
        until = time.monotonic() + 60
        while not (log.exists() and '"acquired"' in log.read_text()):
            assert worker.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(15)
    finally:
        worker.kill()
        worker.wait()
    facts = [json.loads(line) for line in log.read_text().splitlines()]

    assert code == 0
    [acquired] = [f for f in facts if f["what"] == "acquired"]
    assert acquired["partitions"] == [0, 1, 2, 3]
    assert facts[-1]["what"] == "stopped"
    assert list(here.iterdir()) == []


@pytest.mark.broker
@pytest.mark.parametrize("stage", ["incidents", "agency"])
def test_the_command_refuses_other_partitions(own: Broker, tmp_path: Path, stage: str) -> None:
    """Goal: a worker whose partitions are not the topics' refuses before it begins, in a sentence, with 6.

    Method: topics as by default, a worker told of one partition more.
    """
    topicsetup.prepare(own.bootstrap, Settings(broker=own.bootstrap, state_dir=tmp_path), formats())
    settings = Settings(broker=own.bootstrap, state_dir=tmp_path, partitions=5, result_partitions=5)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "watchroom", "worker", "--stage", stage, "--id", "w"],
        env={**environment(settings), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 6
    assert "partitions is 4 there and 5 here" in done.stderr
    assert "Traceback" not in done.stderr
