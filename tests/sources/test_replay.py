"""Replays without Kafka: what is sent in which order and when, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import BadInput, Refused
from schemas.events import EVENT, MilestoneEvent
from schemas.times import DAY, HOUR, MINUTE, SECOND, iso, parse
from sources.pace import TAIL
from sources.problems import Reason
from sources.replay import Options, Progress, Replay, Summary
from sources.stopping import Stop
from tests.sources.makings import HEADER, FakeTime, ListSink, a_profile, agency

MAX = Options(speed=None)


class Run:
    """One replay of these rows, with a sink and a time of its own."""

    def __init__(self, tmp_path: Path, rows: list[str], options: Options = MAX, **more: Any) -> None:
        path = tmp_path / "calls.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n")
        self.sink = ListSink()
        self.world = FakeTime()
        self.stop = Stop()
        self.told: list[Progress] = []
        self.clock: int | None = more.pop("clock", None)
        self.replay = Replay(
            path, a_profile(), more.pop("agency", agency()), options,
            report=self.told.append, stop=self.stop, world=self.world, **more,
        )  # fmt: skip

    def __call__(self) -> Summary:
        return self.replay.run(self.sink, lambda: self.clock)

    @property
    def story(self) -> list[tuple[str, str]]:
        """(what, when) of events and clocks in the order of sending."""
        out: list[tuple[str, str]] = []
        for sent in self.sink.sent:
            if sent[0] == "event":
                event = EVENT.validate_json(sent[2])
                assert isinstance(event, MilestoneEvent)
                out.append((event.name, event.occurred_at.isoformat().replace("+00:00", "Z")))
            elif sent[0] == "clock":
                out.append(("clock", iso(sent[3])))
        return out


def row(call: str, received: str, dispatched: str = "", arrived: str = "") -> str:
    return f"{call},E1,{received},{dispatched},{arrived}"


def test_events_and_clocks_in_the_order_of_time(tmp_path: Path) -> None:
    """The file's order is no order; here a clock an hour, then the last event's time, then 48 h."""
    run = Run(
        tmp_path,
        [
            row("2", "2017-01-01 02:00:00", "2017-01-01 02:01:00"),
            row("1", "2017-01-01 00:10:00", "2017-01-01 00:11:00", "2017-01-01 02:00:30"),
        ],
        Options(clock_step=HOUR),
    )

    summary = run()

    assert run.story == [
        ("call_arrival", "2017-01-01T08:10:00Z"),
        ("dispatch", "2017-01-01T08:11:00Z"),
        ("clock", "2017-01-01T09:00:00Z"),
        ("call_arrival", "2017-01-01T10:00:00Z"),
        ("clock", "2017-01-01T10:00:00Z"),
        ("on_scene", "2017-01-01T10:00:30Z"),
        ("dispatch", "2017-01-01T10:01:00Z"),
        ("clock", "2017-01-01T10:01:00Z"),
        ("clock", "2017-01-03T10:01:00Z"),
    ]
    assert (summary.rows, summary.events, summary.events_sent, summary.clocks) == (2, 5, 5, 4)
    assert str(summary).startswith("done: 2 rows, 5 of 5 events sent, 4 clocks, 0 bad rows, 0 bad cells")
    assert run.sink.sent[-1] == ("flush",)


def test_a_watched_replay_keeps_pace_with_the_wall(tmp_path: Path) -> None:
    """An hour at speed 60: each event and each minute's clock at its second; the 48 h wait for nothing."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "", "2017-01-01 01:00:00")], Options(speed=60))
    at = run.sink.watch(run.world)

    summary = run()

    assert at[0] == ("event", 0.0)
    assert [round(when) for what, when in at if what == "clock"] == [*range(60), 60, 60]
    assert round(at[-3][1], 3) == 60.0
    assert round(summary.seconds) == 60
    assert max(run.world.slept) <= 0.1


def test_progress_is_told_while_nothing_happens(tmp_path: Path) -> None:
    """Event time goes on in a silent hour, and the time left falls."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "", "2017-01-01 01:00:00")], Options(speed=60))

    run()

    left = [p.left_s for p in run.told if p.left_s is not None]
    assert left == sorted(left, reverse=True)
    assert left[0] > 59
    assert left[-1] < 1
    assert {p.phase for p in run.told} == {"sending"}


def test_a_row_years_ahead_moves_nothing(tmp_path: Path) -> None:
    """It is sent and reported; the clock ends 48 h past the last event before it."""
    run = Run(
        tmp_path, [row("1", "2017-01-01 00:00:00"), row("2", "2031-01-01 00:00:00", "2031-01-01 00:01:00")]
    )

    summary = run()

    assert [what for what, _ in run.story] == ["call_arrival", "call_arrival", "dispatch", "clock", "clock"]
    assert max(run.sink.clocks) == parse("2017-01-01T08:00:00Z") + TAIL
    assert summary.leap is not None
    assert (summary.leap.events, summary.leap.line) == (2, 3)
    assert summary.events_sent == 3


def test_one_cell_years_ahead_moves_nothing_either(tmp_path: Path) -> None:
    """A typing error in one column of a good row."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "2017-01-01 00:01:00", "2071-01-01 00:05:00")])

    run()

    assert max(run.sink.clocks) == parse("2017-01-01T08:01:00Z") + TAIL


def test_an_agency_whose_clock_is_too_far_on_is_refused(tmp_path: Path) -> None:
    """40 days past the first row, in words, before anything is sent; exactly 40 days is not past."""
    first = parse("2017-01-01T08:00:00Z")
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00")], clock=first + 40 * DAY + 1)

    with pytest.raises(Refused, match="over 40 days") as caught:
        run()

    assert "--backfill" in caught.value.message
    assert run.sink.sent == []
    assert Run(tmp_path, [row("1", "2017-01-01 00:00:00")], clock=first + 40 * DAY)().events_sent == 1


def test_a_backfill_is_let_in_and_says_what_comes_too_late(tmp_path: Path) -> None:
    """No clock is written."""
    rows = [row("1", "2017-01-01 00:00:00"), row("2", "2017-01-20 00:00:00")]
    run = Run(tmp_path, rows, Options(speed=None, backfill=True), clock=parse("2017-02-20T00:00:00Z"))

    summary = run()

    assert run.sink.clocks == []
    assert (summary.events_sent, summary.events_too_late) == (2, 1)
    assert "1 too old to be joined" in str(summary)


def test_a_backfill_cannot_be_shifted() -> None:
    """The two contradict each other."""
    with pytest.raises(Refused, match="--shift-to-now"):
        Options(backfill=True, shift_to_now=True)


def test_a_source_the_agency_does_not_list_is_refused(tmp_path: Path) -> None:
    """All of it would be dead-lettered as unknown_source."""
    with pytest.raises(Refused, match="lists no source 'cad'"):
        Run(tmp_path, [], source_id="cad")


def test_agency_and_source_may_be_others_than_the_profiles(tmp_path: Path) -> None:
    """A replay is an agency of its own."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00")], agency=agency("copy", "again"), source_id="again")

    run()

    event = EVENT.validate_json(run.sink.events[0])
    assert isinstance(event, MilestoneEvent)
    assert (event.agency_id, event.source_id, run.sink.sent[0][1]) == ("copy", "again", "copy/1")
    assert run.sink.sent[1][1:3] == ("copy", "again")


def test_from_and_to_choose_by_the_rows_call(tmp_path: Path) -> None:
    """From is inside, to is not; a chosen call keeps its later milestones."""
    rows = [
        row("1", "2017-01-01 00:00:00"),
        row("2", "2017-01-01 01:00:00", "", "2017-01-01 05:00:00"),
        row("3", "2017-01-01 02:00:00"),
    ]
    options = Options(speed=None, start=parse("2017-01-01T09:00:00Z"), end=parse("2017-01-01T10:00:00Z"))
    run = Run(tmp_path, rows, options)

    summary = run()

    assert [s for s in run.story if s[0] != "clock"] == [
        ("call_arrival", "2017-01-01T09:00:00Z"),
        ("on_scene", "2017-01-01T13:00:00Z"),
    ]
    assert summary.rows_outside == 2


def test_shift_to_now_ends_now_and_the_clock_runs_on(tmp_path: Path) -> None:
    """At max: the last event is now; the clock ends there, then goes on at speed 1, once a second."""
    options = Options(speed=None, shift_to_now=True, run_on_s=3)
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "2017-01-01 00:01:17")], options)

    run()

    now = run.world.start
    assert [s for s in run.story if s[0] != "clock"] == [
        ("call_arrival", iso(now - 77 * SECOND)),
        ("dispatch", iso(now)),
    ]
    assert run.sink.clocks[:3] == [now, now + SECOND, now + 2 * SECOND]
    assert len(run.sink.clocks) <= 4


def test_shift_to_now_at_speed_1_begins_now(tmp_path: Path) -> None:
    """And every event is sent the moment it happens."""
    options = Options(speed=1, shift_to_now=True, run_on_s=0)
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "2017-01-01 00:02:00")], options)

    run()

    start = run.world.start
    assert run.story[0] == ("call_arrival", iso(start))
    assert run.story[-2:] == [("dispatch", iso(start + 2 * MINUTE)), ("clock", iso(start + 2 * MINUTE))]
    assert run.world.passed == pytest.approx(120)


def test_shift_to_now_measures_from_the_last_event_that_moves_the_clock(tmp_path: Path) -> None:
    """A row years ahead would otherwise put the week years into the past."""
    options = Options(speed=None, shift_to_now=True, run_on_s=0)
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00"), row("2", "2031-01-01 00:00:00")], options)

    run()

    assert run.sink.clocks[0] == run.world.start


def test_the_refusal_is_about_shifted_time(tmp_path: Path) -> None:
    """A week of 2016 shifted to now is no old week."""
    options = Options(speed=None, shift_to_now=True, run_on_s=0)
    clock = FakeTime().start

    assert Run(tmp_path, [row("1", "2017-01-01 00:00:00")], options, clock=clock)().events_sent == 1


def test_a_stop_ends_it_between_two_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is flushed, no end clock is written, and the summary says so."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00", "", "2017-01-01 01:00:00")], Options(speed=60))
    sleep = run.world.sleep

    def sleep_or_stop(seconds: float) -> None:
        sleep(seconds)
        run.stop.asked = run.world.passed > 30

    monkeypatch.setattr(run.world, "sleep", sleep_or_stop)

    summary = run()

    assert summary.interrupted
    assert str(summary).startswith("stopped: ")
    assert summary.events_sent == 1
    assert run.sink.sent[-1] == ("flush",)
    assert max(run.sink.clocks) < parse("2017-01-01T08:31:00Z")


def test_a_stop_ends_the_running_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has no other end."""
    run = Run(tmp_path, [row("1", "2017-01-01 00:00:00")], Options(speed=None, shift_to_now=True))
    sleep = run.world.sleep

    def sleep_or_stop(seconds: float) -> None:
        sleep(seconds)
        run.stop.asked = run.world.passed > 5.5

    monkeypatch.setattr(run.world, "sleep", sleep_or_stop)

    assert run().interrupted
    assert run.sink.clocks[-1] == run.world.start + 5 * SECOND


def test_bad_rows_and_cells_are_counted_and_the_rest_is_sent(tmp_path: Path) -> None:
    """Nothing else is lost."""
    run = Run(tmp_path, [",E1,,,", row("1", "2017-01-01 00:00:00", "soon"), "short"])

    summary = run()

    assert (summary.rows, summary.events_sent) == (3, 1)
    assert (summary.problems.bad_rows, summary.problems.bad_cells) == (2, 1)
    assert summary.problems.by_reason == {
        Reason.NO_INCIDENT_ID: 1,
        Reason.UNREADABLE_TIME: 1,
        Reason.WRONG_COLUMN_COUNT: 1,
    }


def test_a_file_without_rows_sends_nothing(tmp_path: Path) -> None:
    """Nor a clock: there is no time to speak of."""
    run = Run(tmp_path, [])

    assert str(run()).startswith("done: 0 rows, 0 of 0 events sent, 0 clocks")
    assert run.sink.sent == []


def test_a_file_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    """Before Kafka is asked anything."""
    replay = Replay(tmp_path / "none.csv", a_profile(), agency(), MAX, world=FakeTime())

    with pytest.raises(BadInput, match="No such file"):
        replay.run(ListSink(), lambda: pytest.fail("asked for a clock"))


def test_a_clock_step_of_ones_own(tmp_path: Path) -> None:
    """A day at max, say."""
    rows = [row("1", "2017-01-01 00:00:00"), row("2", "2017-01-04 00:00:00")]
    run = Run(tmp_path, rows, Options(speed=None, clock_step=DAY))

    run()

    assert [iso(t) for t in run.sink.clocks[:-1]] == [
        "2017-01-02T00:00:00Z",
        "2017-01-03T00:00:00Z",
        "2017-01-04T00:00:00Z",
        "2017-01-04T08:00:00Z",
    ]
