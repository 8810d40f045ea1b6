"""What goes in: San Francisco's week and a second city, as untidy as dispatch is, from a seed.

Events come late, come twice, are corrected; incidents are merged, and some of the merges undone; and a few
records are none. Each city has its clocks, so that incidents are closed by rule while things break. A third
city is simulated and has a mediation unit: both halves of its incidents come late and twice as well.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from schemas.agency import load_agency
from schemas.events import ClockEvent
from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros, iso, moment, parse
from sources.mediation_city.calls import CAD, DESK
from sources.mediation_city.city import Plan, stream
from tests.pipeline.kit import ROOT, Item, events_of, taken

LATE, LATE_MAX = 0.10, 3 * HOUR
TWICE = 0.05
CORRECTED = 0.02
MERGED, UNMERGED = 0.01, 0.5
BAD = 0.002
"""Shares: of events that come late, come twice, are corrected; of incidents that are merged, of those the
merges undone; of records that are none."""

END = 48 * HOUR
"""The last clock is so long after the last event: all that is open is closed by rule."""

REASONS = {
    "not_json": b'{"kind":"milestone","event_id":"bad-%d',
    "unknown_kind": b'{"kind":"sandwich","event_id":"bad-%d"}',
    "invalid": b'{"kind":"milestone","event_id":"bad-%d","agency_id":"sffd","incident_id":""}',
    "not_utf8": b'{"kind":"milestone","event_id":"bad-%d \xff"}',
    "unknown_agency": b'{"kind":"disposition","event_id":"bad-%d","agency_id":"atlantis","incident_id":"1",'
    b'"occurred_at":"2017-01-01T00:00:00Z"}',
    "naive_time": b'{"kind":"disposition","event_id":"bad-%d","agency_id":"sffd","incident_id":"1",'
    b'"occurred_at":"2017-01-01T00:00:00"}',
}
"""Records that are none, by the reason under which they must be found in ``dead.letters``."""


class City(NamedTuple):
    """An agency of the drill.

    Attributes:
        agency: its id.
        copies: of the file, laid over each other; a copy's incidents have ids of their own.
        chance: seed of its untidiness.
    """

    agency: str
    copies: int
    chance: int


class Mediated(NamedTuple):
    """The simulated city with a mediation unit.

    Attributes:
        days: so many local days from ``START`` on, and so many percent of its police and fire calls.
        chance: seed of the city and of its untidiness.
    """

    days: int
    background_percent: int
    chance: int


MEDIATED = "dayton-sim"
START = date(2024, 6, 4)
"""A Tuesday: the unit works on weekdays."""


@dataclass(frozen=True)
class Load:
    """All that goes in, in order, and what is known of it.

    Attributes:
        agencies: those that ``tests/reference`` judges, and the clock of each at the end.
        mediated_end: the simulated city's clock at the end; 0 where it has no part.
    """

    items: list[Item]
    bad: dict[bytes, str]
    agencies: tuple[str, ...]
    end: Micros
    mediated_end: Micros = 0

    def later(self, by: Micros, more: Iterable[Item]) -> Load:
        """The same with more said, and clocks that have gone on."""
        mediated_end = self.mediated_end + by if self.mediated_end else 0
        return replace(self, items=[*self.items, *more], end=self.end + by, mediated_end=mediated_end)

    def last_clocks(self) -> list[Item]:
        """Of every source the clock at the end."""
        found: list[Item] = [clock(agency, self.end) for agency in self.agencies]
        if self.mediated_end:
            found += [clock(MEDIATED, self.mediated_end, source) for source in (CAD, DESK)]
        return found


class _Said(NamedTuple):
    at: Micros
    number: int
    key: str
    value: bytes


def _copied(body: dict[str, Any], copy: int) -> dict[str, Any]:
    if not copy:
        return body
    return body | {
        "incident_id": f"{body['incident_id']}-{copy}",
        "event_id": f"{body['event_id']}-{copy}",
        "occurred_at": iso(parse(body["occurred_at"]) + copy * 37 * MINUTE),
    }


def _events(path: Path, city: City) -> Iterator[dict[str, Any]]:
    """The city's tidy events."""
    for _, value in events_of(taken(path, city.agency)):
        for copy in range(city.copies):
            yield _copied(json.loads(value), copy)


def _said(city: City, incident: str, what: str, at: Micros, **more: Any) -> dict[str, Any]:
    return {
        "kind": what,
        "event_id": f"{what}-{incident}-{at}-{more.get('name', '')}",
        "agency_id": city.agency,
        "incident_id": incident,
        "source_id": "export",
        "occurred_at": iso(at),
        **more,
    }


def _corrections(city: City, bodies: Iterable[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """Some buttons were pressed late, or by mistake, and somebody sets it right ten minutes later."""
    found: list[dict[str, Any]] = []
    for body in bodies:
        if body["kind"] == "milestone" and chance.random() < CORRECTED:
            was = parse(body["occurred_at"])
            more = {"name": body["name"], "recorded_at": iso(was + 10 * MINUTE)}
            if "unit_id" in body:
                more["unit_id"] = body["unit_id"]
            if chance.random() < 0.5:
                more["was"] = body["occurred_at"]
            if chance.random() < 0.9:
                more["time"] = iso(was + chance.randrange(-90, 90) * SECOND)
            more["event_id"] = f"correction-{len(found)}"  # ties are broken by it: each has its own
            found.append(_said(city, body["incident_id"], "correction", was, **more))
    return found


def _merges(city: City, began: dict[str, Micros], chance: random.Random) -> list[dict[str, Any]]:
    """Two calls about one fire: the later is merged into one that began shortly before it."""
    order = sorted(began, key=lambda incident: (began[incident], incident))
    found: list[dict[str, Any]] = []
    for before, incident in pairwise(order):
        if chance.random() >= MERGED:
            continue
        at = began[incident] + chance.randrange(1, 30) * MINUTE
        found.append(_said(city, incident, "merge", at, merged_into=before))
        if chance.random() < UNMERGED:
            found.append(_said(city, incident, "merge", at + chance.randrange(1, 600) * MINUTE))
    return found


def _city(path: Path, city: City) -> list[_Said]:
    """What a city says, in the order in which it is said."""
    chance = random.Random(f"load {city.chance}")
    bodies = list(_events(path, city))
    began: dict[str, Micros] = {}
    for body in bodies:
        at = parse(body["occurred_at"])
        began[body["incident_id"]] = min(at, began.get(body["incident_id"], at))
    bodies += _corrections(city, bodies, chance)
    bodies += _merges(city, began, chance)
    said = []
    for number, body in enumerate(bodies):
        at = parse(body.get("recorded_at", body["occurred_at"]))
        said.append(_Said(at, number, f"{city.agency}/{body['incident_id']}", json.dumps(body).encode()))
    return _untidy(said, chance)


def _untidy(said: Iterable[_Said], chance: random.Random) -> list[_Said]:
    """Some of it late, some of it twice, in the order in which it is said then."""
    found = []
    for one in said:
        late = one.at + (chance.randrange(LATE_MAX) if chance.random() < LATE else 0)
        found.append(one._replace(at=late))
        if chance.random() < TWICE:
            found.append(one._replace(at=late + chance.randrange(LATE_MAX)))
    return sorted(found)


def _mediated(city: Mediated) -> list[_Said]:
    """What both halves of the simulated city say."""
    agency = load_agency(ROOT / "deploy" / "agencies" / f"{MEDIATED}.toml")
    plan = Plan(agency, START, city.days, city.chance, background_percent=city.background_percent)
    said = [_Said(one.at, number, one.key, one.value) for number, one in enumerate(stream(plan)) if one.key]
    return _untidy(said, random.Random(f"mediated {city.chance}"))


def _clocked(
    agency: str, sources: Iterable[str], said: list[_Said], step: Micros, since: Micros
) -> Iterator[tuple[Micros, int, Item]]:
    """Clocks among the events, none at the end: that is the load's.

    Each comes with when it is said, as if the first event were at ``since``.
    """
    shift = since - said[0].at
    reached = said[0].at // step
    for one in said:
        while one.at // step > reached:
            reached += 1
            for source in sources:
                yield reached * step + shift, 0, clock(agency, reached * step, source)
        yield one.at + shift, 1, (one.key, one.value)


def clock(agency: str, at: Micros, source: str = "export") -> ClockEvent:
    """A clock, of the export if nothing else is said."""
    return ClockEvent(agency_id=agency, source_id=source, time=moment(at))


def _end(said: list[_Said]) -> Micros:
    return said[-1].at // DAY * DAY + DAY + END


def load(
    path: Path, cities: Iterable[City], seed: int, step: Micros = HOUR, mediated: Mediated | None = None
) -> Load:
    """Everything that goes in.

    Args:
        path: an export in San Francisco's form.
        cities: whose agencies' files must be there.
        seed: of the records that are none, and where they stand.
        step: between clocks.
        mediated: the simulated city, if it has a part; what it says is laid over what the others say.
    """
    cities, chance = tuple(cities), random.Random(f"bad {seed}")
    spoken = [_city(path, city) for city in cities]
    streams = [
        _clocked(city.agency, ("export",), said, step, said[0].at)
        for city, said in zip(cities, spoken, strict=True)
    ]
    simulated = _mediated(mediated) if mediated is not None else []
    if simulated:
        streams.append(_clocked(MEDIATED, (CAD, DESK), simulated, step, spoken[0][0].at))
    items: list[Item] = []
    bad: dict[bytes, str] = {}
    for _, _, item in merge(*streams, key=lambda one: one[:2]):
        items.append(item)
        if chance.random() < BAD:
            reason = chance.choice(sorted(REASONS))
            value = REASONS[reason].replace(b"%d", b"%d" % len(bad))
            bad[value] = reason
            items.append((f"nobody/{len(bad)}", value))
    agencies, end = tuple(city.agency for city in cities), max(map(_end, spoken))
    made = Load(items, bad, agencies, end, _end(simulated) if simulated else 0)
    return made.later(0, made.last_clocks())


def last_words(load_: Load) -> list[Item]:
    """One more event about every incident, so that every state is read back and its records written anew."""
    of: dict[str, tuple[str, str, str]] = {}
    for key, value in events_of(load_.items):
        if value not in load_.bad:
            body = json.loads(value)
            of.setdefault(key, (body["agency_id"], body["incident_id"], body["source_id"]))
    said: list[Item] = []
    for key, (agency, incident, source) in of.items():
        end = load_.mediated_end if agency == MEDIATED else load_.end
        body = {
            "kind": "disposition",
            "event_id": "last-word",
            "agency_id": agency,
            "incident_id": incident,
            "source_id": source,
            "occurred_at": iso(end - END),
            "disposition": "asked once more",
        }
        said.append((key, json.dumps(body).encode()))
    return said
