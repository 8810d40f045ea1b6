"""One worker of a toy stage: ``python -m tests.transport.drill '{...}'``.

What makes it misbehave is here and not in the product: owners that end the process at a named point, and one
without a fence.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from schemas.errors import WatchroomError
from schemas.settings import load_settings
from streams import app
from streams.transport.owner import Owner
from streams.transport.watchdog import Judge
from tests.transport.toy import Toy


def crashing(point: str) -> type[Owner]:
    """An owner that does not survive a point, as if killed there; a commit is survived now and then."""
    survives = 0.0 if point == "after_fence" else 0.8

    class Crashing(Owner):
        def passed(self, reached: str) -> None:
            if reached == point and random.random() >= survives:
                os._exit(9)

    return Crashing


class Unfenced(Owner):
    """The negative control: no transaction, no fence, records stand as they are sent."""

    transactional_id = None

    async def open_transaction(self) -> None:
        """None."""

    async def commit_transaction(self) -> None:
        """None; what was sent stands."""


class Stuck(Owner):
    """Whose third commit never comes back."""

    commits = 0

    async def commit_transaction(self) -> None:
        """Twice, and then wait for ever."""
        Stuck.commits += 1
        if Stuck.commits > 2:
            await asyncio.Event().wait()
        await super().commit_transaction()


class Deaf(Owner):
    """Whose consumer silently stops, as consumers have been seen to do after a rebalance (faust #175, #523).

    Nothing is raised, heartbeats go on, and nothing is fetched any more once something was committed.
    """

    def passed(self, point: str) -> None:
        if point == "after_commit":
            patch("streams.transport.consumer.fetched", _nothing).start()


async def _nothing(*_: Any, **__: Any) -> dict[Any, Any]:
    await asyncio.sleep(0.05)
    return {}


OWNERS: dict[str, type[Owner]] = {"plain": Owner, "unfenced": Unfenced, "stuck": Stuck, "deaf": Deaf}


def main(spec: dict[str, Any]) -> int:
    """Run until stopped; see ``streams.app.run`` for the codes."""
    kind = spec["owner"]
    owner = OWNERS.get(kind) or crashing(kind)
    log = Path(spec["log"])
    judge = Judge(stall_s=spec["stall_s"]) if "stall_s" in spec else None
    with log.open("a", buffering=1, encoding="utf-8") as stream:
        try:
            return app.run(
                Toy.from_json(spec["toy"]).stage(),
                load_settings(**spec["settings"]),
                spec["generation"],
                spec["worker"],
                stream=stream,
                owner=owner,
                judge=judge,
            )
        except WatchroomError as exc:
            sys.stderr.write(exc.message + "\n")
            return exc.exit_code


if __name__ == "__main__":
    app.leave(main(json.loads(sys.argv[1])))
