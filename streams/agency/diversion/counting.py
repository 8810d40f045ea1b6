"""What one encounter adds to every count: a row of whole numbers, one a name. Sums of rows are the figures.

Everything is counted within ``all``: public-initiated, not merged away, with a call time.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.records import EncounterRecord
from schemas.vocabulary import GOOD_OUTCOMES, OUTCOMES, EncounterFlag, FunnelStep, IncidentState

_STEP = FunnelStep

STEPS: tuple[str, ...] = (
    "offered",
    "not_offered",
    "accepted",
    "declined",
    "unit_unavailable",
    "undecided",
    "by_phone",
    "dispatched",
    "withdrawn",
    "waiting",
    "on_scene",
    "canceled",
    "under_way",
    *(f"outcome:{outcome}" for outcome in OUTCOMES),
    "open",
)
"""Steps of the funnel after a call is found to be in service; ``open`` is on scene without an outcome yet."""

FUNNEL: tuple[str, ...] = ("suitable", "in_service", "out_of_hours", "out_of_area", *STEPS)
COLUMN: tuple[str, ...] = ("taken", "off_criteria", "out_of_hours", "out_of_area", *STEPS)
"""Calls that were offered although off criteria, out of hours or out of area."""

COUNTS: tuple[str, ...] = (
    "all",
    "all_linked",
    "suitable",
    "suitable_final",
    "in_service",
    "associated",
    "off_criteria",
    "dispatched",
    "on_scene",
    "handled",
    "ended",
    "handled_open",
    "by_phone",
    "unlinked",
    "implied",
    "placed",
    "repeat",
    "police_present",
    "police_requested",
    "police_conflict",
    "police_unseen",
    "referrals",
    "follow_ups",
    "without_police",
    "without_police_not_centric",
    "any_dispatched_not_centric",
    "police_not_associated",
    "suitable_handled",
    "in_service_handled",
    "judged",
    "judged_without_police",
    "judged_resolved",
    "on_scene_police_requested",
    "judged_police_conflict",
)
"""Sets of section 6 and the parts that formulas are made of; ``judged``: handled, ended and linked.

``placed`` are the associated whose place is known: of the others nobody can say whether they are a repeat.
"""

_SUMS = ("share_percent", "saved_percent_minutes")

NAMES: tuple[str, ...] = (
    *COUNTS,
    *(f"funnel:{name}" for name in FUNNEL),
    *(f"column:{name}" for name in COLUMN),
    *(f"outcome:{name}" for name in OUTCOMES),
    *_SUMS,
)
PLACE: dict[str, int] = {name: place for place, name in enumerate(NAMES)}

_OFFERED = frozenset(_STEP) - {_STEP.NOT_OFFERED}
_DECIDED_OTHERWISE = frozenset((_STEP.UNDECIDED, _STEP.DECLINED, _STEP.UNIT_UNAVAILABLE))
_SENT = frozenset((_STEP.UNDER_WAY, _STEP.CANCELED, _STEP.ON_SCENE))


def counted(record: EncounterRecord) -> bool:
    """Whether it is in ``all``: public, standing, not merged away, with a call time."""
    gone = record.state in (IncidentState.MERGED.value, IncidentState.VOID.value)
    return record.public and not gone and bool(record.call_at)


def helped(record: EncounterRecord) -> bool:
    """Whether another encounter at its place within 30 days is a repeat."""
    return record.outcome in GOOD_OUTCOMES and counted(record)


Traits = tuple[object, ...]
"""All of an encounter that a row depends on; few combinations ever occur."""


def traits(record: EncounterRecord, *, repeat: bool) -> Traits:
    """The traits of an encounter."""
    return (
        record.suitable, record.suitable_final, record.service, record.step, record.outcome,
        record.associated, record.dispatched, record.on_scene, record.handled, record.ended,
        record.police_present, record.police_dispatched, record.any_dispatched, record.police_requested,
        record.unlinked, record.centric, record.police_share_percent, record.police_minutes,
        record.referrals, record.follow_ups, bool(record.implied), bool(record.place), repeat,
        *record.flags,
    )  # fmt: skip


def row(record: EncounterRecord, *, repeat: bool) -> list[int]:
    """What an encounter that is counted adds to each of ``NAMES``."""
    values = [0] * len(NAMES)
    for name in _sets(record, repeat=repeat):
        values[PLACE[name]] += 1
    values[PLACE["referrals"]] = record.referrals if record.associated else 0
    values[PLACE["follow_ups"]] = record.follow_ups if record.associated else 0
    for name in _way(record):
        values[PLACE[name]] += 1
    if record.outcome:
        values[PLACE[f"outcome:{record.outcome}"]] = 1
    if values[PLACE["without_police"]]:
        values[PLACE["share_percent"]] = record.police_share_percent
        values[PLACE["saved_percent_minutes"]] = record.police_share_percent * record.police_minutes
    return values


def _sets(record: EncounterRecord, *, repeat: bool) -> Iterator[str]:
    """The names of ``COUNTS`` that an encounter is in."""
    linked, handled = not record.unlinked, record.handled
    conflict = EncounterFlag.POLICE_CONFLICT.value in record.flags
    without = record.on_scene and linked and not record.police_present
    judged = handled and record.ended and linked
    quiet = judged and not record.police_present and not record.police_requested
    in_service = record.suitable and record.service == "in_service"
    associated = record.associated
    yes = {
        "all": True,
        "all_linked": linked,
        "suitable": record.suitable,
        "suitable_final": record.suitable_final,
        "in_service": in_service,
        "associated": associated,
        "off_criteria": associated and not record.suitable,
        "dispatched": record.dispatched,
        "on_scene": record.on_scene,
        "handled": handled,
        "ended": handled and record.ended,
        "handled_open": handled and not record.ended,
        "by_phone": record.step == _STEP.BY_PHONE,
        "unlinked": record.unlinked,
        "implied": associated and bool(record.implied),
        "placed": associated and bool(record.place),
        "repeat": repeat and associated,
        "police_present": associated and record.police_present,
        "police_requested": associated and record.police_requested,
        "police_conflict": associated and conflict,
        "police_unseen": associated and EncounterFlag.POLICE_UNSEEN.value in record.flags,
        "without_police": without,
        "without_police_not_centric": without and not record.centric,
        "any_dispatched_not_centric": record.any_dispatched and not record.centric,
        "police_not_associated": record.police_dispatched and not associated,
        "suitable_handled": record.suitable and handled,
        "in_service_handled": in_service and handled,
        "judged": judged,
        "judged_without_police": quiet,
        "judged_resolved": quiet and record.outcome in GOOD_OUTCOMES,
        "on_scene_police_requested": record.on_scene and record.police_requested,
        "judged_police_conflict": judged and conflict,
    }
    return (name for name, is_in in yes.items() if is_in)


def _way(record: EncounterRecord) -> Iterator[str]:
    """The names of the funnel, or of the column beside it, that a call passed through."""
    step = FunnelStep(record.step)
    in_service = record.service == "in_service"
    if record.suitable:
        yield "funnel:suitable"
        yield f"funnel:{record.service}"
    if record.suitable and in_service:
        side = "funnel"
    elif step in _OFFERED:
        side = "column"
        yield "column:taken"
        yield f"column:{'off_criteria' if not record.suitable else record.service}"
    else:
        return
    yield f"{side}:{'offered' if step in _OFFERED else 'not_offered'}"
    if step is _STEP.NOT_OFFERED:
        return
    if step in _DECIDED_OTHERWISE:
        yield f"{side}:{step.value}"
        return
    yield f"{side}:accepted"
    if step not in _SENT:
        yield f"{side}:{step.value}"
        return
    yield f"{side}:dispatched"
    yield f"{side}:{step.value}"
    if step is _STEP.ON_SCENE:
        yield f"{side}:outcome:{record.outcome}" if record.outcome else f"{side}:open"
