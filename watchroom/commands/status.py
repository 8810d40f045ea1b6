"""``watchroom status``: what runs where, its health, lag and the count law, once."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from schemas.agency import load_agencies
from schemas.times import iso
from watchroom import board, facts, procfs, running, screen
from watchroom.cli import Context, pass_context
from watchroom.facts import Facts
from watchroom.running import Running

RATE_OVER_S = 1.5


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
@pass_context
def command(context: Context, as_json: bool) -> None:
    """What runs where, its health, lag, events a second, agencies' clocks, dead letters and the count law.

    The law: all that arrived was joined or dead-lettered, and every interval accounts for all responses, or
    incidents, of each month as measured, excluded, open or merged. Exit code 1 when it is broken, or when
    something does not run that should.

    \b
    Example:
      watchroom status
      watchroom status --json | python3 -m json.tool
    """
    settings = context.settings
    bootstrap = running.bootstrap(settings)
    up = running.read(settings.state_dir)
    if up is not None and up.bootstrap != bootstrap:
        up = None  # it works on another Kafka than the one asked about
    agencies = load_agencies(settings.agencies_dir)
    begun, before = time.monotonic(), board.once(bootstrap, figures=False)
    time.sleep(RATE_OVER_S)
    now, passed = board.once(bootstrap), time.monotonic() - begun
    if before.generation == now.generation:
        now.per_second = max(0, now.arrived() - before.arrived()) / passed
    found = facts.of(now, agencies, time.time())
    problems = [*_of_processes(up), *found.problems]
    if as_json:
        click.echo(json.dumps(_as_json(found, up, bootstrap, problems)))
    else:
        parts = screen.sheets(found, up, bootstrap, settings.state_dir, time.time())
        if sys.stdout.isatty():
            console = Console()
            console.print(screen.drawn(parts, problems, [], console.width))
        else:
            click.echo(screen.text(parts, problems), nl=False)
    if problems:
        sys.exit(1)


def _of_processes(up: Running | None) -> list[str]:
    if up is None:
        return []
    found = []
    for process in up.processes:
        if process.state == "given up":
            found.append(f"{process.name} is not started again: {process.why or 'it gave no reason'}")
        elif process.pid and not procfs.runs(process.pid):
            found.append(f"{process.name} (process {process.pid}) has just ended")
    return found


def _as_json(found: Facts, up: Running | None, bootstrap: str, problems: list[str]) -> dict[str, Any]:
    body = asdict(found)
    body["law"]["holds"] = found.law.holds
    for agency, clock in zip(body["agencies"], found.agencies, strict=True):
        agency["clock"] = iso(clock.clock)
    body["bootstrap"] = bootstrap
    body["problems"] = problems
    body["up"] = None
    if up is not None:
        body["up"] = asdict(up)
        for process in body["up"]["processes"]:
            process["memory_mb"] = procfs.memory_mb(process["pid"]) if process["pid"] else None
    return body
