"""``watchroom``: the front door. Finds the command, loads the settings, turns errors into one sentence."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import click

from schemas import security
from schemas.errors import WatchroomError
from schemas.settings import Settings, load_settings

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "San Francisco's New Year's Eve of 2016, live, on a Kafka of its own."),
    "up": ("up", "Start broker, workers and exporter, and show how they do."),
    "down": ("down", "Stop what `watchroom up` started."),
    "status": ("status", "What runs, its health, lag and the count law."),
    "figures": ("figures", "Response times as a table; `figures diversion` has the rates of mediation."),
    "funnel": ("funnel", "How far down mediation calls came, drawn in the terminal."),
    "explain": ("explain", "What a rate of diversion means, and its parts as of now."),
    "breaches": ("breaches", "Breaches open and recent, and the life of one."),
    "alerts": ("alerts", "Tell Alertmanager of breaches; send a test down every route."),
    "replay": ("replay", "Replay an export into Kafka as events and clocks."),
    "send": ("send", "Send events given as JSON Lines."),
    "simulate": ("simulate", "Invent a city's events, marked as simulated."),
    "profile": ("profile", "Check how an export would be read."),
    "agency": ("agency", "Check an agency's file."),
    "dead-letters": ("dead_letters", "List and show what could not be joined."),
    "rebuild": ("rebuild", "Compute everything anew from the events, as a new generation."),
    "doctor": ("doctor", "Check what this machine lacks and say the mend."),
    "worker": ("worker", "Run one worker of one stage in the foreground."),
    "exporter": ("exporter", "Run the Prometheus exporter in the foreground."),
    "topics": ("topics", "Make the topics that are missing, and end."),
    "clock": ("clock", "Write the clocks of feeds that write none, in the foreground."),
    "probe": ("probe", "Whether a process answers, for health checks."),
    "install-service": ("install_service", "Files for systemd, to run it on one machine."),
    "grafana": ("grafana", "Put the dashboards into a Grafana that you run."),
}
"""Command to (module of watchroom.commands, one line). The module has a click command named ``command``."""


class LateGroup(click.Group):
    """Imports a command only when it is asked for.

    So `watchroom --help` is quick, and Faust stays out of the readers.

    Attributes:
        package: of the commands' modules, each with a click command named ``command``.
        late: command to (module of that package, one line).
    """

    package: ClassVar[str]
    late: ClassVar[dict[str, tuple[str, str]]]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """All there are, in the order given."""
        return list(self.late)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now; None where there is none of that name."""
        if cmd_name not in self.late:
            return None
        command: click.Command = import_module(f"{self.package}.{self.late[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Names and lines, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self.late.items()])


class _Commands(LateGroup):
    package, late = "watchroom.commands", COMMANDS


class Context:
    """What every command gets: the settings, loaded when first asked for."""

    def __init__(self, config: Path | None, flags: dict[str, Any], *, debug: bool) -> None:
        self.config = config
        self.flags = flags
        self.debug = debug
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings (flags over environment over file over defaults)."""
        if self._settings is None:
            self._settings = load_settings(self.config, **self.flags)
            security.use(self._settings)
        return self._settings


pass_context = click.make_pass_decorator(Context)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file (default: ./watchroom.toml if it is there).",
)
@click.option(
    "--broker",
    metavar="HOST:PORT",
    help="Kafka to use, several addresses separated by commas (default: the one of `watchroom up`).",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for data and logs (default: ~/.local/state/watchroom).",
)
@click.option(
    "--agencies-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of agencies' files, ID.toml (default: those that ship).",
)
@click.option("--debug", is_flag=True, help="Show where in the program an error came from.")
@click.version_option(package_name="watchroom")
@click.pass_context
def main_group(ctx: click.Context, /, config: Path | None, debug: bool, **flags: Any) -> None:
    """Watchroom: a real-time operations centre for a city's emergency response.

    Its own options stand before the command. Every setting, in a file or the environment: docs/settings.md.

    \b
    Example:
      watchroom up            # broker, workers, exporter
      watchroom figures --watch
    """
    ctx.obj = Context(config, flags, debug=debug)


def main() -> None:
    """Run the command line.

    Errors are one clear sentence and an exit code, never a traceback unless ``--debug``.
    """
    debug = "--debug" in sys.argv[1:]
    try:
        main_group(standalone_mode=False)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except WatchroomError as exc:
        if debug:
            traceback.print_exc()
        click.echo(f"watchroom: {exc.message}", err=True)
        sys.exit(exc.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as exc:
        if debug:
            raise
        click.echo(
            f"watchroom: {type(exc).__name__}: {exc}. This is a defect of Watchroom; --debug shows where.",
            err=True,
        )
        sys.exit(70)
