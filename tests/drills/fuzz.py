"""``python -m tests.drills.fuzz``: bad inputs by the million, and every one of them found again.

Inputs go in batches through the same ``Partition`` a worker runs, among good events. After each batch every
input must be accounted for: a dead letter with its own bytes and a named reason, joined, a clock, or an
absorbed state. Every so often the partition starts anew from the changelog it wrote, for what was taken must
also be read back; and stage two is given all that stage one wrote.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import click

from schemas.decoding import Absorbed, Clock, Undecodable, decode
from schemas.vocabulary import DeadLetterReason
from tests.core.driver import CHANGELOG, DEAD, EVENTS, Floor, clock, town
from tests.core.saying import CALL, HOUR, whole
from tests.drills.bad_bytes import bad_bytes

LIFE = 20_000
"""Inputs of one floor: then another begins, so that memory stays what it is."""

HANGS_S = 30.0
"""A batch that takes longer than this hangs; it takes some ten milliseconds."""

APPEND_MS = (CALL + HOUR * 1_000_000) // 1000
"""When Kafka is said to have appended them: an hour after the call, so that the future is one."""


class Broken(AssertionError):
    """An input that was lost, or that stopped a stage; says which."""


@dataclass
class Tally:
    """What became of the inputs."""

    inputs: int = 0
    became: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def __str__(self) -> str:
        said = ", ".join(f"{name} {count:,}" for name, count in self.became.most_common())
        return f"{self.inputs:,} inputs: {said}; slowest batch {self.slowest_s * 1e3:.0f} ms"


def fuzz(inputs: int, seed: int, *, batch: int = 500, progress: Any = None) -> Tally:
    """Put bad inputs through both stages.

    Args:
        inputs: how many.
        seed: the same seed gives the same inputs.
        batch: how many at once.
        progress: called with the tally now and then.

    Raises:
        Broken: one was lost, or took a stage down.
    """
    tally = Tally()
    for life in range((inputs + LIFE - 1) // LIFE):
        chance = random.Random(f"fuzz {seed} {life}")
        count = min(LIFE, inputs - life * LIFE)
        _live(count, chance, batch, tally, f"seed {seed}, life {life}")
        if progress is not None:
            progress(tally)
    return tally


def _live(count: int, chance: random.Random, size: int, tally: Tally, where: str) -> None:
    """One floor's life: good events, then bad ones batch by batch, and good ones that must still be right."""
    floor = Floor(town())
    floor.send(whole("UNTOUCHED"), append_ms=APPEND_MS)
    floor.run_one()
    left = count
    while left > 0:
        values = [bad_bytes(chance) for _ in range(min(size, left))]
        left -= len(values)
        _batch(floor, values, tally, where)
        if chance.random() < 0.1:
            floor.restart_one(0)  # what was taken must be read back, too
    floor.send([clock(CALL + HOUR * 1_000_000)], append_ms=APPEND_MS)
    floor.run()
    answer = floor.response("UNTOUCHED", "E1").intervals["turnout"].value
    if answer != 60:
        raise Broken(f"{where}: a good response among them came to {answer}, not 60")
    floor.restart_two()


def _batch(floor: Floor, values: list[bytes | None], tally: Tally, where: str) -> None:
    log, dead = floor.log(EVENTS, 0), floor.log(DEAD, 0)
    first, letters = log.end, len(dead.kept)
    before = floor.health()
    for value in values:
        floor.put(value, "town/A", APPEND_MS)
    faulthandler.dump_traceback_later(HANGS_S, exit=True)
    begun = time.perf_counter()
    try:
        floor.run_one()
    except Exception as exc:
        raise Broken(f"{where}: {exc!r} from a batch at {first}: {_culprit(values)}") from exc
    finally:
        faulthandler.cancel_dump_traceback_later()
    tally.slowest_s = max(tally.slowest_s, time.perf_counter() - begun)
    tally.inputs += len(values)
    _account(floor, values, first, dead.kept[letters:], before, tally, where)
    del dead.kept[letters:]  # accounted for
    del floor.log(CHANGELOG, 0).kept[:-50_000]


def _account(
    floor: Floor,
    values: list[bytes | None],
    first: int,
    letters: list[Any],
    before: Any,
    tally: Tally,
    where: str,
) -> None:
    """Each input is found again, once."""
    after = floor.health()
    absorbed_by_us = floor.log(EVENTS, 0).end - first - len(values)
    buried: dict[int, tuple[str, bytes]] = {}
    for letter in letters:
        headers = dict(letter.headers or ())
        buried[int(headers["offset"])] = headers["reason"].decode(), letter.value or b""
    if len(buried) != len(letters):
        raise Broken(f"{where}: a dead letter is there twice at {first}")
    taken: Counter[str] = Counter()
    for number, value in enumerate(values):
        found = buried.pop(first + number, None)
        if found is None:
            taken[_kind(value, where)] += 1
            continue
        reason, kept = found
        if kept != (value or b""):
            raise Broken(f"{where}: {value!r} was buried as {kept!r}")
        if reason == DeadLetterReason.INTERNAL.value:
            raise Broken(
                f"{where}: {value!r} ended as internal: {[dict(x.headers or ())['detail'] for x in letters]}"
            )
        DeadLetterReason(reason)
        tally.became[reason] += 1
    told = {
        "joined": after.joined - before.joined,
        "clock": after.clock_records - before.clock_records,
        "absorbed": after.absorbed - before.absorbed - absorbed_by_us,
    }
    if {name: many for name, many in told.items() if many} != dict(taken) or buried:
        raise Broken(f"{where}: at {first} {dict(taken)} were taken, told are {told}; buried {buried}")
    tally.became.update(taken)


def _kind(value: bytes | None, where: str) -> str:
    """What an input is that is no dead letter: it must be an event, by the decoder's own word."""
    try:
        event = decode(value)
    except Undecodable as exc:
        raise Broken(f"{where}: {value!r} is neither joined nor a dead letter ({exc})") from exc
    return "clock" if isinstance(event, Clock) else "absorbed" if isinstance(event, Absorbed) else "joined"


def _culprit(values: list[bytes | None]) -> str:
    """The first input that alone, among good events, does the same; else the whole batch's size."""
    for value in values:
        floor = Floor(town())
        floor.send(whole("UNTOUCHED"), append_ms=APPEND_MS)
        floor.put(value, "town/A", APPEND_MS)
        try:
            floor.run_one()
        except Exception:
            return repr(value)
    return f"none of its {len(values)} inputs alone"


@click.command(context_settings={"max_content_width": 110})
@click.option("--inputs", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=4, show_default=True, help="Decides what they are.")
@click.option("--batch", type=click.IntRange(min=1), default=500, show_default=True, help="How many at once.")
def main(inputs: int, seed: int, batch: int) -> None:
    r"""Put bad inputs through decoding and both stages, and find every one of them again.

    Each ends as a dead letter with its bytes and a reason, or is an event after all and joined. Exit code 1
    at the first that is lost, stops a stage, or ends as `internal`; a batch that hangs ends with a traceback.

    \b
    Example:
      python -m tests.drills.fuzz --inputs 1000000 --seed 4
    """
    begun, told = time.monotonic(), [0.0]

    def progress(tally: Tally) -> None:
        if time.monotonic() - told[0] > 5:
            told[0] = time.monotonic()
            rate = tally.inputs / (told[0] - begun)
            click.echo(f"{tally.inputs:,} of {inputs:,} ({rate:,.0f}/s)")

    try:
        tally = fuzz(inputs, seed, batch=batch, progress=progress)
    except Broken as exc:
        click.echo(str(exc)[:4_000])
        sys.exit(1)
    click.echo(f"{tally}; {time.monotonic() - begun:.0f} s; seed {seed}")


if __name__ == "__main__":
    main()
