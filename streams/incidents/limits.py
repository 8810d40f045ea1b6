"""The limit that binds an interval, and whether a breach stands (DEFINITIONS.md, 2 and 5).

Pure judgement of the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from schemas.times import SECOND, Micros, seconds_between
from schemas.vocabulary import UNKNOWN
from streams.incidents.handbook import Book, Limits
from streams.incidents.joining import stated_at, value_of
from streams.incidents.state import INCIDENT, Change, Facts

_BINDING: Final = ("response_mode", "class", "priority")


class Limit:
    """The limit of one interval.

    Attributes:
        seconds: whole seconds.
        binding: whether the final attributes have a target, so that the value counts in a compliance.
        passed: when a downgrade came after the old limit had passed, so that it and the breach stand.
    """

    __slots__ = ("binding", "passed", "seconds")

    def __init__(self, seconds: int, *, binding: bool, passed: Micros | None = None) -> None:
        self.seconds = seconds
        self.binding = binding
        self.passed = passed


@lru_cache(maxsize=256)
def _plain(seconds: int) -> Limit:
    """The limit where nothing changed under way; nobody writes into a limit, so one serves all."""
    return Limit(seconds, binding=True)


def limit_of(
    interval: str,
    facts: Facts,
    unit: str,
    limits: Limits,
    rules: Book,
    start: Micros | None,
    until: Micros | None,
) -> Limit | None:
    """The limit of an interval that runs from ``start``, given what changed under way.

    Args:
        interval: its id.
        facts: what was said of the incident.
        limits: of the final mode, class and priority.
        rules: the agency's, in force at call time.
        start: the instant it runs from, None where there is none.
        unit: whose mode, class and priority count; the incident's stand in where the unit has none.
        until: its end milestone, or the end of its response or incident; None while it runs.
    """
    final = limits.get(interval)
    histories = _histories(facts, unit) if facts.changed and start is not None else None
    if start is None or histories is None:
        return None if final is None else _plain(final)
    return _changed_under_way(interval, histories, rules, start, until, binding=final is not None)


def _histories(facts: Facts, unit: str) -> list[tuple[list[Change], list[Change]]] | None:
    """The changes of mode, class and priority, None where none of them ever changed.

    Of each the unit's own, and the incident's where the unit has none, or at some time took its own back.
    """
    found, changed = [], False
    for name in _BINDING:
        own, instead = _history(facts, unit, name), []
        if not own or any(not value for _, value in own):
            instead = _history(facts, INCIDENT, name)
        changed |= len(own) > 1 or len(instead) > 1
        found.append((own, instead))
    return found if changed else None


def _history(facts: Facts, unit: str, name: str) -> list[Change]:
    changes = facts.history.get(unit, {}).get(name)
    if changes is not None:
        return changes
    value = value_of(facts, unit, name)
    return [(stated_at(facts, unit, name), value)] if value else []


def _in_force(changes: list[Change], at: Micros) -> str:
    value = changes[0][1] if changes else ""
    for occurred, stated in changes:
        if occurred > at:
            break
        value = stated
    return value


def _changed_under_way(
    interval: str,
    histories: list[tuple[list[Change], list[Change]]],
    rules: Book,
    start: Micros,
    until: Micros | None,
    *,
    binding: bool,
) -> Limit | None:
    def target_at(instant: Micros) -> int | None:
        mode, class_, priority = (
            _in_force(own, instant) or _in_force(incident, instant) or UNKNOWN for own, incident in histories
        )
        return rules.limits(mode, class_, priority).get(interval)

    moments = sorted(
        {
            occurred
            for own, incident in histories
            for occurred, _ in (*own, *incident)
            if start < occurred and (until is None or occurred < until)
        }
    )
    target = limit = target_at(start)
    for changed in moments:
        new = target_at(changed)
        if new == target:
            continue
        elapsed = seconds_between(start, changed)
        if limit is not None and (new is None or (target is not None and new > target)):
            if elapsed > limit:
                return Limit(limit, binding=binding, passed=changed)
            limit = new
        elif new is not None:
            limit = elapsed + new if limit is None else min(limit, elapsed + new)
        target = new
    return None if limit is None else Limit(limit, binding=binding)


UnderWay = tuple[Micros, Micros, int | None]
"""A counting unit under way: (its enroute, its end, its limit in whole seconds if any)."""


def red(units: Sequence[UnderWay], instant: Micros) -> bool:
    """Whether at an instant at least one unit was under way and every one of them past its deadline.

    Past means one whole second more than the limit; at its end a unit is no longer under way.
    """
    there = [(enroute, limit) for enroute, end, limit in units if enroute <= instant < end]
    return bool(there) and all(
        limit is not None and seconds_between(enroute, instant) > limit for enroute, limit in there
    )


def ever_red(units: Sequence[UnderWay]) -> bool:
    """Whether there was such an instant: it can begin only where a unit passes its deadline, or leaves."""
    instants = [enroute + (limit + 1) * SECOND for enroute, _, limit in units if limit is not None]
    return any(red(units, instant) for instant in (*instants, *(end for _, end, _ in units)))
