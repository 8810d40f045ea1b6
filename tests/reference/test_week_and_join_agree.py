"""The two plain programs, rows and events, give the golden figures of the San Francisco week alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.reference import join, week
from tests.reference.golden import GOLDEN

ROOT = Path(__file__).resolve().parents[2]
EXPORT = ROOT / "sources" / "data" / "sf_fire_calls_2016-12-31_2017-01-07.csv"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONG_AFTER = datetime(2017, 3, 1, tzinfo=UTC)


def micros(time: datetime) -> int:
    """Microseconds since the epoch."""
    return (time - EPOCH) // timedelta(microseconds=1)


def events_of(row: week.Row) -> list[dict[str, Any]]:
    """The events that one row of the export stands for."""
    pressed = [
        (None, "call_arrival", row.call_arrival),
        (None, "call_create", row.call_create),
        (row.unit, "dispatch", row.dispatch),
        (row.unit, "enroute_to_scene", row.enroute),
        (row.unit, "on_scene", row.arrival),
        (row.unit, "enroute_to_hospital", row.to_hospital),
        (row.unit, "arrived_at_hospital", row.at_hospital),
        (row.unit, "unit_clear", row.end),
    ]
    events: list[dict[str, Any]] = []
    for unit, name, time in pressed:
        if time is not None:
            what: dict[str, Any] = {
                "kind": "milestone",
                "event_id": f"{row.call}/{row.unit}/{name}",
                "unit_id": unit,
                "name": name,
            }
            events.append({**what, "occurred_at": micros(time), "recorded_at": micros(time)})
    first = micros(min(row.times()))
    attributes = {**row.breakdown, "response_mode": row.mode}
    if row.breakdown["unit_type"] in week.DO_NOT_COUNT_FOR_FIRST_DUE:
        attributes["first_due_exempt"] = "*"
    what = {
        "kind": "change",
        "event_id": f"{row.call}/{row.unit}",
        "unit_id": row.unit,
        "attributes": attributes,
    }
    return [*events, {**what, "occurred_at": first, "recorded_at": first}]


def results_of(seen: dict[str, Any], call_time: int, began: int) -> list[week.Result]:
    """The intervals of one response or incident as the model sees it, in the form of the other program."""
    return [
        week.Result(
            interval=interval,
            mode=seen["mode"],
            breakdown={name: seen[name] for name in week.BREAKDOWNS},
            call_create=EPOCH + timedelta(microseconds=call_time),
            began=EPOCH + timedelta(microseconds=began),
            reason=found["reason"],
            value=found["value"],
            at=EPOCH + timedelta(microseconds=found["at"]),
            limit=found["limit"],
            never_ended=found["standing"] == "never_ended",
        )
        for interval, found in seen["intervals"].items()
    ]


def test_the_rows_give_the_golden_figures() -> None:
    """week.py, straight from the rows, differs from golden in nothing."""
    assert week.compare_with_golden(week.all_results(EXPORT), GOLDEN) == (136, [])


def test_the_events_give_the_golden_figures() -> None:
    """join.py, from the events of the same rows, differs from golden in nothing either."""
    results = []
    for rows in week.read_incidents(EXPORT):
        events = [event for row in rows for event in events_of(row)]
        incident = join.view({"A": events}, micros(LONG_AFTER))["A"]
        results += results_of(incident, incident["call_time"], incident["call_time"])
        for response in incident["responses"].values():
            results += results_of(response, incident["call_time"], response["milestones"]["dispatch"])

    assert week.compare_with_golden(results, GOLDEN) == (136, [])
