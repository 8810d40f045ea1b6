"""Whether a process that ended is started again, and when. Pure: time is what it is told."""

from __future__ import annotations

import signal
from typing import NamedTuple

QUICK_S = 30.0
"""A process that lived longer than this was well: what happened before counts no more."""

UNREACHABLE = 5
LOST = 75
STANDS_STILL = 76
REFUSALS = frozenset({2, 3, 4, 6})
"""Exit codes that say why in a sentence and would say it again."""

QUICK_DEATHS_MAX = 5
QUICK_LOSSES_MAX = 20
"""Of workers that were fenced, stood still or were killed: a new start cures each, unless it never does."""

AWAY_S = 4.0
"""Between two tries to reach a Kafka that is away, for as long as it is: that is nobody's defect."""

_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class Verdict(NamedTuple):
    """What to do about a process that ended.

    Attributes:
        again: whether to start it again.
        after_s: how long to wait first.
    """

    again: bool
    after_s: float = 0.0


class Policy:
    """The memory of one process.

    >>> policy = Policy()
    >>> policy.ended(75, 1.0), policy.ended(70, 1.0), policy.ended(70, 1.0)
    (Verdict(again=True, after_s=0.0), Verdict(again=True, after_s=0.5), Verdict(again=True, after_s=1.0))
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._quick = 0
        self._losses = 0

    def ended(self, code: int, lived_s: float) -> Verdict:
        """It ended by itself with this code (negative: that signal) after so many seconds."""
        if lived_s > QUICK_S:
            self._quick = self._losses = 0
        if code in REFUSALS and lived_s <= QUICK_S:
            return Verdict(again=False)
        if code == UNREACHABLE:
            self.restarts += 1
            return Verdict(again=True, after_s=AWAY_S)
        if code in (LOST, STANDS_STILL, -signal.SIGKILL):
            self._losses += 1
            if self._losses >= QUICK_LOSSES_MAX:
                return Verdict(again=False)
            self.restarts += 1
            # At once, unless it has just been so: somebody may be waiting for these partitions.
            return Verdict(again=True, after_s=0.0 if self._losses <= 3 else 1.0)
        self._quick += 1
        if self._quick >= QUICK_DEATHS_MAX:
            return Verdict(again=False)
        self.restarts += 1
        return Verdict(again=True, after_s=_BACK_OFF_S[self._quick - 1])


def in_words(code: int) -> str:
    """How a process ended.

    >>> in_words(75), in_words(-9), in_words(0)
    ('exit code 75', 'killed by SIGKILL', 'ended by itself')
    """
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}" if code else "ended by itself"
