"""Records made by hand, and the means to write them to a Kafka."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.agency import Agency
from schemas.keys import breach_id, breach_key
from schemas.records import BreachRecord, FigureRecord, HealthRecord, Place, Step, UnitRecord, encode
from schemas.series import series_key
from schemas.times import SECOND, Micros, parse

AS_OF: Micros = parse("2017-01-03T18:00:00-08:00")
"""Six in the evening of a Tuesday in San Francisco, as in DEFINITIONS.md, 7."""

AGENCY = Agency.model_validate(
    {
        "id": "sffd",
        "name": "San Francisco Fire Department",
        "time_zone": "America/Los_Angeles",
        "sources": [{"id": "export"}],
        "rules": [
            {
                "effective_from": "2000-01-01",
                "targets": [
                    {"interval": "turnout", "classes": ["EMS"], "seconds": 60},
                    {"interval": "turnout", "classes": ["FIRE"], "seconds": 80},
                    {"interval": "travel_first_due", "classes": ["EMS", "FIRE"], "seconds": 240},
                ],
                "shifts": {"starts": ["08:00:00", "20:00:00"]},
            }
        ],
    }
)
AGENCIES = {"sffd": AGENCY}


def figure(**given: Any) -> FigureRecord:
    """A figure: turnout, EMERGENT, 24 h, all, unless said."""
    known: dict[str, Any] = {
        "agency_id": "sffd",
        "interval": "turnout",
        "mode": "EMERGENT",
        "window": "24h",
        "by": "all",
        "group": "all",
        "as_of": AS_OF,
        "edition": 1,
        **given,
    }
    parts = [known[name] for name in ("agency_id", "interval", "mode", "window", "by", "group")]
    return FigureRecord(series=series_key(*parts), **known)


def pair(record: FigureRecord) -> tuple[str, bytes]:
    """A figure as key and value."""
    return record.series, encode(record)


TURNOUT = figure(
    n=570,
    p50=66,
    p90=128,
    p95=157,
    bound=570,
    within=312,
    late=10,
    excluded={"turnout_zero": 33, "never_enroute": 23, "never_closed": 1},
    open=2,
    standing={"measured": 258, "never_ended": 10},
)
"""Turnout over 24 h: n, p90 and the two first reasons are DEFINITIONS.md's."""


def unit(unit_id: str, status: str, unit_type: str = "ENGINE") -> UnitRecord:
    """What a unit does."""
    return UnitRecord(agency_id="sffd", unit_id=unit_id, status=status, since=AS_OF, unit_type=unit_type)


def breach(state: str = "red", at: Micros = AS_OF, **given: Any) -> BreachRecord:
    """A turnout of E1, dispatched 100 s before: amber at 64 s, red at 80; closed now where it is said so."""
    started = at - 100 * SECOND
    amber = Step("amber", started + 64 * SECOND, started + 64 * SECOND, 80)
    red = Step("red", started + 80 * SECOND, started + 81 * SECOND, 80)
    steps = {
        "amber": [amber],
        "red": [amber, red],
        "closed": [amber, red, Step("closed", at, at, 80)],
        "withdrawn": [amber, Step("withdrawn", at, at, 80, "measured_within")],
    }[state]
    incident = given.get("incident_id", "A1")
    over = state in ("closed", "withdrawn")
    known: dict[str, Any] = {
        "agency_id": "sffd",
        "incident_id": incident,
        "unit_id": "E1",
        "interval": "turnout",
        "id": breach_id(breach_key("sffd", incident, "E1", 1, "turnout")),
        "revision": (len(steps), at),
        "source": (0, 1, 2),
        "state": state,
        "reason": "measured_within" if state == "withdrawn" else "",
        "place": Place("EMERGENT", "FIRE", "3", "03", "B01", "UNKNOWN", "ENGINE"),
        "units": ["E1"],
        "started_at": started,
        "limit": 80,
        "amber_at": started + 64 * SECOND,
        "deadline_at": started + 80 * SECOND,
        "ended_at": at if over else 0,
        "value": 100 if state == "closed" else -1,
        "as_of": at if over else steps[-1].noticed,
        "steps": steps,
        **given,
    }
    return BreachRecord(**known)


BREACH = breach()

HEALTH = HealthRecord(
    stage="incidents",
    partition=1,
    worker="incidents-1",
    positions={"incident.events": 90},
    arrived=80,
    joined=77,
    dead={"naive_time": 2, "not_json": 1},
    clock_records=9,
    absorbed=1,
    evicted=4,
    looks_failed=1,
    records_out=150,
    clocks={"sffd": AS_OF},
    held=30,
    open_incidents=12,
    last_event_ms=1_700_000_000_250,
)


def generation(number: int, status: str = "current") -> bytes:
    """A record of the topic ``generations``."""
    return msgspec.json.encode(
        {
            "generation": number,
            "status": status,
            "partitions": 2,
            "result_partitions": 2,
            "edition": 1,
            "formats": {"changelog": 1},
        }
    )
