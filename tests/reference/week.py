"""The San Francisco week, computed straight from the rows of the CSV: the second opinion on the product.

No events, no join, no state. Each row is one unit's response; the rows of one call number are one incident.
Section numbers in comments are those of DEFINITIONS.md, edition 1.

Usage: ``python tests/reference/week.py CSV --golden GOLDEN.json`` prints every difference and exits with
1, or prints one line that says how many figures agree. With ``--scope '{"window": "all"}'`` instead of
``--golden`` it prints the figures of one scope.

Readings (where DEFINITIONS.md leaves room, what was chosen here):

1. Incident intervals with a missing milestone are never_closed while one of the incident's responses has no
   Available.
2. "What is dated after T and began before it is open": what begins is the response (at its dispatch) or the
   incident (at the earliest of call_arrival, call_create and first dispatch), strictly before T. So an
   interval whose own start is still to come is open too, as it would have been on the day.
3. Broken down by unit type, battalion or priority, an incident is, as for mode, class and area, that of its
   first arriving unit that counts, else of its first dispatched one.
4. ``priority`` is the column Final Priority, the only priority that section 7 reads.
5. A measured breach in an incident closed by rule stands like any other. (Golden decides this one: one of the
   2,225 is such a breach.)
6. A unit is under way from its enroute, inclusive, to its end, exclusive: at the second it ends it no
   longer is. The other reading (``ends="inclusive"``) changes no figure of this week.
7. call_answering, alarm_processing and travel_als are not computed: the export has no call_answered, and
   golden lists no travel_als.
8. ``within`` is null where there is no target, and 0 where there is one and nothing was measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("America/Los_Angeles")
UTC = ZoneInfo("UTC")
SILENCE = timedelta(hours=24)
TOO_LONG_SECONDS = 24 * 3600

DO_NOT_COUNT_FOR_FIRST_DUE = {"CHIEF", "INVESTIGATION", "SUPPORT"}
TURNOUT_TARGET_SECONDS = {"EMS": 60, "FIRE": 80}
TRAVEL_FIRST_DUE_TARGET_SECONDS = 240

MODES = ("EMERGENT", "NON_EMERGENT")
RESPONSE_INTERVALS = ("turnout", "travel", "commitment", "scene_time", "hospital_turnaround")
INCIDENT_INTERVALS = (
    "call_taking",
    "dispatching",
    "alarm_processing_neris",
    "response_first_due",
    "travel_first_due",
    "total_response",
)
WITH_TARGET = ("turnout", "travel_first_due")
BREAKDOWNS = ("station_area", "battalion", "unit_type", "class", "priority")

Figure = dict[str, Any]
Scope = dict[str, str]


@dataclass(frozen=True)
class Row:
    """One row of the export: one unit's response to one call."""

    call: str
    unit: str
    mode: str
    breakdown: dict[str, str]
    call_arrival: datetime
    call_create: datetime
    dispatch: datetime
    enroute: datetime | None
    arrival: datetime | None
    to_hospital: datetime | None
    at_hospital: datetime | None
    end: datetime | None

    def times(self) -> list[datetime]:
        """All times of the row that are there."""
        every = [self.call_arrival, self.call_create, self.dispatch, self.enroute, self.arrival]
        every += [self.to_hospital, self.at_hospital, self.end]
        return [time for time in every if time is not None]


@dataclass(frozen=True)
class Result:
    """What one interval of one response or incident came to, once all has ended or been closed by rule."""

    interval: str
    mode: str
    breakdown: dict[str, str]
    call_create: datetime
    began: datetime
    reason: str | None  # None: measured
    value: int | None
    at: datetime  # what dates it (section 4)
    limit: int | None
    never_ended: bool = False  # stands as a breach though it was never measured (section 5)


# Reading


def read_time(text: str) -> datetime | None:
    """Read a local time of the export as UTC. The week has no change of clocks, and this makes sure of it."""
    if not text:
        return None
    local = datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=LOCAL)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{text} is in a change of clocks, which this plain program does not read")
    return local.astimezone(UTC)


def must_have(time: datetime | None) -> datetime:
    """In this file every row has the time; a file where one has not is another file."""
    if time is None:
        raise ValueError("a row without Received, Entry or Dispatch")
    return time


def read_row(row: dict[str, str]) -> Row:
    """Apply section 7 to one row."""
    return Row(
        call=row["Call Number"],
        unit=row["Unit ID"],
        mode="EMERGENT" if row["Final Priority"] == "3" else "NON_EMERGENT",
        breakdown={
            "station_area": row["Station Area"] or "UNKNOWN",
            "battalion": row["Battalion"] or "UNKNOWN",
            "unit_type": row["Unit Type"] or "UNKNOWN",
            "class": "EMS" if row["Call Type"] == "Medical Incident" else "FIRE",
            "priority": row["Final Priority"] or "UNKNOWN",
        },
        call_arrival=must_have(read_time(row["Received DtTm"])),
        call_create=must_have(read_time(row["Entry DtTm"])),
        dispatch=must_have(read_time(row["Dispatch DtTm"])),
        enroute=read_time(row["Response DtTm"]),
        arrival=read_time(row["On Scene DtTm"]),
        to_hospital=read_time(row["Transport DtTm"]),
        at_hospital=read_time(row["Hospital DtTm"]),
        end=read_time(row["Available DtTm"]),
    )


def read_incidents(csv_path: Path | str) -> list[list[Row]]:
    """Read the file: a list of incidents, each the list of its rows."""
    incidents: dict[str, list[Row]] = {}
    with Path(csv_path).open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            row = read_row(line)
            incidents.setdefault(row.call, []).append(row)
    return list(incidents.values())


# Section 2


def span(start: datetime, end: datetime) -> int:
    """The floor of end - start, in whole seconds."""
    return (end - start) // timedelta(seconds=1)


def percentile(ordered: list[int], percent: int) -> int | None:
    """The nearest-rank percentile: the value at rank ceil(percent * n / 100)."""
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]


# Section 3, per unit response. Each function returns the name of the exclusion, or None where the interval is
# measured. What it says is only used once the milestones it needs are there or the response has ended.


def turnout_reason(row: Row) -> str | None:
    """From dispatch to enroute_to_scene."""
    if row.enroute is None:
        return "enroute_missing" if row.arrival else "never_enroute"
    if row.enroute < row.dispatch:
        return "enroute_before_dispatch"
    if row.arrival and row.enroute > row.arrival:
        return "enroute_after_arrival"
    if span(row.dispatch, row.enroute) == 0:
        return "turnout_zero"
    return "too_long" if span(row.dispatch, row.enroute) > TOO_LONG_SECONDS else None


def travel_reason(row: Row) -> str | None:
    """From enroute_to_scene to on_scene."""
    if row.arrival is None:
        return "never_enroute" if row.enroute is None else "no_arrival"
    if row.enroute is None:
        return "enroute_missing"
    if row.arrival < row.enroute:
        return "arrival_before_enroute"
    if span(row.enroute, row.arrival) == 0:
        return "travel_zero"
    return "too_long" if span(row.enroute, row.arrival) > TOO_LONG_SECONDS else None


def plain_reason(
    start: datetime | None, end: datetime | None, start_missing: str, end_missing: str, backwards: str
) -> str | None:
    """The order that all other intervals share: from missing, to missing, to before from, too long."""
    if start is None:
        return start_missing
    if end is None:
        return end_missing
    if end < start:
        return backwards
    return "too_long" if span(start, end) > TOO_LONG_SECONDS else None


def response_interval(row: Row, interval: str) -> tuple[datetime | None, datetime | None, str | None]:
    """From, to, and the reason that applies once the response has ended."""
    if interval == "turnout":
        return row.dispatch, row.enroute, turnout_reason(row)
    if interval == "travel":
        return row.enroute, row.arrival, travel_reason(row)
    if interval == "commitment":
        reason = plain_reason(row.dispatch, row.end, "dispatch_missing", "no_end", "clear_before_dispatch")
        return row.dispatch, row.end, reason
    if interval == "scene_time":
        to = row.to_hospital or row.end
        return row.arrival, to, plain_reason(row.arrival, to, "no_arrival", "no_end", "end_before_arrival")
    if interval == "hospital_turnaround":
        reason = plain_reason(row.at_hospital, row.end, "not_at_hospital", "no_end", "clear_before_hospital")
        return row.at_hospital, row.end, reason
    raise ValueError(interval)


# Section 3, per incident


def counting(rows: list[Row]) -> list[Row]:
    """The responses of units that count for first due."""
    return [row for row in rows if row.breakdown["unit_type"] not in DO_NOT_COUNT_FOR_FIRST_DUE]


def first_arriving(rows: list[Row]) -> Row | None:
    """The first to arrive of those that count; a tie: the earlier dispatch, then the unit's name."""
    arrived = [(row.arrival, row.dispatch, row.unit, row) for row in counting(rows) if row.arrival]
    return min(arrived, key=lambda item: item[:3])[3] if arrived else None


def arrival_missing_reason(rows: list[Row]) -> str:
    """Why an incident has no first arrival; the export has no canceled_enroute."""
    return "no_arrival" if counting(rows) else "no_counting_unit"


def incident_interval(rows: list[Row], interval: str) -> tuple[datetime | None, datetime | None, str | None]:
    """From, to, and the reason that applies once the incident has ended."""
    call_arrival, call_create = rows[0].call_arrival, rows[0].call_create
    dispatch = min(row.dispatch for row in rows)
    first = first_arriving(rows)
    arrival = first.arrival if first else None
    none_arrived = arrival_missing_reason(rows)
    if interval == "call_taking":
        start: datetime | None = call_arrival
        end: datetime | None = call_create
        names = ("call_arrival_missing", "call_create_missing", "create_before_arrival")
    elif interval == "dispatching":
        start, end = call_create, dispatch
        names = ("call_create_missing", "no_dispatch", "dispatch_before_create")
    elif interval == "alarm_processing_neris":
        start, end = call_arrival, dispatch
        names = ("call_arrival_missing", "no_dispatch", "dispatch_before_arrival")
    elif interval == "response_first_due":
        start, end = dispatch, arrival
        names = ("no_dispatch", none_arrived, "arrival_before_dispatch")
    elif interval == "total_response":
        start, end = call_arrival, arrival
        names = ("call_arrival_missing", none_arrived, "arrival_before_call")
    elif interval == "travel_first_due":
        if first is None:
            return None, None, none_arrived
        return first.enroute, first.arrival, travel_reason(first)  # the second unit never stands in
    else:
        raise ValueError(interval)
    return start, end, plain_reason(start, end, *names)


# Section 5: what never ended


def turnout_never_ended(row: Row, reason: str | None, limit: int | None) -> bool:
    """Say whether turnout is never_enroute, with (the response's end - dispatch) over the limit."""
    if reason != "never_enroute" or limit is None or row.end is None:
        return False
    return span(row.dispatch, row.end) > limit


def first_due_never_ended(rows: list[Row], reason: str | None, limit: int | None, ends: str) -> bool:
    """Say whether first due never ended, and stands as a breach.

    It does on no_arrival, if at some instant at least one counting unit was under way and every one of them
    past its deadline. Instants to look at: where a unit becomes past its deadline (one whole second over
    the limit), and where a unit's end may leave only those that are past theirs. Between two of them
    nothing gets worse.

    Args:
        rows: the incident's responses.
        reason: why its travel_first_due is excluded.
        limit: the limit in seconds, or None.
        ends: "exclusive": a unit is not under way at the second it ends; "inclusive": it still is.
    """
    if reason != "no_arrival" or limit is None:
        return False
    units = [(row.enroute, row.end) for row in counting(rows) if row.enroute and row.end]
    past_after = timedelta(seconds=limit + 1)
    instants = [enroute + past_after for enroute, _ in units] + [end for _, end in units]
    for now in instants:
        if ends == "inclusive":
            under_way = [enroute for enroute, end in units if enroute <= now <= end]
        else:
            under_way = [enroute for enroute, end in units if enroute <= now < end]
        if under_way and all(now >= enroute + past_after for enroute in under_way):
            return True
    return False


# All results of the file


def response_results(rows: list[Row], closed_at: datetime) -> list[Result]:
    """The results of each response of one incident."""
    results = []
    for row in rows:
        for interval in RESPONSE_INTERVALS:
            start, end, reason = response_interval(row, interval)
            if row.end is None and (start is None or end is None):
                reason = "never_closed"
            both_there = start is not None and end is not None
            at = end if end is not None and both_there else row.end or closed_at
            limit = None
            if interval == "turnout" and row.mode == "EMERGENT":
                limit = TURNOUT_TARGET_SECONDS[row.breakdown["class"]]
            value = span(start, end) if reason is None and start and end else None
            never_ended = interval == "turnout" and turnout_never_ended(row, reason, limit)
            results.append(
                Result(
                    interval,
                    row.mode,
                    row.breakdown,
                    row.call_create,
                    row.dispatch,
                    reason,
                    value,
                    at,
                    limit,
                    never_ended,
                )
            )
    return results


def incident_results(rows: list[Row], closed_at: datetime, ends: str) -> list[Result]:
    """The results of one incident."""
    lead = first_arriving(rows) or min(rows, key=lambda row: (row.dispatch, row.unit))
    row_ends = [row.end for row in rows if row.end is not None]
    ended_at = max(row_ends) if len(row_ends) == len(rows) else None
    began = min(rows[0].call_arrival, rows[0].call_create, min(row.dispatch for row in rows))
    results = []
    for interval in INCIDENT_INTERVALS:
        start, end, reason = incident_interval(rows, interval)
        if ended_at is None and (start is None or end is None):
            reason = "never_closed"
        both_there = start is not None and end is not None
        at = end if end is not None and both_there else ended_at or closed_at
        limit = None
        if interval == "travel_first_due" and lead.mode == "EMERGENT":
            limit = TRAVEL_FIRST_DUE_TARGET_SECONDS
        value = span(start, end) if reason is None and start and end else None
        never_ended = interval == "travel_first_due" and first_due_never_ended(rows, reason, limit, ends)
        results.append(
            Result(
                interval,
                lead.mode,
                lead.breakdown,
                rows[0].call_create,
                began,
                reason,
                value,
                at,
                limit,
                never_ended,
            )
        )
    return results


def all_results(csv_path: Path | str, ends: str = "exclusive") -> list[Result]:
    """Every interval of every response and incident in the file.

    Without recorded_at a milestone's is its own time (section 1), so the rule closes at the incident's
    latest time + 24 h.
    """
    results = []
    for rows in read_incidents(csv_path):
        closed_at = max(time for row in rows for time in row.times()) + SILENCE
        results += response_results(rows, closed_at)
        results += incident_results(rows, closed_at, ends)
    return results


# Sections 2 and 4: scopes and figures


def window_length(text: str) -> timedelta:
    """Read "1 h", "24 h", "7 d", "30 d"."""
    number, unit = text.split()
    return timedelta(hours=int(number)) if unit == "h" else timedelta(days=int(number))


def where_it_stands(result: Result, scope: Scope) -> str:
    """Is this result "in" the scope, "open" in it, or "out" of it?"""
    for name in BREAKDOWNS:
        if name in scope and result.breakdown[name] != scope[name]:
            return "out"
    if scope["window"] == "all":
        return "in"
    if scope["window"] == "day":
        same = result.call_create.astimezone(LOCAL).date() == date.fromisoformat(scope["date"])
        return "in" if same else "out"
    as_of = datetime.fromisoformat(scope["as_of"])
    if as_of.tzinfo is None:
        raise ValueError(f"as_of without a zone: {scope['as_of']}")
    if result.at > as_of:
        return "open" if result.began < as_of else "out"
    return "in" if result.at > as_of - window_length(scope["window"]) else "out"


def figure(results: list[Result], scope: Scope, interval: str, mode: str) -> Figure:
    """One figure."""
    mine = [result for result in results if result.interval == interval and result.mode == mode]
    inside = [result for result in mine if where_it_stands(result, scope) == "in"]
    measured = [result for result in inside if result.value is not None]
    values = sorted(result.value for result in measured if result.value is not None)
    has_target = interval in WITH_TARGET and mode == "EMERGENT"
    within = sum(1 for r in measured if r.value is not None and r.limit is not None and r.value <= r.limit)
    excluded = Counter(result.reason for result in inside if result.reason is not None)
    answer: Figure = {
        "scope": dict(scope),
        "interval": interval,
        "mode": mode,
        "n": len(values),
        "p50": percentile(values, 50),
        "p90": percentile(values, 90),
        "p95": percentile(values, 95),
        "within": within if has_target else None,
        "excluded": dict(sorted(excluded.items())),
    }
    if "as_of" in scope:
        answer["open"] = sum(1 for result in mine if where_it_stands(result, scope) == "open")
    return answer


def figures_of(results: list[Result], scope: Scope) -> list[Figure]:
    """All figures of one scope, from results at hand."""
    intervals = sorted(RESPONSE_INTERVALS + INCIDENT_INTERVALS)
    return [figure(results, scope, interval, mode) for interval in intervals for mode in MODES]


def figures(csv_path: Path | str, scope: Scope) -> list[Figure]:
    """All figures of one scope, from the file.

    Args:
        csv_path: the export.
        scope: {"window": "all"}, {"window": "24 h", "as_of": ISO time with zone} (also 1 h, 7 d, 30 d) or
            {"window": "day", "date": local date}, and where a breakdown is asked for, one of station_area,
            battalion, unit_type, class, priority beside it.
    """
    return figures_of(all_results(csv_path), scope)


def standing_breaches(results: list[Result]) -> dict[str, dict[str, int]]:
    """The breaches that stand at the end (section 5)."""
    answer = {}
    for interval in WITH_TARGET:
        mine = [result for result in results if result.interval == interval and result.limit is not None]
        over = [r for r in mine if r.value is not None and r.limit is not None and r.value > r.limit]
        answer[interval] = {"measured": len(over), "never_ended": sum(r.never_ended for r in mine)}
    return answer


def compliance_late_included(results: list[Result]) -> dict[str, list[int]]:
    """Within, and n + late (section 4), over the whole file."""
    answer = {}
    for interval in WITH_TARGET:
        whole = figure(results, {"window": "all"}, interval, "EMERGENT")
        late = standing_breaches(results)[interval]["never_ended"]
        answer[interval] = [whole["within"], whole["n"] + late]
    return answer


# Command line


def compare_with_golden(results: list[Result], golden: dict[str, Any]) -> tuple[int, list[str]]:
    """Compare with the whole golden file: how many figures it holds, and what differs."""
    # Run as a script, the root of the project is not on the path.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.reference.compare import compare

    scopes: list[Scope] = []
    for wanted in golden["figures"]:
        if wanted["scope"] not in scopes:
            scopes.append(wanted["scope"])
    produced = [answer for scope in scopes for answer in figures_of(results, scope)]
    differences = compare(golden["figures"], produced)
    count = len(golden["figures"])
    beside: dict[str, dict[str, Any]] = {
        "standing_breaches": standing_breaches(results),
        "compliance_late_included": compliance_late_included(results),
    }
    for name, answer in beside.items():
        count += len(golden[name])
        for interval, value in golden[name].items():
            if answer.get(interval) != value:
                differences.append(f"{name} {interval}: golden {value!r}, produced {answer.get(interval)!r}")
    return count, differences


def main(arguments: list[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="The San Francisco week, straight from the rows.")
    parser.add_argument("csv", type=Path)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--scope", type=json.loads, default={"window": "all"})
    options = parser.parse_args(arguments)
    if options.golden is None:
        print(json.dumps(figures(options.csv, options.scope), indent=1))
        return 0
    golden = json.loads(options.golden.read_text(encoding="utf-8"))
    count, differences = compare_with_golden(all_results(options.csv), golden)
    for difference in differences:
        print(difference)
    if not differences:
        print(f"all {count} figures agree")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
