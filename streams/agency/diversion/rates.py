"""Formulas of sums: D1a to P1, each with numerator and denominator; a denominator of zero gives none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.records import DiversionRecord, Rate
from schemas.vocabulary import OUTCOMES
from streams.agency.diversion.counting import COLUMN, COUNTS, FUNNEL, PLACE

_PLAIN: dict[str, tuple[str, str]] = {
    "D1a": ("associated", "all"),
    "D1b": ("dispatched", "all"),
    "D1c": ("without_police", "all_linked"),
    "D2a": ("without_police_not_centric", "all"),
    "D2b": ("without_police_not_centric", "any_dispatched_not_centric"),
    "E1": ("suitable_handled", "suitable"),
    "E2": ("in_service_handled", "in_service"),
    "R1": ("judged_without_police", "judged"),
    "R2": ("judged_resolved", "judged"),
    "B1": ("on_scene_police_requested", "on_scene"),
    "P1": ("judged_police_conflict", "judged"),
}
"""Formulas that are one count over another."""


def rates(sums: list[int]) -> dict[str, Rate]:
    """Every formula whose denominator is not zero, in the order of their ids."""
    found = {formula: (sums[PLACE[over]], sums[PLACE[under]]) for formula, (over, under) in _PLAIN.items()}
    # Shares are whole percents, so sums of them are exact; in calls they have two decimals.
    percent, police = sums[PLACE["share_percent"]], sums[PLACE["police_not_associated"]]
    made = {formula: Rate(over, under) for formula, (over, under) in found.items() if under}
    if sums[PLACE["all"]]:
        made["D3a"] = Rate(percent / 100, sums[PLACE["all"]])
    if percent + 100 * police:
        made["D3b"] = Rate(percent / 100, (percent + 100 * police) / 100)
    return dict(sorted(made.items()))


def fill(figure: DiversionRecord, sums: list[int]) -> DiversionRecord:
    """Write sums into a figure: counts, funnel, column, outcomes, rates, police time saved."""
    figure.counts = {name: n for name in COUNTS if (n := sums[PLACE[name]])}
    figure.funnel = {name: n for name in FUNNEL if (n := sums[PLACE[f"funnel:{name}"]])}
    figure.column = {name: n for name in COLUMN if (n := sums[PLACE[f"column:{name}"]])}
    figure.outcomes = {name: n for name in OUTCOMES if (n := sums[PLACE[f"outcome:{name}"]])}
    figure.rates = rates(sums)
    figure.police_minutes_saved = sums[PLACE["saved_percent_minutes"]] / 100
    return figure


def unsound(figure: Any) -> list[str]:
    """The sums of section 6 that do not add up in a figure; empty where all do (DEFINITIONS.md, 6)."""
    of, beside, counts = (_counter(m) for m in (figure.funnel, figure.column, figure.counts))
    wrong = []

    def equal(name: str, whole: int, *parts: int) -> None:
        if whole != sum(parts):
            wrong.append(f"{name}: {whole} is not {' + '.join(map(str, parts))}")

    equal("suitable", of("suitable"), of("in_service"), of("out_of_hours"), of("out_of_area"))
    equal("in_service", of("in_service"), of("offered"), of("not_offered"))
    equal("taken", beside("taken"), beside("off_criteria"), beside("out_of_hours"), beside("out_of_area"))
    equal("taken", beside("taken"), beside("offered"))
    for side, n in (("funnel", of), ("column", beside)):
        equal(
            f"{side} offered",
            n("offered"),
            n("accepted"),
            n("declined"),
            n("unit_unavailable"),
            n("undecided"),
        )
        equal(f"{side} accepted", n("accepted"), n("by_phone"), n("dispatched"), n("withdrawn"), n("waiting"))
        equal(f"{side} dispatched", n("dispatched"), n("on_scene"), n("canceled"), n("under_way"))
        outcomes = [n(f"outcome:{name}") for name in OUTCOMES]
        equal(f"{side} on_scene", n("on_scene"), *outcomes, n("open"))
    equal(
        "handled", counts("handled"), of("by_phone"), of("on_scene"), beside("by_phone"), beside("on_scene")
    )
    equal("handled", counts("handled"), *figure.outcomes.values(), counts("handled_open"))
    equal("associated", counts("associated"), of("accepted"), beside("accepted"))
    return wrong


def _counter(counts: Mapping[str, int]) -> Any:
    return lambda name: counts.get(name, 0)
