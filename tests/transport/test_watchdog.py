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


def test_a_batch_that_takes_long_and_moves_in_parts_is_no_standstill() -> None:
    """Goal: a step of the clock over months is told for as long as it takes, while its batch's offset stands.

    Method: a part every 20 s; then none any more, and in another partition alone.
    """
    judge = Judge(stall_s=30)
    judge.told_ends({PLACE: 1000}, {PLACE: 0})

    for part in range(10):
        assert all(judge.look({PLACE: 5}, {}, None, 1.0, {0: part, 1: 7}) is None for _ in range(20))
    words = [judge.look({PLACE: 5}, {}, None, 1.0, {0: 9, 1: more}) for more in range(20)]
    assert words[8] is None
    assert "has stood at 5" in str(words[-1])


def test_what_waits_for_another_topic_is_no_standstill_and_that_one_is_looked_at() -> None:
    """Goal: a topic that is held back may stand for as long as another one of its partition moves.

    Method: ten minutes behind it; then it stands, too.
    """
    judge, other = Judge(stall_s=30), ("other", 0)
    judge.told_ends({PLACE: 1000, other: 1000}, {PLACE: 5, other: 0})

    for second in range(600):
        assert judge.look({PLACE: 5, other: second}, {}, None, 1.0, None, {PLACE}) is None
    words = [judge.look({PLACE: 5, other: 600}, {}, None, 1.0, None, {PLACE}) for _ in range(40)]
    assert "other partition 0 has stood at 600" in str(words[-1])
    words = [judge.look({PLACE: 5, other: 1000}, {}, None, 1.0) for _ in range(40)]
    assert "topic partition 0 has stood at 5" in str(words[-1])


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
