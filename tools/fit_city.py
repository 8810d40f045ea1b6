"""Fit the synthetic city to San Francisco's week: write sources/simulation/city.json.

python tools/fit_city.py           writes it
python tools/fit_city.py --check   says whether it is what the week gives, and exits with 1 where not

Read with San Francisco's own profile, so every time and word is what a replay would say. What the export
cannot tell (late corrections, merges, re-dispatches, when a priority changed) is under "assumed", by hand.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from schemas.times import DAY, SECOND, Micros, moment
from sources.profile import find_profile
from tools.city_week import Call, Unit, week

CITY = Path(__file__).resolve().parent.parent / "sources" / "simulation" / "city.json"

CELLS = 128
"""Cells of a quantile table: 129 values, of which the 0th is the least and the 128th the greatest."""

FEWEST = 40
"""A table of fewer values than this is fitted to a wider group instead."""

GROUPS = ("Medical Incident", "Alarms", "Structure Fire")
"""Types that keep their own times; all others share a fourth group."""

MODES = ("EMERGENT", "NON_EMERGENT")

ALIKE_PERCENT = 50
"""How often units of one call share a draw of travel or clearing: it gives first arrivals their spread."""

ASSUMED: dict[str, Any] = {
    "call_answered_s": [1, 2, 3, 3, 4, 5, 6, 8, 15],
    "twice_pressed_ppm": 10_000,
    "twice_pressed_s": [2, 4, 8, 15, 40],
    "written_late_ppm": 10_000,
    "written_late_s": [30, 120, 300, 900, 3600],
    "corrected_ppm": 8_000,
    "corrected_after_s": [60, 300, 900, 3600, 14_400, 93_600],
    "corrected_by_s": [-240, -60, -20, 20, 60, 240],
    "withdrawn_of_corrected_ppm": 100_000,
    "merged_ppm": 15_000,
    "merged_call_after_s": [5, 20, 60, 180, 600],
    "merged_after_s": [20, 45, 90, 180, 600],
    "sent_again_ppm": 7_000,
    "sent_again_after_s": [60, 180, 420, 900, 1800],
    "changed_after_create_s": [10, 30, 60, 120, 300],
}
"""Shares in a million, and quantiles in seconds: a judgement, not a measurement (docs/generator.md)."""


def quantiles(values: Iterable[int]) -> list[int]:
    """The values at 0/128, 1/128, ..., 128/128 of the sorted ones, the middle of each step.

    >>> quantiles([5])[0], quantiles(range(129))[64]
    (5, 64)
    """
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[(2 * cell * last + CELLS) // (2 * CELLS)] for cell in range(CELLS + 1)]


def stratum(call: Call) -> int:
    """Types of a group and a mode share their times: 0 to 7."""
    group = GROUPS.index(call.type) if call.type in GROUPS else len(GROUPS)
    return group * len(MODES) + MODES.index(call.mode)


def rhythm(calls: Sequence[Call], zone: Any) -> list[int]:
    """Calls by hour of the local week from Monday, in millionths of the mean hour.

    A day of the week times an hour of the day, each from all the days of the file: 168 single hours would
    be 21 calls each, half of it chance, and New Year's first hours would come back every week.
    """
    hours = Counter[int]()
    days = Counter[int]()
    seen: dict[int, set[Any]] = defaultdict(set)
    first_hours = 0
    for call in calls:
        local = moment(call.arrival).astimezone(zone)
        if (local.month, local.day) == (1, 1) and local.hour < 4:
            first_hours += 1
            continue
        hours[local.hour] += 1
        days[local.weekday()] += 1
        seen[local.weekday()].add(local.date())
    per_day = {d: days[d] / len(seen[d]) for d in range(7)}
    # New Year's four hours are left out of the rhythm: the day gets the mean of the others in their place.
    n_days = sum(len(s) for s in seen.values())
    by_hour = [hours[h] / (n_days - (1 if h < 4 else 0)) for h in range(24)]
    per_day[6] += sum(by_hour[:4]) / len(seen[6])
    level = [per_day[d] * by_hour[h] for d in range(7) for h in range(24)]
    mean = sum(level) / len(level)
    return [round(1_000_000 * value / mean) for value in level]


class Tables:
    """Quantile tables by name and group, the wider group where the narrow one has too few values."""

    def __init__(self) -> None:
        self._values: dict[str, list[tuple[tuple[Any, ...], int]]] = defaultdict(list)

    def add(self, name: str, group: tuple[Any, ...], value: int) -> None:
        """One value; ``group`` from the widest to the narrowest."""
        self._values[name].append((group, value))

    def fitted(self, name: str, groups: Sequence[tuple[Any, ...]]) -> list[list[int]]:
        """One table for each group."""
        found = self._values[name]
        tables = []
        for group in groups:
            for depth in range(len(group), -1, -1):
                values = [v for g, v in found if g[:depth] == group[:depth]]
                if len(values) >= FEWEST or depth == 0:
                    tables.append(quantiles(values or [0]))
                    break
        return tables


UNIT_KINDS = ("ENGINE", "MEDIC", "PRIVATE", "other")
"""Kinds of units that differ in their times; the types of the rest share one."""


def kind_of(unit_type: str) -> int:
    """Which of the kinds a unit's type is."""
    return UNIT_KINDS.index(unit_type) if unit_type in UNIT_KINDS else len(UNIT_KINDS) - 1


def first_in(call: Call) -> Unit | None:
    """The unit that arrived first; None: none did."""
    arrived = [unit for unit in call.units if unit.on_scene is not None]
    return min(arrived, key=lambda u: (u.on_scene, u.dispatch, u.id), default=None)


def fate(unit: Unit, first: Unit | None) -> str:
    """What a unit did, as one letter.

    A turnout of zero adds ``z``, a travel of zero ``y``, coming first ``f``.

    a: arrived; t: transported; b: left for a hospital it never reached; c: cancelled under way; n: never
    under way; o: never closed, under way; s: never closed, at the scene.
    """
    if unit.enroute is None and unit.on_scene is None:
        return "n"
    if unit.on_scene is None:
        return "c" if unit.clear is not None else "o"
    letter = "s" if unit.clear is None else "a"
    if unit.transport is not None:
        letter = "t" if unit.hospital is not None else "b"
    if unit.enroute is not None and unit.enroute == unit.dispatch:
        letter += "z"
    if unit.enroute is not None and unit.on_scene == unit.enroute:
        letter += "y"
    return letter + "f" if unit is first else letter


def measured(calls: Sequence[Call], scale: dict[str, int]) -> dict[str, list[list[int]]]:
    """Every span between milestones, as quantile tables."""
    tables = Tables()

    def note(name: str, start: Micros | None, end: Micros | None, *group: Any, percent: int = 100) -> None:
        if start is not None and end is not None and 0 <= (span := (end - start) // SECOND) < DAY // SECOND:
            tables.add(name, group, round(span * 100 / percent))

    for call in calls:
        s = stratum(call)
        note("call_taking", call.arrival, call.create, s)
        note("dispatching", call.create, call.units[0].dispatch, s)
        before, first = None, first_in(call)
        for place, unit in enumerate(call.units):
            if before is not None:
                note("next_dispatch", before, unit.dispatch, min(place, 3), s)
            before = unit.dispatch
            kind, what, is_first = kind_of(unit.type), fate(unit, first), unit is first
            if "z" not in what:
                note("turnout", unit.dispatch, unit.enroute, kind, s)
            if "y" not in what:
                note("travel", unit.enroute, unit.on_scene, is_first, kind, s, percent=scale[call.area])
            note("scene_transport", unit.on_scene, unit.transport, kind, s)
            note("to_hospital", unit.transport, unit.hospital, kind)
            note("at_hospital", unit.hospital, unit.clear, kind)
            note("scene_clear", unit.on_scene, unit.clear if what[0] == "a" else None, kind, s)
            note("hospital_given_up", unit.transport, unit.clear if what[0] == "b" else None)
            note("cancel", unit.enroute, unit.clear if what[0] == "c" else None, kind, s)
            note("never_enroute", unit.dispatch, unit.clear if what[0] == "n" else None, s)
    strata = [(s,) for s in range(8)]
    kinds = [(k, s) for k in range(len(UNIT_KINDS)) for s in range(8)]
    wanted: dict[str, Sequence[tuple[Any, ...]]] = {
        "call_taking": strata,
        "dispatching": strata,
        "next_dispatch": [(p, s) for p in (1, 2, 3) for s in range(8)],
        "turnout": kinds,
        "travel": [(first, *kind) for first in (False, True) for kind in kinds],
        "scene_transport": kinds,
        "scene_clear": kinds,
        "cancel": kinds,
        "to_hospital": [(k,) for k in range(len(UNIT_KINDS))],
        "at_hospital": [(k,) for k in range(len(UNIT_KINDS))],
        "hospital_given_up": [()],
        "never_enroute": strata,
    }
    return {name: tables.fitted(name, groups) for name, groups in wanted.items()}


def travel_scale(calls: Sequence[Call]) -> dict[str, int]:
    """How long travel to an area takes, in hundredths of the city's; drawn to 100 where calls are few."""
    by_area: dict[str, list[int]] = defaultdict(list)
    for call in calls:
        for unit in call.units:
            if unit.enroute and unit.on_scene and unit.on_scene > unit.enroute and call.mode == MODES[0]:
                by_area[call.area].append((unit.on_scene - unit.enroute) // SECOND)
    city = median(v for values in by_area.values() for v in values)
    scale = {}
    for area in {call.area for call in calls}:
        values = by_area.get(area, [])
        ratio = median(values) / city if values else 1.0
        scale[area] = round(100 * (1 + (ratio - 1) * len(values) / (len(values) + 20)))
    return scale


def counted(items: Iterable[Any], order: Callable[[Any], Any] = lambda item: item) -> list[list[Any]]:
    """Each distinct item with how often it was seen, the most frequent first."""
    found = Counter(items).most_common()
    found.sort(key=lambda pair: (-pair[1], order(pair[0])))
    return [[count, *(item if isinstance(item, tuple) else (item,))] for item, count in found]


def fit() -> dict[str, Any]:
    """The whole model."""
    calls = week()
    zone = find_profile("sffd").zone
    scale = travel_scale(calls)
    days = len({moment(c.arrival).astimezone(zone).date() for c in calls})
    types = [row[1] for row in counted(c.type for c in calls)]
    unit_types = [row[1] for row in counted(u.type for c in calls for u in c.units)]
    areas = Counter(c.area for c in calls)
    battalions = {a: Counter(c.battalion for c in calls if c.area == a).most_common(1)[0][0] for a in areas}
    fleet = {t: len({u.id for c in calls for u in c.units if u.type == t}) for t in unit_types}
    return {
        "about": "Fitted to San Francisco's week by tools/fit_city.py; not edited by hand.",
        "incidents_per_day": round(len(calls) / days),
        "rhythm": rhythm(calls, zone),
        "types": types,
        "groups": [GROUPS.index(t) if t in GROUPS else len(GROUPS) for t in types],
        "unit_types": unit_types,
        "unit_kinds": [kind_of(t) for t in unit_types],
        "fleet": [fleet[t] for t in unit_types],
        "als_percent": [_als_percent(calls, t) for t in unit_types],
        "stations": [[n, scale[a], battalions[a]] for a, n in sorted(areas.items())],
        "calls": counted(
            (
                types.index(c.type),
                MODES.index(c.mode),
                " ".join(f"{unit_types.index(u.type)}{fate(u, first_in(c))}" for u in c.units),
            )
            for c in calls
        ),
        "priorities": {
            mode: counted((c.original_priority, c.priority) for c in calls if c.mode == mode)
            for mode in MODES
        },
        "dispositions": [counted(c.disposition for c in calls if stratum(c) == s) for s in range(8)],
        "alike_percent": ALIKE_PERCENT,
        "spans": measured(calls, scale),
        "assumed": ASSUMED,
    }  # fmt: skip


def _als_percent(calls: Sequence[Call], unit_type: str) -> int:
    said = [u.als for c in calls for u in c.units if u.type == unit_type]
    return round(100 * sum(said) / len(said))


def written(model: dict[str, Any]) -> str:
    """The model as its file has it: one line an entry, a line a row."""
    rows = []
    for key, value in model.items():
        if isinstance(value, list) and value and isinstance(value[0], list):
            inner = ",\n  ".join(json.dumps(v, separators=(",", ":")) for v in value)
            rows.append(f"{json.dumps(key)}: [\n  {inner}]")
        elif isinstance(value, dict):
            inner = ",\n  ".join(
                f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in value.items()
            )
            rows.append(f"{json.dumps(key)}: {{\n  {inner}}}")
        else:
            rows.append(f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}")
    return "{" + ",\n".join(rows) + "}\n"


def main(arguments: list[str]) -> int:
    """Write the file, or check it; returns the exit code."""
    text = written(fit())
    if "--check" in arguments:
        same = CITY.is_file() and CITY.read_text(encoding="utf-8") == text
        print("as fitted" if same else f"{CITY} is not what the week gives: run python tools/fit_city.py")
        return 0 if same else 1
    CITY.write_text(text, encoding="utf-8")
    print(f"wrote {CITY}: {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
