"""What the commands about diversion share: which figures of which agency are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from schemas.agency import Agency, load_agencies
from schemas.errors import WatchroomError
from schemas.records import DiversionRecord
from schemas.series import DIVERSION_BREAKDOWNS, DIVERSION_PERIODS, ROLLING
from schemas.settings import Settings
from sinks.diversion import live, public
from sinks.figures import why_none
from sinks.reading import Reader
from watchroom.meant import check_windows

LATEST = ("today", *DIVERSION_PERIODS)
WINDOWS = (*ROLLING, *LATEST)


def _window(
    _ctx: click.Context, _param: click.Parameter, value: str | tuple[str, ...]
) -> str | tuple[str, ...]:
    asked = (value,) if isinstance(value, str) else value
    check_windows(asked, WINDOWS, DIVERSION_PERIODS, "today, day and month are the latest that there is")
    return value


def options(*, windows: tuple[str, ...], many: bool) -> Callable[[Any], Any]:
    """The flags by which figures are chosen."""

    def decorate(command: Any) -> Any:
        for option in (
            click.option("--json", "as_json", is_flag=True, help="JSON Lines of the figures' records."),
            click.option(
                "--public", "for_public", is_flag=True, help="Suppress small cells, as for the public."
            ),
            click.option("--group", "group", metavar="NAME", help="Only this group, as LOITERING of type."),
            click.option(
                "--by",
                type=click.Choice(DIVERSION_BREAKDOWNS),
                default="all",
                show_default=True,
                help="Breakdown: initial type, area, local hour of the call, start of its shift.",
            ),
            click.option(
                "--window",
                "windows" if many else "window",
                multiple=many,
                default=windows if many else windows[0],
                show_default=True,
                metavar="WINDOW",
                callback=_window,
                help="1h, 24h, 7d, 30d, today, month (the latest), day:2025-01-31, month:2025-01.",
            ),
            click.option(
                "--agency",
                "agency_id",
                metavar="ID",
                help="Only this agency. [default: all that have such figures]",
            ),
        ):
            command = option(command)
        return command

    return decorate


def read(settings: Settings) -> tuple[list[DiversionRecord], dict[str, Agency]]:
    """All diversion figures as they stand, and the agencies' files.

    Raises:
        WatchroomError: there is none, in words.
    """
    from watchroom.running import bootstrap

    with Reader(settings.broker or bootstrap(settings)) as reader:
        generation = reader.generation()
        figures = list(live(reader, generation).figures.values())
        if not figures:
            raise WatchroomError(_why_none(reader, generation))
    return figures, load_agencies(settings.agencies_dir)


def _why_none(reader: Reader, generation: Any) -> str:
    said = why_none(reader, generation)
    if generation is None or not reader.sizes("incident.events"):
        return said
    return (
        "No diversion figure yet: no call of an agency whose file has [[mediation]] criteria has been "
        "counted. See it with a simulated city: watchroom simulate mediation"
    )


def chosen(
    figures: Iterable[DiversionRecord],
    agency_id: str | None,
    windows: Iterable[str],
    by: str,
    group: str | None,
    *,
    for_public: bool,
) -> dict[str, list[DiversionRecord]]:
    """Figures by agency, in the order of the windows asked for.

    Raises:
        click.UsageError: a group without a breakdown.
    """
    if group is not None and by == "all":
        raise click.UsageError("--group needs --by, as --by type --group LOITERING")
    found: dict[str, list[DiversionRecord]] = {}
    of_agency: dict[str, list[DiversionRecord]] = {}
    for figure in figures:
        if agency_id is None or figure.agency_id == agency_id:
            of_agency.setdefault(figure.agency_id, []).append(figure)
    for name, all_of_it in sorted(of_agency.items()):
        for window in windows:
            exact = _exact(window, all_of_it)
            whole = [f for f in all_of_it if f.window == exact]
            shown = public(whole) if for_public else whole
            fitting = [f for f in shown if f.by == by and (group is None or f.group == group)]
            found.setdefault(name, []).extend(sorted(fitting, key=lambda f: f.group))
    return {name: those for name, those in found.items() if those}


def _exact(window: str, figures: list[DiversionRecord]) -> str:
    """``today`` and ``month`` are the latest that there is."""
    if window not in LATEST:
        return window
    kind = "day" if window in ("today", "day") else "month"
    return max((f.window for f in figures if f.window.startswith(f"{kind}:")), default=window)
