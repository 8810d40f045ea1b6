"""From an event's append to the append of the figure that counts it, by the broker's own clock, open loop.

Events are sent when a schedule fixed beforehand says so, whether or not anything keeps up, so no slow moment
hides the waiting it caused; event time passes as the wall's clock does. The k-th ``call_create`` in the order
of appending is counted by the first figures ``call_taking``, breakdown ``all``, whose n over all modes is at
least k: both times are Kafka's LogAppendTime.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource

from bench import city, measure
from bench.setting import Bench
from schemas import records, topics
from schemas.decoding import decode
from schemas.events import ClockEvent, to_json
from schemas.keys import partition_of
from schemas.times import SECOND, iso, micros, parse
from streams.app import app_id

RATES = (1_000, 1_200, 20_000)
"""The second is 10,000 responses a minute."""
_PATIENCE_S = 300
_TIMES = re.compile(rb'(_at":")([^"]+)')
WARM_S = {1_000: 60, 1_200: 10, 20_000: 10}
"""The first part of a run, which is not measured: a broker that was started a moment ago spends half a core
on compiling its own code, for most of a minute (``top -H``: its thread ``C2 CompilerThre``)."""


def run(bench: Bench) -> None:
    """Each rate, each round, on topics of its own generation and an agency that starts empty."""
    bench.say(
        f"{'events/s':>9}{'sent/s':>9}{'measured':>10}{'p50 ms':>8}{'p90 ms':>8}{'p99 ms':>8}{'max ms':>8}"
        f"{'responses/min':>15}{'one, cores':>12}{'two, cores':>12}"
    )
    seconds = max(4, bench.events // RATES[0])
    for day, rate in enumerate(RATES):
        _one(bench, rate, seconds, day)


def _one(bench: Bench, rate: int, seconds: int, day: int) -> None:
    """One rate: the log is one, so each has a day of its own, and what was there before is not counted."""
    settings = bench.settings
    if not day:
        measure.prepare(settings, 1)
        _keep_figures(settings.broker)
    before = len(_created(settings.broker))
    with (
        measure.worker(settings, "incidents", 1, log_one := bench.folder / f"one-{rate}.log") as one,
        measure.worker(settings, "agency", 1, log_two := bench.folder / f"two-{rate}.log") as two,
    ):
        measure.until_acquired(one, log_one)
        measure.until_acquired(two, log_two)
        both = WARM_S[rate] + seconds
        events = _paced(list(city.simple(rate * both, first=day)), rate)
        used: list[float] = []

        def note() -> None:
            used[:] = time.monotonic(), measure.use(one.pid)[0], measure.use(two.pid)[0]

        warm = WARM_S[rate] * rate
        passed = asyncio.run(_send(settings.broker, events, rate, settings.partitions, warm, note))
        until, cpu_one, cpu_two = time.monotonic(), measure.use(one.pid)[0], measure.use(two.pid)[0]
        _until_counted(settings.broker)
    waits = sorted(_waits(settings.broker, before, WARM_S[rate] / both))
    if not waits:
        raise RuntimeError(f"nothing was measured: see {log_two}")
    at = [waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.9, 0.99)]
    figures = "".join(f"{value:>8,}" for value in (*at, waits[-1]))
    begun, before_one, before_two = used
    cores = [(cpu_one - before_one) / (until - begun), (cpu_two - before_two) / (until - begun)]
    responses = 60 * sum(b'"name":"dispatch"' in value for _, value in events) / passed
    bench.say(
        f"{rate:>9,}{len(events) / passed:>9,.0f}{len(waits):>10,}{figures}"
        f"{responses:>15,.0f}{cores[0]:>12.2f}{cores[1]:>12.2f}"
    )


def _keep_figures(broker: str) -> None:
    """Have Kafka compact no figure away before it was looked at: its successor came later."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    topic = topics.topic_name("figures", 1)
    admin.alter_configs([ConfigResource("TOPIC", topic, {"min.compaction.lag.ms": "86400000"})])
    admin.close()


def _paced(events: list[tuple[str, bytes]], rate: int) -> list[tuple[str, bytes]]:
    """The same events with their times drawn together, so that event time passes as the wall's clock does.

    No city has so many events a second: its minutes and hours, each of which all figures are told anew at,
    would otherwise pass within seconds.
    """
    begin, end = (micros(decode(events[at][1]).occurred_at) for at in (0, -1))
    factor = (end - begin) / (len(events) / rate * SECOND)

    def drawn(found: re.Match[bytes]) -> bytes:
        at = parse(found[2].decode())
        return found[1] + iso(begin + int((at - begin) / factor)).encode()

    return [(key, _TIMES.sub(drawn, value)) for key, value in events]


def _until_counted(broker: str) -> None:
    """Wait until both stages have committed all: what is still on its way, the slow, would be left out."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    results = [topics.topic_name(name, 1) for name in topics.RESULTS_OF_STAGE_ONE]
    until = time.monotonic() + _PATIENCE_S
    while (
        measure.progress(admin, broker, app_id("incidents", 1), [topics.EVENTS])[1]
        or measure.progress(admin, broker, app_id("agency", 1), results)[1]
    ):
        if time.monotonic() > until:
            raise RuntimeError(f"{_PATIENCE_S} s after the last event not everything was counted")
        time.sleep(0.5)
    admin.close()


async def _send(
    broker: str,
    events: list[tuple[str, bytes]],
    rate: int,
    partitions: int,
    warm: int = 0,
    warmed: Callable[[], None] = lambda: None,
) -> float:
    """Send event k at k / rate, and each second a clock of what was said before it.

    ``warmed`` is called after the first ``warm`` events.
    """
    # A linger of 5 ms is Kafka's own default since version 4.
    producer: Any = AIOKafkaProducer(bootstrap_servers=broker, acks=1, linger_ms=5)
    await producer.start()
    places = [partition_of(key, partitions) for key, _ in events]
    begun, sent, clocks = time.perf_counter(), 0, 0
    while sent < len(events):
        due = min(len(events), int((time.perf_counter() - begun) * rate))
        for at in range(sent, due):
            await producer.send(topics.EVENTS, events[at][1], events[at][0].encode(), places[at])
        if sent < warm <= due:
            warmed()
        sent = max(sent, due)
        if sent and (time.perf_counter() - begun) > clocks:
            clocks += 1
            said = decode(events[sent - 1][1]).occurred_at
            clock = to_json(ClockEvent(agency_id=city.AGENCY, source_id=city.SOURCE, time=said))
            for partition in range(partitions):
                await producer.send(topics.EVENTS, clock, b"clock", partition)
        await asyncio.sleep(0.001)
    passed = time.perf_counter() - begun
    await producer.stop()
    return passed


def everything(broker: str, topic: str) -> list[Any]:
    """All records of a topic, in order within each partition."""
    consumer: Any = KafkaConsumer(bootstrap_servers=broker, check_crcs=False, max_poll_records=20_000)
    places = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(p) < ends[p] for p in places):
        for batch in consumer.poll(timeout_ms=500).values():
            found += batch
    consumer.close()
    return found


def _created(broker: str) -> list[int]:
    """When each ``call_create`` was appended, in order, milliseconds."""
    said = everything(broker, topics.EVENTS)
    return sorted(r.timestamp for r in said if b'"name":"call_create"' in r.value)


def _waits(broker: str, before: int, warm: float) -> list[int]:
    """Milliseconds of each ``call_create`` after the first ``before`` ones and the share that warms up."""
    created = _created(broker)
    first = before + int((len(created) - before) * warm)
    figures = everything(broker, topics.topic_name("figures", 1))
    told = (
        (record.timestamp, figure)
        for record in figures
        if record.value and b"/call_taking/" in record.key and b"/7d/all/" in record.key
        for figure in (records.decode_figure(record.value),)
    )
    counts: dict[str, int] = {}
    waits: list[int] = []
    counted = 0
    for moment_ms, together in groupby(told, key=lambda pair: pair[0]):
        counts |= {figure.mode: figure.n for _, figure in together}
        reached = min(sum(counts.values()), len(created))
        waits += [moment_ms - at for at in created[max(counted, first) : reached]]
        counted = max(counted, reached)
    return waits
