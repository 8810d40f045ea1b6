"""``python -m bench``: start a Kafka, measure, print tables; ``--write`` puts them on docs/benchmarks.md.

Example:
  make bench                                        # everything; hours on a small machine
  make bench ARGS='--only peers --events 300000 --rounds 3'
  make bench ARGS='--only latency,recovery --write'
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from bench import page
from bench.contest import PYTHON
from bench.setting import Bench
from schemas.settings import load_settings
from watchroom.broker import Broker

PARTS: dict[str, tuple[str, str, int]] = {
    "peers": ("contest", "Beside its peers", 3_000_000),
    "stages": ("stages", "Both stages over a backlog", 1_500_000),
    "latency": ("latency", "From an event to its figure", 20_000),
    "alerts": ("alerts", "From a clock to a breach to a webhook", 50_000),
    "workers": ("workers", "Two workers against one", 3_000_000),
    "recovery": ("recovery", "Recovery", 100_000),
    "curves": ("curves", "Cost against size", 1_500_000),
    "year": ("year", "A big city's year", 15_000_000),
}
"""Name to (module of bench with a ``run``, title on the page, events unless told otherwise)."""


def _arguments() -> argparse.Namespace:
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=form)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--events", type=int, help="about how many events (each part has its own number)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument(
        "--write", action="store_true", help="replace these parts' sections of docs/benchmarks.md"
    )
    parser.add_argument("--keep", type=Path, help="keep broker's data and logs in this folder")
    parser.add_argument("--peers-python", type=Path, default=PYTHON, help="interpreter that has the peers")
    options = parser.parse_args()
    for name in options.only.split(","):
        if name not in PARTS:
            parser.error(f"no part {name!r}: there are {', '.join(PARTS)}")
    return options


def _measure(name: str, options: argparse.Namespace, folder: Path) -> Bench:
    """One part, on a Kafka of its own."""
    module, title, events = PARTS[name]
    run: Callable[[Bench], None] = import_module(f"bench.{module}").run
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n== {title}", flush=True)
    with Broker.start(folder / "broker", on_progress=lambda _: None) as broker:
        settings = load_settings(broker=broker.bootstrap, state_dir=folder / "state")
        bench = Bench(settings, folder, options.events or events, options.rounds, options.peers_python)
        run(bench)
    return bench


def main() -> None:
    """Run the parts asked for."""
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="watchroom-bench-") as scratch:
        for name in options.only.split(","):
            bench = _measure(name, options, (options.keep or Path(scratch)) / name)
            if options.write:
                page.write(PARTS[name][1], bench)


if __name__ == "__main__":
    main()
