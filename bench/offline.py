"""Stage one's core, fed without Kafka; imports nothing that it does not need.

Example:
  python -m bench.offline LOG COUNT 10000 20 50

LOG as ``bench.core`` writes it, COUNT of its events (0: all), and the garbage collector's thresholds.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schemas.agency import load_agency
from streams.incidents.layout import Layout
from streams.incidents.partition import Partition
from streams.stage import RecordBatch

APPEND_MS = 4_102_444_800_000
"""When all of it was appended, in 2100: nothing is ahead of it."""

AGENCY = Path(__file__).resolve().parent.parent / "deploy" / "agencies" / "sffd.toml"
PARTITIONS = 4

_BATCH = 4_600
"""Events that a fetch of one partition brings."""


def join(logic: Partition, values: Sequence[bytes], size: int, told_every: int = 1) -> None:
    """Join a log from its beginning.

    Args:
        logic: a partition that has joined nothing yet.
        values: the log.
        size: records a batch.
        told_every: batches a transaction.
    """
    for number, begin in enumerate(range(0, len(values), size), 1):
        batch = RecordBatch("events", 0, begin)
        batch.values = list(values[begin : begin + size])
        batch.end = begin + len(batch.values)
        batch.offsets, batch.stamps = range(begin, batch.end), [(len(batch.values), APPEND_MS)]
        logic.apply(batch)
        if number % told_every == 0:
            logic.told()
    logic.told()


def main() -> None:
    """Join the beginning of a log; prints the processor microseconds an event."""
    log, count, *thresholds = sys.argv[1:]
    gc.set_threshold(*map(int, thresholds))
    values = msgspec.msgpack.decode(Path(log).read_bytes(), type=list[bytes])[: int(count) or None]
    agency = load_agency(AGENCY)
    layout = Layout("events", "responses", "incidents", "breaches", "log", "health", "dead", PARTITIONS, 1)
    logic = Partition(0, layout, {agency.id: agency})
    begun = time.process_time()
    join(logic, values, _BATCH, told_every=4)
    print(1e6 * (time.process_time() - begun) / len(values))


if __name__ == "__main__":
    main()
