"""The first day of a simulation, as a person writes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

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
