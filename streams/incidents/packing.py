"""Incident states and positions as bytes: changelog values and what a merged incident sends.

A changelog value begins with a header of fixed size (format, when it is next due, when its clocks are to be
looked at, whether it has ended), so
that
recovery need not open what nobody asks for: states stay packed until an event touches them.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from schemas.errors import GenerationMismatch
from schemas.times import Micros
from schemas.vocabulary import MODES
from streams.incidents.breaches.held import Held
from streams.incidents.joining import values_of
from streams.incidents.state import (
    NEVER,
    Change,
    Correction,
    Facts,
    First,
    Incident,
    Package,
    Press,
    Presses,
    Statement,
    flat,
    paired,
)

FORMAT = 3
"""Version of changelog values. A worker reads its own alone; another one needs ``watchroom rebuild``."""

_HEADER = struct.Struct("<Bqq?")

_AsWritten = TypeVar("_AsWritten")
"""The presses of a milestone, as they are written."""


class _Facts(msgspec.Struct, Generic[_AsWritten], array_like=True):
    """The fields of ``Facts``, in the order in which they are written.

    Of a merged incident each press is a pair: ``incident.events`` keeps what was ever sent, and a rebuild
    reads it, so that this layout must never change. A state's own lie flat.
    """

    presses: dict[str, dict[str, _AsWritten]]
    corrections: dict[str, dict[str, dict[Micros, Correction]]]
    attributes: dict[str, list[Statement]]
    first_type: dict[str, First]
    history: dict[str, dict[str, list[Change]]]
    last_occurred: Micros
    last_recorded: Micros
    simulated: bool
    changed: bool


class _Incident(_Facts[Presses], array_like=True):
    """The same of an ``Incident``."""

    agency_id: str
    incident_id: str
    absorbed: dict[str, tuple[int, Package]]
    first_offset: int
    last_offset: int
    size: int
    sent_to: str
    sent_digest: bytes
    emitted: dict[str, int]
    due: Micros
    ended: bool
    shared: tuple[Micros, Micros, str, bool]
    breaches: dict[str, Held]
    wake: Micros


_of_facts = attrgetter(*_Facts.__struct_fields__)


def _written(value: Any) -> Any:
    """What msgspec does not know, as what it does; it wants ``NotImplementedError`` of anything else."""
    if isinstance(value, Facts):
        pairs = {
            unit: {name: paired(presses) for name, presses in names.items()}
            for unit, names in value.presses.items()
        }
        return pairs, *_of_facts(value)[1:]
    raise NotImplementedError(f"{type(value).__name__} has no place in a state")


def _read(asked: type, value: Any) -> Any:
    """The other way round."""
    if asked is Facts:
        facts, wire = Facts(), msgspec.convert(value, _Facts[list[Press]])
        _fill(facts, wire)
        facts.presses = {
            unit: {name: flat(pairs) for name, pairs in names.items()} for unit, names in wire.presses.items()
        }
        return facts
    raise NotImplementedError(f"{asked.__name__} has no place in a state")


def _fill(facts: Facts, wire: _Facts[Any]) -> None:
    for name in wire.__struct_fields__:
        setattr(facts, name, getattr(wire, name))


_encode = msgspec.msgpack.Encoder(enc_hook=_written).encode
_decode_incident = msgspec.msgpack.Decoder(_Incident, dec_hook=_read).decode
_decode_package = msgspec.msgpack.Decoder(Package, dec_hook=_read).decode


class Position(msgspec.Struct, array_like=True):
    """Where a partition is: written with every batch, in its transaction.

    Attributes:
        next_offset: the next fetch offset of the source, markers included.
        clocks: agency to source to the latest time it wrote.
        told: agency to the clock last written to the result topics.
        counters: what was done since the generation began, by name.
    """

    format: int
    next_offset: int
    clocks: dict[str, dict[str, Micros]]
    told: dict[str, Micros]
    counters: dict[str, int]


_decode_position = msgspec.msgpack.Decoder(Position).decode


def pack(incident: Incident) -> bytes:
    """An incident's whole state as a changelog value."""
    return _HEADER.pack(FORMAT, incident.due, incident.wake, incident.ended) + _encode(incident.fields())


def header(value: bytes) -> tuple[Micros, bool]:
    """(when it is due, whether it has ended) of a packed incident.

    Raises:
        GenerationMismatch: the value is of another format.
    """
    try:
        version, due, _, ended = _HEADER.unpack_from(value)
    except struct.error:
        version, due, ended = -1, 0, False
    if version != FORMAT:
        raise _unreadable("an incident's state", version)
    return due, ended


def wake_of(value: bytes) -> Micros:
    """When the clocks of a packed incident are to be looked at; its header was read before."""
    wake: Micros = _HEADER.unpack_from(value)[2]
    return wake


def unpack(value: bytes) -> Incident:
    """A packed incident.

    Raises:
        GenerationMismatch: the value cannot be read.
    """
    header(value)
    try:
        wire = _decode_incident(memoryview(value)[_HEADER.size :])
    except msgspec.MsgspecError as exc:
        raise _unreadable("an incident's state", FORMAT) from exc
    incident = Incident(wire.agency_id, wire.incident_id)
    _fill(incident, wire)
    return incident


def pack_position(position: Position) -> bytes:
    """A position record's value."""
    return _encode(position)


def unpack_position(value: bytes) -> Position:
    """A position record.

    Raises:
        GenerationMismatch: the value is of another format.
    """
    try:
        position = _decode_position(value)
    except msgspec.MsgspecError as exc:
        raise _unreadable("a position record", -1) from exc
    if position.format != FORMAT:
        raise _unreadable("a position record", position.format)
    return position


def pack_package(package: Package) -> str:
    """What a merged incident sends, as text that fits an event; empty for nothing.

    Equal content, equal text.
    """
    return base64.b64encode(_encode(_in_order(package))).decode() if package else ""


def _in_order(value: Any) -> Any:
    """The same with the keys of all dicts in order.

    msgspec does so for keys of text alone, and corrections go by instant.
    """
    if isinstance(value, dict):
        return {key: _in_order(held) for key, held in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [_in_order(held) for held in value]
    if isinstance(value, Facts):
        return _in_order(_written(value))
    return value


def unpack_package(text: str) -> Package:
    """What a merged incident sent.

    Raises:
        ValueError: the text is no package.
    """
    if not text:
        return {}
    try:
        package = _decode_package(base64.b64decode(text, validate=True))
    except msgspec.MsgspecError as exc:
        raise ValueError(f"not a package of states: {exc}") from exc
    if not all(_within(path) and _within(facts) and _makes_sense(facts) for path, facts in package.values()):
        raise ValueError("a package of states that nobody can have been in")
    return package


def _within(value: Any) -> bool:
    """Whether all instants in it can be reckoned with."""
    if isinstance(value, int):
        return -NEVER <= value < NEVER
    if isinstance(value, dict):
        return all(_within(key) and _within(held) for key, held in value.items())
    if isinstance(value, list | tuple):
        return all(map(_within, value))
    return not isinstance(value, Facts) or _within(_of_facts(value))


def _makes_sense(facts: Facts) -> bool:
    """Whether a state of ours can be so: anybody may write into ``incident.events``."""
    modes = {s[3].get("response_mode", "") for statements in facts.attributes.values() for s in statements}
    return (
        modes <= {"", *MODES}
        and all(presses for names in facts.presses.values() for presses in names.values())
        and all(name in values_of(facts, unit) for unit, names in facts.history.items() for name in names)
    )


def digest(text: str) -> bytes:
    """A short fingerprint of a package, to see whether it changed."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _unreadable(what: str, version: int) -> GenerationMismatch:
    return GenerationMismatch(
        f"the changelog holds {what} of format {version}, this reads format {FORMAT}; run `watchroom rebuild`"
    )
