"""Red breaches as annotations: one each, closed at its end, and no second one whatever is restarted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from schemas.records import ClockRecord, encode
from schemas.times import DAY, HOUR, SECOND
from sinks.grafana.annotations import Annotator, Wanted, run
from sinks.grafana.client import Client
from sinks.grafana.words import GrafanaError
from sinks.reading import Record
from tests.sinks.grafana.standin import Grafana, running
from tests.sinks.house import House
from tests.sinks.makings import AS_OF, BREACH
from tests.sinks.makings import breach as made

DEADLINE = AS_OF
CLOSED = made("closed")


def breach(number: int = 1, revision: int = 1, **said: Any) -> tuple[str, bytes]:
    """A record of ``breaches``, red unless said; with fields that are not drawn."""
    body = {
        "record": "breach", "agency_id": "sffd", "incident_id": "170031234", "unit_id": "E39",
        "interval": "turnout", "id": f"id{number}", "revision": [revision, 0], "source": [0, 1, 1],
        "state": "red", "limit": 60, "units": ["E39"], "as_of": DEADLINE,
        "place": {"mode": "EMERGENT", "class": "EMS", "priority": "3", "station_area": "03",
                  "battalion": "B03", "zone": "", "unit_type": "ENGINE"},
        "steps": [["amber", DEADLINE - 12 * SECOND, DEADLINE, 60], ["red", DEADLINE, DEADLINE, 60]],
        **said,
    }  # fmt: skip
    return f"sffd/170031234/E39/{number}/turnout", msgspec.json.encode(body)


def closed(number: int = 1, after_s: int = 30) -> tuple[str, bytes]:
    ended = DEADLINE + after_s * SECOND
    steps = [["red", DEADLINE, DEADLINE, 60], ["closed", ended, ended, 60]]
    return breach(number, 2, state="closed", ended_at=ended, value=60 + after_s, steps=steps)


def clock(at: int) -> tuple[str, bytes]:
    return "sffd//clock/0", encode(
        ClockRecord(agency_id="sffd", source_partition=0, source_partitions=1, time=at)
    )


def taken(wanted: Wanted, *pairs: tuple[str, bytes | None]) -> set[str]:
    return wanted.take(Record("breaches", 0, n, key, value, 0, []) for n, (key, value) in enumerate(pairs))


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with running(Grafana()) as made:
        yield made


@pytest.fixture
def client(grafana: Grafana) -> Iterator[Client]:
    with Client(grafana.url, "glsa_editor") as made:
        yield made


def test_what_the_streams_write_is_what_is_drawn() -> None:
    """The record as schemas has it: what of it is drawn has the same names, units and places."""
    wanted = Wanted()
    key = f"sffd/A1/E1/{BREACH.interval}"
    taken(wanted, (key, encode(BREACH)))
    ((_, drawn),) = wanted.notes()
    assert drawn.text == "turnout over its limit of 80 s in area 03, FIRE, running"
    assert drawn.tags[-1] == f"breach:{BREACH.id}"
    assert drawn.start_ms == drawn.end_ms == BREACH.deadline_at // 1000

    taken(wanted, (key, encode(CLOSED)))
    ((_, drawn),) = wanted.notes()
    assert drawn.text.endswith("FIRE, closed after 100 s")
    assert (drawn.start_ms, drawn.end_ms) == (BREACH.deadline_at // 1000, CLOSED.ended_at // 1000)


def test_one_breach_is_one_region_that_closes(grafana: Grafana, client: Client) -> None:
    """Made open at the deadline, closed at the interval's end; nobody is named."""
    wanted, annotator = Wanted(), Annotator(client, print)
    annotator.bring_about(wanted.notes(taken(wanted, breach())))
    (note,) = grafana.notes.values()
    assert (note["time"], note["timeEnd"]) == (DEADLINE // 1000, DEADLINE // 1000)
    assert note["text"] == "turnout over its limit of 60 s in area 03, EMS, running"
    assert note["tags"] == ["watchroom", "red", "agency:sffd", "interval:turnout", "breach:id1"]

    annotator.bring_about(wanted.notes(taken(wanted, closed())))
    (note,) = grafana.notes.values()
    assert note["timeEnd"] - note["time"] == 30_000
    assert note["text"].endswith("closed after 90 s")
    assert not any("170031234" in str(v) or "E39" in str(v) for v in note.values())


def test_amber_and_what_is_older_than_a_day_are_not_drawn(grafana: Grafana, client: Client) -> None:
    """Only red ones; of a topic of 100 days only the last day's, and what still runs."""
    wanted = Wanted()
    taken(
        wanted,
        clock(DEADLINE + DAY + HOUR),
        breach(1, state="amber", steps=[["amber", DEADLINE, DEADLINE, 60]]),
        closed(2),
        breach(3),
    )
    Annotator(client, print).bring_about(wanted.notes())

    assert [n["tags"][-1] for n in grafana.notes.values()] == ["breach:id3"]


def test_a_restart_makes_no_second_one(grafana: Grafana, client: Client) -> None:
    """What stands is read first; a breach that ended meanwhile is closed, one that did not is left."""
    wanted = Wanted()
    taken(wanted, breach(1), breach(2))
    Annotator(client, print).bring_about(wanted.notes())
    assert len(grafana.notes) == 2
    grafana.seen.clear()

    taken(wanted, closed(1))
    again = Annotator(client, print)
    again.bring_about(wanted.notes())
    assert len(grafana.notes) == 2
    assert (again.made, again.changed) == (0, 1)
    assert grafana.written == ["PATCH /api/annotations/1"]


def test_an_answer_that_was_lost_makes_no_second_one(
    grafana: Grafana, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grafana stored it and the answer did not come: the next try reads what is there."""
    real, lost = grafana._annotations, [True]

    def stored_and_lost(method: str, *rest: Any) -> Any:
        answer = real(method, *rest)
        if method == "POST" and lost:
            lost.clear()
            return 502, ""
        return answer

    monkeypatch.setattr(grafana, "_annotations", stored_and_lost)
    wanted, annotator = Wanted(), Annotator(client, print)
    taken(wanted, breach())
    with pytest.raises(GrafanaError):
        annotator.bring_about(wanted.notes())
    annotator.bring_about(wanted.notes())

    assert len(grafana.notes) == 1
    assert annotator.made == 0


def test_of_two_for_one_breach_the_later_is_deleted(grafana: Grafana, client: Client) -> None:
    """Two sinks side by side may have made them; others' annotations are never touched."""
    said: list[str] = []
    for _ in range(2):
        client.annotate("x", ["watchroom", "red", "breach:id1"], 1, 1)
    client.annotate("theirs", ["watchroom", "red"], 1, 1)
    client.annotate("theirs too", ["red"], 1, 1)
    Annotator(client, said.append).learn()

    assert sorted(grafana.notes) == [1, 3, 4]
    assert "breach:id1" in said[0]


def test_what_a_person_deleted_stays_deleted(grafana: Grafana, client: Client) -> None:
    """It is said, and not made again while this runs."""
    said: list[str] = []
    wanted, annotator = Wanted(), Annotator(client, said.append)
    annotator.bring_about(wanted.notes(taken(wanted, breach())))
    grafana.notes.clear()
    annotator.bring_about(wanted.notes(taken(wanted, closed())))

    assert grafana.notes == {}
    assert "deleted in Grafana" in said[0]


def test_an_older_revision_changes_nothing(grafana: Grafana, client: Client) -> None:
    """The highest revision of a key wins, in whatever order they come."""
    wanted, annotator = Wanted(), Annotator(client, print)
    taken(wanted, closed())
    assert taken(wanted, breach(), ("sffd/x", b"{")) == set()
    annotator.bring_about(wanted.notes())

    assert grafana.notes[1]["text"].endswith("closed after 90 s")
    assert wanted.unreadable == 1


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.broker
def test_breaches_on_a_real_kafka_are_drawn_over_a_restart(house: House, grafana: Grafana) -> None:
    """The sink follows the topic, is stopped, misses an end, and mends it when it is started again."""

    def sink() -> tuple[threading.Thread, threading.Event]:
        stop = threading.Event()

        def follow() -> None:
            with Client(grafana.url, "glsa_editor") as made:
                run(house.bootstrap, made, stop, print)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        return thread, stop

    house.put("breaches", [clock(DEADLINE), breach(1)])
    thread, stop = sink()
    eventually(lambda: len(grafana.notes) == 1)
    house.put("breaches", [breach(2)])
    eventually(lambda: len(grafana.notes) == 2)
    stop.set()
    thread.join(30)
    house.put("breaches", [closed(1), closed(1)])
    thread, stop = sink()
    try:
        eventually(lambda: "closed" in grafana.notes[1]["text"])
        house.put("breaches", [closed(2)])
        eventually(lambda: "closed" in grafana.notes[2]["text"])
    finally:
        stop.set()
        thread.join(30)

    assert len(grafana.notes) == 2
    assert len([w for w in grafana.written if w.startswith("POST")]) == 2
