"""What is broken in which order: a seed decides, so that it can be printed and run again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.times import HOUR, Micros
from tests.drills.faults import FAULTS


class Step(NamedTuple):
    """One fault, with all that chance decides about it."""

    number: int
    fault: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return f"{self.number:4d}  {self.fault:20s} {said}".rstrip()


class Form(NamedTuple):
    """How much of it.

    Attributes:
        counts: how often each fault.
        hours: the part of San Francisco's week that goes in, local time; None for all of it.
        copies: of the file in the second city.
        rate: events a second, at most.
        clock_step: between clocks; each tells all breakdowns of every group, which costs.
        mediated_days: days of the simulated city with a mediation unit.
        last: faults that come after all others, in this order.
    """

    counts: Mapping[str, int]
    hours: tuple[str, str] | None
    copies: int
    rate: float
    clock_step: Micros
    mediated_days: int
    last: tuple[str, ...] = ("logs_compacted",)


_ALL = {
    "worker_killed": 100,
    "worker_stopped": 9,
    "worker_joins": 10,
    "worker_restarted": 3,
    "death_between_sends": 6,
    "clock_back": 1,
    "broker_killed": 10,
    "broker_stopped": 1,
    "broker_refuses": 1,
    "disk_full": 1,
    "record_too_large": 1,
    "logs_compacted": 2,
}

FORMS: Mapping[str, Form] = {
    "short": Form(
        {
            "worker_killed": 4,
            "worker_stopped": 1,
            "worker_joins": 1,
            "death_between_sends": 1,
            "broker_killed": 1,
            "logs_compacted": 1,
        },
        ("2016-12-31 22:00", "2017-01-01 02:00"),
        2,
        200.0,
        HOUR,
        1,
    ),
    "day": Form(_ALL, ("2016-12-31 12:00", "2017-01-02 00:00"), 1, 200.0, 3 * HOUR, 2),
    "long": Form(_ALL, None, 2, 200.0, 6 * HOUR, 8),
}


class Plan(NamedTuple):
    """A seed, a form, and the steps they come to."""

    seed: int
    form: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        counts = Counter(step.fault for step in self.steps)
        head = f"seed {self.seed}, form {self.form}: " + ", ".join(
            f"{n} {name}" for name, n in counts.items()
        )
        return "\n".join([head, *map(str, self.steps)])


def plan(seed: int, form: str, counts: Mapping[str, int] | None = None) -> Plan:
    """The steps of a form, in the order that the seed says: each fault once, and then all the rest.

    Args:
        seed: the same seed and counts give the same plan.
        form: a name in ``FORMS``.
        counts: others than the form's.

    Raises:
        KeyError: no such form, or no such fault.
    """
    chance = random.Random(f"plan {seed}")
    wanted = FORMS[form].counts if counts is None else counts
    last = [fault for fault in FORMS[form].last if wanted.get(fault)]
    once = [name for name in wanted if wanted[name] and name not in last]
    some = [name for name in wanted for _ in range(wanted[name] - (name in once) - (name in last))]
    chance.shuffle(once)
    chance.shuffle(some)
    some = once + some
    steps = [
        Step(number, fault, FAULTS[fault].arguments(chance)) for number, fault in enumerate([*some, *last], 1)
    ]
    return Plan(seed, form, tuple(steps))
