"""Words to say what a mediation desk and its units did, for tests; times as in ``saying``."""

from __future__ import annotations

from typing import Any

from schemas.agency import Agency
from schemas.records import EncounterRecord
from schemas.times import SECOND
from tests.core.driver import Floor, Town, clock
from tests.core.saying import CALL, DAY, Event, at, press, said, state

CRITERIA: dict[str, Any] = {
    "effective_from": "2000-01-01",
    "types": [
        {"name": "NOISE", "police_share_percent": 90, "police_minutes": 60},
        {"name": "NEIGHBOR", "police_share_percent": 60, "police_minutes": 80},
        {"name": "WELFARE", "centric": True},
        {"name": "ASSAULT", "suitable": False},
    ],
    "hours": [{"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "from": "10:00", "to": "24:00"}],
    "holidays": ["2017-12-25"],
    "area_by": "zone",
    "areas": ["north", "south"],
    "assumption": "two officers for half an hour",
}
"""Noise and neighbours in the north and the south, ten to midnight."""


def agency(**more: Any) -> dict[str, Agency]:
    """A town with a mediation unit."""
    made = Town(
        rules={"unit_services": {"PATROL": "POLICE", "MRU": "MEDIATION"}, "default_service": "FIRE"},
        mediation=({**CRITERIA, **more},),
    )
    return {"town": made.agency()}


def rang(
    incident: str = "A", when: float = 0, *, type_: str = "NOISE", zone: str = "north", **more: Any
) -> list[Event]:
    """CAD's half of a call: it rings, and is in CAD after 30 s."""
    return [
        press(None, "call_arrival", when, incident=incident),
        press(None, "call_create", when + 30, incident=incident),
        state(None, when, incident=incident, type=type_, zone=zone, **more),
    ]


def desk(name: str, when: float, **more: Any) -> Event:
    """A step of the desk."""
    return said("mediation", when, name=name, **more)


def mru(name: str, when: float, *, unit: str = "MRU1", **more: Any) -> Event:
    """A milestone of a mediation unit, by its own log."""
    return said("mediation_unit", when, unit_id=unit, name=name, **more)


def outcome(value: str | None, when: float, *, police: bool | None = None, **more: Any) -> Event:
    """An outcome, and what the unit wrote of police."""
    return said("mediation_outcome", when, outcome=value, police_on_scene=police, **more)


def mended(
    name: str, *, recorded: float, was: float | None = None, time: float | None = None, **more: Any
) -> Event:
    """A correction of a mediation step: without ``time`` a withdrawal."""
    return said(
        "mediation_correction",
        recorded,
        name=name,
        was=None if was is None else at(was),
        time=None if time is None else at(time),
        **more,
    )


def visit(
    incident: str = "A", when: float = 0, *, result: str | None = "resolved", police: bool | None = False
) -> list[Event]:
    """A whole visit: offered, accepted, sent after five minutes, there after fifteen, done after 45."""
    events = [
        desk("offered", when + 60, incident=incident),
        desk("accepted", when + 120, incident=incident),
        mru("dispatch", when + 300, incident=incident),
        mru("on_scene", when + 900, incident=incident),
        mru("unit_clear", when + 2700, incident=incident),
    ]
    if result is not None or police is not None:
        events.append(outcome(result, when + 2700, incident=incident, police=police))
    return events


def police(*names: tuple[str, float], unit: str = "P7", incident: str = "A") -> list[Event]:
    """CAD's half of a police unit."""
    first = min(when for _, when in names)
    return [
        state(unit, first, incident=incident, unit_type="PATROL"),
        *(press(unit, name, when, incident=incident) for name, when in names),
    ]


def over(incident: str = "A", when: float = 2800) -> Event:
    """CAD closes the incident."""
    return press(None, "incident_clear", when, incident=incident)


def encounters(
    *events: Event, until: float = 2 * DAY, agencies: dict[str, Agency] | None = None
) -> dict[str, EncounterRecord]:
    """What becomes of these events once the clock has gone on."""
    floor = Floor(agencies or agency()).join([*events, clock(CALL + round(until * SECOND))])
    assert floor.dead() == []
    return floor.encounters()


def encounter(*events: Event, **more: Any) -> EncounterRecord:
    """The encounter of incident A."""
    return encounters(*events, **more)["A"]
