"""Invented incidents: what CAD systems say on their worst days, in the reference's shape.

Each incident starts from a skeleton of how such things usually go, so that intervals are measured at all;
then anything at all is said on top of it. Times lie on a coarse grid, so that ties and repeated times are
the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from schemas.times import DAY, HOUR, SECOND, Micros
from tests.core.driver import Plan
from tests.core.saying import CALL

Event = dict[str, Any]

INCIDENTS = ("A", "B", "C", "F/1%")
"""The last one must be escaped in keys."""

EMPTY_INCIDENT = "Z"
"""Merged into, never spoken of itself."""

UNITS = ("E1", "M2", "T/3", "B4")
INCIDENT_NAMES = ("call_arrival", "call_answered", "call_create", "incident_clear")
UNIT_NAMES = (
    "dispatch",
    "enroute_to_scene",
    "staging",
    "on_scene",
    "canceled_enroute",
    "unit_clear",
    "at_patient",
    "enroute_to_hospital",
    "arrived_at_hospital",
    "hospital_cleared",
)
WORDS: Mapping[str, tuple[str | None, ...]] = {
    "response_mode": ("EMERGENT", "NON_EMERGENT", None),
    "class": ("FIRE", "EMS", "HAZMAT", None),
    "priority": ("1", "2", None),
    "type": ("Alarm", "Medical Incident", None),
    "station_area": ("03", "36", None),
    "battalion": ("B01", None),
    "zone": ("north", None),
    "unit_type": ("ENGINE", "MEDIC", None),
    "service": ("FIRE", "EMS", "POLICE", None),
    "als": ("true", "false", None),
    "first_due_exempt": ("*", "EMS", "FIRE HAZMAT", None),
}

_grid = st.integers(0, 45).map(lambda n: CALL + n * 20 * SECOND)
_near = st.integers(0, 900).map(lambda n: CALL + n * SECOND)
_off = st.sampled_from((0, 0, 0, 1, 500_000, 999_999))
_wild = st.sampled_from(
    (
        CALL - 3 * DAY,
        CALL - 1,
        CALL + 23 * HOUR,
        CALL + DAY,
        CALL + DAY + 61 * SECOND,
        CALL + 2 * DAY,
        CALL + 8 * DAY,
        CALL - 400 * DAY,
        CALL + 300 * DAY,
        -62_135_596_800 * SECOND,
        -3_000_000_000 * SECOND,
        -1,
    )
)
"""Days off, years off, the first instant there is, before telephones, just before the epoch."""

tame_times = st.builds(lambda base, off: base + off, st.one_of(_grid, _grid, _near), _off)
times = st.integers(0, 19).flatmap(lambda n: _wild if n == 0 else tame_times)


def lag() -> st.SearchStrategy[int]:
    """How long after it occurred CAD wrote it: mostly at once, sometimes late, sometimes before."""
    return st.sampled_from((0, 0, 0, 0, 5, 60, 600, -30, 26 * 3600)).map(lambda n: n * SECOND)


@st.composite
def _steps(draw: st.DrawFn) -> list[int]:
    """Seconds from one milestone of a unit to the next, around what the limits turn on."""
    near = st.sampled_from((0, 1, 20, 59, 60, 61, 80, 81, 120, 239, 240, 241, 400, 900))
    return draw(st.lists(near, min_size=6, max_size=6))


@st.composite
def _skeleton(draw: st.DrawFn, incident: str) -> list[Event]:
    """How it usually goes: a call, and units that do some of what units do, in order."""
    start = CALL + draw(st.integers(0, 10)) * 60 * SECOND
    events = [
        _milestone(incident, None, name, start + seconds * SECOND)
        for name, seconds in zip(INCIDENT_NAMES[:3], (0, 10, 30), strict=True)
        if draw(st.integers(0, 7))
    ]
    mode, class_ = (
        draw(st.sampled_from(("EMERGENT", "EMERGENT", "NON_EMERGENT"))),
        draw(st.sampled_from(("FIRE", "EMS"))),
    )
    events.append(
        _change(incident, None, start, {"response_mode": mode, "class": class_, "station_area": "03"})
    )
    for unit in draw(st.lists(st.sampled_from(UNITS), max_size=4, unique=True)):
        when = start + 40 * SECOND
        if draw(st.booleans()):
            events.append(_change(incident, unit, when, draw(st.sampled_from(_KINDS))))
        names = draw(st.sampled_from(_COURSES))
        for name, step in zip(names, draw(_steps()), strict=False):
            events.append(_milestone(incident, unit, name, when))
            when += step * SECOND
    return events


_COURSES = (
    ("dispatch", "enroute_to_scene", "on_scene", "unit_clear"),
    ("dispatch", "enroute_to_scene", "staging", "on_scene", "unit_clear"),
    ("dispatch", "enroute_to_scene", "on_scene", "enroute_to_hospital", "arrived_at_hospital", "unit_clear"),
    ("dispatch", "enroute_to_scene", "canceled_enroute"),
    ("dispatch", "enroute_to_scene", "unit_clear"),
    ("dispatch", "unit_clear"),
    ("dispatch", "enroute_to_scene", "on_scene"),
    ("dispatch", "enroute_to_scene", "canceled_enroute", "dispatch", "enroute_to_scene", "on_scene"),
)


_KINDS: tuple[Mapping[str, str | None], ...] = (
    {"als": "true", "unit_type": "MEDIC", "service": "EMS"},
    {"als": "true"},
    {"service": "POLICE"},
    {"first_due_exempt": "*", "unit_type": "CHIEF"},
    {"response_mode": "EMERGENT", "class": "EMS"},
)
"""What is said of a unit as it is sent."""


def _said(kind: str, incident: str, occurred: Micros, recorded: Micros, **fields: Any) -> Event:
    return {
        "kind": kind,
        "event_id": "",
        "incident_id": incident,
        "occurred_at": occurred,
        "recorded_at": recorded,
        **fields,
    }


def _milestone(incident: str, unit: str | None, name: str, when: Micros, lag: Micros = 0) -> Event:
    return _said("milestone", incident, when, _sane(when + lag), unit_id=unit, name=name)


def _change(
    incident: str, unit: str | None, when: Micros, attributes: Mapping[str, str | None], lag: Micros = 0
) -> Event:
    return _said("change", incident, when, _sane(when + lag), unit_id=unit, attributes=dict(attributes))


def _sane(when: Micros) -> Micros:
    """Not before the first instant that can be written."""
    return max(when, -62_135_596_800 * SECOND)


@st.composite
def _anything(draw: st.DrawFn, incidents: tuple[str, ...], when: st.SearchStrategy[Micros]) -> Event:
    """One thing said of one of the incidents."""
    incident = draw(st.sampled_from(incidents))
    sort = draw(st.integers(0, 15))
    occurred = draw(when)
    recorded = _sane(occurred + draw(lag()))
    unit = draw(st.sampled_from(UNITS))
    if sort < 6:
        of_unit = draw(st.integers(0, 3))
        name = draw(st.sampled_from(UNIT_NAMES if of_unit else INCIDENT_NAMES))
        return _said("milestone", incident, occurred, recorded, unit_id=unit if of_unit else None, name=name)
    if sort < 10:
        of_unit = draw(st.integers(0, 3))
        name = draw(st.sampled_from(UNIT_NAMES[:6] if of_unit else INCIDENT_NAMES))
        return _said(
            "correction",
            incident,
            occurred,
            recorded,
            unit_id=unit if of_unit else None,
            name=name,
            was=draw(st.none() | when),
            time=draw(st.none() | when),
        )
    if sort < 14:
        likely = (*WORDS, "response_mode", "response_mode", "class", "class")
        names = draw(st.lists(st.sampled_from(likely), min_size=1, max_size=3, unique=True))
        attributes = {name: draw(st.sampled_from(WORDS[name])) for name in names}
        whose = draw(st.sampled_from((None, unit)))
        return _said("change", incident, occurred, recorded, unit_id=whose, attributes=attributes)
    if sort < 15:
        return _said(
            "disposition", incident, occurred, recorded, disposition=draw(st.sampled_from(("done", None)))
        )
    into = draw(st.sampled_from((None, *incidents, EMPTY_INCIDENT)))
    return _said("merge", incident, occurred, recorded, merged_into=into)


@st.composite
def stories(
    draw: st.DrawFn,
    *,
    incidents_max: int = 4,
    said_max: int = 24,
    when: st.SearchStrategy[Micros] = times,
    merges_max: int = 4,
) -> list[Event]:
    """Events of a few incidents, each with an id of its own. Duplicates and order are the plan's."""
    incidents = INCIDENTS[: draw(st.integers(1, incidents_max))]
    events = [event for incident in incidents for event in draw(_skeleton(incident))]
    events += draw(st.lists(_anything(incidents, when), max_size=said_max))
    if len(incidents) > 1:
        for _ in range(draw(st.integers(0, merges_max))):
            who = draw(st.sampled_from(incidents))
            into = draw(st.sampled_from((None, *incidents, EMPTY_INCIDENT)))
            occurred = draw(when)
            events.append(_said("merge", who, occurred, occurred, merged_into=into))
    for number, event in enumerate(events):
        event["event_id"] = f"e{number:04d}"
    return events


@st.composite
def dealt(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """The same events in any order, some of them more than once."""
    again = draw(st.lists(st.sampled_from(events), max_size=1 + len(events) // 5))
    return draw(st.permutations([*events, *again]))


plans = st.builds(
    Plan,
    partitions=st.sampled_from((1, 4, 12)),
    result_partitions=st.sampled_from((1, 3)),
    sizes=st.sampled_from(((1,), (2, 7), (5,), (1_000,), (13, 1, 1, 40))),
    crash_after=st.frozensets(st.integers(0, 30), max_size=5),
    restart_after=st.frozensets(st.integers(0, 30), max_size=5),
    compacted=st.booleans(),
    gaps=st.booleans(),
    tick_every=st.sampled_from((1, 3, 1_000_000)),
    told_every=st.sampled_from((1, 2, 7)),
    last_first=st.booleans(),
    at_once=st.sampled_from((1, 2, 5_000)),
)


def by_incident(events: list[Event]) -> dict[str, list[Event]]:
    """The events as the reference wants them."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event["incident_id"], []).append(event)
    return found
