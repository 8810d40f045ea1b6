"""``watchroom profile``: what a profile makes of an export, before anything is sent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from schemas.errors import BadInput
from schemas.times import Micros, moment
from sources.inspection import INCIDENTS_COUNTED_MAX, Report, inspect
from sources.profile import MEDIATION_ORDER, OF_MEDIATION, ROW_ORDER, Profile, find_profile, shipped_profiles
from sources.progress import shown
from watchroom.commands.replay import file_or_sample

_VALUES_SHOWN = 6


_ORDER = (*ROW_ORDER, *(f"{OF_MEDIATION}{name}" for name in MEDIATION_ORDER))


@click.group("profile")
def command() -> None:
    """Check how an export would be read, and list the profiles there are.

    \b
    Examples:
      watchroom profile check calls.csv --profile mycity.toml
      watchroom profile list
    """


@command.command("list")
def list_() -> None:
    """List the profiles that ship.

    \b
    Example:
      watchroom profile list
    """
    for profile in shipped_profiles():
        sample = (
            ", with a sample" if profile.sample_path is not None and profile.sample_path.is_file() else ""
        )
        click.echo(f"{profile.name}: {profile.about or profile.agency} ({profile.time_zone}{sample})")


@command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--profile", "-p", "profile_name", required=True, help="How the file is read: a name, or a TOML file."
)
def check(file: Path | None, profile_name: str) -> None:
    """Read all of FILE, write nothing, and say what each column became.

    Ends with exit code 3 if anything could not be read. What may stand in a profile: docs/formats.md.

    \b
    Example:
      watchroom profile check calls.csv --profile mycity.toml
    """
    profile = find_profile(profile_name)
    path = file_or_sample(file, profile)
    with shown(profile.zone) as tell:
        report = inspect(path, profile, tell)
    click.echo(f"{path}, read with profile {profile.name} ({profile.path})")
    _columns(report)
    _counts(report, profile)
    _values(report)
    _exclusions(report)
    _problems(report)
    if report.problems:
        raise BadInput(
            f"{path}: {report.problems.bad_rows:,} bad rows and {report.problems.bad_cells:,} bad cells"
        )


def _columns(report: Report) -> None:
    click.echo("\nColumns")
    width = max(len(c) for c in report.header)
    for column in report.header:
        click.echo(f"  {column:<{width}}  {', '.join(report.uses[column]) or '-'}")


def _counts(report: Report, profile: Profile) -> None:
    more = " or more" if report.incidents >= INCIDENTS_COUNTED_MAX else ""
    click.echo(f"\n{report.rows:,} rows, {report.incidents:,}{more} incidents, {report.events:,} events")
    if report.first is not None and report.last is not None:
        click.echo(
            f"from {_local(report.first, profile)} to {_local(report.last, profile)}, {profile.time_zone}"
        )
    width = max(map(len, [*report.milestones, "enroute_to_hospital"]))
    click.echo(f"\n{'Milestones':<{width - 1}} rows with it    without")
    missing = report.missing()
    for name in sorted(report.milestones, key=_ORDER.index):
        click.echo(f"  {name:<{width}} {report.milestones[name]:>9,} {missing[name]:>10,}")


def _values(report: Report) -> None:
    if not report.values:
        return
    click.echo("\nAttributes")
    for name, counts in report.values.items():
        click.echo(f"  {name}: {_most(counts)}")
    for name, counts in report.uncoded.items():
        click.echo(f"  {name}, not in its codes: {_most(counts)}")


def _most(counts: Counter[str]) -> str:
    shown = ", ".join(f"{value} ({count:,})" for value, count in counts.most_common(_VALUES_SHOWN))
    return shown + (
        f", and {len(counts) - _VALUES_SHOWN:,} more values" if len(counts) > _VALUES_SHOWN else ""
    )


def _exclusions(report: Report) -> None:
    """What the figures will leave out, as far as rows alone show it."""
    lines = [f"{count:,} rows have no {name}" for name, count in report.missing().items() if count]
    exempt = report.values.get("first_due_exempt")
    if exempt:
        lines.append(f"{sum(exempt.values()):,} rows are of units that do not count for first due")
    lines += [
        f"{count:,} rows have {later} before {earlier}"
        for (earlier, later), count in report.backwards.most_common()
    ]
    if report.leap is not None:
        lines.append(
            f"{report.leap[2]:,} events come more than 30 days after the one before them, and move no clock"
        )
    if lines:
        click.echo("\nTo be left out of figures that need them, or told apart")
        for line in lines:
            click.echo(f"  {line}")


def _problems(report: Report) -> None:
    problems = report.problems
    click.echo(f"\n{problems.bad_rows:,} bad rows, {problems.bad_cells:,} bad cells")
    for reason, count in problems.by_reason.most_common():
        click.echo(f"  {reason.value}: {count:,}")
    for problem in problems.first:
        click.echo(f"  {problem}")


def _local(at: Micros, profile: Profile) -> str:
    return moment(at).astimezone(profile.zone).strftime("%Y-%m-%d %H:%M:%S")
