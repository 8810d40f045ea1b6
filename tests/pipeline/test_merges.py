"""Merges across partitions and corrections, through the real pipeline, with kills between."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from schemas.keys import partition_of
from tests.pipeline.kit import Pipeline, assert_same, clock, event, press

pytestmark = pytest.mark.broker
DAY = "2017-04-01T"


def at(minute: int, second: int = 0) -> str:
    """A moment of one morning."""
    return f"{DAY}10:{minute:02}:{second:02}+00:00"


def incident_on(agency: str, partition: int, partitions: int) -> str:
    """An incident's id that lives on a partition, whichever of these agencies says so."""
    return next(
        name
        for name in (f"M{number}" for number in range(10_000))
        if all(partition_of(f"{a}/{name}", partitions) == partition for a in agency.split())
    )


def call(agency: str, incident: str, minute: int, unit: str, turnout: int) -> list[tuple[str, bytes]]:
    """A call with one unit that goes after so many seconds, arrives and ends."""
    said: dict[str, str] = {"response_mode": "EMERGENT", "class": "FIRE", "unit_type": "ENGINE"}
    return [
        press(agency, incident, "call_arrival", at(minute)),
        press(agency, incident, "call_create", at(minute, 5)),
        event("change", agency, incident, at(minute), attributes=said),
        press(agency, incident, "dispatch", at(minute, 10), unit),
        press(agency, incident, "enroute_to_scene", f"{DAY}10:{minute:02}:{10 + turnout:02}+00:00", unit),
        press(agency, incident, "on_scene", at(minute + 4), unit),
        press(agency, incident, "unit_clear", at(minute + 20), unit),
    ]


def turnout_columns(town: Pipeline, agency: str) -> dict[str, int]:
    """What stands in the 30 days' whole of EMERGENT turnouts."""
    figure = town.plain.figures(agency)[f"{agency}/turnout/EMERGENT/30d/all/all"]
    return {name: figure.get(name, 0) for name in ("n", "merged", "open")}


def again(items: Iterable[tuple[str, bytes]], agency: str) -> list[tuple[str, bytes]]:
    """The same events said by another agency."""
    bodies = [{**json.loads(value), "agency_id": agency} for _, value in items]
    return [(f"{agency}/{body['incident_id']}", json.dumps(body).encode()) for body in bodies]


def test_a_chain_of_merges_across_partitions_and_back(town: Pipeline) -> None:
    """Goal: merged incidents are counted where they went, also over a chain; undone, all is as it never was.

    Method: three incidents on three partitions, the first merged into the second and that into the third;
    more is said of the first; each step settled, with a SIGKILL of stage one between. Then both merges are
    undone, and the records are held, byte for byte, against those of an agency that never merged.
    """
    first, second, third = (incident_on("merging apart", n, town.partitions) for n in (0, 1, 2))
    said = [*call("merging", first, 0, "E1", 30), *call("merging", second, 1, "E2", 40)]
    said += call("merging", third, 2, "E3", 45)
    town.put([*said, clock("merging", at(30))])
    town.settle()
    assert turnout_columns(town, "merging") == {"n": 3, "merged": 0, "open": 0}

    town.put([event("merge", "merging", first, at(31), merged_into=second)])
    town.settle()
    assert turnout_columns(town, "merging") == {"n": 3, "merged": 1, "open": 0}
    assert sorted(town.plain.records("merging")[f"merging/{second}"]["units"]) == ["E1", "E2"]

    town.kill("incidents")
    town.put([event("merge", "merging", second, at(32), merged_into=third)])
    town.revive()
    town.settle()
    records = town.plain.records("merging")
    assert sorted(records[f"merging/{third}"]["units"]) == ["E1", "E2", "E3"]
    assert records[f"merging/{third}"]["absorbed"] == sorted([first, second])
    # Of the second there are its own unit and the first's; both went on to the third.
    assert turnout_columns(town, "merging") == {"n": 3, "merged": 3, "open": 0}

    late = [
        press("merging", first, "dispatch", at(3), "E4"),
        press("merging", first, "unit_clear", at(9), "E4"),
    ]
    town.put(late)
    town.settle()
    assert "E4" in town.plain.records("merging")[f"merging/{third}"]["units"]

    town.kill("incidents")
    town.put([event("merge", "merging", second, at(33), merged_into=None)])
    town.revive()
    town.settle()
    assert town.plain.records("merging")[f"merging/{third}"]["units"] == ["E3"]
    town.put([event("merge", "merging", first, at(34), merged_into=None), clock("merging", at(40))])
    town.put([*again(said, "apart"), *again(late, "apart"), clock("apart", at(40))])
    health = town.settle()

    assert_same(town.answer("apart"), town.answer("merging"))
    absorbed = sum(p.get("absorbed", 0) for key, p in health.items() if key.startswith("incidents/"))
    assert absorbed >= 5
    raws = [raw for raw in town.plain.log("incident.events") if raw.value and b'"absorbed"' in raw.value]
    assert len(raws) == absorbed


def test_a_merge_before_or_after_what_it_merges(town: Pipeline) -> None:
    """Goal: a merge read before any of the events it moves ends as one read after them.

    Method: one agency says all and then the merge, the other the merge first and the rest backwards.
    """
    first, second = (incident_on("joined backwards", n, town.partitions) for n in (3, 1))
    said = [*call("joined", first, 0, "E1", 30), *call("joined", second, 1, "E2", 40)]
    merge = event("merge", "joined", first, at(30), merged_into=second)
    town.put([*said, merge])
    town.settle()
    town.put([clock("joined", at(40))])
    town.put(again([merge], "backwards"))
    town.settle()
    town.put(again(reversed(said), "backwards"))
    town.settle()
    town.put([clock("backwards", at(40))])
    town.settle()

    assert_same(town.answer("joined"), town.answer("backwards"))
    assert turnout_columns(town, "backwards") == {"n": 2, "merged": 1, "open": 0}


def test_a_correction_leaves_no_trace(town: Pipeline) -> None:
    """Goal: after a correction no figure, whole or broken down, knows the old value.

    Method: a wrong time is counted, then corrected, withdrawn or moved to another area and mode, with a kill
    of both workers between; records and figures are held byte for byte against those of an agency that said
    it right from the start.
    """
    agency, other = "corrected", "right"
    wrong = (
        call(agency, "C1", 0, "E1", 49) + call(agency, "C2", 1, "E2", 20) + call(agency, "C3", 2, "E3", 33)
    )
    area = {"station_area": "99"}
    wrong.append(event("change", agency, "C3", at(2), attributes=area))
    town.put([*wrong, clock(agency, at(30))])
    town.settle()
    assert f"{agency}/turnout/EMERGENT/30d/station_area/99" in town.plain.figures(agency)
    town.kill()
    fixed = {"recorded_at": at(31)}
    town.put(
        [
            event(
                "correction", agency, "C1", at(31), unit_id="E1", name="enroute_to_scene",
                was=f"{DAY}10:00:59+00:00", time=f"{DAY}10:00:40+00:00", **fixed,
            ),
            event("correction", agency, "C2", at(31), unit_id="E2", name="on_scene", was=at(5), **fixed),
            event(
                "change", agency, "C3", at(31),
                attributes={"station_area": "07", "response_mode": "NON_EMERGENT"},
            ),
            clock(agency, at(40)),
        ]
    )  # fmt: skip
    town.revive()

    right = call(other, "C1", 0, "E1", 30) + call(other, "C3", 2, "E3", 33)
    right += [e for e in call(other, "C2", 1, "E2", 20) if b"on_scene" not in e[1]]
    right.append(event("change", other, "C3", at(2), attributes={"station_area": "07"}))
    right.append(event("change", other, "C3", at(31), attributes={"response_mode": "NON_EMERGENT"}))
    town.put([*right, clock(other, at(40))])
    town.settle()

    assert_same(town.answer(other), town.answer(agency))
    assert not [series for series in town.plain.figures(agency) if "/99" in series]
