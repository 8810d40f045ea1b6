"""When each event and clock of a replay is due. Pure: no clock is asked and nothing is sent here.

An event is due when its source said it; a clock says that everything up to its time has been said, so it
comes after every event up to it and before the first one past it (DESIGN.md, Time).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros
from sources.draft import Draft

LEAP: Micros = 30 * DAY
"""An event this much after the one before it moves no clock, nor does what follows."""

TAIL: Micros = 48 * HOUR
"""How far past the last event the clock goes at a replay's end."""

STEP_WATCHED: Micros = MINUTE
STEP_MAX: Micros = DAY


class Due(NamedTuple):
    """One thing to be sent, and the event time at which it is due: a draft, or else a clock of that time."""

    at: Micros
    draft: Draft | None


@dataclass(frozen=True, slots=True)
class Clocks:
    """Which clocks a replay writes.

    Attributes:
        step: how far apart, in event time; they fall on its multiples.
        last_event: the last event that moves the clock.
        tail: how far past it the clock goes in the end; 0: it ends there.
    """

    step: Micros
    last_event: Micros
    tail: Micros


def plan(drafts: Iterable[Draft], clocks: Clocks | None, shift: Micros = 0) -> Iterator[Due]:
    """Events in order, and clocks between and after them.

    Args:
        drafts: in the order of ``due``.
        clocks: None writes none (``--backfill``). Events past ``last_event`` are due with it and move
            nothing.
        shift: added to the times of drafts; what is yielded, and ``clocks``, is in shifted time.
    """
    if clocks is None:
        for draft in drafts:
            yield Due(draft.due + shift, draft)
        return
    step, last = clocks.step, clocks.last_event
    following: Micros | None = None
    for draft in drafts:
        due = draft.due + shift
        if due > last:
            yield Due(last, draft)
            continue
        if following is None:
            following = -(-due // step) * step
        while following < due:
            yield Due(following, None)
            following += step
        yield Due(due, draft)
    if following is None:
        return
    yield Due(last, None)
    if clocks.tail:
        yield Due(last + clocks.tail, None)


@dataclass(frozen=True, slots=True)
class Pace:
    """Event time to seconds since the replay's start.

    Attributes:
        first: the first event.
        speed: seconds of event time in a second; None: as fast as it goes.
    """

    first: Micros
    speed: float | None

    def seconds(self, at: Micros) -> float:
        """When something due at ``at`` is to be sent.

        >>> Pace(first=0, speed=60).seconds(3_600_000_000)
        60.0
        """
        return 0.0 if self.speed is None else (at - self.first) / self.speed / SECOND

    def left(self, at: Micros, last: Micros) -> float | None:
        """Seconds from event time ``at`` to the end; None where no speed says so."""
        return None if self.speed is None else max(0.0, (last - at) / self.speed / SECOND)


def default_step(speed: float | None) -> Micros:
    """How far apart clocks are unless ``--clock-step`` says otherwise."""
    return STEP_MAX if speed is None else STEP_WATCHED


def shift_to_now(first: Micros, last: Micros, now: Micros, speed: float | None) -> Micros:
    """What to add to every time so that the replay ends now, or at speed 1 begins now.

    A whole number of seconds, never into the future: every span, and every second, stays what it was.
    """
    anchor = last if speed is None or speed > 1 else first
    return (now - anchor) // SECOND * SECOND
