"""``watchroom simulate``: invented cities, one module each, imported only when asked for."""

from __future__ import annotations

from typing import ClassVar

import click

from watchroom.cli import LateGroup


class _Cities(LateGroup):
    package = "watchroom.commands.simulate"
    late: ClassVar[dict[str, tuple[str, str]]] = {
        "fire": ("fire", "Fire and EMS calls of a city fitted to San Francisco's week."),
        "mediation": ("mediation", "Police, fire and mediation calls of a city of Dayton's size."),
    }


@click.group("simulate", cls=_Cities)
def command() -> None:
    """Invent a city's events: for trials, drills and benchmarks, marked as simulated in every event.

    \b
    Examples:
      watchroom simulate fire --incidents-per-day 445 --days 7 --seed 1
      watchroom simulate mediation --days 40
    """
