"""``watchroom up``: broker, workers and exporter, and one screen that says how they do."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from schemas.errors import WatchroomError
from schemas.settings import Settings
from watchroom import running, screen
from watchroom.board import Watch
from watchroom.children import environment, last_words, rotate
from watchroom.cli import Context, pass_context
from watchroom.house import BROKER_WAIT_S, Plan, opened
from watchroom.monitoring import ALERTMANAGER, NOTIFICATIONS, PROMETHEUS
from watchroom.staying import READY_WITHIN_S, Interrupts, Notes, Stay, interrupts

LOOK_S = 0.2
LINE_EVERY_S = 30.0
WORKERS_MAX = 64
DETACHED_WITHIN_S = BROKER_WAIT_S + READY_WITHIN_S


@click.command("up")
@click.option(
    "--workers",
    type=click.IntRange(1, WORKERS_MAX),
    default=1,
    show_default=True,
    help="Processes of stage one, which joins events; at most one a partition has work.",
)
@click.option(
    "--agency-workers",
    type=click.IntRange(1, WORKERS_MAX),
    default=1,
    show_default=True,
    help="Processes of stage two, which makes figures; likewise.",
)
@click.option(
    "--monitoring",
    is_flag=True,
    help="Prometheus and Alertmanager too, from Debian's packages (docs/alerts.md).",
)
@click.option("--detach", is_flag=True, help="Return when all is ready, and leave it running.")
@click.option(
    "--once-ready",
    metavar="COMMAND",
    help="Run this shell command when all is ready, then stop, with its exit code.",
)
@pass_context
def command(
    context: Context,
    workers: int,
    agency_workers: int,
    monitoring: bool,
    detach: bool,
    once_ready: str | None,
) -> None:
    """Start a Kafka (or use the one in the settings), the workers and the exporter, and stay with them.

    The first start on a machine fetches Kafka (45 MB). Data and logs are kept in the state folder.

    \b
    Example:
      watchroom up
      watchroom up --workers 2 --detach
      watchroom up --monitoring
      watchroom up --once-ready "watchroom replay --profile sffd --speed max"
    """
    settings = context.settings
    if detach and once_ready:
        raise click.UsageError("--detach leaves it running and --once-ready stops it; take one")
    if detach:
        _detach(settings, workers, agency_workers, monitoring=monitoring)
        return
    terminal = sys.stdout.isatty() and once_ready is None
    code = 0
    with interrupts() as heard:
        try:
            code = _run(
                settings, Plan(workers, agency_workers, monitoring), heard, once_ready, terminal=terminal
            )
        except KeyboardInterrupt:
            click.echo("stopped while starting", err=True)
            code = 130
    sys.exit(code)


def _run(settings: Settings, plan: Plan, heard: Interrupts, once_ready: str | None, *, terminal: bool) -> int:
    notes = Notes(echo=True)
    with ExitStack() as stack:
        house = stack.enter_context(opened(settings, plan, notes))
        stack.callback(setattr, heard, "deaf", True)
        watch = Watch(house.settings.broker)
        stack.callback(watch.close)
        watch.start()
        stay = Stay(house, watch)
        heard.raising = False
        if terminal:
            notes.echo = False
            stack.callback(setattr, notes, "echo", True)
            _draw_until(stay, notes, heard)
            return 0
        return _tell_until(stay, notes, heard, once_ready)


def _draw_until(stay: Stay, notes: Notes, heard: Interrupts) -> None:
    """The screen, until Ctrl-C."""
    console = Console()
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while not heard.asked:
            facts = stay.step()
            house = stay.house
            parts = screen.sheets(
                facts, stay.running(), house.settings.broker, house.settings.state_dir, time.time()
            )
            problems = stay.problems()
            used = sum(len(p.head) + len(p.rows) + 2 for p in parts) + len(problems) + 2
            foot = "Ctrl-C stops all of it. In another terminal: watchroom figures --watch"
            room = max(1, console.height - used)
            live.update(screen.drawn(parts, problems, notes.all(), console.width, foot, room), refresh=True)
            time.sleep(LOOK_S)


def _tell_until(stay: Stay, notes: Notes, heard: Interrupts, once_ready: str | None) -> int:
    """Plain lines, until a signal, or until the command has ended that was to be run."""
    said, child, was_ready = 0.0, None, False
    try:
        while not heard.asked:
            facts = stay.step()
            now = time.monotonic()
            if stay.house.ready and not was_ready:
                was_ready = True
                notes(f"ready: Kafka at {stay.house.settings.broker}, metrics at {stay.house.exporter}")
                if beside := stay.house.beside:
                    logs = stay.house.settings.state_dir / "logs"
                    notes(
                        f"Prometheus at {beside[PROMETHEUS]}, Alertmanager at {beside[ALERTMANAGER]}; what "
                        f"it sends is in {logs / NOTIFICATIONS}.log; `watchroom alerts test` sends something"
                    )
                if once_ready is not None:
                    child = subprocess.Popen(once_ready, shell=True, env=environment(stay.house.settings))
            if child is not None and (code := child.poll()) is not None:
                return code if code >= 0 else 128 - code
            if was_ready and now - said >= LINE_EVERY_S:
                said = now
                click.echo(screen.line(facts, stay.running()))
            time.sleep(LOOK_S)
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
    return 0


# ------------------------------------------------------------------------------------------------ detached


def _detach(settings: Settings, workers: int, agency_workers: int, *, monitoring: bool) -> None:
    """Start another `up` in a session of its own, tell what it tells, and return when it is ready.

    Raises:
        WatchroomError: it ended before, with its sentence and code; or it takes too long.
    """
    with running.held(settings.state_dir):
        pass  # refused here, in this terminal, where another one runs
    log = settings.state_dir.absolute() / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    offset = log.stat().st_size if log.exists() else 0
    numbers = ["--workers", str(workers), "--agency-workers", str(agency_workers)]
    if monitoring:
        numbers.append("--monitoring")
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "watchroom", "up", *numbers],
            cwd=log.parent,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACHED_WITHIN_S
    told = offset
    while time.monotonic() < deadline:
        told = _tell_new(log, told)
        code = child.poll()
        if code is not None:
            failed = WatchroomError(last_words(log, offset) or f"`watchroom up` ended with code {code}")
            failed.exit_code = code if code > 0 else 1
            raise failed
        up = running.read(settings.state_dir)
        if up is not None and up.pid == child.pid and up.ready:
            _tell_new(log, told)
            click.echo("It stays up; `watchroom status` shows it and `watchroom down` stops it.")
            # Not ours to wait for: it outlives this process.
            child.returncode = 0
            return
        time.sleep(0.1)
    raise WatchroomError(
        f"`watchroom up` (process {child.pid}) runs and is not ready after {DETACHED_WITHIN_S:.0f} s: see "
        f"`watchroom status` and {log}"
    )


def _tell_new(log: Path, offset: int) -> int:
    """Print the lines that came since, errors apart; returns where the log ends now."""
    with log.open("rb") as file:
        file.seek(offset)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        if not line.startswith("watchroom: "):
            click.echo(line)
    return offset + len(whole)
