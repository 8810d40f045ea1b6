"""The commands that need no Kafka, and what the others say before they would."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.errors import BadInput, BrokerUnreachable, ConfigurationError, Refused, WatchroomError
from schemas.settings import ROOT
from tests.sources.makings import DATA
from watchroom.cli import main_group

AGENCY = """
id = "musterstadt"
name = "Musterstadt"
time_zone = "Europe/Berlin"
sources = [{ id = "leitstelle" }]
[[rules]]
effective_from = 2000-01-01
[[rules.targets]]
interval = "turnout"
seconds = 90
classes = ["FIRE"]
priorities = ["1", "2"]
source = "AGBF"
[[rules]]
effective_from = 2024-01-01
staging_is_arrival = true
areas = { "01" = "Nord" }
"""
DEAD = "127.0.0.1:1"


def run(*words: object, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(main_group, [str(w) for w in words], input=stdin)
    if result.exception and not isinstance(result.exception, WatchroomError | SystemExit | KeyboardInterrupt):
        raise result.exception
    return result


def test_profile_check_reads_the_sample_that_ships() -> None:
    """Columns, counts per milestone, what is left out; nothing is wrong."""
    result = run("profile", "check", "--profile", "sffd")

    assert result.exception is None
    for said in (
        "Received DtTm                   call_arrival\n",
        "Address                         -\n",
        "7,704 rows, 3,560 incidents, 64,330 events\n",
        "from 2016-12-31 00:01:04 to 2017-01-08 01:40:33, America/Los_Angeles\n",
        "  on_scene                6,150      1,554\n",
        "  response_mode, not in its codes: 2 -> NON_EMERGENT (2,299)\n",
        "  575 rows are of units that do not count for first due\n",
        "  1 rows have on_scene before enroute_to_scene\n",
        "0 bad rows, 0 bad cells\n",
    ):
        assert said in result.output


def test_profile_check_shows_what_is_bad(tmp_path: Path) -> None:
    """Line, column, value and reason; exit code 3."""
    text = (DATA / "musterstadt.csv").read_text(encoding="latin-1")
    path = tmp_path / "calls.csv"
    path.write_text(text.replace("04:02:30,000", "25:02:30,000") + ";;x\n", encoding="latin-1")

    result = run("profile", "check", path, "-p", DATA / "musterstadt.toml")

    assert isinstance(result.exception, BadInput)
    assert result.exception.exit_code == 3
    assert "1 bad rows, 1 bad cells\n  unreadable_time: 1\n  wrong_column_count: 1\n" in result.output
    assert (
        "line 5, column 'Alarm', value '25:02:30,000': unreadable_time: not %H:%M:%S,%f or" in result.output
    )
    assert "line 6, value ';;x': wrong_column_count: 3 columns; the header has 14" in result.output


def test_profile_check_names_a_changed_header(tmp_path: Path) -> None:
    """The column, what it was for, and its likely new name."""
    path = tmp_path / "calls.csv"
    week = ROOT / "sources/data/sf_fire_calls_2016-12-31_2017-01-07.csv"
    path.write_text(week.read_text().replace("DtTm", "Time"))

    result = run("profile", "check", path, "-p", "sffd")

    assert isinstance(result.exception, BadInput)
    assert "column 'Received DtTm' (call_arrival), perhaps now 'Received Time'" in result.exception.message


def test_profile_list_says_what_ships() -> None:
    """Name, what it is, zone."""
    assert "sffd: San Francisco Fire Department" in run("profile", "list").output


def test_agency_check_says_what_the_files_say(tmp_path: Path) -> None:
    """Sources, zone, rules by date, targets."""
    (tmp_path / "musterstadt.toml").write_text(AGENCY)

    result = run("--agencies-dir", tmp_path, "agency", "check")

    assert result.exception is None
    assert "musterstadt.toml: Musterstadt (musterstadt), Europe/Berlin\n" in result.output
    assert "  source leitstelle: writes its own clock\n" in result.output
    assert "    turnout within 90 s for 90 %: FIRE, priority 1/2, EMERGENT (AGBF)\n" in result.output
    assert "  from 2024-01-01:\n    no targets\n" in result.output
    assert "staging or on_scene, whichever comes first" in result.output


def test_agency_check_goes_on_past_a_wrong_file(tmp_path: Path) -> None:
    """Each wrong one is named with place and reason; the others are described; exit code 2."""
    good, bad = tmp_path / "musterstadt.toml", tmp_path / "bad.toml"
    good.write_text(AGENCY)
    bad.write_text(AGENCY.replace('"Europe/Berlin"', '"Europe/Bern"'))

    result = run("agency", "check", bad, good)

    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.message == "1 of 2 agencies' files are wrong"
    assert "bad.toml: time_zone: no time zone 'Europe/Bern'" in result.output
    assert "musterstadt.toml: Musterstadt" in result.output


def test_agency_list_names_the_agencies() -> None:
    """San Francisco ships."""
    assert (
        "sffd: San Francisco Fire Department (America/Los_Angeles; sources: export)"
        in run("agency", "list").output
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--speed", "0"], "neither max nor a number above 0"),
        (["--speed", "fast"], "neither max nor a number above 0"),
        (["--clock-step", "soon"], "no span such as 30s"),
        (["--clock-step", "0s"], "no span such as 30s"),
    ],
)
def test_replay_refuses_options_that_mean_nothing(words: list[str], said: str) -> None:
    """As click does: usage, and exit code 2."""
    result = run("replay", "-p", "sffd", *words)

    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "yesterday"], "--from 'yesterday' is no time such as 2017-01-01"),
        (["--agency", "nowhere"], "no file nowhere.toml in"),
        (["--source", "cad"], "agency sffd lists no source 'cad' (it lists export)"),
        (["--backfill", "--shift-to-now"], "choose one"),
        (["--for", "5"], "it does nothing without it"),
        (["--from", "2017-01-02", "--to", "2017-01-01"], "is not before --to 2017-01-01"),
        (["nowhere.csv"], "nowhere.csv: cannot be read: No such file or directory"),
        ([DATA], "cannot be read: Is a directory"),
    ],
)
def test_replay_says_what_is_wrong_before_it_looks_for_kafka(words: list[str], said: str) -> None:
    """In one sentence."""
    result = run("--broker", DEAD, "replay", "-p", "sffd", *words)

    assert isinstance(result.exception, BadInput | ConfigurationError | Refused)
    assert said in result.exception.message


@pytest.mark.parametrize("city", ["fire", "mediation"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_simulation_begins_in_a_year_that_can_be_meant(city: str, day: str) -> None:
    """A day at the end of time is no defect of ours."""
    result = run("simulate", city, "--days", "1", "--start", day, "--to", "-")

    assert result.exit_code == 2
    assert "is not a day of the years 1970 to 2999" in result.output


def test_for_says_how_long_live_goes_on() -> None:
    """Alone it would be passed over silently."""
    result = run("--broker", DEAD, "simulate", "mediation", "--for", "5")

    assert isinstance(result.exception, ConfigurationError)
    assert "--live" in result.exception.message


@pytest.mark.parametrize("words", [["replay", "-p", "sffd"], ["send"], ["simulate", "mediation"]])
def test_a_source_without_kafka_says_so_as_every_reader_does(words: list[str]) -> None:
    """Where, why, and what to do; at once, not after ten seconds of trying."""
    result = run("--broker", DEAD, *words, stdin=b"")

    assert isinstance(result.exception, BrokerUnreachable)
    assert result.exception.message == (
        f"no Kafka answers at {DEAD} (Connection refused): is it running? `watchroom up` starts one, and "
        "--broker names another"
    )


def test_replay_needs_a_file_where_the_profile_ships_no_sample() -> None:
    """And says so."""
    result = run("replay", "-p", DATA / "musterstadt.toml", "--agency", "sffd", "--source", "export")

    assert isinstance(result.exception, ConfigurationError)
    assert "ships no sample" in result.exception.message


def test_send_raw_goes_with_nothing_else() -> None:
    """Untouched means untouched."""
    result = run("--broker", DEAD, "send", "--raw", "--clock", stdin=b"")

    assert isinstance(result.exception, ConfigurationError)


@pytest.mark.parametrize(
    "words", [["replay"], ["send"], ["profile"], ["profile", "check"], ["profile", "list"], ["agency"],
              ["agency", "check"], ["agency", "list"]],
)  # fmt: skip
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    """And its first sentence says what it does."""
    result = run(*words, "--help")

    assert result.exit_code == 0
    assert "Example" in result.output
