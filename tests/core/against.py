"""The product's final records held against the reference program's view of the same events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.records import IncidentRecord, Measure, ResponseRecord
from tests.core.driver import Floor
from tests.reference import join

JUDGED = ("turnout", "travel_first_due", "travel_als")
"""The intervals whose limits the reference knows."""

PLACES = {
    "class_": "class",
    "station_area": "station_area",
    "battalion": "battalion",
    "zone": "zone",
    "unit_type": "unit_type",
    "priority": "priority",
}


def measured_as(interval: str, measure: Measure) -> dict[str, Any]:
    """A measure in the reference's words."""
    status = "measured" if measure.measured else "open" if measure.open else "excluded"
    found: dict[str, Any] = {
        "status": status,
        "reason": measure.reason or None,
        "value": measure.value if measure.measured else None,
        "at": None if measure.open else measure.at,
        "standing": measure.standing or None,
    }
    if measure.measured and interval in JUDGED:
        found["limit"] = None if measure.limit < 0 else measure.limit
    return found


def _intervals(where: str, wanted: Mapping[str, Any], got: Mapping[str, Measure]) -> Iterator[str]:
    if wanted.keys() != got.keys():
        yield f"{where}: intervals {sorted(wanted)} wanted, got {sorted(got)}"
        return
    for interval, outcome in wanted.items():
        found = measured_as(interval, got[interval])
        expected = {name: outcome[name] for name in found}
        if found != expected:
            yield f"{where} {interval}: {expected} wanted, got {found}"


def _place(where: str, wanted: Mapping[str, Any], record: ResponseRecord | IncidentRecord) -> Iterator[str]:
    assert record.place is not None
    pairs = [("mode", wanted["mode"], record.place.mode)]
    pairs += [(name, wanted[theirs], getattr(record.place, name)) for name, theirs in PLACES.items()]
    for name, expected, found in pairs:
        if expected != found:
            yield f"{where} {name}: {expected!r} wanted, got {found!r}"


def _incident(floor: Floor, incident_id: str, wanted: Mapping[str, Any]) -> Iterator[str]:
    record = floor.incident(incident_id)
    expected = [
        (name, wanted.get(theirs), found)
        for name, theirs, found in (
            ("state", "state", record.state),
            ("ended_at", "ended_at", record.ended_at if record.ended_at else None),
            ("call_at", "call_time", record.call_at if record.call_at else None),
            ("disposition", "disposition", record.disposition or None),
            ("cycle", "cycle", "merge_cycle" in record.flags),
        )
    ]
    for name, theirs, found in expected:
        if theirs != found:
            yield f"{incident_id} {name}: {theirs!r} wanted, got {found!r}"
    if wanted["initial_type"] != (record.initial_type or "UNKNOWN"):
        yield f"{incident_id} initial_type: {wanted['initial_type']!r} wanted, got {record.initial_type!r}"
    yield from _place(incident_id, wanted, record)
    yield from _intervals(incident_id, wanted["intervals"], record.intervals)
    for (unit, ordinal), response in wanted["responses"].items():
        where = f"{incident_id}/{unit}/{ordinal}"
        answer = floor.response(incident_id, unit, ordinal)
        if (answer.ended_at or None, answer.service) != (response["ended_at"], response["service"]):
            yield f"{where}: {response['ended_at']} {response['service']} wanted, got {answer}"
        if dict(answer.milestones) != dict(response["milestones"]):
            yield f"{where}: milestones {response['milestones']} wanted, got {answer.milestones}"
        yield from _place(where, response, answer)
        yield from _intervals(where, response["intervals"], answer.intervals)


def differences(
    floor: Floor, events: Mapping[str, list[dict[str, Any]]], now: int, said: join.Settings
) -> list[str]:
    """Where the records and the reference differ, in words.

    The reference knows no void: an incident of which no milestone stands counts nowhere in the product.
    """
    wanted, found = join.view(events, now, said), []
    live = {
        (record.incident_id, record.unit_id, record.ordinal)
        for record in floor.records().values()
        if isinstance(record, ResponseRecord) and record.state != "merged"
    }
    known = set()
    for incident_id, seen in wanted.items():
        record = floor.incident(incident_id)
        if seen["state"] == "merged":
            if record.state not in ("merged", "void"):
                found.append(f"{incident_id}: merged wanted, got {record.state}")
            elif record.state == "merged" and (record.merged_into, record.merged_at) != (
                seen["merged_into"],
                seen["merged_at"],
            ):
                found.append(f"{incident_id}: merged {seen} wanted, got {record}")
            continue
        if record.state == "void":
            if seen["responses"] or seen["call_time"] is not None:
                found.append(f"{incident_id}: void, and {seen}")
            continue
        found += _incident(floor, incident_id, seen)
        known |= {(incident_id, unit, ordinal) for unit, ordinal in seen["responses"]}
    if live != known:
        found.append(f"responses {sorted(known)} wanted, got {sorted(live)}")
    return found
