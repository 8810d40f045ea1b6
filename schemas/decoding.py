"""Bytes of ``incident.events`` to events, fast, with pydantic as the judge.

Decoding is a tenth of the whole cost of an event, so the hot path uses msgspec structs *derived* from the
pydantic models of ``schemas.events`` (one definition, two decoders). What msgspec takes, pydantic takes with
the same meaning (a property test keeps it so); what msgspec refuses goes to pydantic, whose verdict and words
count.
"""

from __future__ import annotations

import json
import types
import typing
from datetime import datetime
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from annotated_types import MaxLen, MinLen
from pydantic import AwareDatetime, BaseModel, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import is_typeddict

from schemas import events
from schemas.vocabulary import DeadLetterReason

_MODELS: tuple[type[BaseModel], ...] = (
    events.MilestoneEvent,
    events.CorrectionEvent,
    events.ChangeEvent,
    events.MergeEvent,
    events.DispositionEvent,
    events.MediationEvent,
    events.MediationUnitEvent,
    events.MediationCorrectionEvent,
    events.MediationOutcomeEvent,
    events.ClockEvent,
    events.AbsorbedEvent,
)


class Undecodable(Exception):
    """Bytes that are no event: the reason by name, and pydantic's words."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


def _constrained(base: Any, metadata: typing.Iterable[Any]) -> Any:
    low = high = None
    for item in metadata:
        if isinstance(item, StringConstraints):
            low, high = item.min_length, item.max_length
        elif isinstance(item, MinLen):
            low = item.min_length
        elif isinstance(item, MaxLen):
            high = item.max_length
    if low is None and high is None:
        return base
    return Annotated[base, msgspec.Meta(min_length=low, max_length=high)]


def _translated(annotation: Any) -> Any:
    """A pydantic annotation as msgspec's."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *metadata = get_args(annotation)
        return _constrained(_translated(base), metadata)
    if origin in (Union, types.UnionType):
        return Union[tuple(_translated(a) for a in get_args(annotation))]  # noqa: UP007 - built, not written
    if annotation is AwareDatetime or annotation is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if is_typeddict(annotation):
        hints = typing.get_type_hints(annotation, include_extras=True)
        return typing.TypedDict(  # type: ignore[operator]  # mypy knows only literal TypedDicts
            annotation.__name__, {name: _translated(hint) for name, hint in hints.items()}, total=False
        )
    return annotation


def _field(name: str, info: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    annotation = _constrained(_translated(info.annotation), info.metadata)
    if info.default is PydanticUndefined:
        return name, annotation
    return name, annotation, info.default


def _struct(model: type[BaseModel]) -> type[msgspec.Struct]:
    kind = model.model_fields["kind"].default
    return msgspec.defstruct(
        model.__name__,
        [_field(name, info) for name, info in model.model_fields.items() if name != "kind"],
        tag_field="kind",
        tag=kind,
        kw_only=True,
        gc=False,
        frozen=False,
    )


_STRUCTS = {model: _struct(model) for model in _MODELS}
Milestone = _STRUCTS[events.MilestoneEvent]
Correction = _STRUCTS[events.CorrectionEvent]
Change = _STRUCTS[events.ChangeEvent]
Merge = _STRUCTS[events.MergeEvent]
Disposition = _STRUCTS[events.DispositionEvent]
Mediation = _STRUCTS[events.MediationEvent]
MediationUnit = _STRUCTS[events.MediationUnitEvent]
MediationCorrection = _STRUCTS[events.MediationCorrectionEvent]
MediationOutcome = _STRUCTS[events.MediationOutcomeEvent]
Clock = _STRUCTS[events.ClockEvent]
Absorbed = _STRUCTS[events.AbsorbedEvent]

_COMMON = (
    "schema_version", "event_id", "agency_id", "incident_id", "source_id", "occurred_at", "recorded_at",
    "simulated",
)  # fmt: skip
EVENT_ID: Final = 1
"""Where the fields that all events of an incident have stand in ``msgspec.structs.astuple`` of one."""
AGENCY_ID: Final = 2
INCIDENT_ID: Final = 3
SOURCE_ID: Final = 4
OCCURRED_AT: Final = 5
RECORDED_AT: Final = 6
SIMULATED: Final = 7
UNIT_ID: Final = 8
"""Of a milestone, correction or change, the ``NAME`` of a milestone or correction after it."""
NAME: Final = 9
assert all(
    struct.__struct_fields__[: len(_COMMON)] == _COMMON
    for struct in _STRUCTS.values()
    if struct not in (Clock, Absorbed)
)
assert all(struct.__struct_fields__[UNIT_ID] == "unit_id" for struct in (Milestone, Correction, Change))
assert all(struct.__struct_fields__[NAME] == "name" for struct in (Milestone, Correction))

fast = msgspec.json.Decoder(Union[tuple(_STRUCTS.values())]).decode  # noqa: UP007 - built, not written
"""``decode`` for ASCII alone, for whoever asks it first: it raises one of ``REFUSALS`` where that judges."""
REFUSALS: Final = (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError)


def decode(value: bytes | None) -> Any:
    """Bytes to an event, one of the structs of this module (same fields as the models).

    Raises:
        Undecodable: with the reason under which the bytes go to ``dead.letters``.
    """
    try:
        if value is not None and not value.isascii():
            value.decode()  # msgspec doesn't look at fields that it skips
        return fast(value)  # type: ignore[arg-type]  # None is refused like any other non-event
    except REFUSALS:
        return _judged(value)


def _judged(value: bytes | None) -> Any:
    """What msgspec refused: pydantic's verdict."""
    if value is None or not value:
        raise Undecodable(DeadLetterReason.EMPTY, "the record has no value")
    try:
        value.decode()
    except UnicodeDecodeError as exc:
        raise Undecodable(DeadLetterReason.NOT_UTF8, f"byte {exc.start}: {exc.reason}") from exc
    try:
        event = events.EVENT.validate_json(value)
    except ValidationError as exc:
        raise _refusal(value, exc) from exc
    fields = {name: getattr(event, name) for name in type(event).model_fields if name != "kind"}
    return _STRUCTS[type(event)](**fields)


def _refusal(value: bytes, refused: ValidationError) -> Undecodable:
    try:
        body = json.loads(value)
    except (ValueError, RecursionError) as exc:
        return Undecodable(DeadLetterReason.NOT_JSON, str(exc))
    if not isinstance(body, dict):
        return Undecodable(
            DeadLetterReason.INVALID, f"a JSON object was expected, this is {type(body).__name__}"
        )
    version = body.get("schema_version")
    if isinstance(version, int) and version > events.SCHEMA_VERSION:
        return Undecodable(
            DeadLetterReason.NEWER_SCHEMA_VERSION,
            f"schema_version {version}, this reads {events.SCHEMA_VERSION}",
        )
    first = refused.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return Undecodable(DeadLetterReason.UNKNOWN_KIND, f"kind {str(body.get('kind'))[:80]!r}")
    where = ".".join(str(p) for p in first["loc"][1:]) or "event"
    if first["type"] == "timezone_aware":
        return Undecodable(DeadLetterReason.NAIVE_TIME, f"{where}: a time needs its zone or Z")
    return Undecodable(DeadLetterReason.INVALID, f"{where}: {first['msg']}")
