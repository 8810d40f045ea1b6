"""What a profile makes of a file, without writing anything: what ``watchroom profile check`` says."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from schemas.times import Micros
from schemas.vocabulary import UNIT_MILESTONES
from sources.mapping import Mapped, Mapper, coded
from sources.ordering import Calendar
from sources.pace import LEAP
from sources.problems import Problem, Problems
from sources.profile import OF_MEDIATION, Profile
from sources.reading import Export, Row, opened, positions
from sources.replay import Progress
from sources.replay import Report as Tell

INCIDENTS_COUNTED_MAX = 1_000_000
VALUES_COUNTED_MAX = 1_000
_REPORT_EVERY = 1_000

_UNITS = frozenset((*UNIT_MILESTONES, *(f"{OF_MEDIATION}{name}" for name in UNIT_MILESTONES)))


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        uses: column to what is read from it; columns that are not read have an empty list.
        incidents: distinct ids; at most ``INCIDENTS_COUNTED_MAX``.
        with_unit: rows that name a unit.
        milestones: name to rows that have it.
        backwards: (earlier, later) milestones to rows in which the later one lies before the earlier.
        values: attribute to its values, counted.
        uncoded: attribute to the values its codes do not list, counted.
        leap: the first two neighbours in time more than 30 days apart, and events from there on.
    """

    header: list[str]
    uses: dict[str, list[str]]
    rows: int = 0
    with_unit: int = 0
    events: int = 0
    incidents: int = 0
    milestones: Counter[str] = field(default_factory=Counter)
    backwards: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    uncoded: dict[str, Counter[str]] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    first: Micros | None = None
    last: Micros | None = None
    leap: tuple[Micros, Micros, int] | None = None

    def missing(self) -> dict[str, int]:
        """Milestone to readable rows without it; of a unit's, among rows that name one."""
        readable = self.rows - self.problems.bad_rows
        return {
            name: (self.with_unit if name in _UNITS else readable) - count
            for name, count in self.milestones.items()
        }


def inspect(path: Path, profile: Profile, tell: Tell = lambda _: None) -> Report:
    """Read all of a file.

    Args:
        path: the export.
        profile: how it is read.
        tell: told how far it has come, every so many rows.

    Raises:
        BadInput: the file cannot be read as what the profile says.
    """
    seen: set[int] = set()
    calendar = Calendar()
    begun = time.monotonic()
    with opened(path) as file:
        export = Export(file, profile.file)
        at = positions(export, profile)
        mapper = Mapper(profile, at)
        uses = profile.uses()
        report = Report(export.header, {c: uses.get(c, []) for c in export.header})
        steps = (f"{OF_MEDIATION}{name}" for name in profile.mediation.steps)
        report.milestones = Counter(dict.fromkeys((*profile.milestones, *steps), 0))
        for item in export.rows():
            report.rows += 1
            if report.rows % _REPORT_EVERY == 0:
                passed = max(1e-9, time.monotonic() - begun)
                share = file.share()
                left = passed * (1 - share) / share if share else None
                tell(Progress("reading", report.rows, report.events, share, None, report.rows / passed, left))
            if isinstance(item, Problem):
                report.problems.add(item)
                continue
            mapped = mapper(item)
            _count(report, mapped, calendar)
            if mapped.call is not None:
                _count_uncoded(report, item, profile, at)
                if len(seen) < INCIDENTS_COUNTED_MAX:
                    seen.add(hash(mapped.drafts[0].incident_id))
    report.incidents = len(seen)
    if calendar:
        report.first, report.last = calendar.first, calendar.last
        if leap := calendar.leap(LEAP):
            report.leap = (*leap, calendar.count_from(leap[1]))
    return report


def _count(report: Report, mapped: Mapped, calendar: Calendar) -> None:
    for problem in mapped.problems:
        report.problems.add(problem)
    report.events += len(mapped.drafts)
    report.milestones.update(mapped.milestones.keys())
    before: tuple[str, Micros] | None = None
    for name, instant in mapped.milestones.items():
        if before is not None and instant < before[1]:
            report.backwards[before[0], name] += 1
        before = (name, instant)
    if any(draft.unit_id is not None for draft in mapped.drafts):
        report.with_unit += 1
    for draft in mapped.drafts:
        calendar.add(draft.due)
        if isinstance(draft.says, dict):
            for name, value in draft.says.items():
                _bounded(report.values.setdefault(name, Counter()), value)


def _count_uncoded(report: Report, row: Row, profile: Profile, at: dict[str, int]) -> None:
    for name, rule in profile.attributes.items():
        if rule.codes and (said := row.cells[at[rule.column]].strip()) not in rule.codes:
            became = coded(rule, said)
            shown = f"{said or '(empty)'} -> {became if became is not None else 'nothing said'}"
            _bounded(report.uncoded.setdefault(name, Counter()), shown)


def _bounded(counts: Counter[str], value: str) -> None:
    if value in counts or len(counts) < VALUES_COUNTED_MAX:
        counts[value] += 1
    else:
        counts["(others)"] += 1
