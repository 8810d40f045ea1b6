"""Reading back what a partition knew: its changelog, or its sources where it has none; and where to go on.

Read committed, in no group, to the end *by position*: the log ends in a transaction's marker, which is no
record. Done after the fence, so that the changelog's end stands still.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import Lost
from schemas.security import client_options
from schemas.settings import Settings
from streams.stage import Mark, RecordBatch, Stage
from streams.transport.fetch import fetched
from streams.transport.goodbye import parted
from streams.transport.owner import Owner

TELL_S = 3.0
"""How often a recovery that takes long says how far it is."""

STALL_S = 20.0
"""A recovery whose position stands still for so long is ended."""

AT_ONCE = 50_000
"""Records of a partition that recovery takes at one go, about."""

BESIDE_AT_ONCE = 2_000
BESIDE_A_SECOND = 50_000
"""Records read beside live work, at one go and in a second: some ms of the thread, and a fifth of it. There
may be millions, nobody waits for them, and figures told meanwhile would wait for larger pieces."""

Offsets = dict[TopicPartition, int]
Load = Callable[[RecordBatch], None]

Told = Callable[[int, int], None]
"""Is told how far a recovery is: records read, and about how many there are (offsets: transactions' markers
and what compaction removed are among them)."""


async def recover(
    owners: Sequence[Owner],
    stage: Stage,
    settings: Settings,
    moved: Callable[[], None] = lambda: None,
    told: Told = lambda _read, _of: None,
) -> int:
    """Fill the logic and the positions of these owners, which are fenced.

    Args:
        owners: of one stage.
        stage: that stage.
        settings: where the broker is.
        moved: called whenever something was read, as a sign of life.
        told: called every few seconds while it reads.

    Returns:
        How many records were read.

    Raises:
        Lost: the logs are not what they must be; the words say which and how.
    """
    if not owners:
        return 0
    sources = [TopicPartition(topic, o.partition) for o in owners for topic in stage.sources]
    if stage.changelog is None:
        of = {TopicPartition(topic, o.partition): o for o in owners for topic in stage.sources}
    else:
        of = {TopicPartition(stage.changelog, o.partition): o for o in owners}
    into = {where: owner.logic.load for where, owner in of.items()}
    async with _reader(settings, committed=True) as reader:
        marked = await _marked(reader, owners, stage.mark, moved) if stage.mark is not None else {}
        records, reached, ends_before = await _read(reader, into, marked, moved=moved, told=told)
        if stage.changelog is not None:
            await _alone(reader, ends_before)
    firsts, ends = await _bounds(settings, sources)
    for owner in owners:
        positions = owner.logic.loaded()
        _place(owner, stage, positions, reached, firsts, ends)
        moved()
    return records


async def reread(owners: Sequence[Owner], stage: Stage, settings: Settings) -> int:
    """Load what the stage itself has said so far, beside its work; returns how many records.

    There may be far more of it than of its sources, and nothing that is told waits for it.
    """
    into = {TopicPartition(topic, o.partition): o.logic.load for o in owners for topic in stage.rereads}
    records = 0
    async with _reader(settings, committed=True) as reader:
        for where, load in into.items():
            # A broker that is away is the live reader's matter, and it is patient.
            read, _, _ = await _read(
                reader, {where: load}, stall_s=math.inf, at_once=BESIDE_AT_ONCE, a_second=BESIDE_A_SECOND
            )
            records += read
    for owner in owners:
        owner.logic.sweep()
    return records


def _place(
    owner: Owner, stage: Stage, told: Mapping[str, int], reached: Offsets, firsts: Offsets, ends: Offsets
) -> None:
    """Decide where the live reader goes on, and check that the log has that place."""
    for topic in stage.sources:
        where = TopicPartition(topic, owner.partition)
        if topic in told:
            position = told[topic]
        elif stage.start_at == "recovered":
            position = reached[where]
        else:
            position = firsts[where]  # not the group's offset: state and position go together
        if not firsts[where] <= position <= ends[where]:
            raise Lost(
                f"{topic} partition {owner.partition}: position {position} of {stage.name} is outside the "
                f"log, which holds {firsts[where]} to {ends[where]}: it was cut or made anew, and "
                "`watchroom rebuild` computes from what it holds"
            )
        owner.positions[topic] = position
    owner.logic.placed(dict(owner.positions))


async def _marked(
    reader: AIOKafkaConsumer, owners: Sequence[Owner], mark: Mark, moved: Callable[[], None]
) -> Offsets:
    """From where on the owners' sources are needed, as the stage said last."""
    places = {o.partition: mark.place(o.partition) for o in owners}
    last: dict[tuple[int, bytes | None], bytes | None] = {}

    def note(batch: RecordBatch) -> None:
        for key, value in zip(batch.keys, batch.values, strict=True):
            last[batch.partition, key] = value

    into = {TopicPartition(mark.topic, partition): note for partition, _ in places.values()}
    await _read(reader, into, moved=moved)
    found: Offsets = {}
    for partition, place in places.items():
        value = last.get(place)
        for topic, offset in (mark.read(value) if value is not None else {}).items():
            found[TopicPartition(topic, partition)] = offset
    return found


async def _read(
    reader: AIOKafkaConsumer,
    into: Mapping[TopicPartition, Load],
    marked: Offsets | None = None,
    *,
    moved: Callable[[], None] = lambda: None,
    told: Told = lambda _read, _of: None,
    stall_s: float = STALL_S,
    at_once: int = AT_ONCE,
    a_second: float = math.inf,
) -> tuple[int, Offsets, Offsets]:
    """Read to the last stable offset; returns records, positions reached, and the ends when it began."""
    places = list(into)
    reader.assign(places)
    firsts = await reader.beginning_offsets(places)
    ends = await reader.end_offsets(places)  # read committed: the last stable offsets
    for where, mark in (marked or {}).items():
        if where in firsts and mark <= ends[where]:  # else the log was made anew, and all of it is needed
            firsts[where] = max(firsts[where], mark)
    at: Offsets = dict(firsts)
    for where, first in firsts.items():
        reader.seek(where, first)
    records, since, said = 0, time.monotonic(), time.monotonic()
    while any(at[where] < ends[where] for where in places):
        got = await fetched(reader, None, wait_s=0.2, records_max=at_once, keys=True)
        for where, batch in got.items():
            into[where](batch)
            records += len(batch)
            at[where] = batch.end
            await asyncio.sleep(len(batch) / a_second)
        if got:
            since = time.monotonic()
            moved()
            if since - said > TELL_S:
                said = since
                told(sum(at[w] - firsts[w] for w in places), sum(ends[w] - firsts[w] for w in places))
        elif time.monotonic() - since > stall_s:
            stuck = {f"{w.topic}-{w.partition}": (at[w], ends[w]) for w in places if at[w] < ends[w]}
            raise Lost(f"recovery stands still for {stall_s:.0f} s, at (position, end): {stuck}")
    return records, at, ends


async def _alone(reader: AIOKafkaConsumer, ends: Offsets) -> None:
    """Nobody but the fenced owner writes a changelog, so while it was read it can't have grown."""
    now = await reader.end_offsets(list(ends))
    for where, end in ends.items():
        high, stable = reader.highwater(where), reader.last_stable_offset(where)
        # None: there was nothing to fetch. High above stable: a transaction is open.
        if now[where] != end or (high is not None and not high == stable == end):
            raise Lost(
                f"{where.topic} partition {where.partition}: somebody else writes to it although the former "
                f"owner is fenced (its end was {end} and is {now[where]}, stable {stable}, high {high}): is "
                "it another Watchroom?"
            )


async def _bounds(settings: Settings, places: Sequence[TopicPartition]) -> tuple[Offsets, Offsets]:
    """First and end offsets, uncommitted records included: a live reader's position may be past them."""
    async with _reader(settings, committed=False) as reader:
        # Assigned so that the metadata is known (an unknown topic costs 100 ms a question), and paused: never
        # fetched.
        reader.assign(list(places))
        reader.pause(*places)
        firsts, ends = await asyncio.gather(
            reader.beginning_offsets(list(places)), reader.end_offsets(list(places))
        )
    return firsts, ends


@asynccontextmanager
async def _reader(settings: Settings, *, committed: bool) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.broker,
        isolation_level="read_committed" if committed else "read_uncommitted",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=100,
        retry_backoff_ms=10,
        **client_options(),
    )
    await reader.start()
    try:
        yield reader
    finally:
        await parted(reader)
