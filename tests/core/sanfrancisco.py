"""The San Francisco week as events, by the reference's reader and not the product's."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from schemas.agency import Agency, load_agency
from schemas.times import HOUR, Micros, parse
from tests.core.driver import clock
from tests.reference import week
from tests.reference.test_week_and_join_agree import events_of

ROOT = Path(__file__).resolve().parents[2]
EXPORT = ROOT / "sources" / "data" / "sf_fire_calls_2016-12-31_2017-01-07.csv"
NEW_YEAR: Micros = parse("2017-01-01T00:00:00-08:00")


@cache
def sffd() -> dict[str, Agency]:
    """San Francisco's own file."""
    return {"sffd": load_agency(ROOT / "deploy" / "agencies" / "sffd.toml")}


@cache
def all_events() -> tuple[dict[str, Any], ...]:
    """Every event of the week in the order of time."""
    events = [
        {**event, "incident_id": row.call, "agency_id": "sffd"}
        for rows in week.read_incidents(EXPORT)
        for row in rows
        for event in events_of(row)
    ]
    return tuple(sorted(events, key=lambda event: (event["occurred_at"], event["event_id"])))


def tick(time: Micros) -> dict[str, Any]:
    """A clock of the export."""
    return clock(time, "sffd", "export")


def slice_of(start: Micros, end: Micros, step: Micros = HOUR) -> list[dict[str, Any]]:
    """The incidents that began in [start, end), with a clock at every step of event time up to the end."""
    began: dict[str, Micros] = {}
    for event in all_events():
        began[event["incident_id"]] = min(
            event["occurred_at"], began.get(event["incident_id"], event["occurred_at"])
        )
    said: list[dict[str, Any]] = []
    next_clock = start + step
    for event in all_events():
        if not start <= began[event["incident_id"]] < end or event["occurred_at"] >= end:
            continue
        while event["occurred_at"] >= next_clock:
            said.append(tick(next_clock))
            next_clock += step
        said.append(event)
    return [*said, tick(end)]
