"""Starting again what ended: the policy alone, and the supervisor over tiny programs instead of workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.settings import load_settings
from watchroom import procfs
from watchroom.children import LOG_BYTES_MAX, Spec, environment, last_words, rotate
from watchroom.restarts import AWAY_S, QUICK_DEATHS_MAX, QUICK_LOSSES_MAX, QUICK_S, Policy, Verdict
from watchroom.supervisor import Supervisor

# ---------------------------------------------------------------------------------------- the policy


def test_a_fenced_worker_is_started_again_at_once() -> None:
    """Exit codes 75 and 76 and SIGKILL: nobody waits, for somebody may be waiting for its partitions."""
    for code in (75, 76, -signal.SIGKILL):
        assert Policy().ended(code, 3.0) == Verdict(again=True, after_s=0.0)


def test_other_deaths_are_answered_later_and_later_and_at_last_not_at_all() -> None:
    """Five quick deaths are enough to know that a sixth would follow."""
    policy = Policy()
    waits = [policy.ended(70, 1.0).after_s for _ in range(QUICK_DEATHS_MAX - 1)]

    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert policy.ended(70, 1.0) == Verdict(again=False)


def test_one_that_was_well_for_a_while_begins_anew() -> None:
    """Four quick deaths, a long life, and it counts from one again."""
    policy = Policy()
    for _ in range(QUICK_DEATHS_MAX - 1):
        policy.ended(70, 1.0)

    assert policy.ended(70, QUICK_S + 1) == Verdict(again=True, after_s=0.5)


@pytest.mark.parametrize("code", [2, 4, 6])
def test_a_refusal_is_not_asked_for_twice(code: int) -> None:
    """A setting, an undeliverable record, another layout: the same sentence would come again."""
    assert Policy().ended(code, 1.0) == Verdict(again=False)


def test_losing_for_ever_ends_too() -> None:
    """Nothing is unbounded: a worker that is fenced twenty times within seconds has a rival."""
    policy = Policy()
    verdicts = [policy.ended(75, 1.0) for _ in range(QUICK_LOSSES_MAX)]

    assert [v.again for v in verdicts] == [True] * (QUICK_LOSSES_MAX - 1) + [False]


def test_a_kafka_that_is_away_is_waited_for() -> None:
    """Exit code 5 for ever: it is tried again for ever, for somebody else starts that Kafka again.

    A try takes ten seconds: five of them, and two minutes' absence would have ended the house for good.
    """
    policy = Policy()
    verdicts = [policy.ended(5, 11.0) for _ in range(100)]

    assert set(verdicts) == {Verdict(again=True, after_s=AWAY_S)}


# ------------------------------------------------------------------------------------- the supervisor


class Floor:
    """A supervisor and what it told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.folder = folder
        self.supervisor = Supervisor(folder, self.told.append)

    def start(self, name: str, code: str) -> None:
        """Run some Python instead of a worker."""
        spec = Spec(name, (), program=(sys.executable, "-c", code))
        self.supervisor.start(spec, dict(os.environ))

    def look_until(self, true: Callable[[], bool], within_s: float = 20.0, *, may_start: bool = True) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, self.told
            self.supervisor.look(may_start=may_start)
            time.sleep(0.02)

    def pid(self, name: str) -> int:
        return next(p.pid for p in self.supervisor.processes() if p.name == name)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    made = Floor(tmp_path)
    yield made
    made.supervisor.stop(within_s=0.2)


FOR_EVER = "import time; time.sleep(60)"


def test_a_killed_child_is_another_one_at_once(floor: Floor) -> None:
    """SIGKILL from outside: within a moment there is a new process of that name, and it was said."""
    floor.start("w", FOR_EVER)
    first = floor.pid("w")
    os.kill(first, signal.SIGKILL)
    floor.look_until(lambda: floor.pid("w") not in (0, first), within_s=2)

    assert "w ended (killed by SIGKILL); it is started again at once" in floor.told[0]


def test_a_child_that_dies_and_dies_is_given_up_with_its_last_words(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five quick deaths the sentence of its fatal line is told, and it is left alone."""
    monkeypatch.setattr("watchroom.restarts._BACK_OFF_S", (0.01,) * 5)
    line = '{"level": "CRITICAL", "what": "fatal", "text": "the disk is full: make room"}'
    floor.start("w", f"import sys; print('{line}'); print('more'); sys.exit(70)")
    floor.look_until(lambda: bool(floor.supervisor.given_up()))

    assert floor.supervisor.given_up() == [("w", 70, "the disk is full: make room")]
    assert "is not started again (the disk is full: make room)" in floor.told[-1]
    assert len(floor.told) == QUICK_DEATHS_MAX


def test_while_kafka_is_away_no_death_counts(floor: Floor) -> None:
    """Workers die of it; none is started, none is held against them, and then all are."""
    floor.start("w", "import sys; sys.exit(70)")
    floor.look_until(lambda: floor.pid("w") == 0, may_start=False)
    for _ in range(20):
        floor.supervisor.look(may_start=False)

    assert floor.told == []
    assert floor.pid("w") == 0

    floor.supervisor.look()

    assert floor.pid("w") != 0


def test_stopping_asks_all_at_once_and_kills_who_stays(floor: Floor) -> None:
    """SIGTERM first; who has not gone by then is killed, and named."""
    floor.start("good", FOR_EVER)
    floor.start(
        "deaf",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
    )
    pids = [floor.pid("good"), floor.pid("deaf")]
    floor.look_until(lambda: "deaf" in (floor.folder / "deaf.log").read_text())
    floor.supervisor.stop(within_s=0.5)

    assert [procfs.runs(pid) for pid in pids] == [False, False]
    assert floor.told == ["deaf did not stop within 0.5 s and was killed"]


def test_children_do_not_outlive_their_parent(tmp_path: Path) -> None:
    """The parent is killed with SIGKILL and can't tidy up: the kernel tells its children to stop."""
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from watchroom.children import Spec; from watchroom.supervisor import Supervisor\n"
        "s = Supervisor(Path(sys.argv[1]), print)\n"
        f"s.start(Spec('w', (), program=(sys.executable, '-c', {FOR_EVER!r})), dict(os.environ))\n"
        "print(s.processes()[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)  # until the leash is on
        assert procfs.runs(pid)
        parent.kill()
    deadline = time.monotonic() + 5
    while procfs.runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not procfs.runs(pid)


# ------------------------------------------------------------------------------------ logs and settings


def test_a_log_is_bounded_while_it_is_written(tmp_path: Path) -> None:
    """A large log moves aside, and who has it open goes on in the same, now short, file."""
    log = tmp_path / "w.log"
    with log.open("ab", buffering=0) as open_log:
        open_log.write(b"x" * (LOG_BYTES_MAX + 1))
        rotate(log)
        open_log.write(b"after\n")

    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "w.log.1").stat().st_size == LOG_BYTES_MAX + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watchroom: no such folder; make it\n", "no such folder; make it"),
        ('{"level": "CRITICAL", "what": "fatal", "text": "fenced"}\n{"level": "INFO"}\n', "fenced"),
        ('{"level": "INFO", "what": "acquired"}\n', ""),
        ("Traceback\nValueError: 3\n", "ValueError: 3"),
        ("", ""),
    ],
)
def test_last_words(tmp_path: Path, text: str, said: str) -> None:
    """A fatal line, an error of ours, else the last line that is no line of a log."""
    log = tmp_path / "w.log"
    log.write_text(text)

    assert said == last_words(log)


def test_a_child_gets_every_setting_by_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came from flags, a file or defaults is the same in the child, wherever it runs."""
    (tmp_path / "x.toml").write_text("partitions = 7\n")
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("x.toml"), state_dir=Path("here"), broker="k:1")
    monkeypatch.setattr(os, "environ", environment(settings))
    monkeypatch.chdir("/")

    child = load_settings()

    assert child.partitions == 7
    assert child.state_dir == tmp_path / "here"
    assert {**child.model_dump(), "state_dir": None} == {**settings.model_dump(), "state_dir": None}
