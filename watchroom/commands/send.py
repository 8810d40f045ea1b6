"""``watchroom send``: events given as JSON Lines into Kafka."""

from __future__ import annotations

from typing import BinaryIO

import click

from schemas.errors import BadInput, ConfigurationError
from sources.send import Sender, Sent, lines_of
from sources.stopping import Stop, on_signals
from sources.writer import Writer
from watchroom.cli import Context, pass_context


@click.command("send")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--clock", is_flag=True, help="Write the events' clocks too: the latest recorded_at of each source."
)
@click.option("--source", "source_id", metavar="ID", help="Source of events that name none.")
@click.option("--raw", is_flag=True, help="Send each line untouched and unchecked (to try dead letters).")
@pass_context
def command(context: Context, file: BinaryIO, clock: bool, source_id: str | None, raw: bool) -> None:
    """Send events given as JSON Lines, from FILE or from standard input.

    A line that is no event is reported with its number and reason; the others are sent all the same. What an
    event may say: docs/formats.md.

    \b
    Examples:
      watchroom send events.jsonl
      my-feed | watchroom send --clock --source cad
    """
    from watchroom.running import bootstrap

    if raw and (clock or source_id):
        raise ConfigurationError(
            "--raw leaves every byte as it is: it goes with neither --clock nor --source"
        )
    with on_signals(Stop()) as stop, Writer(bootstrap(context.settings)) as writer:
        sender = Sender(writer, clock=clock, source_id=source_id, raw=raw)
        sent = sender.run(lines_of(file), lambda: stop.asked)
    _tell(sent)


def _tell(sent: Sent) -> None:
    for bad in sent.first_bad:
        click.echo(bad, err=True)
    click.echo(str(sent))
    if sent.interrupted:
        raise KeyboardInterrupt
    if sent.bad:
        raise BadInput(f"{sent.bad:,} of {sent.lines:,} lines were not sent")
