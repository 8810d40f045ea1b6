"""The changelog's topic takes no record as large as a state."""

from __future__ import annotations

import random
from typing import Any

from tests.drills.house import CHANGELOG, Failed, House

ABOUT = (
    "somebody lowers max.message.bytes of the changelog below the size of a state: every worker of stage one "
    "must end with a sentence and commit nothing of it; the limit is set back, and they are started by hand"
)


def arguments(chance: random.Random) -> dict[str, Any]:
    """The limit."""
    return {"limit": chance.randrange(100, 300)}


def run(house: House, *, limit: int) -> str:
    """Lower it, wait for the refusals, set it back."""
    house.wait_whole()
    before = len(house.said("fatal"))
    house.expects_refusal = True
    names = house.names("incidents-")
    try:
        house.configure([CHANGELOG], {"max.message.bytes": str(limit)})
        house.wait(
            lambda: {name for name, _, _ in house.supervisor.given_up()} >= set(names), 90, "both refuse"
        )
        refused = house.supervisor.given_up()
        for name, code, why in refused:
            if code not in (4, 6) or "max.message.bytes" not in why:
                raise Failed(f"{name} ended with {code}: {why}")
        if not any(fact["exit_code"] == 4 for fact in house.said("fatal")[before:]):
            raise Failed(f"nobody said that a record could not be delivered: {refused}")
    finally:
        house.unset([CHANGELOG], ["max.message.bytes"])
        for name, _, _ in house.supervisor.given_up():
            house.again(name)
        house.expects_refusal = False
    whole_s = house.wait_whole()
    return f"limit {limit}; {[(name, code) for name, code, _ in refused]}; whole {whole_s:.1f} s after"
