"""What the desk and its units say, as presses and statements of the facts that every event is joined into.

The desk's own steps stand under ``DESK``, a unit that no event can name; a mediation unit's milestones stand
under the unit itself, where CAD's presses of the same buttons join them.
"""

from __future__ import annotations

from typing import Any

from schemas.decoding import Mediation, MediationCorrection, MediationOutcome, MediationUnit
from schemas.places import place_of
from schemas.times import Micros, micros
from schemas.vocabulary import DESK_STEPS
from streams.incidents.joining import join_correction, join_press, join_statement
from streams.incidents.milestones import standing
from streams.incidents.state import (
    DESK,
    EARLIEST,
    WITHDRAWN,
    Correction,
    Facts,
    Presses,
    Statement,
    Values,
)

_OF_THE_DESK = frozenset(DESK_STEPS)
_MEDIATION = {"service": "MEDIATION"}

PRESENT, NONE = "present", "none"
"""What a unit wrote of police."""


KINDS = frozenset((Mediation, MediationUnit, MediationCorrection, MediationOutcome))
"""The events of the mediation half."""


def whose(event: Any) -> str | None:
    """Whose an event of ``KINDS`` is: the desk's or a unit's; None where it should name one and doesn't."""
    kind = type(event)
    if kind is Mediation or kind is MediationOutcome:
        return DESK
    if kind is MediationCorrection and event.name in _OF_THE_DESK:
        return DESK
    unit: str | None = event.unit_id
    return unit


def join(facts: Facts, unit: str, event: Any, occurred: Micros, recorded: Micros) -> int:
    """Join an event of ``KINDS``; returns about how many bytes the facts grew by, as all joins do."""
    kind = type(event)
    if kind is MediationUnit:
        grown = join_press(facts, unit, event.name, occurred, recorded)
        return grown + join_statement(facts, unit, occurred, recorded, event.event_id, _MEDIATION)
    if kind is MediationCorrection:
        was = EARLIEST if event.was is None else micros(event.was)
        time = WITHDRAWN if event.time is None else micros(event.time)
        return join_correction(facts, unit, event.name, was, (recorded, event.event_id, time))
    if kind is MediationOutcome:
        return join_statement(facts, unit, occurred, recorded, event.event_id, _written(event))
    grown = join_press(facts, unit, event.name, occurred, recorded)
    if event.to is not None:
        grown += join_statement(facts, unit, occurred, recorded, event.event_id, {"referred_to": event.to})
    return grown


def _written(event: Any) -> Values:
    """An outcome, and what the unit wrote of police. An event with neither takes the outcome back."""
    values: Values = {}
    if event.outcome is not None or event.police_on_scene is None:
        values["outcome"] = event.outcome or ""
    if event.police_on_scene is not None:
        values["police"] = PRESENT if event.police_on_scene else NONE
    return values


def located(values: Values, key: str) -> Values:
    """Attributes with the place instead of the address, which is never kept."""
    kept = {name: value for name, value in values.items() if name != "address"}
    address = values["address"]
    if not address:
        kept.setdefault("place", "")
    elif place := place_of(address, key):
        kept["place"] = place
    return kept


def has_desk(facts: Facts) -> bool:
    """Whether the desk has said anything."""
    return DESK in facts.presses or DESK in facts.attributes or DESK in facts.corrections


def standing_steps(facts: Facts) -> dict[str, Presses]:
    """The desk's steps that stand after corrections, in order of time; names without any are left out."""
    presses = facts.presses.get(DESK, {})
    corrections: dict[str, dict[Micros, Correction]] = facts.corrections.get(DESK, {})
    if not corrections:
        return presses
    found = {}
    for name in sorted({*presses, *corrections}):
        stands = standing(presses.get(name, ()), corrections.get(name, {}))
        if stands:
            found[name] = stands
    return found


def stated(facts: Facts, name: str) -> Statement | None:
    """The statement of the desk that holds for an attribute; None where nothing does."""
    for statement in facts.attributes.get(DESK, ()):
        if statement[3].get(name):
            return statement
    return None
