"""What can be said of the pipeline from one look at it. Pure; every count stands in a record already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import FigureRecord, HealthRecord
from schemas.times import Micros
from schemas.topics import EVENTS
from watchroom.board import Board

STAGES = ("incidents", "agency")
SILENT_S = 10.0
"""Health is written once a second; a partition that says nothing for so long has no owner."""

SCOPES: dict[str, tuple[str, ...]] = {
    "responses": EDITION.response_intervals,
    "incidents": EDITION.incident_intervals,
}
_MAYBE = frozenset({"travel_als"})
"""What an agency may leave unmeasured for a time: it accounts for no more than all, not for all."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        partitions: how many it has; ``reporting`` of them have said something lately.
        lag: offsets it is behind (transaction markers count), None where Kafka did not say.
        silent_s: since the quietest partition that ever reported last did.
    """

    name: str
    partitions: int
    reporting: int
    lag: int | None
    silent_s: float | None


@dataclass(frozen=True, slots=True)
class AgencyClock:
    """One agency's clock in the figures, and how far behind this machine's it is."""

    agency_id: str
    name: str
    zone: str
    clock: Micros
    behind_s: float


@dataclass(frozen=True, slots=True)
class Law:
    """The count law (DESIGN.md, The laws, 3).

    Attributes:
        arrived: events read, clocks and absorbed states apart; must be ``joined`` + the sum of ``dead``.
        accounted: scope to the responses or incidents that every interval of it accounts for, as n +
            excluded + open + merged, over the calendar months that are kept.
        months: that were looked at.
        broken: what does not add up, in sentences; empty where the law holds.
    """

    arrived: int
    joined: int
    dead: dict[str, int]
    accounted: dict[str, int]
    months: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything adds up."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it.

    Attributes:
        generation: that is shown; None before the first worker ever ran.
        evicted: incidents whose state was let go after their time.
        problems: what is wrong, in sentences.
    """

    generation: int | None
    edition: int | None
    stages: tuple[Stage, ...]
    agencies: tuple[AgencyClock, ...]
    law: Law
    per_second: float | None
    open_incidents: int
    held: int
    evicted: int
    rejected_labels: int
    problems: tuple[str, ...] = field(default=())


def of(board: Board, agencies: Mapping[str, Agency], now_s: float) -> Facts:
    """The facts of one look.

    Args:
        board: the look.
        agencies: the agencies' files.
        now_s: seconds since the epoch.
    """
    generation = board.generation
    parts = [record for record, _ in board.health.values()]
    expected = {
        "incidents": generation.partitions if generation else 0,
        "agency": generation.result_partitions if generation else 0,
    }
    stages = tuple(_stage(name, board, expected[name], now_s) for name in STAGES) if generation else ()
    law = law_of(parts, board.figures.values())
    one = [r for r in parts if r.stage == "incidents"]
    return Facts(
        generation=generation.generation if generation else None,
        edition=generation.edition if generation else None,
        stages=stages,
        agencies=_clocks(parts, agencies, now_s),
        law=law,
        per_second=board.per_second,
        open_incidents=sum(r.open_incidents for r in one),
        held=sum(r.held for r in one),
        evicted=sum(r.evicted for r in one),
        rejected_labels=sum(r.rejected_labels for r in parts),
        problems=tuple(_problems(board, stages, law)),
    )


def _stage(name: str, board: Board, expected: int, now_s: float) -> Stage:
    ages = [now_s - ms / 1000 for record, ms in board.health.values() if record.stage == name]
    return Stage(
        name=name,
        partitions=expected,
        reporting=sum(age <= SILENT_S for age in ages),
        lag=_lag(name, board),
        silent_s=max(0.0, max(ages)) if ages else None,
    )


def _lag(name: str, board: Board) -> int | None:
    """Offsets between the positions told and the ends.

    Where stage two has told none it has read the topic whole when it took the partition, and nothing has come
    since; where stage one has told none it has read nothing.
    """
    if not board.span:
        return None
    lag = 0
    for (topic, partition), (first, end) in board.span.items():
        if (topic == EVENTS) != (name == "incidents"):
            continue
        told = board.health.get(f"{name}/{partition}")
        position = told[0].positions.get(topic) if told else None
        if position is None:
            position = first if name == "incidents" or told is None else end
        lag += max(0, end - max(position, first))
    return lag


def _clocks(
    parts: list[HealthRecord], agencies: Mapping[str, Agency], now_s: float
) -> tuple[AgencyClock, ...]:
    """An agency's clock where its figures are made; before it has one there, the least of stage one's."""
    clocks: dict[str, Micros] = {}
    for stage in STAGES:
        of_stage: dict[str, list[Micros]] = {}
        for record in parts:
            if record.stage == stage:
                for agency_id, clock in record.clocks.items():
                    of_stage.setdefault(agency_id, []).append(clock)
        clocks.update({agency_id: min(all_of_it) for agency_id, all_of_it in of_stage.items()})
    return tuple(
        AgencyClock(
            agency_id=agency_id,
            name=agencies[agency_id].name if agency_id in agencies else agency_id,
            zone=agencies[agency_id].time_zone if agency_id in agencies else "UTC",
            clock=clock,
            behind_s=now_s - clock / 1e6,
        )
        for agency_id, clock in sorted(clocks.items())
    )


def _problems(board: Board, stages: tuple[Stage, ...], law: Law) -> Iterable[str]:
    if board.error:
        yield board.error
    if board.generation is None:
        yield "no worker has run on this Kafka yet"
    for stage in stages:
        if (missing := stage.partitions - stage.reporting) > 0:
            yield (
                f"stage {stage.name}: {missing} of {stage.partitions} partitions have not reported for "
                f"{SILENT_S:.0f} s: no worker has them, or it stands still"
            )
    yield from law.broken


# ------------------------------------------------------------------------------------------ the count law


def law_of(parts: Iterable[HealthRecord], figures: Iterable[FigureRecord]) -> Law:
    """Whether everything adds up: what arrived, and what each interval accounts for.

    Intervals are compared in calendar months: a month holds an incident by its call, for every interval
    alike, while a rolling window holds each interval by its own date, so that there the sums differ rightly.
    """
    arrived = joined = 0
    dead: dict[str, int] = {}
    broken: list[str] = []
    for record in parts:
        if record.stage != "incidents":
            continue
        buried = sum(record.dead.values())
        arrived, joined = arrived + record.arrived, joined + record.joined
        for reason, count in record.dead.items():
            dead[reason] = dead.get(reason, 0) + count
        if record.arrived != record.joined + buried:
            broken.append(
                f"partition {record.partition}: {record.arrived:,} events arrived, and {record.joined:,} "
                f"joined with {buried:,} dead-lettered are {record.joined + buried:,}"
            )
    accounted, months = _accounted(figures, broken)
    return Law(arrived, joined, dict(sorted(dead.items())), accounted, months, tuple(broken))


def total(figure: FigureRecord) -> int:
    """All that a figure accounts for."""
    return figure.n + sum(figure.excluded.values()) + figure.open + figure.merged


def _accounted(figures: Iterable[FigureRecord], broken: list[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    totals: dict[tuple[str, str, str], dict[str, int]] = {}
    for figure in figures:
        if figure.by == "all" and figure.window.startswith("month:"):
            at = (figure.agency_id, figure.window, figure.mode)
            totals.setdefault(at, {})[figure.interval] = total(figure)
    accounted = dict.fromkeys(SCOPES, 0)
    for (agency_id, window, mode), by_interval in sorted(totals.items()):
        for scope, intervals in SCOPES.items():
            every = {i: by_interval.get(i, 0) for i in intervals if i not in _MAYBE}
            whole = max(every.values())
            accounted[scope] += whole
            for interval, count in every.items():
                if count != whole:
                    broken.append(
                        f"{agency_id} {window} {mode}: {interval} accounts for {count:,} of {whole:,} {scope}"
                    )
            broken.extend(
                f"{agency_id} {window} {mode}: {interval} accounts for {by_interval[interval]:,} of "
                f"{whole:,} {scope}"
                for interval in _MAYBE & set(intervals) & set(by_interval)
                if by_interval[interval] > whole
            )
    return accounted, tuple(sorted({window for _, window, _ in totals}))
