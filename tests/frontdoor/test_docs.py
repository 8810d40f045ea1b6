"""Nothing is undocumented: every command has an example, and the pages say what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from schemas.agency import Agency, Rules, Shifts, Source, Target
from schemas.events import Attributes, ClockEvent, IncidentEvent
from schemas.mediation import CallType, Criteria, Hours
from schemas.settings import Settings
from schemas.vocabulary import (
    DESK_STEPS,
    MEDIATION_UNIT_STEPS,
    MILESTONES,
    MODES,
    OUTCOMES,
    Initiator,
    Service,
)
from sources.profile import AttributeRule, FileFormat, MediationLog, Profile, TimeOfDay, Times
from tools import docs

ALL = dict(docs.commands())


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_an_example(name: str) -> None:
    """`--help` shows how it is used, by its own name."""
    said = docs.help_of(name, ALL[name])

    assert "Example" in said
    assert "\\b" not in said  # click's mark of a paragraph whose lines stay, in a raw docstring
    assert f"watchroom {name.partition(' ')[0]}" in said.partition("Example")[2] or "watchroom --" in said


@pytest.mark.parametrize("name", ALL)
def test_every_option_says_what_it_does(name: str) -> None:
    """No option without a sentence."""
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"watchroom {name} {parameter.opts[0]}"


def test_every_command_and_option_is_on_the_page() -> None:
    """docs/commands.md names all of them."""
    page = (docs.DOCS / "commands.md").read_text(encoding="utf-8")
    for name, command in ALL.items():
        section = page.partition(f"## watchroom {name}\n")[2].partition("\n## ")[0]

        assert section, f"watchroom {name} is not on the page"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[-1] in section


def test_every_setting_is_on_the_page() -> None:
    """docs/settings.md names all of them, with what they are for."""
    page = (docs.DOCS / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `{name}` |" in page
        assert field.description is not None
        assert field.description in page


MODELS = (
    Agency, Source, Rules, Shifts, Target, Criteria, CallType, Hours,
    Profile, FileFormat, Times, TimeOfDay, AttributeRule, MediationLog, ClockEvent, *get_args(IncidentEvent),
)  # fmt: skip
WORDS = (
    *MILESTONES, *Attributes.__annotations__, *DESK_STEPS, *MEDIATION_UNIT_STEPS, *OUTCOMES, *MODES,
    *get_args(Service), *get_args(Initiator),
)  # fmt: skip


def test_what_people_write_is_on_the_page() -> None:
    """docs/formats.md names every field of an agency's file, a profile and an event, and every word."""
    page = (docs.DOCS / "formats.md").read_text(encoding="utf-8")
    # A profile's name and path are where it stands.
    fields = {field.alias or name for model in MODELS for name, field in model.model_fields.items()} - {
        "path"
    }

    said = set(re.findall(r"[a-z_A-Z]+", " ".join(re.findall(r"`([^`]+)`", page))))
    assert sorted({*fields, *WORDS} - said) == []


@pytest.mark.parametrize("model", [Agency, Rules, Target, Criteria, Profile, CallType])
def test_what_must_be_there_is_marked(model: type[BaseModel]) -> None:
    """With a star, in the table or the words; a profile's name and path are where it stands."""
    page = (docs.DOCS / "formats.md").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        if field.is_required() and (model, name) not in {(Profile, "name"), (Profile, "path")}:
            assert re.search(rf"`\[*{name}\]*`(, `\w+`)* \\\*", page), name


def test_the_pages_are_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    """`tools/docs.py --check` finds no difference."""
    assert docs.main(["--check"]) == 0, capsys.readouterr().out


def test_a_difference_is_found_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail, and the script can mend it."""
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    (tmp_path / "commands.md").write_text("old")

    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def heading_anchors(page: Path) -> set[str]:
    """What a link may name after #, as GitHub makes it of headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "page", sorted([*docs.DOCS.glob("*.md"), *docs.DOCS.parent.glob("*.md")]), ids=lambda p: p.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file that is there, and a heading in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page

        assert target.exists(), link
        assert not anchor or anchor in heading_anchors(target), link
