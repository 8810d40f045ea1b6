"""An event at the door: decoded, judged, and joined into what is known of its incident.

What may not pass is refused with a reason, and an address goes no further.
"""

from __future__ import annotations

from typing import Any, Final, cast

from schemas.decoding import (
    AGENCY_ID,
    EVENT_ID,
    NAME,
    OCCURRED_AT,
    RECORDED_AT,
    REFUSALS,
    SOURCE_ID,
    UNIT_ID,
    Change,
    Correction,
    Disposition,
    MediationCorrection,
    Merge,
    Milestone,
    decode,
    fast,
)
from schemas.times import DAY, Micros, micros
from schemas.vocabulary import DeadLetterReason
from streams.incidents.desk import Desk
from streams.incidents.joining import join_correction, join_press, join_statement
from streams.incidents.mediation import statements
from streams.incidents.state import EARLIEST, INCIDENT, WITHDRAWN, Facts

# What nearly all events ask for, as constants of this module: compiled code finds those at once.
_FAST: Final = fast
_MILESTONE: Final = Milestone
_CHANGE: Final = Change

Said = tuple[Any, ...]
"""All fields of an event: to ask a struct for one costs compiled code as much as to ask for all of them."""


class Rejected(Exception):
    """An event that is well formed and cannot be joined."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def stranger(agency_id: str) -> Rejected:
    """The refusal of an event of an agency that has no file."""
    return Rejected(DeadLetterReason.UNKNOWN_AGENCY, f"no file of agency {agency_id!r}")


def decoded(value: bytes | None) -> Any:
    """``decode``, the way that nearly all go first: compiled, that takes no detour through Python."""
    if value is not None and value.isascii():
        try:
            return _FAST(value)
        except REFUSALS:
            pass
    return decode(value)


def judged(event: Any, said: Said, desk: Desk, latest: Micros) -> tuple[str, Micros, Micros]:
    """The unit that an event is of (or ``INCIDENT``), when it occurred, and when it was recorded.

    Raises:
        Rejected: its agency doesn't list its source, its times can't be, or it names no unit and should.
    """
    occurred = micros(said[OCCURRED_AT])
    stamp = said[RECORDED_AT]
    recorded = occurred if stamp is None else micros(stamp)
    source: str | None = said[SOURCE_ID]
    if source is not None and source != desk.source:
        if source not in desk.sources:
            raise Rejected(DeadLetterReason.UNKNOWN_SOURCE, f"{said[AGENCY_ID]} lists no source {source!r}")
        desk.source = source
    if recorded > latest or occurred > latest:
        raise Rejected(DeadLetterReason.IN_THE_FUTURE, "more than an hour ahead of when it was appended")
    if occurred < desk.oldest:
        days = desk.keep // DAY
        raise Rejected(DeadLetterReason.TOO_LATE, f"more than {days} days before the agency's clock")
    kind = type(event)
    unit: str = INCIDENT
    if kind is _MILESTONE or kind is _CHANGE:
        unit = said[UNIT_ID] or INCIDENT
    elif kind is Correction or kind is MediationCorrection:
        if event.time is not None and micros(event.time) > latest:
            raise Rejected(DeadLetterReason.IN_THE_FUTURE, "its new time is more than an hour ahead")
        unit = _mediator(event) if kind is MediationCorrection else event.unit_id or INCIDENT
    elif kind in statements.KINDS:
        unit = _mediator(event)
    return unit, occurred, recorded


def _mediator(event: Any) -> str:
    """Whose a mediation event is: the desk's, or a unit's.

    Raises:
        Rejected: it should name a unit, and doesn't.
    """
    unit = statements.whose(event)
    if unit is None:
        raise Rejected(DeadLetterReason.INVALID, f"unit_id: {event.name} is a unit's, and none is named")
    return unit


def join(
    facts: Facts, unit: str, event: Any, said: Said, occurred: Micros, recorded: Micros, place_key: str
) -> int:
    """Join what an event says of a unit; returns about how many bytes the facts grew by, as all joins do."""
    kind = type(event)
    if kind is _MILESTONE:
        return join_press(facts, unit, said[NAME], occurred, recorded)
    event_id: str = said[EVENT_ID]
    if kind is Correction:
        was = EARLIEST if event.was is None else micros(event.was)
        time = WITHDRAWN if event.time is None else micros(event.time)
        return join_correction(facts, unit, event.name, was, (recorded, event_id, time))
    if kind is not _CHANGE and kind in statements.KINDS:
        return statements.join(facts, unit, event, occurred, recorded)
    values = _stated(event)
    if "address" in values:
        values = statements.located(values, place_key)
    return join_statement(facts, unit, occurred, recorded, event_id, values)


def _stated(event: Any) -> dict[str, str]:
    """The attributes an event states; an empty value takes a statement back."""
    kind = type(event)
    if kind is Merge:
        return {"merged_into": event.merged_into or ""}
    if kind is Disposition:
        return {"disposition": event.disposition or ""}
    values: dict[str, str | None] = event.attributes
    for value in values.values():
        if value is None:
            return {name: value or "" for name, value in values.items()}
    return cast("dict[str, str]", values)  # the event's own: nobody else has it
