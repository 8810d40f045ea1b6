"""The drain against aiokafka's own unpacking, on logs made for it: holes, aborts, markers, damage."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Lost
from streams.stage import RecordBatch
from streams.transport.fetch import drain

PLACE = TopicPartition("topic", 3)
CONTROL = 0x20
COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


def record_batch(
    base: int,
    offsets: list[int],
    *,
    end: int,
    producer: int | None = None,
    marker: bytes | None = None,
) -> bytes:
    """One Kafka record batch, as the broker would hand it out after compaction took some of its records.

    Args:
        base: its first offset, whether a record is there or not.
        offsets: of the records left.
        end: the offset after it.
        producer: whose transaction it is of.
        marker: what it ends the transaction with; then it is a control batch.
    """
    builder = DefaultRecordBatchBuilder(2, 0, int(producer is not None), producer or -1, 0, 0, 1 << 20)
    for offset in offsets:
        key = marker if marker is not None else b"k%d" % offset
        value = b"\x00\x00\x00\x00\x00\x00" if marker is not None else b"v%d" % offset
        assert builder.append(offset - base, timestamp=7 + offset, key=key, value=value, headers=[])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    if marker is not None:
        struct.pack_into(">h", raw, 21, struct.unpack_from(">h", raw, 21)[0] | CONTROL)
    struct.pack_into(">i", raw, 23, end - 1 - base)
    struct.pack_into(">I", raw, 17, calc_crc32c(memoryview(bytes(raw[21:]))))
    return bytes(raw)


class _State:
    """What a fetch result asks of the assignment."""

    def __init__(self, position: int) -> None:
        self.paused = False
        self.position = position

    def consumed_to(self, position: int) -> None:
        self.position = position


class _Assignment:
    active = True

    def __init__(self, position: int) -> None:
        self.state = _State(position)

    def state_value(self, _: TopicPartition) -> _State:
        return self.state


def unpacked(raw: bytes, at: int, isolation: int, aborted: list[tuple[int, int]]) -> PartitionRecords:
    """The reader of these bytes that aiokafka has itself."""
    return PartitionRecords(PLACE, MemoryRecords(raw), list(aborted), at, None, None, True, isolation)


def fetch_result(raw: bytes, at: int, isolation: int, aborted: list[tuple[int, int]]) -> FetchResult:
    """What a fetch at an offset brought."""
    part = unpacked(raw, at, isolation, aborted)
    return FetchResult(PLACE, assignment=_Assignment(at), partition_records=part, backoff=0)


def drained(result: FetchResult, records_max: int) -> list[RecordBatch]:
    """All batches, call by call."""
    out = []
    while result.has_more():
        batch = drain(result, records_max, keys=True)
        if batch is not None:
            out.append(batch)
    return out


@st.composite
def logs(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]], int]:
    """A log from the record batch on that a fetch began in, its aborted transactions, and where it began."""
    raw, aborted, at = b"", [], draw(st.integers(0, 50))
    start = at + draw(st.integers(0, 5))
    first: dict[int, int] = {}
    for n in range(draw(st.integers(1, 12))):
        if n:
            at += draw(st.integers(0, 3))  # whole batches may have been compacted away
        producer = draw(st.sampled_from([None, 11, 12, 13]))
        if producer is not None and producer in first and draw(st.booleans()):
            marker = draw(st.sampled_from([COMMIT, ABORT]))
            raw += record_batch(at, [at], end=at + 1, producer=producer, marker=marker)
            if marker == ABORT:
                aborted.append((producer, first[producer]))
            del first[producer]
            at += 1
            continue
        size = draw(st.integers(1 if n else start + 1 - at, 6))
        kept = sorted(draw(st.sets(st.integers(at, at + size - 1), max_size=size)))
        if producer is not None:
            first.setdefault(producer, at)
        raw += record_batch(at, kept, end=at + size, producer=producer)
        at += size
    return raw, aborted, start


@given(logs(), st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]), st.integers(1, 8))
@settings(max_examples=300, deadline=None)
def test_the_drain_reads_what_aiokafka_reads(
    log: tuple[bytes, list[tuple[int, int]], int], isolation: int, records_max: int
) -> None:
    """Goal: same records, same end, no hole between calls.

    Method: random logs, aiokafka's unpacking as the oracle.
    """
    raw, aborted, start = log
    oracle = unpacked(raw, start, isolation, aborted)
    expected = [(r.offset, r.key, r.value) for r in oracle]
    result = fetch_result(raw, start, isolation, aborted)
    batches = drained(result, records_max)
    found = [
        (offset, key, value)
        for b in batches
        for offset, key, value in zip(b.offsets, b.keys, b.values, strict=True)
    ]

    assert found == expected
    assert [b.begin for b in batches] == [start, *(b.end for b in batches[:-1])]
    assert (batches[-1].end if batches else start) == oracle.next_fetch_offset
    assert result._assignment.state.position == oracle.next_fetch_offset
    for b in batches:
        assert b.end > b.begin
        assert all(b.begin <= offset < b.end for offset in b.offsets)
        assert [n for n, _ in b.stamps] == sorted({n for n, _ in b.stamps})
        assert (b.stamps[-1][0] if b.stamps else 0) == len(b)


def test_offsets_are_a_range_where_the_log_has_no_holes() -> None:
    """Goal: a dense log costs no object a record.

    Method: two batches side by side, then two with a gap.
    """
    dense = record_batch(5, [5, 6], end=7) + record_batch(7, [7], end=8)
    holes = record_batch(5, [5, 6], end=8) + record_batch(8, [8], end=9)
    [batch] = drained(fetch_result(dense, 5, READ_COMMITTED, []), 100)
    [holed] = drained(fetch_result(holes, 5, READ_COMMITTED, []), 100)

    assert batch.offsets == range(5, 8)
    assert holed.offsets == [5, 6, 8]
    assert batch.stamps == [(2, 13), (3, 14)]


def test_markers_alone_move_the_position() -> None:
    """Goal: a batch without a value is still a batch.

    Method: a fetch that brings a commit marker and no more.
    """
    raw = record_batch(5, [5], end=6, producer=11, marker=COMMIT)
    [batch] = drained(fetch_result(raw, 5, READ_UNCOMMITTED, []), 100)

    assert (batch.begin, batch.end, len(batch)) == (5, 6, 0)


@pytest.mark.parametrize("marker", [COMMIT, ABORT])
def test_a_marker_that_compaction_emptied_is_read_over(marker: bytes) -> None:
    """Goal: an emptied control batch ends no worker, and hides nothing that comes after it.

    Method: one between two batches of its producer. Found by `python -m tests.drills`: aiokafka raises
    "Control batch did not contain any records"; recovery from such a changelog would have failed for ever.
    """
    raw = record_batch(0, [0, 1], end=2, producer=11)
    raw += record_batch(2, [], end=3, producer=11, marker=marker)
    raw += record_batch(3, [3], end=4, producer=11)

    [batch] = drained(fetch_result(raw, 0, READ_COMMITTED, []), 100)
    assert list(batch.offsets) == [0, 1, 3]
    assert batch.end == 4


def test_keys_are_read_only_where_they_are_wanted() -> None:
    """Goal: what is not asked for is not made.

    Method: the same fetch without keys.
    """
    batch = drain(fetch_result(record_batch(5, [5, 6], end=7), 5, READ_COMMITTED, []), 100, keys=False)

    assert batch is not None
    assert batch.keys == []
    assert batch.values == [b"v5", b"v6"]


def test_a_damaged_batch_is_lost() -> None:
    """Goal: damage is an error with a place.

    Method: one bit of a value is turned; the batch before it still comes.
    """
    good, bad = record_batch(5, [5], end=6), bytearray(record_batch(6, [6], end=7))
    bad[-3] ^= 1
    result = fetch_result(good + bytes(bad), 5, READ_COMMITTED, [])
    first: Any = drain(result, 1, keys=True)

    assert first.values == [b"v5"]
    with pytest.raises(Lost, match="topic partition 3 at offset 6: the checksum of a record batch is wrong"):
        drain(result, 1, keys=True)
