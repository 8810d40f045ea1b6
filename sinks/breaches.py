"""Breaches for people: the table of those open and recent, and the life of one in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

import msgspec

from schemas.keys import incident_key, response_key
from schemas.records import BreachRecord, IncidentRecord, ResponseRecord, Step, decode_breach, decode_result
from schemas.times import MINUTE, Micros
from sinks.reading import Generation, Reader, Record, filled
from sinks.terminal.plain import Column, Sheet
from sinks.terminal.words import duration, local_and_utc

BREACHES = "breaches"
RECENT: Micros = 30 * MINUTE
_ORDER = {"red": 0, "amber": 1, "closed": 2, "withdrawn": 2}

COLUMNS = (
    Column("agency"),
    Column("state"),
    Column("interval"),
    Column("units", flexible=True),
    Column("area"),
    Column("incident"),
    Column("deadline"),
    Column("elapsed", number=True),
    Column("target", number=True),
    Column("reason", flexible=True),
    Column("id"),
)


class BreachTable:
    """The breaches as they stand: of each key the highest revision; and the agencies' clocks beside them."""

    def __init__(self) -> None:
        self.breaches: dict[str, BreachRecord] = {}
        self.clocks: dict[str, Micros] = {}
        self.unreadable = 0

    def take(self, records: Iterable[Record]) -> list[BreachRecord]:
        """Take records of ``breaches``; returns what was news."""
        came = []
        for record in records:
            if record.value is None:
                self.breaches.pop(record.key, None)
                continue
            try:
                breach = decode_breach(record.value)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            if not isinstance(breach, BreachRecord):
                # Each partition tells its own; the greatest is near enough to say how long something has run.
                self.clocks[breach.agency_id] = max(breach.time, self.clocks.get(breach.agency_id, 0))
                continue
            known = self.breaches.get(record.key)
            if known is None or known.revision < breach.revision:
                self.breaches[record.key] = breach
                came.append(breach)
        return came

    def shown(self, agency_ids: Iterable[str] = (), recent: Micros = RECENT) -> list[BreachRecord]:
        """Open ones, red first, the oldest deadline first; then those that ended lately, the latest first."""
        wanted = set(agency_ids)
        found = [
            b
            for b in self.breaches.values()
            if (not wanted or b.agency_id in wanted)
            and (b.open or b.as_of > self.clocks.get(b.agency_id, b.as_of) - recent)
        ]
        return sorted(found, key=lambda b: (_ORDER[b.state], b.deadline_at if b.open else -b.as_of, b.id))

    def named(self, name: str) -> BreachRecord | None:
        """A breach by its id or its key."""
        found = self.breaches.get(name)
        return found or next((b for b in self.breaches.values() if b.id == name), None)


def live(reader: Reader, generation: Generation | None) -> BreachTable:
    """All breaches as they stand now, committed."""
    return filled(BreachTable(), reader, generation, [BREACHES])


def sheet(table: BreachTable, breaches: list[BreachRecord], zones: dict[str, ZoneInfo]) -> Sheet:
    """A row a breach."""
    rows = tuple(_row(table, breach, zones) for breach in breaches)
    red = sum(b.state == "red" for b in breaches)
    amber = sum(b.state == "amber" for b in breaches)
    head = f"{red} red, {amber} amber; {len(breaches) - red - amber} ended lately"
    foot = ("watchroom breaches why ID tells the life of one.",) if rows else ()
    return Sheet((head,), COLUMNS, rows, foot)


def _row(table: BreachTable, breach: BreachRecord, zones: dict[str, ZoneInfo]) -> tuple[str, ...]:
    now = max(breach.as_of, table.clocks.get(breach.agency_id, 0)) if breach.open else breach.ended_at
    elapsed = breach.value if breach.value >= 0 else max(0, now - breach.started_at) // 1_000_000
    zone = zones.get(breach.agency_id, ZoneInfo("UTC"))
    return (
        breach.agency_id + (" (simulated)" if breach.simulated else ""),
        breach.state,
        breach.interval,
        ", ".join(breach.units),
        breach.place.station_area,
        breach.incident_id,
        local_and_utc(breach.deadline_at, zone).partition(" (")[0],
        duration(elapsed),
        duration(breach.limit),
        breach.reason or breach.standing,
        breach.id,
    )


def keys_of(breach: BreachRecord) -> list[str]:
    """The keys of the records that a breach's life came from: its response, or all of its incident's."""
    if breach.unit_id:
        return [response_key(breach.agency_id, breach.incident_id, breach.unit_id, breach.ordinal)]
    return [incident_key(breach.agency_id, breach.incident_id)]


def milestones_of(values: Iterable[bytes]) -> dict[str, Micros]:
    """The milestones of those records that stand now, by what they are called."""
    found: dict[str, Micros] = {}
    for value in values:
        record = decode_result(value)
        if isinstance(record, ResponseRecord):
            found |= {f"{record.unit_id} {name}": at for name, at in record.milestones.items()}
        elif isinstance(record, IncidentRecord):
            found |= record.milestones
    return found


def story(breach: BreachRecord, milestones: dict[str, Micros], zone: ZoneInfo) -> Iterator[str]:
    """A breach's life in sentences, in order of time."""
    who = ", ".join(breach.units) or "no unit"
    yield (
        f"{breach.id}: {breach.interval} of {who}, incident {breach.incident_id}, agency {breach.agency_id}, "
        f"area {breach.place.station_area}, {breach.place.mode}, class {breach.place.class_}."
    )
    told: list[tuple[Micros, int, str]] = [
        (at, 0, f"{name.replace('_', ' ')}.") for name, at in milestones.items()
    ]
    if breach.simulated:
        yield "SIMULATED: this call is invented."
    limit = duration(breach.limit)
    if breach.started_at and breach.limit >= 0:
        told.append((breach.started_at, 1, f"the clock starts; its limit is {limit}."))
    told += [(step.at, 2, _step(step, breach)) for step in breach.steps]
    for at, _, words in sorted(told, key=lambda item: item[:2]):
        yield f"{local_and_utc(at, zone).partition(' (')[0]}  {words}"
    yield f"It is {_now(breach)}."


def _step(step: Step, breach: BreachRecord) -> str:
    later = (step.noticed - step.at) // 1_000_000
    noticed = f" (noticed by the clock {duration(later)} later)" if later > 1 else ""
    if step.state == "amber":
        return f"amber: 80 % of {duration(step.limit)} has passed{noticed}."
    if step.state == "red":
        return f"red: the deadline of {duration(step.limit)} has passed{noticed}."
    if step.state == "closed":
        what = f"after {duration(breach.value)}" if breach.value >= 0 else "without ever being measured"
        return f"closed {what}{noticed}."
    return f"withdrawn: {step.reason}{noticed}."


def _now(breach: BreachRecord) -> str:
    if breach.state == "withdrawn":
        return f"withdrawn ({breach.reason}): it stands in no count"
    if breach.state == "closed":
        return (
            f"closed, and stands ({breach.standing})"
            if breach.standing
            else "closed; its incident is not over"
        )
    return f"{breach.state}, and open"
