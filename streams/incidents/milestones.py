"""What stands: presses after corrections, responses of units, ends (DEFINITIONS.md, 1)."""

from __future__ import annotations

from typing import Final

from schemas.times import DAY, Micros
from streams.incidents.state import (
    DESK,
    EARLIEST,
    INCIDENT,
    WITHDRAWN,
    Correction,
    Facts,
    Presses,
    flat,
    paired,
)

SILENCE: Final = DAY
"""An incident silent for so long (by recorded_at) is closed by rule."""

_FIRST: Final = -(1 << 62)
_LAST: Final = (1 << 62) - 1

_UNIT_ORDER: Final = (
    "dispatch", "enroute_to_scene", "staging", "on_scene", "at_patient", "enroute_to_hospital",
    "arrived_at_hospital", "hospital_cleared", "unit_clear",
)  # fmt: skip
_INCIDENT_ORDER: Final = ("call_arrival", "call_answered", "call_create", "incident_clear")


class Response:
    """One unit's work on one incident.

    Attributes:
        times: milestone to its earliest standing press within the response, in the order of their names.
        end: the earliest of its unit_clear, its canceled_enroute and the first incident_clear not before its
            dispatch.
        own_end: whether it has an end of its own, not the incident's alone.
        began: the earliest of its times.
    """

    __slots__ = ("began", "end", "ordinal", "own_end", "times", "unit")

    def __init__(self, unit: str, ordinal: int, times: dict[str, Micros], clears: Presses) -> None:
        self.unit = unit
        self.ordinal = ordinal
        self.times = times
        self.began = first_of(times)
        end, canceled = times.get("unit_clear"), times.get("canceled_enroute")
        if canceled is not None and (end is None or canceled < end):
            end = canceled
        self.own_end = end is not None
        if clears:
            dispatch = times.get("dispatch", _FIRST)
            for occurred in clears[::2]:
                if occurred >= dispatch:
                    if end is None or occurred < end:
                        end = occurred
                    break
        self.end: Micros | None = end


class View:
    """What stands of an incident, whatever the clock.

    Attributes:
        times: incident milestone to its earliest standing press, in the order of their names.
        responses: in order of unit and ordinal.
        began: its first milestone, its own or a unit's; 0 where nothing stands.
        ended: the instant at which it ended, None while it is open.
        last_recorded: of all its events; a day later the rule closes it.
    """

    __slots__ = ("began", "ended", "last_recorded", "responses", "times")

    def __init__(
        self,
        times: dict[str, Micros],
        responses: list[Response],
        began: Micros,
        ended: Micros | None,
        last_recorded: Micros,
    ) -> None:
        self.times = times
        self.responses = responses
        self.began = began
        self.ended = ended
        self.last_recorded = last_recorded

    @property
    def call_at(self) -> Micros | None:
        """Call time: ``call_create``, else ``call_arrival``."""
        times = self.times
        return times.get("call_create", times.get("call_arrival"))

    def closed_at(self, clock: Micros | None) -> Micros | None:
        """When the rule closed it, as of the agency's clock.

        None where it ended by itself or is still talked of.
        """
        if self.ended is not None or clock is None or clock < self.last_recorded + SILENCE:
            return None
        return self.last_recorded + SILENCE


def standing(presses: Presses, corrections: dict[Micros, Correction]) -> Presses:
    """The presses of one milestone that stand after its corrections, in order.

    Corrections act in the order of (recorded_at, event_id) on what was recorded up to then: each voids what
    stands at ``was`` (or the earliest that stands), and its new time is itself a press.
    """
    stands = paired(presses)
    for was, (recorded, _, time) in sorted(corrections.items(), key=lambda item: item[1]):
        known = [p for p in stands if p[1] <= recorded]
        if was == EARLIEST:
            if known:
                stands.remove(min(known))
        else:
            stands = [p for p in stands if not (p[0] == was and p[1] <= recorded)]
        if time != WITHDRAWN and (time, recorded) not in stands:
            stands.append((time, recorded))
    stands.sort()
    return flat(stands)


def _presses(facts: Facts) -> dict[str, dict[str, Presses]]:
    """Unit to milestone to standing presses; names without any are left out."""
    if not facts.corrections:
        return facts.presses
    by_unit = {unit: dict(names) for unit, names in facts.presses.items()}
    for unit, corrected in facts.corrections.items():
        names = by_unit.setdefault(unit, {})
        for name, corrections in corrected.items():
            stands = standing(names.get(name, ()), corrections)
            if stands:
                names[name] = stands
            else:
                names.pop(name, None)
    return by_unit


def view(facts: Facts) -> View:
    """What stands of these facts."""
    by_unit = _presses(facts)
    of_incident = by_unit.get(INCIDENT)
    clears: Presses = () if of_incident is None else of_incident.get("incident_clear", ())
    responses: list[Response] = []
    for unit in sorted(by_unit):
        if unit and unit != DESK and (names := by_unit[unit]):
            dispatches = names.get("dispatch")
            if dispatches is None or len(dispatches) == 2:
                responses.append(Response(unit, 1, _earliest(names), clears))
            else:
                _split(responses, unit, names, dispatches[::2], clears)
    times = _earliest(of_incident) if of_incident else {}
    began = first_of(times)
    for response in responses:
        if response.began < began:
            began = response.began
    ended = _incident_end(responses, clears)
    return View(times, responses, began if began < _LAST else 0, ended, facts.last_recorded)


def _earliest(names: dict[str, Presses]) -> dict[str, Micros]:
    if len(names) == 1:
        return {name: presses[0] for name, presses in names.items()}
    return {name: names[name][0] for name in sorted(names)}


def first_of(times: dict[str, Micros]) -> Micros:
    """The earliest of some milestones, ``_LAST`` where there are none."""
    first = _LAST
    for at in times.values():
        if at < first:
            first = at
    return first


def _split(
    responses: list[Response],
    unit: str,
    names: dict[str, Presses],
    dispatches: tuple[Micros, ...],
    clears: Presses,
) -> None:
    """The responses of a unit with several dispatches.

    One begins a new response if an end at or after the current one's lies before it.
    """
    ends = [*names.get("unit_clear", ())[::2], *names.get("canceled_enroute", ())[::2], *clears[::2]]
    starts = [dispatches[0]]
    for dispatch in dispatches[1:]:
        if any(starts[-1] <= end < dispatch for end in ends):
            starts.append(dispatch)
    for ordinal, start in enumerate(starts, 1):
        low = _FIRST if ordinal == 1 else start
        high = starts[ordinal] if ordinal < len(starts) else _LAST
        times = {}
        for name in sorted(names):
            for occurred in names[name][::2]:
                if low <= occurred < high:
                    times[name] = occurred
                    break
        responses.append(Response(unit, ordinal, times, clears))


def _incident_end(responses: list[Response], clears: Presses) -> Micros | None:
    """Its latest incident_clear if no dispatch is later, or, having a response, when all have ended."""
    if clears:
        clear = clears[-2]
        for response in responses:
            if response.times.get("dispatch", _FIRST) > clear:
                break
        else:
            return clear
    latest: Micros | None = None
    for response in responses:
        end = response.end
        if end is None:
            return None
        if latest is None or end > latest:
            latest = end
    return latest


def seems_over(facts: Facts) -> bool:
    """Whether an incident has an end by a glance at its presses: right mostly, and never to be relied on."""
    presses = facts.presses
    of_incident = presses.get(INCIDENT)
    if of_incident is not None and "incident_clear" in of_incident:
        return True
    for unit, names in presses.items():
        if unit and "unit_clear" not in names and "canceled_enroute" not in names:
            return False
    return len(presses) > (of_incident is not None)


def out_of_order(times: dict[str, Micros], *, of_incident: bool) -> bool:
    """Whether milestones lie out of the order of the vocabulary."""
    before = _FIRST
    for name in _INCIDENT_ORDER if of_incident else _UNIT_ORDER:
        at = times.get(name)
        if at is not None:
            if at < before:
                return True
            before = at
    return False
