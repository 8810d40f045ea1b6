"""The real week of San Francisco: every row read, every filled cell an event."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache

from schemas.events import EVENT, ChangeEvent, MilestoneEvent
from schemas.times import iso
from sources.draft import Draft, Renderer
from sources.inspection import inspect
from sources.mapping import Mapper
from sources.ordering import Sorter
from sources.problems import Problem
from sources.profile import find_profile
from sources.reading import Export, opened, positions

COLUMNS = {
    "call_arrival": "Received DtTm",
    "call_create": "Entry DtTm",
    "dispatch": "Dispatch DtTm",
    "enroute_to_scene": "Response DtTm",
    "on_scene": "On Scene DtTm",
    "enroute_to_hospital": "Transport DtTm",
    "arrived_at_hospital": "Hospital DtTm",
    "unit_clear": "Available DtTm",
}
"""DEFINITIONS.md, 7, written down a second time."""


def drafts_of_the_week() -> list[Draft]:
    profile = find_profile("sffd")
    assert profile.sample_path is not None
    with opened(profile.sample_path) as file:
        export = Export(file, profile.file)
        mapper = Mapper(profile, positions(export, profile))
        return [d for row in export.rows() if not isinstance(row, Problem) for d in mapper(row).drafts]


@cache
def week() -> tuple[Draft, ...]:
    return tuple(drafts_of_the_week())


def rows() -> list[dict[str, str]]:
    path = find_profile("sffd").sample_path
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_is_read_and_none_is_bad() -> None:
    """7,704 rows of 3,560 incidents."""
    path = find_profile("sffd").sample_path
    assert path is not None
    report = inspect(path, find_profile("sffd"))

    assert (report.rows, report.with_unit, report.incidents) == (7_704, 7_704, 3_560)
    assert not report.problems
    assert (iso(report.first or 0), iso(report.last or 0)) == ("2016-12-31T08:01:04Z", "2017-01-08T09:40:33Z")
    assert report.leap is None


def test_each_milestone_has_as_many_events_as_its_column_has_filled_cells() -> None:
    """The incident's, once a row; and two changes a row."""
    said = Counter(d.says for d in week() if isinstance(d.says, str))

    assert {name: sum(bool(r[column]) for r in rows()) for name, column in COLUMNS.items()} == said
    assert sum(d.kind == "change" for d in week()) == 2 * 7_704


def test_a_row_of_the_week_by_hand() -> None:
    """E39 to a service call, 2017 a few minutes away; local time is UTC - 8."""
    mine = [d for d in week() if d.incident_id == "163664050"]

    assert [(d.unit_id, d.says, iso(d.occurred)) for d in mine] == [
        (None, "call_arrival", "2017-01-01T07:57:56Z"),
        (None, "call_create", "2017-01-01T07:59:31Z"),
        ("E39", "dispatch", "2017-01-01T07:59:42Z"),
        ("E39", "enroute_to_scene", "2017-01-01T08:01:47Z"),
        ("E39", "on_scene", "2017-01-01T08:04:18Z"),
        ("E39", "unit_clear", "2017-01-01T08:24:11Z"),
        (None, {"type": "Citizen Assist / Service Call"}, "2017-01-01T07:57:56Z"),
        (
            "E39",
            {
                "priority": "3",
                "response_mode": "EMERGENT",
                "class": "FIRE",
                "station_area": "39",
                "battalion": "B08",
                "unit_type": "ENGINE",
                "service": "FIRE",
                "als": "true",
            },
            "2017-01-01T07:57:56Z",
        ),
    ]


def test_modes_classes_and_exemptions_are_section_sevens() -> None:
    """Counted against the columns."""
    said = Counter(
        (d.says.get("response_mode"), d.says.get("class"), d.says.get("first_due_exempt"))
        for d in week()
        if isinstance(d.says, dict) and d.unit_id
    )
    expected = Counter(
        (
            "EMERGENT" if r["Final Priority"] == "3" else "NON_EMERGENT",
            "EMS" if r["Call Type"] == "Medical Incident" else "FIRE",
            "*" if r["Unit Type"] in {"CHIEF", "INVESTIGATION", "SUPPORT"} else None,
        )
        for r in rows()
    )

    assert expected == said


def test_the_same_file_twice_is_the_same_events() -> None:
    """Ids, times, contents: so a second replay changes no figure."""
    assert list(week()) == drafts_of_the_week()


def test_different_things_have_different_ids() -> None:
    """Equal ids are equal events: a call's arrival is said once by each of its rows."""
    contents: dict[str, object] = {}
    for d in week():
        content = (d.incident_id, d.unit_id, d.kind, d.says, d.occurred)
        assert contents.setdefault(d.event_id, content) == content


def test_the_order_is_that_of_time() -> None:
    """Across runs on disk as in memory."""
    with Sorter(run_events=5_000) as sorter:
        for d in week():
            sorter.add(d)
        ordered = list(sorter.ordered())

    assert sorted(week(), key=lambda d: d.due) == ordered
    assert sorter.runs == 12


def test_every_event_is_valid() -> None:
    """By the models, which are the law."""
    render = Renderer("sffd", "export")

    kinds = Counter(type(EVENT.validate_json(render(d))) for d in week())

    assert {MilestoneEvent: 48_922, ChangeEvent: 15_408} == kinds
