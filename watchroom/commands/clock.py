"""``watchroom clock``: the clocks of agencies whose feed writes none, in the foreground."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType

import click

from schemas.agency import load_agencies
from schemas.errors import ConfigurationError
from sources import clockwriter
from watchroom.cli import Context, pass_context


@click.command("clock")
@pass_context
def command(context: Context) -> None:
    """Write clocks once a second for every source whose file says clock = "watchroom", until SIGTERM.

    `watchroom up` does it by itself; elsewhere one of these must run, for time is data: without a clock no
    window moves and no breach opens. Two of them do no harm.

    \b
    Example:
      watchroom --broker kafka:9092 clock
    """
    settings = context.settings
    if not settings.broker:
        raise ConfigurationError(
            "clocks for which Kafka? give --broker host:port before the command or set WATCHROOM_BROKER"
        )
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(asctime)s %(message)s")
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, stopped) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        agencies = load_agencies(settings.agencies_dir)
        fed = clockwriter.fed_directly(agencies)
        if not fed:
            # A service that ends is started again and again.
            click.echo('no source has clock = "watchroom": nothing to write; waiting to be stopped')
            stop.wait()
            return
        click.echo(f"clocks of {', '.join(f'{a}/{s}' for a, s in fed)} into {settings.broker}")
        clockwriter.run(settings, agencies, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
