"""kafka-python, too, reads over a marker that compaction emptied (``schemas.emptied_markers``)."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record import MemoryRecords

from schemas.emptied_markers import AS_IT_CAME, read_over_them
from tests.transport.test_fetch import ABORT, COMMIT, record_batch


def _read(raw: bytes) -> list[int]:
    """The offsets that kafka-python's reader of committed records takes from these bytes."""
    part = Fetcher.PartitionRecords(
        0, TopicPartition("t", 0), MemoryRecords(raw), None, None, isolation_level=1, aborted_transactions=[]
    )
    taken: list[Any] = part.take()
    while part and (more := part.take()):  # an error on the way is raised by the call after it
        taken.extend(more)
    return [record.offset for record in taken]


@pytest.mark.parametrize("marker", [COMMIT, ABORT])
def test_a_marker_that_compaction_emptied_is_read_over(
    marker: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without the mend it is not: when that fails, kafka-python has mended it, and ours can go."""
    raw = record_batch(0, [0, 1], end=2, producer=11)
    raw += record_batch(2, [], end=3, producer=11, marker=marker)
    raw += record_batch(3, [3], end=4, producer=11)

    read_over_them()
    assert _read(raw) == [0, 1, 3]
    monkeypatch.setattr(Fetcher.PartitionRecords, "_contains_abort_marker", AS_IT_CAME)
    with pytest.raises(RuntimeError):
        _read(raw)
