"""Diversion figures for the sinks' tests, counted by the book from encounters: never written by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.agency import Agency
from schemas.records import DiversionRecord, EncounterRecord
from schemas.times import HOUR, MINUTE, Micros, micros
from streams.agency.diversion.shelf import as_known

AS_OF: Micros = micros(datetime(2025, 3, 5, 20, tzinfo=UTC))

TOWN = Agency.model_validate(
    {
        "id": "town",
        "name": "Town",
        "time_zone": "America/New_York",
        "simulated": True,
        "sources": [{"id": "cad"}],
        "rules": [{"effective_from": "2000-01-01"}],
        "mediation": [
            {
                "effective_from": "2000-01-01",
                "types": [{"name": "NOISE"}],
                "hours": [{"days": ["Wed"], "from": "00:00", "to": "24:00"}],
                "assumption": "half an hour of two officers",
            }
        ],
    }
)


def call(number: int, **said: Any) -> tuple[str, EncounterRecord]:
    """One suitable call in service, offered to nobody unless said."""
    known: dict[str, Any] = {
        "agency_id": "town",
        "incident_id": f"C{number}",
        "revision": (number, 0),
        "source": (0, number, number),
        "state": "ended",
        "call_at": AS_OF - HOUR - number * MINUTE,
        "initial_type": "NOISE",
        "area": "north",
        "suitable": True,
        "suitable_final": True,
        "service": "in_service",
        "step": "not_offered",
        **said,
    }
    return f"town/C{number}", EncounterRecord(**known)


VISIT = {
    "step": "on_scene",
    "associated": True,
    "dispatched": True,
    "any_dispatched": True,
    "on_scene": True,
    "handled": True,
    "ended": True,
    "outcome": "resolved",
    "arrival_s": 900,
    "first_arrival_s": 900,
    "scene_s": 1800,
    "police_share_percent": 90,
    "police_minutes": 60,
}


def figures(*calls: tuple[str, EncounterRecord]) -> list[DiversionRecord]:
    """Every diversion figure of these calls."""
    return as_known(TOWN, calls, AS_OF)


def month() -> list[DiversionRecord]:
    """Forty-seven calls: thirty visits, three of them with police, the rest offered to nobody; two areas."""
    visits = [call(n, **VISIT, area="north" if n < 26 else "south") for n in range(27)]
    police = [call(n, **{**VISIT, "police_present": True, "outcome": "referred"}) for n in range(27, 30)]
    others = [call(n, police_dispatched=True, any_dispatched=True, first_arrival_s=60) for n in range(30, 47)]
    return figures(*visits, *police, *others)


def of(found: list[DiversionRecord], window: str, by: str = "all", group: str = "all") -> DiversionRecord:
    """One of them."""
    (only,) = [f for f in found if (f.window, f.by, f.group) == (window, by, group)]
    return only
