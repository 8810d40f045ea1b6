"""The one screen of `up` and `status`: what runs where, and how it does. Rendering alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from sinks.terminal.plain import Column, Sheet, plain, printable, rich
from watchroom import procfs, words
from watchroom.facts import Facts, Stage
from watchroom.running import Process, Running

Note = tuple[float, str]
"""When, in seconds since the epoch, and what."""


def sheets(facts: Facts, up: Running | None, bootstrap: str, state_dir: Path, now_s: float) -> list[Sheet]:
    """The screen, part by part."""
    shown = [Sheet(_title(facts, up, bootstrap, state_dir, now_s))]
    if up is not None:
        shown.append(_processes(up, now_s))
    if facts.agencies:
        shown.append(_agencies(facts))
    shown.append(_pipeline(facts))
    return shown


def _title(
    facts: Facts, up: Running | None, bootstrap: str, state_dir: Path, now_s: float
) -> tuple[str, ...]:
    made = (
        "nothing computed yet"
        if facts.generation is None
        else f"generation {facts.generation}, definitions edition {facts.edition}"
    )
    if up is None:
        return f"Watchroom: no `watchroom up` on {state_dir}; the Kafka at {bootstrap}, {made}", ""
    state = "ready" if up.ready else "starting"
    since = words.span(now_s - up.started)
    return f"Watchroom: {state}, up for {since}; {made}", f"state folder {state_dir}"


def _processes(up: Running, now_s: float) -> Sheet:
    own = Process("up", up.pid, "running", since=up.started, where="this screen and the clocks")
    everything = [own, *up.processes]
    memory = [procfs.memory_mb(p.pid) if p.pid else None for p in everything]
    # The clock writer is a thread of ours: its memory is ours.
    shared = [p.pid == up.pid and p is not own for p in everything]
    rows = [
        (
            p.name,
            p.state,
            str(p.pid) if p.pid and not twice else words.NOTHING,
            words.NOTHING if twice else words.megabytes(mb),
            words.span(now_s - p.since) if p.since else words.NOTHING,
            str(p.restarts) if p.restarts else words.NOTHING,
            f"{p.where}; {p.why}" if p.why and p.state != "running" else p.where,
        )
        for p, mb, twice in zip(everything, memory, shared, strict=True)
    ]
    total = sum(mb or 0 for mb, twice in zip(memory, shared, strict=True) if not twice)
    rows.append(("together", "", "", words.megabytes(total), "", "", ""))
    columns = (
        Column("process"),
        Column("state"),
        Column("pid", number=True),
        Column("memory", number=True),
        Column("for"),
        Column("restarts", number=True),
        Column("where", flexible=True),
    )
    return Sheet((), columns, tuple(rows))


def _agencies(facts: Facts) -> Sheet:
    columns = (Column("agency"), Column("clock"), Column("behind now"), Column("name", flexible=True))
    rows = tuple(
        (a.agency_id, words.local(a.clock, a.zone), words.span(max(0.0, a.behind_s)), a.name)
        for a in facts.agencies
    )
    return Sheet((), columns, rows)


def _pipeline(facts: Facts) -> Sheet:
    law = facts.law
    rate = "?" if facts.per_second is None else f"{facts.per_second:,.0f}"
    evicted = f", {facts.evicted:,} evicted" if facts.evicted else ""
    events = (
        f"{rate} a second, {law.arrived:,} arrived; {facts.open_incidents:,} incidents open of {facts.held:,}"
    )
    rows = [
        ("events", f"{events} held{evicted}"),
        *((f"stage {stage.name}", _stage(stage)) for stage in facts.stages),
        ("dead letters", _dead(law.dead)),
        ("count law", law_in_words(facts)),
    ]
    return Sheet((), (Column("pipeline"), Column("", flexible=True)), tuple(rows))


def _stage(stage: Stage) -> str:
    late = f", the quietest {stage.silent_s:.0f} s ago" if stage.silent_s and stage.silent_s >= 3 else ""
    reporting = f"{stage.reporting} of {stage.partitions} partitions report"
    return f"lag {words.number(stage.lag)} offsets; {reporting}{late}"


def _dead(dead: dict[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in dead.items())
    return f"{sum(dead.values()):,}" + (f" ({reasons}); see watchroom dead-letters" if dead else "")


def law_in_words(facts: Facts) -> str:
    """One sentence: that everything adds up, or that it does not."""
    law = facts.law
    if facts.generation is None:
        return "nobody has counted yet"
    if not law.holds:
        return f"BROKEN: {law.broken[0]}" + (f"; and {len(law.broken) - 1} more" if law.broken[1:] else "")
    said = (
        f"holds: {law.arrived:,} arrived = {law.joined:,} joined + {sum(law.dead.values()):,} dead-lettered"
    )
    if law.months:
        said += (
            f"; every interval accounts for all {law.accounted['responses']:,} responses or "
            f"{law.accounted['incidents']:,} incidents of {_months(law.months)}"
        )
    return said


def _months(months: Sequence[str]) -> str:
    names = [month.removeprefix("month:") for month in months]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def text(parts: list[Sheet], problems: Sequence[str]) -> str:
    """The screen as plain text."""
    body = "".join(plain(part) for part in parts)
    return body + "".join(f"\nPROBLEM: {printable(p)}\n" for p in problems)


def drawn(
    parts: list[Sheet],
    problems: Sequence[str],
    notes: Sequence[Note],
    width: int,
    foot: str = "",
    room: int = 8,
) -> RenderableType:
    """The screen for a terminal.

    Args:
        parts: of ``sheets``.
        problems: in red, below.
        notes: what has happened; the last ``room`` of them.
        width: columns of the terminal.
        foot: the last line.
        room: lines for notes.
    """
    shown: list[RenderableType] = [*(rich(part, width) for part in parts), Text("")]
    shown.extend(Text(f"PROBLEM: {printable(p)}", style="bold red") for p in problems)
    shown.extend(
        Text(f"{words.clock_time(at)} {printable(what)}", style="dim") for at, what in notes[-max(0, room) :]
    )
    if foot:
        shown.append(Text(foot, style="bold"))
    return Group(*shown)


def line(facts: Facts, up: Running | None) -> str:
    """All of it in one line, for where there is no terminal."""
    rate = "?" if facts.per_second is None else f"{facts.per_second:,.0f}"
    clocks = ", ".join(f"{a.agency_id} at {words.local(a.clock, a.zone)}" for a in facts.agencies)
    lag = ", ".join(f"{s.name} {words.number(s.lag)}" for s in facts.stages)
    memory = sum(procfs.memory_mb(pid) or 0 for pid in {p.pid for p in up.processes if p.pid}) if up else 0
    law = "holds" if facts.law.holds else f"BROKEN ({facts.law.broken[0]})"
    return (
        f"{words.clock_time(time.time())} {rate} events/s, {facts.law.arrived:,} arrived, "
        f"{sum(facts.law.dead.values()):,} dead letters; lag {lag or '?'}; {clocks or 'no clock yet'}; "
        f"{memory:,} MB; count law {law}"
    )
