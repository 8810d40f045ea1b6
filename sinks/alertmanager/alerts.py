"""A breach's record as alerts: labels that carry nobody, annotations that carry what is needed to act.

One alert a breach and severity: amber stays while red is open, and Alertmanager's inhibition keeps it quiet.
Labels never change while a breach is open, for they are what an alert is known by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from schemas.agency import Agency
from schemas.records import BreachRecord
from schemas.times import SECOND, Micros
from sinks.prometheus.labels import clean
from sinks.terminal.words import duration, local_and_utc

ALERTNAME = "ResponseBreach"
AMBER, RED = "amber", "red"

_SPOKEN = {
    "turnout": "turnout",
    "travel_first_due": "first due",
    "travel_als": "first ALS unit",
    "call_answering": "call answering",
    "alarm_processing": "alarm processing",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where an alert leads: bases of addresses, empty for no link."""

    dashboard: str = ""
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is to stand in Alertmanager.

    Attributes:
        key: the breach's id and the severity.
        starts: seconds since the epoch; ``ends`` the same, None while it fires.
        told: when the record that said so was appended to Kafka: what its age is reckoned from.
    """

    key: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float | None
    told: float = field(compare=False)


def alerts_of(record: BreachRecord, append_ms: int, agency: Agency | None, links: Links) -> list[Alert]:
    """The alerts of a breach: of each severity it has had in its last episode, none where it was never open.

    Instants of the agency's clock become this world's by when the record was appended: a replay of years
    ago alerts now.
    """
    told = append_ms / 1000

    def world(instant: Micros) -> float:
        return told - max(0, record.as_of - instant) / SECOND

    ends = None if record.open else told
    found = []
    for severity, since in _episode(record).items():
        labels = {
            "alertname": ALERTNAME,
            "id": record.id,
            "agency": record.agency_id,
            "interval": record.interval,
            "station_area": clean(record.place.station_area),
            "severity": severity,
        }
        if record.simulated:
            labels["simulated"] = "true"
        starts = min(world(since), told - 0.001)
        notes = notes_of(record, severity, agency, links)
        found.append(Alert(f"{record.id}/{severity}", labels, notes, starts, ends, told))
    return found


def _episode(record: BreachRecord) -> dict[str, Micros]:
    """Severity to the instant it is dated at, of the last time the breach was opened.

    A red that was noticed with its end was never to be helped, and is told by the amber's end alone.
    """
    found: dict[str, Micros] = {}
    for number, step in enumerate(record.steps):
        if step.state in (AMBER, RED):
            before = record.steps[number - 1].state if number else ""
            if before not in (AMBER, RED):
                found = {}
            over = number + 1 < len(record.steps) and record.steps[number + 1].noticed == step.noticed
            if not over:
                found[step.state] = step.at
    return found


def notes_of(record: BreachRecord, severity: str, agency: Agency | None, links: Links) -> dict[str, str]:
    """What to know and where to go, short enough for a phone."""
    zone = agency.zone if agency is not None else ZoneInfo("UTC")
    who = ", ".join(record.units) or "no unit"
    what = _SPOKEN.get(record.interval, record.interval.replace("_", " "))
    elapsed = max(0, (record.as_of - record.started_at) // SECOND)
    target = duration(record.limit)
    area = record.place.station_area
    said = {
        "summary": f"{severity.upper()} {what}: {who}, area {area}, target {target}",
        "incident": record.incident_id,
        "units": who,
        "elapsed": duration(record.value if record.value >= 0 else elapsed),
        "target": target,
        "deadline": local_and_utc(record.deadline_at, zone),
        "description": _sentence(record, who, what),
    }
    if outcome := _outcome(record):
        said["outcome"] = outcome
    if links.dashboard:
        said["dashboard"] = f"{links.dashboard}?var-agency={record.agency_id}&var-station_area={area}"
    if links.runbook:
        said["runbook"] = f"{links.runbook}#responsebreach"
    return said


def _sentence(record: BreachRecord, who: str, what: str) -> str:
    left = max(0, (record.deadline_at - record.as_of) // SECOND)
    where = f"{record.place.class_}, area {record.place.station_area}"
    base = f"Incident {record.incident_id}, {where}: {what} of {who}"
    if record.state == AMBER:
        return f"{base} has {duration(left)} left of {duration(record.limit)}."
    if all(step.state != RED for step in record.steps):
        return f"{base} did not pass its target of {duration(record.limit)}."
    return f"{base} has passed its target of {duration(record.limit)}."


def _outcome(record: BreachRecord) -> str:
    """How it ended; empty while it is open."""
    if record.open:
        return ""
    if record.state == "withdrawn":
        return f"withdrawn: {record.reason}"
    return f"closed after {duration(record.value)}" if record.value >= 0 else "closed: it never ended"
