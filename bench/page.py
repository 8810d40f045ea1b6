"""docs/benchmarks.md: a section a part, each replaced by the run that measured it anew."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from bench.setting import Bench
from watchroom.broker import KAFKA_VERSION

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

Each section was written by `make bench ARGS='--only PART --write'`. Broker, load and what is measured share
the machine's cores, and other work may run beside them: a ratio within one round says more than a rate.
"CPU us" is processor time an event, which other work hardly touches.
"""


def write(title: str, bench: Bench) -> None:
    """Replace (or add) one section."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", old, re.MULTILINE))
    machine = f"{os.cpu_count()} cores, {platform.machine()}, load of five minutes {os.getloadavg()[1]:.1f}"
    made = f"{datetime.now(UTC):%Y-%m-%d}, {machine}"
    lines = [
        f"\n{made}, Python {platform.python_version()}, Kafka {KAFKA_VERSION}.\n",
        *(f"![{title}]({plot})\n" for plot in bench.plots),
        "```text",
        *bench.said,
        "```\n",
    ]
    sections[title] = "\n".join(lines)
    body = "\n".join(f"## {name}\n{text.rstrip()}\n" for name, text in sections.items())
    PAGE.write_text(f"{HEAD}\n{body}", encoding="utf-8")
