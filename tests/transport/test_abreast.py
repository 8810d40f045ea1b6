"""Topics of one partition read abreast: none runs ahead of one that has more, and none waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.stage import RecordBatch
from streams.transport.abreast import SLACK_MS, Abreast
from streams.transport.fetch import fetched
from tests.transport.kit import make_topics
from watchroom.broker import Broker

A, B, ELSEWHERE = TopicPartition("a", 0), TopicPartition("b", 0), TopicPartition("b", 1)
STEP_MS = 100
BATCHES = 150


def handed(where: TopicPartition, begin: int, end: int, *stamps: int) -> RecordBatch:
    """A batch of a place as the drain makes them."""
    batch = RecordBatch(where.topic, where.partition, begin)
    batch.end, batch.stamps = end, [(number, stamp) for number, stamp in enumerate(stamps, 1)]
    return batch


def waiting(abreast: Abreast, ends: dict[TopicPartition, int], more: Sequence[TopicPartition]) -> set[str]:
    """Topics of partition 0 that wait, where reading stands at ``ends``."""
    return {place.topic for place in abreast.ahead(ends, ends.get, more.__contains__) if place.partition == 0}


def test_what_is_ahead_waits_for_what_has_more() -> None:
    """The slack counts, a topic that has no more holds nobody, and partitions don't wait for each other."""
    abreast = Abreast()
    ends = {A: 5, B: 7, ELSEWHERE: 2}
    abreast.handed_out(A, handed(A, 0, 5, 10_000))
    abreast.handed_out(B, handed(B, 0, 7, 500, 10_000 + SLACK_MS))
    abreast.handed_out(ELSEWHERE, handed(ELSEWHERE, 0, 2, 0))

    assert waiting(abreast, ends, [A, B, ELSEWHERE]) == set()
    abreast.handed_out(B, handed(B, 7, 9, 10_001 + SLACK_MS))
    assert waiting(abreast, {**ends, B: 9}, [A, B, ELSEWHERE]) == {"b"}
    assert waiting(abreast, {**ends, B: 9}, [B, ELSEWHERE]) == set(), "a has been read to its end"


def test_what_was_sought_to_goes_first() -> None:
    """After a seek nothing is known of a topic but that it has more."""
    abreast = Abreast()
    abreast.handed_out(A, handed(A, 0, 5, 9_000_000))
    abreast.handed_out(B, handed(B, 0, 7, 9_000_000))

    assert waiting(abreast, {A: 5, B: 3}, [A, B]) == {"a"}


def test_a_batch_without_records_moves_the_position_alone() -> None:
    """Markers and aborted records have no stamp of their own here."""
    abreast = Abreast()
    abreast.handed_out(A, handed(A, 0, 5, 1_000))
    abreast.handed_out(B, handed(B, 0, 7, 5_000))
    abreast.handed_out(B, handed(B, 7, 9))

    assert waiting(abreast, {A: 5, B: 9}, [A, B]) == {"b"}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.integers(0, 2)),
        st.tuples(st.integers(0, 10_000), st.booleans(), st.booleans()),
    )
)
def test_of_what_has_more_something_always_goes(
    of: dict[tuple[str, int], tuple[int, bool, bool]],
) -> None:
    """Law: whatever was handed out, known or not, no partition waits for itself."""
    abreast = Abreast()
    for (topic, partition), (stamp, known, _) in of.items():
        if known:
            abreast.handed_out(TopicPartition(topic, partition), handed(A, 0, 1, stamp))
    places = [TopicPartition(*place) for place in of]
    more = {place for place in places if of[place][2]}
    ahead = abreast.ahead(places, lambda _: 1, more.__contains__)

    for partition in {place.partition for place in more}:
        assert {place for place in more if place.partition == partition} - ahead


async def _fill(producer: AIOKafkaProducer, topic: str, size: int) -> None:
    """Record batches of ten records a stamp: what a topic of many short or long records looks like."""
    for number in range(BATCHES):
        batch = producer.create_batch()
        for _ in range(10):
            assert batch.append(timestamp=number * STEP_MS, key=None, value=b"." * size)
        batch.close()
        await producer.send_batch(batch, topic, partition=0)


class Together:
    """Notes where topics stand, and says when one is ahead of another that has more."""

    def __init__(self, names: Sequence[str]) -> None:
        self.order: list[tuple[str, int]] = []
        self.left = dict.fromkeys(names, 10 * BATCHES)
        self._reached = dict.fromkeys(names, 0)

    def seen(self, batch: RecordBatch) -> None:
        """A batch was handed out."""
        topic, stamp = batch.topic, batch.stamps[0][1]
        (other,) = self.left.keys() - {topic}
        if self.left[other]:
            assert stamp <= self._reached[other] + SLACK_MS + STEP_MS, (
                f"{topic} is at {stamp}: {self._reached}"
            )
        self.left[topic] -= len(batch)
        self._reached[topic] = stamp
        self.order.append((topic, stamp))


async def _read(broker: str, names: Sequence[str], abreast: Abreast | None, together: Together) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker, enable_auto_commit=False, max_partition_fetch_bytes=60_000
    )
    await consumer.start()
    try:
        places = [TopicPartition(name, 0) for name in names]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while any(together.left.values()):
            found = await fetched(consumer, None, wait_s=5.0, records_max=10, keys=False, abreast=abreast)
            assert found, "five seconds without a batch, and there are more"
            for batch in found.values():
                together.seen(batch)
    finally:
        await consumer.stop()


class Stuck(Abreast):
    """As if each topic waited for one that never comes, because its leader is away."""

    def ahead(
        self,
        places: Iterable[TopicPartition],
        position: Callable[[TopicPartition], int | None],
        has_more: Callable[[TopicPartition], bool],
    ) -> frozenset[TopicPartition]:
        """All of them."""
        return frozenset(places)


@pytest.mark.broker
def test_whom_nobody_comes_for_goes_on(kafka: Broker) -> None:
    """Goal: a topic does not wait for ever for one that can't be read; the wait of a fetch is enough.

    Method: hold everything back.
    """
    make_topics(kafka.bootstrap, {"abreast-alone": (1, {})})

    async def main() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
        await producer.start()
        await producer.send_and_wait("abreast-alone", b"x", partition=0)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            place = TopicPartition("abreast-alone", 0)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            found: dict[TopicPartition, RecordBatch] = {}
            for _ in range(20):
                found |= await fetched(
                    consumer, None, wait_s=0.5, records_max=10, keys=False, abreast=Stuck()
                )
                if found:
                    break
            assert found[place].values == [b"x"]
        finally:
            await consumer.stop()

    asyncio.run(main())


@pytest.mark.broker
def test_a_backlog_of_long_and_short_records_is_read_abreast(kafka: Broker) -> None:
    """Goal: topics of which one brings ten times the bytes of the other move through time together.

    Method: fifteen seconds of both, fetches of 60 kB; each batch is held against where the other stands;
    and the same without ``Abreast``, where the short one has to run ahead.
    """
    names = ("abreast-long", "abreast-short")
    by_writer = {"message.timestamp.type": "CreateTime"}
    make_topics(kafka.bootstrap, dict.fromkeys(names, (1, by_writer)))

    async def main() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_batch_size=50_000)
        await producer.start()
        for name, size in zip(names, (2_000, 20), strict=True):
            await _fill(producer, name, size)
        await producer.stop()
        await _read(kafka.bootstrap, names, Abreast(), together := Together(names))
        for name in names:
            stamps = [stamp for topic, stamp in together.order if topic == name]
            assert stamps == [number * STEP_MS for number in range(BATCHES)]
        with pytest.raises(AssertionError, match="abreast-short is at"):
            await _read(kafka.bootstrap, names, None, Together(names))

    asyncio.run(main())
