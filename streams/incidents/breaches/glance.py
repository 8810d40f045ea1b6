"""Whether an incident of which nothing was opened needs no look at an instant: a glance at its presses.

Most clocks find most incidents in time. A glance never says so wrongly; where it is not plain, it asks for a
look, and what comes of that is the look's alone.
"""

from __future__ import annotations

from typing import Final

from schemas.times import SECOND, Micros
from schemas.vocabulary import UNKNOWN
from streams.incidents.breaches.clocks import AMBER_MICROS
from streams.incidents.handbook import Book, Handbook
from streams.incidents.joining import values_of
from streams.incidents.state import INCIDENT, NEVER, Incident, Presses, Values

_DUE: Final = ("travel_first_due", "travel_als")
_STARTED_BY: Final = {
    "call_answering": "call_arrival",
    "call_taking": "call_arrival",
    "dispatching": "call_create",
    "alarm_processing": "call_answered",
    "alarm_processing_neris": "call_arrival",
    "total_response": "call_arrival",
}
"""The milestone of an incident without which a clock of its own does not run."""


def glance(incident: Incident, handbook: Handbook, clock: Micros) -> Micros | None:
    """When to look at an incident again if nothing is said till then; None: look now."""
    if incident.breaches or incident.changed or incident.absorbed or incident.corrections:
        return None
    its = incident.presses.get(INCIDENT)
    if its is None or "incident_clear" in its:
        return None
    call = its.get("call_create") or its.get("call_arrival")
    if call is None:
        return None
    rules = handbook.at(call[0])
    if rules.staging_is_arrival or rules.response_clocks not in ((), ("turnout",)):
        return None
    for interval in rules.incident_clocks:
        if interval not in _DUE and _STARTED_BY.get(interval, "call_create") in its:
            return None
    of_incident, again = values_of(incident, INCIDENT), NEVER
    for unit, names in incident.presses.items():
        if not unit:
            continue
        instant = _of_unit(names, values_of(incident, unit), of_incident, rules, clock)
        if instant is None:
            return None
        if instant < again:
            again = instant
    return again


def _of_unit(
    names: dict[str, Presses],
    own: Values,
    of_incident: Values,
    rules: Book,
    clock: Micros,
) -> Micros | None:
    """The same of one unit, as if it counted for first due and carried advanced life support."""
    dispatch, enroute = names.get("dispatch"), names.get("enroute_to_scene")
    if dispatch is not None and len(dispatch) > 2:
        return None
    limits = rules.limits(
        own.get("response_mode") or of_incident.get("response_mode") or UNKNOWN,
        own.get("class") or of_incident.get("class") or UNKNOWN,
        own.get("priority") or of_incident.get("priority") or UNKNOWN,
    )
    ended = names.get("unit_clear") or names.get("canceled_enroute")
    again = NEVER
    if dispatch is not None and rules.response_clocks:
        limit = limits.get("turnout")
        if limit is not None:
            until = enroute or ended
            if until is None:
                again = dispatch[0] + limit * AMBER_MICROS
                if again <= clock:
                    return None
            elif until[0] - dispatch[0] > limit * SECOND:
                return None
    if enroute is not None:
        for interval in rules.incident_clocks:
            limit = limits.get(interval) if interval in _DUE else None
            if limit is not None:
                amber_at = enroute[0] + limit * AMBER_MICROS
                until = names.get("on_scene") or ended
                if until is not None:
                    if until[0] >= amber_at:
                        return None
                elif amber_at <= clock:
                    return None
                elif amber_at < again:
                    again = amber_at
    return again
