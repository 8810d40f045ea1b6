"""Which partitions this process holds: taken and let go whole, at each assignment."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable

from schemas.errors import GenerationMismatch, WatchroomError
from schemas.settings import Settings
from streams.stage import Stage
from streams.transport.abreast import Abreast
from streams.transport.log import Log
from streams.transport.owner import Owner, sentence
from streams.transport.recovery import recover, reread

Place = tuple[str, int]
"""Topic and partition."""

_LOOK_S = 0.1
"""How often it is looked whether an owner has committed its ticks."""


class Holder:
    """The owners of the current assignment, and the one way in which a worker ends when it can't go on.

    Args:
        stage: what is run.
        settings: of this worker.
        app_id: of the Faust app.
        log: where facts go.
        owner: makes owners; drills bring their own kind.
        leave: ends the process with an exit code.
    """

    def __init__(
        self,
        stage: Stage,
        settings: Settings,
        *,
        app_id: str,
        log: Log,
        owner: type[Owner] = Owner,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self.stage = stage
        self.settings = settings
        self.app_id = app_id
        self.log = log
        self.owners: dict[int, Owner] = {}
        self.abreast = Abreast()
        self.acquiring = False
        self.moves = 0
        """Grows with every sign of life while partitions are taken."""
        self._make_owner = owner
        self._leave = leave
        self._turn = asyncio.Lock()
        self._rereading: asyncio.Task[None] | None = None

    def positions(self) -> dict[Place, int]:
        """Where the live reader has to go on, of all partitions held."""
        return {(t, o.partition): at for o in self.owners.values() for t, at in o.positions.items()}

    def owner_of(self, partition: int, generation: int) -> Owner | None:
        """Who takes batches of a partition; None for batches of an assignment that is over."""
        owner = self.owners.get(partition)
        return None if owner is None or owner.released or owner.generation != generation else owner

    async def acquire(self, generation: int, assigned: Iterable[Place]) -> None:
        """Fence and recover what was assigned; meanwhile the flow is stopped and heartbeats go on."""
        await self.release("reassigned")
        self.acquiring = True
        owners: list[Owner] = []
        try:
            partitions = self._whole(assigned)
            began = time.monotonic()
            owners += [self._owner(partition, generation) for partition in partitions]
            await asyncio.gather(*(o.fence() for o in owners))
            for owner in owners:
                owner.passed("after_fence")
            fenced = time.monotonic()
            self._moved()
            records = await recover(owners, self.stage, self.settings, self._moved, self._told)
        except asyncio.CancelledError:  # another rebalance began
            self.acquiring = False
            for owner in owners:
                await owner.close()
            raise
        except Exception as exc:
            self.fatal(sentence(exc, f"{self.stage.name}, taking partitions"), exc)
            raise
        for owner in owners:
            owner.begin()
        self.owners = {o.partition: o for o in owners}
        self.acquiring = False
        self.log.info(
            "acquired",
            stage=self.stage.name,
            partitions=partitions,
            generation=generation,
            fence_s=round(fenced - began, 3),
            recovery_s=round(time.monotonic() - fenced, 3),
            records=records,
            positions={f"{t}-{p}": at for (t, p), at in self.positions().items()},
        )
        if self.stage.rereads:
            self._rereading = asyncio.create_task(self._reread(owners))

    async def _reread(self, owners: list[Owner]) -> None:
        """Have what an earlier life left behind taken away; said when that is committed."""
        began = time.monotonic()
        try:
            records = await reread(owners, self.stage, self.settings)
            after = {owner: owner.ticks + 2 for owner in owners}  # one may have been on its way
            while any(owner.ticks < ticks for owner, ticks in after.items()):
                await asyncio.sleep(_LOOK_S)
        except Exception as exc:
            self.fatal(sentence(exc, f"{self.stage.name}, reading its own results"), exc)
            raise
        self.log.info(
            "reread", stage=self.stage.name, records=records, took_s=round(time.monotonic() - began, 3)
        )

    def _owner(self, partition: int, generation: int) -> Owner:
        return self._make_owner(
            self.stage,
            partition,
            app_id=self.app_id,
            generation=generation,
            settings=self.settings,
            fatal=self.fatal,
        )

    def _moved(self) -> None:
        self.moves += 1

    def _told(self, read: int, of: int) -> None:
        self.log.info("recovering", stage=self.stage.name, read=read, of=of)

    def _whole(self, assigned: Iterable[Place]) -> list[int]:
        """The partitions, of which every source must have been assigned: they belong to one logic."""
        by_topic: dict[str, set[int]] = {topic: set() for topic in self.stage.sources}
        for topic, partition in assigned:
            by_topic.setdefault(topic, set()).add(partition)
        if len({frozenset(p) for p in by_topic.values()}) != 1:
            raise GenerationMismatch(
                f"{self.stage.name} was not assigned the same partitions of all its sources ({by_topic}): do "
                "these topics have the same number of partitions? `watchroom rebuild` makes them anew"
            )
        return sorted(by_topic[self.stage.sources[0]])

    async def release(self, why: str) -> bool:
        """Commit and let go of everything.

        Returns:
            Whether all was committed.
        """
        async with self._turn:
            if self._rereading is not None:
                self._rereading.cancel()
                self._rereading = None
            owners, self.owners = self.owners, {}
            if not owners:
                return True
            began = time.monotonic()
            done = all(await asyncio.gather(*(o.release() for o in owners.values())))
            commits = sorted(s for o in owners.values() for s in o.commit_s) or [0.0]
            self.log.info(
                "released",
                stage=self.stage.name,
                why=why,
                partitions=sorted(owners),
                committed=done,
                took_s=round(time.monotonic() - began, 3),
                records=sum(o.records for o in owners.values()),
                positions={
                    f"{t}-{o.partition}": at for o in owners.values() for t, at in o.positions.items()
                },
                commit_p50_ms=round(commits[len(commits) // 2] * 1e3, 1),
                commit_p99_ms=round(commits[int(len(commits) * 0.99)] * 1e3, 1),
            )
            return done

    def fatal(self, exc: WatchroomError, cause: BaseException | None = None) -> None:
        """End the process, now and without tidying up: all worth keeping is in Kafka.

        Whoever was fenced must not try to tidy up.

        Args:
            exc: the sentence and the exit code.
            cause: what was raised, for the log, when it is not that sentence itself.
        """
        defect = exc.exit_code == WatchroomError.exit_code or exc.exit_code == 70
        self.log.fatal(
            "fatal",
            cause if defect else None,
            stage=self.stage.name,
            error=type(cause or exc).__name__,
            text=exc.message,
            exit_code=exc.exit_code,
        )
        self._leave(exc.exit_code)
