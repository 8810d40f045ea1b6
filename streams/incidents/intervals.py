"""Every interval and exclusion of DEFINITIONS.md, 3, with the limits and standing breaches of section 5.

Each function takes what stands and gives a ``Measure``. While a response (or incident) has not ended, a
missing milestone leaves the interval open; after closing by rule it is ``never_closed``. Otherwise the
reasons are tried in the order of the definitions (``schemas/definitions``), and the first that fits names the
exclusion.
"""

from __future__ import annotations

from typing import Final

from schemas.records import Measure, Place
from schemas.times import SECOND, Micros, seconds_between
from schemas.vocabulary import Standing
from streams.incidents.handbook import Book
from streams.incidents.joining import values_of
from streams.incidents.limits import Limit, ever_red, limit_of, red
from streams.incidents.milestones import Response, View
from streams.incidents.place import Placed, place_of
from streams.incidents.state import INCIDENT, Facts

_LATE: Final = frozenset({"never_enroute", "no_arrival", "canceled"})
"""Exclusions of what never ended, which may stand as breaches all the same."""

_MEASURED: Final = Standing.MEASURED.value
_MEASURE: Final = Measure
"""As a constant of this module, which compiled code finds at once: most of what is made is one."""


def _without(reason: str, end: Micros | None, closed: Micros | None) -> Measure:
    """What a missing milestone makes of an interval.

    Excluded as ``reason`` once what is measured has ended, else ``never_closed`` once the rule closed its
    incident, else open.
    """
    if end is not None:
        return _MEASURE(-1, reason, end)
    if closed is not None:
        return _MEASURE(-1, "never_closed", closed)
    return _MEASURE()


def _span(start: Micros, end: Micros, too_long_s: int) -> Measure:
    """A measured span, or ``too_long``."""
    value = (end - start) // SECOND
    return _MEASURE(-1, "too_long", end) if value > too_long_s else _MEASURE(value, "", end)


# Per response


def turnout(
    dispatch: Micros | None,
    enroute: Micros | None,
    arrival: Micros | None,
    end: Micros | None,
    closed: Micros | None,
    too_long_s: int,
) -> Measure:
    """Dispatch -> enroute_to_scene."""
    if dispatch is None:
        return _without("dispatch_missing", end, closed)
    if enroute is None:
        return _without("never_enroute" if arrival is None else "enroute_missing", end, closed)
    if enroute < dispatch:
        return _MEASURE(-1, "enroute_before_dispatch", enroute)
    if arrival is not None and enroute > arrival:
        return _MEASURE(-1, "enroute_after_arrival", enroute)
    if enroute - dispatch < SECOND:
        return _MEASURE(-1, "turnout_zero", enroute)
    return _span(dispatch, enroute, too_long_s)


def travel(unit: Placed, end: Micros | None, closed: Micros | None, too_long_s: int) -> Measure:
    """enroute_to_scene -> on_scene; ``end`` is that of what is measured, the response or its incident."""
    times, arrival = unit.response.times, unit.arrival
    enroute = times.get("enroute_to_scene")
    if arrival is None:
        reason = "no_arrival"
        if enroute is None:
            reason = "never_enroute"
        elif "canceled_enroute" in times:
            reason = "canceled"
        return _without(reason, end, closed)
    if enroute is None:
        return _without("enroute_missing", end, closed)
    if arrival < enroute:
        return _MEASURE(-1, "arrival_before_enroute", arrival)
    if arrival - enroute < SECOND:
        return _MEASURE(-1, "travel_zero", arrival)
    return _span(enroute, arrival, too_long_s)


def _to_own_end(
    start: Micros | None,
    no_start: str,
    leaving: Micros | None,
    before: str,
    response: Response,
    closed: Micros | None,
    too_long_s: int,
) -> Measure:
    """From a milestone to ``leaving``, else to the response's own end."""
    end = response.end
    if start is None:
        return _without(no_start, end, closed)
    if leaving is None:
        if end is None or not response.own_end:
            return _without("unit_clear_missing", end, closed)
        leaving = end
    if leaving < start:
        return _MEASURE(-1, before, leaving)
    return _span(start, leaving, too_long_s)


def measure_response(
    unit: Placed, facts: Facts, rules: Book, closed: Micros | None, *, incident_over: bool
) -> dict[str, Measure]:
    """All intervals of one FIRE or EMS response, judged once the incident is over.

    ``commitment`` runs from dispatch to the response's own end, ``scene_time`` from arrival to
    enroute_to_hospital, else that end, ``hospital_turnaround`` from arrived_at_hospital to hospital_cleared,
    else that end.
    """
    response, arrival, too_long = unit.response, unit.arrival, rules.too_long_s
    times = response.times  # asked by ``times.get``, never by a ``get`` of it: compiled, that is no call
    dispatch, enroute, arrived = (
        times.get("dispatch"), times.get("enroute_to_scene"), times.get("arrived_at_hospital")
    )  # fmt: skip
    leaving, left = times.get("enroute_to_hospital"), times.get("hospital_cleared")
    measures = {
        "turnout": turnout(dispatch, enroute, arrival, response.end, closed, too_long),
        "travel": travel(unit, response.end, closed, too_long),
        "commitment": _to_own_end(
            dispatch, "dispatch_missing", None, "clear_before_dispatch", response, closed, too_long
        ),
        "scene_time": _to_own_end(
            arrival, "no_arrival", leaving, "end_before_arrival", response, closed, too_long
        ),
        "hospital_turnaround": _to_own_end(
            arrived, "not_at_hospital", left, "clear_before_hospital", response, closed, too_long
        ),
    }
    for interval in rules.response_targets:
        measure = measures[interval]
        reason = measure.reason
        if reason and reason not in _LATE and not facts.changed:
            continue  # excluded for good: no limit could make a breach of it
        start, end = _start(interval, unit), response.end
        until = measure.at or end or closed
        limit = limit_of(interval, facts, response.unit, unit.limits, rules, start, until)
        if limit is not None:
            late = (
                interval == "turnout"
                and reason == "never_enroute"
                and start is not None
                and end is not None
                and seconds_between(start, end) > limit.seconds
            )
            _judge(measure, limit, over=incident_over, late=late)
    return measures


def _start(interval: str, unit: Placed) -> Micros | None:
    """The instant an interval of a response runs from."""
    if interval == "scene_time":
        return unit.arrival
    return unit.response.times.get(_STARTS[interval])


_STARTS: Final = {
    "turnout": "dispatch",
    "travel": "enroute_to_scene",
    "commitment": "dispatch",
    "hospital_turnaround": "arrived_at_hospital",
}


def _judge(measure: Measure, limit: Limit, *, over: bool, late: bool) -> None:
    """Write the limit, and whether a breach stands once the incident is over, into the measure."""
    measure.limit = seconds = limit.seconds
    measure.binding = limit.binding
    if over:
        if measure.value > seconds:
            measure.standing = _MEASURED
        elif limit.passed is not None:
            measure.standing = Standing.PASSED_BEFORE_DOWNGRADE.value
        elif late:
            measure.standing = Standing.NEVER_ENDED.value


# Per incident


def first_arriving(units: list[Placed]) -> Placed | None:
    """The first that arrived, None where none did: a tie goes to the earlier dispatch, then to the name."""
    first: Placed | None = None
    for unit in units:
        if unit.arrival is not None and (first is None or unit.arrival_order() < first.arrival_order()):
            first = unit
    return first


def first_dispatched(units: list[Placed]) -> Placed | None:
    """The first that was dispatched, None where none was: a tie goes to the unit's name."""
    sent = [unit for unit in units if "dispatch" in unit.response.times]
    if len(sent) > 1:
        return min(sent, key=Placed.dispatch_order)
    return sent[0] if sent else None


class Due:
    """The first due of an incident: who was first of the units that count, or why nobody was.

    Attributes:
        sent: the counting responses that were sent.
        first: the first that arrived, None where none did.
    """

    __slots__ = ("first", "sent")

    def __init__(self, sent: list[Placed]) -> None:
        self.sent = sent
        self.first = first_arriving(sent)

    def missing(self, end: Micros | None, closed: Micros | None) -> Measure:
        """The measure of an interval that lacks a first arrival; ``end`` is the incident's."""
        if not self.sent:
            return _without("no_counting_unit", end, closed)
        for unit in self.sent:
            if "canceled_enroute" not in unit.response.times:
                return _without("no_arrival", end, closed)
        return _without("canceled", end, closed)

    def travel(self, case: Case) -> Measure:
        """The travel of the first arriving unit, or why there is none."""
        if self.first is None:
            return self.missing(case.seen.ended, case.closed)
        return travel(self.first, case.seen.ended, case.closed, case.rules.too_long_s)

    def clocked(self) -> Placed | None:
        """Whose clock is the incident's.

        The first arriving unit, else the first under way, else the first sent.
        """
        if self.first is not None:
            return self.first
        if not self.sent:
            return None
        under_way = [unit for unit in self.sent if "enroute_to_scene" in unit.response.times]
        if under_way:
            return min(
                under_way, key=lambda u: (u.response.times["enroute_to_scene"], *u.dispatch_order()[1:])
            )
        return min(self.sent, key=Placed.dispatch_order)


class Case:
    """An incident as it is measured: what stands, its FIRE and EMS responses, whose place it takes.

    Attributes:
        units: its FIRE and EMS responses.
        lead: the unit whose mode, class and area are the incident's: the first arriving of those that count,
            else the first dispatched; None where no unit was sent.
    """

    __slots__ = ("closed", "due", "facts", "lead", "limits", "place", "rules", "seen", "units")

    def __init__(
        self, seen: View, units: list[Placed], facts: Facts, rules: Book, closed: Micros | None
    ) -> None:
        self.seen = seen
        self.units = units
        self.facts = facts
        self.rules = rules
        self.closed = closed
        self.due = Due([unit for unit in units if unit.counts])
        lead = self.due.first
        if lead is None:
            lead = first_dispatched(units)
        self.lead = lead
        if lead is not None:
            self.place: Place = lead.place
            self.limits = lead.limits
        else:
            self.place = place = place_of({}, values_of(facts, INCIDENT), rules)
            self.limits = rules.limits(place.mode, place.class_, place.priority)


def _between(
    case: Case, start: Micros | None, no_start: str, until: Micros | None, no_end: str, before: str
) -> Measure:
    """From one milestone to another; an empty ``no_end`` where the other is the first arrival."""
    if start is None:
        return _without(no_start, case.seen.ended, case.closed)
    if until is None:
        end, closed = case.seen.ended, case.closed
        return _without(no_end, end, closed) if no_end else case.due.missing(end, closed)
    if until < start:
        return _MEASURE(-1, before, until)
    return _span(start, until, case.rules.too_long_s)


def measure_incident(case: Case) -> dict[str, Measure]:
    """All intervals of an incident in scope, judged once it is over.

    ``travel_als`` where the agency measures it.
    """
    rules, due, times, end, closed = case.rules, case.due, case.seen.times, case.seen.ended, case.closed
    ring, answer, create = times.get("call_arrival"), times.get("call_answered"), times.get("call_create")
    dispatch: Micros | None = None
    for unit in case.units:
        sent = unit.response.times.get("dispatch")
        if sent is not None and (dispatch is None or sent < dispatch):
            dispatch = sent
    arrival = due.first.arrival if due.first is not None else None
    measures = {
        "call_answering": _between(
            case, ring, "call_arrival_missing", answer, "call_answered_missing", "answered_before_arrival"
        ),
        "call_taking": _between(
            case, ring, "call_arrival_missing", create, "call_create_missing", "create_before_arrival"
        ),
        "dispatching": _between(
            case, create, "call_create_missing", dispatch, "no_dispatch", "dispatch_before_create"
        ),
        "alarm_processing": _between(
            case, answer, "call_answered_missing", dispatch, "no_dispatch", "dispatch_before_answer"
        ),
        "alarm_processing_neris": _between(
            case, ring, "call_arrival_missing", dispatch, "no_dispatch", "dispatch_before_arrival"
        ),
        "travel_first_due": due.travel(case),
        "response_first_due": _between(case, dispatch, "no_dispatch", arrival, "", "arrival_before_dispatch"),
        "total_response": _between(case, ring, "call_arrival_missing", arrival, "", "arrival_before_call"),
    }
    als = due
    if rules.measure_als:
        als = Due([unit for unit in case.units if unit.als])
        measures["travel_als"] = als.travel(case)
    over = end is not None or closed is not None
    for interval in rules.incident_targets:
        measure = measures.get(interval)
        if measure is None or (measure.reason and measure.reason not in _LATE and not case.facts.changed):
            continue  # excluded for good: no limit could make a breach of it
        if interval == "travel_first_due":
            _judge_first_due(case, interval, due, measure, over=over)
        elif interval == "travel_als":
            _judge_first_due(case, interval, als, measure, over=over)
        elif not measure.reason:  # a time nobody records is no breach, however often the call was downgraded
            start = ring
            if interval == "dispatching":
                start = create
            elif interval == "alarm_processing":
                start = answer
            elif interval == "response_first_due":
                start = dispatch
            unit_id = case.lead.response.unit if case.lead is not None else INCIDENT
            limit = limit_of(
                interval,
                case.facts,
                unit_id,
                case.limits,
                rules,
                start,
                measure.at or end,
            )
            if limit is not None:
                _judge(measure, limit, over=over, late=False)
    return measures


def _judge_first_due(case: Case, interval: str, due: Due, measure: Measure, *, over: bool) -> None:
    """Each unit has its own limit from its own enroute; one that can still make it keeps the breach away."""
    unit = due.clocked()
    limit = own_limit(case, interval, unit) if unit is not None else None
    if limit is None:
        return
    late = False
    if due.first is None and over:
        clocks = [(u, own_limit(case, interval, u)) for u in due.sent]
        under_way = [
            (enroute, end, own.seconds if own is not None else None)
            for u, own in clocks
            if (enroute := u.response.times.get("enroute_to_scene")) is not None
            and (end := u.response.end if u.response.end is not None else case.closed) is not None
        ]
        late = case.seen.ended is not None and ever_red(under_way)
        downgrades = [own.passed for _, own in clocks if own is not None and own.passed is not None]
        passed = next((moment for moment in downgrades if red(under_way, moment)), None)
        limit = Limit(limit.seconds, binding=limit.binding, passed=passed)
    _judge(measure, limit, over=over, late=late)


def own_limit(case: Case, interval: str, unit: Placed) -> Limit | None:
    """A unit's own limit for first due, from its own enroute."""
    response = unit.response
    until = unit.arrival
    if until is None:
        until = response.end if response.end is not None else case.closed
    return limit_of(
        interval,
        case.facts,
        response.unit,
        unit.limits,
        case.rules,
        response.times.get("enroute_to_scene"),
        until,
    )
