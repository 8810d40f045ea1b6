"""When events and clocks are due: DESIGN.md, Time, to the letter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY, HOUR, MINUTE, SECOND
from sources.pace import LEAP, TAIL, Clocks, Due, Pace, default_step, plan, shift_to_now
from tests.sources.makings import draft


def told(dues: list[int], clocks: Clocks | None, shift: int = 0) -> list[tuple[str, int]]:
    return [("event" if d else "clock", at) for at, d in plan([draft(due) for due in dues], clocks, shift)]


def test_a_clock_comes_after_all_up_to_it_and_before_the_first_past_it() -> None:
    """An event at the very minute is before the minute's clock."""
    clocks = Clocks(step=MINUTE, last_event=3 * MINUTE + 1, tail=TAIL)

    assert told([30 * SECOND, MINUTE, MINUTE + 1, 3 * MINUTE + 1], clocks) == [
        ("event", 30 * SECOND),
        ("event", MINUTE),
        ("clock", MINUTE),
        ("event", MINUTE + 1),
        ("clock", 2 * MINUTE),
        ("clock", 3 * MINUTE),
        ("event", 3 * MINUTE + 1),
        ("clock", 3 * MINUTE + 1),
        ("clock", 3 * MINUTE + 1 + TAIL),
    ]


def test_no_clock_comes_before_the_first_event() -> None:
    """There is nothing to say of the time before."""
    assert told([10 * HOUR], Clocks(HOUR, 10 * HOUR, 0)) == [("event", 10 * HOUR), ("clock", 10 * HOUR)]


def test_a_shifted_replay_ends_at_its_last_event() -> None:
    """Without the 48 hours; its clocks fall on minutes of the shifted time."""
    assert told([0, 90 * SECOND], Clocks(MINUTE, 100 * SECOND, 0), shift=10 * SECOND) == [
        ("event", 10 * SECOND),
        ("clock", MINUTE),
        ("event", 100 * SECOND),
        ("clock", 100 * SECOND),
    ]


def test_a_backfill_writes_no_clock() -> None:
    """Not one."""
    assert told([0, DAY], None) == [("event", 0), ("event", DAY)]


def test_what_leaps_ahead_moves_no_clock_and_is_sent() -> None:
    """With the last event that moves it; nobody waits for years to pass."""
    clocks = Clocks(step=HOUR, last_event=0, tail=TAIL)

    assert told([0, LEAP + 1, LEAP + 2], clocks) == [
        ("event", 0),
        ("event", 0),
        ("event", 0),
        ("clock", 0),
        ("clock", TAIL),
    ]


@given(st.lists(st.integers(0, 20 * HOUR), min_size=1, max_size=20).map(sorted), st.integers(1, 3 * HOUR))
def test_clocks_say_the_truth(dues: list[int], step: int) -> None:
    """After a clock no event up to its time follows; clocks never go back; each step is there, none twice."""
    step = max(step, 10 * MINUTE)
    steps = told(dues, Clocks(step, dues[-1], TAIL))
    clocks = [at for what, at in steps if what == "clock"]

    for i, (what, at) in enumerate(steps):
        if what == "clock":
            assert all(later > at for kind, later in steps[i + 1 :] if kind == "event")
    assert clocks == sorted(set(clocks))
    assert clocks[-2:] == [dues[-1], dues[-1] + TAIL]
    assert clocks[:-2] == [at for at in range(0, dues[-1], step) if at >= dues[0]]


def test_a_pace_says_when() -> None:
    """An hour at speed 60 is a minute; at max everything is due at once."""
    assert Pace(DAY, 60).seconds(DAY + HOUR) == 60
    assert Pace(DAY, None).seconds(DAY + HOUR) == 0
    assert Pace(DAY, 60).left(DAY, DAY + HOUR) == 60
    assert Pace(DAY, None).left(DAY, DAY + HOUR) is None


def test_clocks_are_a_minute_apart_when_watched_and_a_day_at_max() -> None:
    """Unless told otherwise."""
    assert (default_step(1), default_step(3600), default_step(None)) == (MINUTE, MINUTE, DAY)


@given(st.integers(0, DAY), st.integers(0, DAY), st.integers(300 * DAY, 301 * DAY))
def test_a_shift_is_of_whole_seconds_and_never_into_the_future(first: int, length: int, now: int) -> None:
    """The last event is now, at speed 1 the first; every span stays what it was."""
    last = first + length

    for speed, anchor in ((None, last), (60.0, last), (1.5, last), (1.0, first), (0.5, first)):
        shift = shift_to_now(first, last, now, speed)
        assert shift % SECOND == 0
        assert 0 <= now - (anchor + shift) < SECOND


def test_due_is_a_pair() -> None:
    """A clock has no draft."""
    assert Due(1, None) == (1, None)
