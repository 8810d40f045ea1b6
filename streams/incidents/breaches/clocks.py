"""The clocks of one incident, read at an instant. Stateless: the same facts and instant, the same reading.

A running clock is amber from 80 % of its limit on, and red once a whole second past it. First due looks at
every counting unit: it is red when at least one is under way and the deadline of every one has passed, and
stays so whoever sets out afterwards, for the arrival decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from schemas.keys import breach_part
from schemas.records import Measure, Place
from schemas.times import SECOND, Micros
from schemas.vocabulary import Withdrawal
from streams.incidents.handbook import Book, Handbook, Limits
from streams.incidents.intervals import Case, Due, measure_incident, measure_response, own_limit
from streams.incidents.joining import combined, cycle_through, holdings_of, merged_into, values_of
from streams.incidents.limits import UnderWay, red
from streams.incidents.milestones import SILENCE, view
from streams.incidents.place import Placed
from streams.incidents.state import INCIDENT, NEVER, Facts, Incident

AMBER_MICROS: Final = SECOND * 8 // 10
"""80 % of each second of a limit."""


class Level(IntEnum):
    """How far a clock is."""

    NONE = 0
    AMBER = 1
    RED = 2
    OVER = 3
    """Ended, and a breach."""
    ENDED = 4
    """Ended, and none: ``reason`` says why."""


Name = tuple[str, int, str]
"""(unit or ``INCIDENT``, ordinal, interval)"""


class Reading:
    """One clock at an instant. A plain class: compiled code makes and reads it without Python.

    Attributes:
        level: how far it is.
        place: of its unit, or of the incident's leading one.
        units: whom it is about.
        started: what it runs from; ``limit`` whole seconds, -1 where none binds.
        amber_at: when it becomes amber; ``deadline`` what a breach is dated at.
        ended: the end of the interval, 0 while it runs; ``value`` its seconds, -1 where not measured.
        standing: why a breach stands, once the incident is over.
        reason: why there is none, where somebody may have thought so.
    """

    __slots__ = (
        "amber_at", "deadline", "ended", "level", "limit", "place", "reason", "standing", "started", "units",
        "value",
    )  # fmt: skip

    def __init__(
        self,
        level: Level,
        place: Place,
        units: tuple[str, ...],
        started: Micros = 0,
        limit: int = -1,
        amber_at: Micros = 0,
        deadline: Micros = 0,
        ended: Micros = 0,
        value: int = -1,
        standing: str = "",
        reason: str = "",
    ) -> None:
        self.level = level
        self.place = place
        self.units = units
        self.started = started
        self.limit = limit
        self.amber_at = amber_at
        self.deadline = deadline
        self.ended = ended
        self.value = value
        self.standing = standing
        self.reason = reason


class Look:
    """All clocks of an incident at an instant.

    Attributes:
        readings: of the clocks there are, by name.
        gone: why a clock that was there is none of these.
        again: when to look again if nothing is said till then.
        remembered: the parts of the keys of what was opened; of any other clock that has come to nothing, or
            to which nothing binds, there is no reading.
    """

    __slots__ = ("again", "facts", "gone", "over", "readings", "remembered")

    def __init__(self, facts: Facts, gone: str, remembered: Collection[str] = ()) -> None:
        self.facts = facts
        self.remembered = remembered
        self.readings: dict[Name, Reading] = {}
        self.gone = gone
        self.again: Micros = NEVER
        self.over = False

    def wake(self, instant: Micros, clock: Micros) -> None:
        """Look again at an instant, if that is to come."""
        if clock < instant < self.again:
            self.again = instant

    def nothing_of(self, unit: str, ordinal: int, interval: str) -> bool:
        """Whether nothing was opened by that name, so that a clock that came to nothing needs no reading."""
        return not self.remembered or breach_part(unit, ordinal, interval) not in self.remembered


class Made:
    """An incident that was measured a moment ago, by a clock that had not closed it by rule.

    Attributes:
        case: what stands of it.
        incident: its measures, None where it was not over.
        responses: those of its responses by unit and ordinal, all of them, none where it was not over.
    """

    __slots__ = ("case", "incident", "responses")

    def __init__(
        self,
        case: Case,
        incident: Mapping[str, Measure] | None,
        responses: Mapping[tuple[str, int], Mapping[str, Measure]],
    ) -> None:
        self.case = case
        self.incident = incident
        self.responses = responses


def look(incident: Incident, handbook: Handbook, clock: Micros, made: Made | None = None) -> Look:
    """Read all clocks of an incident."""
    holdings = holdings_of(incident) if incident.absorbed else {}
    facts = combined(incident, holdings)
    if _merged(incident, holdings):
        return Look(facts, Withdrawal.MERGED)
    seen = view(facts) if made is None else made.case.seen
    rules = handbook.at(seen.call_at or seen.began) if made is None else made.case.rules
    found = Look(facts, Withdrawal.CORRECTED, incident.breaches)
    if not rules.response_clocks and not rules.incident_clocks:
        return found
    closed = seen.closed_at(clock)
    if made is None:
        of_incident = values_of(facts, INCIDENT)
        units = [Placed(response, facts, of_incident, rules) for response in seen.responses]
        case = Case(seen, [unit for unit in units if unit.in_scope], facts, rules, closed)
        made = Made(case, None, {})
    case = made.case
    in_scope = case.units
    if len(in_scope) < len(seen.responses):
        found.gone = Withdrawal.OUT_OF_SCOPE
    found.over = seen.ended is not None or closed is not None
    if not found.over:
        found.wake(seen.last_recorded + SILENCE, clock)
    if rules.response_clocks:
        for unit in in_scope:
            measures = made.responses.get((unit.response.unit, unit.response.ordinal))
            _of_response(found, unit, facts, rules, closed, clock, measures)
    if rules.incident_clocks and (in_scope or (not seen.responses and seen.times)):
        _of_incident(found, case, clock, made.incident)
    return found


def _merged(incident: Incident, holdings: dict[str, tuple[list[str], Facts]]) -> bool:
    if not merged_into(incident):
        return False
    cycle = cycle_through(incident, holdings) if holdings else []
    return not cycle or incident.incident_id != min(cycle)


# Per response

_RESPONSE_STARTS: Final = {
    "turnout": "dispatch",
    "travel": "enroute_to_scene",
    "commitment": "dispatch",
    "hospital_turnaround": "arrived_at_hospital",
}


def _of_response(
    found: Look,
    unit: Placed,
    facts: Facts,
    rules: Book,
    closed: Micros | None,
    clock: Micros,
    measures: Mapping[str, Measure] | None,
) -> None:
    response = unit.response
    for interval in rules.response_clocks:
        start = unit.arrival if interval == "scene_time" else response.times.get(_RESPONSE_STARTS[interval])
        if not facts.changed and found.nothing_of(response.unit, response.ordinal, interval):
            end = unit.arrival if interval == "travel" else None
            if interval == "turnout":
                end = response.times.get("enroute_to_scene")
            if _within(interval, unit.limits, start, end):
                continue
        if measures is None:
            # As if the incident were over: a unit that was cancelled has ended its turnout, whatever others
            # still do.
            measures = measure_response(unit, facts, rules, closed, incident_over=True)
        measure = measures[interval]
        overtaken = "enroute_missing" if interval == "turnout" and unit.arrival is not None else ""
        reading = _simple(found, measure, start, overtaken, unit.place, (response.unit,), clock)
        if reading is not None:
            found.readings[response.unit, response.ordinal, interval] = reading


def _within(interval: str, limits: Limits, start: Micros | None, end: Micros | None) -> bool:
    """Whether an interval whose limit never changed can be no breach, whatever else is said of it.

    So it is where it has not begun, where no target binds it, and where it ended in time (or is excluded).
    """
    if start is None:
        return True
    limit = limits.get(interval)
    return limit is None or (end is not None and end - start < (limit + 1) * SECOND)


def _simple(
    found: Look,
    measure: Measure,
    start: Micros | None,
    overtaken: str,
    place: Place,
    units: tuple[str, ...],
    clock: Micros,
) -> Reading | None:
    """A clock from one milestone to another; None where there is nothing to run from.

    ``overtaken`` is the exclusion that an end never recorded will come to, once what follows it was recorded.
    """
    limit = measure.limit
    if start is None or limit < 0:
        if measure.reason:
            return Reading(Level.ENDED, place, units, ended=measure.at, reason=measure.reason)
        if start is not None:  # nothing binds it (any more)
            reason = Withdrawal.DOWNGRADED if found.facts.changed else Withdrawal.CORRECTED
            if measure.measured:
                return Reading(Level.ENDED, place, units, start, ended=measure.at, reason=reason)
            return Reading(Level.NONE, place, units, start, reason=reason)
        return None
    amber_at, deadline = start + limit * AMBER_MICROS, start + limit * SECOND
    if not measure.open:
        return _ended(found, measure, start, amber_at, deadline, place, units)
    if overtaken:
        return Reading(Level.ENDED, place, units, start, limit, amber_at, deadline, reason=overtaken)
    level = _level(clock, amber_at, deadline)
    if level < Level.RED:
        found.wake(deadline + SECOND if level else amber_at, clock)
    return Reading(level, place, units, start, limit, amber_at, deadline)


def _level(clock: Micros, amber_at: Micros, deadline: Micros) -> Level:
    """How far a clock is; exactly at the limit is within, past means one whole second more."""
    if clock >= deadline + SECOND:
        return Level.RED
    return Level.AMBER if clock >= amber_at else Level.NONE


def _ended(
    found: Look,
    measure: Measure,
    start: Micros,
    amber_at: Micros,
    deadline: Micros,
    place: Place,
    units: tuple[str, ...],
) -> Reading:
    """A clock whose interval was measured or excluded."""
    breach = bool(measure.standing) or measure.value > measure.limit
    reason = "" if breach else measure.reason or Withdrawal.MEASURED_WITHIN.value
    return Reading(
        Level.OVER if breach else Level.ENDED,
        place,
        units,
        start,
        measure.limit,
        amber_at,
        deadline,
        measure.at,
        measure.value,
        measure.standing if found.over else "",
        reason,
    )


# Per incident


def _of_incident(found: Look, case: Case, clock: Micros, measures: Mapping[str, Measure] | None) -> None:
    for interval in case.rules.incident_clocks:
        unknown = found.nothing_of(INCIDENT, 1, interval)
        due, start, overtaken = case.due, None, ""
        of_units = interval in ("travel_first_due", "travel_als")
        if of_units:
            if interval == "travel_als":
                due = Due([unit for unit in case.units if unit.als])
            if unknown and not case.facts.changed and _first_due_within(interval, due):
                continue
        else:
            start, overtaken = _incident_start(case, interval)
            if unknown and start is None:
                continue
        if measures is None:
            measures = measure_incident(case)
        measure = measures.get(interval)
        if measure is None:
            continue
        if of_units:
            reading = _first_due(found, case, interval, due, measure, clock)
        else:
            units = tuple(unit.response.unit for unit in case.units)
            reading = _simple(found, measure, start, overtaken, case.place, units, clock)
        if reading is not None:
            found.readings[INCIDENT, 1, interval] = reading


def _first_due_within(interval: str, due: Due) -> bool:
    """Whether first due can be no breach: nobody has set out, or the first arrived in time."""
    if due.first is None:
        return not any("enroute_to_scene" in unit.response.times for unit in due.sent)
    first = due.first
    return _within(interval, first.limits, first.response.times.get("enroute_to_scene"), first.arrival)


def _incident_start(case: Case, interval: str) -> tuple[Micros | None, str]:
    """What an interval of an incident runs from, and what it comes to if its end was passed over."""
    times = case.seen.times
    sent = [at for unit in case.units if (at := unit.response.times.get("dispatch")) is not None]
    if interval == "call_answering":
        gone_on = "call_create" in times or bool(sent)
        return times.get("call_arrival"), "call_answered_missing" if gone_on else ""
    if interval == "call_taking":
        return times.get("call_arrival"), "call_create_missing" if sent else ""
    if interval == "dispatching":
        return times.get("call_create"), ""
    if interval == "alarm_processing":
        return times.get("call_answered"), ""
    if interval == "response_first_due":
        return min(sent, default=None), ""
    return times.get("call_arrival"), ""


class _Unit(NamedTuple):
    """A counting unit that set out."""

    name: str
    enroute: Micros
    end: Micros
    limit: int | None

    @property
    def amber_at(self) -> Micros:
        return NEVER if self.limit is None else self.enroute + self.limit * AMBER_MICROS

    @property
    def deadline(self) -> Micros:
        return NEVER if self.limit is None else self.enroute + self.limit * SECOND

    def under_way(self) -> UnderWay:
        return self.enroute, self.end, self.limit


def _first_due(
    found: Look, case: Case, interval: str, due: Due, measure: Measure, clock: Micros
) -> Reading | None:
    """First due: every counting unit has its own deadline, and one that can still make it keeps it away."""
    units = list(_set_out(case, interval, due))
    names = tuple(sorted({unit.name for unit in units}))
    if not measure.open:
        return _first_due_ended(found, case, due, measure, units, names)
    if due.first is not None:  # arrived, and nobody saw it set out
        return Reading(Level.ENDED, case.place, names, reason="enroute_missing")
    if not units:
        return None
    there = [unit for unit in units if unit.enroute <= clock < unit.end]
    bound = [unit for unit in units if unit.limit is not None]
    if not bound:
        gone = Withdrawal.DOWNGRADED if found.facts.changed else Withdrawal.CORRECTED
        return Reading(Level.NONE, case.place, names, reason=gone)
    for unit in bound:
        if unit.end > clock:
            found.wake(unit.amber_at, clock)
            found.wake(unit.deadline + SECOND, clock)
    earliest = min(bound, key=lambda unit: (unit.deadline, unit.name))
    lost = _lost_at(units, clock)
    since = _since(units, there)
    amber = [unit.amber_at for unit in bound if unit.amber_at < unit.end and unit.end > since]
    amber_at = min(amber, default=earliest.amber_at)
    level, reason = Level.NONE, ""
    if lost is not None:
        level = Level.RED
    elif not there:
        reason = Withdrawal.DIVERTED.value
    elif amber_at <= clock:
        level = Level.AMBER
    limit = earliest.limit
    assert limit is not None
    deadline = lost if lost is not None else max(unit.deadline for unit in there or units)
    if deadline >= NEVER:
        deadline = earliest.deadline
    who = tuple(sorted({unit.name for unit in there})) or names
    return Reading(level, case.place, who, earliest.enroute, limit, amber_at, deadline, reason=reason)


def _set_out(case: Case, interval: str, due: Due) -> Iterator[_Unit]:
    for unit in due.sent:
        enroute = unit.response.times.get("enroute_to_scene")
        if enroute is None:
            continue
        end = unit.response.end if unit.response.end is not None else case.closed
        own = own_limit(case, interval, unit)
        yield _Unit(unit.response.unit, enroute, NEVER if end is None else end, own.seconds if own else None)


def _since(units: Sequence[_Unit], there: Sequence[_Unit]) -> Micros:
    """Since when somebody has been under way without a gap; who left before then is of no concern now."""
    since = min((unit.enroute for unit in there), default=-NEVER)
    while True:
        before = min((u.enroute for u in units if u.enroute < since < u.end), default=since)
        if before == since:
            return since
        since = before


def _lost_at(units: Sequence[_Unit], clock: Micros) -> Micros | None:
    """When first due was lost: the deadline that passed last, or the leaving of who could have made it."""
    under_way = [unit.under_way() for unit in units]
    passing = [(u.deadline + SECOND, u.deadline) for u in units if u.limit is not None]
    leaving = [(u.end, u.end) for u in units]
    for instant, dated in sorted((*passing, *leaving)):
        if instant > clock:
            return None
        if red(under_way, instant):
            return dated
    return None


def _first_due_ended(
    found: Look,
    case: Case,
    due: Due,
    measure: Measure,
    units: list[_Unit],
    names: tuple[str, ...],
) -> Reading | None:
    """First due after the first arrival, or after the end without one."""
    clocked = due.clocked()
    start = clocked.response.times.get("enroute_to_scene") if clocked is not None else None
    if measure.limit < 0 or start is None or clocked is None:
        reason = measure.reason or Withdrawal.DOWNGRADED
        return Reading(Level.ENDED, case.place, names, ended=measure.at, value=measure.value, reason=reason)
    amber_at, deadline = start + measure.limit * AMBER_MICROS, start + measure.limit * SECOND
    if due.first is not None:
        names = (due.first.response.unit,)
    else:
        lost = _lost_at(units, NEVER - 1)
        deadline = deadline if lost is None else lost
    return _ended(found, measure, start, amber_at, deadline, case.place, names)
