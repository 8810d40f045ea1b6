"""Figures as a table: golden texts, and what must never look better than it is."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from schemas.records import FigureRecord
from schemas.times import DAY, HOUR
from sinks.terminal.figures import Question, excluded, json_line, sheet, target_of
from sinks.terminal.plain import Sheet, least_width, plain, printable, rich
from sinks.terminal.selection import ANY, Selection
from tests.sinks.golden import golden
from tests.sinks.makings import AGENCY, AS_OF, TURNOUT, figure

NEVER_RANG = {"call_answered_missing": 244}

FIGURES: list[FigureRecord] = [
    TURNOUT,
    msgspec.structs.replace(
        TURNOUT, window="1h", n=39, p50=71, p90=182, p95=190, bound=39, within=18, late=1,
        excluded={"turnout_zero": 3},
    ),
    figure(
        interval="total_response", n=240, p50=330, p90=473, p95=4510,
        excluded={"no_arrival": 7, "never_closed": 1},
    ),
    figure(
        interval="travel_first_due", n=229, p50=147, p90=256, p95=300, bound=229, within=201, late=8,
        merged=1, excluded={"travel_zero": 11, "no_arrival": 7, "never_closed": 1}, open=3,
    ),
    figure(interval="call_answering", excluded=NEVER_RANG),
    figure(interval="alarm_processing", window="1h", excluded={"call_answered_missing": 12}),
    figure(by="class", group="EMS", n=400, p50=60, p90=120, p95=150, bound=400, within=199),
    figure(by="class", group="FIRE", n=170, p50=70, p90=130, p95=160, bound=170, within=113),
    figure(mode="NON_EMERGENT", n=200, p50=66, p90=108, p95=133),
    figure(window="day:2017-01-01", n=764, p50=65, p90=127, p95=150, bound=764, within=400, final=True),
    figure(agency_id="other", n=1, p50=1, p90=1, p95=1, as_of=AS_OF + DAY),
]  # fmt: skip

LIVE = Question("sffd", AGENCY, Selection())

CASES: dict[str, Question] = {
    "headline": LIVE,
    "by_class": Question("sffd", AGENCY, Selection(by="class", windows=("24h",))),
    "one_interval_any_mode": Question(
        "sffd", AGENCY, Selection(("turnout",), ANY, "all", (), ("24h", "day"))
    ),
    "as_known_now": Question("sffd", AGENCY, Selection(("turnout",)), "as known now", AS_OF),
    "as_shown": Question("sffd", AGENCY, Selection(("turnout",)), "as shown", AS_OF + HOUR),
    "an_agency_unknown_here": Question("other", None, Selection()),
    "nothing_fits": Question("sffd", AGENCY, Selection(("travel_als",))),
}


@pytest.mark.parametrize(("name", "question"), CASES.items(), ids=CASES.keys())
def test_the_table_as_text(name: str, question: Question) -> None:
    """What is printed where the output is no terminal: aligned, whole, and said what it is."""
    text = plain(sheet(question, FIGURES))

    assert text == golden(f"figures_{name}.txt", text)


def test_plain_text_is_plain() -> None:
    """No colours, no boxes, no trailing blanks, and nothing is cut to the width of a terminal."""
    text = plain(sheet(LIVE, FIGURES))

    assert text.isascii()
    assert "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert max(map(len, text.splitlines())) > 80


def drawn(width: int) -> str:
    """The headline as a terminal of that width gets it, without its colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(rich(sheet(LIVE, FIGURES), width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_the_same_words() -> None:
    """The coloured table has the same cells as the plain one."""
    assert drawn(240).split() == plain(sheet(LIVE, FIGURES)).split()


@pytest.mark.parametrize("width", [200, 150, 130, 110, 90, 70, 40])
def test_no_terminal_is_so_narrow_that_a_number_is_cut(width: int) -> None:
    """570 must never be read as 57: a narrow terminal folds words, or wraps whole lines."""
    text = "".join(drawn(width).split())
    cells = [cell for row in sheet(LIVE, FIGURES).rows for cell in row]

    assert all(len(line) <= width for line in drawn(width).splitlines())
    if width <= 110:
        assert all(cell.replace(" ", "") in text for cell in cells)
    else:
        words = drawn(width).split()
        assert all(word in words for cell in cells for word in cell.split())


def test_a_small_terminal_gets_fewer_columns() -> None:
    """80 columns hold the figures themselves; what is left out is said."""
    small = sheet(LIVE, FIGURES, compact=True)
    text = plain(small)

    assert text == golden("figures_compact.txt", text)
    assert least_width(small) <= 80 < least_width(sheet(LIVE, FIGURES))


def test_simulated_figures_say_so() -> None:
    """Nobody takes a drill for the city."""
    text = plain(sheet(LIVE, [msgspec.structs.replace(TURNOUT, simulated=True)]))

    assert "SIMULATED" in text.splitlines()[0]
    assert "SIMULATED" not in plain(sheet(LIVE, [TURNOUT]))


def test_data_cannot_steer_the_terminal() -> None:
    """A group's name with an escape sequence in it is printed, not obeyed."""
    evil = figure(by="zone", group="\x1b[2J", n=1, p50=1, p90=1, p95=1)
    text = plain(sheet(Question("sffd", AGENCY, Selection(by="zone")), [evil]))

    assert "\x1b" not in text
    assert r"\x1b[2J" in text
    assert printable("a\nb") == r"a\nb"


def test_exclusions_add_up() -> None:
    """The sum is of all reasons; the two most frequent are named, and the rest is a number."""
    assert excluded(TURNOUT) == "57 (turnout_zero 33, never_enroute 23, +1)"
    assert excluded(figure()) == "0"


def test_a_target_is_the_one_that_binds() -> None:
    """Targets are of interval and mode, in force at the figure's time; a class has its own."""
    assert target_of(AGENCY, figure()) == "1:00 EMS, 1:20 FIRE (90 %)"
    assert target_of(AGENCY, figure(by="class", group="FIRE")) == "1:20 (90 %)"
    assert target_of(AGENCY, figure(mode="NON_EMERGENT")) == "-"
    assert target_of(None, figure()) == "?"


def test_json_has_the_whole_record() -> None:
    """A line is the record with its defaults, both compliances and how it was asked; spans are seconds."""
    body = json.loads(json_line(TURNOUT, "live"))

    assert set(body) == (set(FigureRecord.__struct_fields__) - {"histogram"}) | {
        "compliance",
        "compliance_late_included",
        "asked",
    }
    assert body["p90"] == 128
    assert body["compliance"] == 312 / 570
    assert body["as_of"] == "2017-01-04T02:00:00Z"
    assert json.loads(json_line(figure(), "live"))["p50"] is None


def test_a_sheet_without_rows_is_its_words() -> None:
    """With nothing to show the words are all there is."""
    assert plain(Sheet(("Nothing.",))) == "Nothing.\n"
