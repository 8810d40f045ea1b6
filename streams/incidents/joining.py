"""The join: events into an incident's state, and one incident's state into another's (DEFINITIONS.md, 1).

Joining is commutative, associative and idempotent, so duplicates, any order and re-delivery lead to the same
state by construction. Everything is bounded: 16 presses of a name, 16 corrections of a milestone, 16 changes
of an attribute. What grows a state returns about how many bytes it grew by.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

from schemas.times import Micros
from schemas.vocabulary import HISTORY_ATTRIBUTES
from streams.incidents.state import (
    INCIDENT,
    KEPT,
    Change,
    Correction,
    Facts,
    First,
    Incident,
    Package,
    Statement,
    Values,
    flat,
    paired,
)

_HISTORY: Final = frozenset(HISTORY_ATTRIBUTES)
_NOTHING: Final[Values] = {}


# Events


def join_press(facts: Facts, unit: str, name: str, occurred: Micros, recorded: Micros) -> int:
    """Join a press: the ``KEPT`` earliest of a name are kept."""
    of_unit = facts.presses.get(unit)
    if of_unit is None:
        facts.presses[unit] = {name: (occurred, recorded)}
        return 100 + 6 * len(unit)  # JSON may write a letter as six
    presses = of_unit.get(name)
    if presses is None:
        of_unit[name] = (occurred, recorded)
        return 36
    pressed, pairs = (occurred, recorded), paired(presses)
    if pressed in pairs:
        return 0
    insort(pairs, pressed)
    of_unit[name] = flat(pairs[:KEPT])
    return 20 if len(pairs) <= KEPT else 0


def join_correction(facts: Facts, unit: str, name: str, was: Micros, correction: Correction) -> int:
    """Join a correction: the latest by (recorded_at, event_id) for each (unit, name, was) holds."""
    held = facts.corrections.setdefault(unit, {}).setdefault(name, {})
    known = held.get(was)
    if known is not None and known >= correction:
        return 0
    held[was] = correction
    if len(held) > KEPT:
        del held[min(held, key=lambda w: (held[w], w))]
        return 0
    return 0 if known is not None else 100


def join_statement(
    facts: Facts, unit: str, occurred: Micros, recorded: Micros, event_id: str, stated: Values
) -> int:
    """Join a statement of attributes: of each name the latest by (occurred, recorded, event_id) holds."""
    if not stated:
        return 0  # says nothing, and must leave no trace that an order could show
    mine = facts.attributes.get(unit)
    if mine is None:
        facts.attributes[unit] = [(occurred, recorded, event_id, stated)]
        size = 60 + 6 * len(unit)
        for text in stated.values():
            size += 20 + len(text)
        return size
    new: Statement = (occurred, recorded, event_id, stated)
    if len(mine) == 1 and mine[0][0] == occurred and mine[0][3] == stated:
        # The same said again, as an export says of an incident with each of its rows.
        old = mine[0]
        if "type" in stated:
            _remember_type(facts, unit, old, new)
        if new > old:
            mine[0] = new
        return 0
    before = _weight(facts, unit)
    _restate(facts, unit, mine, new)
    return _weight(facts, unit) - before


def _weight(facts: Facts, unit: str) -> int:
    """About how many bytes what is held of a unit's attributes takes."""
    size = 0
    for statement in facts.attributes[unit]:
        size += 60
        for text in statement[3].values():
            size += 20 + len(text)
    histories = facts.history.get(unit)
    if histories is not None:
        for changes in histories.values():
            for change in changes:
                size += 20 + len(change[1])
    return size


def _restate(facts: Facts, unit: str, mine: list[Statement], new: Statement) -> None:
    """Join a statement where there are others."""
    occurred, recorded, event_id, stated = new
    kept: Values = {}
    for name, value in stated.items():
        place = _holding(mine, name)
        if place < 0:
            kept[name] = value
            continue
        known = mine[place]
        old = known[3][name]
        if name in _HISTORY:
            _remember(facts, unit, name, [(known[0], old), (occurred, value)])
        if name == "type":
            _remember_type(facts, unit, known, new)
        if (occurred, recorded, event_id, value) > (known[0], known[1], known[2], old):
            kept[name] = value
            rest = {n: v for n, v in known[3].items() if n != name}
            if rest:
                mine[place] = (known[0], known[1], known[2], rest)
            else:
                del mine[place]
    if kept:
        insort(mine, (occurred, recorded, event_id, kept), key=_when)


def _holding(statements: list[Statement], name: str) -> int:
    """Which statement holds a name, -1 where none does."""
    for place, statement in enumerate(statements):
        if name in statement[3]:
            return place
    return -1


def _remember_type(facts: Facts, unit: str, known: Statement, new: Statement) -> None:
    """Join what was stated first of the type; what was taken back is no type."""
    first = facts.first_type.get(unit)
    for occurred, recorded, event_id, stated in (known, new):
        if stated["type"]:
            said: First = (occurred, recorded, event_id, stated["type"])
            if first is None or said < first:
                first = said
    if first is not None:
        facts.first_type[unit] = first


def _remember(facts: Facts, unit: str, name: str, entries: list[Change]) -> None:
    """Join changes of an attribute; a history of one is none, for the statement says it."""
    histories = facts.history.get(unit)
    known = histories.get(name) if histories is not None else None
    changes = sorted({*known, *entries} if known is not None else set(entries))[-KEPT:]
    if len(changes) > 1:
        facts.history.setdefault(unit, {})[name] = changes
        facts.changed = True


def _when(statement: Statement) -> tuple[Micros, Micros, str]:
    return statement[0], statement[1], statement[2]


# What holds


def values_of(facts: Facts, unit: str) -> Values:
    """What holds of one unit's (or the incident's) attributes; an empty value was taken back."""
    statements = facts.attributes.get(unit)
    if statements is None:
        return _NOTHING
    if len(statements) == 1:
        return statements[0][3]
    return {name: value for statement in statements for name, value in statement[3].items()}


def value_of(facts: Facts, unit: str, name: str) -> str:
    """What holds of one attribute; empty where nothing does."""
    statements = facts.attributes.get(unit)
    if statements is not None:
        for statement in statements:
            value = statement[3].get(name)
            if value is not None:
                return value
    return ""


def stated_at(facts: Facts, unit: str, name: str) -> Micros:
    """When what holds of an attribute occurred; it must have been stated."""
    statements = facts.attributes[unit]
    return statements[_holding(statements, name)][0]


def is_stated(facts: Facts, unit: str, name: str) -> bool:
    """Whether an attribute was ever stated, be it to take it back."""
    statements = facts.attributes.get(unit)
    return statements is not None and _holding(statements, name) >= 0


# Incidents


def join_facts(facts: Facts, other: Facts) -> None:
    """Join another incident's facts into these: what was said of both was said of one."""
    for unit, names in other.presses.items():
        for name, presses in names.items():
            for occurred, recorded in paired(presses):
                join_press(facts, unit, name, occurred, recorded)
    for unit, corrected in other.corrections.items():
        for name, held in corrected.items():
            for was, correction in held.items():
                join_correction(facts, unit, name, was, correction)
    for unit, statements in other.attributes.items():
        for occurred, recorded, event_id, stated in statements:
            join_statement(facts, unit, occurred, recorded, event_id, stated)
    for unit, first in other.first_type.items():
        facts.first_type[unit] = min(facts.first_type.get(unit, first), first)
    for unit, histories in other.history.items():
        for name, changes in histories.items():
            holding = facts.attributes[unit][_holding(facts.attributes[unit], name)]
            _remember(facts, unit, name, [(holding[0], holding[3][name]), *changes])
    facts.last_occurred = max(facts.last_occurred, other.last_occurred)
    facts.last_recorded = max(facts.last_recorded, other.last_recorded)
    facts.simulated = facts.simulated or other.simulated


def merged_into(incident: Incident) -> str:
    """The incident this one says it is part of; empty where it is one of its own."""
    target = value_of(incident, INCIDENT, "merged_into")
    return "" if target == incident.incident_id else target


def absorb(incident: Incident, sender: str, offset: int, package: Package) -> bool:
    """Take a merged incident's package; the highest offset of a sender wins. Says whether it was news."""
    known = incident.absorbed.get(sender)
    if known is not None and known[0] >= offset:
        return False
    incident.absorbed[sender] = (offset, package)
    return True


def holdings_of(incident: Incident) -> Package:
    """Everything absorbed by origin, whatever way it came; of two ways the shorter path is kept."""
    held: Package = {}
    for sender in sorted(incident.absorbed):
        for origin, (path, facts) in incident.absorbed[sender][1].items():
            known = held.get(origin)
            if known is None:
                held[origin] = (path, facts)
                continue
            both = Facts()
            join_facts(both, known[1])
            join_facts(both, facts)
            held[origin] = (min(known[0], path, key=lambda p: (len(p), p)), both)
    return held


def combined(incident: Incident, holdings: Package) -> Facts:
    """Its own facts joined with those of the incidents merged into it."""
    if not holdings:
        return incident
    both = Facts()
    join_facts(both, incident)
    for origin in sorted(holdings):
        join_facts(both, _without_merge(holdings[origin][1]))
    return both


def cycle_through(incident: Incident, holdings: Package) -> list[str]:
    """The incidents on a cycle of merges through this one, empty where there is none."""
    path, here = [incident.incident_id], merged_into(incident)
    while here and here != incident.incident_id:
        if here in path or here not in holdings:
            return []
        path.append(here)
        here = value_of(holdings[here][1], INCIDENT, "merged_into")
    return path if here else []


def package_for(incident: Incident, target: str, holdings: Package) -> Package:
    """What ``target`` is sent while this incident is merged into it: never back along its own path."""
    own = Facts()
    own.presses, own.corrections, own.attributes = incident.presses, incident.corrections, incident.attributes
    own.first_type, own.history, own.changed = incident.first_type, incident.history, incident.changed
    own.last_occurred, own.last_recorded = incident.last_occurred, incident.last_recorded
    own.simulated = incident.simulated
    package: Package = {incident.incident_id: ([incident.incident_id], own)}
    for origin, (path, facts) in holdings.items():
        if origin != target and target not in path and incident.incident_id not in path:
            package[origin] = ([*path, incident.incident_id], facts)
    return package


def _without_merge(facts: Facts) -> Facts:
    """Facts without their own ``merged_into``, which says nothing of the incident they are joined into."""
    if not value_of(facts, INCIDENT, "merged_into"):
        return facts
    copy = Facts()
    join_facts(copy, facts)
    mine = copy.attributes[INCIDENT]
    rest = [(s[0], s[1], s[2], {n: v for n, v in s[3].items() if n != "merged_into"}) for s in mine]
    copy.attributes[INCIDENT] = [s for s in rest if s[3]]
    return copy
