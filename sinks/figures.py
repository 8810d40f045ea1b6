"""Reading figures for people: live, and as shown at a time; and why there may be none yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.errors import BadInput
from schemas.records import FigureRecord, decode_figure
from schemas.times import MINUTE, Micros, iso
from schemas.topics import EVENTS
from sinks.reading import Generation, Reader, Record

FIGURES = "figures"
HISTORY = "figures.history"


class FigureTable:
    """The figures as they stand: the last record of each series; an unreadable one takes its series away."""

    def __init__(self) -> None:
        self.figures: dict[str, FigureRecord] = {}
        self.unreadable = 0

    def take(self, records: Iterable[Record]) -> list[FigureRecord]:
        """Take records of the topic ``figures``; returns the figures that came."""
        came = []
        for record in records:
            self.figures.pop(record.key, None)
            if record.value is None:
                continue
            try:
                figure = decode_figure(record.value)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            self.figures[record.key] = figure
            came.append(figure)
        return came


def live(reader: Reader, generation: Generation) -> dict[str, FigureRecord]:
    """All figures as they stand now, committed."""
    table = FigureTable()
    for records in reader.whole([FIGURES], generation.generation):
        table.take(records)
    return table.figures


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
    """The history of one agency: its ends, and the last record of each series up to the time asked for."""

    first: Micros | None = None
    last: Micros | None = None
    values: dict[str, bytes] = field(default_factory=dict)


def as_shown(
    reader: Reader, generation: Generation, instants: Mapping[str, Micros]
) -> dict[str, list[FigureRecord]]:
    """The figures that stood when each agency's clock reached its instant, from ``figures.history``.

    Args:
        reader: to read with.
        generation: whose history.
        instants: agency to the time asked for.

    Raises:
        BadInput: the time lies before what is kept of an agency, or after its clock.
    """
    kept = {agency_id: _Kept() for agency_id in instants}
    for records in reader.whole([HISTORY], generation.generation):
        for record in records:
            _keep(kept, instants, record)
    for agency_id, instant in instants.items():
        _check(agency_id, instant, kept[agency_id])
    return {agency_id: [decode_figure(v) for v in kept[agency_id].values.values()] for agency_id in instants}


def _keep(kept: dict[str, _Kept], instants: Mapping[str, Micros], record: Record) -> None:
    if record.value is None:
        return
    try:
        head = _decode_as_of(record.value)
    except msgspec.MsgspecError:
        return
    if head.agency_id not in kept:
        return
    of = kept[head.agency_id]
    of.first = head.as_of if of.first is None else min(of.first, head.as_of)
    of.last = head.as_of if of.last is None else max(of.last, head.as_of)
    if head.as_of <= instants[head.agency_id]:
        of.values[record.key] = record.value


def _check(agency_id: str, instant: Micros, kept: _Kept) -> None:
    if kept.first is None or kept.last is None:
        raise BadInput(
            f"{agency_id}: nothing is kept of what was shown; --as-of computes what is known now instead"
        )
    if instant < kept.first:
        raise BadInput(
            f"{agency_id}: what was shown at {iso(instant)} is not kept: the first that is was shown at "
            f"{iso(kept.first)} (40 days are kept); --as-of computes what is known now instead"
        )
    if instant >= kept.last + MINUTE:
        raise BadInput(
            f"{agency_id}: nothing has been shown at {iso(instant)} yet: "
            f"the agency's clock is at {iso(kept.last)}"
        )
