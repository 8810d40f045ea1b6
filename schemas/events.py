"""What may be said on ``incident.events``: a discriminated union by ``kind``.

An event says one thing that happened. It carries ``event_id``, ``agency_id``, ``incident_id``,
``occurred_at`` (when it happened) and ``recorded_at`` (when CAD wrote it; absent means: at once). Extra
fields do no harm. Clocks share the topic, because time is data (DESIGN.md, Time).

These models are the law. ``schemas.decoding`` derives from them the fast decoder of the hot path.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from typing_extensions import TypedDict

from schemas.vocabulary import (
    DeskStep,
    Initiator,
    MediationUnitStep,
    Milestone,
    Outcome,
    ResponseMode,
    Service,
)

SCHEMA_VERSION: Literal[1] = 1
"""The version of these models. An event of a newer one is dead-lettered by name, not guessed at."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=256)]

_SEVENTH = re.compile(r"[.,][0-9]{6}[5-9]")


def _to_microseconds(value: Any, handler: ValidatorFunctionWrapHandler) -> datetime:
    """An instant finer than microseconds is rounded, half up, as the fast decoder does.

    Pydantic alone cuts it off.
    """
    moment: datetime = handler(value)
    if not isinstance(value, str) or not _SEVENTH.search(value):
        return moment
    try:
        return moment + timedelta(microseconds=1)
    except OverflowError as exc:
        raise ValueError("past the end of the calendar") from exc


Instant = Annotated[AwareDatetime, WrapValidator(_to_microseconds)]

Attributes = TypedDict(
    "Attributes",
    {
        "type": Value | None,
        "priority": Value | None,
        "response_mode": ResponseMode | None,
        "class": Value | None,
        "station_area": Value | None,
        "battalion": Value | None,
        "zone": Value | None,
        "unit_type": Value | None,
        "service": Service | None,
        "als": Literal["true", "false"] | None,
        "first_due_exempt": Value | None,
        "initiated_by": Initiator | None,
        "address": Value | None,
        "place": Identifier | None,
    },
    total=False,
)
"""What can be said of an incident or a unit, and change. ``None`` takes a statement back.

``first_due_exempt`` is a space-separated list of classes in which this unit does not count for first due,
``*`` for all.

``initiated_by`` says whether a caller or an officer on patrol began the incident. An ``address`` is never
kept: stage one makes a ``place`` of it, a keyed hash (``schemas.places``); a source may send its own
``place``
instead.
"""


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    event_id: Identifier
    agency_id: Identifier
    incident_id: Identifier
    source_id: Identifier | None = None
    occurred_at: Instant
    recorded_at: Instant | None = None
    simulated: bool = False


class MilestoneEvent(_Event):
    """A button was pressed or a status written.

    ``name`` happened at ``occurred_at``, to a unit or to the incident.
    """

    kind: Literal["milestone"] = "milestone"
    unit_id: Identifier | None = None
    name: Milestone


class CorrectionEvent(_Event):
    """A milestone's time was wrong.

    ``was`` (absent: the earliest press) is replaced by ``time`` (absent: withdrawn).
    """

    kind: Literal["correction"] = "correction"
    unit_id: Identifier | None = None
    name: Milestone
    was: Instant | None = None
    time: Instant | None = None


class ChangeEvent(_Event):
    """Attributes of the incident, or of one of its units, were stated or changed at ``occurred_at``."""

    kind: Literal["change"] = "change"
    unit_id: Identifier | None = None
    attributes: Attributes


class MergeEvent(_Event):
    """The incident is part of ``merged_into`` from now on; absent: it is one of its own again."""

    kind: Literal["merge"] = "merge"
    merged_into: Identifier | None = None


class DispositionEvent(_Event):
    """How the incident was disposed of."""

    kind: Literal["disposition"] = "disposition"
    disposition: Value | None = None


class MediationEvent(_Event):
    """A step of the mediation desk: a call was offered, accepted, resolved by phone, ...

    ``to`` says what a referral was to, or whom the caller was handed to.
    """

    kind: Literal["mediation"] = "mediation"
    name: DeskStep
    unit_id: Identifier | None = None
    to: Value | None = None


class MediationUnitEvent(_Event):
    """A milestone of a mediation unit, as the desk's or the unit's own log has it.

    It is joined with what CAD says of the same unit: the same button, written down twice.
    """

    kind: Literal["mediation_unit"] = "mediation_unit"
    unit_id: Identifier
    name: MediationUnitStep


class MediationCorrectionEvent(_Event):
    """A mediation step's time was wrong, or it never was: as ``CorrectionEvent``, of the other half."""

    kind: Literal["mediation_correction"] = "mediation_correction"
    unit_id: Identifier | None = None
    name: DeskStep | MediationUnitStep
    was: Instant | None = None
    time: Instant | None = None


class MediationOutcomeEvent(_Event):
    """How the encounter ended, as the desk or the unit wrote it; said again, it is corrected.

    ``outcome`` absent takes an earlier one back. ``police_on_scene`` is what the unit wrote of police being
    there, absent where it wrote nothing; whether they were is CAD's to say.
    """

    kind: Literal["mediation_outcome"] = "mediation_outcome"
    unit_id: Identifier | None = None
    outcome: Outcome | None = None
    police_on_scene: bool | None = None


class ClockEvent(BaseModel):
    """Time itself: the source has said everything up to ``time``. Only clocks move time (DESIGN.md, Time)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["clock"] = "clock"
    agency_id: Identifier
    source_id: Identifier
    time: Instant


class AbsorbedEvent(BaseModel):
    """The whole state of a merged incident, sent by stage one to the incident it was merged into.

    ``state`` is the packed states by incident id, base64 of msgpack (streams.incidents.packing); empty when
    the merge was undone. ``offset`` is that of the last event applied to the sender: the highest offset of a
    sender wins.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["absorbed"] = "absorbed"
    agency_id: Identifier
    incident_id: Identifier
    sender: Identifier
    offset: int
    state: str


IncidentEvent = (
    MilestoneEvent
    | CorrectionEvent
    | ChangeEvent
    | MergeEvent
    | DispositionEvent
    | MediationEvent
    | MediationUnitEvent
    | MediationCorrectionEvent
    | MediationOutcomeEvent
)
"""An event a source may write of an incident."""

Event = Annotated[
    IncidentEvent | ClockEvent | AbsorbedEvent,
    Field(discriminator="kind"),
]
"""Everything that may stand on ``incident.events``."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Validates any event: ``EVENT.validate_json(bytes)``, ``EVENT.validate_python(dict)``."""


def to_json(event: Event) -> bytes:
    """An event as it is written to Kafka: JSON, absent fields left out, UTC.

    >>> to_json(ClockEvent(agency_id="sffd", source_id="cad", time="2017-01-01T00:00:00Z"))
    b'{"kind":"clock","agency_id":"sffd","source_id":"cad","time":"2017-01-01T00:00:00Z"}'
    """
    body = event.__pydantic_serializer__.to_json(event, exclude_defaults=True)
    return b'{"kind":"' + event.kind.encode() + b'",' + body[1:]
