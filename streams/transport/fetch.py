"""aiokafka's fetched bytes as ``RecordBatch``es: one object a fetch, no object a record.

aiokafka keeps what a fetch brought in ``Fetcher._records``, a ``FetchResult`` a partition, and would unpack
it into one ``ConsumerRecord`` a record. Here the Cython record batches are read straight into lists. The
skipping is that of ``PartitionRecords._unpack_records``; ``tests/transport/test_seams.py`` fails when one of
the private parts changes.

The invariant every batch carries: ``begin`` is the fetch position before it and ``end`` the one after it,
transaction markers and aborted records included. Whoever gets batches in order can therefore see a hole:
``begin`` must be the ``end`` of the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import ConsumerStoppedError
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

from schemas.errors import Lost
from streams.stage import RecordBatch
from streams.transport.abreast import Abreast


def _aborted(part: Any, batch: Any) -> bool:
    """Whether a record batch belongs to a transaction that was aborted; keeps the books on ``part``.

    The books must live there and not with the call, for one fetch may be drained in several calls.
    """
    if batch.producer_id is None:
        return False
    part._consume_aborted_up_to(batch.base_offset)
    if batch.is_control_batch and _ends_in_abort(batch):
        part._aborted_producers.discard(batch.producer_id)
    return batch.is_transactional and batch.producer_id in part._aborted_producers


def _ends_in_abort(batch: Any) -> bool:
    """Whether a control batch is an abort's marker.

    One without records is none, as in Kafka's own client: compaction empties a marker that is no longer
    needed and keeps its batch, the last one of its producer. (aiokafka raises there.)
    """
    marker = next(batch, None)
    return marker is not None and ControlRecord.parse(marker.key) == ABORT_MARKER


def drain(result: FetchResult, records_max: int, *, keys: bool) -> RecordBatch | None:
    """Take what a fetch brought of one partition, or about ``records_max`` records of it.

    Args:
        result: what aiokafka holds.
        records_max: no further record batch is opened once there are so many records.
        keys: whether keys are wanted too.

    Returns:
        A batch, which may hold no value and still move the position; None where nothing moved.

    Raises:
        Lost: a record batch whose checksum is wrong.
    """
    where = result._topic_partition
    if not result.check_assignment(where) or not result.has_more():
        return None
    part = result._partition_records
    records, committed = part._records, part._isolation_level == READ_COMMITTED
    position = part.next_fetch_offset
    out = RecordBatch(where.topic, where.partition, position)
    values, whole = out.values, True
    runs: list[Sequence[int]] = []
    while records.has_next():
        batch = records.next_batch()
        if part._check_crcs and not batch.validate_crc():
            raise Lost(
                f"{where.topic} partition {where.partition} at offset {batch.base_offset}: the checksum of a "
                "record batch is wrong, so the disk or the network damaged it; nothing after it is read"
            )
        if not (committed and _aborted(part, batch)) and not batch.is_control_batch:
            found = list(batch)
            if (
                found and found[0].offset < position
            ):  # a seek into the middle of a record batch returns all of it
                found = [r for r in found if r.offset >= position]
            if found:
                first, last = found[0].offset, found[-1].offset
                dense = last - first + 1 == len(found)
                whole = whole and dense and (not runs or runs[-1][-1] + 1 == first)
                runs.append(range(first, last + 1) if dense else [r.offset for r in found])
                values.extend([r.value for r in found])
                if keys:
                    out.keys.extend([r.key for r in found])
                out.stamps.append((len(values), found[-1].timestamp))
        position = batch.next_offset  # not the last offset + 1: compaction may have emptied the batch's tail
        if len(values) >= records_max:
            break
    if runs:
        out.offsets = range(runs[0][0], runs[-1][-1] + 1) if whole else [o for run in runs for o in run]
    part.next_fetch_offset = out.end = position
    result._update_position()
    if not records.has_next():
        result._partition_records = None
    return out if out.end > out.begin else None


async def fetched(
    consumer: AIOKafkaConsumer,
    wanted: Collection[TopicPartition] | None,
    *,
    wait_s: float,
    records_max: int,
    keys: bool,
    may: Callable[[], bool] = lambda: True,
    abreast: Abreast | None = None,
) -> dict[TopicPartition, RecordBatch]:
    """What has been fetched of the wanted partitions; ``Fetcher.fetched_records`` in batches.

    Args:
        consumer: a started consumer.
        wanted: None for all it is assigned; what is fetched of others waits.
        wait_s: how long to wait when there is nothing.
        records_max: about how many records a partition at most.
        keys: whether batches carry keys.
        may: asked each time before something is taken. What is taken moves the position, so whoever would
            drop it must say no beforehand: no seek may follow that would bring it back.
        abreast: which topics of a partition wait for another one; None: each brings what it has.

    Raises:
        ConsumerStoppedError: the consumer was closed.
        KafkaError: a fetch was refused.
        Lost: a record batch is damaged.
    """
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    deadline = time.monotonic() + wait_s
    with fetcher._subscriptions.fetch_context():
        while True:
            if fetcher._subscriptions.reassignment_in_progress:
                await fetcher._subscriptions.wait_for_assignment()
            if not may():
                return {}
            ahead = _ahead(fetcher, wanted, abreast) if abreast is not None else frozenset()
            out = _drained(fetcher, wanted, records_max, keys, ahead)
            left = deadline - time.monotonic()
            if ahead and not out and left <= 0:  # whom they wait for does not come: a leader may be away
                out = _drained(fetcher, wanted, records_max, keys, ())
            if out or left <= 0:
                if abreast is not None:
                    for where, batch in out.items():
                        abreast.handed_out(where, batch)
                return out
            waiter = fetcher._create_fetch_waiter()
            done, pending = await asyncio.wait([waiter], timeout=left)
            if not done or fetcher._closed:
                for each in pending:
                    each.cancel()
                if fetcher._closed or not ahead:
                    return {}
                continue  # once more, with no time left: what waited goes on
            waiter.result()  # the coordinator's errors come this way


def _ahead(
    fetcher: Any, wanted: Collection[TopicPartition] | None, abreast: Abreast
) -> frozenset[TopicPartition]:
    """What waits for another topic of its partition; what was fetched of it no longer holds fetches back."""
    subscription = fetcher._subscriptions.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return frozenset()
    held = fetcher._records

    def position(where: TopicPartition) -> int | None:
        state = assignment.state_value(where)
        return state.position if state.has_valid_position else None

    def has_more(where: TopicPartition) -> bool:
        at, end = position(where), assignment.state_value(where).highwater
        return where in held or (at is not None and end is not None and at < end)

    places = [where for where in assignment.tps if wanted is None or where in wanted]
    ahead = abreast.ahead(places, position, has_more)
    for where in ahead & held.keys():
        if held[where]._backoff:
            held[where]._backoff = 0.0  # aiokafka would fetch nothing from this broker for a while
            fetcher._notify(fetcher._wait_consume_future)
    return ahead


def _drained(
    fetcher: Any,
    wanted: Collection[TopicPartition] | None,
    records_max: int,
    keys: bool,
    ahead: Collection[TopicPartition],
) -> dict[TopicPartition, RecordBatch]:
    out: dict[TopicPartition, RecordBatch] = {}
    held = fetcher._records
    for where in list(held):
        if where in ahead:
            continue
        if wanted is not None and where not in wanted:
            if not fetcher._subscriptions.is_assigned(where):
                del held[where]
            continue
        result = held[where]
        if (
            type(result) is not FetchResult
        ):  # a FetchError; what is good goes first, it is raised by the next call
            if out:
                return out
            del held[where]
            fetcher._notify(fetcher._wait_consume_future)
            result.check_raise()
            continue
        batch = drain(result, records_max, keys=keys)
        if not result.has_more():
            del held[where]
            fetcher._notify(fetcher._wait_consume_future)
        if batch is not None:  # one without values, too: it moves the position
            out[where] = batch
    return out
