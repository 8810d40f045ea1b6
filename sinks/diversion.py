"""Reading diversion figures for people and for the public: live, and with small cells suppressed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from schemas.records import DiversionRecord, Rate, decode_diversion
from schemas.series import DIVERSION_BREAKDOWNS, is_diversion
from schemas.suppression import LEAST, Withheld, suppressed
from sinks.figures import FIGURES
from sinks.reading import Generation, Latest, Reader, Record, filled

_Cell = tuple[str, str, str, str]
"""(breakdown, group, section, name)"""

SECTIONS = ("counts", "funnel", "column", "outcomes")

_PARTS: dict[str, tuple[str, str]] = {
    "D1a": ("associated", "all"),
    "D1b": ("dispatched", "all"),
    "D1c": ("without_police", "all_linked"),
    "D2a": ("without_police_not_centric", "all"),
    "D2b": ("without_police_not_centric", "any_dispatched_not_centric"),
    "D3a": ("without_police", "all"),
    "D3b": ("without_police", "police_not_associated"),
    "E1": ("suitable_handled", "suitable"),
    "E2": ("in_service_handled", "in_service"),
    "R1": ("judged_without_police", "judged"),
    "R2": ("judged_resolved", "judged"),
    "B1": ("on_scene_police_requested", "on_scene"),
    "P1": ("judged_police_conflict", "judged"),
}
"""Formula to the counts that must be shown for it to be."""

_WITHIN: tuple[tuple[str, str], ...] = (
    ("all", "all_linked"),
    ("all", "suitable"),
    ("all", "suitable_final"),
    ("all", "associated"),
    ("all", "any_dispatched_not_centric"),
    ("all", "police_not_associated"),
    ("suitable", "in_service"),
    ("associated", "off_criteria"),
    ("associated", "dispatched"),
    ("associated", "handled"),
    ("associated", "implied"),
    ("associated", "placed"),
    ("placed", "repeat"),
    ("associated", "unlinked"),
    ("associated", "police_present"),
    ("associated", "police_requested"),
    ("associated", "police_conflict"),
    ("associated", "police_unseen"),
    ("dispatched", "on_scene"),
    ("handled", "by_phone"),
    ("handled", "ended"),
    ("handled", "handled_open"),
    ("ended", "judged"),
    ("on_scene", "without_police"),
    ("on_scene", "on_scene_police_requested"),
    ("without_police", "without_police_not_centric"),
    ("suitable", "suitable_handled"),
    ("in_service", "in_service_handled"),
    ("judged", "judged_without_police"),
    ("judged_without_police", "judged_resolved"),
    ("judged", "judged_police_conflict"),
)
"""(a set, a set within it): what is left of the one without the other is a cell as well."""

_STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("offered", ("accepted", "declined", "unit_unavailable", "undecided")),
    ("accepted", ("by_phone", "dispatched", "withdrawn", "waiting")),
    ("dispatched", ("on_scene", "canceled", "under_way")),
)


class DiversionTable(Latest[DiversionRecord]):
    """The diversion figures as they stand."""

    def __init__(self) -> None:
        super().__init__(decode_diversion)

    def take(self, records: Iterable[Record]) -> list[DiversionRecord]:
        """Take records of the topic ``figures``; others are left alone. Returns the figures that came."""
        mine = (r for r in records if r.topic == FIGURES and is_diversion(r.key))
        return [figure for record in mine if (figure := self.put(record)) is not None]


def live(reader: Reader, generation: Generation | None) -> DiversionTable:
    """All diversion figures as they stand now, committed."""
    return filled(DiversionTable(), reader, generation, [FIGURES])


def public(figures: Iterable[DiversionRecord]) -> list[DiversionRecord]:
    """The same figures with small cells, and what would give them away, taken out.

    A count that is hidden is not there, and neither is a rate made of it, nor a time that was measured on
    fewer than ten calls. Shares and police time saved go with the calls they are sums over. All figures of
    a window must be given together: a group alone cannot know what its total tells.
    """
    by_window: dict[tuple[str, str], list[DiversionRecord]] = defaultdict(list)
    for figure in figures:
        by_window[figure.agency_id, figure.window].append(figure)
    return [shown for window in by_window.values() for shown in _public_window(window)]


def _public_window(figures: list[DiversionRecord]) -> Iterator[DiversionRecord]:
    """First the whole, then what it is broken down by, one after the other, so far as nothing is taken back.

    A breakdown whose small cells could only be protected by hiding what is shown already is withheld.
    """
    taken: list[DiversionRecord] = []
    hidden: frozenset[_Cell] = frozenset()
    shown: set[_Cell] = set()
    public_by: set[str] = set()
    for by in DIVERSION_BREAKDOWNS:
        more = [figure for figure in figures if figure.by == by]
        cells = {
            (figure.by, figure.group, section, name): count
            for figure in (*taken, *more)
            for section in SECTIONS
            for name, count in getattr(figure, section).items()
        }
        try:
            hidden = suppressed(cells, _relations([*taken, *more], cells), shown)
        except Withheld:
            continue
        taken += more
        public_by.add(by)
        shown = cells.keys() - hidden
    for figure in figures:
        if figure.by in public_by:
            off = {cell[2:] for cell in hidden if cell[:2] == (figure.by, figure.group)}
        else:
            off = {(section, name) for section in SECTIONS for name in getattr(figure, section)}
        yield _without(figure, off)


def _relations(figures: list[DiversionRecord], cells: dict[_Cell, int]) -> list[tuple[_Cell, list[_Cell]]]:
    """Every sum that cells stand in; a cell that a figure leaves out is zero, and is made."""
    found: list[tuple[_Cell, list[_Cell]]] = []

    def relate(total: _Cell, parts: list[_Cell]) -> None:
        for cell in (total, *parts):
            cells.setdefault(cell, 0)
        found.append((total, parts))

    names = sorted({(section, name) for _, _, section, name in cells})
    groups: dict[str, list[str]] = defaultdict(list)
    for figure in figures:
        groups[figure.by].append(figure.group)
        for whole, part in _within(figure):
            rest: _Cell = (figure.by, figure.group, "rest", f"{whole[3]} without {part[3]}")
            cells[rest] = cells.get(whole, 0) - cells.get(part, 0)
            relate(whole, [part, rest])
        for total, parts in _of_figure(figure):
            relate(total, parts)
    for by, members in sorted(groups.items()):
        if by == "all" or "all" not in groups:
            continue
        for section, name in names:
            relate(("all", "all", section, name), [(by, group, section, name) for group in sorted(members)])
    return found


def _within(figure: DiversionRecord) -> Iterator[tuple[_Cell, _Cell]]:
    here = (figure.by, figure.group)
    for whole, part in _WITHIN:
        yield (*here, "counts", whole), (*here, "counts", part)


def _of_figure(figure: DiversionRecord) -> Iterator[tuple[_Cell, list[_Cell]]]:
    """The sums of section 6 within one figure."""
    here = (figure.by, figure.group)

    def cell(section: str, name: str) -> _Cell:
        return (*here, section, name)

    yield cell("counts", "suitable"), [cell("funnel", "suitable")]
    yield cell("counts", "in_service"), [cell("funnel", "in_service")]
    yield (
        cell("funnel", "suitable"),
        [cell("funnel", n) for n in ("in_service", "out_of_hours", "out_of_area")],
    )
    yield cell("funnel", "in_service"), [cell("funnel", n) for n in ("offered", "not_offered")]
    yield (
        cell("column", "taken"),
        [cell("column", n) for n in ("off_criteria", "out_of_hours", "out_of_area")],
    )
    yield cell("column", "taken"), [cell("column", "offered")]
    for side in ("funnel", "column"):
        for total, parts in _STEPS:
            yield cell(side, total), [cell(side, part) for part in parts]
        outcomes = sorted(n for n in getattr(figure, side) if n.startswith("outcome:"))
        yield cell(side, "on_scene"), [cell(side, n) for n in (*outcomes, "open")]
    for count, step in (("associated", "accepted"), ("by_phone", "by_phone"), ("on_scene", "on_scene")):
        yield cell("counts", count), [cell("funnel", step), cell("column", step)]
    yield cell("counts", "handled"), [cell("counts", "by_phone"), cell("counts", "on_scene")]
    yield cell("counts", "ended"), [cell("outcomes", n) for n in sorted(figure.outcomes)]


def _without(figure: DiversionRecord, hidden: set[tuple[str, str]]) -> DiversionRecord:
    """A copy without what is hidden."""
    kept = {
        section: {n: c for n, c in getattr(figure, section).items() if (section, n) not in hidden}
        for section in SECTIONS
    }
    off = {name for section, name in hidden if section == "counts"}
    rests = {tuple(name.split(" without ")) for section, name in hidden if section == "rest"}
    rates: dict[str, Rate] = {}
    for formula, rate in figure.rates.items():
        over, under = _PARTS[formula]
        if over in off or under in off or (under, over) in rests:
            continue
        rates[formula] = rate
    changed = msgspec.structs.replace(figure, rates=rates, **kept)
    if {"without_police", "all"} & off:
        changed.police_minutes_saved = 0.0
    if figure.arrival_n < LEAST or "on_scene" in off:
        changed.arrival_p50 = changed.arrival_p90 = -1
    if figure.scene_n < LEAST or "on_scene" in off:
        changed.scene_p50 = -1
    empty = msgspec.structs.replace(
        figure.with_unit, calls=0, police_present=0, police_s=0, n=0, p50=-1, p90=-1
    )
    # How many were measured and the comparison's counts stand in no sum above: the public has none of them.
    changed.arrival_n = changed.scene_n = 0
    changed.with_unit = changed.without_unit = empty
    return changed
