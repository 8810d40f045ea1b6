"""Bad input is dead-lettered by name with its bytes untouched.

Nothing is lost, nothing else is touched, nothing stops.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import topics
from schemas.times import DAY, HOUR
from streams.incidents.packing import pack_package
from streams.incidents.state import Facts
from tests.core.driver import Floor, Plan, clock, to_json, town
from tests.core.effort import examples
from tests.core.saying import CALL, call, correct, merge, press, state, unit, whole

GOOD = press("E1", "dispatch", 0)


def body(**changed: Any) -> bytes:
    """A good event with something of it changed; None takes a field away."""
    fields = {**json.loads(to_json(GOOD)), **changed}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


ABSORBED = {
    "kind": "absorbed",
    "agency_id": "town",
    "incident_id": "A",
    "sender": "S",
    "offset": 3,
    "unit_id": None,
    "event_id": None,
    "occurred_at": None,
    "recorded_at": None,
    "name": None,
}

BAD: dict[str, tuple[str, bytes | None]] = {
    "nothing at all": ("empty", None),
    "no bytes": ("empty", b""),
    "a truncated object": ("not_json", to_json(GOOD)[:-9]),
    "words": ("not_json", b"engine one is on its way"),
    "a null byte": ("not_json", b"\x00"),
    "null bytes inside": ("not_json", to_json(GOOD).replace(b"dispatch", b"dis\x00patch")),
    "two objects": ("not_json", to_json(GOOD) * 2),
    "brackets without end": ("not_json", b"[" * 1_000_000),
    "UTF-16": ("not_utf8", to_json(GOOD).decode().encode("utf-16")),
    "Latin-1": ("not_utf8", body(incident_id="Caf\xe9").replace(b"\\u00e9", b"\xe9")),
    "half a surrogate pair": ("invalid", body(incident_id="A").replace(b'"A"', b'"\\ud800"')),
    "a list": ("invalid", b"[1, 2]"),
    "a number": ("invalid", b"17"),
    "null": ("invalid", b"null"),
    "an empty object": ("unknown_kind", b"{}"),
    "a kind nobody knows": ("unknown_kind", body(kind="sandwich")),
    "a kind that is no word": ("unknown_kind", body(kind=["milestone"])),
    "a newer schema": ("newer_schema_version", body(schema_version=2)),
    "a newer schema with kinds of its own": ("newer_schema_version", body(schema_version=7, kind="drone")),
    "an older schema": ("invalid", body(schema_version=0)),
    "no event id": ("invalid", body(event_id=None)),
    "an empty incident id": ("invalid", body(incident_id="")),
    "an incident id of a megabyte": ("invalid", body(incident_id="A" * 1_000_000)),
    "an attribute of a megabyte": ("invalid", body(kind="change", attributes={"type": "x" * 1_000_000})),
    "an attribute that is no text": ("invalid", body(kind="change", attributes={"type": 7})),
    "a mode nobody knows": ("invalid", body(kind="change", attributes={"response_mode": "SLOWLY"})),
    "a milestone nobody knows": ("invalid", body(name="lunch")),
    "an incident id that is a number": ("invalid", body(incident_id=12345)),
    "a time that is no time": ("invalid", body(occurred_at="yesterday")),
    "a day that is no day": ("invalid", body(occurred_at="2017-02-30T00:00:00Z")),
    "the year zero": ("invalid", body(occurred_at="0000-01-01T00:00:00Z")),
    "the year ten thousand": ("invalid", body(occurred_at="10000-01-01T00:00:00Z")),
    "a naive time": ("naive_time", body(occurred_at="2017-01-01T00:00:00")),
    "a naive correction": ("naive_time", body(kind="correction", time="2017-01-01T00:00:00")),
    "the year 9999": ("in_the_future", body(occurred_at="9999-12-31T23:59:59Z")),
    "the year 9999, far west": ("in_the_future", body(occurred_at="9999-12-31T23:59:59-23:59")),
    "recorded in the year 9999": ("in_the_future", body(recorded_at="9999-12-31T23:59:59Z")),
    "corrected to the year 9999": ("in_the_future", body(kind="correction", time="9999-12-31T23:59:59Z")),
    "a clock of the year 9999": ("in_the_future", to_json({**clock(CALL), "time": "9999-12-31T23:59:59Z"})),
    "an agency nobody knows": ("unknown_agency", body(agency_id="atlantis")),
    "an agency that is a path": ("unknown_agency", body(agency_id="../town")),
    "a source nobody lists": ("unknown_source", body(source_id="stranger")),
    "a state that is no base64": ("invalid", body(**ABSORBED, state="%%%")),
    "a state that is no package": ("invalid", body(**ABSORBED, state=base64.b64encode(b"\xc1junk").decode())),
    "a state of an offset no log has": ("invalid", body(**{**ABSORBED, "offset": 10**30}, state="")),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_bytes_are_dead_lettered_by_name_and_untouched(what: str) -> None:
    """Between two good events: both are joined, the bad one is kept byte for byte with reason and origin."""
    reason, value = BAD[what]
    floor = Floor(town(), Plan(sizes=(3,)))
    floor.send([press("E1", "dispatch", 0)])
    floor.put(value, "town/A")
    floor.join([press("E1", "enroute_to_scene", 60), clock(CALL + HOUR)])

    assert [(reason, value or b"")] == floor.dead()
    assert floor.response("A", "E1").intervals["turnout"].value == 60
    (letter,) = floor.committed("dead.letters")
    headers = dict(letter.headers or ())
    assert (headers["topic"], headers["partition"], headers["offset"]) == (b"incident.events", b"0", b"1")
    assert letter.key == b"incident.events/0/1"
    assert 0 < len(headers["detail"]) <= 2_000
    assert {reason: 1} == floor.health().dead


@pytest.mark.parametrize("what", [what for what in BAD if BAD[what][1] is not None])
def test_bad_bytes_are_dead_lettered_in_any_company(what: str) -> None:
    """A batch of nothing but the same bad bytes, five times: five dead letters, and a position after them."""
    floor = Floor(town())
    for _ in range(5):
        floor.put(BAD[what][1], "town/A")
    floor.join([clock(CALL + HOUR)])

    assert [BAD[what][0]] * 5 == [reason for reason, _ in floor.dead()]
    assert floor.health().positions == {"incident.events": 6}


def test_extra_fields_do_no_harm() -> None:
    """An event with fields nobody knows, a null where it may be one, and Unicode in its names is joined."""
    floor = Floor(town())
    floor.put(
        body(weather={"wind": [1, None]}, source_id=None, incident_id="\u00c9\u4e8b\u4ef6 \U0001f692 /%"),
        "town/\u00c9\u4e8b\u4ef6 \U0001f692 %2F%25",
    )
    floor.join([clock(CALL + HOUR)])

    assert floor.dead() == []
    assert floor.incident("\u00c9\u4e8b\u4ef6 \U0001f692 /%").units == ["E1"]


def test_a_tombstone_is_a_dead_letter_of_its_own() -> None:
    """A record without a value deletes nothing: it is kept as empty."""
    floor = Floor(town()).run([*whole(), clock(CALL + HOUR)])
    before = floor.comparable_records()
    floor.put(None, "town/A")
    floor.run()

    assert floor.dead() == [("empty", b"")]
    assert before == floor.comparable_records()


LONG_NAME = "\x00" * 64
"""The longest name there is in JSON: each letter takes six bytes."""


@pytest.mark.parametrize("name", ["U", LONG_NAME[:58], "\U0001f692" * 58])
def test_an_incident_that_grows_without_end_is_bounded(name: str) -> None:
    """Units without number on one incident: what would make it too large is dead-lettered.

    Nothing that is written is larger than its topic takes, also when it is all sent to the incident it is
    merged into.
    """
    floor = Floor(town())
    units = [press(f"{name}{number:05d}", "dispatch", number % 900) for number in range(6_000)]
    floor.run([*call("B"), *call("A"), *units, merge("A", "B", 50), clock(CALL + HOUR)])

    assert {"incident_too_large"} == {reason for reason, _ in floor.dead()}
    assert floor.health().arrived == floor.health().joined + sum(floor.health().dead.values())
    assert floor.incident("B").state == "open"
    for (topic, _), log in floor.logs.items():
        limit = topics.TOPICS[topic.removesuffix(".g1")].max_message_bytes
        largest = max((len(kept.key) + len(kept.value or b"") for kept in log.kept), default=0)
        assert largest < limit - 1_000, topic


def test_an_incident_that_is_said_the_same_of_without_end_does_not_grow() -> None:
    """The same statements five thousand times, as a CAD that repeats itself.

    No copy makes the incident too large.
    """
    floor = Floor(town())
    said = [
        state(None, 0, type="x" * 200),
        press("E1", "dispatch", 0),
        correct("E1", "dispatch", recorded=9, was=0, time=1),
    ]
    floor.run(said * 5_000)
    assert floor.dead() == []

    floor.run([state(None, number, type=f"{number % 7}" * 200) for number in range(5_000)])
    floor.run([clock(CALL + HOUR)])
    assert floor.dead() == []


def test_a_merged_incident_that_is_too_large_says_so() -> None:
    """Several large incidents merged into one: what does not fit is dead-lettered, and the host goes on."""
    floor = Floor(town())
    for incident in "ABCDEF":
        floor.send(
            [
                state(f"{incident}{n}", 0, incident=incident, type="x" * 256, zone="y" * 256)
                for n in range(400)
            ]
        )
        floor.send([merge(incident, "HOST", 50)])
    floor.run([*whole("HOST"), clock(CALL + HOUR)])

    assert {"incident_too_large"} == {reason for reason, _ in floor.dead()}
    assert floor.incident("HOST").state == "ended"
    health = floor.health()
    assert health.arrived == health.joined + sum(health.dead.values())
    assert (
        len(floor.log("incident.events", 0).kept) == health.arrived + health.clock_records + health.absorbed
    )


def forged(**changed: Any) -> str:
    """A package of states as nobody of ours would write it."""
    facts = Facts()
    for name, value in changed.items():
        setattr(facts, name, value)
    return pack_package({"S": (["S"], facts)})


FORGED = {
    "no presses": forged(presses={"E1": {"dispatch": ()}}),
    "no statements": forged(attributes={"": []}),
    "empty statements": forged(attributes={"": [(1, 1, "x", {})]}),
    "a history of what was never stated": forged(history={"E1": {"class": [(1, "FIRE"), (2, "EMS")]}}),
    "presses out of order": forged(presses={"E1": {"dispatch": (CALL + 5, 1, CALL, 1)}}),
    "instants beyond all calendars": forged(presses={"": {"call_create": (2**62 - 1, 1)}}),
    "instants beyond 64 bits": forged(presses={"": {"call_create": (2**63, 2**63)}}),
    "instants before all calendars": forged(presses={"": {"call_create": (-(2**62), -(2**62))}}),
    "recorded beyond 64 bits": forged(last_recorded=2**63, last_occurred=2**63),
    "a mode nobody knows": forged(
        presses={"E1": {"dispatch": (CALL, CALL)}},
        attributes={"E1": [(1, 1, "x", {"response_mode": "SLOWLY"})]},
    ),
    "milestones nobody knows": forged(presses={"E1": {"lunch": (CALL, CALL)}, "": {"tea": (CALL, CALL)}}),
    "corrections beyond 64 bits": forged(corrections={"E1": {"dispatch": {2**63: (1, "x", 2**63)}}}),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_state_stops_nothing(what: str) -> None:
    """An absorbed state that is well formed and makes no sense.

    Joined or dead-lettered, and both stages go on.
    """
    floor = Floor(town(), Plan(sizes=(1,)))
    floor.send(whole())
    floor.put(body(**ABSORBED, state=FORGED[what]), "town/A")
    floor.run([*whole("B"), clock(CALL + DAY)])
    floor.restart_one(0)
    floor.restart_two()
    floor.run([press("E2", "dispatch", 90), clock(CALL + 2 * DAY)])

    assert {reason for reason, _ in floor.dead()} <= {"invalid"}
    assert floor.response("B", "E1").intervals["turnout"].value == 60
    assert "E2" in floor.incident("A").units


VALID = [
    to_json(event)
    for event in (
        *whole(),
        state("E1", 0, als="true", service="EMS"),
        correct("E1", "dispatch", recorded=9, was=0, time=3),
        merge("A", "B", 3),
        clock(CALL + HOUR),
        *unit("E2", 3, staging=5),
    )
] + [body(**ABSORBED, state=forged(presses={"E1": {"dispatch": (CALL, CALL)}}))]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A valid event with something done to its bytes or to one of its fields."""
    value = draw(st.sampled_from(VALID))
    sort = draw(st.integers(0, 4))
    if sort == 0:
        cut = draw(st.integers(0, len(value)))
        return value[:cut] + draw(st.binary(max_size=4)) + value[cut + draw(st.integers(0, 4)) :]
    if sort == 1:
        place = draw(st.integers(0, len(value) - 1))
        return value[:place] + bytes([value[place] ^ (1 << draw(st.integers(0, 7)))]) + value[place + 1 :]
    fields = json.loads(value)
    name = draw(st.sampled_from(sorted(fields)))
    fields[name] = draw(_anything)
    if sort == 2:
        fields[draw(st.sampled_from(("attributes", "state", "time", "was", "offset", "unit_id")))] = draw(
            _anything
        )
    return json.dumps(fields).encode(errors="surrogatepass")


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=80)
    | st.datetimes().map(str)
    | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
    | st.sampled_from(
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", -(10**15), 10**12)
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("type", "class", "als", "")), inner)
    ),
    max_leaves=4,
)


@examples(60)
@given(
    values=st.lists(st.one_of(st.binary(max_size=60), _mutated()), min_size=1, max_size=8),
    size=st.sampled_from((1, 50)),
)
@example(values=[b"\xff\xfe"], size=1)
def test_no_bytes_stop_a_stage(values: list[bytes], size: int) -> None:
    """Random bytes and mutated events among good ones.

    Never an exception, never ``internal``, all of it counted.

    Stage two takes what stage one made of it, too.
    """
    floor = Floor(town(), Plan(sizes=(size,)))
    floor.send(whole("Q"))
    for value in values:
        floor.put(value, "town/A")
    floor.send([clock(CALL + DAY)])
    floor.run_one()
    for topic in ("responses.g1", "incidents.g1"):
        batch = floor.log(topic, 0).batch(topic, 0, 0, 1_000)
        floor.two[0].apply(batch)
    floor.two[0].told()

    health = floor.health()
    assert "internal" not in health.dead
    assert health.arrived == health.joined + sum(health.dead.values())
    assert {value for _, value in floor.dead()} <= set(values)
    assert floor.response("Q", "E1").intervals["turnout"].value == 60
