"""What the simulations are told alike: how chance begins, how time steps, where the events go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from watchroom.commands.replay import Span

FIRST_YEAR, LAST_YEAR = 1970, 2999


class Day(click.DateTime):
    """A local day such as 2025-01-31, of a year in which all of a simulation can lie."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Midnight of that day, without a zone."""
        day: datetime = super().convert(value, param, ctx)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.fail(f"{value!r} is not a day of the years {FIRST_YEAR} to {LAST_YEAR}", param, ctx)
        return day


SEED = click.option(
    "--seed",
    type=click.IntRange(0, 10**9),
    default=1,
    show_default=True,
    help="Number that chance begins with: the same seed, the same bytes.",
)
CLOCK_STEP = click.option(
    "--clock-step",
    type=Span(),
    default="1d",
    show_default=True,
    help="Event time between clocks, as 1min, 1h.",
)
TARGET = click.option(
    "--to",
    "target",
    metavar="kafka|-|FILE",
    default="kafka",
    show_default=True,
    help="Where the events go: Kafka, standard output (-), or a file, which is written anew.",
)
