"""Published counts, as events through a whole pipeline, give the published percentages (DEFINITIONS.md, 6).

Goal: Eugene's 2021 counts and Denver's 2020 pilot, each as so many calls with so much said of them, written
to a real Kafka and read back from ``figures`` and ``encounters``. Method: every call is a few events, spread
over one month; the month's figure must have the published totals as its parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.events import ClockEvent
from schemas.records import Rate
from schemas.times import DAY, SECOND, iso, micros, moment
from sinks.terminal.diversion import percent
from tests.pipeline.kit import Pipeline, pipeline

PUBLISHED = json.loads(
    (Path(__file__).resolve().parents[2] / "sources/data/mediation_published_figures.json").read_text()
)

_FILE = """
id = "{id}"
name = "{id}"
time_zone = "America/Denver"
sources = [{{ id = "cad" }}]
[[rules]]
effective_from = 2000-01-01
default_service = "POLICE"
[[mediation]]
effective_from = 2000-01-01
hours = [{{ days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], from = "00:00", to = "24:00" }}]
assumption = "none"
types = [
  {{ name = "OWN", centric = true }},
  {{ name = "SHARED", police_share_percent = 50 }},
]
"""

pytestmark = pytest.mark.timeout(900)
"""Two hundred thousand calls through a real Kafka take their time where others use the machine."""

BEGIN = micros(moment(0).replace(year=2021, month=12, day=1, hour=8))
Item = tuple[str, bytes]


class Calls:
    """Calls of one agency, told in as few events as it takes."""

    def __init__(self, agency: str) -> None:
        self.agency = agency
        self.items: list[Item] = []
        self.made = 0

    def __call__(self, many: int, type_: str, *said: tuple[str, dict[str, Any]]) -> None:
        """So many calls of a type (if any), and what was said of each: kind and fields, a minute apart."""
        for _ in range(many):
            self.made += 1
            at = BEGIN + self.made * 17 * SECOND
            attributes = {"attributes": {"type": type_, "initiated_by": "PUBLIC"}}
            typed = (("change", attributes),) if type_ else ()
            told = (("milestone", {"name": "call_create"}), *typed, *said)
            for number, (kind, fields) in enumerate(told):
                self._say(kind, at + number * 60 * SECOND, number, fields)

    def _say(self, kind: str, at: int, number: int, fields: dict[str, Any]) -> None:
        incident = f"C{self.made}"
        body = {
            "kind": kind,
            "event_id": f"{incident}-{number}",
            "agency_id": self.agency,
            "incident_id": incident,
            "source_id": "cad",
            "occurred_at": iso(at),
            **fields,
        }
        self.items.append((f"{self.agency}/{incident}", json.dumps(body).encode()))


ACCEPTED = ("mediation", {"name": "accepted"})
SENT = ("mediation_unit", {"name": "dispatch", "unit_id": "U1"})
THERE = ("mediation_unit", {"name": "on_scene", "unit_id": "U1"})
CALLED_OFF = ("mediation_unit", {"name": "canceled_enroute", "unit_id": "U1"})
DONE = ("mediation_unit", {"name": "unit_clear", "unit_id": "U1"})
RESOLVED = ("mediation_outcome", {"outcome": "resolved", "police_on_scene": False})
POLICE = ("milestone", {"name": "on_scene", "unit_id": "P1"})


def eugene() -> list[Item]:
    """All 109,854 incidents: who was associated, who was sent, who came without police, and of which type."""
    counts, calls = PUBLISHED["eugene_2021"], Calls("eugene")
    own, alone = sum(counts["centric_types"]), counts["only_unit_arrived"]
    calls(own, "OWN", SENT, THERE, DONE, RESOLVED)
    calls(alone - own, "SHARED", SENT, THERE, DONE, RESOLVED)
    sent_in_vain = counts["dispatched"] - alone
    calls(sent_in_vain // 2, "SHARED", SENT, THERE, POLICE, DONE)
    calls(sent_in_vain - sent_in_vain // 2, "SHARED", SENT, CALLED_OFF)
    calls(counts["associated"] - counts["dispatched"], "SHARED", ACCEPTED)
    calls(counts["public_initiated_incidents"] - calls.made, "")
    return calls.items


def denver() -> list[Item]:
    """92,400 calls, 2,500 of them suitable, 748 handled; police were called to none."""
    calls = Calls("denver")
    handled = PUBLISHED["denver_star"]["pilot"]["calls"]
    calls(handled, "SHARED", SENT, THERE, DONE, RESOLVED)
    calls(2_500 - handled, "SHARED")
    calls(92_400 - calls.made, "")
    return calls.items


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline that has read both cities' calls and has come to rest."""
    files = {agency: _FILE.format(id=agency) for agency in ("eugene", "denver")}
    folder = tmp_path_factory.mktemp("published")
    # Small batches: where the machine is busy, one of 20,000 new incidents would look like a stand-still.
    more = {"WATCHROOM_MAX_POLL_RECORDS": "4000"}
    with pipeline(folder, partitions=4, agencies=(), files=files, more=more) as made:
        items = [*eugene(), *denver()]
        end = moment(BEGIN + 40 * DAY)
        clocks = [ClockEvent(agency_id=a, source_id="cad", time=end) for a in files]
        made.put([*items, *clocks])
        made.settle(600)
        yield made


def figure(made: Pipeline, agency: str) -> dict[str, Any]:
    """The month's figure, of everything."""
    found = made.plain.last("figures.g1")[f"{agency}/diversion/-/month:2021-12/all/all".encode()]
    assert found is not None
    body: dict[str, Any] = json.loads(found)
    return body


def shown(body: dict[str, Any], formula: str) -> str:
    """A rate as people see it."""
    rate = body["rates"][formula]
    return percent(Rate(rate["numerator"], rate["denominator"]))


def test_eugene(counted: Pipeline) -> None:
    """20.1, 16.5, 12.9 and 2.3 percent of 109,854, each from its published numerator."""
    body = figure(counted, "eugene")
    golden = PUBLISHED["eugene_2021"]

    assert {f: shown(body, f) for f in golden["percent"]} == {
        f: f"{p} %" for f, p in golden["percent"].items()
    }
    assert body["counts"]["all"] == 109_854
    parts = {f: body["rates"][f]["numerator"] for f in ("D1a", "D1b", "D1c", "D2a")}
    assert parts == {"D1a": 22_055, "D1b": 18_106, "D1c": 14_212, "D2a": 14_212 - (5_058 + 5_022 + 1_587)}
    assert body["edition"] == 1
    assert body["final"]


def test_denver(counted: Pipeline) -> None:
    """E1 29.9 percent, R1 100, B1 0: of 2,500 suitable 748 handled, and police called to none."""
    body = figure(counted, "denver")

    assert body["counts"]["all"] == 92_400
    assert {f: shown(body, f) for f in ("E1", "R1", "B1")} == {"E1": "29.9 %", "R1": "100.0 %", "B1": "0.0 %"}
    assert body["rates"]["E1"] == {"numerator": 748, "denominator": 2_500}


def test_as_known_now_for_a_time(counted: Pipeline) -> None:
    """After the month its figure is the live one; at its first midnight there were few calls yet."""
    asked = ("figures", "diversion", "--agency", "denver", "--window", "month:2021-12", "--json", "--as-of")

    def known(as_of: str) -> dict[str, Any]:
        done = counted.cli(*asked, as_of)
        assert done.returncode == 0, done.stderr.decode()
        body: dict[str, Any] = json.loads(done.stdout)
        return body

    month, night = known("2022-01-05T00:00"), known("2021-12-02T00:00")
    live = figure(counted, "denver")
    said = {part: month["rates"]["E1"][part] for part in ("numerator", "denominator")}
    assert said == live["rates"]["E1"]
    assert month["counts"]["all"] == live["counts"]["all"]
    assert 0 < night["counts"]["all"] < live["counts"]["all"] / 10
    table = counted.cli(*(word for word in asked if word != "--json"), "2021-12-02T00:00").stdout.decode()
    assert "as known now for 2021-12-02 00:00:00" in table
    assert "live" not in table


def test_every_call_has_one_encounter(counted: Pipeline) -> None:
    """One record a call, of both cities, and each ended, handled one in exactly one outcome."""
    records = list(counted.plain.best("encounters.g1").values())

    assert len(records) == 109_854 + 92_400
    handled = [r for r in records if r.get("handled") and r.get("ended")]
    outcomes = {city: sum(figure(counted, city)["outcomes"].values()) for city in ("eugene", "denver")}
    assert len(handled) == sum(outcomes.values()) == sum(bool(r.get("outcome")) for r in records)
