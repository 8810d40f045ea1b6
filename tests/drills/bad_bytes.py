"""Bytes that are no event, or hardly: good events with something done to them, from a seed."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

from tests.core.test_bad_input import FORGED, VALID

Chance = random.Random

_WORDS = (
    "", "A", "B", "E1", "town", "cad", "dispatch", "on_scene", "milestone", "clock", "absorbed", "merge", "*",
    "EMERGENT", "\x00", "\ud800", "\U0001f692", "a/b", "%2F", "x" * 64, "x" * 65, "x" * 257, "x" * 5_000,
    "NaN", "true", "-", "../town", "'; drop", "\u202e", "\r\n",
)  # fmt: skip
_TIMES = (
    "2017-01-01T19:46:40Z", "2017-01-01T19:46:40", "2017-01-01", "2017-13-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01T23:59:60Z",
    "2017-01-01 19:46:40+25:00", "2017-01-01T19:46:40.1234567890Z", "1483300000", "-1", "1e9", "yesterday",
    "2016-02-30T00:00:00Z", "2017-01-02T19:46:39.999999+00:00",
)  # fmt: skip
_NUMBERS = (
    0,
    -1,
    1,
    17,
    1.5,
    -0.0,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    1e308,
    1_483_300_000,
    1e12,
)
_FIELDS = (
    "kind", "schema_version", "event_id", "agency_id", "incident_id", "source_id", "occurred_at",
    "recorded_at", "simulated", "unit_id", "name", "was", "time", "attributes", "merged_into", "disposition",
    "sender", "offset", "state", "",
)  # fmt: skip
_ATTRIBUTES = (
    "type",
    "priority",
    "response_mode",
    "class",
    "station_area",
    "service",
    "als",
    "first_due_exempt",
)


def anything(chance: Chance, depth: int = 2) -> Any:
    """Any JSON value."""
    sort = chance.randrange(10 if depth else 7)
    if sort < 2:
        return chance.choice(_WORDS)
    if sort < 4:
        return chance.choice(_TIMES)
    if sort == 4:
        return chance.choice(_NUMBERS)
    if sort == 5:
        return chance.choice((None, True, False))
    if sort == 6:
        return "".join(
            chr(chance.choice((chance.randrange(128), chance.randrange(0xD7FF)))) for _ in range(8)
        )
    if sort == 7:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = _ATTRIBUTES if chance.random() < 0.7 else _FIELDS
    return {chance.choice(names): anything(chance, depth - 1) for _ in range(chance.randrange(4))}


def _cut(chance: Chance, value: bytes) -> bytes:
    return value[: chance.randrange(len(value) + 1)]


def _flipped(chance: Chance, value: bytes) -> bytes:
    """A few bits."""
    raw = bytearray(value)
    for _ in range(chance.randrange(1, 4)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def _spliced(chance: Chance, value: bytes) -> bytes:
    """The head of one and the tail of another."""
    other = chance.choice(VALID)
    return value[: chance.randrange(len(value))] + other[chance.randrange(len(other)) :]


def _sprinkled(chance: Chance, value: bytes) -> bytes:
    """Bytes put in or taken out."""
    at = chance.randrange(len(value))
    return value[:at] + chance.randbytes(chance.randrange(4)) + value[at + chance.randrange(4) :]


def _refielded(chance: Chance, value: bytes) -> bytes:
    """Fields with other values, of other types, missing or new."""
    body = json.loads(value)
    for _ in range(chance.randrange(1, 3)):
        name = chance.choice(list(body) or [""]) if chance.random() < 0.7 else chance.choice(_FIELDS)
        if chance.random() < 0.15:
            body.pop(name, None)
        else:
            body[name] = anything(chance)
    return json.dumps(body, ensure_ascii=chance.random() < 0.8).encode(errors="surrogatepass")


def _doubled(chance: Chance, value: bytes) -> bytes:
    """The same name twice in one object: JSON allows it, and readers differ."""
    name = chance.choice(_FIELDS)
    more = json.dumps({name: anything(chance)})[1:-1].encode(errors="surrogatepass")
    return value[:-1] + b"," + more + b"}"


def _nested(chance: Chance, value: bytes) -> bytes:
    """Deep."""
    depth, (head, tail) = chance.choice((5, 500, 3_000)), chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    body = head * depth + (value if chance.random() < 0.5 else b"1") + tail * chance.choice((0, depth))
    return value[:-1] + b',"remarks":' + body + b"}" if chance.random() < 0.5 else body


def _noise(chance: Chance, _: bytes) -> bytes:
    return chance.randbytes(chance.randrange(60))


def _json(chance: Chance, _: bytes) -> bytes:
    return json.dumps(anything(chance, 4)).encode(errors="surrogatepass")


def _recoded(chance: Chance, value: bytes) -> bytes:
    """In another encoding, or with a mark."""
    return chance.choice(
        (
            value.decode(errors="replace").encode("utf-16"),
            b"\xef\xbb\xbf" + value,
            value.replace(b"e", b"\xe9"),
        )
    )


def _package(chance: Chance, value: bytes) -> bytes:
    """An absorbed state that nobody packed so."""
    state = chance.choice(list(FORGED.values()))
    raw = bytearray(base64.b64decode(state))
    for _ in range(chance.randrange(4)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    body = {
        "kind": "absorbed",
        "agency_id": "town",
        "incident_id": chance.choice("ABC"),
        "sender": chance.choice("STA"),
        "offset": chance.choice((0, 1, 17, 2**40, -1, 2**63)),
        "state": chance.choice((base64.b64encode(bytes(raw)).decode(), state, state[:-3], "", "%%%")),
    }
    return json.dumps(body).encode()


_SORTS: tuple[Callable[[Chance, bytes], bytes], ...] = (
    _cut, _flipped, _flipped, _spliced, _sprinkled, _refielded, _refielded, _refielded, _doubled, _nested,
    _noise, _json, _recoded, _package,
)  # fmt: skip


def bad_bytes(chance: Chance) -> bytes | None:
    """One bad input; now and then one turns out to be an event after all."""
    if chance.random() < 0.001:
        return None
    value = chance.choice(_SORTS)(chance, chance.choice(VALID))
    return chance.choice(_SORTS)(chance, value) if _again(chance, value) else value


def _again(chance: Chance, value: bytes) -> bool:
    """Whether something else is done to it: not to what is no JSON any more, which most of these need."""
    if chance.random() >= 0.2 or len(value) < 2:
        return False
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False
