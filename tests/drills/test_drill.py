"""The short form of the drill, on a real Kafka; and that plan, rigs and judgement are what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from schemas.times import DAY
from tests.core.driver import INCIDENTS, RESPONSES, Floor, clock
from tests.core.sanfrancisco import NEW_YEAR, sffd, slice_of
from tests.drills import check, rigged
from tests.drills.__main__ import main
from tests.drills.check import Difference, Said, best_of, of_figures, of_records
from tests.drills.faults import FAULTS
from tests.drills.load import City, load
from tests.drills.plan import FORMS, plan
from tests.drills.report import report
from tests.drills.run import run
from tests.pipeline.kit import ROOT
from tests.pipeline.kit import slice_of as rows_of
from tests.pipeline.plain import Raw


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_short_form(tmp_path: Path) -> None:
    """Goal: kills, a zombie, a join, a death between sends, a killed Kafka and compaction change nothing.

    Method: New Year's Eve of two cities goes in meanwhile; all is held against the reference, and once more
    after compaction, a recovery, and one more event about every incident.
    """
    outcome = run(plan(4, "short"), tmp_path, print)

    assert outcome.exact, report(outcome) + "\n" + "\n".join(outcome.told)
    assert len(outcome.verdicts) == 2
    for verdict in outcome.verdicts.values():
        assert all(verdict.compared[what] > 100 for what in ("records", "figures", "incidents", "events"))


# ---------------------------------------------------------------------------------------------- the plan


def test_a_seed_is_a_plan() -> None:
    """The same seed gives the same steps with the same arguments, another one others."""
    assert str(plan(7, "long")) == str(plan(7, "long"))
    assert str(plan(7, "long")) != str(plan(8, "long"))


def test_the_long_form_breaks_everything() -> None:
    """Every fault there is, a hundred kills, ten of Kafka, twenty rebalances."""
    counts = Counter(step.fault for step in plan(1, "long").steps)

    assert counts.keys() == FAULTS.keys()
    assert counts["worker_killed"] == 100
    assert counts["broker_killed"] == 10
    assert 2 * counts["worker_joins"] == 20
    assert dict(counts) == dict(FORMS["long"].counts)


def test_the_plan_can_be_printed() -> None:
    """``--plan`` says every step and runs nothing; a fault nobody knows is refused in words."""
    said = CliRunner().invoke(main, ["--plan", "--form", "short", "--seed", "7"])
    refused = CliRunner().invoke(main, ["--plan", "--only", "earthquake"])

    assert said.output.strip() == str(plan(7, "short"))
    assert refused.exit_code == 2
    assert "'earthquake' is no fault" in refused.output


def test_every_fault_says_what_it_breaks() -> None:
    """Each module has a sentence, and the same chance gives it the same arguments."""
    assert all(len(fault.ABOUT) > 30 for fault in FAULTS.values())


# ---------------------------------------------------------------------------------------------- the rigs


@pytest.mark.parametrize(
    ("rig", "code"),
    [
        ({"back_after_s": 0.0, "back_s": 3600.0}, "import time; print(round((a - time.time()) / 600))"),
        ({}, "import time; print(round((a - time.time()) / 600) + 6)"),
    ],
)
def test_the_clock_steps_back(rig: dict[str, Any], code: str) -> None:
    """Goal: all modules of a rigged process see the hour gone. Method: ask before and after, elsewhere."""
    before = (
        f"import time; a = time.time(); from tests.drills.rigged import rig; rig({rig!r}); time.sleep(0.01)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{before}; {code}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "6"
    assert rigged.VARIABLE not in os.environ


# ----------------------------------------------------------------------------------------- the judgement


@pytest.fixture(scope="module")
def night() -> tuple[Floor, Said, int]:
    """Two hours of New Year's night through both stages without Kafka, and what was said of it."""
    now = NEW_YEAR + 3 * DAY
    events = [e for e in slice_of(NEW_YEAR - DAY // 12, NEW_YEAR) if e["kind"] != "clock"]
    floor = Floor(sffd())
    floor.run([*events, clock(now, "sffd", "export")])
    by: dict[str, list[dict[str, Any]]] = {}
    lines: dict[tuple[str, str], list[str]] = {}
    for event in events:
        by.setdefault(event["incident_id"], []).append(event)
        lines.setdefault(("sffd", event["incident_id"]), []).append(json.dumps(event))
    return floor, Said({"sffd": by}, lines, len(events), {}, set(), []), now


def written(floor: Floor) -> list[Raw]:
    """The records as a plain reader finds them."""
    kept = [*floor.committed(RESPONSES), *floor.committed(INCIDENTS)]
    return [Raw(0, number, one.key, one.value, {}) for number, one in enumerate(kept)]


def judged(night: tuple[Floor, Said, int], raws: list[Raw]) -> list[Difference]:
    """What is found in these records."""
    floor, said, now = night
    best, compared = best_of(raws), Counter[str]()
    found = list(of_records("sffd", said, best, now, compared))
    last = {kept.key: kept.value for kept in floor.committed("figures.g1")}
    return found + list(of_figures(sffd()["sffd"], best, last, now, compared))


def test_what_is_right_has_no_difference(night: tuple[Floor, Said, int]) -> None:
    """The product's records of a night are the reference's, and its figures are made of them."""
    assert judged(night, written(night[0])) == []


def test_a_wrong_value_is_told_with_its_incident_and_events(night: tuple[Floor, Said, int]) -> None:
    """Goal: a difference names the incident, both values and the events. Method: one second too much."""
    raws = written(night[0])
    number, body = next(
        (n, body)
        for n, raw in enumerate(raws)
        if (body := json.loads(raw.value or b"{}")).get("intervals", {}).get("turnout", {}).get("value", 0)
        > 0
    )
    body["intervals"]["turnout"]["value"] += 1
    raws[number] = raws[number]._replace(value=msgspec.json.encode(body))
    found = judged(night, raws)

    (record,) = [one for one in found if one.what.startswith("record")]
    assert body["incident_id"] in record.words
    assert str(body["intervals"]["turnout"]["value"]) in record.words
    assert str(body["intervals"]["turnout"]["value"] - 1) in record.words
    assert len(record.events) == len(night[1].events["sffd"][body["incident_id"]])
    assert any(one.what.startswith("figure") for one in found)


def test_a_missing_record_is_told(night: tuple[Floor, Said, int]) -> None:
    """A response that is not there is a difference, and so is a figure it should be in."""
    raws = written(night[0])
    gone = next(raw.key for raw in raws if b'"record":"response"' in (raw.value or b""))
    found = judged(night, [raw for raw in raws if raw.key != gone])

    assert any("no record" in one.words for one in found)


def test_a_stale_record_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A committed revision that falls, two answers under one, and a live reader's other last record."""

    def raw(offset: int, value: dict[str, Any]) -> Raw:
        return Raw(0, offset, b"town/A", json.dumps(value).encode(), {})

    log = [raw(0, {"revision": [7, 0]}), raw(1, {"revision": [5, 0]}), raw(2, {"revision": [5, 0], "n": 1})]
    seen = [(0, b"town/A", b'{"revision": [9, 0]}')]
    monkeypatch.setattr(check, "everything", lambda *_, **__: seen)
    found = [str(one) for one in check.revisions("responses.g1", log, "", Counter())]

    assert any("[5, 0] after [7, 0]" in one for one in found)
    assert any("one revision, two answers" in one for one in found)
    assert any("for a live reader" in one for one in found)


# ----------------------------------------------------------------------------------------------- the load


def test_the_load_is_untidy_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """Two cities, late, doubled, corrected, merged; records that are none, each with its reason."""
    path = rows_of(tmp_path, "2016-12-31 22:00", "2017-01-01 02:00")
    cities = [City("sffd", 1, 1), City("second", 2, 2)]
    first, second = load(path, cities, 3), load(path, cities, 3)
    kinds = Counter(
        json.loads(item[1])["kind"]
        for item in first.items
        if isinstance(item, tuple) and item[1] not in first.bad
    )

    assert first == second
    assert {"milestone", "change", "correction", "merge"} <= kinds.keys()
    assert len(first.bad) > 5
    events = [item for item in first.items if isinstance(item, tuple)]
    assert len(set(events)) < len(events)
