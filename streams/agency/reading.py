"""What stage two reads of a record: the fields that figures are made of, and nothing else.

The rest of a record (most of its bytes) is skipped by the decoder, which costs a third of decoding it whole.
Its place stays bytes: there are some thousand different ones, and whoever asks keeps what each of them means.
Names, types and defaults are those of ``schemas.records``; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.errors import GenerationMismatch
from schemas.records import Measure, Place, Revision
from schemas.times import Micros
from streams.agency.contributions import INCIDENT, RESPONSE

NO_INCIDENT = b"//"
"""In every clock's key, and in no other's but that of an incident without a name."""

NO_PLACE = msgspec.Raw(b"null")


class _Both(msgspec.Struct, gc=False, kw_only=True):
    """What both have."""

    agency_id: str
    revision: Revision
    state: str
    in_scope: bool = True
    simulated: bool = False
    place: msgspec.Raw = NO_PLACE
    call_at: Micros = 0
    began_at: Micros = 0
    closed_at: Micros = 0
    merged_at: Micros = 0
    intervals: dict[str, Measure] = {}


class IncidentRead(_Both, gc=False, kw_only=True):
    """An ``IncidentRecord`` as stage two reads it."""


class ResponseRead(_Both, gc=False, kw_only=True):
    """A ``ResponseRecord`` as stage two reads it; its milestones are decoded while it is open alone."""

    incident_id: str
    unit_id: str
    ended_at: Micros = 0
    milestones: msgspec.Raw = msgspec.Raw(b"{}")


Read = ResponseRead | IncidentRead


class _Revised(msgspec.Struct, gc=False):
    revision: Revision


DECODERS: dict[str, Callable[[bytes], Read]] = {
    RESPONSE: msgspec.json.Decoder(ResponseRead).decode,
    INCIDENT: msgspec.json.Decoder(IncidentRead).decode,
}
"""Scope to its decoder; ``msgspec.MsgspecError`` where bytes are no such record."""

_revised = msgspec.json.Decoder(_Revised).decode
place_of = msgspec.json.Decoder(Place | None).decode
milestones_of = msgspec.json.Decoder(dict[str, Micros]).decode


def newer(value: bytes, than: bytes) -> bool:
    """Whether a record's revision is the higher one; raises ``msgspec.MsgspecError`` as a decoder does."""
    return _revised(value).revision > _revised(than).revision


def unreadable(topic: str, key: bytes, exc: Exception) -> GenerationMismatch:
    """What a worker ends with where a topic holds what it cannot decode."""
    return GenerationMismatch(
        f"{topic} holds a record this version cannot read ({key!r}: {exc}); run `watchroom rebuild`"
    )
