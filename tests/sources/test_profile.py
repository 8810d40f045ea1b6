"""Profiles: what is wrong with one is found when it is loaded, and said with file and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from sources.profile import find_profile, load_profile, shipped_profiles
from tests.sources.makings import BASIC, a_profile

TEXT = """
agency = "test"
source = "export"
time_zone = "Europe/Berlin"
incident = "call"
milestones.call_arrival = "received"
"""


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "city.toml"
    path.write_text(text)
    load_profile(path)


def test_the_least_profile_is_five_lines(tmp_path: Path) -> None:
    """Agency, source, zone, and two columns."""
    load(tmp_path, TEXT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("surprise = 1", "surprise: Extra inputs are not permitted"),
        ("name = 'x'", "name: Extra inputs are not permitted"),
        ("milestones.arrived = 'x'", "no milestone 'arrived'"),
        ("milestones.dispatch = 'x'", "names no column for the unit"),
        ("milestones.call_create = { time = 'x' }", "call_create has no date"),
        ("attributes.colour = 'x'", "no attribute 'colour'"),
        ("attributes.als = 'x'", "als is said of units"),
        ("attributes.type = { codes = { a = 'b' } }", "needs a column, or a default"),
        ("attributes.response_mode = { default = 'FAST' }", "response_mode cannot be 'FAST'"),
        ("attributes.type = { column = 'x', default = 'a', keep = true }", "exclude each other"),
        ("file.delimiter = ';;'", "must be one character"),
        ("file.quote = ','", "must differ"),
        ("file.encoding = 'utf-16'", "iconv"),
        ("file.encoding = 'klingon'", "no encoding 'klingon'"),
        ("times.formats = ['%Q']", "is a bad directive"),
        ("times.formats = []", "at least one format"),
        ("times.clocks = ['iso']", "needs a strptime format"),
        ("x = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: str, said: str) -> None:
    """With the file's name, in one sentence."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, TEXT + change + "\n")

    assert said in caught.value.message
    assert str(tmp_path / "city.toml") in caught.value.message


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_a_zone_must_be_in_the_database(zone: str) -> None:
    """Whatever it is that is no zone."""
    with pytest.raises(ValueError, match="time zone"):
        a_profile(time_zone=zone)


def test_a_profile_that_is_not_there_is_named_with_those_that_ship() -> None:
    """So that a typing error mends itself."""
    with pytest.raises(ConfigurationError, match=r"no profile 'sfdf'.*sffd"):
        find_profile("sfdf")


def test_profiles_that_ship_load_and_their_samples_are_there() -> None:
    """Each by its name."""
    profiles = shipped_profiles()

    assert "sffd" in [p.name for p in profiles]
    assert all(p.sample_path is not None and p.sample_path.is_file() for p in profiles)
    assert profiles == [find_profile(p.name) for p in profiles]


def test_a_profile_says_what_it_reads_from_each_column() -> None:
    """In words, for `profile check`; a column may serve twice."""
    attributes: dict[str, Any] = {
        "priority": "prio",
        "response_mode": "prio",
        "type": {"column": "t", "of": "incident"},
    }

    uses = a_profile(attributes=attributes, recorded_at="arrived").uses()

    assert uses == {
        "call": ["incident id"],
        "unit": ["unit id"],
        "received": ["call_arrival"],
        "dispatched": ["dispatch"],
        "arrived": ["on_scene", "recorded_at"],
        "prio": ["priority", "response_mode"],
        "t": ["type (of the incident)"],
    }
    assert BASIC["milestones"].keys() == a_profile().milestones.keys()
