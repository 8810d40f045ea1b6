"""A plan carried out: the house, the load, the faults one after the other, and the judgement."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aiokafka.consumer.fetcher import PartitionRecords

from streams.transport.fetch import _ends_in_abort
from tests.drills import check
from tests.drills.check import Verdict
from tests.drills.faults import FAULTS
from tests.drills.feeder import Feeder
from tests.drills.house import Failed, House, house
from tests.drills.load import END, MEDIATED, City, Load, Mediated, last_words, load
from tests.drills.plan import FORMS, Plan, Step
from tests.pipeline.kit import slice_of, week

CITIES = ("sffd", "second")
BACKGROUND_PERCENT = 20
"""Of the simulated city's police and fire calls: what is looked at there is the other half."""

_FED_S = 300.0


class Done(NamedTuple):
    """One step as it went."""

    step: str
    fault: str
    said: str
    took_s: float


@dataclass
class Outcome:
    """What a drill did and found.

    Attributes:
        verdicts: after the storm, and after every state was read back, by what they follow.
        failed: what did not behave as it must.
    """

    plan: Plan
    done: list[Done] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether nothing failed and nothing differs."""
        return (
            not self.failed and bool(self.verdicts) and not any(v.differences for v in self.verdicts.values())
        )


def run(plan: Plan, folder: Path, say: Callable[[str], None], within_s: float = math.inf) -> Outcome:
    """Carry a plan out.

    Args:
        plan: what to break.
        folder: empty; everything goes there and stays there.
        say: called with a line for each step.
        within_s: after so long no further step is begun, but for the plan's last; the judgement takes longer.
    """
    outcome, begun = Outcome(plan), time.monotonic()
    # Ours, which the feeder and the readers use: what Kafka's absence means to them is no news here.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    form = FORMS[plan.form]
    path = week() if form.hours is None else slice_of(folder, *form.hours)
    cities = [City(CITIES[0], 1, plan.seed), City(CITIES[1], form.copies, plan.seed + 1)]
    mediated = Mediated(form.mediated_days, BACKGROUND_PERCENT, plan.seed)
    going_in = load(path, cities, plan.seed, form.clock_step, mediated)
    every = ", ".join((*CITIES, MEDIATED))
    say(f"{len(going_in.items):,} events and clocks of {every}; {len(going_in.bad)} are none")
    with house(folder, CITIES) as it, _reading_over_emptied_markers():
        try:
            _live_through(it, going_in, outcome, say, begun + within_s)
        except AssertionError as exc:
            outcome.failed.append(str(exc))
            say(f"FAILED: {exc}")
        finally:
            outcome.told = it.told
            outcome.facts |= _facts(it)
            outcome.ends = _ends(it)
    outcome.took_s = time.monotonic() - begun
    return outcome


@contextmanager
def _reading_over_emptied_markers() -> Iterator[None]:
    """Aiokafka's own readers, which judge here, raise at a marker that compaction has emptied."""
    theirs = PartitionRecords.__dict__["_contains_abort_marker"]
    PartitionRecords._contains_abort_marker = staticmethod(_ends_in_abort)
    try:
        yield
    finally:
        PartitionRecords._contains_abort_marker = theirs


def _live_through(
    it: House, going_in: Load, outcome: Outcome, say: Callable[[str], None], until: float
) -> None:
    rate, steps = FORMS[outcome.plan.form].rate, outcome.plan.steps
    feeder = Feeder(it.proxy.address, it.settings.partitions, going_in.items, rate, allowed=0)
    it.more = feeder.allow
    feeder.start()
    try:
        for step in steps:
            if time.monotonic() > until and step is not steps[-1]:
                continue
            feeder.allow(len(going_in.items) // len(steps))
            begun = time.monotonic()
            it.tell(f"step {step}")
            said = _carry_out(it, step, outcome)
            took_s = time.monotonic() - begun
            outcome.done.append(Done(str(step).strip(), step.fault, said, took_s))
            say(f"{begun - it.begun:7.1f} s {step}\n{'':10s}{said} ({took_s:.1f} s; {feeder.sent:,} sent)")
        outcome.facts["events and clocks sent while things broke"] = feeder.sent
        feeder.hurry()
        it.wait_whole()
        it.wait(lambda: feeder.done, _FED_S, "everything is sent")
    finally:
        feeder.stop()
    outcome.facts["times the feeder began anew"] = feeder.again
    _judge(it, going_in, "after the storm", going_in, outcome, say)
    _ask_once_more(it, going_in, outcome, say)


def _carry_out(it: House, step: Step, outcome: Outcome) -> str:
    """One step; what did not behave is noted, and the drill goes on if all can be made whole again."""
    try:
        return FAULTS[step.fault].run(it, **step.arguments)
    except Failed as exc:
        outcome.failed.append(f"{step}: {exc}")
        it.tell(f"FAILED: {exc}")
        it.recover()
        return f"FAILED: {str(exc).splitlines()[0]}"


def _ask_once_more(it: House, going_in: Load, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Compact, recover, and speak of every incident again, so that each state is read back and told anew."""
    say(f"{FAULTS['logs_compacted'].run(it)}")
    words = last_words(going_in)
    feeder = Feeder(it.proxy.address, it.settings.partitions, words, 0)
    feeder.start()
    it.wait(lambda: feeder.done, _FED_S, "every incident is spoken of")
    feeder.stop()
    # A later clock, so that the figures of that time are told.
    everything = going_in.later(END, words)
    final = Feeder(it.proxy.address, it.settings.partitions, everything.last_clocks(), 0)
    final.start()
    it.wait(lambda: final.done, _FED_S, "the last clock is written")
    final.stop()
    _judge(it, everything, "after compaction, recovery, and one more event about every incident", going_in,
           outcome, say)  # fmt: skip


def _judge(
    it: House, going_in: Load, when: str, known: Load, outcome: Outcome, say: Callable[[str], None]
) -> None:
    health = it.settle()
    verdict = check.judge(it, going_in, health, check.clocks_at(going_in))
    outcome.verdicts[when] = verdict
    say(f"{when}: {len(verdict.differences)} differences\n{check.in_words(verdict)}")


def _facts(it: House) -> dict[str, int]:
    """What can be counted of a drill."""
    it.news()
    return {
        "times partitions were taken": sum(fact["what"] == "acquired" for fact in it.facts),
        "records read in recoveries": sum(f.get("records", 0) for f in it.facts if f["what"] == "acquired"),
        "workers that ended with a sentence": sum(fact["what"] == "fatal" for fact in it.facts),
        "times one was started by hand": it.hands,
    }


def _ends(it: House) -> dict[str, int]:
    """How workers ended, by their own last sentence and code, without what differs from time to time."""
    ends: dict[str, int] = {}
    for fact in it.facts:
        if fact["what"] == "fatal":
            key = f"{fact['exit_code']} {fact['error']}"
            ends[key] = ends.get(key, 0) + 1
    return dict(sorted(ends.items()))
