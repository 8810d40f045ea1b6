"""Keeps processes running: starts them, looks after them, starts again what ended, stops them in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchroom.children import Child, Spec, rotate
from watchroom.restarts import Policy, in_words
from watchroom.running import Process

STOP_S = 10.0
"""A worker stops within this; it is killed after, which costs nothing but time."""

_ROTATE_EVERY_S = 30.0

Tell = Callable[[str], None]


@dataclass
class _Place:
    """One process that should run: the one that does, or when the next one starts."""

    spec: Spec
    env: Mapping[str, str]
    policy: Policy = field(default_factory=Policy)
    child: Child | None = None
    due: float = 0.0
    given_up: bool = False
    why: str = ""
    code: int = 0


class Supervisor:
    """Looks when it is told to; has no thread of its own. To be used from the main thread (see ``Child``).

    Args:
        folder: for the logs.
        tell: called with a sentence for whatever happens.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._places: dict[str, _Place] = {}
        self._rotated = time.monotonic()

    def start(self, spec: Spec, env: Mapping[str, str]) -> None:
        """Start a process and keep it running."""
        assert spec.name not in self._places, f"{spec.name} runs already"
        place = self._places[spec.name] = _Place(spec, env)
        place.child = Child(spec, env, self._folder)

    def look(self, *, may_start: bool = True) -> None:
        """Start again what ended and is due.

        Args:
            may_start: False while what they all need is away: nobody is started, and no end is held against
                anyone.
        """
        now = time.monotonic()
        for place in self._places.values():
            child = place.child
            if child is not None and (code := child.ended()) is not None:
                place.child = None
                place.code, place.why = code, child.last_words()
                self._ended(place, child, now, counts=may_start)
            if place.child is None and not place.given_up and may_start and now >= place.due:
                place.child = Child(place.spec, place.env, self._folder)
        if now - self._rotated > _ROTATE_EVERY_S:
            self._rotated = now
            for place in self._places.values():
                if place.child is not None:
                    rotate(place.child.log)

    def _ended(self, place: _Place, child: Child, now: float, *, counts: bool) -> None:
        name, said = place.spec.name, f" ({place.why})" if place.why else ""
        if not counts:
            place.due = now
            return
        verdict = place.policy.ended(place.code, child.lived_s())
        if verdict.again:
            place.due = now + verdict.after_s
            when = f"in {verdict.after_s:g} s" if verdict.after_s else "at once"
            self._tell(f"{name} ended ({in_words(place.code)}); it is started again {when}{said}")
        else:
            place.given_up = True
            self._tell(
                f"{name} ended ({in_words(place.code)}) and is not started again{said}; log: {child.log}"
            )

    def given_up(self) -> list[tuple[str, int, str]]:
        """Name, exit code and last words of those that are not started again."""
        return [(p.spec.name, p.code, p.why) for p in self._places.values() if p.given_up]

    def stop(self, names: Iterable[str] | None = None, within_s: float = STOP_S) -> None:
        """Ask those (default: all) to stop at the same time, wait, kill what stays, and forget them."""
        chosen = [
            self._places.pop(n) for n in (list(self._places) if names is None else names) if n in self._places
        ]
        children = [p.child for p in chosen if p.child is not None]
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + within_s
        for child in children:
            if not child.stop_within(deadline - time.monotonic()):
                self._tell(f"{child.spec.name} did not stop within {within_s:g} s and was killed")

    def names(self) -> list[str]:
        """Of all that should run."""
        return list(self._places)

    def processes(self) -> tuple[Process, ...]:
        """All of them as they are."""
        return tuple(_process(place) for place in self._places.values())


def _process(place: _Place) -> Process:
    child = place.child
    state = "running" if child is not None else "given up" if place.given_up else "waiting"
    return Process(
        name=place.spec.name,
        pid=child.pid if child is not None else 0,
        state=state,
        restarts=place.policy.restarts,
        why=place.why,
        since=child.since if child is not None else 0.0,
        where=place.spec.where,
    )
