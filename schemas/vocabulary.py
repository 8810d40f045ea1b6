"""The field's own words, after NERIS where it has one, as closed sets.

A name here is the same name in topic, record, metric, panel and document.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, get_args

IncidentMilestone = Literal["call_arrival", "call_answered", "call_create", "incident_clear"]
UnitMilestone = Literal[
    "dispatch",
    "enroute_to_scene",
    "staging",
    "on_scene",
    "canceled_enroute",
    "unit_clear",
    "at_patient",
    "enroute_to_hospital",
    "arrived_at_hospital",
    "hospital_cleared",
]
Milestone = Literal[IncidentMilestone, UnitMilestone]
DeskStep = Literal[
    "screened",
    "offered",
    "accepted",
    "declined",
    "unit_unavailable",
    "withdrawn",
    "phone_resolution",
    "police_requested",
    "referral",
    "follow_up",
]
"""What a mediation desk says happened to a call (NERIS has no word for any of it).

``withdrawn``: accepted, and then given up before anybody was sent. ``police_requested``: the desk or the unit
asked for police. ``follow_up``: a later visit or call, which changes neither end nor outcome.
"""
MediationUnitStep = Literal[
    "dispatch", "enroute_to_scene", "staging", "on_scene", "canceled_enroute", "unit_clear"
]
Outcome = Literal[
    "resolved_by_phone",
    "resolved",
    "referred",
    "no_person_found",
    "refused",
    "police_requested",
    "ems_requested",
    "transferred",
    "cleared_without_outcome",
]
"""How an encounter ended: exactly one of an ended, handled one (DEFINITIONS.md, 6)."""
Initiator = Literal["PUBLIC", "OFFICER"]
"""Who an incident was initiated by: a caller, or an officer on patrol."""

INCIDENT_MILESTONES: tuple[str, ...] = get_args(IncidentMilestone)
UNIT_MILESTONES: tuple[str, ...] = get_args(UnitMilestone)
MILESTONES: tuple[str, ...] = INCIDENT_MILESTONES + UNIT_MILESTONES

DESK_STEPS: tuple[str, ...] = get_args(DeskStep)
MEDIATION_UNIT_STEPS: tuple[str, ...] = get_args(MediationUnitStep)
OUTCOMES: tuple[str, ...] = get_args(Outcome)
GOOD_OUTCOMES = frozenset({"resolved", "referred", "resolved_by_phone"})
"""Outcomes that R2 counts, and after which another call from the same place is a repeat."""

ResponseMode = Literal["EMERGENT", "NON_EMERGENT"]
MODES: tuple[str, ...] = get_args(ResponseMode)
Service = Literal["FIRE", "EMS", "POLICE", "MEDIATION", "OTHER"]
FIRE_AND_EMS = frozenset({"FIRE", "EMS"})
"""The services whose units sections 3 to 5 of DEFINITIONS.md are about."""

UNKNOWN: Final = "UNKNOWN"
"""What stands for an attribute nobody stated."""

HISTORY_ATTRIBUTES = ("type", "priority", "response_mode", "class")
"""Attributes whose changes matter later and keep their history (DEFINITIONS.md, 1)."""


class DeadLetterReason(StrEnum):
    """Why an event could not be joined. Log field, metric label and header of the dead letter at once."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    EMPTY = "empty"
    UNKNOWN_KIND = "unknown_kind"
    NEWER_SCHEMA_VERSION = "newer_schema_version"
    INVALID = "invalid"
    NAIVE_TIME = "naive_time"
    UNKNOWN_AGENCY = "unknown_agency"
    UNKNOWN_SOURCE = "unknown_source"
    WRONG_PARTITION = "wrong_partition"
    TOO_LATE = "too_late"
    IN_THE_FUTURE = "in_the_future"
    INCIDENT_TOO_LARGE = "incident_too_large"
    INTERNAL = "internal"


class IncidentState(StrEnum):
    """Where an incident or a response stands, derived from its events and the clock."""

    OPEN = "open"
    ENDED = "ended"
    CLOSED_BY_RULE = "closed_by_rule"
    MERGED = "merged"
    VOID = "void"
    """Nothing stands any more (all withdrawn): the record replaces an earlier one and counts nowhere."""


class Standing(StrEnum):
    """Why a breach stands at the end of an incident (DEFINITIONS.md, 5)."""

    MEASURED = "measured"
    PASSED_BEFORE_DOWNGRADE = "passed_before_downgrade"
    NEVER_ENDED = "never_ended"


class BreachState(StrEnum):
    """Where a breach is in its life (DEFINITIONS.md, 5)."""

    AMBER = "amber"
    """80 % of the limit has passed, and there is still time."""
    RED = "red"
    """The deadline has passed."""
    CLOSED = "closed"
    """Its interval has ended, over the limit."""
    WITHDRAWN = "withdrawn"
    """It was opened, and does not stand; ``reason`` says why."""


class Withdrawal(StrEnum):
    """Why a breach that was opened does not stand; beside these every exclusion of the definitions."""

    MEASURED_WITHIN = "measured_within"
    """The interval ended within its limit after all."""
    CORRECTED = "corrected"
    """A correction took away what it was opened for."""
    DOWNGRADED = "downgraded"
    """Mode, priority or class changed to a longer target or none before the old limit had passed."""
    DIVERTED = "diverted"
    """No unit is under way any more, and none arrived: cancelled, or sent elsewhere."""
    OUT_OF_SCOPE = "out_of_scope"
    """Its unit is no FIRE or EMS unit after all."""
    MERGED = "merged"
    """The incident is part of another, which has clocks of its own."""


class Flag(StrEnum):
    """Something worth knowing of a record that changes no figure."""

    OUT_OF_ORDER = "out_of_order"
    MERGE_CYCLE = "merge_cycle"


class FunnelStep(StrEnum):
    """How far down the funnel a call came: the last step it reached (DEFINITIONS.md, 6)."""

    NOT_OFFERED = "not_offered"
    UNDECIDED = "undecided"
    DECLINED = "declined"
    UNIT_UNAVAILABLE = "unit_unavailable"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    BY_PHONE = "by_phone"
    UNDER_WAY = "under_way"
    CANCELED = "canceled"
    ON_SCENE = "on_scene"


class EncounterFlag(StrEnum):
    """Something worth knowing of an encounter."""

    POLICE_CONFLICT = "police_conflict"
    """The unit wrote that there were no police, and CAD has them on scene."""
    POLICE_UNSEEN = "police_unseen"
    """The unit wrote that police were there, and CAD has none on scene; CAD's word counts."""
    OUTCOME_UNHANDLED = "outcome_unhandled"
    """An outcome was written of a call that nobody handled; it counts as none."""
    NO_CALL_TIME = "no_call_time"
    """Neither call_create nor call_arrival stands: it is in no window."""
