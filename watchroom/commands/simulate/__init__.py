"""``watchroom simulate``: invented cities, one module each, imported only when asked for."""

from __future__ import annotations

from importlib import import_module

import click

CITIES: dict[str, str] = {
    "fire": "Fire and EMS calls of a city fitted to San Francisco's week.",
    "mediation": "Police, fire and mediation calls of a city of Dayton's size.",
}
"""City to one line; its module here has a click command named ``command``."""


class _Cities(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(CITIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in CITIES:
            return None
        command: click.Command = import_module(f"watchroom.commands.simulate.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(CITIES.items()))


@click.group("simulate", cls=_Cities)
def command() -> None:
    """Invent a city's events: for trials, drills and benchmarks, marked as simulated in every event.

    \b
    Examples:
      watchroom simulate fire --incidents-per-day 445 --days 7 --seed 1
      watchroom simulate mediation --days 40
    """
