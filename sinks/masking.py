"""What a dead letter says with the personal data in it masked.

Nobody knows what is in bytes that could not be joined: a name, an address, a caller's number. So nothing is
shown but what the vocabulary knows, and the shape of the rest: ``***(12)`` is a text of 12 characters,
``#(10)`` a number of ten digits. Bytes that are not JSON are shown as their length and hash alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from schemas.vocabulary import MILESTONES, MODES, DeadLetterReason

DEPTH_MAX = 16
ITEMS_MAX = 50

_TIMES = frozenset({"occurred_at", "recorded_at", "time", "was"})
# Dates as people write them, zone or no zone; whatever else stands in a field of time is masked.
_TIME = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)? ?([AP]M)?([+-][\d:]{2,6}|Z)?"
)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_KINDS = frozenset({"milestone", "correction", "change", "merge", "disposition", "clock", "absorbed"})
_SHOWN = {"name": frozenset(MILESTONES), "response_mode": frozenset(MODES)}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SAID = frozenset(
    {*MILESTONES, *MODES, *_KINDS, "kind", "schema_version", *_TIMES, "true", "false", "FIRE", "EMS"}
)
# A kind nobody knows is shown, for it is the point; it has no digits, which a number to call would have.
_KIND = re.compile(r"[A-Za-z][A-Za-z_.-]{0,31}")


def parsed(value: bytes) -> Any | None:
    """The JSON object or array in the bytes, None where there is none."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict | list) else None


def masked(body: Any, field: str = "", depth: int = 0) -> Any:
    """A JSON value with its content masked: its shape, and of known fields what is no personal data.

    >>> masked(
    ...     {
    ...         "kind": "milestone",
    ...         "caller": "Ann Lee",
    ...         "phone": 4155551234,
    ...         "occurred_at": "2017-01-01 00:00:00",
    ...     }
    ... )
    {'kind': 'milestone', 'caller': '***(7)', 'phone': '#(10)', 'occurred_at': '2017-01-01 00:00:00'}
    """
    if depth >= DEPTH_MAX:
        return "***(deep)"
    if isinstance(body, dict):
        shown = {_key(key): masked(value, key, depth + 1) for key, value in list(body.items())[:ITEMS_MAX]}
        if len(body) > ITEMS_MAX:
            shown["…"] = f"{len(body) - ITEMS_MAX} more"
        return shown
    if isinstance(body, list):
        some = [masked(value, "", depth + 1) for value in body[:ITEMS_MAX]]
        return some if len(body) <= ITEMS_MAX else [*some, f"… {len(body) - ITEMS_MAX} more"]
    if isinstance(body, str):
        return body if _is_shown(field, body) else f"***({len(body)})"
    if body is None or isinstance(body, bool) or field == "schema_version":
        return body
    return f"#({len(str(body))})"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else f"***({len(key)})"


def _is_shown(field: str, text: str) -> bool:
    if field in _TIMES:
        return _TIME.fullmatch(text) is not None
    if field == "agency_id":
        return _SLUG.fullmatch(text) is not None
    if field == "kind":
        return _KIND.fullmatch(text) is not None
    return text in _SHOWN.get(field, ())


def masked_detail(reason: str, detail: str) -> str:
    """An error's words with what they quote masked, unless the vocabulary knows it.

    >>> masked_detail("invalid", "name: Input should be 'dispatch', not 'Ann Lee'")
    "name: Input should be 'dispatch', not ***(7)"
    """
    if reason == DeadLetterReason.INTERNAL:
        # An exception of ours may hold anything.
        return f"***({len(detail)})"
    known = _KIND if reason == DeadLetterReason.UNKNOWN_KIND else None

    def mask(found: re.Match[str]) -> str:
        inner = found[0][1:-1]
        shown = inner in _SAID or (known is not None and known.fullmatch(inner))
        return found[0] if shown else f"***({len(inner)})"

    return _QUOTED.sub(mask, detail)


def digest(value: bytes) -> str:
    """Length and hash of bytes: enough to tell two apart, and to find them again.

    >>> digest(b"abc")
    '3 bytes, sha256 ba7816bf8f01'
    """
    return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:12]}"


def escaped(value: bytes) -> str:
    r"""Bytes exactly, in printable ASCII: what is not is written ``\xNN``, a backslash doubled.

    >>> print(escaped(b"a\\b\x1b[2J\n"))
    a\\b\x1b[2J\x0a
    """
    return "".join(_ESCAPES[byte] for byte in value)


_ESCAPES = ["\\\\" if b == 0x5C else chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}" for b in range(256)]


def gist(value: bytes | None, *, raw: bool, length: int = 72) -> str:
    """One line that says what the bytes are.

    Args:
        value: the bytes, None for a record without any.
        raw: whether to show them as they are.
        length: of the line, in characters.
    """
    if value is None:
        return "no value"
    if raw:
        text = escaped(value[:length])
    else:
        body = parsed(value)
        text = digest(value) if body is None else json.dumps(masked(body), ensure_ascii=False)
    return text if len(text) <= length and (not raw or len(value) <= length) else text[: length - 1] + "…"


def whole(value: bytes | None, *, raw: bool) -> str:
    """All of it, on as many lines as it takes."""
    if value is None:
        return "no value"
    if raw:
        return escaped(value)
    body = parsed(value)
    return digest(value) if body is None else json.dumps(masked(body), ensure_ascii=False, indent=2)
