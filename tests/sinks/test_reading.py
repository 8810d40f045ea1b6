"""Reading results from a real Kafka: whole and committed first, then live; by position; over generations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from schemas.errors import BrokerUnreachable
from schemas.records import IncidentRecord, encode
from sinks.reading import Batch, Reader, current_of, follow, higher_revision, snapshot
from sinks.reading import Generation as G
from tests.sinks.house import House

pytestmark = pytest.mark.broker

WAIT_S = 20.0


def until(batches: Iterator[Batch], done: Callable[[Batch], bool]) -> Batch:
    """The first batch of which this is true, within a bounded time."""
    deadline = time.monotonic() + WAIT_S
    for batch in batches:
        if done(batch):
            return batch
        assert time.monotonic() < deadline, f"nothing of the kind in {WAIT_S} s; the last was {batch}"
    raise AssertionError("the batches ended")


def keys(batch: Batch) -> list[str]:
    """The keys of a batch."""
    return [record.key for record in batch.records]


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Set at the end, so that no reader outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_topic_that_ends_in_a_marker_is_read_to_its_end(house: House) -> None:
    """A transaction's marker is no record: the reader knows by its position that it has arrived."""
    with house.transaction() as open_:
        open_.put("figures", [("a", b"1"), ("b", b"1")])
    with house.transaction(commit=False) as aborted:
        aborted.put("figures", [("a", b"2"), ("c", b"2")])

    began = time.monotonic()
    assert snapshot(house.bootstrap, "figures") == {"a": b"1", "b": b"1"}
    assert time.monotonic() - began < 10


def test_an_open_transaction_is_not_waited_for(house: House) -> None:
    """What is not committed when a reader starts is not what it reads from the beginning for."""
    house.put("figures", [("a", b"1")])
    with house.transaction() as open_:
        open_.put("figures", [("a", b"2")])

        assert snapshot(house.bootstrap, "figures") == {"a": b"1"}


def test_a_tombstone_removes_and_the_last_record_wins(house: House) -> None:
    """Of figures the last record of a key counts, and a tombstone ends it."""
    house.put("figures", [("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", None)])

    assert snapshot(house.bootstrap, "figures") == {"a": b"2"}


def test_the_highest_revision_wins(house: House) -> None:
    """Of responses and incidents a lower revision never replaces a higher one, wherever it stands."""
    old, new = (
        encode(IncidentRecord(agency_id="x", incident_id="1", revision=r, source=(0, 0, 0), state="open"))
        for r in ((5, 0), (7, 0))
    )
    house.put("incidents", [("x/1", new), ("x/1", old)])

    assert snapshot(house.bootstrap, "incidents") == {"x/1": new}
    assert higher_revision(new, old)
    assert higher_revision(old, old)


def test_live_reading_does_not_wait_for_the_commit(house: House, stop: threading.Event) -> None:
    """A live reader sees a record as soon as it is on the topic, one that reads committed with the commit."""
    house.put("figures", [("a", b"1")])
    quick = follow(house.bootstrap, ["figures"], stop)
    slow = follow(house.bootstrap, ["figures"], stop, committed=True)
    for batches in (quick, slow):
        first = until(batches, lambda b: bool(b.records))
        assert (first.fresh, first.live, keys(first)) == (True, False, ["a"])
        until(batches, lambda b: b.live)
    with house.transaction() as open_:
        open_.put("figures", [("b", b"1")])

        assert keys(until(quick, lambda b: bool(b.records))) == ["b"]
        for batch in (next(slow), next(slow), next(slow)):
            assert not batch.records

    assert keys(until(slow, lambda b: bool(b.records))) == ["b"]


def test_readers_switch_when_a_generation_does(house: House, stop: threading.Event) -> None:
    """A generation that is built is not read before it is current; then all of it is, from its beginning."""
    first = house.number
    house.put("figures", [("a", b"old")])
    batches = follow(house.bootstrap, ["figures"], stop)
    until(batches, lambda b: b.live)

    house.begin(current=False)
    house.put("figures", [("a", b"new")])
    assert not next(batches).records

    house.switch(first)
    batch = until(batches, lambda b: bool(b.records))
    assert batch.generation is not None
    assert batch.generation.generation == house.number
    assert batch.fresh
    assert [r.value for r in batch.records] == [b"new"]


def test_a_reader_waits_for_a_generation_to_be(house: House, stop: threading.Event) -> None:
    """Where none is current a reader says so and goes on looking."""
    house.put("generations", [(str(house.number), None)])
    batches = follow(house.bootstrap, ["figures"], stop)
    first = next(batches)
    assert (first.generation, first.live) == (None, False)
    assert snapshot(house.bootstrap, "figures") == {}

    house.switch(0)
    assert until(batches, lambda b: b.live).generation is not None


def test_a_stopped_reader_ends(house: House) -> None:
    """Setting the event ends the batches within a poll or two."""
    stop = threading.Event()
    batches = follow(house.bootstrap, ["figures", "health"], stop)
    until(batches, lambda b: b.live)
    stop.set()

    assert not [batch for batch in batches if batch.records]


def test_no_kafka_is_one_sentence() -> None:
    """Where no Kafka answers, the error is ours, says where, and comes soon; no thread is left behind."""
    before = threading.active_count()
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=r"no Kafka answers at 127\.0\.0\.1:1 "):
        snapshot("127.0.0.1:1", "figures")

    assert time.monotonic() - began < 5
    assert threading.active_count() == before


def test_a_topic_that_is_not_there_has_nothing(house: House) -> None:
    """Reading a topic nobody has made yields nothing, at once, and does not make it."""
    with Reader(house.bootstrap) as reader:
        assert list(reader.whole(["figures"], 999_999)) == []
        assert reader.sizes("figures", 999_999) == 0
        assert not reader.has(["figures"], 999_999)


def test_of_two_current_generations_the_higher_counts() -> None:
    """While a switch is under way both may be current; readers take the new one."""
    found = [G(generation=n, status=s) for n, s in ((1, "current"), (2, "current"), (3, "building"))]

    assert current_of(found) == found[1]
    assert current_of(found[2:]) is None
