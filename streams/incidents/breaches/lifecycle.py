"""The life of a breach: amber, red, closed or withdrawn; what was opened is remembered, never opened twice.

Of one breach at most one episode is open. A red never steps back to amber: it closes, or is withdrawn. One
that was withdrawn or closed opens again only where the facts changed so that it is red, over, or (after an
amber that came to nothing) amber.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.records import Step
from schemas.times import Micros
from schemas.vocabulary import BreachState, Withdrawal
from streams.incidents.breaches.clocks import Level, Look, Reading
from streams.incidents.breaches.held import Held

STEPS_MAX: Final = 16
"""Steps of a breach that are kept: the first, and the latest."""

_AMBER: Final = BreachState.AMBER.value
_RED: Final = BreachState.RED.value
_CLOSED: Final = BreachState.CLOSED.value
_WITHDRAWN: Final = BreachState.WITHDRAWN.value


def advance(known: Held | None, read: Reading | None, seen: Look, revision: tuple[int, int]) -> Held | None:
    """What became of a breach.

    Args:
        known: as it was remembered, None where it never was.
        read: its clock now, None where there is none any more.
        seen: the whole look, for why that is so.
        revision: (last offset of the incident, clock), of what is written if anything changed.

    Returns:
        The breach as it is to be remembered, None where nothing has changed.
    """
    if known is None:
        return None if read is None else _opened(read, revision)
    if read is None:
        return _withdrawn(known, seen.gone, 0, revision)
    if read.level is Level.OVER:
        return _closed(known, read, revision)
    if read.level is Level.RED:
        return _red(known, read, revision)
    if read.level is Level.AMBER and (known.state == _AMBER or not _past(known)):
        return _amber(known, read, revision)
    return _withdrawn(known, _why(known, read), read.ended, revision)


def _past(known: Held) -> bool:
    """Whether amber would be a step back."""
    return known.was_red or known.state in (_RED, _CLOSED)


def _why(known: Held, read: Reading) -> str:
    """Why what was opened is neither running out nor over."""
    if read.reason:
        return read.reason
    return (Withdrawal.DOWNGRADED if read.limit > known.limit else Withdrawal.CORRECTED).value


def _opened(read: Reading, revision: tuple[int, int]) -> Held | None:
    if read.level in (Level.NONE, Level.ENDED):
        return None
    held = Held(
        "", read.place, [], 0, -1, 0, 0, 0, -1, "", "", revision, []
    )  # what it is, the same as of one that is opened again
    if read.level is Level.AMBER:
        return _amber(held, read, revision)
    return _red(held, read, revision) if read.level is Level.RED else _closed(held, read, revision)


def _amber(known: Held, read: Reading, revision: tuple[int, int]) -> Held | None:
    if known.state == _AMBER and _same(known, read) and known.deadline == read.deadline:
        return None
    steps = known.steps
    if known.state != _AMBER:
        steps = _and(steps, Step(_AMBER, read.amber_at, revision[1], read.limit))
    return _made(known, _AMBER, read, revision, steps)


def _red(known: Held, read: Reading, revision: tuple[int, int]) -> Held | None:
    if known.state == _RED:
        # What it was dated at stays, whoever sets out or leaves afterwards.
        return None
    step = Step(_RED, read.deadline, revision[1], read.limit)
    return _made(known, _RED, read, revision, _and(known.steps, step))


def _closed(known: Held, read: Reading, revision: tuple[int, int]) -> Held | None:
    if known.state == _CLOSED and _same(known, read):
        return None
    steps = known.steps
    if known.state != _CLOSED or (known.ended, known.value) != (read.ended, read.value):
        if known.state != _CLOSED and known.state != _RED:
            steps = _and(steps, Step(_RED, read.deadline, revision[1], read.limit))
        steps = _and(steps, Step(_CLOSED, read.ended, revision[1], read.limit))
    closed = _made(known, _CLOSED, read, revision, steps)
    if known.state in (_RED, _CLOSED):
        closed.deadline = known.deadline  # dated at what had passed when it was noticed
    return closed


def _withdrawn(known: Held, reason: str, ended: Micros, revision: tuple[int, int]) -> Held | None:
    if known.state == _WITHDRAWN:
        return None
    reason = str(reason)
    step = Step(_WITHDRAWN, ended or revision[1], revision[1], known.limit, reason)
    return msgspec.structs.replace(
        known,
        state=_WITHDRAWN,
        reason=reason,
        standing="",
        ended=ended or revision[1],
        revision=revision,
        steps=_and(known.steps, step),
    )


def _same(known: Held, read: Reading) -> bool:
    return (known.started, known.limit, known.ended, known.value, known.standing) == (
        read.started, read.limit, read.ended, read.value, read.standing,
    ) and known.units == list(read.units)  # fmt: skip


def _made(known: Held, state: str, read: Reading, revision: tuple[int, int], steps: list[Step]) -> Held:
    return Held(
        state, known.place, list(read.units), read.started, read.limit, read.amber_at, read.deadline,
        read.ended, read.value, read.standing, "", revision, steps,
    )  # fmt: skip


def _and(steps: list[Step], step: Step) -> list[Step]:
    steps = [*steps, step]
    return steps if len(steps) <= STEPS_MAX else [steps[0], *steps[-(STEPS_MAX - 1) :]]
