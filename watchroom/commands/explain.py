"""``watchroom explain``: a formula in words, with its parts as of now."""

from __future__ import annotations

import click

from schemas.definitions import EDITION
from schemas.errors import WatchroomError
from sinks.terminal.diversion import explanation
from watchroom.cli import Context, pass_context
from watchroom.diversion import chosen, read

_WINDOWS = ("1h", "24h", "7d", "30d", "today", "month")


@click.command("explain")
@click.argument("formula", metavar="FORMULA", type=click.Choice(list(EDITION.formulas), case_sensitive=False))
@click.option(
    "--agency", "agency_id", metavar="ID", help="Only this agency. [default: all that have such figures]"
)
@pass_context
def command(context: Context, /, formula: str, agency_id: str | None) -> None:
    """What a rate of diversion means, where it comes from, and what flatters it.

    FORMULA is D1a, D1b, D1c, D2a, D2b, D3a, D3b, E1, E2, R1, R2, B1 or P1. Numerator and denominator stand
    beside it as of now, where a Kafka is running and there are any.

    \b
    Example:
      watchroom explain D1c
      watchroom explain R1 --agency dayton-sim
    """
    definition = EDITION.formulas[formula]
    try:
        figures, agencies = read(context.settings)
    except WatchroomError as exc:
        click.echo(explanation(definition, [], None, why_none=exc.message))
        return
    found = chosen(figures, agency_id, _WINDOWS, "all", None, for_public=False)
    if not found:
        click.echo(explanation(definition, [], None, why_none=f"no figure of {agency_id or 'any agency'}"))
    for agency, those in found.items():
        click.echo(explanation(definition, those, agencies.get(agency)))
