"""The state of one incident: a join of its events (DEFINITIONS.md, 1).

Joining is commutative, associative and idempotent, so duplicates, any order and re-delivery lead to the same
state by construction. Everything is bounded: 16 presses of a name, 16 corrections of a milestone, 16 changes
of an attribute, and ``SIZE_LIMIT`` in all.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping

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

Press = tuple[Micros, Micros]
"""(occurred_at, recorded_at)"""

Stated = tuple[Micros, Micros, str, str]
"""(occurred_at, recorded_at, event_id, value); an empty value takes a statement back."""

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
        attributes: unit to name to what was stated last.
        first_type: unit to what was stated first of its type.
        history: unit to name to (occurred_at, value), in order.
        last_occurred, last_recorded: the latest instants said of it.
        simulated: whether any of it was marked as simulated.
        changed: whether an attribute with a history was ever stated twice with different words or times.
    """

    presses: dict[str, dict[str, list[Press]]] = {}
    corrections: dict[str, dict[str, dict[Micros, Correction]]] = {}
    attributes: dict[str, dict[str, Stated]] = {}
    first_type: dict[str, Stated] = {}
    history: dict[str, dict[str, list[Change]]] = {}
    last_occurred: Micros = -NEVER
    last_recorded: Micros = -NEVER
    simulated: bool = False
    changed: bool = False

    def press(self, unit: str, name: str, occurred: Micros, recorded: Micros) -> int:
        """Join a press; returns about how many bytes the state grew by (so do all joins here)."""
        of_unit = self.presses.get(unit)
        if of_unit is None:
            of_unit = self.presses[unit] = {}
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

    def state_attributes(
        self, unit: str, stated: Mapping[str, str | None], when: tuple[Micros, Micros, str]
    ) -> int:
        """Join statements of attributes: of each name the latest holds."""
        mine = self.attributes.get(unit)
        if mine is None:
            mine = self.attributes[unit] = {}
        grown = 0
        for name, value in stated.items():
            said = (*when, value or "")
            known = mine.get(name)
            if known is None:
                grown += 60
            if known is None or said > known:
                mine[name] = said
                grown += len(said[3]) - (len(known[3]) if known else 0)
            if name in _HISTORY:
                grown += self._remember(unit, name, said)
        return grown

    def _remember(self, unit: str, name: str, said: Stated) -> int:
        if name == "type":
            first = self.first_type.get(unit)
            if first is None or said < first:
                self.first_type[unit] = said
        histories = self.history.get(unit)
        if histories is None:
            histories = self.history[unit] = {}
        changes = histories.get(name)
        entry = (said[0], said[3])
        if changes is None:
            histories[name] = [entry]
        elif entry not in changes:
            insort(changes, entry)
            self.changed = True
            if len(changes) > KEPT:
                del changes[0]
        else:
            return 0
        return 40 + len(said[3])

    def seen(self, occurred: Micros, recorded: Micros) -> None:
        """Remember the latest instants said of the incident."""
        if occurred > self.last_occurred:
            self.last_occurred = occurred
        if recorded > self.last_recorded:
            self.last_recorded = recorded

    def value(self, unit: str, name: str) -> str:
        """What was stated last of one unit's (or the incident's) attribute; empty where nothing stands."""
        mine = self.attributes.get(unit)
        if mine is None:
            return ""
        stated = mine.get(name)
        return stated[3] if stated is not None else ""

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
        for unit, attributes in other.attributes.items():
            for name, said in attributes.items():
                self.state_attributes(unit, {name: said[3]}, said[:3])
        for unit, first in other.first_type.items():
            mine = self.first_type.get(unit)
            if mine is None or first < mine:
                self.first_type[unit] = first
        for unit, histories in other.history.items():
            for name, changes in histories.items():
                for occurred, value in changes:
                    self._rejoin_change(unit, name, occurred, value)
        self.seen(other.last_occurred, other.last_recorded)
        self.simulated |= other.simulated

    def _rejoin_change(self, unit: str, name: str, occurred: Micros, value: str) -> None:
        changes = self.history.setdefault(unit, {}).setdefault(name, [])
        if (occurred, value) not in changes:
            self.changed |= bool(changes)
            insort(changes, (occurred, value))
            if len(changes) > KEPT:
                del changes[0]


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
    if "merged_into" not in facts.attributes.get(INCIDENT, ()):
        return facts
    copy = Facts()
    copy.join(facts)
    del copy.attributes[INCIDENT]["merged_into"]
    return copy
