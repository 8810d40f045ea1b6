"""The vocabulary.

Agencies' files, settings, topics, keys, and definitions held against what the code says.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import keys, topics
from schemas.agency import Agency, load_agencies, load_agency
from schemas.definitions import EDITION
from schemas.errors import ConfigurationError
from schemas.settings import Settings, load_settings
from schemas.times import DAY, HOUR, parse
from tests.core.driver import Floor, Town, clock, town
from tests.core.effort import examples
from tests.core.invented import by_incident, stories
from tests.core.saying import CALL, call, correct, merge, press, state, unit, whole
from tests.core.test_against_reference import as_rules
from tests.reference import join

GOOD = """
id = "town"
name = "Town"
time_zone = "America/Los_Angeles"
sources = [{ id = "cad" }]
[[rules]]
effective_from = 2000-01-01
targets = [{ interval = "turnout", seconds = 60 }]
"""

WRONG = {
    "not TOML": ("id = ", "not TOML"),
    "no zone of this world": (GOOD.replace("Los_Angeles", "Lost_Angeles"), "time_zone"),
    "an interval nobody knows": (GOOD.replace("turnout", "lunch"), "rules.0.targets.0.interval"),
    "no seconds": (GOOD.replace(", seconds = 60", ""), "rules.0.targets.0.seconds"),
    "a word misspelt": (GOOD.replace("effective_from", "efective_from"), "rules.0"),
    "two sources of one id": (
        GOOD.replace('{ id = "cad" }', '{ id = "cad" }, { id = "cad" }'),
        "two sources",
    ),
    "rules out of order": (GOOD + "[[rules]]\neffective_from = 1999-01-01\n", "in order"),
    "no sources": (GOOD.replace('{ id = "cad" }', ""), "sources"),
    "an id of capitals": (GOOD.replace('"town"', '"Town"'), "id"),
    "shifts out of order": (GOOD + "shifts = { starts = [20:00:00, 08:00:00] }\n", "rules.0.shifts"),
    "a rotation from nowhere": (
        GOOD + 'shifts = { starts = [08:00:00], rotation = ["A", "B"] }\n',
        "rotation_from",
    ),
    "another file's name": (GOOD.replace('"town"', '"city"'), "city.toml"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_agencys_file_that_is_wrong_says_which_and_where(what: str, tmp_path: Path) -> None:
    """One sentence: the file, the place in it, and what is wrong."""
    text, place = WRONG[what]
    path = tmp_path / "town.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_agencies(tmp_path)

    assert str(path) in refused.value.message
    assert place in refused.value.message
    assert "\n" not in refused.value.message.removeprefix(str(path))


def test_an_agencys_file_that_is_right(tmp_path: Path) -> None:
    """It is read; a folder that is not there or empty is said so; bytes that are no UTF-8 too."""
    path = tmp_path / "town.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert {"town"} == load_agencies(tmp_path).keys()

    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load_agency(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_agency(tmp_path / "gone.toml")
    with pytest.raises(ConfigurationError, match="no such folder"):
        load_agencies(tmp_path / "gone")
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigurationError, match="no agency's file"):
        load_agencies(tmp_path / "none")


def test_rules_hold_from_their_local_date_on() -> None:
    """Before the first date the first; from local midnight of a date the ones of that date."""
    agency = Town().agency()
    second = agency.rules[0].model_copy(
        update={"effective_from": agency.rules[0].effective_from.replace(2017), "too_long_s": 99}
    )
    agency = Agency.model_validate(
        {**agency.model_dump(), "rules": [agency.rules[0].model_dump(), second.model_dump()]}
    )
    midnight = parse("2017-01-01T00:00:00-08:00")

    assert [agency.rules_at(t).too_long_s for t in (0, midnight - 1, midnight)] == [86_400, 86_400, 99]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No environment of ours, and an empty folder to be in."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WATCHROOM_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_flags_over_environment_over_file_over_defaults(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One setting, said in each place in turn: the nearest to the person wins."""
    assert Settings.model_fields["partitions"].default == load_settings().partitions

    (clean / "watchroom.toml").write_text("partitions = 7\nexporter_port = 1234\n", encoding="utf-8")
    assert (load_settings().partitions, load_settings().exporter_port) == (7, 1234)

    monkeypatch.setenv("WATCHROOM_PARTITIONS", "8")
    assert (load_settings().partitions, load_settings().exporter_port) == (8, 1234)
    assert (load_settings(partitions=9).partitions, load_settings(partitions=9).exporter_port) == (9, 1234)
    assert load_settings(partitions=None).partitions == 8


def test_a_wrong_setting_says_where_it_comes_from(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, the environment's variable or the file, by name."""
    with pytest.raises(ConfigurationError, match="partitions from the command line"):
        load_settings(partitions=0)
    config = clean / "w.toml"
    config.write_text("partitions = 0\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"partitions from .*w\.toml"):
        load_settings(config)
    config.write_text("partition = 4\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"partition from .*w\.toml"):
        load_settings(config)
    config.write_text("partitions = \n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"w\.toml: not readable as TOML"):
        load_settings(config)
    with pytest.raises(ConfigurationError, match="no such settings file"):
        load_settings(clean / "gone.toml")
    monkeypatch.setenv("WATCHROOM_PARTITIONS", "many")
    with pytest.raises(ConfigurationError, match=r"the environment \(WATCHROOM_PARTITIONS\)"):
        load_settings()


def test_every_setting_is_documented() -> None:
    """Each has a sentence for people."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_table_of_topics() -> None:
    """LogAppendTime everywhere; logs are deleted, state is compacted.

    Dead letters hold twice what sources may send.
    """
    table = topics.TOPICS

    assert {"LogAppendTime"} == {topic.config()["message.timestamp.type"] for topic in table.values()}
    assert table["dead.letters"].max_message_bytes == 2 * table["incident.events"].max_message_bytes
    assert "retention.ms" not in table["incidents.changelog"].config()
    assert table["incidents.changelog"].config()["cleanup.policy"] == "compact"
    assert table["incident.events"].config()["retention.ms"] == "-1"
    assert str(100 * 86_400_000) == table["responses"].config()["retention.ms"]
    assert {"incident.events", "dead.letters", "generations"} == {
        t.name for t in table.values() if not t.generational
    }
    assert topics.topic_name("figures", 3) == "figures.g3"


JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA)
def test_keys_go_where_kafkas_own_clients_send_them(key: bytes) -> None:
    """The vectors of Kafka's own tests of murmur2 (UtilsTest.testMurmur2)."""
    assert (JAVA[key] & 0x7FFFFFFF) % 12 == keys.partition_of(key.decode(), 12)


@given(parts=st.tuples(*[st.text(min_size=1, max_size=12)] * 3))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_parts_of_a_key_can_be_told_apart(parts: tuple[str, str, str]) -> None:
    """Whatever stands in them: joined by slashes and taken apart they are the same, and no two keys meet."""
    agency, incident, unit = parts
    key = keys.response_key(agency, incident, unit, 1)

    assert list(parts) == [keys.unpart(part) for part in key.split("/")]
    assert key != keys.incident_key(agency, incident)
    assert key != keys.response_key(agency, incident, unit, 2)


# Definitions and the code

RARE = [
    # What invented incidents seldom come to, said on purpose.
    [*call(), press("E1", "enroute_to_scene", 9), press("E1", "unit_clear", 99)],
    [*call(), *unit("E1", 40, 100, 90, 300), *unit("E2", 40, None, 100, 300), *unit("E3", 40, 30, 400, 500)],
    [*call(), *unit("E1", 40, 100, 200, 150, arrived_at_hospital=170), *unit("E2", 40, 100, 200, 39)],
    [*call(), *unit("E1", 40, 100, 200, arrived_at_hospital=300), press(None, "incident_clear", 400)],
    [
        *call(),
        *unit(
            "E1",
            40,
            100,
            200,
            enroute_to_hospital=190,
            arrived_at_hospital=300,
            hospital_cleared=299,
            unit_clear=400,
        ),
    ],
    [
        press(None, "call_arrival", 50),
        press(None, "call_answered", 40),
        press(None, "call_create", 30),
        *unit("E1", 20, 25, 28, 60),
    ],
    [press(None, "call_arrival", 0), press(None, "incident_clear", 9)],
    [press(None, "call_create", 0), press(None, "incident_clear", 9)],
    [press(None, "call_answered", 0), press(None, "incident_clear", 9)],
    [*call(), *unit("E1", 40, 100, 30, 300)],
    [*call(), press("E1", "on_scene", 40), press("E1", "unit_clear", 99)],
    [*call(), press("E1", "on_scene", 40), *unit("E2", 50, 60, 45, 99), press("E1", "unit_clear", 99)],
    [
        *call(),
        *unit("E1", 40, 100, None, 300),
        state("E1", 1, als="true"),
        *unit("E2", 40, canceled_enroute=99),
    ],
    [*call(), *unit("E1", 40, 100, canceled_enroute=300), state("E1", 1, als="true")],
    [*call(), *unit("E1", 40, 100, 100, 300), state("E1", 1, als="true")],
    [*call(), *unit("E1", 40, 100, 99, 300), state("E1", 1, als="true")],
    [*call(), *unit("E1", 40, None, 99, 300), state("E1", 1, als="true")],
    [
        *call(),
        *unit("E1", 40, 100, 100_000, 300_000, arrived_at_hospital=100_000),
        state("E1", 1, als="true"),
    ],
    [
        *call(),
        *unit("E1", 40, 100_000, 200_000, 300_000, arrived_at_hospital=200_000, hospital_cleared=299_000),
    ],
    [
        press(None, "call_arrival", 0),
        press(None, "call_answered", 100_000),
        press(None, "call_create", 100_000),
        *unit("E1", 200_000, 1, 9, 300_000),
    ],
    [
        press(None, "call_arrival", 0),
        press(None, "call_create", 10),
        press(None, "call_answered", 10),
        *unit("E1", 200_000, 200_000, 200_000, 300_000),
    ],
    [*call(), *unit("C1", 40, 100, 200, 300), state("C1", 1, first_due_exempt="*")],
    [*whole(), correct("E1", "dispatch", recorded=999), merge("A", "B", 9)],
]

FALLBACKS = {
    # "Else that unit's own travel reason": of a unit that arrived this one can't be.
    ("travel_first_due", "never_enroute"),
    ("travel_als", "never_enroute"),
}


def test_the_reasons_of_the_definitions_are_those_of_the_code() -> None:
    """Every reason that the edition lists for an interval comes out somewhere, and no other ever does.

    Collected from incidents made for it, and from two hundred invented ones.
    """
    found: set[tuple[str, str]] = set()

    def collect(events: list[dict[str, object]], now: int, said: join.Settings) -> None:
        floor = Floor(town(**as_rules(said)))
        floor.send([*events, clock(now)])
        floor.run_one()
        for record in floor.records().values():
            found.update(
                (name, measure.reason) for name, measure in record.intervals.items() if measure.reason
            )

    @examples(200)
    @given(events=stories(), now=st.sampled_from((CALL + HOUR, CALL + 3 * DAY)))
    def invented(events: list[dict[str, object]], now: int) -> None:
        collect(events, now, join.Settings(als=True, too_long_seconds=300))

    invented()
    for events in RARE:
        collect(events, CALL + 30 * DAY, join.Settings(als=True))
    listed = {(interval.id, reason) for interval in EDITION.interval for reason in interval.excluded}
    listed |= {(interval.id, "never_closed") for interval in EDITION.interval}

    assert listed - FALLBACKS == found


def test_every_reason_has_words() -> None:
    """Each reason of each interval is said in words once, and no words are left over."""
    listed = {reason for interval in EDITION.interval for reason in interval.excluded}

    assert EDITION.reasons.keys() == listed | {"never_closed"}
    assert all(EDITION.reasons.values())


def test_an_edition_with_a_word_too_many_is_refused() -> None:
    """Definitions are data with a closed form."""
    with pytest.raises(ValidationError):
        type(EDITION).model_validate({**EDITION.model_dump(), "colour": "red"})


def test_invented_events_by_incident_are_all_of_them() -> None:
    """The helper that hands events to the reference loses none."""
    events = [*whole("A"), *whole("B")]

    assert len(events) == sum(map(len, by_incident(events).values()))
