"""Dead letters: the newest of many in bounded memory, as a list and whole."""

from __future__ import annotations

import pytest

from schemas.errors import BadInput
from sinks.dead_letters import DeadLetter, find, full_id, listing, newest, page
from sinks.reading import Record
from sinks.terminal.plain import plain
from tests.sinks.golden import golden


def letter(
    offset: int, reason: str = "naive_time", value: bytes | None = b'{"kind":"milestone","who":"Ann"}'
) -> DeadLetter:
    """A dead letter of incident.events, partition 3."""
    headers = {
        "reason": reason,
        "detail": "occurred_at: a time needs its zone or Z",
        "topic": "incident.events",
        "partition": "3",
        "offset": str(offset),
        "append_ms": str(1_483_228_800_000 + offset * 1000),
    }
    key = f"incident.events/3/{offset}"
    encoded = [(name, text.encode()) for name, text in headers.items()]
    return DeadLetter.of(Record("dead.letters", 3, offset, key, value, 1_700_000_000_000 + offset, encoded))


def test_the_list_as_text() -> None:
    """Where from, when, why, and the shape of what: newest last."""
    found = newest([letter(1), letter(2, "not_json", b'{"name":"Ann'), letter(3, "empty", None)], 50)
    text = plain(listing(found, raw=False))

    assert text == golden("dead_letters.txt", text)


def test_one_as_text() -> None:
    """One dead letter, whole and masked."""
    text = plain(page(letter(7), raw=False))

    assert text == golden("dead_letter.txt", text)
    assert "Ann" not in text


def test_raw_shows_the_bytes() -> None:
    """With --raw the bytes are there, and steer no terminal."""
    text = plain(page(letter(7, value=b'{"who":"Ann\x1b[2J"}'), raw=True))

    assert r'{"who":"Ann\x1b[2J"}' in text


def test_the_newest_are_kept_whatever_their_partition() -> None:
    """Of many only as many as asked for are kept: those that were buried last, and all are counted."""
    found = newest((letter(i) for i in (5, 1, 9, 3, 7)), 2)

    assert [one.id for one in found.letters] == ["incident.events/3/7", "incident.events/3/9"]
    assert found.by_reason == {"naive_time": 5}


def test_a_reason_can_be_asked_for() -> None:
    """The filter chooses what is shown; what is counted stays whole, strange reasons as one."""
    found = newest([letter(1), letter(2, "not_json"), letter(3, "?")], 10, frozenset({"not_json"}))

    assert [one.id for one in found.letters] == ["incident.events/3/2"]
    assert found.by_reason == {"naive_time": 1, "not_json": 1, "other": 1}


def test_the_last_of_an_id_is_found() -> None:
    """A rebuild buries the same record again: the last word counts."""
    again = letter(2, "too_late")

    assert find([letter(1), letter(2), again], "3/2") == again
    assert find([letter(1)], "3/2") is None


@pytest.mark.parametrize("asked", ["", "1", "a/b/c/d", "/3/4", "incident.events/x/4", "incident.events/3/-1"])
def test_what_is_no_id_is_refused(asked: str) -> None:
    """A wrong id is said to be one, before any Kafka is asked."""
    with pytest.raises(BadInput, match="is no dead letter's id"):
        full_id(asked)


def test_headers_may_be_anything() -> None:
    """Headers that are missing, or no text, or no number, do no harm."""
    bare = DeadLetter.of(
        Record("dead.letters", 0, 0, "x", b"", 1_700_000_000_000, [("append_ms", b"9" * 400)])
    )

    assert (bare.reason, bare.detail, bare.when) == ("-", "", "2023-11-14T22:13:20Z")
