"""One stage as a Faust app, and a worker that runs it in the foreground.

A worker is crash-only. What is worth keeping is in Kafka once it is committed, so whatever goes wrong ends
the process with a sentence and a code, and whoever watches over it starts it again. Stopping on request is
the same with one commit more.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import gc
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TextIO

import aiokafka.producer.sender
import faust.auth
import uvloop

from schemas.errors import ConfigurationError, Refused
from schemas.security import client_options
from schemas.settings import Settings
from streams.agency import agent as agency_agent
from streams.incidents import agent as incidents_agent
from streams.stage import Stage
from streams.transport.agent_loop import hand_over
from streams.transport.consumer import SCHEME, BatchApp, BatchSchema, NoTables
from streams.transport.holder import Holder
from streams.transport.log import Log
from streams.transport.owner import Owner, sentence
from streams.transport.watchdog import Judge, Watchdog

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}
"""The versions whose private parts the transport uses."""

AGENTS: dict[str, Callable[[Holder], Callable[[Any], Awaitable[None]]]] = {
    "incidents": incidents_agent.agent,
    "agency": agency_agent.agent,
}

GC_THRESHOLDS = (10_000, 20, 50)
"""Young collections 14 times rarer than by default, full ones 70 times: the collector cost a third
(prototype/exactly_once/RESULTS.md)."""

_MALLOPT = {-1: 64 << 20, -2: 16 << 20, -3: 32 << 20}
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of glibc's malloc.h, in bytes."""

COMMIT_BACKOFF_S = 0.002
"""After EndTxn the markers are written while the next transaction is refused; aiokafka waits 20 ms
(sender.py:40)."""

STOP_S = 4.0
"""Longest wait for Faust's goodbye, whose exits are known to hang."""


def app_id(stage: str, generation: int) -> str:
    """The id of a stage's app and consumer group.

    >>> app_id("incidents", 1)
    'watchroom-incidents-g1'
    """
    return f"watchroom-{stage}-g{generation}"


def _check(settings: Settings, worker_id: str) -> None:
    """Refuse in words what would otherwise fail in riddles."""
    for package, pinned in PINNED.items():
        if (found := version(package)) != pinned:
            raise Refused(
                f"{package} {found} is installed, and the transport is built on private parts of {pinned}: "
                f"install {package}=={pinned}"
            )
    if not settings.broker:
        raise ConfigurationError(
            "a worker must know its Kafka: give --broker host:port before the command or set WATCHROOM_BROKER"
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", worker_id):
        raise ConfigurationError(
            f"worker id {worker_id!r}: Kafka takes letters, digits, '.', '_' and '-', at most 100 of them"
        )


@contextmanager
def _alone(settings: Settings, name: str) -> Iterator[None]:
    """Refuse a second worker of the same name on this machine.

    To Kafka both would be one member that comes back again and again: each would drive the other out.
    """
    folder = settings.state_dir / "faust"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"{name} already runs on this machine: give this worker another --id") from None
        yield


def _credentials(options: dict[str, Any]) -> faust.auth.Credentials | None:
    """What Faust's own clients are given: one producer of its own asks for metadata, and sends nothing."""
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.auth.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.auth.SSLCredentials(context=context) if context is not None else None


def build(
    stage: Stage,
    settings: Settings,
    *,
    generation: int,
    worker_id: str,
    log: Log | None = None,
    owner: type[Owner] = Owner,
) -> BatchApp:
    """The Faust app of one stage.

    Args:
        stage: what to run.
        settings: broker, intervals, time-outs.
        generation: of the topics; part of the app's id.
        worker_id: stable over restarts: Kafka knows the member by it, and gives it its partitions back at
            once.
        log: where facts go; stderr unless told.
        owner: another kind of owner, for drills.

    Raises:
        Refused: other versions of faust-streaming or aiokafka than pinned are installed.
        ConfigurationError: no broker, or a worker id that Kafka would not take.
    """
    _check(settings, worker_id)
    aiokafka.producer.sender.BACKOFF_OVERRIDE = COMMIT_BACKOFF_S
    folder = settings.state_dir / "faust"
    folder.mkdir(parents=True, exist_ok=True)
    name = app_id(stage.name, generation)
    first = settings.broker.split(",")[0].strip()
    app = BatchApp(
        name,
        broker=f"{SCHEME}://{first}",  # chooses the driver; whom to ask stands in the settings
        broker_credentials=_credentials(client_options()),
        store="memory://",
        datadir=str(folder / f"{name}-{worker_id}"),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        TableManager=NoTables,
        broker_client_id=f"watchroom-{worker_id}",
        broker_check_crcs=True,
        broker_max_poll_records=settings.max_poll_records,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_rebalance_timeout=20.0,
        broker_commit_every=10**9,  # by the interval alone
        broker_commit_interval=1.0,
        consumer_max_fetch_size=1 << 20,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{name}-{worker_id}",
        stream_buffer_maxsize=4,  # of batches
        stream_wait_empty=False,  # it would wait for acknowledgements that come with our commit alone
        stream_recovery_delay=0.0,
    )
    app.holder = Holder(
        stage, settings, app_id=name, log=log or Log(worker_id, settings.log_level, sys.stderr), owner=owner
    )
    source = app.topic(*stage.sources, schema=BatchSchema())
    agent = AGENTS.get(stage.name, _any_agent)(app.holder)
    app.agent(source, name=stage.name, concurrency=1)(agent)
    return app


def _any_agent(holder: Holder) -> Callable[[Any], Awaitable[None]]:
    """The agent of a stage that has none of its own."""

    async def agent(stream: Any) -> None:
        await hand_over(stream, holder)

    return agent


def run(
    stage: Stage,
    settings: Settings,
    generation: int,
    worker_id: str,
    *,
    stream: TextIO | None = None,
    owner: type[Owner] = Owner,
    judge: Judge | None = None,
) -> int:
    """Run a stage in the foreground until SIGTERM or SIGINT.

    Args:
        stage: what to run.
        settings: broker, intervals, time-outs, log level.
        generation: of the topics.
        worker_id: stable over restarts.
        stream: where the log goes; stderr unless told.
        owner: another kind of owner, for drills.
        judge: other bounds of the watchdog, for drills.

    Returns:
        0 after an orderly stop that left nothing to do again, 75 when the last commit did not come through.
        Everything else ends the process on the spot: 75 fenced or lost, 76 standing still, 4 a record that
        can't be delivered, 6 topics or state of another layout, 70 a defect.

    Raises:
        WatchroomError: refused before anything was begun.
    """
    log = Log(worker_id, settings.log_level, stream or sys.stderr)
    gc.set_threshold(*GC_THRESHOLDS)
    _keep_memory()
    _check(settings, worker_id)
    alone = _alone(settings, f"{app_id(stage.name, generation)}-{worker_id}")

    async def main() -> int:
        asked = _asked_to_stop()
        app = build(stage, settings, generation=generation, worker_id=worker_id, log=log, owner=owner)
        log.info("starting", stage=stage.name, generation=generation, sources=stage.sources, app=app.conf.id)
        code = await _until_stopped(app, asked, log, judge)
        log.info("stopped", stage=stage.name, exit_code=code)
        return code

    # By the policy, so that the loop of Faust's fetching thread is one of these, too.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # Not asyncio.run(): at its end it waits for tasks of Faust's that do not end.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with alone:
        return loop.run_until_complete(main())


def _keep_memory() -> None:
    """Have glibc keep what was freed: fetches and requests of megabytes come and go many times a second.

    Left alone it gives their pages back to the kernel, which has to clear them for the next one. Another C
    library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, size in _MALLOPT.items():
            mallopt(parameter, size)


def _asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT from now on: before the worker says that it starts, so that none kills it."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    return asked


async def _until_stopped(app: BatchApp, asked: asyncio.Event, log: Log, judge: Judge | None) -> int:
    loop = asyncio.get_running_loop()
    watchdog = Watchdog(app.holder, lambda: bool(app.rebalancing), log, loop=loop, judge=judge)
    watchdog.start()
    starting = asyncio.create_task(app.start())
    while not asked.is_set():
        _look_for_a_crash(app, starting)
        try:
            async with asyncio.timeout(0.25):
                await asked.wait()
        except TimeoutError:
            continue
    log.info("stopping", stage=app.holder.stage.name)
    watchdog.stop()
    committed = await _let_go(app)
    await _goodbye(app, starting, log)
    code = 0 if committed else 75
    if not committed:
        log.warning("not all was committed; the next owner computes it anew", stage=app.holder.stage.name)
    return code


def _look_for_a_crash(app: BatchApp, starting: asyncio.Task[None]) -> None:
    """Faust crashes in the background: whatever service it was, the worker ends with its reason."""
    reason: BaseException | None = None
    if app.crashed:
        reason = app.crash_reason or RuntimeError("Faust gave no reason")
    elif starting.done() and not starting.cancelled():
        reason = starting.exception()
    if reason is not None:
        app.holder.fatal(sentence(reason, f"{app.holder.stage.name}, inside Faust"), reason)


async def _let_go(app: BatchApp) -> bool:
    """No more input, one last tick and commit, and the group's offsets for whoever looks at lag."""
    if app.consumer is not None:
        app.consumer.stop_flow()
    committed = await app.holder.release("stopping")
    try:
        async with asyncio.timeout(1.0):
            await app.consumer.commit()
    except Exception as exc:
        app.holder.log.debug("group offsets not committed", error=type(exc).__name__)
    return committed


async def _goodbye(app: BatchApp, starting: asyncio.Task[None], log: Log) -> None:
    """Faust's own stop, for as long as it may take; all is committed, so nothing depends on it."""
    starting.cancel()
    stopping = asyncio.create_task(app.stop())
    done, _ = await asyncio.wait([stopping], timeout=STOP_S)
    if not done:
        log.warning("Faust did not stop in time", waited_s=STOP_S)


def leave(code: int) -> None:
    """End the process: threads of Faust's that do not end can't keep it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
