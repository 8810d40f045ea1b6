"""``watchroom simulate fire``: a synthetic city's fire and EMS calls, into Kafka or a file."""

from __future__ import annotations

import time
from datetime import date, datetime

import click

from schemas.agency import Agency
from schemas.errors import ConfigurationError
from schemas.times import Micros, micros
from sources.bulk import BulkWriter
from sources.clocks import last_clock
from sources.lines import Lines
from sources.progress import shown
from sources.replay import check_source
from sources.simulation.city import City, Plan
from sources.simulation.run import Simulated, check_times, run
from sources.stopping import Stop, on_signals
from watchroom.cli import Context, pass_context
from watchroom.commands.replay import agency_named
from watchroom.commands.simulate.lines import opened
from watchroom.commands.simulate.options import CLOCK_STEP, SEED, TARGET, Day

DAYS_MAX = 36_525
INCIDENTS_MAX = 1_000_000


@click.command("fire")
@click.option(
    "--agency",
    "agency_id",
    metavar="ID",
    default="simcity",
    show_default=True,
    help="Agency to speak as.",
)
@click.option(
    "--source", "source_id", metavar="ID", help="Source to speak for. [default: the agency's only one]"
)
@click.option(
    "--incidents-per-day",
    type=click.IntRange(1, INCIDENTS_MAX),
    default=445,
    show_default=True,
    help="Calls a day, on the mean; San Francisco has 445.",
)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=7, show_default=True, help="How many days.")
@SEED
@click.option(
    "--start",
    type=Day(),
    metavar="DAY",
    default="2025-01-06",
    show_default=True,
    help="First day, from the agency's own midnight on.",
)
@TARGET
@CLOCK_STEP
@click.option(
    "--stations",
    type=click.IntRange(0, 10_000),
    default=0,
    help="How many stations. [default: 0, San Francisco's own 46]",
)
@pass_context
def command(
    context: Context,
    /,
    agency_id: str,
    source_id: str | None,
    target: str,
    start: datetime,
    incidents_per_day: int,
    days: int,
    seed: int,
    clock_step: Micros,
    stations: int,
) -> None:
    """Fire and EMS calls of a synthetic city, fitted to San Francisco's week (docs/generator.md).

    Events and clocks come in the order of time, as a replay gives them, as fast as they can be written. To a
    file or standard output they are JSON Lines that `watchroom send` takes.

    \b
    Examples:
      watchroom simulate fire --incidents-per-day 2300 --days 30 --seed 7
      watchroom simulate fire --days 1 --clock-step 1min --to - | head
    """
    agency = agency_named(context.settings, agency_id)
    plan = Plan(
        agency.id, _source_of(agency, source_id), agency.zone, _midnight(start.date(), agency),
        incidents_per_day, days, seed, clock_step, stations,
    )  # fmt: skip
    with on_signals(Stop()) as stop:
        simulated = _to_kafka(context, plan, stop) if target == "kafka" else _to_lines(plan, target, stop)
    click.echo(str(simulated), err=target == "-")
    if simulated.interrupted:
        raise KeyboardInterrupt


def _to_kafka(context: Context, plan: Plan, stop: Stop) -> Simulated:
    from watchroom.running import bootstrap

    address = bootstrap(context.settings)
    clock = last_clock(address, plan.agency_id, plan.source_id)
    check_times(plan, clock, time.time_ns() // 1000, context.settings.evict_after_days)
    city = City(plan)
    with BulkWriter(address) as writer, shown(plan.zone) as report:
        return run(city, writer, report=report, stop=stop)


def _to_lines(plan: Plan, target: str, stop: Stop) -> Simulated:
    city = City(plan)
    with opened(target) as stream:
        return run(city, Lines(stream), stop=stop)


def _source_of(agency: Agency, source_id: str | None) -> str:
    if source_id is not None:
        check_source(agency, source_id)
        return source_id
    if len(agency.sources) != 1:
        listed = ", ".join(sorted(agency.source_ids))
        raise ConfigurationError(f"agency {agency.id} lists {listed}: choose one with --source")
    return agency.sources[0].id


def _midnight(day: date, agency: Agency) -> Micros:
    return micros(datetime(day.year, day.month, day.day, tzinfo=agency.zone))
