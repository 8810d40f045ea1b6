"""``watchroom simulate mediation``: a simulated city with a mediation unit, into Kafka or a file."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import click

from schemas.errors import ConfigurationError, WatchroomError
from schemas.times import Micros, moment
from sources.clocks import last_clock
from sources.lines import Lines
from sources.mediation_city.calls import CAD, DESK
from sources.mediation_city.city import Plan
from sources.mediation_city.sending import Sent, check_plan, send
from sources.progress import shown
from sources.replay import SystemTime
from sources.stopping import Stop, on_signals
from sources.writer import Writer
from watchroom.cli import Context, pass_context
from watchroom.commands.replay import agency_named
from watchroom.commands.simulate.lines import opened
from watchroom.commands.simulate.options import CLOCK_STEP, SEED, TARGET, Day

_DAYS_MAX = 3_660


@click.command("mediation")
@click.option(
    "--agency",
    "agency_id",
    metavar="ID",
    default="dayton-sim",
    show_default=True,
    help="Agency to speak as.",
)
@click.option(
    "--days", type=click.IntRange(1, _DAYS_MAX), default=40, show_default=True, help="How many local days."
)
@click.option(
    "--start",
    type=Day(),
    metavar="DAY",
    help="First local day. [default: --days ago]",
)
@SEED
@click.option("--live", is_flag=True, help="Reach the present and go on at its speed, until Ctrl-C.")
@click.option(
    "--for",
    "run_on_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With --live: end so long after the present is reached.",
)
@click.option(
    "--background",
    "background_percent",
    type=click.IntRange(0, 1_000),
    default=100,
    show_default=True,
    help="Police and fire calls around it, percent of what such a city has; 0: mediation's own alone.",
)
@CLOCK_STEP
@TARGET
@pass_context
def command(
    context: Context,
    /,
    agency_id: str,
    days: int,
    start: datetime | None,
    seed: int,
    live: bool,
    run_on_s: float | None,
    background_percent: int,
    clock_step: Micros,
    target: str,
) -> None:
    """Police, fire and mediation calls of a simulated city of Dayton's size (docs/mediation.md).

    Fitted to what Dayton and others have published of such units; what had to be assumed is in the
    documentation. Every event says that it is simulated. To a file or standard output they are JSON Lines
    that `watchroom send` takes.

    \b
    Examples:
      watchroom simulate mediation --days 40 --live
      watchroom simulate mediation --start 2025-01-01 --days 365 --seed 7 --to year.jsonl
    """
    if run_on_s is not None and not live:
        raise ConfigurationError("--for says how long --live goes on: it does nothing without it")
    agency = agency_named(context.settings, agency_id)
    today = moment(time.time_ns() // 1000).astimezone(agency.zone).date()
    first: date = start.date() if start is not None else today - timedelta(days=days)
    plan = Plan(agency, first, None if live else days, seed, clock_step, background_percent)
    with on_signals(Stop()) as stop:
        if target == "kafka":
            sent = _to_kafka(context, plan, stop, run_on_s)
        else:
            sent = _to_lines(plan, target, stop)
    click.echo(str(sent), err=target == "-")
    if sent.interrupted:
        raise KeyboardInterrupt


def _to_kafka(context: Context, plan: Plan, stop: Stop, run_on_s: float | None) -> Sent:
    from watchroom.running import bootstrap

    settings, world = context.settings, SystemTime()
    address = bootstrap(settings)
    known = [last_clock(address, plan.agency.id, source) for source in (CAD, DESK)]
    clock = max((at for at in known if at is not None), default=None)
    check_plan(plan, clock, world.now(), settings.evict_after_days)
    with Writer(address, linger_ms=50) as writer, shown(plan.agency.zone) as report:
        return send(plan, writer, world, report=report, stop=stop, run_on_s=run_on_s)


def _to_lines(plan: Plan, target: str, stop: Stop) -> Sent:
    if plan.days is None:
        raise WatchroomError("--live goes to Kafka: leave out --to")
    world = SystemTime()
    check_plan(plan, None, world.now(), 0)
    with opened(target) as stream:
        return send(plan, Lines(stream), world, stop=stop)
