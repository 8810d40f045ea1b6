"""``watchroom install-service``: what systemd needs to run it on one machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from schemas.errors import ConfigurationError, Refused
from watchroom.cli import Context, pass_context
from watchroom.units import Unit, units

NEXT = """\
Then, as root:
  systemd-sysusers
  install -d /etc/watchroom/agencies      # and your agency's file in it: watchroom agency check FILE
  systemctl daemon-reload
  systemctl enable --now watchroom
  systemctl enable --now watchroom-alerts # where there is an Alertmanager, to tell it of breaches
  journalctl -u watchroom -f"""


@click.command("install-service")
@click.option("--dry-run", is_flag=True, help="Print the files, and write nothing.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/etc"),
    show_default=True,
    help="Where /etc is (another place for packages and trials).",
)
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    help="The absolute path of watchroom (default: the one that runs now).",
)
@pass_context
def command(context: Context, dry_run: bool, folder: Path, program: Path | None) -> None:
    """Write systemd's unit, its user and a file of settings; settings that are there stay.

    For a small agency on one machine: one service, which is `watchroom up`, and one that tells Alertmanager
    of breaches. Nothing is started.

    \b
    Example:
      watchroom install-service --dry-run
      sudo watchroom install-service
    """
    found = str(program or shutil.which(sys.argv[0]) or sys.argv[0])
    if not Path(found).is_absolute():
        found = str(Path(found).absolute())
    if any(c in found for c in " %\"'\\$\n"):
        raise ConfigurationError(
            f"{found}: systemd would read blanks, quotes and percent signs in a path as something else; "
            "install Watchroom elsewhere, or name a link to it with --program"
        )
    made = units(found, context.settings.broker_heap_mb)
    for unit in made:
        path = folder / unit.path
        if dry_run:
            click.echo(f"# {path}\n{unit.text}")
        else:
            click.echo(_write(path, unit))
    click.echo(NEXT)


def _write(path: Path, unit: Unit) -> str:
    if path.suffix == ".toml" and path.exists():
        return f"{path}: there already, and left as it is"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit.text, encoding="utf-8")
    except OSError as exc:
        raise Refused(f"{path}: cannot be written: {exc.strerror}; be root, or use --dry-run") from exc
    return f"{path}: written"
