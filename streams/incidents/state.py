"""The state of one incident: a join of its events (DEFINITIONS.md, 1).

Joining is commutative, associative and idempotent, so duplicates, any order and re-delivery lead to the same
state by construction. Everything is bounded: 16 presses of a name, 16 corrections of a milestone, 16 changes
of an attribute, and ``SIZE_LIMIT`` in all.
"""

from __future__ import annotations

from bisect import insort

import msgspec

from schemas.times import Micros
from schemas.vocabulary import HISTORY_ATTRIBUTES

KEPT = 16
"""Presses of a name, corrections of a milestone and changes of an attribute that are kept."""

SIZE_LIMIT = 400_000
"""About how many bytes one incident's state may grow to; what would make it larger is dead-lettered."""

WITHDRAWN = -(1 << 62)
"""Stands for the absent new time of a correction."""

EARLIEST = -(1 << 62)
"""Stands for the absent ``was`` of a correction: the earliest press."""

INCIDENT = ""
"""Stands for the unit where the incident itself is meant."""

NEVER = 1 << 62
"""Later than any instant."""

_HISTORY = frozenset(HISTORY_ATTRIBUTES)
_NOTHING: dict[str, str] = {}

Press = tuple[Micros, Micros]
"""(occurred_at, recorded_at)"""

Values = dict[str, str]
"""Attributes by name; an empty value takes a statement back."""

Statement = tuple[Micros, Micros, str, Values]
"""(occurred_at, recorded_at, event_id, what of it still holds)"""

First = tuple[Micros, Micros, str, str]
"""(occurred_at, recorded_at, event_id, value)"""

Correction = tuple[Micros, str, Micros]
"""(recorded_at, event_id, new time or ``WITHDRAWN``)"""

Change = tuple[Micros, str]
"""(occurred_at, value)"""


class Facts(msgspec.Struct, array_like=True):
    """What the events of one incident said, and nothing derived: the joined part of the state.

    A struct, so that the changelog takes it as it is (``streams.incidents.packing``).

    Attributes:
        presses: unit to milestone to presses, in order.
        corrections: unit to milestone to ``was`` to the correction that holds.
        attributes: unit to its statements; each name stands in the one that holds, the latest that said it.
        first_type: unit to what was stated first of its type, where it was stated more than once.
        history: unit to name to (occurred_at, value), in order, where there is more than one.
        last_occurred, last_recorded: the latest instants said of it.
        simulated: whether any of it was marked as simulated.
        changed: whether there is any history.
    """

    presses: dict[str, dict[str, list[Press]]] = {}
    corrections: dict[str, dict[str, dict[Micros, Correction]]] = {}
    attributes: dict[str, list[Statement]] = {}
    first_type: dict[str, First] = {}
    history: dict[str, dict[str, list[Change]]] = {}
    last_occurred: Micros = -NEVER
    last_recorded: Micros = -NEVER
    simulated: bool = False
    changed: bool = False

    def press(self, unit: str, name: str, occurred: Micros, recorded: Micros) -> int:
        """Join a press; returns about how many bytes the state grew by (so do all joins here)."""
        of_unit = self.presses.get(unit)
        if of_unit is None:
            self.presses[unit] = {name: [(occurred, recorded)]}
            return 100 + 6 * len(unit)  # JSON may write a letter as six
        presses = of_unit.get(name)
        if presses is None:
            of_unit[name] = [(occurred, recorded)]
            return 36
        pressed = (occurred, recorded)
        if pressed in presses:
            return 0
        insort(presses, pressed)
        if len(presses) > KEPT:
            presses.pop()
            return 0
        return 20

    def correct(self, unit: str, name: str, was: Micros, correction: Correction) -> int:
        """Join a correction: the latest by (recorded_at, event_id) for each (unit, name, was) holds."""
        held = self.corrections.setdefault(unit, {}).setdefault(name, {})
        known = held.get(was)
        if known is not None and known >= correction:
            return 0
        held[was] = correction
        if len(held) > KEPT:
            del held[min(held, key=lambda w: (held[w], w))]
            return 0
        return 0 if known is not None else 100

    def state(self, unit: str, occurred: Micros, recorded: Micros, event_id: str, values: Values) -> int:
        """Join a statement of attributes: of each name the latest by (occurred, recorded, event_id) holds."""
        mine = self.attributes.get(unit)
        if mine is None:
            self.attributes[unit] = [(occurred, recorded, event_id, values)]
            return 60 + 6 * len(unit) + sum(map(len, values.values())) + 20 * len(values)
        before = self._weight(unit)
        self._restate(unit, mine, (occurred, recorded, event_id, values))
        return self._weight(unit) - before

    def _weight(self, unit: str) -> int:
        """About how many bytes what is held of a unit's attributes takes."""
        said = sum(60 + sum(20 + len(v) for v in s[3].values()) for s in self.attributes[unit])
        return said + sum(20 + len(v) for held in self.history.get(unit, {}).values() for _, v in held)

    def _restate(self, unit: str, mine: list[Statement], new: Statement) -> None:
        """Join a statement where there are others."""
        when, kept = new[:3], {}
        for name, value in new[3].items():
            known = next((statement for statement in mine if name in statement[3]), None)
            if known is None:
                kept[name] = value
                continue
            old = known[3][name]
            if name in _HISTORY:
                self._remember(unit, name, (known[0], old), (when[0], value))
            if name == "type":
                types = (self.first_type.get(unit), (*known[:3], old), (*when, value))
                said = [
                    each for each in types if each is not None and each[3]
                ]  # what was taken back is no type
                if said:
                    self.first_type[unit] = min(said)
            if (*when, value) > (*known[:3], old):
                kept[name] = value
                rest = {n: v for n, v in known[3].items() if n != name}
                place = mine.index(known)
                if rest:
                    mine[place] = (*known[:3], rest)
                else:
                    del mine[place]
        if kept:
            insort(mine, (*when, kept), key=_when)

    def _remember(self, unit: str, name: str, *entries: Change) -> None:
        """Join changes of an attribute; a history of one is none, for the statement says it."""
        histories = self.history.setdefault(unit, {})
        changes = sorted({*histories.get(name, ()), *entries})[-KEPT:]
        if len(changes) > 1:
            histories[name] = changes
            self.changed = True
        elif not histories:
            del self.history[unit]

    def seen(self, occurred: Micros, recorded: Micros) -> None:
        """Remember the latest instants said of the incident."""
        if occurred > self.last_occurred:
            self.last_occurred = occurred
        if recorded > self.last_recorded:
            self.last_recorded = recorded

    def values(self, unit: str) -> Values:
        """What holds of one unit's (or the incident's) attributes; an empty value was taken back."""
        statements = self.attributes.get(unit)
        if statements is None:
            return _NOTHING
        if len(statements) == 1:
            return statements[0][3]
        return {name: value for statement in statements for name, value in statement[3].items()}

    def value(self, unit: str, name: str) -> str:
        """What holds of one attribute; empty where nothing does."""
        for statement in self.attributes.get(unit, ()):
            if name in statement[3]:
                return statement[3][name]
        return ""

    def stated_at(self, unit: str, name: str) -> Micros:
        """When what holds of an attribute occurred; it must have been stated."""
        return next(s[0] for s in self.attributes[unit] if name in s[3])

    def join(self, other: Facts) -> None:
        """Join another incident's facts into these: what was said of both was said of one."""
        for unit, names in other.presses.items():
            for name, presses in names.items():
                for occurred, recorded in presses:
                    self.press(unit, name, occurred, recorded)
        for unit, corrected in other.corrections.items():
            for name, held in corrected.items():
                for was, correction in held.items():
                    self.correct(unit, name, was, correction)
        for unit, statements in other.attributes.items():
            for statement in statements:
                self.state(unit, *statement)
        for unit, first in other.first_type.items():
            self.first_type[unit] = min(self.first_type.get(unit, first), first)
        for unit, histories in other.history.items():
            for name, changes in histories.items():
                holding = next(s for s in self.attributes[unit] if name in s[3])
                self._remember(unit, name, (holding[0], holding[3][name]), *changes)
        self.seen(other.last_occurred, other.last_recorded)
        self.simulated |= other.simulated


def _when(statement: Statement) -> tuple[Micros, Micros, str]:
    return statement[:3]


Package = dict[str, tuple[list[str], Facts]]
"""What a merged incident sends: origin to (the incidents it came through, its facts)."""


class Incident(Facts, array_like=True):
    """An incident as stage one holds it: its own facts, what it absorbed, and what was made of it so far.

    Attributes:
        absorbed: sender to (its offset, its package).
        first_offset, last_offset: of the events applied, on its partition of ``incident.events``.
        size: about how many bytes it takes.
        sent_to: the incident its package went to last, with ``sent_digest`` of that package.
        emitted: unit to how many responses of it have been written as records.
        due: the instant of the clock at which something must be done with it without an event (closing,
            eviction).
        ended: whether it has ended or was closed by rule, so that it may be kept packed.
        shared: what all its records had in common when they were last written: (call time, when it was over,
            what it was merged into, simulated).
    """

    agency_id: str = ""
    incident_id: str = ""
    absorbed: dict[str, tuple[int, Package]] = {}
    first_offset: int = -1
    last_offset: int = -1
    size: int = 200
    sent_to: str = ""
    sent_digest: bytes = b""
    emitted: dict[str, int] = {}
    due: Micros = NEVER
    ended: bool = False
    shared: tuple[Micros, Micros, str, bool] = (0, 0, "", False)

    def states(self, name: str) -> bool:
        """Whether the incident itself, not a unit, has stated an attribute, be it to take it back."""
        for statement in self.attributes.get(INCIDENT, ()):
            if name in statement[3]:
                return True
        return False

    @property
    def merged_into(self) -> str:
        """The incident this one says it is part of; empty where it is one of its own."""
        target = self.value(INCIDENT, "merged_into")
        return "" if target == self.incident_id else target

    def absorb(self, sender: str, offset: int, package: Package) -> bool:
        """Take a merged incident's package; the highest offset of a sender wins. Says whether it was news."""
        known = self.absorbed.get(sender)
        if known is not None and known[0] >= offset:
            return False
        self.absorbed[sender] = (offset, package)
        return True

    def holdings(self) -> Package:
        """Everything absorbed by origin, whatever way it came; of two ways the shorter path is kept."""
        held: Package = {}
        for sender in sorted(self.absorbed):
            for origin, (path, facts) in self.absorbed[sender][1].items():
                known = held.get(origin)
                if known is None:
                    held[origin] = (path, facts)
                    continue
                both = Facts()
                both.join(known[1])
                both.join(facts)
                held[origin] = (min(known[0], path, key=lambda p: (len(p), p)), both)
        return held

    def combined(self, holdings: Package) -> Facts:
        """Its own facts joined with those of the incidents merged into it."""
        if not holdings:
            return self
        both = Facts()
        both.join(self)
        for origin in sorted(holdings):
            both.join(_without_merge(holdings[origin][1]))
        return both

    def cycle(self, holdings: Package) -> list[str]:
        """The incidents on a cycle of merges through this one, empty where there is none."""
        path, here = [self.incident_id], self.merged_into
        while here and here != self.incident_id:
            if here in path or here not in holdings:
                return []
            path.append(here)
            here = holdings[here][1].value(INCIDENT, "merged_into")
        return path if here else []

    def package_for(self, target: str, holdings: Package) -> Package:
        """What ``target`` is sent while this incident is merged into it: never back along its own path."""
        own = Facts(
            self.presses, self.corrections, self.attributes, self.first_type, self.history,
            self.last_occurred, self.last_recorded, self.simulated, self.changed,
        )  # fmt: skip
        package: Package = {self.incident_id: ([self.incident_id], own)}
        for origin, (path, facts) in holdings.items():
            if origin != target and target not in path and self.incident_id not in path:
                package[origin] = ([*path, self.incident_id], facts)
        return package


def _without_merge(facts: Facts) -> Facts:
    """Facts without their own ``merged_into``, which says nothing of the incident they are joined into."""
    if not facts.value(INCIDENT, "merged_into"):
        return facts
    copy = Facts()
    copy.join(facts)
    mine = copy.attributes[INCIDENT]
    rest = [(*s[:3], {n: v for n, v in s[3].items() if n != "merged_into"}) for s in mine]
    copy.attributes[INCIDENT] = [s for s in rest if s[3]]
    return copy
