"""Ends a worker that stands still: consumers have been seen to stop silently after a rebalance or an outage.

A thread of its own, with a connection of its own, so that it sees an event loop that hangs and a consumer
that no longer fetches. It compares values, not clocks, and counts only the time in which it ran itself: a
process that was stopped and continued is no worker that hangs (if it lost its partitions meanwhile, its
producer says so).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.security import client_options
from streams.transport.goodbye import parted
from streams.transport.holder import Holder, Place
from streams.transport.log import Log
from streams.transport.stacks import waiting

EXIT_CODE = 76
STALL_S = 30.0
"""How long something may stand still."""

REBALANCE_S = 75.0
"""How long a rebalance may last; a member that hangs may hold one up for the rebalance time-out."""

_ASK_S = 5.0
_LOOK_S = 1.0

Ends = dict[Place, int]


class Stillness:
    """For how long each of several values has not changed. Pure: time is what it is told.

    >>> still = Stillness()
    >>> still.seconds("a", 1, 0.5), still.seconds("a", 1, 0.5), still.seconds("a", 2, 0.5)
    (0.0, 0.5, 0.0)
    """

    def __init__(self) -> None:
        self._last: dict[object, tuple[object, float]] = {}

    def seconds(self, name: object, value: object, elapsed_s: float) -> float:
        """Note a value; returns for how long it has been the same."""
        before = self._last.get(name)
        still = before[1] + elapsed_s if before is not None and before[0] == value else 0.0
        self._last[name] = (value, still)
        return still

    def forget(self, name: object) -> None:
        """Begin anew with this one."""
        self._last.pop(name, None)


class Judge:
    """Says what stands still. Pure: it is given positions, ends and elapsed time.

    Args:
        stall_s: how long something may stand still.
        rebalance_s: how long a rebalance may last.
    """

    def __init__(self, stall_s: float = STALL_S, rebalance_s: float = REBALANCE_S) -> None:
        self.stall_s = stall_s
        self.rebalance_s = rebalance_s
        self._still = Stillness()
        self._behind: Ends = {}

    def told_ends(self, ends: Ends, positions: dict[Place, int]) -> None:
        """The log's ends as of now. A partition that is behind must get there or at least move."""
        for place, end in ends.items():
            if place not in self._behind and positions.get(place, end) < end:
                self._behind[place] = end
                self._still.forget(place)

    def look(
        self,
        positions: dict[Place, int],
        alive: dict[int, float],
        busy: tuple[str, object] | None,
        elapsed_s: float,
        parts: Mapping[int, int] | None = None,
        waiting: Collection[Place] = (),
    ) -> str | None:
        """One look.

        Args:
            positions: of the partitions held.
            alive: partition to whatever changes with its owner's every step.
            busy: what goes on besides (``acquiring`` or ``rebalancing``) and what changes as it moves; or
                None.
            elapsed_s: since the look before.
            parts: partition to the parts of batches it has done: one that is in the middle of a long batch
                does not stand, though its position does. (Its ticks go on even where nothing is fetched any
                more, so being alive is not enough.)
            waiting: places that wait for another topic of their partition, which is looked at itself.

        Returns:
            What stands still, in words; None where all is well.
        """
        parts = parts or {}
        for place, end in list(self._behind.items()):
            at = positions.get(place)
            if at is None or at >= end:
                del self._behind[place]
            elif place in waiting:
                self._still.forget(place)
            elif (still := self._still.seconds(place, (at, parts.get(place[1])), elapsed_s)) >= self.stall_s:
                words = f"{place[0]} partition {place[1]} has stood at {at} for {still:.0f} s"
                return f"{words}, and the log goes to {end}"
        for partition, mark in alive.items():
            if (still := self._still.seconds(partition, mark, elapsed_s)) >= self.stall_s:
                return f"partition {partition} has neither sent nor committed for {still:.0f} s"
        if busy is None:
            self._still.forget("busy")
        elif (still := self._still.seconds("busy", busy, elapsed_s)) >= (
            self.rebalance_s if busy[0] == "rebalancing" else self.stall_s
        ):
            return f"{busy[0]} has not moved for {still:.0f} s"
        return None


class Watchdog(threading.Thread):
    """Looks once a second, asks for the logs' ends every few seconds.

    Args:
        holder: whose partitions.
        rebalancing: whether the group is rebalancing.
        log: for the last word.
        loop: the worker's; of the tasks that wait in it the last word tells where.
        judge: brings other bounds.
        leave: ends the process.
    """

    def __init__(
        self,
        holder: Holder,
        rebalancing: Callable[[], bool],
        log: Log,
        *,
        loop: asyncio.AbstractEventLoop,
        judge: Judge | None = None,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._holder = holder
        self._rebalancing = rebalancing
        self._log = log
        self._loop = loop
        self._judge = judge or Judge()
        self._leave = leave
        self._stop = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def run(self) -> None:
        """The thread's work."""
        asyncio.run(self._watch())

    async def _watch(self) -> None:
        asking = asyncio.create_task(self._ask_forever())
        then = time.monotonic()
        while not self._stop.is_set():
            await asyncio.sleep(_LOOK_S)
            now = time.monotonic()
            words = self._look(min(now - then, 2 * _LOOK_S))
            then = now
            if words is not None and not self._stop.is_set():
                self._log.fatal(
                    "fatal",
                    stage=self._holder.stage.name,
                    error="StandsStill",
                    text=f"{words}: the worker ends so that another one takes over",
                    exit_code=EXIT_CODE,
                    waiting=waiting(self._loop),
                )
                self._leave(EXIT_CODE)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking

    def _look(self, elapsed_s: float) -> str | None:
        holder = self._holder
        owners = holder.owners
        busy: tuple[str, object] | None = None
        if holder.acquiring:
            busy = ("acquiring", holder.moves)
        elif self._rebalancing():
            busy = ("rebalancing", 0)
        alive = {p: o.alive_at for p, o in owners.items() if not o.released}
        parts = {p: o.parts for p, o in owners.items()}
        return self._judge.look(holder.positions(), alive, busy, elapsed_s, parts, holder.abreast.waiting)

    async def _ask_forever(self) -> None:
        """The logs' ends as the live reader sees them; a broker that is silent is no standstill of ours."""
        while True:
            try:
                await self._ask()
            except asyncio.CancelledError:
                raise
            except Exception as exc:
                self._log.warning("ends unknown", error=type(exc).__name__, text=str(exc))
            await asyncio.sleep(_ASK_S)

    async def _ask(self) -> None:
        settings = self._holder.settings
        reader = AIOKafkaConsumer(
            bootstrap_servers=settings.broker,
            isolation_level="read_committed" if self._holder.stage.read_committed else "read_uncommitted",
            enable_auto_commit=False,
            **client_options(),
        )
        await reader.start()
        try:
            while True:
                places = list(self._holder.positions())
                if places:
                    ends = await reader.end_offsets([TopicPartition(*place) for place in places])
                    told = {(where.topic, where.partition): end for where, end in ends.items()}
                    self._judge.told_ends(told, self._holder.positions())
                await asyncio.sleep(_ASK_S)
        finally:
            await parted(reader)
