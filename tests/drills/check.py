"""The answer held against the reference: every record, every figure, every count, every state.

The reference computes from the events that stand in Kafka's log, read record by record by a plain client,
without anything of ``streams``: ``tests/reference/join.py`` says what each incident and response is,
``tests/core/naive.py`` what each figure is. What is found is what stands in the result topics. Of the
simulated city ``tests/drills/undisturbed.py`` says what both stages make of the same events where nothing
breaks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from schemas import records
from schemas.agency import Agency, load_agencies
from schemas.keys import incident_key, response_key
from schemas.records import FigureRecord, IncidentRecord, ResponseRecord
from schemas.times import Micros, parse
from schemas.topics import DEAD_LETTERS, EVENTS
from tests.core import naive
from tests.core.against import differences
from tests.core.driver import Floor
from tests.drills import undisturbed
from tests.drills.house import RESULTS, House
from tests.drills.load import MEDIATED, Load
from tests.drills.reading import everything
from tests.pipeline.plain import Raw
from tests.reference import join

Record = ResponseRecord | IncidentRecord
Event = dict[str, Any]
SHOWN = 20
"""So many differences are told in full; the others are counted."""

SAID = join.Settings(als=True)
"""What San Francisco's file says, as the reference takes it: with first ALS unit, all else by default."""

_NAMES = ("n", "p50", "p90", "p95", "open", "merged", "bound", "within", "late", "excluded", "standing")


class Difference(NamedTuple):
    """One thing that is not as it must be.

    Attributes:
        what: the record, the figure, the count.
        words: both values.
        events: of its incident, in the order of the log, for a record.
    """

    what: str
    words: str
    events: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.what}: {self.words}", *(f"    {event}" for event in self.events)])


class Verdict(NamedTuple):
    """What was compared, and what differs."""

    compared: Counter[str]
    differences: list[Difference]


class Said(NamedTuple):
    """What stands on ``incident.events``.

    Attributes:
        events: by agency and incident, in the order of the log, as the reference wants them.
        lines: the same as text, with partition and offset.
        arrived: how many events there are, those that are none among them.
        bad: offset to reason, by partition.
        mediated: key and value of what the simulated city's events are, in the order of the log.
    """

    events: dict[str, dict[str, list[Event]]]
    lines: dict[tuple[str, str], list[str]]
    arrived: int
    bad: dict[tuple[int, int], tuple[str, bytes]]
    values: set[bytes]
    mediated: list[tuple[str, bytes]]


def said_in(log: Iterable[Raw], load: Load) -> Said:
    """What the log says, read plainly."""
    events: dict[str, dict[str, list[Event]]] = {agency: {} for agency in load.agencies}
    lines: dict[tuple[str, str], list[str]] = {}
    bad: dict[tuple[int, int], tuple[str, bytes]] = {}
    values: set[bytes] = set()
    mediated: list[tuple[str, bytes]] = []
    arrived = 0
    for raw in log:
        value = raw.value or b""
        if (reason := load.bad.get(value)) is not None:
            bad[raw.partition, raw.offset] = reason, value
            arrived += 1
            values.add(value)
            continue
        body = json.loads(value)
        if body["kind"] in ("clock", "absorbed"):
            continue
        arrived += 1
        values.add(value)
        agency, incident = body["agency_id"], body["incident_id"]
        if agency == MEDIATED:
            mediated.append((incident_key(agency, incident), value))
            continue
        events[agency].setdefault(incident, []).append(as_reference(body))
        lines.setdefault((agency, incident), []).append(f"{raw.partition}/{raw.offset} {value.decode()}")
    return Said(events, lines, arrived, bad, values, mediated)


def as_reference(body: Mapping[str, Any]) -> Event:
    """An event in the reference's shape: integer times, None for absent."""
    event = {"unit_id": None, **body}
    for name in ("occurred_at", "recorded_at", "was", "time"):
        if isinstance(event.get(name), str):
            event[name] = parse(event[name])
    event.setdefault("recorded_at", event["occurred_at"])
    if event["kind"] == "correction":
        event = {"was": None, "time": None, **event}
    if event["kind"] == "merge":
        event.setdefault("merged_into", None)
    return event


class Found:
    """What stands in the result topics of one agency, as ``tests/core/against.py`` asks for it."""

    def __init__(self, agency: str, best: Mapping[str, Record]) -> None:
        self._agency = agency
        self.best = best
        self._mine: dict[str, Record] = {}

    def incident(self, incident_id: str) -> IncidentRecord:
        found = self.best.get(incident_key(self._agency, incident_id))
        if found is None:
            return IncidentRecord(
                agency_id=self._agency, incident_id=incident_id, revision=(-1, 0), source=(0, 0, 0),
                state="void",
            )  # fmt: skip
        return cast(IncidentRecord, found)

    def response(self, incident_id: str, unit: str, ordinal: int = 1) -> ResponseRecord:
        return cast(ResponseRecord, self.best[response_key(self._agency, incident_id, unit, ordinal)])

    def about(self, incidents: Iterable[str], by: Mapping[str, list[str]]) -> Found:
        """The same, where ``records`` are those of these incidents alone."""
        part = Found(self._agency, self.best)
        part._mine = {key: self.best[key] for incident in incidents for key in by.get(incident, ())}
        return part

    def records(self) -> dict[str, Record]:
        return {key: record for key, record in self._mine.items() if record.state != "void"}


def best_of(raws: Iterable[Raw]) -> dict[str, Record]:
    """Of each key the record of the highest revision."""
    best: dict[str, Record] = {}
    for raw in raws:
        if raw.key is None or raw.value is None or b"//clock/" in raw.key:
            continue
        key, record = raw.key.decode(), cast(Record, records.decode_result(raw.value))
        if key not in best or record.revision >= best[key].revision:
            best[key] = record
    return best


def judge(house: House, load: Load, health: Mapping[str, Any], clocks: Mapping[str, Micros]) -> Verdict:
    """Everything there is to compare, of a house that has settled.

    Args:
        house: whose topics.
        load: what was sent.
        health: as it settled.
        clocks: what each agency's clock must be.
    """
    compared: Counter[str] = Counter()
    found: list[Difference] = []
    said = said_in(house.plain.log(EVENTS), load)
    found += counts(said, load, house, health, compared)
    agencies = load_agencies(house.settings.agencies_dir)
    raws = {topic: house.plain.log(topic) for topic in RESULTS}
    for topic in RESULTS:
        found += revisions(topic, raws[topic], house.broker.bootstrap, compared)
    best = best_of(raw for topic in RESULTS[:2] for raw in raws[topic])
    last = house.plain.last("figures.g1")
    for agency in load.agencies:
        found += of_records(agency, said, best, clocks[agency], compared)
        found += of_figures(agencies[agency], best, last, clocks[agency], compared)
    if load.mediated_end:
        wanted = undisturbed.answer(agencies[MEDIATED], said.mediated, load.mediated_end)
        there = undisturbed.found(MEDIATED, (raw for topic in RESULTS for raw in raws[topic]), last)
        found += of_both_halves(wanted, there, compared)
    return Verdict(compared, found)


# -- records


def together(events: Mapping[str, list[Event]]) -> list[list[str]]:
    """Incidents that have to do with each other: those that a merge ever named, alone or in company."""
    of: dict[str, str] = {}

    def root(one: str) -> str:
        while of.setdefault(one, one) != one:
            one = of[one]
        return one

    for incident, mine in events.items():
        root(incident)
        for event in mine:
            if event["kind"] == "merge" and event["merged_into"]:
                of[root(incident)] = root(event["merged_into"])
    groups: dict[str, list[str]] = {}
    for incident in list(of):
        groups.setdefault(root(incident), []).append(incident)
    return [sorted(group) for group in groups.values()]


def of_records(
    agency: str, said: Said, best: Mapping[str, Record], clock: Micros, compared: Counter[str]
) -> Iterator[Difference]:
    """Every record of an agency against the reference's view of the same events."""
    events = said.events[agency]
    by: dict[str, list[str]] = {}
    for key, record in best.items():
        if record.agency_id == agency:
            by.setdefault(record.incident_id, []).append(key)
            compared["records"] += 1
    floor = Found(agency, best)
    for group in together(events):
        mine = {incident: events[incident] for incident in group if incident in events}
        compared["events"] += sum(map(len, mine.values()))
        compared["incidents"] += len(mine)
        try:
            words = differences(cast(Floor, floor.about(group, by)), mine, clock, SAID)
        except KeyError as missing:
            words = [f"{group}: no record {missing}"]
        lines = tuple(line for incident in group for line in said.lines.get((agency, incident), ()))
        yield from (Difference(f"record of {agency}", one, lines) for one in words)
    for incident in sorted(by.keys() - events.keys()):
        if floor.incident(incident).state != "void":
            yield Difference(
                f"record of {agency}", f"{incident}: nobody spoke of it, and there is {by[incident]}"
            )


def revisions(
    topic: str, raws: Iterable[Raw], bootstrap: str, compared: Counter[str]
) -> Iterator[Difference]:
    """Of one key, equal revisions are equal bytes, and none committed is lower than the one before.

    A live reader, who sees what was aborted as well, ends with the same record.
    """
    last: dict[bytes, tuple[list[int], bytes]] = {}
    for raw in raws:
        if raw.key is None or raw.value is None or b"//clock/" in raw.key:
            continue
        revision = json.loads(raw.value)["revision"]
        before = last.get(raw.key)
        if before is not None and revision < before[0]:
            yield Difference(f"{topic} {raw.key!r}", f"{revision} after {before[0]} at {raw[:2]}")
        if before is not None and revision == before[0] and raw.value != before[1]:
            yield Difference(
                f"{topic} {raw.key!r}", f"one revision, two answers: {before[1]!r}, {raw.value!r}"
            )
        last[raw.key] = revision, raw.value
        compared["committed revisions"] += 1
    live: dict[bytes, tuple[list[int], bytes]] = {}
    for _, key, value in everything(bootstrap, topic, committed=False):
        if key is None or value is None:
            continue
        if b"//clock/" in key:
            continue
        revision = json.loads(value)["revision"]
        if key not in live or revision >= live[key][0]:
            live[key] = revision, value
        compared["revisions a live reader saw"] += 1
    for key in live.keys() | last.keys():
        if live.get(key) != last.get(key):
            yield Difference(
                f"{topic} {key!r}", f"{last.get(key)} committed, {live.get(key)} for a live reader"
            )


# -- figures


def of_figures(
    agency: Agency,
    best: Mapping[str, Record],
    last: Mapping[bytes, bytes | None],
    clock: Micros,
    compared: Counter[str],
) -> Iterator[Difference]:
    """Every figure of an agency, made anew from its records one by one."""
    mine = [record for record in best.values() if record.agency_id == agency.id]
    wanted = naive.live(mine, agency, clock)
    prefix = f"{agency.id}/".encode()
    figures = {
        key.decode(): records.decode_figure(value)
        for key, value in last.items()
        if value is not None and key.startswith(prefix)
    }
    compared["figures"] += len(figures)
    for series in sorted(wanted.keys() | figures.keys()):
        published = figures.get(series)
        found = None if published is None else {name: getattr(published, name) for name in _NAMES}
        if wanted.get(series) != found:
            yield Difference(f"figure {series}", f"{wanted.get(series)} wanted, got {found}")
    yield from _final(mine, agency, figures, clock)


def _final(
    mine: list[Record], agency: Agency, figures: Mapping[str, FigureRecord], clock: Micros
) -> Iterator[Difference]:
    final = naive.final_periods(mine, agency, clock)
    for series, figure in figures.items():
        if figure.final != (figure.window in final):
            yield Difference(f"figure {series}", f"final {figure.window in final} wanted, got {figure.final}")


def of_both_halves(
    wanted: Mapping[str, bytes], there: Mapping[str, bytes], compared: Counter[str]
) -> Iterator[Difference]:
    """Everything of the simulated city against what is said of it where nothing breaks, byte by byte."""
    compared["records and figures of both halves"] += len(wanted)
    compared["encounters"] += sum(name.startswith("encounter ") for name in wanted)
    compared["figures of diversion"] += sum(name.startswith("diversion ") for name in wanted)
    for name in sorted(wanted.keys() | there.keys()):
        if wanted.get(name) != there.get(name):
            yield Difference(f"{MEDIATED}: {name}", f"{wanted.get(name)!r} wanted, got {there.get(name)!r}")


# -- counts


def counts(
    said: Said, load: Load, house: House, health: Mapping[str, Any], compared: Counter[str]
) -> Iterator[Difference]:
    """Nothing sent is missing; what arrived was joined or is a dead letter; each of those is there once."""
    sent = {item[1] for item in load.items if isinstance(item, tuple)}
    if lost := sent - said.values:
        yield Difference("incident.events", f"{len(lost)} of {len(sent)} events sent are not there")
    parts = [part for key, part in health.items() if key.startswith("incidents/")]
    dead: Counter[str] = Counter()
    for part in parts:
        dead.update(part.get("dead", {}))
    told = sum(p.get("arrived", 0) for p in parts), sum(p.get("joined", 0) for p in parts), dict(dead)
    reasons = Counter(reason for reason, _ in said.bad.values())
    true = said.arrived, said.arrived - len(said.bad), dict(reasons)
    compared["events counted"] += said.arrived
    if told != true:
        yield Difference("health (arrived, joined, dead)", f"{true} wanted, got {told}")
    wanted = {f"{EVENTS}/{p}/{o}".encode(): one for (p, o), one in said.bad.items()}
    letters: dict[bytes, tuple[str, bytes]] = {}
    for raw in house.plain.log(DEAD_LETTERS):
        assert raw.key is not None
        if raw.key in letters:
            yield Difference(f"dead letter {raw.key!r}", "is there twice")
        letters[raw.key] = raw.headers["reason"].decode(), raw.value or b""
    compared["dead letters"] += len(letters)
    for key in sorted(wanted.keys() | letters.keys()):
        if wanted.get(key) != letters.get(key):
            yield Difference(f"dead letter {key!r}", f"{wanted.get(key)} wanted, got {letters.get(key)}")


def in_words(verdict: Verdict) -> str:
    """What was compared and what differs."""
    lines = [", ".join(f"{count:,} {what}" for what, count in verdict.compared.items())]
    lines += [str(one) for one in verdict.differences[:SHOWN]]
    if len(verdict.differences) > SHOWN:
        lines.append(f"... {len(verdict.differences):,} differences in all")
    return "\n".join(lines)


def clocks_at(load: Load) -> dict[str, Micros]:
    """Each agency's clock at the end."""
    return dict.fromkeys(load.agencies, load.end)
