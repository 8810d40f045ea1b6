"""How a peer says how fast it was: from a tenth of its events to the last, so that no start-up is in it."""

from __future__ import annotations

import argparse
import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path


def arguments() -> argparse.Namespace:
    """What every peer is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--results", required=True, help="topic for records")
    parser.add_argument("--events", type=int, required=True, help="how many to process")
    parser.add_argument("--folder", type=Path, required=True, help="for state, empty at the start")
    parser.add_argument("--name", required=True, help="of the group: another for each run")
    return parser.parse_args()


@dataclass
class Count:
    """Counts events.

    Attributes:
        wanted: how many to process.
    """

    wanted: int
    done: int = 0
    outputs: int = 0
    begun: float = 0.0
    begun_cpu: float = 0.0

    def one(self, outputs: int) -> bool:
        """Count an event; whether it was the last."""
        self.done += 1
        self.outputs += outputs
        if self.done == self.wanted // 10:
            self.begun, self.begun_cpu = time.perf_counter(), time.process_time()
        return self.done >= self.wanted

    def say(self) -> None:
        """The last line of a peer: JSON for ``bench.contest``."""
        events = self.done - self.wanted // 10
        said = {
            "rate": events / (time.perf_counter() - self.begun),
            "cpu_us": 1e6 * (time.process_time() - self.begun_cpu) / events,
            "events": self.done,
            "outputs": self.outputs,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(said), flush=True)
