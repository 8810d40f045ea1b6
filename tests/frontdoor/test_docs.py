"""Nothing is undocumented: every command has an example, and the pages say what the program does."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from schemas.settings import Settings
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
