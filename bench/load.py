"""The load: San Francisco's real week, laid over itself and repeated, until it is a big city's weeks.

Five copies of the week at once have the real rhythm, units per call and gaps of a city of about 17 million
events a year; each copy has its own incident numbers. Clocks of every hour stand between the events, as a
replay writes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.events import ClockEvent, to_json
from schemas.keys import incident_key, partition_of
from schemas.times import DAY, HOUR, MINUTE, Micros, moment
from sources.draft import Draft, Renderer
from sources.mapping import Mapper
from sources.problems import Problem
from sources.profile import find_profile
from sources.reading import Export, opened, positions

AGENCY, SOURCE = "sffd", "export"
_WEEK = 7 * DAY
OVERLAY = 5
"""Copies of the week at one time."""

_BATCH_BYTES = 200_000


class Written(NamedTuple):
    """What was written."""

    events: int
    clocks: int
    bytes: int


def week() -> list[Draft]:
    """The events of San Francisco's week, in the order of time."""
    profile = find_profile("sffd")
    sample = profile.sample_path
    assert sample is not None, "San Francisco's profile ships its week"
    drafts: list[Draft] = []
    with opened(sample) as file:
        export = Export(file, profile.file)
        mapper = Mapper(profile, positions(export, profile), AGENCY, SOURCE)
        for row in export.rows():
            if not isinstance(row, Problem):
                drafts.extend(mapper(row).drafts)
    drafts.sort(key=lambda draft: draft.due)
    return drafts


def _copy(drafts: list[Draft], number: int, shift: Micros) -> Iterator[tuple[Micros, str, Draft]]:
    """One copy of the week: (when it is due, its incident's key, the event)."""
    for draft in drafts:
        incident = f"{draft.incident_id}-{number}"
        yield (
            draft.due + shift,
            incident_key(AGENCY, incident),
            msgspec.structs.replace(
                draft,
                incident_id=incident,
                event_id=f"{draft.event_id}-{number}",
                due=draft.due + shift,
                occurred=draft.occurred + shift,
            ),
        )


def events(count: int) -> Iterator[tuple[Micros, str, bytes]]:
    """About ``count`` events in the order of time: (instant, key, JSON)."""
    drafts, render, number, made = week(), Renderer(AGENCY, SOURCE), 0, 0
    weeks = max(1, round(count / (len(drafts) * OVERLAY)))
    for round_ in range(weeks):
        copies = []
        for lane in range(OVERLAY):
            copies.append(_copy(drafts, number, round_ * _WEEK + lane * 7 * MINUTE))
            number += 1
        for due, key, draft in merge(*copies, key=lambda item: item[0]):
            yield due, key, render(draft)
            made += 1


async def write(bootstrap: str, count: int, partitions: int, topic: str = topics.EVENTS) -> Written:
    """Write about ``count`` events, and clocks of every hour to every partition.

    As fast as Kafka takes them.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_batch_size=_BATCH_BYTES)
    await producer.start()
    open_batches = {p: producer.create_batch() for p in range(partitions)}
    pending: list[asyncio.Future[object]] = []
    total = Written(0, 0, 0)

    async def put(partition: int, key: bytes, value: bytes) -> None:
        batch = open_batches[partition]
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            pending.append(await producer.send_batch(batch, topic, partition=partition))
            batch = open_batches[partition] = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)

    async def clock(at: Micros) -> None:
        record = to_json(ClockEvent(agency_id=AGENCY, source_id=SOURCE, time=moment(at)))
        for partition in range(partitions):
            await put(partition, AGENCY.encode(), record)

    where: dict[str, int] = {}
    hour: int | None = None
    count_events = count_clocks = count_bytes = 0
    for due, key, value in events(count):
        if hour is not None and due // HOUR > hour:
            await clock(due // HOUR * HOUR)
            count_clocks += 1
        hour = due // HOUR
        partition = where.get(key)
        if partition is None:
            partition = where[key] = partition_of(key, partitions)
        await put(partition, key.encode(), value)
        count_events += 1
        count_bytes += len(value)
    await clock((hour or 0) * HOUR + 48 * HOUR)
    for partition, batch in open_batches.items():
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*pending)
    await producer.stop()
    return total._replace(events=count_events, clocks=count_clocks + 1, bytes=count_bytes)
