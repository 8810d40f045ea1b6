"""The watchdog's judgement, with made-up positions and time; the real thing is in ``test_limits``."""

from __future__ import annotations

from streams.transport.watchdog import Judge

PLACE = ("topic", 0)


def looks(
    judge: Judge, seconds: int, at: int, *, alive: bool = True, busy: tuple[str, object] | None = None
) -> str | None:
    """Look once a second; returns the first words."""
    for second in range(seconds):
        words = judge.look({PLACE: at}, {0: float(second) if alive else 0.0}, busy, 1.0)
        if words is not None:
            return words
    return None


def test_having_nothing_to_do_is_no_standstill() -> None:
    """Goal: an idle partition may stand for ever.

    Method: position at the end of the log, an hour.
    """
    judge = Judge(stall_s=30)
    judge.told_ends({PLACE: 10}, {PLACE: 10})

    assert looks(judge, 3600, 10) is None


def test_the_first_event_after_a_long_rest_is_no_standstill() -> None:
    """Goal: standing counts from when there was something to do.

    Method: idle an hour, then one event.
    """
    judge = Judge(stall_s=30)
    assert looks(judge, 3600, 10) is None
    judge.told_ends({PLACE: 11}, {PLACE: 10})

    assert looks(judge, 29, 10) is None
    assert looks(judge, 1, 11) is None


def test_standing_behind_the_end_is_said() -> None:
    """Goal: lag without movement is found at the bound.

    Method: the end is ahead, nothing moves.
    """
    judge = Judge(stall_s=30)
    judge.told_ends({PLACE: 11}, {PLACE: 10})

    assert looks(judge, 30, 10) is None
    assert judge.look({PLACE: 10}, {}, None, 1.0) == (
        "topic partition 0 has stood at 10 for 30 s, and the log goes to 11"
    )


def test_a_slow_worker_is_none_that_stands() -> None:
    """Goal: any movement counts.

    Method: far behind, one offset every 20 s.
    """
    judge = Judge(stall_s=30)
    judge.told_ends({PLACE: 1000}, {PLACE: 0})

    assert all(looks(judge, 20, at) is None for at in range(100))


def test_commits_that_stop_are_said() -> None:
    """Goal: a partition that no longer commits is found, lag or not.

    Method: its mark never changes.
    """
    words = looks(Judge(stall_s=30), 60, 10, alive=False)

    assert words == "partition 0 has neither sent nor committed for 30 s"


def test_a_rebalance_may_take_longer_than_an_acquisition() -> None:
    """Goal: each has its own bound.

    Method: both go on without an end.
    """
    judge = Judge(stall_s=30, rebalance_s=75)

    assert looks(judge, 75, 10, busy=("rebalancing", 0)) is None
    assert looks(judge, 10, 10, busy=("rebalancing", 0)) == "rebalancing has not moved for 75 s"
    assert looks(judge, 60, 10, busy=("acquiring", 4)) == "acquiring has not moved for 30 s"


def test_an_acquisition_that_moves_may_take_its_time() -> None:
    """Goal: reading a long log is no standstill.

    Method: a sign of life every 20 s.
    """
    judge = Judge(stall_s=30)

    assert all(looks(judge, 20, 10, busy=("acquiring", moves)) is None for moves in range(50))


def test_a_partition_let_go_is_forgotten() -> None:
    """Goal: what is no longer ours is no longer judged.

    Method: behind, then not held any more.
    """
    judge = Judge(stall_s=30)
    judge.told_ends({PLACE: 11}, {PLACE: 10})
    looks(judge, 20, 10)

    assert all(judge.look({}, {}, None, 1.0) is None for _ in range(60))
