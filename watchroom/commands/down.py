"""``watchroom down``: stop what `watchroom up` started."""

from __future__ import annotations

import click

from watchroom.cli import Context, pass_context
from watchroom.stopping import stop


@click.command("down")
@pass_context
def command(context: Context) -> None:
    """Stop the workers, the exporter and the Kafka that `watchroom up` started on this state folder.

    Nothing is lost: what was read and not committed is computed anew at the next start.

    \b
    Example:
      watchroom down
    """
    state_dir = context.settings.state_dir
    click.echo("stopped" if stop(state_dir, click.echo) else f"Nothing runs on {state_dir}.")
