"""``watchroom agency``: what agencies' files say."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.agency import Agency, Rules, Target, load_agencies, load_agency
from schemas.errors import ConfigurationError
from watchroom.cli import Context, pass_context


@click.group("agency")
def command() -> None:
    """Check agencies' files, and list the agencies there are.

    \b
    Examples:
      watchroom agency check
      watchroom agency list
    """


@command.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the agencies of the folder in the settings.

    \b
    Example:
      watchroom --agencies-dir /etc/watchroom/agencies agency list
    """
    for agency in load_agencies(context.settings.agencies_dir).values():
        sources = ", ".join(s.id for s in agency.sources)
        click.echo(f"{agency.id}: {agency.name} ({agency.time_zone}; sources: {sources})")


@command.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@pass_context
def check(context: Context, files: tuple[Path, ...]) -> None:
    """Read agencies' files (all of the folder in the settings, or FILES) and say what they say.

    What may stand in one: docs/formats.md.

    \b
    Examples:
      watchroom agency check
      watchroom agency check mycity.toml
    """
    folder = context.settings.agencies_dir
    if not files:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: no such folder of agencies' files; set agencies_dir")
        files = tuple(sorted(folder.glob("*.toml")))
        if not files:
            raise ConfigurationError(f"{folder}: no agency's file (ID.toml) in it; set agencies_dir")
    wrong = 0
    for path in files:
        try:
            agency = load_agency(path)
        except ConfigurationError as exc:
            wrong += 1
            click.echo(f"wrong: {exc.message}", err=True)
        else:
            _describe(path, agency)
    if wrong:
        raise ConfigurationError(f"{wrong} of {len(files)} agencies' files are wrong")


def _describe(path: Path, agency: Agency) -> None:
    simulated = ", simulated" if agency.simulated else ""
    click.echo(f"{path}: {agency.name} ({agency.id}{simulated}), {agency.time_zone}")
    for source in agency.sources:
        whose = "writes its own clock" if source.clock == "source" else "`watchroom up` writes its clock"
        click.echo(f"  source {source.id}: {source.about + '; ' if source.about else ''}{whose}")
    for rules in agency.rules:
        click.echo(f"  from {rules.effective_from}:")
        for line in _rules(rules):
            click.echo(f"    {line}")


def _rules(rules: Rules) -> list[str]:
    lines = [_target(target) for target in rules.targets] or ["no targets"]
    shifts = ", ".join(t.strftime("%H:%M") for t in rules.shifts.starts)
    rotation = f", by turns {', '.join(rules.shifts.rotation)}" if rules.shifts.rotation else ""
    lines.append(f"shifts begin at {shifts}{rotation}")
    for class_, types in rules.first_due_exempt.items():
        lines.append(
            f"do not count for first due ({'every class' if class_ == '*' else class_}): {', '.join(types)}"
        )
    if rules.areas:
        lines.append(f"{len(rules.areas)} station areas in {len(set(rules.areas.values()))} battalions")
    if rules.measure_als:
        lines.append(f"travel_als is measured; ALS by {'unit type' if rules.als_types else 'the events'}")
    arrival = "staging or on_scene, whichever comes first" if rules.staging_is_arrival else "on_scene"
    lines.append(f"arrival is {arrival}; spans over {rules.too_long_s:,} s are too long")
    return lines


def _target(target: Target) -> str:
    classes = "every class" if "*" in target.classes else "/".join(target.classes)
    priorities = "" if "*" in target.priorities else f", priority {'/'.join(target.priorities)}"
    source = f" ({target.source})" if target.source else ""
    return (
        f"{target.interval} within {target.seconds} s for {target.goal_percent} %:"
        f" {classes}{priorities}, {target.mode}{source}"
    )
