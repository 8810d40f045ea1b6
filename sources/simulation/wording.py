"""Columns of events to JSON, by the block: one template a kind of event, filled from columns.

The bytes are those that ``schemas.events.to_json`` would write, at a tenth of its cost; a test holds them
against the models.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np

from schemas.keys import part
from sources.simulation.draws import Ints
from sources.simulation.happenings import Column, Events, Kind
from sources.simulation.model import Model

_DAY_S = 86_400
_OF_DAY = [f"T{h:02d}:{m:02d}:{s:02d}Z" for h in range(24) for m in range(60) for s in range(60)]
_EMERGENT_FIRST = frozenset(("3", "E"))
"""What is said first, of a call that turns out otherwise, that sends units with lights on."""

_SERVICES = {"MEDIC": "EMS", "PRIVATE": "EMS"}
_EXEMPT = frozenset(("CHIEF", "INVESTIGATION", "SUPPORT"))
_MILESTONES = {kind: kind.name.lower() for kind in Kind if kind < Kind.OF_INCIDENT}


class Wording:
    """What the events of one simulation say.

    Args:
        model: the city.
        agency_id: whose events they are; ``source_id``: who says so.
        prefix: of incident ids, so that two simulations do not share any.
    """

    def __init__(self, model: Model, agency_id: str, source_id: str, prefix: str) -> None:
        self.prefix = prefix
        self.key_prefix = f"{part(agency_id)}/{part(prefix)}"
        self._agency = json.dumps(agency_id)
        self._source = json.dumps(source_id)
        self._units, self._of_units = _fleet(model)
        self._attributes, self._raised = _attributes(model)
        self._stations = [
            f'"station_area":"{s}","battalion":"{b}"}}}}'
            for s, b in zip(model.stations, model.battalions, strict=True)
        ]
        self._dispositions = [json.dumps(d) for d in model.dispositions]
        self._dates: dict[int, str] = {}

    def incidents(self, numbers: Ints) -> list[str]:
        """The ids of incidents."""
        prefix = self.prefix
        return [f"{prefix}{n}" for n in numbers.tolist()]

    def __call__(self, events: Events) -> list[str]:
        """JSON of each event, in the order given."""
        said = np.empty(events.shape[1], object)
        kinds = events[Column.KIND] * 2 + (events[Column.DUE] != events[Column.OCCURRED])
        order = np.argsort(kinds, kind="stable")
        found, starts = np.unique(kinds[order], return_index=True)
        for kind, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
            said[rows] = self._kind(kind >> 1, bool(kind & 1), events[:, rows])
        return said.tolist()

    def _kind(self, kind: int, late: bool, events: Events) -> list[str]:
        """Events of one kind, all written late or none."""
        word = "milestone"
        if kind >= Kind.CORRECTION:
            word, late = "correction", True
        elif kind >= Kind.OF_INCIDENT:
            word = {Kind.DISPOSITION: "disposition", Kind.MERGE: "merge"}.get(Kind(kind), "change")
        prefix = self.prefix
        head = f'{{"kind":"{word}","event_id":"{prefix}'
        agency = f'","agency_id":{self._agency},"incident_id":"{prefix}'
        source = f'","source_id":{self._source},"occurred_at":"'
        mark = '","simulated":true,'
        rows = zip(
            events[Column.INCIDENT].tolist(),
            events[Column.NUMBER].tolist(),
            self._stamps(events[Column.OCCURRED]),
            self._tails(kind, events),
            strict=True,
        )
        if late:
            recorded = self._stamps(events[Column.DUE])
            mid = '","recorded_at":"'
            return [
                f"{head}{i}.{n}{agency}{i}{source}{at}{mid}{due}{mark}{tail}"
                for (i, n, at, tail), due in zip(rows, recorded, strict=True)
            ]
        return [f"{head}{i}.{n}{agency}{i}{source}{at}{mark}{tail}" for i, n, at, tail in rows]

    def _tails(self, kind: int, events: Events) -> list[str]:
        """What comes after ``simulated``."""
        units, first, second = events[Column.UNIT], events[Column.FIRST], events[Column.SECOND]
        if kind >= Kind.CORRECTION:
            return self._corrections(_MILESTONES[Kind(kind - Kind.CORRECTION)], units, first, second)
        if kind <= Kind.CALL_CREATE:
            return [f'"name":"{_MILESTONES[Kind(kind)]}"}}'] * len(units)
        if kind <= Kind.UNIT_CLEAR:
            names, end = self._units, f'","name":"{_MILESTONES[Kind(kind)]}"}}'
            return [f'"unit_id":"{names[u]}{end}' for u in units.tolist()]
        if kind == Kind.OF_INCIDENT:
            said, stations = self._attributes, self._stations
            return [said[a] + stations[s] for a, s in zip(first.tolist(), second.tolist(), strict=True)]
        if kind == Kind.OF_UNIT:
            return [self._of_units[u] for u in units.tolist()]
        if kind == Kind.RAISED:
            return [self._raised[a] for a in first.tolist()]
        if kind == Kind.DISPOSITION:
            return [f'"disposition":{self._dispositions[d]}}}' for d in first.tolist()]
        return [f'"merged_into":"{self.prefix}{i}"}}' for i in first.tolist()]

    def _corrections(self, name: str, units: Ints, was: Ints, time: Ints) -> list[str]:
        names = self._units
        return [
            f'"unit_id":"{names[u]}","name":"{name}","was":"{w}"' + (f',"time":"{t}"}}' if t else "}")
            for u, w, t in zip(units.tolist(), self._stamps(was), self._stamps(time), strict=True)
        ]

    def _stamps(self, seconds: Ints) -> list[str]:
        """Instants as ISO 8601; an empty text for one before 1970."""
        days, of_day = np.divmod(seconds, _DAY_S)
        for day in np.unique(days).tolist():
            if day not in self._dates:
                if len(self._dates) > _DAY_S:
                    self._dates.clear()
                self._dates[day] = datetime.fromtimestamp(day * _DAY_S, UTC).strftime("%Y-%m-%d")
        dates, clock = self._dates, _OF_DAY
        stamps = [dates[d] + clock[s] for d, s in zip(days.tolist(), of_day.tolist(), strict=True)]
        if (seconds < 0).any():
            return [stamp if s >= 0 else "" for stamp, s in zip(stamps, seconds.tolist(), strict=True)]
        return stamps


def _fleet(model: Model) -> tuple[list[str], list[str]]:
    """Names of all units, and what is said of each when it is sent."""
    names, said = [], []
    for number, unit_type in enumerate(model.unit_types):
        short = "".join(word[0] for word in unit_type.split()) if " " in unit_type else unit_type[:2]
        for turn in range(int(model.fleet_size[number])):
            name = f"{short}{turn + 1:03d}"
            # Spread over the fleet, so that any stretch of it has its share.
            als = (turn + 1) * model.als_percent[number] // 100 > turn * model.als_percent[number] // 100
            attributes = {
                "unit_type": unit_type,
                "service": _SERVICES.get(unit_type, "FIRE"),
                "als": "true" if als else "false",
            }
            if unit_type in _EXEMPT:
                attributes["first_due_exempt"] = "*"
            names.append(name)
            said.append(f'"unit_id":"{name}","attributes":{_compact(attributes)}}}')
    assert len(set(names)) == len(names), "no two units share a name"
    return names, said


def _attributes(model: Model) -> tuple[list[str], list[str]]:
    """By attribute number: what is said of a call first, up to its station; and when it changes."""
    first, changed = [], []
    widest = max(len(pairs) for pairs in model.priorities)
    for number, type_ in enumerate(model.types):
        class_ = "EMS" if model.group[number] == 0 else "FIRE"
        for mode, pairs in zip(("EMERGENT", "NON_EMERGENT"), model.priorities, strict=True):
            for at in range(widest):
                before, after = pairs[at] if at < len(pairs) else ("", "")
                said = mode if before == after else _first_mode(before)
                attributes = {"type": type_, "priority": before, "response_mode": said, "class": class_}
                first.append(f'"attributes":{_compact(attributes)[:-1]},')
                changed.append(f'"attributes":{_compact({"priority": after, "response_mode": mode})}}}')
    return first, changed


def _first_mode(priority: str) -> str:
    return "EMERGENT" if priority in _EMERGENT_FIRST else "NON_EMERGENT"


def _compact(attributes: dict[str, str]) -> str:
    return json.dumps(attributes, separators=(",", ":"), ensure_ascii=False)
