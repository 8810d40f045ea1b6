"""Reading ``dead.letters``: what could not be joined, why, and from where; a bounded number in memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.errors import BadInput
from schemas.times import SECOND, iso
from schemas.topics import DEAD_LETTERS, EVENTS
from schemas.vocabulary import DeadLetterReason
from sinks.masking import digest, gist, masked_detail, whole
from sinks.reading import Reader, Record
from sinks.terminal.plain import Column, Sheet
from sinks.terminal.words import NOTHING, count

LIMIT_MAX = 10_000
DETAIL_MAX = 60
OTHER = "other"
_REASONS = frozenset(DeadLetterReason)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: where it came from, why it is one, and its untouched bytes.

    Attributes:
        id: ``topic/partition/offset`` of the record that could not be joined.
        appended_ms: when that record was appended, milliseconds since the epoch; 0 where nobody wrote it.
        buried_ms: when it became a dead letter.
    """

    id: str
    reason: str
    detail: str
    appended_ms: int
    buried_ms: int
    value: bytes | None

    @classmethod
    def of(cls, record: Record) -> DeadLetter:
        """A record of the topic, as stage one writes it."""
        headers = {name: (value or b"").decode("utf-8", "backslashreplace") for name, value in record.headers}
        appended = headers.get("append_ms", "")
        return cls(
            id=record.key,
            reason=headers.get("reason", NOTHING),
            detail=headers.get("detail", ""),
            appended_ms=int(appended)
            if appended.isascii() and appended.isdigit() and len(appended) < 16
            else 0,
            buried_ms=record.timestamp_ms,
            value=record.value,
        )

    @property
    def when(self) -> str:
        """When it was appended, else when it became a dead letter; UTC, whole seconds."""
        try:
            return iso((self.appended_ms or self.buried_ms) // 1000 * SECOND)
        except OverflowError:
            return NOTHING


@dataclass(slots=True)
class Found:
    """The newest dead letters that fit, newest last, and how many there are by reason."""

    letters: list[DeadLetter] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)


def letters(reader: Reader) -> Iterator[DeadLetter]:
    """All dead letters that are kept, in the order of each partition."""
    for records in reader.whole([DEAD_LETTERS]):
        yield from map(DeadLetter.of, records)


def newest(found: Iterable[DeadLetter], limit: int, reasons: frozenset[str] = frozenset()) -> Found:
    """The newest ``limit`` that have one of these reasons (all, where none is given)."""
    result = Found()
    heap: list[tuple[int, int, DeadLetter]] = []
    for number, letter in enumerate(found):
        result.by_reason[letter.reason if letter.reason in _REASONS else OTHER] += 1
        if reasons and letter.reason not in reasons:
            continue
        entry = (letter.buried_ms, number, letter)
        if len(heap) < limit:
            heapq.heappush(heap, entry)
        elif heap:
            heapq.heappushpop(heap, entry)
    result.letters = [letter for _, _, letter in sorted(heap)]
    return result


def find(found: Iterable[DeadLetter], asked: str) -> DeadLetter | None:
    """The dead letter of that id; the last, where a rebuild buried it again."""
    wanted = full_id(asked)
    last = None
    for letter in found:
        if letter.id == wanted:
            last = letter
    return last


def full_id(asked: str) -> str:
    """An id as a person gives it: ``topic/partition/offset``, or ``partition/offset`` on ``incident.events``.

    Raises:
        BadInput: it is neither.

    >>> full_id("3/1234")
    'incident.events/3/1234'
    """
    parts = asked.strip().split("/")
    if len(parts) == 2:
        parts = [EVENTS, *parts]
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() for p in parts[1:]) or not parts[0]:
        raise BadInput(f"{asked!r} is no dead letter's id; it is topic/partition/offset, as the list has it")
    return "/".join(parts)


def listing(found: Found, *, raw: bool) -> Sheet:
    """The list as a sheet, newest last."""
    columns = (
        Column("id"),
        Column("appended"),
        Column("reason"),
        Column("detail", flexible=True),
        Column("what", flexible=True),
    )
    rows = tuple(
        (letter.id, letter.when, letter.reason, _detail(letter, raw=raw), gist(letter.value, raw=raw))
        for letter in found.letters
    )
    total = found.by_reason.total()
    reasons = ", ".join(f"{reason} {count(number)}" for reason, number in found.by_reason.most_common())
    head = (
        f"Dead letters: {count(len(rows))} shown of {count(total)} kept ({reasons})"
        if total
        else "No dead letter."
    )
    foot = () if raw or not rows else ("Content is masked; --raw shows it.",)
    return Sheet((head,), columns, rows, foot)


def _detail(letter: DeadLetter, *, raw: bool) -> str:
    text = letter.detail if raw else masked_detail(letter.reason, letter.detail)
    return text if len(text) <= DETAIL_MAX else text[: DETAIL_MAX - 1] + "…"


def page(letter: DeadLetter, *, raw: bool) -> Sheet:
    """One dead letter, whole."""
    detail = letter.detail if raw else masked_detail(letter.reason, letter.detail)
    head = (
        f"Dead letter {letter.id}",
        f"reason    {letter.reason}",
        f"detail    {detail or NOTHING}",
        f"appended  {letter.when}",
        f"size      {digest(letter.value) if letter.value is not None else 'no value'}",
        "",
        *whole(letter.value, raw=raw).split("\n"),
    )
    return Sheet(head, foot=() if raw else ("Content is masked; --raw shows it.",))
