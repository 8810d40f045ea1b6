"""``watchroom worker``: one worker of one stage in the foreground."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TextIO

import click

from schemas.agency import load_agencies
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from watchroom.cli import Context, pass_context

STAGES = ("incidents", "agency")


def formats() -> dict[str, int]:
    """What each stage stores, and the version of its format, as its ``stage`` module says in ``FORMATS``."""
    found: dict[str, int] = {}
    for name in STAGES:
        found |= getattr(import_module(f"streams.{name}.stage"), "FORMATS", {})
    return found


@click.command()
@click.option(
    "--stage",
    "stage_name",
    type=click.Choice(STAGES),
    required=True,
    help="Stage one joins events (incidents), stage two makes figures (agency).",
)
@click.option(
    "--id",
    "worker_id",
    metavar="NAME",
    help="Its name: the same at each start, another for each worker of a stage (default: the host's name).",
)
@click.option(
    "--generation", type=click.IntRange(min=1), help="Generation to compute (default: the current one)."
)
@click.option(
    "--log", "log_file", type=click.Path(path_type=Path, dir_okay=False), help="Log file (default: stderr)."
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve the worker's own memory and processor time to Prometheus, at exporter_host (default: don't).",
)
@pass_context
def command(
    context: Context,
    stage_name: str,
    worker_id: str | None,
    generation: int | None,
    log_file: Path | None,
    metrics_port: int | None,
) -> None:
    """Run one worker of one stage in the foreground, until SIGTERM or Ctrl-C.

    It logs one JSON line a fact. Exit codes: 0 stopped in order and nothing is left to do again; 75 fenced or
    lost its place, and 76 stood still: start it again; others: refused, and the sentence says what to do.

    \b
    Example:
      watchroom worker --stage incidents --id incidents-1 --log incidents-1.log
      watchroom worker --stage agency
    """
    settings = context.settings
    if not settings.broker:
        raise ConfigurationError(
            "a worker must know its Kafka: give --broker host:port before the command or set WATCHROOM_BROKER"
        )
    with ExitStack() as files:
        stream: TextIO = sys.stderr
        if log_file is not None:
            try:
                stream = files.enter_context(log_file.open("a", buffering=1, encoding="utf-8"))
            except OSError as exc:
                raise ConfigurationError(f"log file {log_file}: {exc.strerror}") from exc
        if metrics_port is not None:
            serve_process(settings.exporter_host, metrics_port)
        code = _run(settings, stage_name, worker_id or socket.gethostname(), generation, stream)
    # Not sys.exit: threads of Faust's that do not end can't keep a worker that has said its last word.
    import_module("streams.app").leave(code)


def serve_process(host: str, port: int) -> None:
    """Serve what Prometheus's client knows of any process, and nothing of ours: figures are the exporter's.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector

    from sinks.prometheus.exporter import listen

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    listen(host, port, registry)


def _run(settings: Settings, stage_name: str, worker_id: str, number: int | None, stream: TextIO) -> int:
    # Imported here: `watchroom --help` stays quick, and Faust out of every other command.
    from streams import app
    from streams.transport import topicsetup

    agencies = load_agencies(settings.agencies_dir)
    registered = topicsetup.prepare(settings.broker, settings, formats(), number)
    generation = registered.generation
    make = import_module(f"streams.{stage_name}.stage").stage
    # A rebuild finds in the log the absorbed states that were sent before it began.
    more = {"silent_below": registered.silent_below} if stage_name == "incidents" else {}
    stage = make(settings, agencies, generation=generation, worker=worker_id, **more)
    return app.run(stage, settings, generation, worker_id, stream=stream)
