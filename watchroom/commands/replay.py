"""``watchroom replay``: an export into Kafka, as events and clocks."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from schemas.agency import Agency, load_agencies
from schemas.errors import BadInput, ConfigurationError
from schemas.settings import Settings
from schemas.times import DAY, HOUR, MINUTE, SECOND, Micros, iso, moment
from sources.bulk import BulkWriter
from sources.clocks import last_clock
from sources.localtime import resolve
from sources.profile import Profile, find_profile
from sources.progress import shown
from sources.replay import Options, Replay, Summary
from sources.stopping import Stop, on_signals
from sources.writer import Writer
from watchroom.cli import Context, pass_context

_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
_LINGER_MS_MAX = 100
_LINGER_MS_WATCHED = 2
_PATIENCE_S = 3.0


class Speed(click.ParamType):
    """A number above 0, or ``max`` (None)."""

    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """``max`` stays as it is: click takes None for "not given"."""
        if value == "max":
            return "max"
        try:
            speed = float(value)
        except (TypeError, ValueError):
            speed = 0.0
        if not 0 < speed <= 1e9:
            self.fail(f"{value!r} is neither max nor a number above 0", param, ctx)
        return speed


class Span(click.ParamType):
    """A span of event time: ``30s``, ``1min``, ``1h``, ``1d``."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Micros:
        """Microseconds."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)\s*(s|min|h|d)", str(value))
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is no span such as 30s, 1min, 1h or 1d", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command("replay")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--profile", "-p", "profile_name", required=True, help="How the file is read: a name, or a TOML file."
)
@click.option(
    "--speed",
    type=Speed(),
    default="60",
    show_default=True,
    help="Seconds of event time in a second of yours, or max.",
)
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="Leave out calls before this time (the profile's zone, unless it names one).",
)
@click.option("--to", "end", metavar="TIME", help="Leave out calls from this time on.")
@click.option(
    "--shift-to-now",
    is_flag=True,
    help="Move all times so that the last event is now (at speed 1: the first).",
)
@click.option(
    "--for",
    "run_on_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With --shift-to-now: end this long after the last event, instead of at Ctrl-C.",
)
@click.option("--backfill", is_flag=True, help="Add past events to a running agency; write no clock.")
@click.option(
    "--clock-step",
    type=Span(),
    help="Event time between clocks, as 30s, 1min, 1h, 1d. [default: 1min, at max 1d]",
)
@click.option("--agency", "agency_id", metavar="ID", help="Agency to replay into, instead of the profile's.")
@click.option("--source", "source_id", metavar="ID", help="Source to speak for, instead of the profile's.")
@pass_context
def command(
    context: Context,
    /,
    file: Path | None,
    profile_name: str,
    speed: float | str,
    start: str | None,
    end: str | None,
    agency_id: str | None,
    source_id: str | None,
    **options: Any,
) -> None:
    """Replay an export into Kafka as events and clocks, in the order of time.

    Without FILE, the sample that ships with the profile. What was replayed before changes no figure. What
    cannot be read is left out and reported; exit code 3 says that there was some.

    \b
    Examples:
      watchroom replay --profile sffd --speed 60 --shift-to-now
      watchroom replay calls.csv.gz --profile mycity.toml --speed max
      watchroom replay calls.csv -p mycity.toml --speed max --from 2017-01-01 --to "2017-01-02 06:00"
    """
    settings = context.settings
    profile = find_profile(profile_name)
    if options["run_on_s"] is not None and not options["shift_to_now"]:
        raise ConfigurationError("--for says how long --shift-to-now runs on: it does nothing without it")
    chosen = Options(
        speed=None if isinstance(speed, str) else speed,
        start=_instant("--from", start, profile.zone),
        end=_instant("--to", end, profile.zone),
        evict_after_days=settings.evict_after_days,
        **options,
    )
    if chosen.start is not None and chosen.end is not None and chosen.start >= chosen.end:
        raise ConfigurationError(f"--from {start} is not before --to {end}: nothing would be left")
    agency = agency_named(settings, agency_id or profile.agency)
    path = file_or_sample(file, profile)
    stop = Stop()
    with on_signals(stop), shown(profile.zone) as report:
        replay = Replay(path, profile, agency, chosen, source_id=source_id, report=report, stop=stop)
        summary = _run(replay, settings, chosen)
    _tell(summary, profile)
    if chosen.shift_to_now and summary.clock_before is not None:
        click.echo(
            f"{agency.id} had a clock before this ({iso(summary.clock_before)}): incidents that were replayed"
            f" before, shifted to another time, now have both times. --agency keeps copies apart.",
            err=True,
        )
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.problems:
        raise BadInput(
            f"{path}: what could not be read was left out; `watchroom profile check` says all of it"
        )


def _run(replay: Replay, settings: Settings, options: Options) -> Summary:
    from watchroom.running import bootstrap

    address = bootstrap(settings)
    linger = _LINGER_MS_MAX if options.speed is None else _LINGER_MS_WATCHED

    def clock_so_far() -> Micros | None:
        # Of an agency that never wrote a clock, all there is must be read to know it.
        note = threading.Timer(
            _PATIENCE_S, click.echo, ["looking for the agency's last clock"], {"err": True}
        )
        note.daemon = True
        note.start()
        try:
            return last_clock(address, replay.agency_id, replay.source_id)
        finally:
            note.cancel()

    # Bulk sends full batches alone, and at the end: not for a replay that someone watches, or that runs on.
    bulk = options.speed is None and not options.shift_to_now
    with BulkWriter(address) if bulk else Writer(address, linger_ms=linger) as writer:
        return replay.run(writer, clock_so_far)


def _tell(summary: Summary, profile: Profile) -> None:
    for problem in summary.problems.first[:5]:
        click.echo(str(problem), err=True)
    if (leap := summary.leap) is not None:
        first, before = (moment(t).astimezone(profile.zone).isoformat() for t in (leap.first, leap.before))
        click.echo(
            f"{leap.events:,} events from {first} on (first in line {leap.line}) come over 30 days after the"
            f" one before them ({before}): they were sent and moved no clock. If most of the file is among"
            f" them, leave the early rows out with --from.",
            err=True,
        )
    if summary.events_too_late:
        click.echo(
            f"{summary.events_too_late:,} events lie too far behind the clock to be joined: they will be"
            f" among the dead letters as too_late",
            err=True,
        )
    click.echo(str(summary))


def _instant(option: str, text: str | None, zone: ZoneInfo) -> Micros | None:
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        return resolve(read if read.tzinfo is not None else read.replace(tzinfo=zone), None)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f'{option} {text!r} is no time such as 2017-01-01 or "2017-01-01 18:00"'
        ) from None


def agency_named(settings: Settings, agency_id: str) -> Agency:
    """The agency of this id.

    Raises:
        ConfigurationError: it has no file.
    """
    agencies = load_agencies(settings.agencies_dir)
    if agency_id not in agencies:
        known = ", ".join(agencies)
        raise ConfigurationError(
            f"no file {agency_id}.toml in {settings.agencies_dir} (there are {known}): an agency needs one"
        )
    return agencies[agency_id]


def file_or_sample(file: Path | None, profile: Profile) -> Path:
    """The file given, or the sample that ships with the profile.

    Raises:
        BadInput: the file is not there.
        ConfigurationError: none is named, and none ships.
    """
    if file is not None:
        if not file.exists():
            raise BadInput(f"{file}: cannot be read: No such file or directory")
        if file.is_dir():
            raise BadInput(f"{file}: cannot be read: Is a directory")
        return file
    if profile.sample_path is None:
        raise ConfigurationError(f"profile {profile.name} ships no sample: name the file to read")
    return profile.sample_path
