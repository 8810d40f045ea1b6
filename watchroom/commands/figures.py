"""``watchroom figures``: response times as a table, live, as shown then, or as known now."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import click
from rich.console import Console, Group
from rich.live import Live

from schemas.agency import Agency, load_agencies
from schemas.definitions import EDITION
from schemas.errors import WatchroomError
from schemas.records import DiversionRecord, FigureRecord
from schemas.series import BREAKDOWNS, CALENDAR, ROLLING
from schemas.settings import Settings
from schemas.vocabulary import MODES, UNKNOWN
from sinks.figures import FIGURES, HEALTH, FigureTable, as_shown, live, why_none
from sinks.reading import Reader, follow
from sinks.terminal.diversion import json_line as json_line_of
from sinks.terminal.diversion import rates_sheet
from sinks.terminal.figures import Asked, Question, json_line, sheet
from sinks.terminal.plain import Sheet, least_width, plain, rich
from sinks.terminal.selection import ANY, Selection
from sinks.terminal.words import instant_of
from watchroom.cli import Context, pass_context
from watchroom.diversion import chosen, options, read
from watchroom.meant import check_time, check_windows

REDRAW_S = 0.25
REPRINT_S = 1.0

Answer = tuple[Question, list[FigureRecord]]


@dataclass(frozen=True, slots=True)
class Asking:
    """What the flags say, and where to look."""

    settings: Settings
    bootstrap: str
    agencies: Mapping[str, Agency]
    wanted: tuple[str, ...]
    selection: Selection
    json: bool

    def question(self, agency_id: str) -> Question:
        """The question as put to one agency, live."""
        return Question(agency_id, self.agencies.get(agency_id), self.selection)

    def zone(self, agency_id: str) -> ZoneInfo:
        """The agency's zone, UTC where its file is not here."""
        return self.question(agency_id).zone

    def of(self, figures: Iterable[FigureRecord]) -> list[str]:
        """The agencies to show: those asked for, else all that have figures."""
        return list(self.wanted) or sorted({f.agency_id for f in figures})


def _window(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    check_windows(value, (*ROLLING, *CALENDAR, ANY), CALENDAR, "day alone is every day, any is all there are")
    return value


@click.group("figures", invoke_without_command=True, subcommand_metavar="[diversion]")
@click.option(
    "--agency",
    "agency_ids",
    multiple=True,
    metavar="ID",
    help="Only this agency; more than once for several (default: all that have figures).",
)
@click.option(
    "--interval",
    "intervals",
    multiple=True,
    type=click.Choice(list(EDITION.intervals)),
    metavar="ID",
    help="Only this interval, as turnout; more than once for several (default: all that have anything).",
)
@click.option(
    "--mode",
    type=click.Choice([*MODES, UNKNOWN, ANY], case_sensitive=False),
    default="EMERGENT",
    show_default=True,
    help="Response mode, as the events say it.",
)
@click.option(
    "--by",
    type=click.Choice([*BREAKDOWNS, ANY]),
    default="all",
    show_default=True,
    help="Breakdown: a row for each group of it.",
)
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Only this group of the breakdown, as 03."
)
@click.option(
    "--window",
    "windows",
    multiple=True,
    callback=_window,
    metavar="WINDOW",
    help="1h, 24h, 7d, 30d, day:2017-01-01, shift:2017-01-01T08:00, month:2017-01; day, shift or month for "
    "every one there is; any (default: the four rolling ones; of a breakdown 24h).",
)
@click.option("--watch", is_flag=True, help="Stay, and show every change.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines of the figures' records, spans in seconds.")
@click.option(
    "--as-of", "as_of", metavar="T", help="As known now for the time T: from the records as they are now."
)
@click.option("--shown", metavar="T", help="As shown at the time T: what stood then, never recomputed.")
@pass_context
def command(
    context: Context,
    agency_ids: tuple[str, ...],
    intervals: tuple[str, ...],
    mode: str,
    by: str,
    groups: tuple[str, ...],
    windows: tuple[str, ...],
    watch: bool,
    as_json: bool,
    as_of: str | None,
    shown: str | None,
) -> None:
    """Response-time figures as a table: n, percentiles, compliance, what is excluded and why.

    Times T are the agency's own unless they name a zone: 2017-01-03T18:00, or 2017-01-04T02:00:00Z.
    Compliance is cut to one decimal, not rounded.

    \b
    Example:
      watchroom figures --watch
      watchroom figures --interval turnout --by station_area --window 24h
      watchroom figures --as-of 2017-01-03T18:00 --json
      watchroom figures diversion
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    if groups and by == "all":
        raise click.UsageError("--group needs --by, as --by station_area --group 03")
    if (as_of is not None) + (shown is not None) + watch > 1:
        raise click.UsageError("--watch, --as-of and --shown are three ways to ask; take one")
    check_time(as_of)
    check_time(shown)
    settings = context.settings
    asking = Asking(
        settings,
        _bootstrap(settings),
        load_agencies(settings.agencies_dir),
        agency_ids,
        Selection(intervals, mode, by, groups, windows or (tuple(ROLLING) if by == "all" else ("24h",))),
        as_json,
    )
    if watch:
        _watch(asking)
    elif as_of is not None:
        _as_known(asking, as_of)
    else:
        _once(asking, shown)


def _bootstrap(settings: Settings) -> str:
    if settings.broker:
        return settings.broker
    from watchroom.running import bootstrap

    return bootstrap(settings)


def _once(asking: Asking, shown: str | None) -> None:
    """Live figures as they stand, or what stood at the time ``shown``."""
    with Reader(asking.bootstrap) as reader:
        generation = reader.generation()
        table = live(reader, generation)
        if not table.figures or generation is None:
            raise WatchroomError(why_none(reader, generation))
        there = sorted({f.agency_id for f in table.figures.values()})
        if missing := [a for a in asking.wanted if a not in there]:
            raise WatchroomError(f"no figure of agency {missing[0]}; there are figures of {', '.join(there)}")
        agencies = asking.of(table.figures.values())
        if shown is None:
            _put(asking, _answers(asking, table))
            return
        instants = {a: instant_of(shown, asking.zone(a)) for a in agencies}
        stood = as_shown(reader, generation, instants, table.clocks)
    _put(asking, [(_then(asking, a, "as shown", instants[a]), stood[a]) for a in agencies])


def _as_known(asking: Asking, as_of: str) -> None:
    """Figures for a time, from the records as they are now: the streams room computes them."""
    from watchroom.asof import figures_as_known

    agencies = list(asking.wanted)
    if not agencies:
        with Reader(asking.bootstrap) as reader:
            generation = reader.generation()
            table = live(reader, generation)
            if not table.figures:
                raise WatchroomError(why_none(reader, generation))
        agencies = asking.of(table.figures.values())
    answers = []
    for agency_id in agencies:
        instant = instant_of(as_of, asking.zone(agency_id))
        known = figures_as_known(asking.bootstrap, asking.settings, agency_id, instant)
        answers.append((_then(asking, agency_id, "as known now", instant), known))
    _put(asking, answers)


def _answers(asking: Asking, table: FigureTable) -> list[Answer]:
    """Each agency's live figures."""
    figures = list(table.figures.values())
    return [(_then(asking, a, "live", table.clocks.get(a, 0)), figures) for a in asking.of(figures)]


def _then(asking: Asking, agency_id: str, asked: Asked, instant: int) -> Question:
    return replace(asking.question(agency_id), asked=asked, instant=instant)


def _put(asking: Asking, answers: list[Answer]) -> None:
    """Print the answers, one below the other."""
    if asking.json:
        for question, figures in answers:
            for figure in question.selection.of(f for f in figures if f.agency_id == question.agency_id):
                click.echo(json_line(figure, question.asked))
        return
    if sys.stdout.isatty():
        console = Console()
        console.print(Group(*(rich(s, console.width) for s in _fitting(answers, console))))
    else:
        click.echo("\n".join(plain(sheet(*answer)) for answer in answers), nl=False)


def _fitting(answers: list[Answer], console: Console) -> list[Sheet]:
    """Sheets for a terminal: with fewer columns where it has not the room."""
    full = [sheet(*answer) for answer in answers]
    if all(least_width(s) <= console.width for s in full):
        return full
    return [sheet(*answer, compact=True) for answer in answers]


def _watch(asking: Asking) -> None:
    """Follow the topic until Ctrl-C: in place at a terminal, else anew at most once a second."""
    terminal = sys.stdout.isatty() and not asking.json
    console = Console()
    screen: AbstractContextManager[Live | None] = nullcontext()
    if terminal:
        screen = Live(console=console, auto_refresh=False, screen=True)
    table, drawn, changed = FigureTable(), 0.0, True
    with screen as place:
        for batch in follow(asking.bootstrap, [FIGURES, HEALTH], threading.Event()):
            if batch.fresh:
                table, changed, drawn = FigureTable(), True, 0.0
            came = table.take(batch.records)
            # At a terminal the clock above the table moves, too.
            changed = changed or any(terminal or record.topic == FIGURES for record in batch.records)
            if not batch.live and batch.generation is not None:
                continue
            if asking.json:
                _put_lines(asking, table.figures.values() if changed and drawn == 0.0 else came)
                drawn = 1.0
            elif changed and time.monotonic() - drawn >= (REDRAW_S if terminal else REPRINT_S):
                drawn, changed = time.monotonic(), False
                _draw(asking, table, place, console)


def _put_lines(asking: Asking, figures: Iterable[FigureRecord]) -> None:
    wanted = (f for f in figures if not asking.wanted or f.agency_id in asking.wanted)
    for figure in asking.selection.of(wanted):
        click.echo(json_line(figure, "live"))


def _draw(asking: Asking, table: FigureTable, place: Live | None, console: Console) -> None:
    answers = _answers(asking, table)
    sheets = [sheet(*answer) for answer in answers] if place is None else _fitting(answers, console)
    if not sheets:
        sheets = [
            Sheet(("No figure yet; this waits for one. Ctrl-C ends it, watchroom status says what runs.",))
        ]
    if place is None:
        click.echo("\n".join(map(plain, sheets)))
        return
    room = max(4, console.height // len(sheets) - 6)
    place.update(Group(*(rich(_cut(s, room), console.width) for s in sheets)), refresh=True)


def _cut(full: Sheet, room: int) -> Sheet:
    """A sheet that fits the screen, and says what it leaves out."""
    if len(full.rows) <= room:
        return full
    left = len(full.rows) - room
    said = f"{left} rows more than fit here; --interval and --window choose."
    return replace(full, rows=full.rows[:room], foot=(said, *full.foot))


@command.command("diversion")
@options(windows=("24h", "30d", "today", "month"), many=True)
@click.option(
    "--as-of", "as_of", metavar="T", help="As known now for the time T: from the encounters as they are now."
)
@pass_context
def diversion(
    context: Context,
    /,
    agency_id: str | None,
    windows: tuple[str, ...],
    by: str,
    group: str | None,
    for_public: bool,
    as_json: bool,
    as_of: str | None,
) -> None:
    """Diversion rates of a mediation unit, each by its formula, with numerator and denominator.

    `watchroom explain FORMULA` says what each means. A denominator of zero is no figure, not 0 %.

    \b
    Example:
      watchroom figures diversion
      watchroom figures diversion --window 30d --by type
      watchroom figures diversion --window month --public --json
      watchroom figures diversion --as-of 2025-01-31T18:00
    """
    check_time(as_of)
    figures, agencies = read(context.settings)
    if as_of is not None:
        wanted = [agency_id] if agency_id is not None else sorted({figure.agency_id for figure in figures})
        figures = _diverted_then(context.settings, wanted, agencies, as_of)
    found = chosen(figures, agency_id, windows, by, group, for_public=for_public)
    if not found:
        raise WatchroomError(f"no diversion figure of {agency_id or 'any agency'} for {', '.join(windows)}")
    for agency, those in found.items():
        if as_json:
            for figure in those:
                click.echo(json_line_of(figure, public=for_public))
        else:
            known = as_of is not None
            click.echo(plain(rates_sheet(those, agencies.get(agency), public=for_public, known=known)))


def _diverted_then(
    settings: Settings, wanted: list[str], agencies: dict[str, Agency], as_of: str
) -> list[DiversionRecord]:
    """These agencies' figures for a time, from the encounters as they are now."""
    from watchroom.asof import diversion_as_known
    from watchroom.running import bootstrap

    found: list[DiversionRecord] = []
    for agency_id in wanted:
        agency = agencies.get(agency_id)
        instant = instant_of(as_of, agency.zone if agency is not None else ZoneInfo("UTC"))
        found += diversion_as_known(settings.broker or bootstrap(settings), settings, agency_id, instant)
    return found
