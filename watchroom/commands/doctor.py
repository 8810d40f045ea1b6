"""``watchroom doctor``: what this machine lacks, and the mend."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from sinks.terminal.plain import Column, Sheet, plain, rich
from watchroom.checks import findings
from watchroom.cli import Context, pass_context


@click.command("doctor")
@pass_context
def command(context: Context) -> None:
    """Check what this machine might lack, and say the mend for each.

    Exit code 1 when something is missing that is needed.

    \b
    Example:
      watchroom doctor
      watchroom --broker kafka.example.org:9092 doctor
    """
    settings = context.settings
    found = list(findings(settings))
    missing = [f for f in found if f.state == "missing"]
    verdict = (
        "Nothing is missing."
        if not missing
        else f"Missing: {', '.join(f.what for f in missing)}. The mend stands beside each."
    )
    columns = (
        Column("what"),
        Column("state"),
        Column("found", flexible=True),
        Column("mend", flexible=True),
    )
    sheet = Sheet((), columns, tuple((f.what, f.state, f.found, f.mend) for f in found), (verdict,))
    if sys.stdout.isatty():
        console = Console()
        console.print(rich(sheet, console.width))
    else:
        click.echo(plain(sheet), nl=False)
    if missing:
        sys.exit(1)
