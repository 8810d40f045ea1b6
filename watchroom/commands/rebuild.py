"""``watchroom rebuild``: everything computed anew from the events, as a new generation."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from schemas.errors import BrokerUnreachable
from schemas.settings import Settings
from watchroom import running, words
from watchroom.broker import Broker
from watchroom.cli import Context, pass_context
from watchroom.house import BROKER_WAIT_S
from watchroom.rebuilding import Progress, Rebuild, alone
from watchroom.staying import interrupts

LINE_EVERY_S = 5.0


@click.command("rebuild")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes of stage one, which joins events.",
)
@click.option(
    "--keep", is_flag=True, help="Leave the topics of earlier generations; they are deleted otherwise."
)
@pass_context
def command(context: Context, workers: int, keep: bool) -> None:
    """Compute everything anew from the events, beside what runs, and switch when it has caught up.

    Needed after a change of definitions, formats or result partitions; a running `watchroom up` goes on with
    the old generation until then, and takes the new one over. Interrupted, it changes nothing, and the next
    one begins anew.

    \b
    Example:
      watchroom rebuild
      watchroom rebuild --workers 2 --keep
    """
    settings = context.settings
    settings = settings.model_copy(update={"state_dir": settings.state_dir.expanduser().absolute()})
    begun = time.monotonic()
    with interrupts() as heard, ExitStack() as stack:
        stack.enter_context(alone(settings))
        settings = _with_broker(settings, stack)
        show = stack.enter_context(_shown())
        rebuild = Rebuild(settings, workers, _say, show)
        stack.callback(rebuild.stop)
        stack.callback(setattr, heard, "deaf", True)
        try:
            rebuild.begin()
            rebuild.run()
        except KeyboardInterrupt:
            _say("stopped: readers stay with the generation they have, and the next rebuild begins anew")
            sys.exit(130)
        heard.raising = False
        rebuild.finish(keep=keep)
    click.echo(f"done in {words.span(time.monotonic() - begun)}")


def _say(what: str) -> None:
    click.echo(what)


def _with_broker(settings: Settings, stack: ExitStack) -> Settings:
    """With the address of the Kafka that runs, or of the one in the state folder, started for as long.

    An `up` of a newer Watchroom refuses to start before the rebuild that it asks for.
    """
    try:
        return settings.model_copy(update={"broker": running.bootstrap(settings)})
    except BrokerUnreachable:
        if not (settings.state_dir / "kafka").is_dir():
            raise
    stack.enter_context(running.held(settings.state_dir))
    _say("no Kafka runs; the one of this state folder is started for the rebuild")
    broker = Broker.start(
        settings.state_dir,
        port=settings.broker_port or None,
        heap_mb=settings.broker_heap_mb,
        wait_s=BROKER_WAIT_S,
        on_progress=_say,
    )
    stack.callback(broker.stop)
    return settings.model_copy(update={"broker": broker.bootstrap})


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, a line every few seconds elsewhere."""
    if not sys.stdout.isatty():
        told = 0.0

        def line(progress: Progress) -> None:
            nonlocal told
            if time.monotonic() - told >= LINE_EVERY_S:
                told = time.monotonic()
                click.echo(in_words(progress))

        yield line
        return
    with Bar(BarColumn(), TextColumn("{task.fields[said]}"), console=Console(), transient=True) as bar:
        task = bar.add_task("", total=1.0, said="")

        def draw(progress: Progress) -> None:
            share = progress.done / progress.of if progress.of else 1.0
            bar.update(task, completed=share, said=in_words(progress))

        yield draw


def in_words(progress: Progress) -> str:
    """One line.

    >>> in_words(Progress(500, 1000, None, 100.0)), in_words(Progress(1000, 1000, 12, 0.0))
    ('50 %, 500 of 1,000 offsets, 100 a second, 5 s left', '100 %, stage two has 12 offsets left')
    """
    if progress.behind is not None:
        return f"100 %, stage two has {progress.behind:,} offsets left"
    share = 100 * progress.done // progress.of if progress.of else 100
    left = "" if progress.left_s is None else f", {words.span(progress.left_s)} left"
    return (
        f"{share} %, {progress.done:,} of {progress.of:,} offsets, {progress.per_second:,.0f} a second{left}"
    )
