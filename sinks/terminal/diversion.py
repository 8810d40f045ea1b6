"""Diversion figures in the terminal: rates as a sheet, the funnel as bars, a formula in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import msgspec

from schemas.agency import Agency
from schemas.definitions import EDITION, Formula
from schemas.records import CallTimes, DiversionRecord, Rate
from sinks.terminal.plain import Column, Sheet
from sinks.terminal.words import NOTHING, count, duration, local_and_utc

BAR = 32
SIMULATED = "SIMULATED: these calls are invented, and say nothing of any real city."
PUBLIC = "For the public: counts from 1 to 9, and what would give them away, are left out."


def percent(rate: Rate | None) -> str:
    """A rate to one decimal, halves rounded up; ``-`` where there is no figure.

    >>> percent(Rate(22055, 109854)), percent(Rate(0, 7)), percent(None)
    ('20.1 %', '0.0 %', '-')
    """
    if rate is None:
        return NOTHING
    share = 100 * Decimal(str(rate.numerator)) / Decimal(str(rate.denominator))
    return f"{share.quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def number(value: float) -> str:
    """A count, with decimals only where it has them.

    >>> number(22055.0), number(12.35)
    ('22,055', '12.35')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:,.2f}"


def head(
    figures: Sequence[DiversionRecord], agency: Agency | None, *, public: bool = False, known: bool = False
) -> tuple[str, ...]:
    """What the figures are: agency, as of, edition; and whether they are simulated.

    ``known``: they are as known now for a time, not live.
    """
    first = figures[0]
    name = f"{agency.name} ({first.agency_id})" if agency is not None else first.agency_id
    zone = agency.zone if agency is not None else ZoneInfo("UTC")
    as_of = max(f.as_of for f in figures)
    asked = "as known now for" if known else "live, as of"
    lines = [
        f"{name}, mediation and diversion",
        f"{asked} {local_and_utc(as_of, zone)}; definitions edition {first.edition}",
    ]
    if any(f.simulated for f in figures) or (agency is not None and agency.simulated):
        lines.insert(1, SIMULATED)
    if public:
        lines.append(PUBLIC)
    return tuple(lines)


def rates_sheet(
    figures: Sequence[DiversionRecord], agency: Agency | None, *, public: bool = False, known: bool = False
) -> Sheet:
    """A row a window (and group) and formula: percent, numerator, denominator."""
    grouped = any(f.by != "all" for f in figures)
    columns = [Column("window")]
    if grouped:
        columns.append(Column("group"))
    columns += [Column("formula"), Column("", flexible=True), Column("rate", number=True)]
    columns += [Column("numerator", number=True), Column("denominator", number=True)]
    rows: list[tuple[str, ...]] = []
    rules: set[int] = set()
    for figure in figures:
        rules.add(len(rows))
        for formula in EDITION.formula:
            rate = figure.rates.get(formula.id)
            if rate is None and grouped:
                continue
            counts = (number(rate.numerator), number(rate.denominator)) if rate else (NOTHING, NOTHING)
            where = [window_of(figure)] + ([figure.group] if grouped else [])
            rows.append((*where, formula.id, formula.title, percent(rate), *counts))
    foot = tuple(line for figure in figures if figure.by == "all" for line in beside(figure, public=public))
    return Sheet(
        head(figures, agency, public=public, known=known),
        tuple(columns),
        tuple(rows),
        foot,
        frozenset(rules - {0}),
    )


def window_of(figure: DiversionRecord) -> str:
    """The window, and whether it is final."""
    return figure.window + (" final" if figure.final else "")


def repeats(figure: DiversionRecord) -> str:
    """How many were repeats, of those of which it can be said; no place known is no figure, not 0."""
    placed = figure.counts.get("placed", 0)
    if not placed:
        return "repeats unknown (no place is)"
    return f"{figure.counts.get('repeat', 0)} repeats within 30 days of {placed} with a known place"


def beside(figure: DiversionRecord, *, public: bool) -> list[str]:
    """What must stand beside the rates: unlinked, repeats, hours saved, the comparison."""
    of = figure.counts.get
    lines = []
    if not public:
        lines.append(
            f"{figure.window}: {of('unlinked', 0)} without a CAD half (left out of D1c, R1, R2, P1), "
            f"{of('suitable_final', 0)} suitable by the final type, {repeats(figure)}"
        )
    if figure.police_minutes_saved:
        hours = figure.police_minutes_saved / 60
        lines.append(
            f"{figure.window}: {hours:,.1f} police hours saved, if it is true that: {figure.assumption}"
        )
    if figure.with_unit.calls or figure.without_unit.calls:
        lines.append(
            f"{figure.window}: suitable calls with the unit: {compared(figure.with_unit)}; "
            f"without: {compared(figure.without_unit)}"
        )
    times = []
    if figure.arrival_p50 >= 0:
        within = duration(figure.arrival_p90)
        times.append(f"arrives {duration(figure.arrival_p50)} after the call (median; 90 % within {within})")
    if figure.scene_p50 >= 0:
        times.append(f"stays {duration(figure.scene_p50)} (median)")
    if times:
        lines.append(f"{figure.window}: the unit {' and '.join(times)}")
    return lines


def compared(calls: CallTimes) -> str:
    """One side of the comparison in words."""
    if not calls.calls:
        return "none"
    per_call = duration(calls.police_s // calls.calls)
    return (
        f"{count(calls.calls)} calls, police on scene in {count(calls.police_present)}, {per_call} of police "
        f"a call, first arrival {duration(calls.p50)} (median)"
    )


# The funnel

_TREE: tuple[tuple[int, str], ...] = (
    (0, "suitable"),
    (1, "out_of_hours"),
    (1, "out_of_area"),
    (1, "in_service"),
    (2, "not_offered"),
    (2, "offered"),
    (3, "undecided"),
    (3, "declined"),
    (3, "unit_unavailable"),
    (3, "accepted"),
    (4, "waiting"),
    (4, "withdrawn"),
    (4, "by_phone"),
    (4, "dispatched"),
    (5, "under_way"),
    (5, "canceled"),
    (5, "on_scene"),
)


def funnel_text(figure: DiversionRecord, agency: Agency | None, *, public: bool = False) -> str:
    """The funnel drawn: a bar a step, the column of calls taken all the same beside it, outcomes below."""
    whole = max(figure.funnel.get("suitable", 0), 1)
    title = window_of(figure) + ("" if figure.by == "all" else f", {figure.by} {figure.group}")
    lines = [*head([figure], agency, public=public), "", f"{title:<34}{'':<{BAR}}  funnel  beside"]
    for depth, step in _TREE:
        n, aside = figure.funnel.get(step), figure.column.get(step)
        if depth == 1 and step != "in_service":
            aside = figure.column.get(step)
        bar = "█" * max(1 if n else 0, round(BAR * (n or 0) / whole))
        lines.append(f"{'  ' * depth + step:<34}{bar:<{BAR}}  {_or_blank(n):>6}  {_or_blank(aside):>6}")
    lines.append(
        f"{'off criteria, taken':<34}{'':<{BAR}}  {'':>6}  {_or_blank(figure.column.get('off_criteria')):>6}"
    )
    of = figure.counts.get
    lines += ["", f"handled {_or_blank(of('handled'))} = funnel + beside; of them ended:"]
    lines += [
        f"  {name:<32}{n:>8,}" for name, n in sorted(figure.outcomes.items(), key=lambda i: (-i[1], i[0]))
    ]
    if of("handled_open"):
        lines.append(f"  {'(not ended yet)':<32}{of('handled_open'):>8,}")
    if of("implied"):
        lines.append(f"{of('implied'):,} have a step nobody stated, which a later one implies")
    return "\n".join(lines) + "\n"


def _or_blank(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


# A formula in words


NONE_YET = "No figure yet: no call of an agency with a mediation unit has come in."


def explanation(
    formula: Formula, figures: Iterable[DiversionRecord], agency: Agency | None, *, why_none: str = NONE_YET
) -> str:
    """The definition, its source, numerator and denominator as of now, and what would flatter it."""
    lines = [
        f"{formula.id}  {formula.title}",
        "",
        f"numerator:    {formula.numerator}",
        f"denominator:  {formula.denominator}",
        f"definition:   edition {EDITION.edition}, section 6; after {formula.source}",
        "",
        f"looks better than it is:  {formula.better}",
        f"looks worse than it is:   {formula.worse}",
    ]
    shown = list(figures)
    if not shown:
        return "\n".join([*lines, "", f"as of now:    {why_none}"]) + "\n"
    lines += ["", *head(shown, agency)]
    for figure in shown:
        rate = figure.rates.get(formula.id)
        said = (
            f"{number(rate.numerator)} / {number(rate.denominator)} = {percent(rate)}"
            if rate is not None
            else "no figure: the denominator is zero"
        )
        lines.append(f"  {window_of(figure):<21}{said}")
    assumed = next((f.assumption for f in shown if f.assumption), "")
    if formula.id.startswith("D3") and assumed:
        lines.append(f"  assumed: {assumed}")
    return "\n".join(lines) + "\n"


def json_line(figure: DiversionRecord, *, public: bool = False) -> str:
    """A figure's record as a line of JSON, with each rate's value beside its parts."""
    body = msgspec.to_builtins(figure)
    body["rates"] = {
        formula: {"numerator": rate.numerator, "denominator": rate.denominator, "value": rate.value}
        for formula, rate in figure.rates.items()
    }
    if public:
        body["public"] = True
        for name in ("with_unit", "without_unit"):
            body.pop(name, None)
    return msgspec.json.encode(body).decode()
