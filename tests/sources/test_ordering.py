"""Sorting by time, in memory or in runs on disk: the same order, stable, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import WatchroomError
from schemas.times import DAY, HOUR
from sources.draft import Draft
from sources.ordering import Calendar, Sorter
from tests.sources.makings import draft


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 30))
def test_runs_on_disk_are_sorted_like_runs_in_memory(dues: list[int], run_events: int) -> None:
    """Stable: of one instant, the order of the file."""
    drafts = [draft(due, line) for line, due in enumerate(dues)]

    with Sorter(run_events) as sorter:
        for d in drafts:
            sorter.add(d)
        ordered = list(sorter.ordered())

    assert ordered == sorted(drafts, key=lambda d: d.due)
    assert sorter.count == len(dues)


def test_what_fits_in_one_run_stays_in_memory() -> None:
    """No file is made."""
    with Sorter(run_events=10) as sorter:
        for due in range(9):
            sorter.add(draft(due))

        assert sorter.runs == 0
        assert sorter._file is None


def test_a_draft_survives_the_disk() -> None:
    """Every field, attributes and all."""
    whole = Draft(5, 2, 4, 5, "id", "1", None, "change", {"type": "é\0\n"})

    with Sorter(run_events=1) as sorter:
        sorter.add(whole)

        assert list(sorter.ordered()) == [whole]


def test_memory_does_not_grow_with_the_file() -> None:
    """Ten times the events, not ten times the memory: peaks of two sorts, by tracemalloc."""

    def peak(events: int) -> int:
        tracemalloc.start()
        with Sorter(run_events=2_000) as sorter:
            for i in range(events):
                sorter.add(draft(i * 7_919 % 1_000_003, i))
            assert sum(1 for _ in sorter.ordered()) == events
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40_000) < 4 * peak(4_000)


def test_nothing_is_left_behind_even_by_sigkill(tmp_path: Path) -> None:
    """The file has no name, so that no end of the process can forget it."""
    program = (
        "import os, signal\n"
        "from sources.ordering import Sorter\n"
        "from tests.sources.makings import draft\n"
        f"sorter = Sorter(10, {str(tmp_path)!r})\n"
        "for i in range(100): sorter.add(draft(i))\n"
        "assert sorter.runs == 10\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)

    assert ended.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_named_error() -> None:
    """With the mend."""
    with pytest.raises(WatchroomError, match="TMPDIR"), Sorter(1, "/nonexistent") as sorter:
        sorter.add(draft(1))


def test_a_full_disk_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """While sorting, in one sentence."""
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: open("/dev/full", "w+b", buffering=0))  # noqa: SIM115, PTH123

    with pytest.raises(WatchroomError, match="no room"), Sorter(1) as sorter:
        sorter.add(draft(1))


def test_a_calendar_knows_the_first_leap() -> None:
    """Neighbours in time, however the file orders them; a gap of exactly the limit is none."""
    calendar = Calendar()
    for due in (100 * DAY, 0, 30 * DAY + HOUR, HOUR, 100 * DAY + HOUR):
        calendar.add(due)

    assert calendar.leap(30 * DAY) == (30 * DAY + HOUR, 100 * DAY)
    assert calendar.leap(70 * DAY) is None
    assert calendar.count_from(100 * DAY) == 2
    assert (calendar.first, calendar.last) == (0, 100 * DAY + HOUR)


@given(st.lists(st.integers(-400 * DAY, 400 * DAY), min_size=1, max_size=30), st.integers(DAY, 60 * DAY))
def test_a_calendar_finds_what_sorting_would_find(dues: list[int], gap: int) -> None:
    """The first two neighbours further apart than the gap."""
    calendar = Calendar()
    for due in dues:
        calendar.add(due)
    ordered = sorted(dues)
    leaps = [(a, b) for a, b in pairwise(ordered) if b - a > gap]

    assert calendar.leap(gap) == (leaps[0] if leaps else None)
    if leaps:
        assert calendar.count_from(leaps[0][1]) == sum(due >= leaps[0][1] for due in dues)
