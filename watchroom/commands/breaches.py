"""``watchroom breaches``: what runs out now, what has, and why."""

from __future__ import annotations

import sys
import threading
import time

import click
import msgspec
from rich.console import Console
from rich.live import Live

from schemas.agency import load_agencies
from schemas.errors import BadInput
from schemas.records import BreachRecord
from schemas.settings import Settings
from schemas.times import MINUTE
from sinks.breaches import BREACHES, BreachTable, keys_of, live, milestones_of, sheet, story
from sinks.reading import Reader, follow
from sinks.terminal.plain import plain, rich
from watchroom.cli import Context, pass_context
from watchroom.running import bootstrap

REDRAW_S = 0.5


@click.group("breaches", invoke_without_command=True)
@click.option(
    "--agency",
    "agency_ids",
    multiple=True,
    metavar="ID",
    help="Only this agency; more than once for several (default: all).",
)
@click.option(
    "--recent",
    "recent_min",
    type=click.IntRange(0, 60 * 24 * 40),
    default=30,
    show_default=True,
    help="Also those that ended in the last so many minutes, by the agency's clock; 1440 is a day.",
)
@click.option("--watch", is_flag=True, help="Stay, and show every change.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines of the breaches' records.")
@pass_context
@click.pass_context
def command(
    ctx: click.Context,
    context: Context,
    agency_ids: tuple[str, ...],
    recent_min: int,
    watch: bool,
    as_json: bool,
) -> None:
    """Show breaches: red first, then amber, then those that ended lately.

    \b
    Example:
      watchroom breaches --watch
      watchroom breaches --agency sffd --recent 1440 --json
      watchroom breaches why 2u8u3qa86bb8
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = context.settings
    recent = recent_min * MINUTE
    zones = {a.id: a.zone for a in load_agencies(settings.agencies_dir).values()}
    if watch:
        _watch(settings, agency_ids, recent, as_json=as_json)
        return
    with Reader(bootstrap(settings)) as reader:
        table = live(reader, reader.generation())
    known = sorted({*zones, *table.clocks})
    if missing := [a for a in agency_ids if a not in known]:
        raise BadInput(f"no agency {missing[0]}; there are {', '.join(known)}")
    shown = table.shown(agency_ids, recent)
    if as_json:
        for breach in shown:
            click.echo(msgspec.json.encode(breach))
        return
    click.echo(plain(sheet(table, shown, zones)), nl=False)


@command.command("why")
@click.argument("name", metavar="ID")
@pass_context
def why(context: Context, name: str) -> None:
    """Tell the life of one breach in sentences, from the events on.

    ID is the breach's id, as alerts carry it, or its key on the topic.

    \b
    Example:
      watchroom breaches why 2u8u3qa86bb8
    """
    settings = context.settings
    with Reader(bootstrap(settings)) as reader:
        generation = reader.generation()
        breach = live(reader, generation).named(name)
        if breach is None or generation is None:
            raise BadInput(f"no breach {name!r} in the last 100 days; watchroom breaches lists them")
        keys = set(keys_of(breach))
        topic = "responses" if breach.unit_id else "incidents"
        latest = {
            record.key: record.value
            for records in reader.whole([topic], generation.generation)
            for record in records
            if record.key in keys and record.value is not None
        }
    agency = load_agencies(settings.agencies_dir).get(breach.agency_id)
    if agency is None:
        raise BadInput(f"no file of agency {breach.agency_id!r} in {settings.agencies_dir}")
    for line in story(breach, milestones_of(latest.values()), agency.zone):
        click.echo(line)


def _watch(settings: Settings, agency_ids: tuple[str, ...], recent: int, *, as_json: bool) -> None:
    """Every change, until Ctrl-C: a screen at a terminal, lines elsewhere."""
    zones = {a.id: a.zone for a in load_agencies(settings.agencies_dir).values()}
    table, console, stop = BreachTable(), Console(), threading.Event()
    terminal = sys.stdout.isatty() and not as_json
    drawn = 0.0
    with Live(console=console, auto_refresh=False, screen=True) if terminal else _Nothing() as live:
        for batch in follow(bootstrap(settings), [BREACHES], stop):
            if batch.fresh:
                table = BreachTable()
            came = table.take(batch.records)
            if not batch.live:
                continue
            if not terminal:
                for breach in came:
                    if not agency_ids or breach.agency_id in agency_ids:
                        click.echo(_line(breach) if not as_json else msgspec.json.encode(breach))
                continue
            if time.monotonic() - drawn >= REDRAW_S and isinstance(live, Live):
                drawn = time.monotonic()
                shown = table.shown(agency_ids, recent)
                live.update(rich(sheet(table, shown, zones), console.width), refresh=True)


def _line(breach: BreachRecord) -> str:
    who = ", ".join(breach.units)
    reason = f" ({breach.reason})" if breach.reason else ""
    simulated = ", simulated" if breach.simulated else ""
    return (
        f"{breach.agency_id}: {breach.state}{reason}: {breach.interval} of {who}, "
        f"incident {breach.incident_id}{simulated}, {breach.id}"
    )


class _Nothing:
    """Where there is no screen."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
