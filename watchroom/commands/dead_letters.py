"""``watchroom dead-letters``: what could not be joined, why, and its bytes, personal data masked."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from schemas.errors import BadInput
from schemas.settings import Settings
from schemas.vocabulary import DeadLetterReason
from sinks.dead_letters import LIMIT_MAX, find, full_id, letters, listing, newest, page
from sinks.reading import Reader
from sinks.terminal.plain import Sheet, plain, rich
from watchroom.cli import Context, pass_context


def _bootstrap(settings: Settings) -> str:
    if settings.broker:
        return settings.broker
    from watchroom.running import bootstrap

    return bootstrap(settings)


def _put(sheet: Sheet) -> None:
    if sys.stdout.isatty():
        console = Console()
        console.print(rich(sheet, console.width))
    else:
        click.echo(plain(sheet), nl=False)


@click.group("dead-letters", invoke_without_command=True)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([r.value for r in DeadLetterReason]),
    metavar="REASON",
    help="Only those of this reason (more than once for several).",
)
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=50,
    show_default=True,
    help="At most so many, the newest.",
)
@click.option("--raw", is_flag=True, help="Show content as it is: it may hold personal data.")
@click.pass_context
def command(ctx: click.Context, reasons: tuple[str, ...], limit: int, raw: bool) -> None:
    """List what could not be joined, newest last; `show ID` shows one whole.

    Names, addresses, numbers and every other text are masked, as ***(12): so many characters.

    \b
    Example:
      watchroom dead-letters --reason naive_time --limit 10
      watchroom dead-letters show incident.events/3/1234
    """
    if ctx.invoked_subcommand is not None:
        return
    context: Context = ctx.find_object(Context) or ctx.fail("no settings")
    with Reader(_bootstrap(context.settings)) as reader:
        found = newest(letters(reader), limit, frozenset(reasons))
    _put(listing(found, raw=raw))


@command.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--raw", is_flag=True, help="Show the bytes, escaped: they may hold personal data.")
@pass_context
def show(context: Context, identifier: str, raw: bool) -> None:
    """Show one dead letter whole. ID is topic/partition/offset, as the list has it.

    \b
    Example:
      watchroom dead-letters show incident.events/3/1234 --raw
    """
    wanted = full_id(identifier)
    with Reader(_bootstrap(context.settings)) as reader:
        letter = find(letters(reader), wanted)
    if letter is None:
        raise BadInput(
            f"no dead letter {wanted} is kept (30 days are); watchroom dead-letters lists those there are"
        )
    _put(page(letter, raw=raw))
