"""Every figure anew from the final records alone, as plainly as can be (DEFINITIONS.md, 4).

Slow on purpose.

Nothing is kept up, nothing is shared with ``streams.agency``: for each interval, window, breakdown and mode
the records are gone through, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.agency import Agency
from schemas.definitions import EDITION
from schemas.records import IncidentRecord, Measure, ResponseRecord
from schemas.times import DAY, HOUR, Micros

Record = ResponseRecord | IncidentRecord
Figure = dict[str, Any]

ROLLING = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
BREAKDOWNS = ("all", "station_area", "battalion", "unit_type", "class", "priority", "zone")
PERIOD_KEPT = 31 * DAY
"""How long after its end a calendar period stays published."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Thing(NamedTuple):
    """One interval of one record: what it is dated at and where it belongs; ``at`` None while it is open."""

    interval: str
    record: Record
    measure: Measure
    merged: bool
    at: Micros | None
    began: Micros
    periods: tuple[str, ...]


def _nearest_rank(values: list[int], percent: int) -> int:
    """The value at rank ceil(percent * n / 100)."""
    if not values:
        return -1
    rank = (percent * len(values) + 99) // 100
    return sorted(values)[rank - 1]


def _instant(local: datetime) -> Micros:
    return (local.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def _midnight(day: date, zone: ZoneInfo) -> Micros:
    return _instant(datetime(day.year, day.month, day.day, tzinfo=zone))


def periods_of(call_at: Micros, agency: Agency) -> dict[str, Micros]:
    """The local day, shift and month of a call, each with the instant at which it is over."""
    return _periods_of(call_at, agency.time_zone, agency.rules_at(call_at).shifts.starts)


@cache
def _periods_of(call_at: Micros, time_zone: str, shifts: tuple[time, ...]) -> dict[str, Micros]:
    zone = ZoneInfo(time_zone)
    local = (EPOCH + timedelta(microseconds=call_at)).astimezone(zone)
    day = local.date()
    month_after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    found = {
        f"day:{day.isoformat()}": _midnight(day + timedelta(days=1), zone),
        f"month:{day.isoformat()[:7]}": _midnight(month_after, zone),
    }
    starts = sorted(
        (_instant(datetime.combine(day + timedelta(days=n), start, zone)), day + timedelta(days=n), start)
        for n in (-2, -1, 0, 1, 2)
        for start in shifts
    )
    began = max(start for start in starts if start[0] <= call_at)
    found[f"shift:{began[1].isoformat()}T{began[2]:%H:%M}"] = starts[starts.index(began) + 1][0]
    return found


def _things(records: Iterable[Record], agency: Agency) -> Iterator[Thing]:
    for record in records:
        if record.state == "void" or not record.in_scope:
            continue
        periods = tuple(periods_of(record.call_at, agency)) if record.call_at else ()
        scope = "response" if isinstance(record, ResponseRecord) else "incident"
        if record.state == "merged":
            for interval in EDITION.interval:
                if interval.scope == scope and (interval.id != "travel_als" or agency.rules[0].measure_als):
                    yield Thing(
                        interval.id, record, Measure(), True, record.merged_at, record.began_at, periods
                    )
            continue
        for name, measure in record.intervals.items():
            yield Thing(
                name, record, measure, False, None if measure.open else measure.at, record.began_at, periods
            )


def _groups(record: Record) -> dict[str, str]:
    place = record.place
    assert place is not None
    return {
        "all": "all",
        "station_area": place.station_area,
        "battalion": place.battalion,
        "unit_type": place.unit_type,
        "class": place.class_,
        "priority": place.priority,
        "zone": place.zone,
    }


def _figure(things: list[tuple[Thing, bool]]) -> Figure:
    """The figure of the things in one cell; each with whether it counts as open."""
    values, excluded, standing = [], dict[str, int](), dict[str, int]()
    figure = {"open": 0, "merged": 0, "bound": 0, "within": 0, "late": 0}
    for thing, still_open in things:
        measure = thing.measure
        if still_open:
            figure["open"] += 1
            continue
        if thing.merged:
            figure["merged"] += 1
            continue
        if measure.reason:
            excluded[measure.reason] = excluded.get(measure.reason, 0) + 1
            figure["late"] += measure.binding and measure.standing == "never_ended"
        else:
            values.append(measure.value)
            figure["bound"] += measure.binding
            figure["within"] += measure.binding and measure.value <= measure.limit
        if measure.standing:
            standing[measure.standing] = standing.get(measure.standing, 0) + 1
    percentiles = {f"p{p}": _nearest_rank(values, p) for p in (50, 90, 95)}
    return {"n": len(values), **percentiles, **figure, "excluded": excluded, "standing": standing}


def _cells(held: list[tuple[Thing, str, bool]], agency_id: str) -> dict[str, Figure]:
    """Figures by series from (thing, window, whether it is open there)."""
    cells: dict[str, list[tuple[Thing, bool]]] = {}
    for thing, window, still_open in held:
        assert thing.record.place is not None
        for by, group in _groups(thing.record).items():
            name = group.replace("%", "%25").replace("/", "%2F")
            series = f"{agency_id}/{thing.interval}/{thing.record.place.mode}/{window}/{by}/{name}"
            cells.setdefault(series, []).append((thing, still_open))
    return {series: _figure(things) for series, things in cells.items()}


def live(records: Iterable[Record], agency: Agency, clock: Micros) -> dict[str, Figure]:
    """Every figure as of the agency's clock; rolling windows have no upper end."""
    held = []
    for thing in _things(records, agency):
        for window, length in ROLLING.items():
            if thing.at is None or thing.at > clock - length:
                held.append((thing, window, thing.at is None))
        held += [
            (thing, period, thing.at is None)
            for period in thing.periods
            if periods_of(thing.record.call_at, agency)[period] + PERIOD_KEPT > clock
        ]
    return _cells(held, agency.id)


def as_known(records: Iterable[Record], agency: Agency, instant: Micros) -> dict[str, Figure]:
    """Every figure as known now for an instant: what is dated after it and began before it is open."""
    held = []
    for thing in _things(records, agency):
        dated = thing.at is not None and thing.at <= instant
        if not dated and thing.began >= instant:
            continue
        for window, length in ROLLING.items():
            if not dated or (thing.at is not None and thing.at > instant - length):
                held.append((thing, window, not dated))
        held += [(thing, period, not dated) for period in thing.periods]
    return _cells(held, agency.id)


def final_periods(records: Iterable[Record], agency: Agency, clock: Micros) -> set[str]:
    """The periods that are over, and in which every incident and response has ended or been closed."""
    ends: dict[str, Micros] = {}
    unfinished: set[str] = set()
    for record in records:
        if record.state == "void" or not record.in_scope or not record.call_at:
            continue
        periods = periods_of(record.call_at, agency)
        ends.update(periods)
        if record.state != "merged" and not record.closed_at:
            unfinished |= periods.keys()
    return {name for name, end in ends.items() if end <= clock} - unfinished


def scope_of(figure: Mapping[str, Any]) -> int:
    """All that a figure is about: n + excluded + open + merged."""
    return int(figure["n"] + figure["open"] + figure["merged"] + sum(figure["excluded"].values()))
