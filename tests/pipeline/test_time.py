"""Only clocks move time, each agency's own: no other's time, odd date or pause opens a false state."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.definitions import EDITION
from tests.pipeline.kit import (
    RECORDS_ASIDE,
    Answer,
    Item,
    Pipeline,
    assert_same,
    clock,
    event,
    press,
    taken,
)
from tests.pipeline.plain import Record, differences, settled_bytes
from tests.reference.compare import compare
from tests.reference.week import figures as reference_figures

pytestmark = pytest.mark.broker


def clocks_at(health: dict[str, Record], agency: str, stage: str = "agency") -> set[int]:
    """Where an agency's clock stands, in each partition that has one."""
    return {
        p["clocks"][agency]
        for key, p in health.items()
        if key.startswith(f"{stage}/") and agency in p.get("clocks", {})
    }


def whole(figures: dict[str, Record]) -> dict[tuple[str, str], Record]:
    """The 30 days' whole, by interval and mode."""
    return {
        (f["interval"], f["mode"]): f for f in figures.values() if (f["window"], f["by"]) == ("30d", "all")
    }


def live_calls(agency: str) -> list[tuple[str, bytes]]:
    """Three calls of the last quarter of an hour: turnouts of 40, 70 and 100 s, one still under way."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=15)
    said: list[tuple[str, bytes]] = []
    for number, turnout in enumerate((40, 70, 100)):
        incident, begun = f"L{number}", now + timedelta(minutes=number)

        def at(seconds: int, begun: datetime = begun) -> str:
            return (begun + timedelta(seconds=seconds)).isoformat()

        said += [
            press(agency, incident, "call_arrival", at(0)),
            event(
                "change", agency, incident, at(0), attributes={"response_mode": "EMERGENT", "class": "EMS"}
            ),
            press(agency, incident, "call_create", at(10)),
            press(agency, incident, "dispatch", at(20), "E1"),
            press(agency, incident, "enroute_to_scene", at(20 + turnout), "E1"),
        ]
        if number < 2:
            said += [
                press(agency, incident, "on_scene", at(300), "E1"),
                press(agency, incident, "unit_clear", at(600), "E1"),
            ]
    return said


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, bytes]]:
    """The same live calls for all tests; the name of the agency is changed where they go."""
    return live_calls("live")


def test_two_agencies_on_one_partition(
    town: Pipeline,
    straight: Answer,
    eve: Path,
    calls: list[tuple[str, bytes]],
    lane: Pipeline,
) -> None:
    """Goal: one replays 2016 and one is live, on one partition; neither moves the other's time or figures.

    Method: pieces of a replay and of ``watchroom send --clock`` in turns. The replay's answer is that of its
    run on four partitions, byte for byte, and the reference program's, straight from the rows; the live one's
    is that of its run elsewhere, and what can be told by hand.
    """
    items = taken(eve, "past", step_s=600)
    elsewhere = [(key.replace("live", "alone"), value.replace(b'"live"', b'"alone"')) for key, value in calls]
    pieces, each = 3, len(items) // 3 + 1
    for number in range(pieces):
        lane.put(items[number * each : (number + 1) * each])
        mine = calls[number * 6 : (number + 1) * 6 if number < pieces - 1 else None]
        lane.ok("send", "--clock", stdin=b"\n".join(value for _, value in mine))
    health = lane.settle()
    past = lane.answer("past")
    live, live_figures = lane.answer("live"), lane.plain.figures("live")
    produced = whole(lane.plain.figures("past"))
    town.ok("send", "--clock", stdin=b"\n".join(value for _, value in elsewhere))
    town.settle()

    assert_same(straight, past)
    assert_same(town.answer("alone"), live)
    assert not any(p.get("dead") for p in health.values())
    assert clocks_at(health, "past") == {int(datetime.fromisoformat(_last_clock(items)).timestamp() * 1e6)}
    latest = max(datetime.fromisoformat(json.loads(value)["occurred_at"]) for _, value in calls)
    assert clocks_at(health, "live") == {int(latest.timestamp() * 1e6)}
    hour = live_figures["live/turnout/EMERGENT/1h/all/all"]
    assert (hour["n"], hour["p50"], hour["p90"], hour["bound"], hour["within"]) == (3, 70, 100, 3, 1)
    assert live_figures["live/commitment/EMERGENT/1h/all/all"]["open"] == 1
    expected = reference_figures(eve, {"window": "all"})
    assert compare(expected, [_as_reference(figure, produced) for figure in expected]) == []


def _last_clock(items: list[Item]) -> str:
    last = items[-1]
    assert not isinstance(last, tuple)
    return last.time.isoformat()


def _as_reference(asked: dict[str, Any], produced: dict[tuple[str, str], Record]) -> dict[str, Any]:
    """A produced figure in the shape of the reference program's."""
    found = produced.get((asked["interval"], asked["mode"]), {})
    percentiles = {p: found.get(p, -1) for p in ("p50", "p90", "p95")}
    return {
        **{name: asked[name] for name in ("scope", "interval", "mode")},
        "n": found.get("n", 0),
        **{name: value if value >= 0 else None for name, value in percentiles.items()},
        "within": found.get("within", 0) if asked["within"] is not None else None,
        "excluded": found.get("excluded", {}),
    }


def _a_year_on(item: Item) -> Item:
    if not isinstance(item, tuple):
        return item.model_copy(update={"time": item.time + timedelta(days=365)})
    body = json.loads(item[1])
    body["incident_id"] += "-next"
    for name in ("occurred_at", "recorded_at"):
        if name in body:
            body[name] = (datetime.fromisoformat(body[name]) + timedelta(days=365)).isoformat()
    return f"{item[0]}-next", json.dumps(body).encode()


def test_one_source_a_year_ahead_makes_nothing_too_late(town: Pipeline, straight: Answer, eve: Path) -> None:
    """Goal: of an agency's two sources one is a year ahead at ``max``; the other's events are all joined.

    Method: the first sends all of its year-ahead night, clocks and all, then the second begins with its own;
    the second's records are those of a night with nobody ahead.
    """
    ahead = [_a_year_on(item) for item in taken(eve, "twice", source="a")]
    behind = taken(eve, "twice", source="b")
    before = town.settle()
    town.put(ahead)
    assert clocks_at(town.settle(), "twice") == set()
    town.put(behind)
    health = town.settle()

    found = settled_bytes(town.plain.records("twice"), RECORDS_ASIDE)
    mine = {key: value for key, value in found.items() if "-next" not in key}
    assert differences(straight.records, mine) == []
    assert len(found) == 2 * len(mine)
    assert clocks_at(health, "twice") == {int(datetime.fromisoformat(_last_clock(behind)).timestamp() * 1e6)}
    parts = [f"incidents/{n}" for n in range(town.partitions)]
    assert [health[p].get("dead") for p in parts] == [before[p].get("dead") for p in parts]
    assert [health[p].get("evicted") for p in parts] == [before[p].get("evicted") for p in parts]


def test_a_row_dated_years_ahead_moves_nothing(
    town: Pipeline, straight: Answer, eve: Path, tmp_path: Path
) -> None:
    """Goal: a row of 2024 and one of 2037 in a night of 2016 move no clock, close and evict nothing.

    Method: ``watchroom replay`` of the night with these two rows added. All other records are as without
    them, and so are the night's calendar figures; the first row is joined, the second is from the future.
    """
    path = tmp_path / "leap.csv"
    with eve.open(newline="") as night, path.open("w", newline="") as mended:
        rows = list(csv.DictReader(night))
        writer = csv.DictWriter(mended, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        for year in ("2024", "2037"):
            row = {
                k: v.replace("/2016 ", f"/{year} ").replace("/2017 ", f"/{year} ") for k, v in rows[5].items()
            }
            writer.writerow({**row, "Call Number": year})
    dead_before = len(town.plain.log("dead.letters"))

    done = town.cli(
        "replay", str(path), "-p", "sffd", "--agency", "leap", "--speed", "max", "--clock-step", "1h"
    )
    health = town.settle()

    assert done.returncode == 0, done.stderr
    assert b"they were sent and moved no clock" in done.stderr
    last = _last_clock(taken(eve, "leap", step_s=3600))
    assert clocks_at(health, "leap") == {int(datetime.fromisoformat(last).timestamp() * 1e6)}
    found = town.answer("leap")
    assert (
        differences(
            straight.records,
            {k: v for k, v in found.records.items() if k.split("/")[0] not in ("2024", "2037")},
        )
        == []
    )
    assert any(key.startswith("2024") for key in found.records)
    periods = ("/day:2016-12-31/", "/day:2017-01-01/", "/shift:2016-12-31T08:00/", "/month:2017-01/")
    for period in periods:
        expected = {k: v for k, v in straight.figures.items() if period in k}
        assert expected, period
        assert differences(expected, {k: v for k, v in found.figures.items() if period in k}) == []
    dead = town.plain.log("dead.letters")[dead_before:]
    assert {raw.headers["reason"] for raw in dead} == {b"in_the_future"}
    assert {json.loads(raw.value or b"")["incident_id"] for raw in dead} == {"2037"}


def test_ten_minutes_down_open_no_false_state(town: Pipeline) -> None:
    """Goal: what a backlog itself answers is neither closed by rule nor evicted on the way back.

    Method: while both workers are down ten minutes of event time pass, with a clock each. In them one
    incident silent for nearly 24 h is heard of again, one nearly due for eviction is corrected, and one
    really falls silent. No record on the topics ever says otherwise of the first two.
    """

    def at(minutes: float) -> str:
        return (datetime(2017, 2, 2, 10, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()

    day, keep = 24 * 60, 40 * 24 * 60
    said: list[Item] = [
        press("backlog", "OLD", "call_create", at(3.5 - keep)),
        press("backlog", "OLD", "dispatch", at(3.7 - keep), "E1"),
        press("backlog", "OLD", "unit_clear", at(5 - keep), "E1"),
        press("backlog", "SILENT", "call_create", at(3 - day)),
        press("backlog", "SILENT", "dispatch", at(4 - day), "E2"),
        press("backlog", "GONE", "call_create", at(3 - day)),
        press("backlog", "GONE", "dispatch", at(4 - day), "E3"),
        clock("backlog", at(-60)),
        clock("backlog", at(0)),
    ]
    town.put(said)
    town.settle()
    town.kill()
    town.put(
        [
            *(clock("backlog", at(minute)) for minute in (1, 2)),
            press("backlog", "SILENT", "enroute_to_scene", at(2.5), "E2"),
            press("backlog", "OLD", "enroute_to_scene", at(4 - keep), "E1", recorded_at=at(2.6)),
            event("disposition", "backlog", "OLD", at(2.7), disposition="Fire"),
            *(clock("backlog", at(minute)) for minute in range(3, 11)),
        ]
    )
    town.revive()
    town.settle()

    records = town.plain.records("backlog")
    assert records["backlog/GONE"]["state"] == "closed_by_rule"
    assert records["backlog/SILENT"]["state"] == "open"
    assert records["backlog/OLD"]["state"] == "ended"
    assert list(records["backlog/OLD/E1"]["milestones"]) == ["dispatch", "enroute_to_scene", "unit_clear"]
    ever = [
        json.loads(raw.value)["state"]
        for topic in ("incidents.g1", "responses.g1")
        for raw in town.plain.log(topic)
        if raw.key is not None and raw.value and raw.key.startswith((b"backlog/SILENT", b"backlog/OLD"))
    ]
    assert len(ever) >= 6
    assert "closed_by_rule" not in ever
    assert clocks_at(town.plain.health(), "backlog") == {
        int(datetime.fromisoformat(at(10)).timestamp() * 1e6)
    }


def test_what_was_shown_at_a_minute_is_what_stood_then(lane: Pipeline) -> None:
    """Goal: ``--shown T`` is what stood when the clock reached T, whenever later events were read.

    Method: one response before a minute, one after it, each read on its own before the next clock.
    """
    day = "2017-03-01T10:0"
    for minute, incident in enumerate(("S1", "S2")):
        lane.put(
            [
                press("shown", incident, "call_create", f"{day}{minute}:01+00:00"),
                press("shown", incident, "dispatch", f"{day}{minute}:05+00:00", "E1"),
                press("shown", incident, "enroute_to_scene", f"{day}{minute}:45+00:00", "E1"),
            ]
        )
        lane.settle()
        lane.put([clock("shown", f"{day}{minute + 1}:00+00:00")])
        lane.settle()

    def shown(minute: int) -> int:
        words = ["--agency", "shown", "--mode", "any", "--interval", "turnout", "--window", "1h", "--json"]
        lines = lane.ok("figures", *words, "--shown", f"{day}{minute}:00+00:00").splitlines()
        return sum(json.loads(line)["n"] for line in lines)

    assert [shown(1), shown(2)] == [1, 2]


def test_at_any_minute_shown_each_is_in_one_column(lane: Pipeline, eve: Path) -> None:
    """Goal: n + excluded + open + merged is the same for all intervals of responses, and of incidents.

    Method: a night with a pause after each hour, since what is read in one go is shown once; each minute that
    ``figures.history`` shows of it, read plainly; what it comes to in the end is what the file holds.
    """
    waiting: list[Item] = []
    items = taken(eve, "minutes", step_s=3600)
    for item in items:
        waiting.append(item)
        if not isinstance(item, tuple):
            lane.put(waiting)
            lane.settle()
            waiting.clear()
    shown: dict[str, Record] = {}
    minutes: list[tuple[set[int], set[int]]] = []
    as_of = 0
    for raw in lane.plain.log("figures.history.g1"):
        if raw.key is None or not raw.key.startswith(b"minutes/") or not raw.key.endswith(b"/30d/all/all"):
            continue
        figure = json.loads(raw.value or b"")
        if figure["as_of"] != as_of and shown:
            minutes.append(totals(shown))
        as_of, shown[figure["series"]] = figure["as_of"], figure
    minutes.append(totals(shown))

    assert len(minutes) >= 5
    assert [m for m in minutes if len(m[0]) != 1 or len(m[1]) != 1] == []
    with eve.open(newline="") as night:
        rows = list(csv.DictReader(night))
    assert minutes[-1] == ({len(rows)}, {len({row["Call Number"] for row in rows})})


def totals(shown: dict[str, Record]) -> tuple[set[int], set[int]]:
    """What the columns of each interval come to: of responses, and of incidents."""
    summed: Counter[str] = Counter()
    for figure in shown.values():
        excluded = sum(figure.get("excluded", {}).values())
        summed[figure["interval"]] += excluded + sum(figure.get(name, 0) for name in ("n", "open", "merged"))
    of_responses = {total for interval, total in summed.items() if interval in EDITION.response_intervals}
    return of_responses, {
        total for interval, total in summed.items() if interval in EDITION.incident_intervals
    }
