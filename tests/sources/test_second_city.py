"""A second city in less than 30 lines: other delimiter, encoding, zone, and times split from dates."""

from __future__ import annotations

from schemas.times import iso
from sources.inspection import inspect
from sources.mapping import Mapper
from sources.problems import Problem
from sources.profile import find_profile
from sources.reading import Export, opened, positions
from tests.sources.makings import DATA

PROFILE = DATA / "musterstadt.toml"


def events() -> list[tuple[str, str | None, object, str]]:
    profile = find_profile(str(PROFILE))
    with opened(DATA / "musterstadt.csv") as file:
        export = Export(file, profile.file)
        mapper = Mapper(profile, positions(export, profile))
        rows = [row for row in export.rows() if not isinstance(row, Problem)]
        return [
            (d.incident_id, d.unit_id, d.says, iso(d.occurred)) for row in rows for d in mapper(row).drafts
        ]


def test_a_profile_takes_less_than_thirty_lines() -> None:
    """Comments and blank lines included."""
    assert len(PROFILE.read_text().splitlines()) < 30


def test_a_call_over_midnight_of_new_years_eve() -> None:
    """One date a row: what lies past midnight is the next year's, milliseconds and all."""
    found = [
        (says, at)
        for incident, unit, says, at in events()
        if incident == "2023/4711" and unit in (None, "HLF 1")
    ]

    assert found[:6] == [
        ("call_arrival", "2023-12-31T22:58:04.250000Z"),
        ("call_create", "2023-12-31T22:58:51Z"),
        ("dispatch", "2023-12-31T22:59:40.100000Z"),
        ("enroute_to_scene", "2023-12-31T23:00:55.900000Z"),
        ("on_scene", "2023-12-31T23:05:12Z"),
        ("unit_clear", "2024-01-01T00:10:00Z"),
    ]


def test_a_second_format_is_tried() -> None:
    """One desk leaves the milliseconds out."""
    assert ("2023/4711", "DLK 1", "unit_clear", "2023-12-31T23:20:00Z") in events()


def test_accents_and_codes_come_through() -> None:
    """Latin-1 values, modes and services by their codes, a disposition where there is one."""
    said = [(unit, says) for incident, unit, says, _ in events() if incident == "2023/4711"]

    assert (None, {"type": "Brand Wohngebäude"}) in said
    assert (
        "HLF 1",
        {"response_mode": "EMERGENT", "class": "FIRE", "unit_type": "HLF", "service": "FIRE"},
    ) in said
    assert (None, "gelöscht") in said


def test_nothing_of_it_is_bad() -> None:
    """Four rows, three incidents."""
    report = inspect(DATA / "musterstadt.csv", find_profile(str(PROFILE)))

    assert not report.problems
    assert (report.rows, report.incidents) == (4, 3)
    assert report.missing()["on_scene"] == 2
