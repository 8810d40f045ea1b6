"""``python -m bench.core``: what an event costs stage one's core, without Kafka: as written, and compiled.

The load of ``bench.load`` as one partition of four sees it, in batches of a fetch and transactions of four.
Processor time is told, each way in a process of its own, in turns. ``--instructions`` counts instead, with
valgrind: a change worth a hundredth is lost in the times of a shared machine, and plain in the count.

Example:
  python -m bench.core
  python -m bench.core --events 80000 --instructions
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import load
from bench.offline import PARTITIONS
from bench.stages import WRITTEN, cores
from schemas.events import ClockEvent, to_json
from schemas.keys import partition_of
from schemas.times import HOUR, moment
from streams import compiled
from streams.app import GC_THRESHOLDS

_COLLECTED = re.compile(r"Collected : (\d+)")


def _values(count: int) -> Iterator[bytes]:
    """The log of one partition, clocks of every hour in it."""
    hour: int | None = None
    for due, key, value in load.events(count * PARTITIONS):
        if hour is not None and due // HOUR > hour:
            time_ = moment(due // HOUR * HOUR)
            yield to_json(ClockEvent(agency_id=load.AGENCY, source_id=load.SOURCE, time=time_))
        hour = due // HOUR
        if partition_of(key, PARTITIONS) == 0:
            yield value


def _child(core: str, log: Path, count: int, before: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, compiled.VARIABLE: "0" if core == WRITTEN else ""}
    command = [*before, sys.executable, "-m", "bench.offline", str(log), str(count), *map(str, GC_THRESHOLDS)]
    done = subprocess.run(command, env=environment, check=False, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done


def _instructions(core: str, log: Path, count: int) -> int:
    """Of the events after the first, so that starting is in neither."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        sys.exit("valgrind counts the instructions, and is not installed: apt-get install valgrind")
    counted = []
    for events in (1, count):
        done = _child(core, log, events, [valgrind, "--tool=callgrind", f"--callgrind-out-file={os.devnull}"])
        found = _COLLECTED.search(done.stderr)
        assert found is not None, done.stderr
        counted.append(int(found[1]))
    return (counted[1] - counted[0]) // (count - 1)


def main() -> None:
    """Run the command."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bench.core", description=__doc__, formatter_class=form)
    parser.add_argument("--events", type=int, default=80_000, help="of one partition, about (80000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--instructions", action="store_true", help="count them with valgrind (some minutes)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchroom-core-") as folder:
        log = Path(folder) / "log.msgpack"
        values = list(_values(options.events))
        log.write_bytes(msgspec.msgpack.encode(values))
        if options.instructions:
            for core in cores():
                print(f"{core}: {_instructions(core, log, len(values)):,} instructions an event", flush=True)
            return
        costs: dict[str, list[float]] = {core: [] for core in cores()}
        for _ in range(options.rounds):
            for core, found in costs.items():
                found.append(float(_child(core, log, 0, []).stdout))
    print(f"{len(values):,} events; us of processor an event{'min':>14}{'median':>8}{'max':>8}")
    for core, found in costs.items():
        print(f"{core:<45}{min(found):>8.2f}{statistics.median(found):>8.2f}{max(found):>8.2f}")


if __name__ == "__main__":
    main()
