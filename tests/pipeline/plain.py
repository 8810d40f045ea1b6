"""The independent reader: plain kafka-python and plain JSON; nothing of the product's readers or records."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition

Record = dict[str, Any]
PATIENCE_S = 60


class Raw(NamedTuple):
    """One record as Kafka has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Plain:
    """Reads topics from their beginning to their end, read committed, and asks for ends."""

    def __init__(self, bootstrap: str) -> None:
        self._committed = _consumer(bootstrap, "read_committed")
        self._uncommitted = _consumer(bootstrap, "read_uncommitted")
        self._health: dict[str, Record] = {}
        self._health_at: dict[TopicPartition, int] = {}

    def close(self) -> None:
        """Let go of the sockets."""
        self._committed.close(autocommit=False)
        self._uncommitted.close(autocommit=False)

    def places(self, topic: str) -> list[TopicPartition]:
        """A topic's partitions; none where it is not there."""
        return [TopicPartition(topic, n) for n in sorted(self._committed.partitions_for_topic(topic) or ())]

    def ends(self, topic: str) -> dict[int, int]:
        """Each partition's end, uncommitted records and markers included."""
        return {p.partition: end for p, end in self._uncommitted.end_offsets(self.places(topic)).items()}

    def stable(self, topic: str) -> bool:
        """Whether no transaction is open on any of its partitions."""
        places = self.places(topic)
        return bool(self._uncommitted.end_offsets(places) == self._committed.end_offsets(places))

    def read(self, topic: str) -> Iterator[Raw]:
        """Every committed record; the end is known by position, since a log may end in a marker."""
        places = self.places(topic)
        yield from self._read(places, self._committed.beginning_offsets(places))

    def _read(self, places: list[TopicPartition], at: dict[TopicPartition, int]) -> Iterator[Raw]:
        reader = self._committed
        ends = reader.end_offsets(places)
        reader.assign(places)
        for place in places:
            reader.seek(place, at[place])
        until = time.monotonic() + PATIENCE_S
        while any(at[place] < ends[place] for place in places):
            assert time.monotonic() < until, f"a read stands still: {at} of {ends}"
            for place, records in reader.poll(timeout_ms=200).items():
                for r in records:
                    yield Raw(place.partition, r.offset, r.key, r.value, dict(r.headers))
            for place in places:
                at[place] = reader.position(place)

    def health(self) -> dict[str, Record]:
        """The latest of each key of ``health``; goes on where it last stopped."""
        places = self.places("health.g1")
        if not self._health_at:
            self._health_at = dict(self._committed.beginning_offsets(places))
        for raw in self._read(places, self._health_at):
            if raw.key is not None and raw.value is not None:
                self._health[raw.key.decode()] = json.loads(raw.value)
        return dict(self._health)


def _consumer(bootstrap: str, isolation: str) -> Any:
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        max_poll_records=20_000,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
        check_crcs=False,
        metrics_enabled=False,
    )


@contextmanager
def plain(bootstrap: str) -> Iterator[Plain]:
    """A reader that is closed at the end."""
    made = Plain(bootstrap)
    try:
        yield made
    finally:
        made.close()


def is_of(key: bytes | None, agency: str) -> bool:
    """Whether a key is one of this agency's records, and no clock."""
    return key is not None and key.startswith(f"{agency}/".encode()) and b"//clock/" not in key


def winners(raws: Iterable[Raw], agency: str) -> dict[str, Record]:
    """An agency's final records: of each key the one of the highest revision."""
    best: dict[str, Record] = {}
    for raw in raws:
        if raw.value is None or not is_of(raw.key, agency):
            continue
        assert raw.key is not None
        record: Record = json.loads(raw.value)
        key = raw.key.decode()
        if key not in best or record["revision"] >= best[key]["revision"]:
            best[key] = record
    return best


def latest(raws: Iterable[Raw], agency: str) -> dict[str, Record]:
    """An agency's figures as they stand: the last of each series, without those taken away."""
    last: dict[str, Record] = {}
    for raw in raws:
        if not is_of(raw.key, agency):
            continue
        assert raw.key is not None
        if raw.value is None:
            last.pop(raw.key.decode(), None)
        else:
            last[raw.key.decode()] = json.loads(raw.value)
    return last


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
    said = []
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            said.append(f"{key}:\n  {expected.get(key, 'not there')}\n  {found.get(key, 'not there')}")
    return said[:5] + ([f"... {len(said)} in all"] if len(said) > 5 else [])
