"""``watchroom worker``, rigged: it dies between two sends, or its clock steps back an hour.

The command, the stages and the transport are the product's; what is put beside them is said by
``WATCHROOM_DRILL``, a JSON object:

- ``die_after``: how many sends are survived. Each is acknowledged by Kafka before the next is made, so that
  what was sent before the death stands in the log, in a transaction that nobody will ever commit.
- ``back_after_s``: when ``time.time`` steps back, by ``back_s``.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from streams import app
from streams.transport.owner import Owner, Packed
from watchroom.cli import main

VARIABLE = "WATCHROOM_DRILL"


def die_between_sends(after: int) -> None:
    """Every owner sends one record batch at a time and waits for it; after so many, all at once the end."""
    left = [after]

    class OneByOne(Owner):
        async def _send(self, packed: Sequence[Packed]) -> None:
            for one in packed:
                if left[0] <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                await super()._send([one])
                await self._futures[-1]

    vars(app)["run"] = partial(app.run, owner=OneByOne)  # the command asks the module for it


def step_back(after_s: float, by_s: float) -> None:
    """The wall clock of this process, as all of its modules see it, goes back after a while."""
    real, real_ns = time.time, time.time_ns
    begun = time.monotonic()

    def back_s() -> float:
        return by_s if time.monotonic() - begun > after_s else 0.0

    time.time = lambda: real() - back_s()
    time.time_ns = lambda: real_ns() - int(back_s() * 1e9)


def rig(said: dict[str, Any]) -> None:
    """Put in place what is said."""
    if "die_after" in said:
        die_between_sends(said["die_after"])
    if "back_after_s" in said:
        step_back(said["back_after_s"], said["back_s"])


if __name__ == "__main__":
    rig(json.loads(os.environ.pop(VARIABLE)))
    main()
