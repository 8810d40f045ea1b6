"""Reading figures for people: live, and as shown at a time; and why there may be none yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.errors import BadInput
from schemas.records import FigureRecord, decode_figure, decode_health
from schemas.series import is_diversion
from schemas.times import MINUTE, SECOND, Micros, iso
from schemas.topics import EVENTS
from sinks.reading import Generation, Latest, Reader, Record, filled

FIGURES = "figures"
HISTORY = "figures.history"
HEALTH = "health"


class FigureTable(Latest[FigureRecord]):
    """The figures as they stand, and the agencies' clocks beside them."""

    def __init__(self) -> None:
        super().__init__(decode_figure)
        self.clocks: dict[str, Micros] = {}

    def take(self, records: Iterable[Record]) -> list[FigureRecord]:
        """Take records of the topics ``figures`` and ``health``; returns the figures that came."""
        came = []
        for record in records:
            if record.topic == HEALTH:
                self._take_clocks(record.value)
            elif not is_diversion(record.key) and (figure := self.put(record)) is not None:
                came.append(figure)
        return came

    def _take_clocks(self, value: bytes | None) -> None:
        if value is None:
            return
        try:
            health = decode_health(value)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        if health.stage == "agency":
            self.clocks.update(health.clocks)


def live(reader: Reader, generation: Generation | None) -> FigureTable:
    """All figures as they stand now, committed."""
    return filled(FigureTable(), reader, generation, [FIGURES, HEALTH])


def why_none(reader: Reader, generation: Generation | None) -> str:
    """Why there is no figure, as far as Kafka can tell, and what would help."""
    if generation is None:
        return "No figure yet: no worker has run on this Kafka. Start them: watchroom up"
    if not reader.sizes(EVENTS):
        return "No figure yet: no event has come in. See them come: watchroom replay FILE --profile P"
    return (
        "No figure yet: events have come in, and nothing was made of them so far. Are the workers running, "
        "and were the events joined? See watchroom status and watchroom dead-letters"
    )


class _AsOf(msgspec.Struct):
    agency_id: str
    as_of: Micros


_decode_as_of = msgspec.json.Decoder(_AsOf).decode


@dataclass(slots=True)
class _Kept:
    """The history of one agency: when it begins, and the last of each series up to the time asked for."""

    until: Micros
    first: Micros | None = None
    values: dict[str, bytes] = field(default_factory=dict)


def as_shown(
    reader: Reader, generation: Generation, instants: Mapping[str, Micros], clocks: Mapping[str, Micros]
) -> dict[str, list[FigureRecord]]:
    """The figures that stood when each agency's clock reached its instant, from ``figures.history``.

    The history has of each minute what changed in it, so what stood is the last of each series by then.

    Args:
        reader: to read with.
        generation: whose history.
        instants: agency to the time asked for.
        clocks: agency to its clock now.

    Raises:
        BadInput: the time lies before what is kept of an agency, or after its clock.
    """
    kept = {agency_id: _Kept(_until(instant)) for agency_id, instant in instants.items()}
    for records in reader.whole([HISTORY], generation.generation):
        for record in records:
            _keep(kept, record)
    for agency_id, instant in instants.items():
        _check(agency_id, instant, kept[agency_id], clocks.get(agency_id))
    return {agency_id: _stood(kept[agency_id]) for agency_id in instants}


def _until(instant: Micros) -> Micros:
    # A live clock moves once a second, so the first of a minute may lie a little inside it.
    return max(instant, instant - instant % MINUTE + SECOND - 1)


def _keep(kept: dict[str, _Kept], record: Record) -> None:
    if record.value is None or is_diversion(record.key):
        return
    try:
        head = _decode_as_of(record.value)
    except msgspec.MsgspecError:
        return
    of = kept.get(head.agency_id)
    if of is None:
        return
    of.first = head.as_of if of.first is None else min(of.first, head.as_of)
    if head.as_of <= of.until:
        of.values[record.key] = record.value


def _stood(kept: _Kept) -> list[FigureRecord]:
    """The figures without the emptied: where ``figures`` has a tombstone, the history has an empty figure."""
    found = map(decode_figure, kept.values.values())
    return [f for f in found if f.n or f.excluded or f.open or f.merged or f.late or f.standing]


def _check(agency_id: str, instant: Micros, kept: _Kept, clock: Micros | None) -> None:
    if kept.first is None:
        raise BadInput(
            f"{agency_id}: nothing is kept of what was shown; --as-of computes what is known now instead"
        )
    if kept.until < kept.first:
        raise BadInput(
            f"{agency_id}: what was shown at {iso(instant)} is not kept: the first that is was shown at "
            f"{iso(kept.first)} (40 days are kept); --as-of computes what is known now instead"
        )
    if clock is not None and instant > clock:
        raise BadInput(
            f"{agency_id}: nothing has been shown at {iso(instant)} yet: "
            f"the agency's clock is at {iso(clock)}"
        )
