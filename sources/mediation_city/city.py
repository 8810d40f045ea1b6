"""All calls of a simulated city in the order of time, with both sources' clocks. Pure: chance is a seed.

Each day is drawn by a seed of its own, so the same day of the same seed is the same whatever was asked for
around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

import msgspec

from schemas.agency import Agency
from schemas.keys import incident_key
from schemas.times import DAY, HOUR, SECOND, Micros, iso, micros
from sources.mediation_city import calls, model
from sources.mediation_city.calls import CAD, DESK, Call, Dice, Saying, Teams

TAIL: Micros = 48 * HOUR
_encode = msgspec.json.Encoder().encode


class Plan(NamedTuple):
    """What to simulate.

    Attributes:
        agency: its file, which lists the sources ``cad`` and ``desk``, zone and criteria.
        start: the first local day; None days: without end.
        clock_step: event time between clocks.
        background_percent: police and fire calls around, of what the model says.
    """

    agency: Agency
    start: date
    days: int | None
    seed: int
    clock_step: Micros = DAY
    background_percent: int = 100


class Item(NamedTuple):
    """An event by its key, or with no key the clocks of both sources.

    Attributes:
        at: when it is said.
        key: the incident's key, empty for clocks.
        value: the event's bytes, empty for clocks.
    """

    at: Micros
    key: str
    value: bytes


def stream(plan: Plan) -> Iterator[Item]:
    """Events and clocks in order; a clock comes after all that was said up to it."""
    waiting: list[tuple[Micros, int, Saying]] = []
    numbers, teams = count(), Teams()
    following = _midnight(plan, 0)
    for day in count() if plan.days is None else range(plan.days):
        for call in _day(plan, day, teams):
            for saying in call.said:
                heappush(waiting, (saying.at, next(numbers), saying))
        # What calls of later days say comes after the midnight that begins them.
        yield from _until(plan, waiting, following, _midnight(plan, day + 1))
        following = _next_clock(plan, following, _midnight(plan, day + 1))
    last = max((at for at, _, _ in waiting), default=following)
    yield from _until(plan, waiting, following, last + 1)
    yield Item(last, "", b"")
    yield Item(last + TAIL, "", b"")


def _until(
    plan: Plan, waiting: list[tuple[Micros, int, Saying]], following: Micros, end: Micros
) -> Iterator[Item]:
    while waiting and waiting[0][0] < end:
        at, _, saying = heappop(waiting)
        while following < at:
            yield Item(following, "", b"")
            following += plan.clock_step
        key = incident_key(plan.agency.id, saying.incident_id)
        yield Item(at, key, _rendered(plan.agency.id, saying))
    while following < end:
        yield Item(following, "", b"")
        following += plan.clock_step


def _next_clock(plan: Plan, following: Micros, end: Micros) -> Micros:
    steps = max(0, -(-(end - following) // plan.clock_step))
    return following + steps * plan.clock_step


def _midnight(plan: Plan, day: int) -> Micros:
    on = plan.start + timedelta(days=day)
    return micros(datetime(on.year, on.month, on.day, tzinfo=plan.agency.zone))


def _day(plan: Plan, day: int, teams: Teams) -> list[Call]:
    """The calls of one local day in the order of their ringing; teams go to them in that order."""
    on = plan.start + timedelta(days=day)
    dice = Dice(f"{plan.seed}/{on.isoformat()}")
    begin, length = _midnight(plan, day), _midnight(plan, day + 1) - _midnight(plan, day)
    drawn: list[tuple[Micros, int, str]] = []
    per_day = {
        "suitable": model.SUITABLE_A_WEEK / 7,
        "police": model.POLICE_A_DAY * plan.background_percent / 100,
        "officer": model.OFFICERS_A_DAY * plan.background_percent / 100,
        "fire": model.FIRE_A_DAY * plan.background_percent / 100,
    }
    for sort, expected in per_day.items():
        for _ in range(_how_many(dice, expected)):
            second = _second(dice) * SECOND
            drawn.append((begin + min(second, length - SECOND), len(drawn), sort))
    drawn.sort()
    return [_call(plan, on, number, at, sort, teams) for number, (at, _, sort) in enumerate(drawn, 1)]


def _how_many(dice: Dice, expected: float) -> int:
    """About so many: a sum of many small chances."""
    trials = int(expected * 4) + 1
    return sum(dice.below(1_000_000) < expected / trials * 1_000_000 for _ in range(trials))


def _second(dice: Dice) -> int:
    at = dice.below(sum(model.HOURS))
    for hour, weight in enumerate(model.HOURS):
        at -= weight
        if at < 0:
            return hour * 3600 + dice.below(3600)
    raise AssertionError("weights add up to more than they are")


def _call(plan: Plan, on: date, number: int, at: Micros, sort: str, teams: Teams) -> Call:
    dice = Dice(f"{plan.seed}/{on.isoformat()}/{number}")
    call = Call(f"S{on.strftime('%y%m%d')}{number:04d}", at, dice)
    zone, address = dice.choice(model.ZONES), _address(dice, often=sort == "suitable")
    if sort == "suitable":
        type_ = dice.choice(model.SUITABLE)
        calls.suitable(call, type_, zone=zone, address=address, agency=plan.agency, teams=teams)
    elif sort == "fire":
        calls.fire(call, dice.choice(model.FIRE), zone=zone, address=address)
    elif sort == "police" and _taken_off(plan, dice, at, zone):
        type_ = dice.choice(model.POLICE)
        call.rings(type_, zone=zone, address=address, by="PUBLIC", mode="NON_EMERGENT", class_="POLICE")
        calls.mediate(call, teams)
    else:
        kinds, by = (model.OFFICER, "OFFICER") if sort == "officer" else (model.POLICE, "PUBLIC")
        calls.background(call, dice.choice(kinds), by=by, zone=zone, address=address)
    mediated = any(s.source == DESK and s.kind == "mediation_unit" for s in call.said)
    if mediated and dice.of_thousand(model.NO_CAD_HALF):
        call.said = [
            s if s.source == CAD else s._replace(incident_id=f"{call.incident_id}X") for s in call.said
        ]
    return call


def _taken_off(plan: Plan, dice: Dice, at: Micros, zone: str) -> bool:
    """Whether a call off criteria is taken all the same, in service hours."""
    criteria = plan.agency.criteria_at(at)
    if criteria is None or criteria.in_service(at, zone, plan.agency.zone) != "in_service":
        return False
    return dice.of_thousand(model.TAKEN_OFF)


def _address(dice: Dice, *, often: bool) -> str:
    often = often and dice.of_thousand(model.OFTEN_SHARE)
    number = dice.below(model.OFTEN if often else model.PLACES)
    return f"{number} Simulated Street"


def _rendered(agency_id: str, saying: Saying) -> bytes:
    body: dict[str, Any] = {
        "kind": saying.kind,
        "event_id": "",
        "agency_id": agency_id,
        "incident_id": saying.incident_id,
        "source_id": saying.source,
        "occurred_at": iso(saying.occurred),
        "simulated": True,
        **{name: value for name, value in saying.fields.items() if value is not None},
    }
    if saying.recorded is not None:
        body["recorded_at"] = iso(saying.recorded)
    # The id is the content: an entry that comes twice is the same event.
    body["event_id"] = blake2b(_encode(body), digest_size=12).hexdigest()
    return _encode(body)
