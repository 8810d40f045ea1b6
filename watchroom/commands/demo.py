"""``watchroom demo``: San Francisco's New Year's Eve of 2016 as if it were now, on a Kafka of its own."""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from textwrap import TextWrapper

import click
from pydantic import SecretStr
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.errors import ConfigurationError, WatchroomError
from schemas.settings import Settings
from sinks.terminal.plain import Sheet, plain
from sources.profile import find_profile
from watchroom import demonstration, monitoring, screen, words
from watchroom.board import Watch
from watchroom.cli import Context, pass_context
from watchroom.commands.replay import agency_named
from watchroom.demonstration import Feed
from watchroom.house import Plan, opened
from watchroom.simulated_half import AGENCY, SimulatedHalf
from watchroom.staying import READY_WITHIN_S, Interrupts, Notes, Stay, interrupts
from watchroom.stopping import stop

LOOK_S = 0.1
LINE_EVERY_S = 5.0
SETTLE_S = 30.0
COMMITTED_S = 1.5
FRESH_S = 1.0
"""How long a cell that changed is shown as such."""


@click.command("demo")
@click.option(
    "--speed",
    type=click.FloatRange(min=1, max=100_000),
    default=demonstration.SPEED,
    show_default=True,
    help="Seconds of that evening in a second of yours.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Processes of stage one, which joins events.",
)
@click.option("--stay", is_flag=True, help="Keep everything up after the replay, until Ctrl-C.")
@pass_context
def command(context: Context, speed: float, workers: int, stay: bool) -> None:
    """Watch San Francisco's New Year's Eve of 2016 run as if it were now, on a real Kafka.

    Starts a Kafka, the workers and the exporter in a folder of its own, which each start empties, replays the
    evening in about a minute, and leaves the table on the screen. Then comes the other half, which is
    simulated: the last 30 days of a city with a mediation unit, as a funnel and rates.

    \b
    Example:
      watchroom demo
      watchroom demo --speed 60 --stay
    """
    settings = demo_settings(context.settings)
    with interrupts() as heard:
        try:
            _run(settings, speed, workers, heard, stays=stay)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            sys.exit(130)


def demo_settings(settings: Settings) -> Settings:
    """The demo's own: another folder, free ports, a Kafka of its own, the agencies' files we ship."""
    fields = type(settings).model_fields
    changed = {
        "state_dir": settings.state_dir.expanduser().absolute() / "demo",
        "broker": "",
        "broker_port": 0,
        "exporter_port": 0,
        "agencies_dir": fields["agencies_dir"].default,
        "place_key": SecretStr(secrets.token_hex(16)),  # nothing outlives this demo that it would have to fit
    }
    return settings.model_copy(update=changed)


def _run(settings: Settings, speed: float, workers: int, heard: Interrupts, *, stays: bool) -> None:
    notes = Notes(echo=True)
    profile = find_profile(demonstration.PROFILE)
    agency = agency_named(settings, profile.agency)
    evening = demonstration.rehearse(profile, agency)
    stop(settings.state_dir, notes)
    _empty(settings.state_dir)
    terminal = sys.stdout.isatty()
    with ExitStack() as stack:
        plan = Plan(workers, monitoring=_monitoring(notes), any_ports=True)
        house = stack.enter_context(opened(settings, plan, notes))
        stack.callback(setattr, heard, "deaf", True)
        watch = Watch(house.settings.broker)
        stack.callback(watch.close)
        watch.start()
        staying = Stay(house, watch)
        notes("starting the workers and the exporter")
        _until_ready(staying)
        feed = Feed(house.settings.broker, profile, agency, evening, speed, stays=stays)
        stack.callback(feed.close)
        heard.raising = False
        feed.start()
        show = _Show(staying, feed)
        notes.echo = not terminal
        if terminal:
            show.draw_until_settled(heard)
        else:
            show.tell_until_settled(heard)
        notes.echo = True
        if heard.asked:
            raise KeyboardInterrupt
        show.leave_on_screen()
        half = SimulatedHalf(house.settings.broker, agency_named(settings, AGENCY))
        stack.callback(half.close)
        notes("the other half is SIMULATED: a city of Dayton's size with a mediation unit, its last 30 days")
        half.start()
        half.show(lambda: _heeding(staying, heard))
        if stays:
            _stay(show, heard)
            return
        click.echo(f"\n{_wrapped(_next_steps())}")
        notes.echo = False


def _monitoring(notes: Notes) -> bool:
    """Whether Prometheus and Alertmanager are here to be started; a demo does without them."""
    try:
        monitoring.binary(monitoring.PROMETHEUS)
        monitoring.binary(monitoring.ALERTMANAGER)
    except ConfigurationError as exc:
        notes(f"without Prometheus and Alertmanager: {exc.message.partition(' (Debian')[0]}")
        return False
    return True


def _notified(folder: Path) -> str:
    """What came to the receiver of notifications: how many, and the last."""
    log = folder / "logs" / f"{monitoring.NOTIFICATIONS}.log"
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    came = [part for part in said.split("\n\n") if " to on-call: " in part or " to room: " in part]
    if not came:
        return ""
    last = came[-1].strip()
    last = last[last.index("\n") + 1 :] if last.startswith("Listening") else last
    return f"Alertmanager sent {len(came)} notifications ({_shown(log)}); the last, as on a phone:\n{last}"


def _empty(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=False)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise WatchroomError(
            f"the demo's folder {folder} can't be emptied ({exc.strerror}): remove it by hand"
        ) from exc


def _until_ready(staying: Stay) -> None:
    """Wait until every partition has an owner: then the first event shows at once."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not staying.house.ready:
        staying.step()
        if time.monotonic() > deadline:
            raise WatchroomError(
                f"the workers were not ready within {READY_WITHIN_S:.0f} s: see "
                f"{staying.house.settings.state_dir / 'logs'}"
            )
        time.sleep(LOOK_S)


class _Show:
    """The table while it fills, and as it is left."""

    def __init__(self, staying: Stay, feed: Feed) -> None:
        self._staying = staying
        self._feed = feed
        self._agency = staying.house.agencies[demonstration.PROFILE]
        self._cells: dict[tuple[str, int], tuple[str, float]] = {}
        self._settling = self._settled = 0.0

    @property
    def state_dir(self) -> Path:
        """The demo's folder."""
        return self._staying.house.settings.state_dir

    def sheet(self) -> Sheet:
        """As it is now."""
        facts = self._staying.facts
        lag = None if not facts.stages or any(s.lag is None for s in facts.stages) else facts.stages[0].lag
        head = demonstration.header(self._feed, lag, self._staying.house.exporter, self._agency.time_zone)
        return demonstration.sheet(head, self._staying.watch.board().figures.values(), self._agency)

    def step(self) -> bool:
        """One look; whether all that was sent is in the figures.

        Raises:
            WatchroomError: the feed or the house failed, or the figures do not come.
        """
        facts = self._staying.step()
        self._feed.check()
        if not self._feed.done or self._feed.end is None:
            return False
        now = time.monotonic()
        self._settling = self._settling or now
        clock = next((a.clock for a in facts.agencies if a.agency_id == self._agency.id), 0)
        if clock >= self._feed.end and facts.law.arrived >= self._feed.evening.events:
            # A transaction ends in one partition after the other: figures may be a moment behind health.
            self._settled = self._settled or now
            return now - self._settled > COMMITTED_S
        if now - self._settling > SETTLE_S:
            raise WatchroomError(
                f"all is sent, and {SETTLE_S:.0f} s later the figures have not caught up: see "
                f"{self._staying.house.settings.state_dir / 'logs'}"
            )
        return False

    def draw_until_settled(self, heard: Interrupts) -> None:
        """At a terminal."""
        console = Console()
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not heard.asked and not self.step():
                live.update(self._drawn(self.sheet()), refresh=True)
                time.sleep(LOOK_S)

    def tell_until_settled(self, heard: Interrupts) -> None:
        """Anywhere else: a few words every few seconds."""
        told = time.monotonic()
        while not heard.asked and not self.step():
            if time.monotonic() - told >= LINE_EVERY_S:
                told = time.monotonic()
                click.echo(self._line())
            time.sleep(LOOK_S)

    def _line(self) -> str:
        shown = self.sheet()
        turnout = next((row for row in shown.rows if row[0] == "turnout"), None)
        said = f"; turnout in 1 h: n {turnout[1]}, p90 {turnout[3]}, {turnout[4]} within" if turnout else ""
        reached = self._feed.reached
        when = words.local(reached, self._agency.time_zone) if reached is not None else "about to begin"
        return f"{when}: {self._feed.sent:,} of {self._feed.evening.events:,} events sent{said}"

    def _drawn(self, shown: Sheet) -> RenderableType:
        now = time.monotonic()
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
        for column in shown.columns:
            # What cannot be narrowed is never cut: a figure with its end missing is a wrong figure.
            table.add_column(
                column.title, justify="right" if column.number else "left", no_wrap=not column.flexible
            )
        for row in shown.rows:
            table.add_row(*(self._cell(row[0], at, cell, now) for at, cell in enumerate(row)))
        law = screen.law_in_words(self._staying.facts)
        return Group(
            Text(shown.head[0], style="bold"),
            Text(shown.head[1]),
            Text(""),
            table,
            Text(""),
            Text(f"Count law {law}", style="dim"),
            *(Text(f"PROBLEM: {problem}", style="bold red") for problem in self._staying.problems()),
            Text("Ctrl-C stops it.", style="dim"),
        )

    def _cell(self, interval: str, at: int, cell: str, now: float) -> Text:
        before, since = self._cells.get((interval, at), ("", 0.0))
        if cell != before:
            since = now
            self._cells[interval, at] = (cell, now)
        return Text(cell, style="bold green" if at and now - since < FRESH_S else "")

    def leave_on_screen(self) -> None:
        """Print it, to stay."""
        self._staying.step()
        click.echo(plain(self.sheet()), nl=False)
        click.echo(_wrapped(f"\nThe count law {screen.law_in_words(self._staying.facts)}."))
        if notified := _notified(self.state_dir):
            click.echo(f"\n{notified}")


def _heeding(staying: Stay, heard: Interrupts) -> None:
    """One look while something else is waited for: workers that ended begin again, and Ctrl-C is heard."""
    staying.step()
    if heard.asked:
        raise KeyboardInterrupt


def _stay(show: _Show, heard: Interrupts) -> None:
    ours = f"{_command()} --state-dir {_shown(show.state_dir)}"
    said = f"\nIt stays up, and its clock runs on. In another terminal: {ours} figures --watch"
    click.echo(f"{_wrapped(said)}\nCtrl-C stops all of it.")
    while not heard.asked:
        show.step()
        time.sleep(0.5)


def _wrapped(text: str) -> str:
    """Folded between words at a terminal, never inside a command; left alone where a program reads it."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    fold = TextWrapper(width, break_long_words=False, break_on_hyphens=False).fill
    return "\n".join(map(fold, text.splitlines()))


def _command() -> str:
    """How the reader calls us: by name where the shell finds it, else by its path."""
    if shutil.which("watchroom"):
        return "watchroom"
    return _shown(Path(sys.argv[0]))


def _shown(path: Path) -> str:
    """A path as short as it is right from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _next_steps() -> str:
    ours = _command()
    return (
        f"To look around in it, say `{ours} demo --stay`, and then what it tells you in another terminal.\n"
        f"To run it for good, say `{ours} up`, and replay the whole week into it: "
        f"`{ours} replay --profile sffd --speed max`.\n"
        f"To try your own city's export, write a profile of 30 lines and say "
        f"`{ours} profile check FILE --profile mycity.toml`."
    )
