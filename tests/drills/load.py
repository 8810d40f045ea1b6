"""What goes in: San Francisco's week and a second city, as untidy as dispatch is, from a seed.

Events come late, come twice, are corrected; incidents are merged, and some of the merges undone; and a few
records are none. Each city has its clocks, so that incidents are closed by rule while things break.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from schemas.events import ClockEvent
from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros, iso, moment, parse
from tests.pipeline.kit import Item, events_of, taken

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


@dataclass(frozen=True)
class Load:
    """All that goes in, in order, and what is known of it."""

    items: list[Item]
    bad: dict[bytes, str]
    agencies: tuple[str, ...]
    end: Micros


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
        late = chance.randrange(LATE_MAX) if chance.random() < LATE else 0
        key, value = f"{city.agency}/{body['incident_id']}", json.dumps(body).encode()
        said.append(_Said(at + late, number, key, value))
        if chance.random() < TWICE:
            said.append(_Said(at + late + chance.randrange(LATE_MAX), number, key, value))
    return sorted(said)


def _clocked(city: City, said: list[_Said], step: Micros) -> Iterator[tuple[Micros, int, Item]]:
    """Clocks among the events, none at the end: that is the load's."""
    reached = said[0].at // step
    for one in said:
        while one.at // step > reached:
            reached += 1
            yield reached * step, 0, clock(city.agency, reached * step)
        yield one.at, 1, (one.key, one.value)


def clock(agency: str, at: Micros) -> ClockEvent:
    """A clock of the export."""
    return ClockEvent(agency_id=agency, source_id="export", time=moment(at))


def load(path: Path, cities: Iterable[City], seed: int, step: Micros = HOUR) -> Load:
    """Everything that goes in.

    Args:
        path: an export in San Francisco's form.
        cities: whose agencies' files must be there.
        seed: of the records that are none, and where they stand.
        step: between clocks.
    """
    cities, chance = tuple(cities), random.Random(f"bad {seed}")
    spoken = [_city(path, city) for city in cities]
    streams = [_clocked(city, said, step) for city, said in zip(cities, spoken, strict=True)]
    items: list[Item] = []
    bad: dict[bytes, str] = {}
    for _, _, item in merge(*streams, key=lambda one: one[:2]):
        items.append(item)
        if chance.random() < BAD:
            reason = chance.choice(sorted(REASONS))
            value = REASONS[reason].replace(b"%d", b"%d" % len(bad))
            bad[value] = reason
            items.append((f"nobody/{len(bad)}", value))
    end = max(said[-1].at for said in spoken) // DAY * DAY + DAY + END
    items += [clock(city.agency, end) for city in cities]
    return Load(items, bad, tuple(city.agency for city in cities), end)


def last_words(load_: Load) -> list[Item]:
    """One more event about every incident, so that every state is read back and its records written anew."""
    of: dict[str, tuple[str, str]] = {}
    for key, value in events_of(load_.items):
        if value not in load_.bad:
            body = json.loads(value)
            of.setdefault(key, (body["agency_id"], body["incident_id"]))
    said: list[Item] = []
    for key, (agency, incident) in of.items():
        body = {
            "kind": "disposition",
            "event_id": "last-word",
            "agency_id": agency,
            "incident_id": incident,
            "source_id": "export",
            "occurred_at": iso(load_.end - END),
            "disposition": "asked once more",
        }
        said.append((key, json.dumps(body).encode()))
    return said
