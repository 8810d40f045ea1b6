"""Red breaches as annotations: one each, from the deadline to the end, whatever is restarted in between.

What should stand in Grafana is a function of the topic ``breaches`` alone; what stands there is read from it
at the start and after every error, by the tag that carries the breach's opaque id. What differs is written.
So a restart, or an answer that was lost, makes no second one. No annotation says an incident, a unit or a
person.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from schemas.records import ClockRecord, Revision
from schemas.times import DAY, Micros
from sinks.grafana.client import Client, Object
from sinks.grafana.pushing import TAG
from sinks.grafana.words import Answer, GrafanaError
from sinks.reading import Follower, Record

TOPIC = "breaches"
RED = "red"
SINCE: Micros = DAY
"""How long before the agency's clock a breach may have turned red to be drawn at all at a start."""
LIMIT = 5_000
AGAIN_AFTER_S = 10.0
MILLISECOND: Micros = 1_000


class _Step(msgspec.Struct, array_like=True):
    """One step of a breach's life; what comes after these two is not drawn."""

    state: str
    at: Micros


class _Place(msgspec.Struct, frozen=True):
    mode: str = ""
    station_area: str = ""
    class_: str = msgspec.field(name="class", default="")


class Breach(msgspec.Struct, tag_field="record", tag="breach", kw_only=True):
    """What of a record of ``breaches`` is drawn."""

    agency_id: str
    interval: str
    id: str
    revision: Revision
    state: str
    reason: str = ""
    place: _Place = _Place()
    limit: int = -1
    ended_at: Micros = 0
    value: int = -1
    as_of: Micros = 0
    steps: list[_Step] = []


_decode = msgspec.json.Decoder(Breach | ClockRecord).decode


@dataclass(frozen=True, slots=True)
class Note:
    """An annotation as it should be, or as it is; ``end_ms`` is ``start_ms`` while the breach runs."""

    tags: tuple[str, ...]
    text: str
    start_ms: int
    end_ms: int


def key_tag(breach: Breach) -> str:
    """The tag by which a breach's annotation is found again."""
    return f"breach:{breach.id}"


def note_of(breach: Breach) -> Note | None:
    """The annotation of a breach; None where it never was red.

    >>> made = Breach(
    ...     agency_id="sffd",
    ...     interval="turnout",
    ...     id="abc",
    ...     revision=(1, 0),
    ...     state="red",
    ...     limit=60,
    ...     steps=[_Step("amber", 1_000_000), _Step("red", 2_000_000)],
    ... )
    >>> note_of(made).text, note_of(made).start_ms, note_of(made).end_ms
    ('turnout over its limit of 60 s, running', 2000, 2000)
    """
    reds = [step.at for step in breach.steps if step.state == RED]
    if not reds:
        return None
    start = reds[0] // MILLISECOND
    end, how = start, "running"
    if breach.state not in (RED, "amber"):
        end = max(start, (breach.ended_at or breach.steps[-1].at or breach.as_of) // MILLISECOND)
        took = f" after {breach.value} s" if breach.value >= 0 else ""
        how = f"{breach.state}{took}" + (f", {breach.reason}" if breach.reason else "")
    place = breach.place
    where = ", ".join(
        filter(None, (f"area {place.station_area}" if place.station_area else "", place.class_))
    )
    limit = f" of {breach.limit} s" if breach.limit >= 0 else ""
    text = f"{breach.interval} over its limit{limit}{' in ' + where if where else ''}, {how}"
    tags = (TAG, RED, f"agency:{breach.agency_id}", f"interval:{breach.interval}", key_tag(breach))
    return Note(tags, text, start, end)


def note_in(found: Object) -> tuple[str, int, Note] | None:
    """The key, number and content of an annotation that Grafana holds; None where it is none of ours."""
    tags = tuple(str(tag) for tag in found.get("tags") or ())
    keys = [tag for tag in tags if tag.startswith("breach:")]
    if TAG not in tags or len(keys) != 1:
        return None
    start = int(found.get("time") or 0)
    return (
        keys[0],
        int(found["id"]),
        Note(tags, str(found.get("text", "")), start, int(found.get("timeEnd") or start)),
    )


class Wanted:
    """The annotations that should stand, by key, from the topic."""

    def __init__(self, since: Micros = SINCE) -> None:
        self._since = since
        self._breaches: dict[str, Breach] = {}
        self._clocks: dict[str, Micros] = {}
        self.unreadable = 0

    def take(self, records: Iterable[Record]) -> set[str]:
        """Take records; returns the keys of breaches that changed."""
        changed = set()
        for record in records:
            if record.value is None:
                self._breaches.pop(record.key, None)
                continue
            try:
                said = _decode(record.value)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            if isinstance(said, ClockRecord):
                self._clocks[said.agency_id] = max(said.time, self._clocks.get(said.agency_id, 0))
                continue
            known = self._breaches.get(record.key)
            if known is None or known.revision < said.revision:
                self._breaches[record.key] = said
                changed.add(record.key)
        return changed

    def notes(self, keys: Iterable[str] | None = None) -> Iterator[tuple[str, Note]]:
        """Key and annotation of those breaches (of all, unless told) that are to be drawn, oldest first."""
        named = self._breaches if keys is None else keys
        made = []
        for key in named:
            breach = self._breaches.get(key)
            note = note_of(breach) if breach is not None else None
            if breach is None or note is None:
                continue
            horizon = self._clocks.get(breach.agency_id, 0) - self._since
            if note.end_ms * MILLISECOND >= horizon or breach.state in (RED, "amber"):
                made.append((key_tag(breach), note))
        yield from sorted(made, key=lambda item: (item[1].start_ms, item[0]))


class Annotator:
    """Keeps Grafana's annotations what they should be.

    Args:
        client: the Grafana.
        tell: gets a sentence for each thing that a person should hear.
    """

    def __init__(self, client: Client, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._known: dict[str, tuple[int, Note]] | None = None
        self.made = 0
        self.changed = 0

    def learn(self) -> None:
        """Read what stands in Grafana; of two of one breach the older stays, and the other is deleted."""
        known: dict[str, tuple[int, Note]] = {}
        found = filter(None, map(note_in, self._client.annotations([TAG, RED], LIMIT)))
        for key, number, note in sorted(found, key=lambda item: item[1]):
            if key in known:
                self._tell(f"two annotations of {key}: the later one, {number}, is deleted")
                self._client.delete_annotation(number)
            else:
                known[key] = number, note
        self._known = known

    def bring_about(self, wanted: Iterable[tuple[str, Note]]) -> None:
        """Write what differs.

        Raises:
            GrafanaError: Grafana did not answer, or will not; what it holds is read anew the next time.
        """
        if self._known is None:
            self.learn()
        assert self._known is not None
        try:
            for key, note in wanted:
                self._one(key, note, self._known)
        except GrafanaError:
            self._known = None
            raise

    def _one(self, key: str, note: Note, known: dict[str, tuple[int, Note]]) -> None:
        held = known.get(key)
        if held is None:
            number = self._client.annotate(note.text, list(note.tags), note.start_ms, note.end_ms)
            self.made += 1
        else:
            number, stands = held
            # Tags are left as they are: somebody may have added one, and a new one takes sqlite 5 s.
            if replace(note, tags=()) == replace(stands, tags=()):
                return
            if not self._client.change_annotation(number, note.start_ms, note.end_ms, note.text):
                self._tell(f"the annotation of {key} was deleted in Grafana, and is not made again")
            self.changed += 1
        known[key] = number, note


def run(bootstrap: str, client: Client, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Follow ``breaches`` and draw them, until told to stop; a Grafana that is away is waited for.

    Raises:
        BrokerUnreachable: no Kafka answers.
        GrafanaError: the credential is wrong, or the role too small: asking again would not help.
    """
    annotator = Annotator(client, tell)
    wanted = Wanted()
    due: set[str] = set()
    waits = False
    for batch in Follower(bootstrap, [TOPIC]).batches(stop):
        if batch.fresh:
            wanted, due = Wanted(), set()
        due |= wanted.take(batch.records)
        if not batch.live or not due:
            continue
        try:
            annotator.bring_about(wanted.notes(None if waits else due))
        except GrafanaError as exc:
            if _final(exc):
                raise
            tell(f"{exc.message}; trying again")
            waits = True
            stop.wait(AGAIN_AFTER_S)
            continue
        due, waits = set(), False


def _final(exc: GrafanaError) -> bool:
    """Whether it would be the same the next time."""
    if isinstance(exc, Answer):
        return exc.status in (400, 403)
    return "credential" in exc.message
