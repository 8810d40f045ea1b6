"""Every interval and exclusion of DEFINITIONS.md, 3, with the limits and standing breaches of section 5.

Each function takes what stands and gives a ``Measure``. While a response (or incident) has not ended, a
missing milestone leaves the interval open; after closing by rule it is ``never_closed``. Otherwise the
reasons are tried in the order of the definitions (``schemas/definitions``), and the first that fits names the
exclusion.
"""

from __future__ import annotations

from schemas.agency import Rules
from schemas.records import Measure
from schemas.times import SECOND, Micros, seconds_between
from schemas.vocabulary import Standing
from streams.incidents.limits import Limit, ever_red, limit_of, red
from streams.incidents.milestones import View
from streams.incidents.place import Placed, place_of
from streams.incidents.state import INCIDENT, Facts

_LATE = frozenset({"never_enroute", "no_arrival", "canceled"})
"""Exclusions of what never ended, which may stand as breaches all the same."""


class Ended:
    """How far the thing measured is: its end, the closing by rule, or neither.

    Attributes:
        end: its own end, None while it has none.
        closed: when the rule closed its incident, None before.
    """

    __slots__ = ("closed", "end")

    def __init__(self, end: Micros | None, closed: Micros | None) -> None:
        self.end = end
        self.closed = closed

    def without(self, reason: str) -> Measure:
        """What a missing milestone makes of an interval.

        Open, ``never_closed``, or excluded as ``reason``.
        """
        if self.end is not None:
            return Measure(-1, reason, self.end)
        if self.closed is not None:
            return Measure(-1, "never_closed", self.closed)
        return Measure()


def _span(start: Micros, end: Micros, too_long_s: int) -> Measure:
    """A measured span, or ``too_long``."""
    value = (end - start) // SECOND
    return Measure(-1, "too_long", end) if value > too_long_s else Measure(value, "", end)


# Per response


def turnout(unit: Placed, ended: Ended, rules: Rules) -> Measure:
    """Dispatch -> enroute_to_scene."""
    times = unit.response.times
    dispatch, enroute, arrival = times.get("dispatch"), times.get("enroute_to_scene"), unit.arrival
    if dispatch is None:
        return ended.without("dispatch_missing")
    if enroute is None:
        return ended.without("never_enroute" if arrival is None else "enroute_missing")
    if enroute < dispatch:
        return Measure(-1, "enroute_before_dispatch", enroute)
    if arrival is not None and enroute > arrival:
        return Measure(-1, "enroute_after_arrival", enroute)
    if enroute - dispatch < SECOND:
        return Measure(-1, "turnout_zero", enroute)
    return _span(dispatch, enroute, rules.too_long_s)


def travel(unit: Placed, ended: Ended, rules: Rules) -> Measure:
    """enroute_to_scene -> on_scene."""
    times = unit.response.times
    enroute, arrival = times.get("enroute_to_scene"), unit.arrival
    if arrival is None:
        if enroute is None:
            return ended.without("never_enroute")
        return ended.without("canceled" if "canceled_enroute" in times else "no_arrival")
    if enroute is None:
        return ended.without("enroute_missing")
    if arrival < enroute:
        return Measure(-1, "arrival_before_enroute", arrival)
    if arrival - enroute < SECOND:
        return Measure(-1, "travel_zero", arrival)
    return _span(enroute, arrival, rules.too_long_s)


def commitment(unit: Placed, ended: Ended, rules: Rules) -> Measure:
    """Dispatch -> the response's own end."""
    dispatch, end = unit.response.times.get("dispatch"), unit.response.end
    if dispatch is None:
        return ended.without("dispatch_missing")
    if end is None or not unit.response.own_end:
        return ended.without("unit_clear_missing")
    if end < dispatch:
        return Measure(-1, "clear_before_dispatch", end)
    return _span(dispatch, end, rules.too_long_s)


def scene_time(unit: Placed, ended: Ended, rules: Rules) -> Measure:
    """on_scene -> enroute_to_hospital, else the response's own end."""
    response, arrival = unit.response, unit.arrival
    leaving = response.times.get("enroute_to_hospital")
    if arrival is None:
        return ended.without("no_arrival")
    if leaving is None:
        if response.end is None or not response.own_end:
            return ended.without("unit_clear_missing")
        leaving = response.end
    if leaving < arrival:
        return Measure(-1, "end_before_arrival", leaving)
    return _span(arrival, leaving, rules.too_long_s)


def hospital_turnaround(unit: Placed, ended: Ended, rules: Rules) -> Measure:
    """arrived_at_hospital -> hospital_cleared, else the response's own end."""
    response = unit.response
    arrived, cleared = response.times.get("arrived_at_hospital"), response.times.get("hospital_cleared")
    if arrived is None:
        return ended.without("not_at_hospital")
    if cleared is None:
        if response.end is None or not response.own_end:
            return ended.without("unit_clear_missing")
        cleared = response.end
    if cleared < arrived:
        return Measure(-1, "clear_before_hospital", cleared)
    return _span(arrived, cleared, rules.too_long_s)


def measure_response(
    unit: Placed, facts: Facts, rules: Rules, closed: Micros | None, *, incident_over: bool
) -> dict[str, Measure]:
    """All intervals of one FIRE or EMS response, judged once the incident is over."""
    ended = Ended(unit.response.end, closed)
    measures = {
        "turnout": turnout(unit, ended, rules),
        "travel": travel(unit, ended, rules),
        "commitment": commitment(unit, ended, rules),
        "scene_time": scene_time(unit, ended, rules),
        "hospital_turnaround": hospital_turnaround(unit, ended, rules),
    }
    for interval in rules.response_targets:
        measure = measures[interval]
        if measure.reason and measure.reason not in _LATE and not facts.changed:
            continue  # excluded for good: no limit could make a breach of it
        start, end = _start(interval, unit), unit.response.end
        until = measure.at or end or closed
        limit = limit_of(interval, facts, unit.response.unit, unit.place, rules, start, until)
        if limit is None:
            continue
        late = False
        if measure.reason == "never_enroute" and interval == "turnout":
            late = start is not None and end is not None and seconds_between(start, end) > limit.seconds
        _judge(measure, limit, over=incident_over, late=late)
    return measures


def _start(interval: str, unit: Placed) -> Micros | None:
    """The instant an interval of a response runs from."""
    if interval == "scene_time":
        return unit.arrival
    return unit.response.times.get(_STARTS[interval])


_STARTS = {
    "turnout": "dispatch",
    "travel": "enroute_to_scene",
    "commitment": "dispatch",
    "hospital_turnaround": "arrived_at_hospital",
}


def _judge(measure: Measure, limit: Limit, *, over: bool, late: bool) -> None:
    """Write the limit, and whether a breach stands once the incident is over, into the measure."""
    measure.limit = limit.seconds
    measure.binding = limit.binding
    if not over:
        return
    if measure.value > limit.seconds:
        measure.standing = Standing.MEASURED.value
    elif limit.passed is not None:
        measure.standing = Standing.PASSED_BEFORE_DOWNGRADE.value
    elif late:
        measure.standing = Standing.NEVER_ENDED.value


# Per incident


class Due:
    """The first due of an incident: who was first of the units that count, or why nobody was.

    Attributes:
        sent: the counting responses that were sent.
        first: the first that arrived, None where none did.
    """

    __slots__ = ("first", "sent")

    def __init__(self, sent: list[Placed]) -> None:
        self.sent = sent
        arrived = [unit for unit in sent if unit.arrival is not None]
        self.first = min(arrived, key=Placed.arrival_order) if arrived else None

    def missing(self, ended: Ended) -> Measure:
        """The measure of an interval that lacks a first arrival."""
        if not self.sent:
            return ended.without("no_counting_unit")
        if all("canceled_enroute" in unit.response.times for unit in self.sent):
            return ended.without("canceled")
        return ended.without("no_arrival")

    def travel(self, ended: Ended, rules: Rules) -> Measure:
        """The travel of the first arriving unit, or why there is none."""
        if self.first is None:
            return self.missing(ended)
        return travel(self.first, ended, rules)

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

    __slots__ = ("closed", "due", "facts", "lead", "place", "rules", "seen", "units")

    def __init__(
        self, seen: View, units: list[Placed], facts: Facts, rules: Rules, closed: Micros | None
    ) -> None:
        self.seen = seen
        self.units = units
        self.facts = facts
        self.rules = rules
        self.closed = closed
        self.due = Due([unit for unit in units if unit.counts])
        dispatched = [unit for unit in units if "dispatch" in unit.response.times]
        self.lead = self.due.first or min(dispatched, key=Placed.dispatch_order, default=None)
        if self.lead is not None:
            self.place = self.lead.place
        else:
            self.place = place_of({}, facts.values(INCIDENT), rules)


def measure_incident(case: Case) -> dict[str, Measure]:
    """All intervals of an incident in scope, judged once it is over."""
    ended, rules, times = Ended(case.seen.ended, case.closed), case.rules, case.seen.times
    ring, answer, create = times.get("call_arrival"), times.get("call_answered"), times.get("call_create")
    dispatches = [at for unit in case.units if (at := unit.response.times.get("dispatch")) is not None]
    dispatch = min(dispatches) if dispatches else None
    arrival = case.due.first.arrival if case.due.first is not None else None
    too_long = rules.too_long_s

    def to(start: Micros | None, no_start: str, end: Micros | None, no_end: str, before: str) -> Measure:
        if start is None:
            return ended.without(no_start)
        if end is None:
            return case.due.missing(ended) if no_end == "no_arrival" else ended.without(no_end)
        return Measure(-1, before, end) if end < start else _span(start, end, too_long)

    measures = {
        "call_answering": to(
            ring, "call_arrival_missing", answer, "call_answered_missing", "answered_before_arrival"
        ),
        "call_taking": to(
            ring, "call_arrival_missing", create, "call_create_missing", "create_before_arrival"
        ),
        "dispatching": to(create, "call_create_missing", dispatch, "no_dispatch", "dispatch_before_create"),
        "alarm_processing": to(
            answer, "call_answered_missing", dispatch, "no_dispatch", "dispatch_before_answer"
        ),
        "alarm_processing_neris": to(
            ring, "call_arrival_missing", dispatch, "no_dispatch", "dispatch_before_arrival"
        ),
        "travel_first_due": case.due.travel(ended, rules),
        "response_first_due": to(dispatch, "no_dispatch", arrival, "no_arrival", "arrival_before_dispatch"),
        "total_response": to(ring, "call_arrival_missing", arrival, "no_arrival", "arrival_before_call"),
    }
    starts = {
        "call_answering": ring,
        "call_taking": ring,
        "dispatching": create,
        "alarm_processing": answer,
        "alarm_processing_neris": ring,
        "response_first_due": dispatch,
        "total_response": ring,
    }
    _judge_incident(case, measures, starts)
    return measures


def _judge_incident(case: Case, measures: dict[str, Measure], starts: dict[str, Micros | None]) -> None:
    """Limits and standing breaches of an incident's intervals.

    ``travel_als`` where the agency measures it.
    """
    dues = {"travel_first_due": case.due}
    if case.rules.measure_als:
        als = Due([unit for unit in case.units if unit.als])
        dues["travel_als"] = als
        measures["travel_als"] = als.travel(Ended(case.seen.ended, case.closed), case.rules)
    over = case.seen.ended is not None or case.closed is not None
    unit = case.lead.response.unit if case.lead is not None else INCIDENT
    for interval in case.rules.incident_targets:
        measure = measures.get(interval)
        if measure is None or (measure.reason and measure.reason not in _LATE and not case.facts.changed):
            continue  # excluded for good: no limit could make a breach of it
        if interval in dues:
            _judge_first_due(case, interval, dues[interval], measure, over=over)
            continue
        if measure.reason:
            continue  # a time nobody records is no breach, however often the call was downgraded meanwhile
        until = measure.at or case.seen.ended
        limit = limit_of(interval, case.facts, unit, case.place, case.rules, starts.get(interval), until)
        if limit is not None:
            _judge(measure, limit, over=over, late=False)


def _judge_first_due(case: Case, interval: str, due: Due, measure: Measure, *, over: bool) -> None:
    """Each unit has its own limit from its own enroute; one that can still make it keeps the breach away."""
    unit = due.clocked()
    limit = _own_limit(case, interval, unit) if unit is not None else None
    if limit is None:
        return
    late = False
    if due.first is None and over:
        clocks = [(u, _own_limit(case, interval, u)) for u in due.sent]
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


def _own_limit(case: Case, interval: str, unit: Placed) -> Limit | None:
    enroute = unit.response.times.get("enroute_to_scene")
    ends = (unit.arrival, unit.response.end, case.closed)
    until = next((end for end in ends if end is not None), None)
    return limit_of(interval, case.facts, unit.response.unit, unit.place, case.rules, enroute, until)
