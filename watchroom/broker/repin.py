"""Write `pins.py` anew for another version of Kafka: `python -m watchroom.broker.repin 4.3.1`.

For maintainers. Walks Kafka's dependencies with jgo's resolver in pure Python, fetches each jar once and
notes its SHA-256 and size. What everybody else fetches is checked against those.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path

from .pins import Pin

_HEAD = '''"""The jars of a broker: coordinate, SHA-256 and size. Written by `repin.py`, not by hand."""

from __future__ import annotations

from typing import Final, NamedTuple


class Pin(NamedTuple):
    """One jar: its coordinate (group:artifact:version), the SHA-256 of its bytes, its size in bytes."""

    coordinate: str
    sha256: str
    size_bytes: int


KAFKA_VERSION: Final = "{version}"

PINS: Final[tuple[Pin, ...]] = ('''


def resolve(version: str) -> list[Pin]:
    """Everything Kafka of this version needs at run time, resolved, fetched and measured.

    Args:
        version: of `kafka_2.13`, such as '4.3.1'.

    Raises:
        Exception: whatever jgo raises when something cannot be resolved or fetched.
    """
    from jgo.maven import MavenContext, PythonResolver

    with tempfile.TemporaryDirectory() as folder:
        resolver = PythonResolver()
        context = MavenContext(resolver=resolver, repo_cache=Path(folder), timeout=30)
        kafka = context.create_dependency(f"org.apache.kafka:kafka_2.13:{version}")
        inputs, others = resolver.resolve([kafka])
        needed = [*inputs, *(each for each in others if each.scope in ("compile", "runtime"))]
        # Kafka logs through slf4j and names no backend for it: without this one its log would be empty.
        logging_version = next(each.version for each in needed if each.artifactId == "log4j-core")
        needed.append(
            context.create_dependency(f"org.apache.logging.log4j:log4j-slf4j-impl:{logging_version}")
        )
        pins = []
        for each in needed:
            content = each.artifact.resolve().read_bytes()
            coordinate = f"{each.groupId}:{each.artifactId}:{each.version}"
            pins.append(Pin(coordinate, hashlib.sha256(content).hexdigest(), len(content)))
    return sorted(pins)


def render(version: str, pins: list[Pin]) -> str:
    """The text of `pins.py`."""
    lines = [_HEAD.replace("{version}", version)]
    for pin in pins:
        lines += ["    Pin(", f'        "{pin.coordinate}",', f'        "{pin.sha256}",']
        lines += [f"        {pin.size_bytes:_},", "    ),"]
    return "\n".join([*lines, ")\n"])


def main(argv: list[str]) -> int:
    """Write `pins.py` beside this file; returns the exit code."""
    if len(argv) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", argv[0]):
        sys.stderr.write("usage: python -m watchroom.broker.repin 4.3.1\n")
        return 2
    pins = resolve(argv[0])
    Path(__file__).with_name("pins.py").write_text(render(argv[0], pins), encoding="utf-8")
    sys.stdout.write(f"{len(pins)} jars, {sum(pin.size_bytes for pin in pins):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
