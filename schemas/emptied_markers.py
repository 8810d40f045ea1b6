"""kafka-python reads over a transaction's marker that compaction has emptied, as Kafka's own client does.

About a day after (``delete.retention.ms``) Kafka's compaction takes the record out of a marker's batch and
leaves the batch where it was the last of its producer. kafka-python 3.0 takes the first record of every
marker without asking whether there is one, and a reader of committed records then fails at that place each
time it comes there. Such a marker ends no transaction that anybody still has records of.
"""

from __future__ import annotations

from typing import Any

from kafka.consumer.fetcher import Fetcher

AS_IT_CAME = Fetcher.PartitionRecords._contains_abort_marker
"""kafka-python's own."""


def _contains_abort_marker(_: Any, batch: Any) -> bool:
    """Whether a batch is an abort's marker; one without records is none."""
    if not batch.is_control_batch:
        return False
    marker = next(batch, None)
    return marker is not None and bool(marker.abort)


def read_over_them() -> None:
    """Mend kafka-python in this process; whoever makes a consumer of committed records says so first."""
    Fetcher.PartitionRecords._contains_abort_marker = _contains_abort_marker
