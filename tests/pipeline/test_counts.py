"""The count law: what arrived is counted or dead-lettered, and of all in scope each is in one column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.definitions import EDITION
from tests.pipeline.kit import Item, Pipeline, clocks_of, event, events_of, taken
from tests.pipeline.plain import Record

pytestmark = pytest.mark.broker
AGENCY = "steps"
STEPS = 8


def in_scope(sent: Iterable[Item], merged: dict[str, str]) -> tuple[int, int]:
    """How many responses and incidents there are, counted from nothing but the events that were sent."""
    units: dict[str, set[str]] = {}
    for _, value in events_of(sent):
        body: dict[str, Any] = json.loads(value)
        if body["kind"] != "milestone":
            continue
        known = units.setdefault(body["incident_id"], set())
        if "unit_id" in body:
            known.add(body["unit_id"])
    absorbing = {id_: set(mine) for id_, mine in units.items()}
    for sender, target in merged.items():
        absorbing[target] |= units[sender]
    # A merged incident's responses are counted as merged, and once more where they are now.
    return sum(map(len, absorbing.values())), len(units)


def columns(figures: Iterable[Record]) -> dict[str, Counter[str]]:
    """Of each interval what stands in each column, over all modes, in the 30 days' whole."""
    found: dict[str, Counter[str]] = {}
    for figure in figures:
        if (figure["window"], figure["by"]) == ("30d", "all"):
            mine = found.setdefault(figure["interval"], Counter())
            mine["n"] += figure.get("n", 0)
            mine["excluded"] += sum(figure.get("excluded", {}).values())
            mine["open"] += figure.get("open", 0)
            mine["merged"] += figure.get("merged", 0)
    return found


def counted(health: dict[str, Record]) -> tuple[int, int, Counter[str]]:
    """Arrived, joined, and the dead by reason, over all partitions of stage one."""
    parts = [p for key, p in health.items() if key.startswith("incidents/")]
    dead: Counter[str] = Counter()
    for p in parts:
        dead.update(p.get("dead", {}))
    return sum(p.get("arrived", 0) for p in parts), sum(p.get("joined", 0) for p in parts), dead


def test_of_all_in_scope_each_is_in_one_column_after_every_step(town: Pipeline, eve: Path) -> None:
    """Goal: per interval n + excluded + open + merged = all in scope, at every step, merges too.

    Method: half an hour of New Year's Eve a step, each settled; a merge on the way and its undoing; what is
    in scope is counted from the events sent, what stands in the columns from the 30 days' whole.
    """
    items = taken(eve, AGENCY, step_s=1800)
    ticks = clocks_of(items)
    steps: list[list[Item]] = [[]]
    for item in items:
        steps[-1].append(item)
        if item in ticks and len(steps) < STEPS + 1:
            steps.append([])
    first, second = sorted({key.split("/")[1] for key, _ in events_of(steps[0])})[:2]
    at = str(ticks[2].time)
    sent: list[Item] = []
    merged: dict[str, str] = {}
    seen: list[Counter[str]] = []
    arrived_before, _, dead_before = counted(town.settle())
    for number, step in enumerate(steps):
        if number == 3:
            step.append(event("merge", AGENCY, first, at, merged_into=second))
            merged[first] = second
        if number == 6:
            step.append(event("merge", AGENCY, first, at, merged_into=None, recorded_at=str(ticks[5].time)))
            merged.clear()
        town.put(step)
        sent += step
        health = town.settle()
        responses, incidents = in_scope(sent, merged)
        found = columns(town.plain.figures(AGENCY).values())
        for interval, mine in found.items():
            all_of_them = responses if interval in EDITION.response_intervals else incidents
            assert mine.total() == all_of_them, (number, interval, mine)
        assert set(found) == set(EDITION.intervals), number
        seen.append(found["turnout"])
        arrived, joined, dead = counted(health)
        assert arrived == joined + dead.total()
        assert arrived - arrived_before == len(events_of(sent))
        assert dead == dead_before
    assert any(mine["open"] for mine in seen)
    assert any(mine["merged"] for mine in seen)
    assert not seen[-1]["open"]
    assert not seen[-1]["merged"]


def test_the_dead_are_counted_as_they_are_kept(week_replayed: Pipeline) -> None:
    """Goal: arrived = joined + dead letters, over all that this pipeline has been given.

    Method: ``health`` says how many of each reason; ``dead.letters`` is counted record by record.
    """
    arrived, joined, dead = counted(week_replayed.settle())
    kept = Counter(raw.headers["reason"].decode() for raw in week_replayed.plain.log("dead.letters"))

    assert dead == kept
    assert arrived == joined + kept.total()
