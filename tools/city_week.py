"""San Francisco's week as calls and their units: what the synthetic city is fitted to and compared with."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.decoding import Change, Milestone, decode
from schemas.times import SECOND, Micros, micros
from sources.mapping import Mapper
from sources.problems import Problem
from sources.profile import find_profile
from sources.reading import Export, opened, positions

_Milestone: Any = Milestone
_Change: Any = Change
"""Made at run time from the models, whose fields they have."""


@dataclass(slots=True)
class Unit:
    """One unit's work on one call; None where nothing was pressed."""

    id: str
    type: str
    als: bool
    dispatch: Micros
    enroute: Micros | None = None
    on_scene: Micros | None = None
    transport: Micros | None = None
    hospital: Micros | None = None
    clear: Micros | None = None


@dataclass(slots=True)
class Call:
    """One incident; its units in the order of their dispatch."""

    id: str
    type: str
    mode: str
    original_priority: str
    priority: str
    area: str
    battalion: str
    disposition: str
    arrival: Micros
    create: Micros
    units: list[Unit] = field(default_factory=list)


def week() -> list[Call]:
    """The calls of the export that ships, in the order of arrival, read as a replay reads them.

    Original priority and disposition are in the file and not in the profile: they are taken by column.
    """
    profile = find_profile("sffd")
    path = profile.sample_path
    assert path is not None, "San Francisco's profile ships its week"
    more = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as plain:
        for cells in csv.DictReader(plain):
            more[cells["Call Number"]].append(cells)
    calls: dict[str, Call] = {}
    with opened(path) as file:
        export = Export(file, profile.file)
        mapper = Mapper(profile, positions(export, profile))
        for row in export.rows():
            assert not isinstance(row, Problem), "the week that ships has no bad row"
            mapped = mapper(row)
            times = mapped.milestones
            says = {d.unit_id: d.says for d in mapped.drafts if isinstance(d.says, dict)}
            (unit_id,) = (u for u in says if u is not None)
            about, incident = says[unit_id], mapped.drafts[0].incident_id
            first = more[incident][0]
            assert isinstance(about, dict), "attributes are said by name"
            call = calls.setdefault(
                incident,
                Call(
                    incident, first["Call Type"], about["response_mode"], first["Original Priority"],
                    first["Final Priority"], first["Station Area"], first["Battalion"],
                    first["Call Final Disposition"], times["call_arrival"], times["call_create"],
                ),
            )  # fmt: skip
            call.units.append(
                Unit(
                    unit_id, about["unit_type"], about["als"] == "true", times["dispatch"],
                    times.get("enroute_to_scene"), times.get("on_scene"), times.get("enroute_to_hospital"),
                    times.get("arrived_at_hospital"), times.get("unit_clear"),
                )
            )  # fmt: skip
    for call in calls.values():
        call.units.sort(key=lambda u: (u.dispatch, u.id))
    return sorted(calls.values(), key=lambda c: (c.arrival, c.id))


def heard(lines: Iterable[str | bytes]) -> list[Call]:
    """The calls of a simulation's events: first presses alone, as an export would have them.

    Calls without a unit (duplicates that were merged) are in no export; a unit's second response is left out.
    """
    times: dict[str, dict[tuple[str | None, str], Micros]] = defaultdict(dict)
    about: dict[str, dict[str | None, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        event: Any = decode(line if isinstance(line, bytes) else line.encode())
        if isinstance(event, _Milestone):
            key = getattr(event, "unit_id", None), event.name
            at = micros(event.occurred_at)
            times[event.incident_id][key] = min(at, times[event.incident_id].get(key, at))
        elif isinstance(event, _Change):
            about[event.incident_id][event.unit_id].update(event.attributes)
    calls = []
    for incident, said in times.items():
        of = about[incident]
        ids = [unit for unit in of if unit is not None]
        if not ids:
            continue
        units = [
            Unit(
                u,
                of[u]["unit_type"],
                of[u]["als"] == "true",
                said[u, "dispatch"],
                *(said.get((u, n)) for n in _WORK),
            )
            for u in ids
        ]
        first = of[None]
        calls.append(
            Call(
                incident, first["type"], first["response_mode"], "", first["priority"], first["station_area"],
                first["battalion"], "", said[None, "call_arrival"], said[None, "call_create"],
                sorted(units, key=lambda u: (u.dispatch, u.id)),
            )
        )  # fmt: skip
    return sorted(calls, key=lambda c: (c.arrival, c.id))


_WORK = ("enroute_to_scene", "on_scene", "enroute_to_hospital", "arrived_at_hospital", "unit_clear")
_EXEMPT = ("CHIEF", "INVESTIGATION", "SUPPORT")


def spans(calls: Iterable[Call], mode: str) -> dict[str, list[int]]:
    """Every interval of edition 1 that an export like San Francisco's can show, in seconds, sorted.

    On the week itself n and percentiles are those of the golden figures.
    """
    found: dict[str, list[int]] = defaultdict(list)

    def note(name: str, start: Micros | None, end: Micros | None, least: int = 0) -> None:
        if start is not None and end is not None and (span := (end - start) // SECOND) >= least:
            found[name].append(span)

    for call in calls:
        if call.mode != mode:
            continue
        note("call_taking", call.arrival, call.create)
        note("dispatching", call.create, call.units[0].dispatch)
        for unit in call.units:
            if unit.on_scene is None or unit.enroute is None or unit.enroute <= unit.on_scene:
                note("turnout", unit.dispatch, unit.enroute, 1)
            note("travel", unit.enroute, unit.on_scene, 1)
            note("commitment", unit.dispatch, unit.clear)
            note("scene_time", unit.on_scene, unit.transport or unit.clear)
            note("hospital_turnaround", unit.hospital, unit.clear)
        counting = [u for u in call.units if u.type not in _EXEMPT]
        arrived = [u for u in counting if u.on_scene is not None]
        if arrived:
            first = min(arrived, key=lambda u: (u.on_scene, u.dispatch, u.id))
            note("response_first_due", call.units[0].dispatch, first.on_scene)
            note("travel_first_due", first.enroute, first.on_scene, 1)
            note("total_response", call.arrival, first.on_scene)
    return {name: sorted(values) for name, values in found.items()}


def percentile(ordered: list[int], share: int) -> int:
    """Nearest rank, in integers (docs/definitions.md, 2)."""
    return ordered[-(-share * len(ordered) // 100) - 1]
