"""A naive model of DEFINITIONS.md, edition 1: sections 1, 3 and the standing judgement and limits of 5.

Pure functions of a *set* of events and a clock. The model keeps every event of every incident and says what
each thing is; nothing is folded in, kept up or forgotten. So it is slow, and cannot depend on order or on
duplicates. The product is compared with it on invented incidents.

Times are integers: microseconds since the epoch, UTC. Spans and limits are whole seconds. An event is a dict:

- ``{"kind": "milestone", "event_id", "incident_id", "unit_id" or None, "name", "occurred_at",
  "recorded_at"}``
- ``{"kind": "correction", ..., "unit_id", "name", "was" or None, "time" or None}``: ``time`` None
  withdraws, ``was`` None means the earliest press
- ``{"kind": "change", ..., "unit_id" or None, "attributes": {name: value}}``
- ``{"kind": "merge", ..., "merged_into" or None}``
- ``{"kind": "disposition", ..., "disposition"}``

Agreed with the lead, where section 1 leaves room: (a) how corrections follow one another:
`standing_presses`; (b) what separates two responses: `responses_of_unit`; (c) a response needs a standing
press: the same; (d) the limits of 16: `raw_presses`, `held_corrections`; (e) which incidents are in scope:
`in_scope`; (f) attributes fall back to the incident's: `attribute`; (g) who counts for first due:
`counts_for_first_due`; (h) targets: `Settings`; (i) history for limits: `in_force`, `limit_of`; (j) merges:
`counting_incident`.

Readings (where neither DEFINITIONS.md nor those refinements decide, the most literal reading was chosen):

1. A press is (unit, name, occurred_at, recorded_at): two events that agree in these are one press.
2. A correction with `was` absent voids one press, the first by (occurred_at, recorded_at), and not all at
   its time.
3. The last recorded_at of an incident is over all its events of every kind, also presses past the limit of
   16; the rule closes at exactly 24 h.
4. A response without a dispatch ends, for want of its own end, at the first incident_clear of all. A
   dispatch at the very time of an incident_clear is not later than it: that incident has ended.
5. Responses of every service decide whether an incident has ended; first dispatch and first arrival are
   over FIRE and EMS alone. "No unit at all" means no response at all.
6. Ended by incident_clear *alone*: the response has neither unit_clear nor canceled_enroute. Where it has
   one, but incident_clear is earlier, the end is incident_clear's time and is measured to.
7. While an incident has not ended, its intervals with a missing milestone are open (never_closed once
   closed by rule), travel_first_due too, even where the first arriving unit's own response has ended. After
   the end the unit's own travel reason holds.
8. "Same second" (turnout_zero, travel_zero) is a span of 0, by section 2: less than a second apart.
9. Over 24 h is a span of more than 86,400 s.
10. Where staging counts as arrival it does so wherever section 3 says on_scene, in scene_time too.
11. `canceled` per incident: every response of a counting unit has a canceled_enroute.
12. travel_als is over all ALS units, also those that do not count for first due.
13. An incident's attributes other than mode, class and area come from the same unit as those.
14. Two history entries at one instant: the greater value (as text) is in force from then on. A held None is
    no value.
15. Changed to a longer target, or none, in time: the limit is the new target itself, counted from the
    start, even where an earlier change had already put the old limit beyond it.
16. first due: each unit has its own limit, from its own enroute. The interval's limit is that of the first
    arriving unit; without an arrival that of the counting unit first enroute; where there is no start, the
    target of the held values.
17. A unit is under way from its enroute, inclusive, to its response's end, exclusive; where it has none, to
    the closing by rule. Nothing changes "under way" after that either.
18. An incident closed by rule is judged like an ended one (one of the 2,225 of section 7 needs it). The
    first that holds names the judgement: measured, passed_before_downgrade, never_ended; so
    passed_before_downgrade shows only where the interval was not measured. Where no limit applies none does.
19. merged_into itself is no merge. An incident that others are merged into exists, with or without events
    of its own.
20. A unit's press of an incident milestone, and an incident's of a unit milestone, are never read; the
    first still makes a response.
21. Not modelled: the flag out_of_order, too_late and in_the_future, targets by effective date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Press = tuple[int, int]  # (occurred_at, recorded_at)
PressesByName = dict[tuple[str | None, str], list[Press]]
Outcome = dict[str, Any]

SECOND = 1_000_000
SILENCE = 24 * 3600 * SECOND
KEPT = 16
UNKNOWN = "UNKNOWN"

INCIDENT_MILESTONES = ("call_arrival", "call_answered", "call_create", "incident_clear")
SHOWN_ATTRIBUTES = ("class", "station_area", "battalion", "zone", "unit_type", "priority", "type")


def default_targets() -> dict[tuple[str, str], int]:
    """Targets in seconds by (interval, class). They bind EMERGENT only; a class that is not here has none."""
    return {
        ("turnout", "FIRE"): 80,
        ("turnout", "EMS"): 60,
        ("travel_first_due", "FIRE"): 240,
        ("travel_first_due", "EMS"): 240,
        ("travel_als", "FIRE"): 480,
        ("travel_als", "EMS"): 480,
    }


@dataclass(frozen=True)
class Settings:
    """What an agency may say."""

    staging_is_arrival: bool = False
    als: bool = False  # compute travel_als
    too_long_seconds: int = 24 * 3600
    targets: Mapping[tuple[str, str], int] = field(default_factory=default_targets)


@dataclass(frozen=True)
class Response:
    """One unit's work on one incident."""

    unit: str
    k: int
    milestones: Mapping[str, int]  # the earliest standing press of each name, in this response's time
    end: int | None
    own_end: bool  # a unit_clear or canceled_enroute is there
    arrival: int | None

    @property
    def dispatch(self) -> int | None:
        """When it was dispatched."""
        return self.milestones.get("dispatch")

    @property
    def enroute(self) -> int | None:
        """When it went enroute to the scene."""
        return self.milestones.get("enroute_to_scene")


@dataclass(frozen=True)
class Clock:
    """A running clock of an interval with a target: where it stands, or stood, and what it is bound by."""

    limit: int | None
    passed_at: int | None = None  # the moment of a downgrade at which the old limit had already passed


def span(start: int, end: int) -> int:
    """The floor of end - start, in whole seconds."""
    return (end - start) // SECOND


# Section 1: presses and corrections


def raw_presses(events: list[Event], unit: str | None, name: str) -> set[Press]:
    """The 16 earliest presses of one milestone (d)."""
    presses = {
        (event["occurred_at"], event["recorded_at"])
        for event in events
        if event["kind"] == "milestone" and event["unit_id"] == unit and event["name"] == name
    }
    return set(sorted(presses)[:KEPT])


def held_corrections(events: list[Event], unit: str | None, name: str) -> list[Event]:
    """The corrections that hold: the latest for each `was`, of these the 16 latest."""

    def order(event: Event) -> tuple[int, str]:
        return event["recorded_at"], event["event_id"]

    mine = [e for e in events if e["kind"] == "correction" and e["unit_id"] == unit and e["name"] == name]
    replaced = {event["was"] for event in mine}
    held = [max((event for event in mine if event["was"] == was), key=order) for was in replaced]
    return sorted(held, key=order)[-KEPT:]


def standing_presses(events: list[Event], unit: str | None, name: str) -> list[Press]:
    """The presses that stand once the corrections that hold have been applied, in the order of recording (a).

    Each voids what stands at `was` so far and was recorded up to its own recorded_at; its own new time
    comes after that, so that it never voids itself, and a later correction may void it.
    """
    standing = raw_presses(events, unit, name)
    for correction in held_corrections(events, unit, name):
        recorded_at = correction["recorded_at"]
        voidable = sorted(press for press in standing if press[1] <= recorded_at)
        if correction["was"] is None:
            voided = set(voidable[:1])
        else:
            voided = {press for press in voidable if press[0] == correction["was"]}
        standing = standing - voided
        if correction["time"] is not None:
            standing = standing | {(correction["time"], recorded_at)}
    return sorted(standing)


def all_standing_presses(events: list[Event]) -> PressesByName:
    """The standing presses of every (unit or none, name) that any event speaks of."""
    spoken_of = {(e["unit_id"], e["name"]) for e in events if e["kind"] in ("milestone", "correction")}
    return {(unit, name): standing_presses(events, unit, name) for unit, name in spoken_of}


def times(presses: PressesByName, unit: str | None, name: str) -> list[int]:
    """When a milestone was pressed, earliest first."""
    return sorted(occurred_at for occurred_at, _ in presses.get((unit, name), []))


# Section 1: attributes


def claims(events: list[Event], unit: str | None, name: str) -> list[tuple[int, int, str, Any]]:
    """Everything said about one attribute: (occurred_at, recorded_at, event_id, value), earliest first."""
    said = []
    for event in events:
        if event["kind"] == "change":
            values, whose = event["attributes"], event["unit_id"]
        elif event["kind"] == "merge":
            values, whose = {"merged_into": event["merged_into"]}, None
        elif event["kind"] == "disposition":
            values, whose = {"disposition": event["disposition"]}, None
        else:
            continue
        if whose == unit and name in values:
            said.append((event["occurred_at"], event["recorded_at"], event["event_id"], values[name]))
    return sorted(said, key=lambda claim: claim[:3])


def held(events: list[Event], unit: str | None, name: str) -> Any:
    """What is said of exactly this attribute: the latest by (occurred_at, recorded_at, event_id)."""
    said = claims(events, unit, name)
    return said[-1][3] if said else None


def attribute(events: list[Event], unit: str | None, name: str) -> Any:
    """The value of one attribute: the unit's, else the incident's, else UNKNOWN (f)."""
    for whose in (unit, None):
        value = held(events, whose, name)
        if value is not None:
            return value
    return UNKNOWN


def history(events: list[Event], unit: str | None, name: str) -> list[tuple[int, Any]]:
    """The history of one attribute: a set of (occurred_at, value), the 16 latest, earliest first."""
    entries = {(occurred_at, value) for occurred_at, _, _, value in claims(events, unit, name)}
    return sorted(entries, key=lambda entry: (entry[0], entry[1] or ""))[-KEPT:]


def in_force(events: list[Event], unit: str | None, name: str, at: int) -> Any:
    """The value in force at an instant: the latest entry up to it, before the first entry the first (i).

    The unit's, else (where it has none, or took it back) the incident's, as with the final value (f).
    """
    for whose in (unit, None):
        entries = history(events, whose, name)
        up_to = [value for occurred_at, value in entries if occurred_at <= at]
        value = up_to[-1] if up_to else entries[0][1] if entries else None
        if value is not None:
            return value
    return UNKNOWN


# Section 1: responses and the end


def responses_of_unit(presses: PressesByName, unit: str, settings: Settings) -> list[Response]:
    """The responses of one unit, in order.

    A dispatch begins a new one if an end of that unit lies at or after the current one's dispatch and
    strictly before it (b). Milestones before the first dispatch belong to the first response. A response
    exists while at least one standing press of the unit falls in it (c).
    """
    incident_clears = times(presses, None, "incident_clear")
    ends = times(presses, unit, "unit_clear") + times(presses, unit, "canceled_enroute") + incident_clears
    dispatches = times(presses, unit, "dispatch")
    starts = dispatches[:1]
    for dispatch in dispatches[1:]:
        if any(starts[-1] <= end < dispatch for end in ends):
            starts.append(dispatch)
    names = [name for whose, name in presses if whose == unit]
    responses = []
    for k in range(1, max(len(starts), 1) + 1):
        milestones = {}
        for name in names:
            for time in times(presses, unit, name):
                after_the_last = k == 1 or time >= starts[k - 1]
                before_the_next = k >= len(starts) or time < starts[k]
                if after_the_last and before_the_next and name not in milestones:
                    milestones[name] = time
        if milestones:
            responses.append(response_from(unit, k, milestones, incident_clears, settings))
    return responses


def response_from(
    unit: str, k: int, milestones: Mapping[str, int], incident_clears: list[int], settings: Settings
) -> Response:
    """A response with its end and its arrival.

    It ends at the earliest of its unit_clear, its canceled_enroute, and the first incident_clear not before
    its dispatch.
    """
    dispatch = milestones.get("dispatch")
    own_ends = [milestones[name] for name in ("unit_clear", "canceled_enroute") if name in milestones]
    clears = [clear for clear in incident_clears if dispatch is None or clear >= dispatch]
    ends = own_ends + clears[:1]
    arrival_names = ("staging", "on_scene") if settings.staging_is_arrival else ("on_scene",)
    arrivals = [milestones[name] for name in arrival_names if name in milestones]
    return Response(
        unit=unit,
        k=k,
        milestones=milestones,
        end=min(ends) if ends else None,
        own_end=bool(own_ends),
        arrival=min(arrivals) if arrivals else None,
    )


def all_responses(presses: PressesByName, settings: Settings) -> list[Response]:
    """Every response of every unit of the incident, whatever its service."""
    units = sorted({unit for unit, _ in presses if unit is not None})
    return [response for unit in units for response in responses_of_unit(presses, unit, settings)]


def incident_end(presses: PressesByName, responses: list[Response]) -> int | None:
    """When the incident ended, or None.

    At its latest incident_clear if no dispatch is later; or, having at least one response, when all have
    ended, at the latest of them.
    """
    clears = times(presses, None, "incident_clear")
    dispatches = [
        time
        for unit, name in presses
        if unit is not None and name == "dispatch"
        for time in times(presses, unit, name)
    ]
    if clears and not any(dispatch > clears[-1] for dispatch in dispatches):
        return clears[-1]
    ends = [response.end for response in responses if response.end is not None]
    if responses and len(ends) == len(responses):
        return max(ends)
    return None


def closed_by_rule_at(events: list[Event], clock: int) -> int | None:
    """When the rule closes it: at its last recorded_at + 24 h; None while the clock is not there."""
    if not events:
        return None
    closing = int(max(event["recorded_at"] for event in events)) + SILENCE
    return closing if clock >= closing else None


# Section 3: who is in scope, and who counts


def service(events: list[Event], unit: str) -> Any:
    """The unit's service; a unit without one counts as FIRE (e)."""
    value = attribute(events, unit, "service")
    return "FIRE" if value == UNKNOWN else value


def fire_and_ems(events: list[Event], responses: list[Response]) -> list[Response]:
    """The responses that sections 3 to 5 are about."""
    return [response for response in responses if service(events, response.unit) in ("FIRE", "EMS")]


def in_scope(events: list[Event], responses: list[Response]) -> bool:
    """Are sections 3 to 5 about this incident? Those with no unit at all, or with a FIRE or EMS unit (e)."""
    return not responses or bool(fire_and_ems(events, responses))


def counts_for_first_due(events: list[Event], response: Response) -> bool:
    """Does this unit count for first due in its class (g)?"""
    value = attribute(events, response.unit, "first_due_exempt")
    exempt = [] if value == UNKNOWN else value.split()
    return "*" not in exempt and attribute(events, response.unit, "class") not in exempt


def first_arriving(responses: list[Response]) -> Response | None:
    """The first to arrive of these; a tie goes to the earlier dispatch, then to the unit's name."""
    arrived = [response for response in responses if response.arrival is not None]
    if not arrived:
        return None
    # One whose dispatch is missing comes after those that have one.
    return min(arrived, key=lambda r: (r.arrival, r.dispatch is None, r.dispatch or 0, r.unit, r.k))


def first_dispatched(responses: list[Response]) -> Response | None:
    """The first dispatched of these; a tie goes to the unit's name."""
    dispatched = [response for response in responses if response.dispatch is not None]
    return min(dispatched, key=lambda r: (r.dispatch, r.unit, r.k)) if dispatched else None


# Section 3: intervals of a response. Each gives (from, to, reason); the reason is the first exclusion that
# fits once nothing more can come, or None where the interval is measured.


def first_that_fits(reasons: list[tuple[str, bool]]) -> str | None:
    """The name of the first reason that fits."""
    for name, fits in reasons:
        if fits:
            return name
    return None


def turnout(response: Response, settings: Settings) -> tuple[int | None, int | None, str | None]:
    """From dispatch to enroute_to_scene."""
    start, end, arrival = response.dispatch, response.enroute, response.arrival
    both = start is not None and end is not None
    lasted = span(start, end) if start is not None and end is not None else 0
    reason = first_that_fits(
        [
            ("dispatch_missing", start is None),
            ("enroute_missing", end is None and arrival is not None),
            ("never_enroute", end is None),
            ("enroute_before_dispatch", both and lasted < 0),
            ("enroute_after_arrival", end is not None and arrival is not None and end > arrival),
            ("turnout_zero", both and lasted == 0),
            ("too_long", both and lasted > settings.too_long_seconds),
        ]
    )
    return start, end, reason


def travel(response: Response, settings: Settings) -> tuple[int | None, int | None, str | None]:
    """From enroute_to_scene to arrival."""
    start, end = response.enroute, response.arrival
    both = start is not None and end is not None
    lasted = span(start, end) if start is not None and end is not None else 0
    reason = first_that_fits(
        [
            ("never_enroute", end is None and start is None),
            ("canceled", end is None and "canceled_enroute" in response.milestones),
            ("no_arrival", end is None),
            ("enroute_missing", start is None),
            ("arrival_before_enroute", both and lasted < 0),
            ("travel_zero", both and lasted == 0),
            ("too_long", both and lasted > settings.too_long_seconds),
        ]
    )
    return start, end, reason


def plain(
    start: int | None,
    end: int | None,
    missing: list[tuple[str, bool]],
    backwards: str,
    settings: Settings,
) -> tuple[int | None, int | None, str | None]:
    """What the other intervals share: the reasons for what is missing, then to before from, then too long."""
    both = start is not None and end is not None
    lasted = span(start, end) if start is not None and end is not None else 0
    reasons = [*missing, (backwards, both and lasted < 0)]
    reasons.append(("too_long", both and lasted > settings.too_long_seconds))
    return start, end, first_that_fits(reasons)


def commitment(response: Response, settings: Settings) -> tuple[int | None, int | None, str | None]:
    """From dispatch to its end."""
    start = response.dispatch
    missing = [("dispatch_missing", start is None), ("unit_clear_missing", not response.own_end)]
    return plain(start, response.end, missing, "clear_before_dispatch", settings)


def scene_time(response: Response, settings: Settings) -> tuple[int | None, int | None, str | None]:
    """From arrival to enroute_to_hospital, else its end."""
    start, leaving = response.arrival, response.milestones.get("enroute_to_hospital")
    end = leaving if leaving is not None else response.end
    needs_own_end = leaving is None and not response.own_end
    missing = [("no_arrival", start is None), ("unit_clear_missing", needs_own_end)]
    return plain(start, end, missing, "end_before_arrival", settings)


def hospital_turnaround(response: Response, settings: Settings) -> tuple[int | None, int | None, str | None]:
    """From arrived_at_hospital to hospital_cleared, else its end."""
    start, cleared = (response.milestones.get(name) for name in ("arrived_at_hospital", "hospital_cleared"))
    end = cleared if cleared is not None else response.end
    needs_own_end = cleared is None and not response.own_end
    missing = [("not_at_hospital", start is None), ("unit_clear_missing", needs_own_end)]
    return plain(start, end, missing, "clear_before_hospital", settings)


def outcome(
    found: tuple[int | None, int | None, str | None], over_at: int | None, closed_at: int | None
) -> Outcome:
    """What an interval came to: open, excluded or measured, and at what it is dated (sections 3 and 4).

    Args:
        found: from, to, and the reason that fits once nothing more can come.
        over_at: the end of the response or incident, or None.
        closed_at: when the rule closed the incident, or None.
    """
    start, end, reason = found
    both = start is not None and end is not None
    value, at = None, None
    if not both and over_at is None and closed_at is None:
        status, reason = "open", None
    elif not both and over_at is None:
        status, reason, at = "excluded", "never_closed", closed_at
    elif reason is not None:
        status, at = "excluded", end if both else over_at
    elif start is not None and end is not None:
        status, value, at = "measured", span(start, end), end
    else:
        raise AssertionError("an interval without both its ends has a reason")
    return {"status": status, "reason": reason, "value": value, "at": at, "limit": None, "standing": None}


# Section 5: limits


def target(settings: Settings, interval: str, mode: Any, class_: Any) -> int | None:
    """The target; it binds EMERGENT only."""
    return settings.targets.get((interval, class_)) if mode == "EMERGENT" else None


def limit_of(
    events: list[Event], settings: Settings, interval: str, unit: str, start: int | None, end: int
) -> Clock:
    """The limit of one unit's clock that ran from start to end (which may be now).

    At each moment strictly under way at which the target changed: to a shorter one, the lesser of the old
    limit and (elapsed + the new target); to a longer one or none, where the old limit had already passed it
    stands, otherwise the new one.
    """
    if start is None:
        mode, class_ = attribute(events, unit, "response_mode"), attribute(events, unit, "class")
        return Clock(target(settings, interval, mode, class_))

    def target_at(moment: int) -> int | None:
        mode, class_ = (in_force(events, unit, name, moment) for name in ("response_mode", "class"))
        return target(settings, interval, mode, class_)

    entries = [
        e for w in (unit, None) for name in ("response_mode", "class") for e in history(events, w, name)
    ]
    moments = sorted({occurred_at for occurred_at, _ in entries if start < occurred_at < end})
    old_target = target_at(start)
    limit, passed_at = old_target, None
    for moment in moments:
        new_target = target_at(moment)
        elapsed = span(start, moment)
        if new_target is not None and (old_target is None or new_target < old_target):  # shorter
            limit = elapsed + new_target if limit is None else min(limit, elapsed + new_target)
        elif new_target != old_target:  # longer, or none
            if limit is not None and elapsed > limit:
                passed_at = moment if passed_at is None else passed_at
            else:
                limit = new_target
        old_target = new_target
    return Clock(limit, passed_at)


# Section 5: what stands


def standing(found: Outcome, passed_before_downgrade: bool, never_ended: bool) -> str | None:
    """Why a breach stands, or None; for an incident that has ended or been closed by rule."""
    limit = found["limit"]
    if limit is None:
        return None
    if found["status"] == "measured" and found["value"] > limit:
        return "measured"
    if passed_before_downgrade:
        return "passed_before_downgrade"
    return "never_ended" if never_ended else None


def red(units: list[tuple[int, int, int | None]], now: int) -> bool:
    """At least one of the units (enroute, end, limit) is under way, and every such one past its deadline."""
    under_way = [(enroute, limit) for enroute, end, limit in units if enroute <= now < end]
    return bool(under_way) and all(
        limit is not None and span(enroute, now) > limit for enroute, limit in under_way
    )


def ever_red(units: list[tuple[int, int, int | None]]) -> bool:
    """Was there an instant at which `red` held?

    It can begin only where a unit becomes past its deadline, or where a unit's end leaves only such as are.
    """
    instants = [enroute + (limit + 1) * SECOND for enroute, _, limit in units if limit is not None]
    instants += [end for _, end, _ in units]
    return any(red(units, now) for now in instants)


# An incident, whole


def response_view(
    events: list[Event], response: Response, closed_at: int | None, over: bool, clock: int, settings: Settings
) -> dict[str, Any]:
    """One response: its attributes and intervals."""
    unit = response.unit
    shown = {name: attribute(events, unit, name) for name in SHOWN_ATTRIBUTES}
    answer: dict[str, Any] = {
        "unit": unit,
        "k": response.k,
        "service": service(events, unit),
        "mode": attribute(events, unit, "response_mode"),
        **shown,
        "milestones": dict(response.milestones),
        "ended_at": response.end,
        "intervals": {},
    }
    if answer["service"] not in ("FIRE", "EMS"):
        return answer
    found_by_interval = {
        "turnout": turnout(response, settings),
        "travel": travel(response, settings),
        "commitment": commitment(response, settings),
        "scene_time": scene_time(response, settings),
        "hospital_turnaround": hospital_turnaround(response, settings),
    }
    for interval, found in found_by_interval.items():
        answer["intervals"][interval] = outcome(found, response.end, closed_at)
    judged = answer["intervals"]["turnout"]
    start, end = found_by_interval["turnout"][:2]
    running_to = next(time for time in (end, response.end, closed_at, clock) if time is not None)
    ran = limit_of(events, settings, "turnout", unit, start, running_to)
    judged["limit"] = ran.limit
    never_ended = (
        judged["reason"] == "never_enroute"
        and ran.limit is not None
        and response.dispatch is not None
        and response.end is not None
        and span(response.dispatch, response.end) > ran.limit
    )
    if over:
        judged["standing"] = standing(judged, ran.passed_at is not None, never_ended)
    return answer


def first_due(
    events: list[Event],
    interval: str,
    units: list[Response],
    missing_arrival: list[tuple[str, bool]],
    ended_at: int | None,
    closed_at: int | None,
    clock: int,
    settings: Settings,
) -> Outcome:
    """Judge travel_first_due, over the units that count, or travel_als, over the ALS units (3 and 5)."""
    first = first_arriving(units)
    clocks = {}
    for unit in units:
        running_to = next(time for time in (unit.arrival, unit.end, closed_at, clock) if time is not None)
        clocks[unit.unit, unit.k] = limit_of(events, settings, interval, unit.unit, unit.enroute, running_to)
    still = clock if closed_at is None else closed_at  # an incident closed by rule is dated then (section 1)
    on_the_way = [
        (unit.enroute, still if unit.end is None else unit.end, clocks[unit.unit, unit.k].limit)
        for unit in units
        if unit.enroute is not None
    ]
    if first is not None:
        found = travel(first, settings)
        ran = clocks[first.unit, first.k]
        passed, never_ended = ran.passed_at is not None, False
    else:
        found = None, None, first_that_fits(missing_arrival)
        enroute = [unit for unit in units if unit.enroute is not None]
        earliest = min(enroute, key=lambda unit: (unit.enroute, unit.unit, unit.k)) if enroute else None
        lead = earliest or first_dispatched(units)
        ran = clocks[lead.unit, lead.k] if lead else Clock(None)
        downgrades = [each.passed_at for each in clocks.values() if each.passed_at is not None]
        passed = any(red(on_the_way, moment) for moment in downgrades)
        never_ended = ended_at is not None and ever_red(on_the_way)
    answer = outcome(found, ended_at, closed_at)
    answer["limit"] = ran.limit
    if ended_at is not None or closed_at is not None:
        answer["standing"] = standing(answer, passed, never_ended)
    return answer


def missing_arrival_reasons(counting: list[Response]) -> list[tuple[str, bool]]:
    """Why there is no first arrival: nobody who counts was sent, all were cancelled, none arrived."""
    none_arrived = first_arriving(counting) is None
    all_canceled = all("canceled_enroute" in response.milestones for response in counting)
    return [
        ("no_counting_unit", not counting),
        ("canceled", none_arrived and all_canceled),
        ("no_arrival", none_arrived),
    ]


def incident_intervals(
    events: list[Event],
    presses: PressesByName,
    responses: list[Response],
    ended_at: int | None,
    closed_at: int | None,
    clock: int,
    settings: Settings,
) -> dict[str, Outcome]:
    """All intervals per incident, of an incident in scope."""
    sent = fire_and_ems(events, responses)
    counting = [response for response in sent if counts_for_first_due(events, response)]
    no_arrival = missing_arrival_reasons(counting)
    earliest = {name: next(iter(times(presses, None, name)), None) for name in INCIDENT_MILESTONES}
    call_arrival, call_create = earliest["call_arrival"], earliest["call_create"]
    call_answered = earliest["call_answered"]
    first_sent, first_there = first_dispatched(sent), first_arriving(counting)
    dispatch = first_sent.dispatch if first_sent else None
    arrival = first_there.arrival if first_there else None
    no_call = ("call_arrival_missing", call_arrival is None)
    no_answer = ("call_answered_missing", call_answered is None)
    no_create = ("call_create_missing", call_create is None)
    no_dispatch = ("no_dispatch", dispatch is None)
    rows = [
        ("call_answering", call_arrival, call_answered, [no_call, no_answer], "answered_before_arrival"),
        ("call_taking", call_arrival, call_create, [no_call, no_create], "create_before_arrival"),
        ("dispatching", call_create, dispatch, [no_create, no_dispatch], "dispatch_before_create"),
        ("alarm_processing", call_answered, dispatch, [no_answer, no_dispatch], "dispatch_before_answer"),
        ("alarm_processing_neris", call_arrival, dispatch, [no_call, no_dispatch], "dispatch_before_arrival"),
        ("response_first_due", dispatch, arrival, [no_dispatch, *no_arrival], "arrival_before_dispatch"),
        ("total_response", call_arrival, arrival, [no_call, *no_arrival], "arrival_before_call"),
    ]
    answer = {
        interval: outcome(plain(start, end, missing, backwards, settings), ended_at, closed_at)
        for interval, start, end, missing, backwards in rows
    }
    answer["travel_first_due"] = first_due(
        events, "travel_first_due", counting, no_arrival, ended_at, closed_at, clock, settings
    )
    if settings.als:
        als = [response for response in sent if attribute(events, response.unit, "als") == "true"]
        reasons = missing_arrival_reasons(als)
        answer["travel_als"] = first_due(
            events, "travel_als", als, reasons, ended_at, closed_at, clock, settings
        )
    return answer


def incident_view(events: list[Event], clock: int, settings: Settings) -> dict[str, Any]:
    """One incident that counts, from its own events and those merged into it."""
    presses = all_standing_presses(events)
    responses = all_responses(presses, settings)
    ended_at = incident_end(presses, responses)
    closed_at = closed_by_rule_at(events, clock) if ended_at is None else None
    over = ended_at is not None or closed_at is not None
    sent = fire_and_ems(events, responses)
    counting = [response for response in sent if counts_for_first_due(events, response)]
    lead = first_arriving(counting) or first_dispatched(sent)
    whose = lead.unit if lead else None
    call_times = times(presses, None, "call_create")[:1] + times(presses, None, "call_arrival")[:1]
    types = [claim for claim in claims(events, None, "type") if claim[3] is not None]
    intervals = {}
    if in_scope(events, responses):
        intervals = incident_intervals(events, presses, responses, ended_at, closed_at, clock, settings)
    return {
        "state": "ended" if ended_at is not None else "closed_by_rule" if over else "open",
        "ended_at": ended_at,
        "closed_at": closed_at,
        "call_time": call_times[0] if call_times else None,
        "mode": attribute(events, whose, "response_mode"),
        **{name: attribute(events, whose, name) for name in SHOWN_ATTRIBUTES},
        "initial_type": types[0][3] if types else UNKNOWN,
        "disposition": held(events, None, "disposition"),
        "intervals": intervals,
        "responses": {
            (response.unit, response.k): response_view(events, response, closed_at, over, clock, settings)
            for response in responses
        },
    }


# Merges


def counting_incident(merged_into: Mapping[str, str | None], incident_id: str) -> tuple[str, bool]:
    """Where an incident's events count, following merged_into, and whether the way there ends in a cycle (j).

    In a cycle the least id counts.
    """
    path = [incident_id]
    while True:
        following = merged_into.get(path[-1])
        if following is None:
            return path[-1], False
        if following in path:
            return min(path[path.index(following) :]), True
        path.append(following)


def merges(incidents: Mapping[str, list[Event]]) -> dict[str, str | None]:
    """The merged_into that each incident holds, from its own events alone. Into itself is no merge."""
    answer: dict[str, str | None] = {}
    for incident_id, events in incidents.items():
        into = held(events, None, "merged_into")
        answer[incident_id] = None if into == incident_id else into
    return answer


def view(
    incidents: Mapping[str, list[Event]], clock: int, settings: Settings | None = None
) -> dict[str, dict[str, Any]]:
    """Every incident as it is known from these events, by this clock.

    Args:
        incidents: the events of each incident, in any order, with any duplicates.
        clock: the agency's clock, microseconds since the epoch.
        settings: what the agency says; by default edition 1's targets, on_scene as arrival, no travel_als.

    Returns:
        For each incident: state (open, ended, closed_by_rule, merged), ended_at, closed_at, call_time,
        mode, class, station_area and the like, cycle, intervals and responses keyed by (unit, k). An
        interval has status (measured, excluded, open), reason, value, at, limit and standing. A merged
        incident has only its merge.
    """
    chosen = settings or Settings()
    merged_into = merges(incidents)
    everyone = set(incidents) | {into for into in merged_into.values() if into is not None}
    counts_at = {incident_id: counting_incident(merged_into, incident_id) for incident_id in everyone}
    answer: dict[str, dict[str, Any]] = {}
    for incident_id in sorted(everyone):
        destination, cycle = counts_at[incident_id]
        if destination != incident_id:
            last = claims(incidents[incident_id], None, "merged_into")[-1]
            answer[incident_id] = {
                "state": "merged",
                "merged_into": merged_into[incident_id],
                "merged_at": last[0],
                "counts_at": destination,
                "intervals": {},
                "responses": {},
            }
            continue
        sources = sorted(source for source in everyone if counts_at[source][0] == incident_id)
        events = [event for source in sources for event in incidents.get(source, [])]
        answer[incident_id] = {**incident_view(events, clock, chosen), "cycle": cycle}
    return answer
