"""Figures as a sheet: a row a figure, and above them what they are: agency, edition, as of, how asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from schemas.agency import Agency, Target
from schemas.records import FigureRecord
from schemas.times import Micros, iso
from sinks.terminal.plain import Column, Sheet
from sinks.terminal.selection import ANY, Selection, has_anything
from sinks.terminal.words import NOTHING, count, duration, local_and_utc, share

Asked = Literal["live", "as shown", "as known now"]
TOP_REASONS = 2
VALUES_SHOWN = 30
LEFT_OUT = "A wider terminal shows targets, reasons of exclusion and late-included compliance, too."
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked of which agency.

    Attributes:
        agency_id: whose figures.
        agency: its file, None where there is none here.
        selection: which figures.
        asked: which of the three ways to ask (DEFINITIONS.md, 4).
        instant: the T of ``as shown`` and ``as known now``; when live the agency's clock, 0 if unknown.
    """

    agency_id: str
    agency: Agency | None
    selection: Selection
    asked: Asked = "live"
    instant: Micros = 0

    @property
    def zone(self) -> ZoneInfo:
        """The agency's zone, UTC where its file is not here."""
        return self.agency.zone if self.agency else _UTC


def sheet(question: Question, figures: Iterable[FigureRecord], *, compact: bool = False) -> Sheet:
    """The figures of one agency that are asked for.

    Args:
        question: what was asked.
        figures: all the agency's figures; the newest among them says what the time is.
        compact: leave out targets, reasons and the second compliance, and say so.
    """
    figures = [f for f in figures if f.agency_id == question.agency_id]
    fitting = question.selection.of(figures)
    shown, mute = fitting, []
    if not question.selection.intervals:
        alive = {f.interval for f in fitting if has_anything(f)}
        shown = [f for f in fitting if f.interval in alive]
        mute = [f for f in fitting if f.interval not in alive]
    columns, rows = _table(question, shown)
    breaks = frozenset(i for i in range(1, len(shown)) if shown[i].interval != shown[i - 1].interval)
    foot = _mute(mute) if fitting else _nothing(question, figures)
    if compact and shown:
        columns, rows = _compacted(columns, rows)
        foot = (*foot, LEFT_OUT)
    return Sheet(_head(question, figures), columns, rows, foot, breaks)


def _head(question: Question, figures: list[FigureRecord]) -> tuple[str, ...]:
    agency, picked = question.agency, question.selection
    name = f"{agency.name} ({question.agency_id})" if agency else question.agency_id
    simulated = any(f.simulated for f in figures) or (agency is not None and agency.simulated)
    title = [name, "any mode" if picked.mode == ANY else picked.mode]
    if picked.by != "all":
        title.append("any breakdown" if picked.by == ANY else f"by {picked.by}")
    if simulated:
        title.append("SIMULATED")
    editions = ", ".join(map(str, sorted({f.edition for f in figures}))) or NOTHING
    if question.asked == "live":
        # The clock goes on while no figure changes.
        as_of = max((f.as_of for f in figures), default=question.instant)
        as_of = max(as_of, question.instant)
        when = f"live, as of {local_and_utc(as_of, question.zone)}"
    elif question.asked == "as shown":
        when = f"as shown at {local_and_utc(question.instant, question.zone)}"
    else:
        when = f"as known now for {local_and_utc(question.instant, question.zone)}"
    return ", ".join(title), f"{when}; definitions edition {editions}"


def _table(
    question: Question, figures: Sequence[FigureRecord]
) -> tuple[tuple[Column, ...], tuple[tuple[str, ...], ...]]:
    """The columns that say something here, and their cells."""
    picked = question.selection
    cells: list[tuple[Column, list[str]]] = [(Column("interval"), [f.interval for f in figures])]
    if picked.mode == ANY:
        cells.append((Column("mode"), [f.mode for f in figures]))
    if picked.by == ANY:
        cells.append((Column("by"), [f.by for f in figures]))
    if picked.by != "all":
        cells.append((Column("group"), [f.group for f in figures]))
    cells += [
        (Column("window"), [f.window + (" final" if f.final else "") for f in figures]),
        (Column("n", number=True), [count(f.n) for f in figures]),
        (Column("p50", number=True), [duration(f.p50) for f in figures]),
        (Column("p90", number=True), [duration(f.p90) for f in figures]),
        (Column("p95", number=True), [duration(f.p95) for f in figures]),
        (Column("compliance", number=True), [share(f.within, f.bound) for f in figures]),
        (Column("late incl.", number=True), [share(f.within, f.bound + f.late) for f in figures]),
        (Column("target", flexible=True), [target_of(question.agency, f) for f in figures]),
        (Column("open", number=True), [count(f.open) for f in figures]),
    ]
    if any(f.merged for f in figures):
        cells.append((Column("merged", number=True), [count(f.merged) for f in figures]))
    cells.append((Column("excluded", flexible=True), [excluded(f) for f in figures]))
    return tuple(c for c, _ in cells), tuple(zip(*(column for _, column in cells), strict=True))


def _compacted(
    columns: tuple[Column, ...], rows: tuple[tuple[str, ...], ...]
) -> tuple[tuple[Column, ...], tuple[tuple[str, ...], ...]]:
    """The same with fewer and shorter columns: of what is excluded the number alone."""
    kept = [i for i, column in enumerate(columns) if column.title not in ("late incl.", "target")]
    titles = {"compliance": "compl."}
    short = tuple(
        Column(titles.get(columns[i].title, columns[i].title), columns[i].number) for i in kept[:-1]
    )
    cut = tuple((*(row[i] for i in kept[:-1]), row[-1].partition(" ")[0]) for row in rows)
    return (*short, Column("excl.", number=True)), cut


def excluded(figure: FigureRecord) -> str:
    """How many were excluded, and most of them why."""
    if not figure.excluded:
        return "0"
    top = sorted(figure.excluded.items(), key=lambda pair: (-pair[1], pair[0]))
    said = [f"{reason} {count(number)}" for reason, number in top[:TOP_REASONS]]
    if len(top) > TOP_REASONS:
        said.append(f"+{count(sum(number for _, number in top[TOP_REASONS:]))}")
    return f"{count(sum(figure.excluded.values()))} ({', '.join(said)})"


def target_of(agency: Agency | None, figure: FigureRecord) -> str:
    """The targets that bind what is in the figure, from the agency's file: ``1:00 EMS, 1:20 FIRE (90 %)``."""
    if agency is None:
        return "?"
    binding = [t for t in agency.rules_at(figure.as_of).targets if _binds(t, figure)]
    if not binding:
        return NOTHING
    said = [f"{duration(t.seconds)} {scope}".strip() for t in binding for scope in (_scope(t, figure),)]
    goals = sorted({t.goal_percent for t in binding})
    if len({t.seconds for t in binding}) == 1 and len(binding) > 1:
        said = said[:1]
    return f"{', '.join(said)} ({'/'.join(map(str, goals))} %)"


def _binds(target: Target, figure: FigureRecord) -> bool:
    return (
        target.interval == figure.interval
        and target.mode == figure.mode
        and (figure.by != "class" or "*" in target.classes or figure.group in target.classes)
        and (figure.by != "priority" or "*" in target.priorities or figure.group in target.priorities)
    )


def _scope(target: Target, figure: FigureRecord) -> str:
    parts = [] if figure.by == "class" or "*" in target.classes else ["/".join(target.classes)]
    if figure.by != "priority" and "*" not in target.priorities:
        parts.append("priority " + "/".join(target.priorities))
    return " ".join(parts)


def _mute(mute: list[FigureRecord]) -> tuple[str, ...]:
    """The intervals with nothing but exclusions, and why mostly."""
    reasons: dict[str, Counter[str]] = {}
    for figure in mute:
        reasons.setdefault(figure.interval, Counter()).update(figure.excluded)
    said = [
        f"{interval} ({why.most_common(1)[0][0]})" if why else interval for interval, why in reasons.items()
    ]
    return (f"Nothing measured: {', '.join(said)}.",) if said else ()


def _nothing(question: Question, figures: list[FigureRecord]) -> tuple[str, ...]:
    """That nothing fits, and what there is of what was asked for."""
    picked = question.selection
    said = [f"No figure of {question.agency_id} fits what was asked."]
    there = {
        "intervals": sorted({f.interval for f in figures}),
        "windows": sorted({f.window for f in figures if picked.by in (ANY, f.by)}),
        "groups": sorted({f.group for f in figures if f.by == picked.by and f.by != "all"}),
    }
    for name, values in there.items():
        if values:
            more = f" and {len(values) - VALUES_SHOWN} more" if len(values) > VALUES_SHOWN else ""
            said.append(f"There are {name} {', '.join(values[:VALUES_SHOWN])}{more}.")
    return tuple(said)


def as_json(figure: FigureRecord, asked: Asked) -> dict[str, Any]:
    """A figure as one object: the whole record, defaults too, both compliances, and how it was asked.

    Spans are whole seconds; a percentile of nothing is null.
    """
    body: dict[str, Any] = {name: getattr(figure, name) for name in figure.__struct_fields__}
    for name in ("p50", "p90", "p95"):
        body[name] = None if body[name] < 0 else body[name]
    if not figure.histogram:
        del body["histogram"]
    body["as_of"] = iso(figure.as_of)
    body["compliance"] = figure.compliance
    body["compliance_late_included"] = figure.compliance_late_included
    body["asked"] = asked
    return body


def json_line(figure: FigureRecord, asked: Asked) -> str:
    """``as_json`` as one line."""
    return msgspec.json.encode(as_json(figure, asked)).decode()
