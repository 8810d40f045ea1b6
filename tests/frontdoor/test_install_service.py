"""What systemd is given: words that the command line takes, a user, and nothing that is there overwritten."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

from click.testing import CliRunner

from schemas.settings import Settings
from watchroom.cli import COMMANDS, main_group
from watchroom.units import units


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main_group, ["install-service", *words], catch_exceptions=True)
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def service(text: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment]
    parsed.read_string(text)
    return parsed


def test_a_dry_run_prints_everything_and_writes_nothing(tmp_path: Path) -> None:
    """The whole of each file, and what to do next."""
    code, said = run("--dry-run", "--to", str(tmp_path), "--program", "/opt/watchroom/bin/watchroom")

    assert code == 0, said
    for unit in units("/opt/watchroom/bin/watchroom"):
        assert f"{tmp_path / unit.path}\n{unit.text}" in said
    assert "systemctl enable --now watchroom" in said
    assert list(tmp_path.iterdir()) == []


def test_the_unit_runs_what_there_is() -> None:
    """Its command exists, runs as nobody in particular, may write to its own folders alone."""
    _, unit, _, _ = units("/opt/watchroom/bin/watchroom", heap_mb=1024)
    made = service(unit.text)["Service"]
    words = made["ExecStart"].split()

    assert words[0] == "/opt/watchroom/bin/watchroom"
    assert words[-1] in COMMANDS
    assert made["User"] == "watchroom"
    assert made["ProtectSystem"] == "strict"
    assert made["MemoryMax"] == "5120M"


def test_the_alert_sink_is_a_unit_of_its_own() -> None:
    """It begins and ends with the other, is as confined, and is told of an Alertmanager by the settings."""
    _, unit, alerts, settings = units("/opt/watchroom/bin/watchroom")
    sink, main = service(alerts.text), service(unit.text)

    assert sink["Service"]["ExecStart"].split()[-2:] == ["alerts", "run"]
    assert sink["Unit"]["BindsTo"] == sink["Install"]["WantedBy"] == "watchroom.service"
    confined = {k: v for k, v in main["Service"].items() if k.startswith(("Protect", "Restrict", "Private"))}
    assert len(confined) > 10
    assert confined.items() <= dict(sink["Service"]).items()
    assert tomllib.loads(settings.text)["alertmanagers"]


def test_settings_are_settings(tmp_path: Path) -> None:
    """The file that is written can be read as settings."""
    _, _, _, settings = units("/opt/watchroom/bin/watchroom", heap_mb=700)
    read = tomllib.loads(settings.text)

    assert read.keys() <= Settings.model_fields.keys()
    assert Settings(**read).broker_heap_mb == 700


def test_it_writes_once_and_leaves_settings_alone(tmp_path: Path) -> None:
    """A second installation renews the unit, and not what somebody has set."""
    words = ("--to", str(tmp_path), "--program", "/opt/watchroom/bin/watchroom")
    assert run(*words)[0] == 0
    settings = tmp_path / "watchroom" / "watchroom.toml"
    settings.write_text("partitions = 12\n", encoding="utf-8")
    unit = tmp_path / "systemd" / "system" / "watchroom.service"
    unit.write_text("old", encoding="utf-8")
    code, said = run(*words)

    assert code == 0
    assert "left as it is" in said
    assert settings.read_text(encoding="utf-8") == "partitions = 12\n"
    assert "ExecStart" in unit.read_text(encoding="utf-8")


def test_a_path_that_systemd_would_misread_is_refused(tmp_path: Path) -> None:
    """Blanks and percent signs have a meaning there."""
    code, said = run("--to", str(tmp_path), "--program", "/opt/my tools/watchroom")

    assert code != 0
    assert "--program" in said
    assert list(tmp_path.iterdir()) == []
