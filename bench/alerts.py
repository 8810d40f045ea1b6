"""From the clock record that passes a deadline to the breach, to Alertmanager, to a webhook.

A real Kafka, worker, sink and Alertmanager with the configuration we ship. 50,000 units are on their way with
their clocks running; of others 20 turnouts a second run out, while events come at a fixed rate, sent when a
schedule fixed beforehand says so, and a clock record each second. Clock and breach are timed by Kafka's
LogAppendTime, Alertmanager by its own ``updatedAt`` (asked often enough to see the first), the webhook by
its receiver. A clock is past when a whole second more than its limit has gone.

Alertmanager tells a group at once and what joins it later: so the webhook is measured on agencies of their
own, one breach each, while the storm goes on beside them.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from bench import measure
from bench.latency import everything
from bench.setting import Bench
from schemas import records, topics
from schemas.errors import WatchroomError
from schemas.events import ClockEvent, to_json
from schemas.keys import incident_key, partition_of
from schemas.records import BreachRecord
from schemas.settings import ROOT
from schemas.times import SECOND, Micros, micros, moment
from sinks.alertmanager.client import Client
from sinks.alertmanager.receiver import Notification, Receiver
from watchroom import monitoring
from watchroom.broker import ports

AGENCY, SOURCE, RATE = "sffd", "export", 1_000
LONE = tuple(f"lone{number:02}" for number in range(20))
"""Agencies with one breach each."""
STORM = 20
"""Turnouts that run out each second."""
SECONDS = 60
_TURNOUT_S, _LEAD_S, _EVENTS_OF_ONE = 80, 45, 5
Item = tuple[str, bytes]


def run(bench: Bench) -> None:
    """One run: ``bench.events`` clocks that run."""
    settings, folder = bench.settings, bench.folder
    agencies = folder / "agencies"
    agencies.mkdir()
    text = (ROOT / "deploy" / "agencies" / "sffd.toml").read_text(encoding="utf-8")
    for name in (AGENCY, *LONE):
        (agencies / f"{name}.toml").write_text(text.replace('id = "sffd"', f'id = "{name}"'), "utf-8")
    os.environ["WATCHROOM_AGENCIES_DIR"] = str(agencies)
    measure.prepare(settings, 1)
    told: list[Notification] = []
    taken: dict[tuple[str, str], float] = {}
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver("127.0.0.1", 0, told.append))
        one, two, three = ports.pick(3)
        used = monitoring.Ports(one, two, three, int(receiver.url.rpartition(":")[2]), exporter=1)
        url = f"http://127.0.0.1:{used.alertmanager}"
        monitoring.configure(folder / "monitoring", used)
        manager = monitoring.binary(monitoring.ALERTMANAGER)
        _start(stack, [manager, *monitoring.alertmanager_arguments(folder / "monitoring", used.alertmanager)],
               folder / "alertmanager.log")  # fmt: skip
        log = folder / "incidents.log"
        worker = stack.enter_context(measure.worker(settings, "incidents", 1, log))
        measure.until_acquired(worker, log)
        os.environ |= {"WATCHROOM_BROKER": settings.broker, "WATCHROOM_ALERTS_PORT": str(used.alerts)}
        _start(stack, [sys.executable, "-m", "watchroom", "alerts", "run", "--alertmanager", url],
               folder / "sink.log")  # fmt: skip
        stop = threading.Event()
        watching = threading.Thread(target=_watch, args=(url, taken, stop), daemon=True)
        watching.start()
        begun = asyncio.run(_send(settings.broker, settings.partitions, bench.events))
        time.sleep(8)
        stop.set()
        watching.join(15)
    _say(bench, begun, taken, told)


def _start(stack: ExitStack, command: Sequence[str], log: Path) -> None:
    out = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(list(command), stdout=out, stderr=out)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)


def _watch(url: str, taken: dict[tuple[str, str], float], stop: threading.Event) -> None:
    """When Alertmanager first had each alert; one is posted again after 20 s, we ask each 4."""
    client = Client(url)
    while not stop.wait(4):
        try:
            found = client.alerts()
        except WatchroomError:
            continue  # it is only just starting
        for alert in found:
            labels, at = alert["labels"], alert["updatedAt"]
            taken.setdefault((labels.get("id", ""), labels["severity"]), instant(at) / SECOND)


def instant(text: str) -> Micros:
    """An instant of Alertmanager's, which writes nanoseconds or fewer."""
    return micros(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)))


# What is said


def _unit(agency: str, incident: str, presses: Sequence[tuple[str, Micros]]) -> Iterator[Item]:
    """An emergency with one engine."""
    key, first = incident_key(agency, incident), moment(presses[0][1]).isoformat()
    head = f'"agency_id":"{agency}","incident_id":"{incident}","source_id":"{SOURCE}"'
    yield (
        key,
        (
            f'{{"kind":"change","event_id":"{incident}-0",{head},"occurred_at":"{first}","attributes":'
            '{"response_mode":"EMERGENT","class":"FIRE","station_area":"03","unit_type":"ENGINE"}}'
        ).encode(),
    )
    for number, (name, at) in enumerate(presses, 1):
        unit = "" if name == "call_create" else '"unit_id":"E1",'
        yield (
            key,
            (
                f'{{"kind":"milestone","event_id":"{incident}-{number}",{head},{unit}"name":"{name}",'
                f'"occurred_at":"{moment(at).isoformat()}"}}'
            ).encode(),
        )


def _under_way(count: int, now: Micros) -> Iterator[Item]:
    """Units that set out now: their clocks run longer than the measuring takes."""
    for number in range(count):
        said = (("call_create", now - 9 * SECOND), ("dispatch", now - 5 * SECOND), ("enroute_to_scene", now))
        yield from _unit(AGENCY, f"R{number}", said)


def _running_out(begin: Micros) -> Iterator[Item]:
    """Turnouts that are past at instants spread over the measured time, in the storm and one by one."""
    spread = [(AGENCY, f"B{n}", n * SECOND // STORM) for n in range(SECONDS * STORM)]
    spread += [(agency, "L", 2 * SECOND + n * 2_700_000) for n, agency in enumerate(LONE)]
    for agency, incident, after in spread:
        dispatch = begin + after - (_TURNOUT_S + 1) * SECOND
        yield from _unit(agency, incident, (("call_create", dispatch - SECOND), ("dispatch", dispatch)))


def _others(count: int, now: Micros) -> Iterator[Item]:
    """Emergencies that are over in good time: what else is said."""
    for number in range(count // _EVENTS_OF_ONE):
        at = now + number * SECOND * _EVENTS_OF_ONE // RATE
        later = (("enroute_to_scene", at + SECOND), ("unit_clear", at + 2 * SECOND))
        yield from _unit(AGENCY, f"F{number}", (("call_create", at), ("dispatch", at), *later))


async def _send(broker: str, partitions: int, running: int) -> Micros:
    """Say all of it; returns when the measured time began."""
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=broker, acks=1, linger_ms=1, max_batch_size=200_000, max_request_size=1 << 20
    )
    await producer.start()
    begin = _now() + _LEAD_S * SECOND
    for key, value in (*_running_out(begin), *_under_way(running, _now())):
        await producer.send(topics.EVENTS, value, key.encode(), partition_of(key, partitions))
    await producer.flush()
    clocks = asyncio.create_task(_clocks(producer, partitions, begin + (SECONDS + 3) * SECOND))
    if _now() > begin - 10 * SECOND:
        raise RuntimeError(
            f"{running:,} incidents were not written in {_LEAD_S - 10} s: this machine is busy"
        )
    events, sent = list(_others(RATE * SECONDS, begin)), 0
    while sent < len(events):
        due = min(len(events), max(0, (_now() - begin) * RATE // SECOND))
        for key, value in events[sent:due]:
            await producer.send(topics.EVENTS, value, key.encode(), partition_of(key, partitions))
        sent = max(sent, due)
        await asyncio.sleep(0.001)
    await clocks
    await producer.stop()
    return begin


async def _clocks(producer: Any, partitions: int, until: Micros) -> None:
    """Each second, of every agency to every partition."""
    due = time.monotonic()
    while (now := _now()) < until:
        for agency in (AGENCY, *LONE):
            clock = to_json(ClockEvent(agency_id=agency, source_id=SOURCE, time=moment(now)))
            for partition in range(partitions):
                await producer.send(topics.EVENTS, clock, b"clock", partition)
        due += 1
        await asyncio.sleep(max(0, due - time.monotonic()))


def _now() -> Micros:
    return time.time_ns() // 1000


# What came of it


def _say(bench: Bench, begun: Micros, taken: dict[tuple[str, str], float], told: list[Notification]) -> None:
    broker = bench.settings.broker
    clocks: dict[tuple[int, str, Micros], int] = {}
    for said in everything(broker, topics.EVENTS):
        if said.key == b"clock":
            clock = clock_of(said.value)
            clocks[said.partition, clock[0], clock[1]] = said.timestamp
    opened: dict[str, tuple[BreachRecord, int]] = {}
    for said in everything(broker, topics.topic_name("breaches", 1)):
        breach = records.decode_breach(said.value) if said.value else None
        if isinstance(breach, BreachRecord) and breach.state == "red" and breach.as_of > begun:
            opened.setdefault(breach.id, (breach, said.timestamp))
    to_breach, to_manager, to_webhook = [], [], []
    for breach, at in opened.values():
        to_breach.append(at - clocks[breach.source[0], breach.agency_id, breach.as_of])
        if (breach.id, "red") in taken:
            to_manager.append(taken[breach.id, "red"] * 1000 - at)
        heard = [n.at for n in told if n.title == f"RED: 1 breach, {breach.agency_id}"]
        if breach.agency_id in LONE and heard:
            to_webhook.append(min(heard) * 1000 - (breach.deadline_at / 1000 + 1000))
    if not (to_breach and to_manager and to_webhook):
        raise RuntimeError(f"nothing was measured: see the logs in {bench.folder} (--keep)")
    bench.say(f"{bench.events:,} clocks running, {RATE:,} events/s, {STORM} breaches a second, milliseconds")
    bench.say(f"{'':34}{'n':>7}{'p50':>9}{'p99':>9}{'max':>9}")
    for what, waits in (
        ("clock record to breach record", to_breach),
        ("breach record to Alertmanager", to_manager),
        ("past its deadline to the webhook", to_webhook),
    ):
        waits.sort()
        at99 = waits[min(len(waits) - 1, len(waits) * 99 // 100)]
        bench.say(f"{what:34}{len(waits):>7,}{waits[len(waits) // 2]:>9,.0f}{at99:>9,.0f}{waits[-1]:>9,.0f}")
    storm = [n for n in told if n.title.endswith(f", {AGENCY}") and n.title.startswith("RED")]
    lost = len(opened) - len(to_manager)
    last = storm[-1].title if storm else "nothing"
    bench.say(
        f"{len(opened):,} turned red, {lost} of them never seen in Alertmanager; the storm made {len(storm)} "
        f"messages of red, the last: {last}"
    )


def clock_of(value: bytes) -> tuple[str, Micros]:
    """Agency and time of a clock record."""
    clock = ClockEvent.model_validate_json(value)
    return clock.agency_id, micros(clock.time)
