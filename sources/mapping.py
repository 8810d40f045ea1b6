"""Rows to events, by a profile. Pure: cells in, drafts and problems out.

One row becomes one milestone event for each filled milestone column, and one change event for each thing it
speaks of (its unit, its incident), holding all attributes. What is wrong with a cell costs that cell; a row
without an incident id, or without any time, costs the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from schemas.times import Micros
from schemas.vocabulary import OUTCOMES, UNIT_MILESTONES
from sources.draft import Draft, Kind
from sources.localtime import YEAR_MAX, YEAR_MIN, Parser, first_that_reads, on_day, parser, resolve
from sources.problems import Problem, Reason, shortened
from sources.profile import (
    ID_CHARS_MAX,
    MEDIATION_ORDER,
    OF_MEDIATION,
    OF_UNITS_ALONE,
    ROW_ORDER,
    VALUE_CHARS_MAX,
    VOCABULARY,
    AttributeRule,
    Profile,
    TimeOfDay,
)
from sources.reading import Row

_packed = msgspec.msgpack.Encoder(order="sorted").encode
_UNITS = frozenset((*UNIT_MILESTONES, *(f"{OF_MEDIATION}{name}" for name in UNIT_MILESTONES)))


class Mapped(NamedTuple):
    """What a row became.

    Attributes:
        line: where it begins.
        call: its call time (``call_create``, else ``call_arrival``, else its earliest milestone); None: a
            lost row.
        milestones: name to instant, in the order of a call's life.
    """

    line: int
    call: Micros | None
    milestones: dict[str, Micros]
    drafts: list[Draft]
    problems: list[Problem]


class _Unreadable(Exception):
    """A cell says no time."""

    def __init__(self, column: str, value: str, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.value = value
        self.reason = reason
        self.detail = detail

    def problem(self, line: int) -> Problem:
        return Problem(line, self.column, shortened(self.value), self.reason, self.detail, False)


_Reader = Callable[[list[str], Micros | None], Micros | None]
"""Cells and the nearest milestone before it to an instant; None where the cell is empty."""


class Mapper:
    """Rows of one file to events.

    Args:
        profile: how.
        at: column to position (``reading.positions``).
        agency_id: instead of the profile's.
        source_id: instead of the profile's.
    """

    def __init__(
        self,
        profile: Profile,
        at: Mapping[str, int],
        agency_id: str | None = None,
        source_id: str | None = None,
    ) -> None:
        self.agency_id = agency_id or profile.agency
        self.source_id = source_id or profile.source
        self._profile = profile
        self._at = at
        self._incident = at[profile.incident]
        self._unit = at[profile.unit] if profile.unit else None
        self._readers = [
            (n, self._reader(profile.milestones[n])) for n in ROW_ORDER if n in profile.milestones
        ]
        log = profile.mediation
        self._readers += [
            (f"{OF_MEDIATION}{n}", self._stamp(log.steps[n])) for n in MEDIATION_ORDER if n in log.steps
        ]
        written = {"outcome": log.outcome, "police_on_scene": log.police_on_scene}
        self._wrote = [(n, rule, at.get(rule.column, -1)) for n, rule in written.items() if rule is not None]
        self._recorded = self._stamp(profile.recorded_at) if profile.recorded_at else None
        self._disposition = at[profile.disposition] if profile.disposition else None
        self._rules = [(name, rule, at.get(rule.column, -1)) for name, rule in profile.attributes.items()]

    def __call__(self, row: Row) -> Mapped:
        """One row's events."""
        line, cells = row
        problems: list[Problem] = []
        lost = self._without_incident(line, cells[self._incident].strip())
        if lost is not None:
            return Mapped(line, None, {}, [], [lost])
        unit, bad_unit = self._unit_of(line, cells)
        if bad_unit is not None:
            problems.append(bad_unit)
        times = self._times(line, cells, unit, problems)
        if not times:
            problems.append(
                Problem(line, "", "", Reason.NO_TIME, "no milestone of the row can be read", True)
            )
            return Mapped(line, None, {}, [], problems)
        recorded = self._recorded_at(line, cells, max(times.values()), problems)
        drafts = self._drafts(line, cells, unit, times, recorded, problems)
        call = times.get("call_create", times.get("call_arrival"))
        return Mapped(line, min(times.values()) if call is None else call, times, drafts, problems)

    # ---------------------------------------------------------------------------------------- ids

    def _without_incident(self, line: int, incident: str) -> Problem | None:
        column = self._profile.incident
        if not incident:
            return Problem(line, column, "", Reason.NO_INCIDENT_ID, "a row belongs to an incident", True)
        if len(incident) > ID_CHARS_MAX:
            detail = f"an incident id has at most {ID_CHARS_MAX} characters"
            return Problem(line, column, shortened(incident), Reason.TOO_LONG, detail, True)
        return None

    def _unit_of(self, line: int, cells: list[str]) -> tuple[str | None, Problem | None]:
        if self._unit is None:
            return None, None
        unit = cells[self._unit].strip()
        if len(unit) > ID_CHARS_MAX:
            detail = f"a unit id has at most {ID_CHARS_MAX} characters"
            return None, Problem(line, self._profile.unit, shortened(unit), Reason.TOO_LONG, detail, False)
        return unit or None, None

    # --------------------------------------------------------------------------------------- times

    def _times(
        self, line: int, cells: list[str], unit: str | None, problems: list[Problem]
    ) -> dict[str, Micros]:
        found: dict[str, Micros] = {}
        before: Micros | None = None
        for name, read in self._readers:
            try:
                instant = read(cells, before)
            except _Unreadable as exc:
                problems.append(exc.problem(line))
                continue
            if instant is None:
                continue
            if unit is None and name in _UNITS:
                detail = f"{name} is a unit's, and the row names none"
                problems.append(Problem(line, self._profile.unit, "", Reason.NO_UNIT_ID, detail, False))
                continue
            found[name] = before = instant
        return found

    def _recorded_at(
        self, line: int, cells: list[str], latest: Micros, problems: list[Problem]
    ) -> Micros | None:
        if self._recorded is None:
            return None
        try:
            # A row is written after what it tells of, which settles an hour that occurs twice.
            return self._recorded(cells, latest)
        except _Unreadable as exc:
            problems.append(exc.problem(line))
            return None

    def _reader(self, spec: str | TimeOfDay) -> _Reader:
        if isinstance(spec, str):
            return self._stamp(spec)
        clock = self._read(spec.time, self._profile.times.clocks, check_year=False)
        day_column = spec.date or self._profile.times.day
        day = self._read(day_column, self._profile.times.dates)

        def read(cells: list[str], before: Micros | None) -> Micros | None:
            time = clock(cells)
            if time is None:
                return None
            date = day(cells)
            if date is None:
                value = cells[self._at[spec.time]].strip()
                raise _Unreadable(spec.time, value, Reason.NO_DATE, f"{day_column!r}, its date, is empty")
            if spec.date:
                return resolve(datetime.combine(date.date(), time.timetz()), before)
            return on_day(date, time, before)

        return read

    def _stamp(self, column: str) -> _Reader:
        wall = self._read(column, self._profile.times.formats)

        def read(cells: list[str], before: Micros | None) -> Micros | None:
            found = wall(cells)
            return None if found is None else resolve(found, before)

        return read

    def _read(
        self, column: str, formats: tuple[str, ...], *, check_year: bool = True
    ) -> Callable[[list[str]], datetime | None]:
        at = self._at[column]
        parse: Parser = first_that_reads(tuple(parser(form, self._profile.zone) for form in formats))
        expected = " or ".join(formats)

        def read(cells: list[str]) -> datetime | None:
            text = cells[at].strip()
            if not text:
                return None
            try:
                wall = parse(text)
            except (ValueError, OverflowError):
                raise _Unreadable(column, text, Reason.UNREADABLE_TIME, f"not {expected}") from None
            if check_year and not YEAR_MIN <= wall.year <= YEAR_MAX:
                detail = f"not from {YEAR_MIN} to {YEAR_MAX}"
                raise _Unreadable(column, text, Reason.TIME_OUT_OF_RANGE, detail)
            return wall

        return read

    # -------------------------------------------------------------------------------------- events

    def _drafts(
        self,
        line: int,
        cells: list[str],
        unit: str | None,
        times: dict[str, Micros],
        recorded: Micros | None,
        problems: list[Problem],
    ) -> list[Draft]:
        incident = cells[self._incident].strip()
        drafts: list[Draft] = []

        def say(kind: Kind, of: str | None, says: str | dict[str, str], occurred: Micros) -> None:
            # The id is the content: the same file twice, or a row twice, is the same events again.
            content = (self.agency_id, self.source_id, incident, of, kind, says, occurred, recorded)
            event_id = blake2b(_packed(content), digest_size=12).hexdigest()
            due = occurred if recorded is None else recorded
            drafts.append(Draft(due, line, occurred, recorded, event_id, incident, of, kind, says))

        for name, instant in times.items():
            step = name.removeprefix(OF_MEDIATION)
            if step == name:
                say("milestone", unit if name in _UNITS else None, name, instant)
            elif name in _UNITS:
                say("mediation_unit", unit, step, instant)
            else:
                say("mediation", None, step, instant)
        if wrote := self._written(line, cells, problems):
            # What was written is of the end of the row's work; without a step, of its last time.
            say("mediation_outcome", unit, wrote, max(times.values()))
        earliest = min(times.values())
        of_unit, of_incident = self._attributes(line, cells, unit, problems)
        if of_incident:
            say("change", None, of_incident, earliest)
        if of_unit:
            say("change", unit, of_unit, earliest)
        if self._disposition is not None and (text := cells[self._disposition].strip()):
            if len(text) <= VALUE_CHARS_MAX:
                say("disposition", None, text, earliest)
            else:
                problems.append(_too_long(line, self._profile.disposition, text))
        return drafts

    def _written(self, line: int, cells: list[str], problems: list[Problem]) -> dict[str, str]:
        """The outcome, and what was written of police."""
        found = {}
        for name, rule, at in self._wrote:
            value = coded(rule, cells[at].strip() if at >= 0 else "")
            allowed = OUTCOMES if name == "outcome" else ("true", "false")
            if value is not None and value not in allowed:
                detail = f"{name} is one of {', '.join(allowed)}; codes can translate it"
                problems.append(
                    Problem(line, rule.column, shortened(value), Reason.NOT_IN_VOCABULARY, detail, False)
                )
            elif value is not None:
                found[name] = value
        return found

    def _attributes(
        self, line: int, cells: list[str], unit: str | None, problems: list[Problem]
    ) -> tuple[dict[str, str], dict[str, str]]:
        of_unit: dict[str, str] = {}
        of_incident: dict[str, str] = {}
        for name, rule, at in self._rules:
            said = cells[at].strip() if at >= 0 else ""
            value = coded(rule, said)
            if value is None:
                continue
            if len(value) > VALUE_CHARS_MAX:
                problems.append(_too_long(line, rule.column, value))
                continue
            if name in VOCABULARY and value not in VOCABULARY[name]:
                if value.lower() not in VOCABULARY[name]:
                    detail = f"{name} is one of {', '.join(VOCABULARY[name])}; codes can translate it"
                    problems.append(
                        Problem(line, rule.column, shortened(value), Reason.NOT_IN_VOCABULARY, detail, False)
                    )
                    continue
                value = value.lower()
            if unit is not None and rule.of != "incident":
                of_unit[name] = value
            elif name not in OF_UNITS_ALONE:
                of_incident[name] = value
        return of_unit, of_incident


def coded(rule: AttributeRule, said: str) -> str | None:
    """What a cell says of an attribute; None: nothing.

    >>> coded(AttributeRule(column="P", codes={"3": "EMERGENT"}, default="NON_EMERGENT"), "2")
    'NON_EMERGENT'
    """
    if rule.codes:
        found = rule.codes.get(said)
        if found is not None:
            return found
        if not rule.keep:
            return rule.default
    return said or rule.default


def _too_long(line: int, column: str, value: str) -> Problem:
    detail = f"at most {VALUE_CHARS_MAX} characters"
    return Problem(line, column, shortened(value), Reason.TOO_LONG, detail, False)
