"""Breaches for people: whose they are, in which order, what was invented, and one's life in sentences."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from schemas.records import BreachRecord, encode
from sinks.breaches import BREACHES, BreachTable, milestones_of, sheet, story
from sinks.reading import Record
from sinks.terminal.plain import plain
from tests.sinks.makings import AGENCY, breach

ZONES = {AGENCY.id: AGENCY.zone}


def table_of(*breaches: BreachRecord) -> BreachTable:
    """A table that has read these, one key each."""
    table = BreachTable()
    records = [Record(BREACHES, 0, n, f"key{n}", encode(one), 0, []) for n, one in enumerate(breaches)]
    assert len(table.take(records)) == len(breaches)
    return table


def test_red_comes_first_and_each_says_whose_it_is() -> None:
    """Two agencies in one table are told apart, and an invented call is marked."""
    other = msgspec.structs.replace(breach("red"), agency_id="dayton-sim", simulated=True, id="other")
    table = table_of(breach("amber"), other)
    text = plain(sheet(table, table.shown(), ZONES))
    lines = text.splitlines()

    assert lines[0] == "1 red, 1 amber; 0 ended lately"
    found = [line.split()[:3] for line in lines if " turnout " in line]
    assert found == [["dayton-sim", "(simulated)", "red"], ["sffd", "amber", "turnout"]]


def test_a_life_says_that_it_was_invented() -> None:
    """And a real one does not."""
    real = list(story(breach("closed"), milestones_of([]), ZoneInfo("UTC")))
    invented = msgspec.structs.replace(breach("closed"), simulated=True)

    assert not any("SIMULATED" in line for line in real)
    assert "SIMULATED: this call is invented." in story(invented, {}, ZoneInfo("UTC"))
    assert real[-1].startswith("It is closed")
