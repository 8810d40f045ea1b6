"""Diversion on the exporter, in the terminal and for the public."""

from __future__ import annotations

import json

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.definitions import EDITION
from schemas.records import Rate, encode
from schemas.series import diversion_key
from schemas.suppression import LEAST, suppressed
from sinks.diversion import DiversionTable, public
from sinks.figures import FigureTable
from sinks.prometheus.diversion import DiversionBoard
from sinks.prometheus.labels import Refusals
from sinks.reading import Record
from sinks.terminal.diversion import explanation, funnel_text, json_line, percent, rates_sheet
from sinks.terminal.plain import plain
from tests.core.effort import examples
from tests.sinks.diverting import TOWN, VISIT, call, figures, month, of


def record(key: str, value: bytes | None) -> Record:
    """A record of the topic ``figures``."""
    return Record("figures", 0, 0, key, value, 0, [])


def test_the_board_shows_each_rate_with_its_parts() -> None:
    """Ratio, numerator and denominator under the formula's id; gone with the tombstone."""
    board = DiversionBoard(Refusals())
    for figure in month():
        board.take(figure.series, encode(figure))
    samples = {(name, labels): value for name, labels, value in board.samples()}

    assert samples["diversion_rate_numerator", ("town", "24h", "D1c")] == 27
    assert samples["diversion_rate_denominator", ("town", "24h", "D1c")] == 47
    assert samples["diversion_rate_ratio", ("town", "24h", "D1c")] == 27 / 47
    assert samples["diversion_by_group_rate_numerator", ("town", "24h", "area", "north", "E1")] == 29
    assert samples["diversion_funnel_calls", ("town", "day", "funnel", "not_offered")] == 17
    assert samples["diversion_outcome_calls", ("town", "month", "refused")] == 0
    assert samples["diversion_police_saved_seconds", ("town", "24h")] == 27 * 0.9 * 3600
    for figure in month():
        board.take(figure.series, None)
    assert list(board.samples()) == []


def test_a_zero_denominator_is_no_sample() -> None:
    """Nothing was handled: R1 is not there, rather than 0 %."""
    board = DiversionBoard(Refusals())
    for figure in figures(call(1)):
        board.take(figure.series, encode(figure))
    formulas = {labels[2] for name, labels, _ in board.samples() if name == "diversion_rate_ratio"}

    assert "E1" in formulas
    assert not formulas & {"R1", "R2", "B1", "P1", "D3b"}


def test_both_kinds_of_figure_share_the_topic() -> None:
    """The table of response times leaves diversion alone, and the other way round."""
    times, diversion = FigureTable(), DiversionTable()
    records = [record(f.series, encode(f)) for f in month()]

    assert times.take(records) == []
    assert times.unreadable == 0
    assert len(diversion.take(records)) == len(records)
    assert len(diversion.take([record(diversion_key("town", "24h", "all", "all"), b"{}")])) == 0
    assert diversion.unreadable == 1


def test_the_funnel_is_drawn_with_every_step() -> None:
    """Suitable to on scene, the column beside it, outcomes below, and that it is simulated."""
    text = funnel_text(of(month(), "24h"), TOWN)

    for words in ("suitable", "not_offered", "on_scene", "handled 30", "resolved", "referred", "SIMULATED"):
        assert words in text
    assert json.loads(json_line(of(month(), "24h")))["funnel"]["on_scene"] == 30


def test_the_rates_are_a_table() -> None:
    """Each formula with percent and parts; the assumption beside the hours saved."""
    text = plain(rates_sheet([of(month(), "24h")], TOWN))

    assert "D1c" in text
    assert "57.4 %" in text
    assert "24.3 police hours saved, if it is true that: half an hour of two officers" in text
    assert "SIMULATED" in text


def test_every_formula_is_explained() -> None:
    """In words, with its parts as of now, and what would flatter it."""
    for formula in EDITION.formula:
        text = explanation(formula, [of(month(), "24h")], TOWN)
        assert formula.numerator in text
        assert formula.better in text
    assert "27 / 47 = 57.4 %" in explanation(EDITION.formulas["D1c"], [of(month(), "24h")], TOWN)
    nothing = explanation(EDITION.formulas["R1"], [of(figures(call(1)), "24h")], TOWN)
    assert "no figure: the denominator is zero" in nothing


def test_halves_are_rounded_up() -> None:
    """One decimal; what is published is published so."""
    assert [percent(Rate(n, 2000)) for n in (1, 3, 1999)] == ["0.1 %", "0.2 %", "100.0 %"]


def test_for_the_public_three_calls_with_police_are_not_shown() -> None:
    """Three referred visits with police: neither they nor what would tell of them."""
    shown = {(f.window, f.by, f.group): f for f in public(month())}
    whole = shown["24h", "all", "all"]

    assert whole.counts["all"] == 47
    assert "police_present" not in whole.counts
    assert "referred" not in whole.outcomes
    assert "resolved" not in whole.outcomes, "30 on scene less 27 resolved are 3"
    assert "R1" not in whole.rates
    assert "E1" in whole.rates
    assert whole.with_unit.calls == 0
    south = shown["24h", "area", "south"]
    assert "all" not in south.counts
    assert "all" not in shown["24h", "area", "north"].counts, "47 less 46 is the south's one"


def test_times_of_fewer_than_ten_measured_are_not_public() -> None:
    """Twelve visits, nine with an arrival and eleven with a time on scene: only the latter is shown."""
    visits = [
        call(n, **{**VISIT, "arrival_s": 900 if n < 9 else -1, "scene_s": 1800 if n < 11 else -1})
        for n in range(12)
    ]
    inside = of(figures(*visits), "24h")
    shown = of(public(figures(*visits)), "24h")

    assert (inside.counts["on_scene"], inside.arrival_n, inside.scene_n) == (12, 9, 11)
    assert (inside.arrival_p50, inside.arrival_p90, inside.scene_p50) == (900, 900, 1800)
    assert shown.counts["on_scene"] == 12
    assert (shown.arrival_p50, shown.arrival_p90, shown.scene_p50) == (-1, -1, 1800)
    assert (shown.arrival_n, shown.scene_n) == (0, 0)


def test_a_breakdown_is_withheld_before_the_whole_is_hidden() -> None:
    """Goal: one call an hour beside many takes nothing from the whole. Method: with and without them."""
    alone = public([f for f in month() if f.by == "all"])
    beside = [f for f in public(month()) if f.by == "all"]

    assert [(f.series, f.counts, f.rates) for f in beside] == [(f.series, f.counts, f.rates) for f in alone]


def worked_out(cells: dict[str, int], sums: list[tuple[str, list[str]]], hidden: frozenset[str]) -> list[str]:
    """Hidden cells that follow from what is shown: another row for such a cell adds nothing to the rank."""
    names = sorted(hidden)
    system = [
        [(-1.0 if name == total else 0.0) + (name in parts) for name in names]
        for total, parts in sums
        if hidden & {total, *parts}
    ]
    rank = np.linalg.matrix_rank(np.array(system)) if system else 0
    unit = np.eye(len(names))
    return [
        name
        for place, name in enumerate(names)
        if np.linalg.matrix_rank(np.array([*system, unit[place].tolist()])) == rank
    ]


@examples(60)
@given(
    rows=st.lists(
        st.lists(st.sampled_from((0, 1, 3, 9, 10, 12)), min_size=2, max_size=2), min_size=2, max_size=2
    )
)
def test_no_hidden_cell_can_be_worked_out(rows: list[list[int]]) -> None:
    """A two-by-two table with its margins: what is shown leaves every hidden cell open."""
    cells = {f"{r}{c}": rows[r][c] for r in (0, 1) for c in (0, 1)}
    sums: list[tuple[str, list[str]]] = []
    for r in (0, 1):
        cells[f"r{r}"] = sum(rows[r])
        sums.append((f"r{r}", [f"{r}0", f"{r}1"]))
    for c in (0, 1):
        cells[f"c{c}"] = rows[0][c] + rows[1][c]
        sums.append((f"c{c}", [f"0{c}", f"1{c}"]))
    cells["t"] = sum(map(sum, rows))
    sums += [("t", ["r0", "r1"]), ("t", ["c0", "c1"])]

    hidden = suppressed(cells, sums)

    assert all(cell in hidden for cell, count in cells.items() if 0 < count < LEAST)
    assert worked_out(cells, sums, hidden) == []


def test_what_is_shown_to_the_public_still_says_what_it_is() -> None:
    """Window, edition and series stand; the JSON says that it is public."""
    figure = next(f for f in public(month()) if f.window == "30d" and f.by == "all")
    body = json.loads(json_line(figure, public=True))

    assert body["public"]
    assert body["edition"] == 1
    assert body["window"] == "30d"
    assert "with_unit" not in body
    assert msgspec.json.decode(encode(figure))["series"] == "town/diversion/-/30d/all/all"
