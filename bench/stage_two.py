"""``python -m bench.stage_two``: what stage two costs, without Kafka: its pure logic over real records.

Stage one makes the records from the load of ``bench.load`` (San Francisco's week, five times over itself);
then stage two is rebuilt from them, fed with them as a replay at ``max`` feeds it, or as a live city does.
Processor seconds are told, not the clock's: the machine may be shared. Compare two versions in turns.

Example:
  python -m bench.stage_two                             # all three
  python -m bench.stage_two --only rebuild --events 300000
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path

from bench import load
from bench.offline import AGENCY, APPEND_MS, PARTITIONS
from schemas.agency import load_agency
from schemas.events import ClockEvent, to_json
from schemas.keys import partition_of
from schemas.times import DAY, HOUR, SECOND, Micros, moment
from streams.agency.partition import Layout, Partition
from streams.incidents.layout import Layout as IncidentsLayout
from streams.incidents.partition import Partition as IncidentsPartition
from streams.stage import Pair, RecordBatch

_RESPONSES, _INCIDENTS = "responses", "incidents"

Sent = tuple[str, list[Pair]]
"""What stage one sent at one go to a result topic."""


def _records(events: int, size: int, step: Micros) -> Iterator[Sent]:
    """What stage one writes when it reads batches of ``size`` events, with clocks at every ``step``."""
    agencies = {load.AGENCY: load_agency(AGENCY)}
    layout = IncidentsLayout(
        "events", _RESPONSES, _INCIDENTS, "breaches", "log", "health", "dead", PARTITIONS, 1
    )
    logics = [IncidentsPartition(p, layout, agencies) for p in range(PARTITIONS)]
    waiting: list[list[bytes | None]] = [[] for _ in logics]
    offsets = [0] * PARTITIONS

    def flush(partition: int) -> Iterator[Sent]:
        values, waiting[partition] = waiting[partition], []
        batch = RecordBatch("events", partition, offsets[partition])
        batch.values, batch.end = values, batch.begin + len(values)
        batch.offsets, batch.stamps = range(batch.begin, batch.end), [(len(values), APPEND_MS)]
        offsets[partition] = batch.end
        for send in logics[partition].apply(batch):
            if send.topic in (_RESPONSES, _INCIDENTS):
                yield send.topic, send.pairs

    def put(partition: int, value: bytes) -> Iterator[Sent]:
        waiting[partition].append(value)
        if len(waiting[partition]) >= size:
            yield from flush(partition)

    def clock(at: Micros) -> Iterator[Sent]:
        said = to_json(ClockEvent(agency_id=load.AGENCY, source_id=load.SOURCE, time=moment(at)))
        for partition in range(PARTITIONS):
            yield from put(partition, said)

    reached: int | None = None
    for due, key, value in load.events(events):
        if reached is not None and due // step > reached:
            yield from clock(due // step * step)
        reached = due // step
        yield from put(partition_of(key, PARTITIONS), value)
    yield from clock((reached or 0) * step + 2 * DAY)
    for partition in range(PARTITIONS):
        yield from flush(partition)


def _write(path: Path, sent: Iterable[Sent], most: int) -> int:
    """Write what is sent to a file, ``most`` records or a few more; returns how many."""
    count = 0
    with path.open("wb") as file:
        for each in sent:
            pickle.dump(each, file)
            count += len(each[1])
            if count >= most:
                break
    return count


def _read(path: Path) -> Iterator[Sent]:
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


def _memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def _logic() -> Partition:
    layout = Layout(_RESPONSES, _INCIDENTS, "figures", "history", "units", "health", 1)
    return Partition(0, layout, {load.AGENCY: load_agency(AGENCY)})


def _rebuild(path: Path) -> None:
    """Recovery: every record loaded, then everything summed, then all figures told."""
    logic, count, begun = _logic(), 0, _memory("VmRSS")
    passed = 0.0
    for topic, pairs in _read(path):
        batch = RecordBatch(topic, 0, count)
        batch.keys, batch.values = [key for key, _ in pairs], [value for _, value in pairs]
        now = time.process_time()
        logic.load(batch)
        passed += time.process_time() - now
        count += len(pairs)
    now = time.process_time()
    logic.loaded()
    loaded = passed + time.process_time() - now
    now = time.process_time()
    told = sum(len(send.pairs) for part in logic.tick() for send in part)
    print(
        f"rebuild: {count:,} records in {loaded:.2f} s of processor, {count / loaded:,.0f} a second; "
        f"first tick {time.process_time() - now:.2f} s, {told:,} records out; "
        f"{_memory('VmHWM') - begun:,.0f} MB more than before, {_memory('VmHWM'):,.0f} MB in all"
    )


def _feed(path: Path, name: str, every: int) -> None:
    """Batches as stage one wrote them, and a tick after every so many records."""
    logic, begun = _logic(), _memory("VmRSS")
    applied: list[float] = []
    parts: list[float] = []
    offsets = {_RESPONSES: 0, _INCIDENTS: 0}
    count = told = since = 0
    for topic, pairs in _read(path):
        batch = RecordBatch(topic, 0, offsets[topic])
        batch.keys, batch.values = [key for key, _ in pairs], [value for _, value in pairs]
        batch.end = offsets[topic] = batch.begin + len(pairs)
        batch.stamps = [(len(pairs), APPEND_MS)]
        now = time.process_time()
        told += sum(len(send.pairs) for send in logic.apply(batch))
        while rest := logic.rest():
            told += sum(len(send.pairs) for send in rest)
        told += sum(len(send.pairs) for send in logic.told())
        applied.append(time.process_time() - now)
        count, since = count + len(pairs), since + len(pairs)
        if since >= every:
            since, ticking = 0, iter(logic.tick())
            while True:
                now = time.process_time()
                part = next(ticking, None)
                parts.append(time.process_time() - now)
                if part is None:
                    break
                told += sum(len(send.pairs) for send in part)
    spent = sum(applied) + sum(parts)
    print(
        f"{name}: {count:,} records in {len(applied):,} batches, {1e6 * spent / count:,.1f} us of "
        f"processor a record, of it batches {1e6 * sum(applied) / count:,.1f}; a batch {_spread(applied)}; "
        f"a part of a tick {_spread(parts)}; {told:,} records out; "
        f"{_memory('VmHWM') - begun:,.0f} MB more than before"
    )


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds) or [0.0]
    p50, p99 = (1e3 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
    return f"p50 {p50:.2f} ms p99 {p99:.2f} ms"


def _arguments() -> argparse.Namespace:
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="bench.stage_two", description=__doc__, formatter_class=form)
    parser.add_argument("--events", type=int, default=1_000_000, help="about how many events (1,000,000)")
    parser.add_argument("--only", choices=("rebuild", "replay", "live"), help="one of the three")
    parser.add_argument("--live-records", type=int, default=20_000, help="records of the live run (20,000)")
    return parser.parse_args()


def main() -> None:
    """Make the records and run what is asked for, each in a process of its own."""
    options = _arguments()
    plans = {
        # batches of stage one, step of clocks, records at most, records a tick
        "rebuild": (4_000, HOUR, 1 << 40, 0),
        "replay": (4_000, DAY, 1 << 40, 40_000),
        "live": (8, SECOND * 60, options.live_records, 1_000),
    }
    with tempfile.TemporaryDirectory(prefix="watchroom-bench-") as scratch:
        for name, (size, step, most, every) in plans.items():
            if options.only not in (None, name):
                continue
            path = Path(scratch) / name
            _write(path, _records(options.events, size, step), most)
            arguments = (path,) if name == "rebuild" else (path, name, every)
            process = get_context("spawn").Process(
                target=_rebuild if name == "rebuild" else _feed, args=arguments
            )
            process.start()
            process.join()


if __name__ == "__main__":
    main()
