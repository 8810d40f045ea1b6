"""Write docs/commands.md and docs/settings.md from the program itself.

python tools/docs.py           writes them
python tools/docs.py --check   says what differs, and exits with 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Literal, get_args, get_origin

import click

from schemas.settings import ROOT, Settings
from watchroom.cli import COMMANDS, main_group

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 100

COMMANDS_HEAD = """\
# Commands

What `watchroom COMMAND --help` says, of every command. Written by `tools/docs.py`, not by hand.
"""
EXIT_CODES = """\
Exit codes: 0 done; 1 something is wrong, and the last line says what; 2 a setting, a flag or a file of
settings; 3 input that cannot be read; 4 refused, because it would spoil what stands; 5 no Kafka; 6 topics or
state of another layout or edition (`watchroom rebuild`); 7 a Grafana that does not answer, or will not; 70 a
defect of ours; 75 and 76 a worker that lost its place or stood still (it is started again); 130 stopped by
Ctrl-C."""
SETTINGS_HEAD = """\
# Settings

Flags win over the environment, the environment over a TOML file, that over the defaults here. The file is
`watchroom.toml` in the current folder, or the one named with `--config`; its keys are the names below. In
the environment a name stands in capitals after `WATCHROOM_`, as in `WATCHROOM_EXPORTER_PORT=9200`. Written
by `tools/docs.py`, not by hand.

| setting | default | allowed | what |
|---|---|---|---|"""
CACHE = """\
One variable is no setting: `WATCHROOM_CACHE` names the folder for Kafka's files, which can be copied to a
machine without a network (default: the platform's place for caches, `~/.cache/watchroom`)."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand, by its words after ``watchroom``, in the order of its ``--help``."""
    root = click.Context(main_group, info_name="watchroom")
    for name in COMMANDS:
        command = main_group.get_command(root, name)
        assert command is not None, f"{name} is listed and is not there"
        yield name, command
        if isinstance(command, click.Group):
            for sub in command.list_commands(root):
                inner = command.get_command(root, sub)
                assert inner is not None, f"{name} {sub} is listed and is not there"
                yield f"{name} {sub}", inner


def help_of(name: str, command: click.Command) -> str:
    """What ``--help`` says, at a fixed width."""
    context = click.Context(
        command, info_name=f"watchroom {name}".strip(), terminal_width=WIDTH, max_content_width=WIDTH
    )
    # The root sets these for all below it.
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context).rstrip()


def commands_page() -> str:
    """docs/commands.md."""
    parts = [COMMANDS_HEAD, "```text", help_of("", main_group), "```", "", EXIT_CODES]
    for name, command in commands():
        parts += ["", f"## watchroom {name}", "", "```text", help_of(name, command), "```"]
    return "\n".join(parts) + "\n"


def default_of(name: str) -> str:
    """A setting's default, for people."""
    field = Settings.model_fields[name]
    if name == "state_dir":
        return "`~/.local/state/watchroom`"
    if isinstance(field.default, Path) and field.default.is_relative_to(ROOT):
        return f"`{field.default.relative_to(ROOT)}` beside the program"
    return f"`{field.default}`" if str(field.default) else "empty"  # a secret as its stars


def allowed_of(name: str) -> str:
    """What a setting may be, for people: one of a few words, or a range; empty where anything goes."""
    field = Settings.model_fields[name]
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(field.annotation))
    bounds = {type(bound).__name__: bound for bound in field.metadata}
    least, over, most = bounds.get("Ge"), bounds.get("Gt"), bounds.get("Le")
    words = []
    if least is not None:
        words.append(f"{least.ge}" if most is not None else f"{least.ge} or more")
    if over is not None:
        words.append(f"over {over.gt}")
    if most is not None:
        words.append(f"to {most.le}" if least is not None else f"up to {most.le}")
    return " ".join(words) if least is not None else ", ".join(words)


def settings_page() -> str:
    """docs/settings.md."""
    rows = [
        f"| `{name}` | {default_of(name)} | {allowed_of(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join([SETTINGS_HEAD, *rows, "", CACHE]) + "\n"


PAGES = {"commands.md": commands_page, "settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; returns the exit code."""
    differing = []
    for name, made in PAGES.items():
        path, text = DOCS / name, made()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differing.append(f"docs/{name}")
        if "--check" in arguments:
            stands = path.read_text(encoding="utf-8") if path.is_file() else ""
            print("\n".join(unified_diff(stands.splitlines(), text.splitlines(), "stands", "made", n=0)))
        else:
            path.write_text(text, encoding="utf-8")
    if "--check" in arguments and differing:
        print(f"{' and '.join(differing)} do not say what the program does: run python tools/docs.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
