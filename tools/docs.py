"""Write docs/commands.md, docs/settings.md and docs/topics.md from the program itself.

python tools/docs.py           writes them
python tools/docs.py --check   says what differs, and exits with 1
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import msgspec

from schemas import vocabulary
from schemas.records import (
    BreachRecord,
    CallTimes,
    DiversionRecord,
    EncounterRecord,
    FigureRecord,
    HealthRecord,
    IncidentRecord,
    Measure,
    Place,
    Rate,
    ResponseRecord,
    Step,
    UnitRecord,
)
from schemas.settings import ROOT, Settings
from schemas.topics import TOPICS
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
TOPICS_HEAD = """\
# Topics and records

For whoever reads Kafka itself. Written by `tools/docs.py`, not by hand. What may be written to
`incident.events` is in [formats.md](formats.md), what the figures mean in [definitions.md](definitions.md).

- **Names.** A topic marked *N* carries the generation: `figures.g1`. `watchroom --broker HOST:PORT topics`
  prints the names; the topic `generations` says which one readers use; `watchroom rebuild` makes the next.
- **Read committed.** All is written in transactions: read with `isolation.level=read_committed`.
- **Which record counts.** On `responses`, `incidents`, `encounters` and `breaches` the one with the highest
  `revision` of its key, elsewhere the last. A record without a value takes its key away. A key with
  `//clock/` in it is a clock, and no record of an incident.
- **Keys.** An id in a key has its `/` as `%2F` and its `%` as `%25`. A `series` is
  agency/interval/mode/window/by/group, of diversion agency/diversion/-/window/by/group.
- **JSON.** `Micros` are instants: whole microseconds since 1970, UTC. Spans are whole seconds. A `Revision`
  is [offset of the last event applied to the incident, `Micros` at which a rule closed it or 0]. A field that
  has its default (empty, 0, false; -1 where the table says so) is left out.

With the Python of `.venv` (`watchroom status` says where Kafka is):

    from kafka import KafkaConsumer
    for record in KafkaConsumer("figures.g1", bootstrap_servers="HOST:PORT", group_id=None,
                                isolation_level="read_committed", auto_offset_reset="earliest"):
        print(record.key, record.value)

| topic | key | kept | what |
|---|---|---|---|"""
RECORDS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "responses": (ResponseRecord, Place, Measure),
    "incidents": (IncidentRecord,),
    "encounters": (EncounterRecord,),
    "breaches": (BreachRecord, Step),
    "units": (UnitRecord,),
    "figures": (FigureRecord, DiversionRecord, Rate, CallTimes),
    "health": (HealthRecord,),
}
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


def said_of(record: type[msgspec.Struct]) -> dict[str, str]:
    """Field to what the record's docstring says of it; fields that share a line have it at the first."""
    attributes = (inspect.getdoc(record) or "").partition("Attributes:\n")[2]
    said: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        begun = re.match(r"    ([a-z_0-9]+(?:, [a-z_0-9]+)*): (.*)", line)
        if begun:
            name, *others = begun[1].split(", ")
            said[name] = begun[2]
            said |= dict.fromkeys(others, f"see `{name}`.")
        elif line.strip() and name:
            said[name] += f" {line.strip()}"
    return {field: in_markdown(words) for field, words in said.items()}


def in_markdown(words: str) -> str:
    """A docstring's words, with the members of a vocabulary in place of its name."""

    def members(found: re.Match[str]) -> str:
        return ", ".join(f"`{member.value}`" for member in getattr(vocabulary, found[1]))

    words = re.sub(r"(?:a )?``schemas\.vocabulary\.(\w+)``", members, words)
    # Where it stands in the code is nothing to a reader of the page.
    words = re.sub(r",? (?:see )?\(?``schemas\.[\w.]+``\)?", "", words)
    return words.replace("``", "`").replace("DEFINITIONS.md", "definitions.md")


def record_rows(record: type[msgspec.Struct]) -> Iterator[str]:
    """A record's table."""
    about = in_markdown((inspect.getdoc(record) or "").partition("\n")[0])
    if record.__struct_config__.array_like:
        about += " A list, in this order."
    said = said_of(record) if record is not IncidentRecord else said_of(ResponseRecord) | said_of(record)
    yield from ("", f"### {record.__name__}", "", about, "", "| field | type | what |", "|---|---|---|")
    for field in msgspec.structs.fields(record):
        kind = str(record.__annotations__[field.name]).replace("|", "or")
        yield f"| `{field.encode_name}` | {kind} | {said.get(field.name, '')} |"


def topics_page() -> str:
    """docs/topics.md."""
    lines = [TOPICS_HEAD]
    for topic in TOPICS.values():
        kept = ["the last of each key"] if "compact" in topic.cleanup else []
        kept += [f"{topic.retention_days} days"] if topic.retention_days else []
        mark = " *N*" if topic.generational else ""
        lines.append(f"| `{topic.name}`{mark} | {topic.key} | {', '.join(kept) or 'all'} | {topic.about} |")
    for name, records in RECORDS.items():
        lines += ["", f"## {name}"]
        for record in records:
            lines += record_rows(record)
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands_page, "settings.md": settings_page, "topics.md": topics_page}


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
