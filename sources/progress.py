"""How far a replay has come, shown: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from schemas.times import Micros, moment
from sources.replay import Progress, Report

_LINE_EVERY_S = 5.0
_BAR_EVERY_S = 0.2


@contextmanager
def shown(
    zone: tzinfo, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic
) -> Iterator[Report]:
    """What to give a replay as its ``report``; times are shown in ``zone``."""
    if not stream.isatty():
        yield _limited(
            lambda p: print(f"{p.phase}: {in_words(p, zone)}", file=stream, flush=True), _LINE_EVERY_S, clock
        )
        return
    bar = Bar(
        TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.fields[words]}"),
        console=Console(file=stream), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("reading", total=None, words="")

        def draw(progress: Progress) -> None:
            total = None if progress.share is None else 1.0
            bar.update(
                task, description=progress.phase, total=total, completed=progress.share or 0.0,
                words=in_words(progress, zone),
            )  # fmt: skip

        yield _limited(draw, _BAR_EVERY_S, clock)


def _limited(report: Report, every_s: float, clock: Callable[[], float]) -> Report:
    last = clock()

    def limited(progress: Progress) -> None:
        nonlocal last
        now = clock()
        if now - last >= every_s:
            last = now
            report(progress)

    return limited


def in_words(progress: Progress, zone: tzinfo) -> str:
    """One line.

    >>> from datetime import UTC
    >>> in_words(Progress("sending", 10, 2000, 0.5, 0, 1234.5, 75.0), UTC)
    '2,000 events, 1,234 a second, at 1970-01-01 00:00, 1 min 15 s left'
    """
    if progress.phase == "reading":
        words = f"{progress.rows:,} rows, {progress.per_second:,.0f} a second"
    elif progress.phase == "sending":
        words = (
            f"{progress.events:,} events, {progress.per_second:,.0f} a second, at {_local(progress.at, zone)}"
        )
    else:
        words = f"all sent; the clock runs on, at {_local(progress.at, zone, seconds=True)}"
    return words if progress.left_s is None else f"{words}, {_span(progress.left_s)} left"


def _local(at: Micros | None, zone: tzinfo, *, seconds: bool = False) -> str:
    return (
        "?"
        if at is None
        else moment(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    )


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
