"""The independent reader: a plain aiokafka consumer, record by record, and plain JSON.

Nothing of the product's readers, batches or records is used here. It keeps what it has read, so that a log is
read once however often it is asked about.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

Record = dict[str, Any]
STALLED_S = 60


class Raw(NamedTuple):
    """One record as Kafka has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


@dataclass
class _Log:
    """How far a topic was read, and what was kept of it."""

    at: dict[TopicPartition, int] = field(default_factory=dict)
    raws: list[Raw] = field(default_factory=list)
    last: dict[bytes, bytes | None] = field(default_factory=dict)
    best: dict[bytes, Record] = field(default_factory=dict)
    judged: int = 0


class Plain:
    """Reads topics from their beginning to their end, read committed, and asks for ends."""

    def __init__(self, bootstrap: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._logs: dict[str, _Log] = {}
        self._committed, self._uncommitted = self._run(_consumers(bootstrap))

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Let go of the sockets."""
        self._run(self._committed.stop())
        self._run(self._uncommitted.stop())
        self._loop.close()

    async def _places(self, topic: str) -> list[TopicPartition]:
        for reader in (self._committed, self._uncommitted):
            await reader._client._wait_on_metadata(topic)  # a topic of which nobody has spoken yet
        return [TopicPartition(topic, n) for n in sorted(self._committed.partitions_for_topic(topic) or ())]

    def ends(self, topic: str) -> dict[int, int]:
        """Each partition's end, uncommitted records and markers included."""

        async def ask() -> dict[int, int]:
            places = await self._places(topic)
            return {p.partition: end for p, end in (await self._uncommitted.end_offsets(places)).items()}

        found: dict[int, int] = self._run(ask())
        return found

    def stable(self, topic: str) -> bool:
        """Whether no transaction is open on any of its partitions."""

        async def ask() -> bool:
            places = await self._places(topic)
            ends = [await reader.end_offsets(places) for reader in (self._committed, self._uncommitted)]
            return bool(ends[0] == ends[1])

        return bool(self._run(ask()))

    # -- whole topics

    def log(self, topic: str) -> list[Raw]:
        """Every committed record, in the order of each partition."""
        return self._read(topic).raws

    def last(self, topic: str) -> dict[bytes, bytes | None]:
        """Of each key the last value."""
        return self._read(topic).last

    def best(self, topic: str) -> dict[bytes, Record]:
        """Of each key the record of the highest revision; clocks have none and are left out."""
        log = self._read(topic)
        for raw in log.raws[log.judged :]:
            if raw.key is None or raw.value is None or b"//clock/" in raw.key:
                continue
            record = json.loads(raw.value)
            if raw.key not in log.best or record["revision"] >= log.best[raw.key]["revision"]:
                log.best[raw.key] = record
        log.judged = len(log.raws)
        return log.best

    def _read(self, topic: str) -> _Log:
        log = self._logs.setdefault(topic, _Log())
        self._run(self._read_on(topic, log, keep=topic not in ("figures.g1", "health.g1")))
        return log

    async def _read_on(self, topic: str, log: _Log, *, keep: bool) -> None:
        """From where it last stopped to the last stable offset; that is known by position, not by records."""
        reader, places = self._committed, await self._places(topic)
        ends = await reader.end_offsets(places)
        if not log.at:
            log.at = dict(await reader.beginning_offsets(places))
        behind = [p for p in places if log.at[p] < ends[p]]
        reader.assign(behind)
        for place in behind:
            reader.seek(place, log.at[place])
        since = time.monotonic()
        while any(log.at[place] < ends[place] for place in behind):
            polled = await reader.getmany(timeout_ms=50)
            for place, records in polled.items():
                for r in records:
                    if r.key is not None:
                        log.last[r.key] = r.value
                    if keep:
                        log.raws.append(Raw(place.partition, r.offset, r.key, r.value, dict(r.headers)))
            moved = False
            for place in behind:
                at = await reader.position(place)
                moved, log.at[place] = moved or at != log.at[place], at
            since = time.monotonic() if moved else since
            assert time.monotonic() - since < STALLED_S, f"a read stands still: {log.at} of {ends}"

    # -- what stands on them

    def health(self) -> dict[str, Record]:
        """What each partition of each stage last said, by ``stage/partition``."""
        return {k.decode(): json.loads(v) for k, v in self.last("health.g1").items() if v is not None}

    def records(self, agency: str) -> dict[str, Record]:
        """An agency's final records of ``responses`` and ``incidents``."""
        mine = f"{agency}/".encode()
        found = {**self.best("responses.g1"), **self.best("incidents.g1")}
        return {key.decode(): record for key, record in found.items() if key.startswith(mine)}

    def figures(self, agency: str) -> dict[str, Record]:
        """An agency's figures as they stand: the last of each series, without those taken away."""
        mine = f"{agency}/".encode()
        last = self.last("figures.g1")
        return {k.decode(): json.loads(v) for k, v in last.items() if v is not None and k.startswith(mine)}


async def _consumers(bootstrap: str) -> tuple[AIOKafkaConsumer, AIOKafkaConsumer]:
    made = []
    for isolation in ("read_committed", "read_uncommitted"):
        reader = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=50,
            retry_backoff_ms=20,
        )
        await reader.start()
        made.append(reader)
    return made[0], made[1]


@contextmanager
def plain(bootstrap: str) -> Iterator[Plain]:
    """A reader that is closed at the end."""
    made = Plain(bootstrap)
    try:
        yield made
    finally:
        made.close()


def settled_bytes(records: dict[str, Record], aside: Iterable[str]) -> dict[str, str]:
    """Records without an agency's name and some fields, as text in the order in which they were written.

    Void records, of what was said once and taken back, are dropped: nothing stands in them.
    """
    left_out = {"agency_id", *aside}
    found = {}
    for key, record in records.items():
        if record.get("state") == "void":
            continue
        body = {name: value for name, value in record.items() if name not in left_out}
        if "series" in body:
            body["series"] = body["series"].split("/", 1)[1]
        found[key.split("/", 1)[1]] = json.dumps(body)
    return found


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Where two sets of settled records differ, in words; empty when they are the same byte for byte."""
    said = [
        f"{key}:\n  {expected.get(key, 'not there')}\n  {found.get(key, 'not there')}"
        for key in sorted(expected.keys() | found.keys())
        if expected.get(key) != found.get(key)
    ]
    return said[:5] + ([f"... {len(said)} in all"] if len(said) > 5 else [])
