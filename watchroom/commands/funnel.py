"""``watchroom funnel``: how far down mediation calls came, drawn in the terminal."""

from __future__ import annotations

import click

from schemas.errors import WatchroomError
from sinks.terminal.diversion import funnel_text, json_line
from watchroom.cli import Context, pass_context
from watchroom.diversion import chosen, options, read


@click.command("funnel")
@options(windows=("30d",), many=False)
@pass_context
def command(
    context: Context,
    /,
    agency_id: str | None,
    window: str,
    by: str,
    group: str | None,
    for_public: bool,
    as_json: bool,
) -> None:
    """How far down the funnel the calls came that suit the mediation unit, and how they ended.

    Each step is the sum of what follows it. Beside it stand calls that were taken although they are off
    criteria, out of hours or out of area.

    \b
    Example:
      watchroom funnel
      watchroom funnel --window 7d --by type --group LOITERING
      watchroom funnel --window month --json
    """
    figures, agencies = read(context.settings)
    found = chosen(figures, agency_id, [window], by, group, for_public=for_public)
    if not found:
        raise WatchroomError(
            f"no funnel of {agency_id or 'any agency'} for {window} by {by}: nothing is in it"
        )
    for agency, those in found.items():
        for figure in those:
            if as_json:
                click.echo(json_line(figure, public=for_public))
            else:
                click.echo(funnel_text(figure, agencies.get(agency), public=for_public))
