"""A mediation log in CSV becomes the events of the other half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.decoding import decode
from schemas.errors import ConfigurationError
from schemas.events import EVENT, to_json
from sources.draft import Renderer
from sources.mapping import Mapper
from sources.profile import Profile, find_profile, load_profile
from sources.reading import Export, Row, opened, positions
from tests.sources.makings import a_profile, mapped

LOG = "call,unit,offered,accepted,arrived,left,how,police\n"


def a_log(**changes: object) -> Profile:
    """A small profile of a log."""
    log = {
        "steps": {"offered": "offered", "accepted": "accepted", "on_scene": "arrived", "unit_clear": "left"},
        "outcome": {"column": "how", "codes": {"OK": "resolved"}, "keep": True},
        "police_on_scene": {"column": "police", "codes": {"Y": "true", "N": "false"}},
    }
    return a_profile(milestones={}, mediation={**log, **changes})


def rendered(cells: str, profile: Profile) -> list[dict[str, object]]:
    """The events of one row, as they go to Kafka; both decoders agree on each."""
    (row,) = mapped(LOG + cells, profile)
    lines = [Renderer("town", "desk")(draft) for draft in row.drafts]
    for line in lines:
        assert to_json(EVENT.validate_json(line)) == line
        decode(line)
    return [json.loads(line) for line in lines]


def test_a_row_becomes_steps_milestones_and_an_outcome() -> None:
    """The desk's steps are the incident's, the unit's milestones its own, the outcome is of the row's end."""
    times = "2025-03-05 11:00:00,2025-03-05 11:02:00,2025-03-05 11:20:00,2025-03-05 11:50:00"
    events = rendered(f"A1,M1,{times},OK,N\n", a_log())

    said = [(e["kind"], e.get("name"), e.get("unit_id")) for e in events]
    assert said == [
        ("mediation", "offered", None),
        ("mediation", "accepted", None),
        ("mediation_unit", "on_scene", "M1"),
        ("mediation_unit", "unit_clear", "M1"),
        ("mediation_outcome", None, "M1"),
    ]
    assert (events[-1]["outcome"], events[-1]["police_on_scene"]) == ("resolved", False)
    assert events[-1]["occurred_at"] == events[-2]["occurred_at"]


def test_an_outcome_that_is_none_costs_the_cell() -> None:
    """A word outside the vocabulary is a problem of its cell; the rest of the row stands."""
    (row,) = mapped(f"{LOG}A1,,2025-03-05 11:00:00,,,,Shrugged,\n", a_log())

    assert [draft.kind for draft in row.drafts] == ["mediation"]
    assert [problem.reason.value for problem in row.problems] == ["not_in_vocabulary"]


def test_a_unit_s_step_without_a_unit_costs_the_cell() -> None:
    """Nobody arrived, if nobody is named."""
    (row,) = mapped(f"{LOG}A1,,2025-03-05 11:00:00,,2025-03-05 11:20:00,,,\n", a_log())

    assert [draft.says for draft in row.drafts] == ["offered"]
    assert [problem.reason.value for problem in row.problems] == ["no_unit_id"]


@pytest.mark.parametrize(
    "wrong",
    [
        '[mediation.steps]\npondered = "x"',
        '[mediation.outcome]\ncolumn = "x"\ncodes = { a = "fine" }',
        "",
    ],
    ids=["step", "outcome", "no times"],
)
def test_a_wrong_profile_is_refused_in_words(wrong: str, tmp_path: Path) -> None:
    """An unknown step, an unknown outcome, and a profile without any time."""
    path = tmp_path / "log.toml"
    path.write_text(
        'agency = "a"\nsource = "b"\ntime_zone = "UTC"\nincident = "call"\nunit = "unit"\n' + wrong
    )
    with pytest.raises(ConfigurationError, match=r"step|outcome|times"):
        load_profile(path)


def test_the_profile_that_ships_reads_its_sample() -> None:
    """Without a bad cell."""
    profile = find_profile("mediation-log")
    assert profile.sample_path is not None
    with opened(profile.sample_path) as file:
        export = Export(file, profile.file)
        mapper = Mapper(profile, positions(export, profile))
        rows = [mapper(row) for row in export.rows() if isinstance(row, Row)]

    assert sum(len(row.problems) for row in rows) == 0
    assert sum(len(row.drafts) for row in rows) == 19
