"""Personal data in dead letters is masked, whatever the bytes are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.masking import digest, escaped, gist, masked, masked_detail, whole

CALL = {
    "kind": "milestone",
    "schema_version": 1,
    "event_id": "e-1",
    "agency_id": "sffd",
    "incident_id": "170010001",
    "unit_id": "E39",
    "name": "on_scene",
    "occurred_at": "2017-01-01T00:00:00",
    "recorded_at": "last Tuesday",
    "caller": {"name": "Ann Lee", "phone": 4155551234, "address": ["1 Main St", None, True]},
}


def test_an_event_is_shown_by_its_shape() -> None:
    """Keys, kind, times, agency and the vocabulary's names are shown; of everything else the length alone."""
    assert masked(CALL) == {
        "kind": "milestone",
        "schema_version": 1,
        "event_id": "***(3)",
        "agency_id": "sffd",
        "incident_id": "***(9)",
        "unit_id": "***(3)",
        "name": "on_scene",
        "occurred_at": "2017-01-01T00:00:00",
        "recorded_at": "***(12)",
        "caller": {"name": "***(7)", "phone": "#(10)", "address": ["***(9)", None, True]},
    }


@given(st.text(alphabet="ABCDEFGH 0123456789-+().", min_size=6))
def test_no_text_gets_through_an_unknown_field(secret: str) -> None:
    """Whatever a field nobody knows holds, as a text, a number, a key or deep inside, it is not shown."""
    marked = f"X{secret}X"
    body = {
        "note": marked,
        "deep": [[{"more": marked}]],
        f"key {marked}": 1,
        "name": marked,
        "occurred_at": marked,
    }

    assert marked not in json.dumps(masked(body))


@pytest.mark.parametrize(
    "secret", ["415-555-1234", "123-45-6789", "(415) 555 1234", "1 Main St, 94110", "+14155551234"]
)
def test_a_number_to_call_is_no_time(secret: str) -> None:
    """A number of a person in a field of time, of kind or of name is masked there, too."""
    body = {"occurred_at": secret, "time": secret, "kind": secret, "name": secret}

    assert secret not in json.dumps(masked(body))


def test_bytes_that_are_no_json_are_a_length_and_a_hash() -> None:
    """Cut JSON and other bytes may be anything, so nothing of them is shown."""
    cut = json.dumps(CALL)[:-5].encode()

    assert gist(cut, raw=False) == whole(cut, raw=False) == digest(cut)
    assert "Ann" not in gist(cut, raw=False)
    assert gist(b'"Ann Lee"', raw=False) == digest(b'"Ann Lee"')
    assert gist(None, raw=False) == "no value"


def test_json_too_deep_or_too_long_is_bounded() -> None:
    """Neither a thousand levels nor a million items are walked through."""
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    long = json.dumps(list(range(100_000))).encode()

    assert len(whole(deep, raw=False)) < 2_000
    assert len(whole(long, raw=False)) < 2_000
    assert "99950 more" in whole(long, raw=False)


@given(st.binary())
def test_raw_is_exact_and_harmless(value: bytes) -> None:
    """The raw form is printable ASCII, and the bytes can be had back from it."""
    text = escaped(value)

    assert text.isascii()
    assert text.isprintable()
    assert text.encode().decode("unicode_escape").encode("latin-1") == value


def test_an_errors_words_are_masked_where_they_quote() -> None:
    """What an error quotes of the event is masked; the vocabulary's words and an unknown kind are not."""
    assert masked_detail("invalid", "name: 'Ann Lee' is not 'dispatch'") == "name: ***(7) is not 'dispatch'"
    assert masked_detail("unknown_kind", "kind 'teleport'") == "kind 'teleport'"
    assert masked_detail("unknown_kind", "kind '415-555-1234'") == "kind ***(12)"
    assert masked_detail("internal", "KeyError: Ann Lee") == "***(17)"


def test_a_gist_fits_a_line() -> None:
    """A list shows one line of each, and says where it was cut."""
    value = json.dumps({f"field_{i}": "x" for i in range(50)}).encode()

    assert len(gist(value, raw=False)) == len(gist(value, raw=True)) == 72
    assert gist(value, raw=False).endswith("…")
    assert gist(value, raw=True).endswith("…")
