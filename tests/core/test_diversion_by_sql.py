"""Every rate and funnel stage, recomputed by SQL from the encounters alone, equals the published figure.

Goal: a second way to the same numbers that shares nothing with the first but the records. Method: a year of
the simulated city goes through stage one; its encounters are put into DuckDB as they are and counted there by
section 6's words; the book gives the same year month by month and for rolling windows at many instants. The
background of other calls is a quarter of the model's, to keep the test short (all of it in the long run).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from schemas import records
from schemas.agency import Agency, load_agency
from schemas.records import DiversionRecord, EncounterRecord
from schemas.series import ROLLING
from schemas.times import DAY, Micros, moment, parse
from schemas.vocabulary import OUTCOMES
from sources.mediation_city.city import Plan, stream
from streams.agency.diversion.book import Diversion
from streams.agency.diversion.rates import unsound
from tests.core.driver import ENCOUNTERS, EVENTS, LONG_AFTER_MS, Floor
from tests.core.driver import Plan as Dealt
from tests.core.effort import LONG

pytestmark = pytest.mark.timeout(1200)
"""A year takes its time where others use the machine."""

ROOT = Path(__file__).resolve().parents[2]
YEAR = 365
INSTANTS = tuple(parse(f"2025-{month:02}-{day:02}T{hour:02}:30:00Z") for month, day, hour in (
    (2, 3, 16), (3, 10, 4), (5, 1, 20), (7, 4, 18), (9, 30, 22), (11, 3, 5), (12, 31, 23),
))  # fmt: skip

SQL = """
WITH mine AS (
    SELECT * FROM encounters
    WHERE public AND state NOT IN ('merged', 'void') AND call_at > 0 AND {window}
),
flagged AS (
    SELECT *,
        suitable AND service = 'in_service' AS served,
        step IN ('waiting', 'withdrawn', 'by_phone', 'under_way', 'canceled', 'on_scene') AS accepted_,
        step <> 'not_offered' AS offered_,
        step IN ('under_way', 'canceled', 'on_scene') AS sent_,
        list_contains(flags, 'police_conflict') AS conflict,
        on_scene AND NOT unlinked AND NOT police_present AS alone,
        handled AND ended AND NOT unlinked AS judged,
        associated AND place <> '' AND EXISTS (
            SELECT 1 FROM encounters AS earlier
            WHERE earlier.place = mine.place AND earlier.public
              AND earlier.state NOT IN ('merged', 'void')
              AND earlier.outcome IN ('resolved', 'referred', 'resolved_by_phone')
              AND earlier.call_at < mine.call_at
              AND earlier.call_at >= mine.call_at - 2592000000000
        ) AS repeated
    FROM mine
)
SELECT
    count(*) AS a,
    count(*) FILTER (associated) AS D1a,
    count(*) FILTER (dispatched) AS D1b,
    count(*) FILTER (alone) AS D1c,
    count(*) FILTER (NOT unlinked) AS D1c_of,
    count(*) FILTER (alone AND NOT centric) AS D2,
    count(*) FILTER (any_dispatched AND NOT centric) AS D2b_of,
    coalesce(sum(police_share_percent) FILTER (alone), 0) AS D3_percent,
    count(*) FILTER (police_dispatched AND NOT associated) AS D3b_rest,
    count(*) FILTER (suitable) AS E1_of,
    count(*) FILTER (suitable AND handled) AS E1,
    count(*) FILTER (served) AS E2_of,
    count(*) FILTER (served AND handled) AS E2,
    count(*) FILTER (judged) AS judged_of,
    count(*) FILTER (judged AND NOT police_present AND NOT police_requested) AS R1,
    count(*) FILTER (judged AND NOT police_present AND NOT police_requested
        AND outcome IN ('resolved', 'referred', 'resolved_by_phone')) AS R2,
    count(*) FILTER (on_scene) AS B1_of,
    count(*) FILTER (on_scene AND police_requested) AS B1,
    count(*) FILTER (judged AND conflict) AS P1,
    count(*) FILTER (handled) AS handled,
    count(*) FILTER (handled AND NOT ended) AS handled_open,
    count(*) FILTER (repeated) AS repeat,
    count(*) FILTER (associated AND place <> '') AS placed,
    count(*) FILTER (unlinked) AS unlinked,
    count(*) FILTER (suitable_final) AS suitable_final,
    coalesce(sum(police_share_percent * police_minutes) FILTER (alone), 0) AS saved,
    count(*) FILTER (suitable AND service = 'out_of_hours') AS f_out_of_hours,
    count(*) FILTER (suitable AND service = 'out_of_area') AS f_out_of_area,
    count(*) FILTER (NOT served AND offered_) AS c_taken,
    count(*) FILTER (NOT served AND offered_ AND NOT suitable) AS c_off_criteria,
    {steps}
FROM flagged
"""

_STEPS = {
    "offered": "offered_",
    "not_offered": "NOT offered_",
    "accepted": "accepted_",
    "dispatched": "sent_",
    **{
        step: f"step = '{step}'"
        for step in (
            "declined", "unit_unavailable", "undecided", "by_phone", "withdrawn", "waiting", "on_scene",
            "canceled", "under_way",
        )
    },
    **{f"outcome:{outcome}": f"on_scene AND outcome = '{outcome}'" for outcome in OUTCOMES},
    "open": "on_scene AND NOT ended",
}  # fmt: skip


def _steps() -> str:
    """A count of every step, of the funnel and of the column beside it."""
    sides = (("f", "served"), ("c", "NOT served AND offered_"))
    return ",\n    ".join(
        f'count(*) FILTER ({where} AND ({is_there})) AS "{side}_{step}"'
        for side, where in sides
        for step, is_there in _STEPS.items()
        if not (side == "c" and step == "not_offered")
    ) + "".join(f",\n    count(*) FILTER (outcome = '{o}') AS \"o_{o}\"" for o in OUTCOMES)


@pytest.fixture(scope="module")
def agency() -> Agency:
    """The simulated city's file, as it ships."""
    return load_agency(ROOT / "deploy" / "agencies" / "dayton-sim.toml")


@pytest.fixture(scope="module")
def year(agency: Agency) -> list[tuple[str, EncounterRecord]]:
    """The encounters of a simulated year."""
    plan = Plan(agency, date(2025, 1, 1), YEAR, seed=5, background_percent=100 if LONG else 25)
    floor = Floor({agency.id: agency}, Dealt(sizes=(20_000,)))
    log = floor.log(EVENTS, 0)
    for item in stream(plan):
        if item.key:
            log.append(item.key.encode(), item.value, LONG_AFTER_MS)
            continue
        for source in ("cad", "desk"):
            floor.send([{"kind": "clock", "agency_id": agency.id, "source_id": source, "time": item.at}])
    floor.run_one()
    assert floor.dead() == []
    found: dict[str, EncounterRecord] = {}
    for kept in floor.committed(ENCOUNTERS):
        record = records.decode_result(kept.value or b"")
        key = kept.key.decode()
        if isinstance(record, EncounterRecord) and (
            key not in found or record.revision >= found[key].revision
        ):
            found[key] = record
    return sorted(found.items())


@pytest.fixture(scope="module")
def table(year: list[tuple[str, EncounterRecord]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same encounters in DuckDB, every field written out, and nothing else."""
    lines = tmp_path_factory.mktemp("sql") / "encounters.jsonl"
    with lines.open("wb") as out:
        for _, record in year:
            body = {name: getattr(record, name) for name in record.__struct_fields__}
            body["local"] = moment(record.call_at).astimezone(_ZONE).isoformat()[:16]
            out.write(msgspec.json.encode(body) + b"\n")
    base = duckdb.connect()
    base.execute(
        f"CREATE TABLE encounters AS SELECT * FROM read_json('{lines}', format='newline_delimited', "
        "columns={agency_id: 'VARCHAR', incident_id: 'VARCHAR', state: 'VARCHAR', call_at: 'BIGINT', "
        "public: 'BOOLEAN', initial_type: 'VARCHAR', area: 'VARCHAR', place: 'VARCHAR', suitable: 'BOOLEAN', "
        "suitable_final: 'BOOLEAN', service: 'VARCHAR', step: 'VARCHAR', associated: 'BOOLEAN', "
        "dispatched: 'BOOLEAN', on_scene: 'BOOLEAN', handled: 'BOOLEAN', ended: 'BOOLEAN', "
        "outcome: 'VARCHAR', police_present: 'BOOLEAN', police_dispatched: 'BOOLEAN', "
        "any_dispatched: 'BOOLEAN', police_requested: 'BOOLEAN', unlinked: 'BOOLEAN', centric: 'BOOLEAN', "
        "police_share_percent: 'BIGINT', police_minutes: 'BIGINT', flags: 'VARCHAR[]', local: 'VARCHAR'})"
    )
    return base


_ZONE = load_agency(ROOT / "deploy" / "agencies" / "dayton-sim.toml").zone


def by_sql(table: Any, window: str) -> dict[str, Any]:
    """What SQL counts in a window."""
    asked = table.execute(SQL.format(window=window, steps=_steps()))
    names = [column[0] for column in asked.description]
    return dict(zip(names, asked.fetchone(), strict=True))


def same(figure: DiversionRecord, sql: dict[str, Any]) -> None:
    """Every number of a figure, against SQL's."""
    parts = {
        "D1a": (sql["D1a"], sql["a"]),
        "D1b": (sql["D1b"], sql["a"]),
        "D1c": (sql["D1c"], sql["D1c_of"]),
        "D2a": (sql["D2"], sql["a"]),
        "D2b": (sql["D2"], sql["D2b_of"]),
        "D3a": (sql["D3_percent"] / 100, sql["a"]),
        "D3b": (sql["D3_percent"] / 100, (sql["D3_percent"] + 100 * sql["D3b_rest"]) / 100),
        "E1": (sql["E1"], sql["E1_of"]),
        "E2": (sql["E2"], sql["E2_of"]),
        "R1": (sql["R1"], sql["judged_of"]),
        "R2": (sql["R2"], sql["judged_of"]),
        "B1": (sql["B1"], sql["B1_of"]),
        "P1": (sql["P1"], sql["judged_of"]),
    }
    expected = {formula: (over, under) for formula, (over, under) in parts.items() if under}
    assert expected == {f: (r.numerator, r.denominator) for f, r in figure.rates.items()}
    counts = {
        "all": sql["a"], "handled": sql["handled"], "handled_open": sql["handled_open"],
        "repeat": sql["repeat"], "placed": sql["placed"], "unlinked": sql["unlinked"],
        "suitable_final": sql["suitable_final"],
    }  # fmt: skip
    assert counts == {name: figure.counts.get(name, 0) for name in counts}
    for side, letter in ((figure.funnel, "f"), (figure.column, "c")):
        asked = {name[2:]: n for name, n in sql.items() if name.startswith(f"{letter}_")}
        assert asked == {name: side.get(name, 0) for name in asked}
    assert {o: sql[f"o_{o}"] for o in OUTCOMES} == {o: figure.outcomes.get(o, 0) for o in OUTCOMES}
    assert figure.police_minutes_saved == sql["saved"] / 100
    assert unsound(figure) == []


def told(
    agency: Agency, year: list[tuple[str, EncounterRecord]], clock: Micros
) -> dict[str, DiversionRecord]:
    """The book's figures once the clock stands there, as a running agency would have them.

    It knows nothing yet of calls that come later.
    """
    book = Diversion(agency)
    for key, record in year:
        if record.call_at <= clock and record.call_at > clock - 100 * DAY:
            book.take(key, record)
    book.advance(clock)
    return {f"{f.window}/{f.by}/{f.group}": f for _, f, gone in book.figures(grouped=True) if not gone}


@pytest.mark.parametrize("at", INSTANTS, ids=lambda at: moment(at).date().isoformat())
def test_rolling_windows(
    agency: Agency, year: list[tuple[str, EncounterRecord]], table: Any, at: Micros
) -> None:
    """1 h, 24 h, 7 d and 30 d at an instant, the whole and every group of every breakdown of 30 d."""
    found = told(agency, year, at)
    for window, length in ROLLING.items():
        inside = f"call_at > {at - length} AND call_at <= {at}"
        sql = by_sql(table, inside)
        if sql["a"]:
            same(found[f"{window}/all/all"], sql)
        else:
            assert f"{window}/all/all" not in found
    inside = f"call_at > {at - 30 * DAY} AND call_at <= {at}"
    columns = {
        "type": "CASE WHEN initial_type = '' THEN 'UNKNOWN' ELSE initial_type END",
        "area": "area",
        "hour": "local[12:13]",
        "shift": "CASE WHEN local[12:13] < '07' OR local[12:13] >= '23' THEN '23:00' "
        "WHEN local[12:13] < '15' THEN '07:00' ELSE '15:00' END",
    }
    for by, column in columns.items():
        groups = [g for (g,) in table.execute(f"SELECT DISTINCT {column} FROM encounters").fetchall()]
        for group in groups:
            sql = by_sql(table, f"{inside} AND {column} = '{group}'")
            if sql["a"]:
                same(found[f"30d/{by}/{group}"], sql)


def test_every_month_and_some_days(
    agency: Agency, year: list[tuple[str, EncounterRecord]], table: Any
) -> None:
    """Each month of the year as its last hour of keeping has it, and the day before each instant."""
    for month in range(1, 13):
        name = f"2025-{month:02}"
        over = parse(f"{2025 + month // 12}-{month % 12 + 1:02}-01T12:00:00Z")
        same(told(agency, year, over)[f"month:{name}/all/all"], by_sql(table, f"local[1:7] = '{name}'"))
    for at in INSTANTS:
        day = moment(at - DAY).astimezone(agency.zone).date().isoformat()
        same(told(agency, year, at)[f"day:{day}/all/all"], by_sql(table, f"local[1:10] = '{day}'"))


def test_a_book_that_ran_on_says_the_same(agency: Agency, year: list[tuple[str, EncounterRecord]]) -> None:
    """Running on for 130 days, forgetting on the way, it ends where a fresh one begins."""
    running, last = Diversion(agency), INSTANTS[-1]
    ordered = sorted((e for e in year if e[1].call_at > last - 130 * DAY), key=lambda e: e[1].call_at)
    position = 0
    stands: dict[str, DiversionRecord] = {}
    for days in range(130, -1, -1):
        clock = last - days * DAY
        while position < len(ordered) and ordered[position][1].call_at <= clock:
            running.take(*ordered[position])
            position += 1
        for series in running.advance(clock):
            del stands[series.split("/-/")[1]]
        for series, figure, gone in running.figures(grouped=True):
            if gone:
                del stands[series.split("/-/")[1]]
            else:
                stands[series.split("/-/")[1]] = figure
    fresh = told(agency, year, last)
    assert fresh.keys() == stands.keys()
    for series, figure in fresh.items():
        figure.as_of = stands[series].as_of
        assert records.encode(figure) == records.encode(stands[series]), series


def test_one_outcome_each_and_the_sums(year: list[tuple[str, EncounterRecord]], table: Any) -> None:
    """No encounter is in two outcomes; handled = sum of outcomes + open. And the year is what was published.

    About 2,100 calls handled (7,100 from May 2022 into 2025), 98 % of them without police, 157 suitable a
    week.
    """
    (two,) = table.execute(
        "SELECT count(*) FROM (SELECT incident_id FROM encounters WHERE outcome <> '' GROUP BY 1 "
        "HAVING count(DISTINCT outcome) > 1)"
    ).fetchone()
    sql = by_sql(table, "true")

    assert two == 0
    assert len({key for key, _ in year}) == len(year)
    assert sql["handled"] == sum(sql[f"o_{o}"] for o in OUTCOMES) + sql["handled_open"]
    assert 1_950 <= sql["handled"] <= 2_400
    assert 0.97 <= sql["R1"] / sql["judged_of"] <= 0.99
    assert abs(sql["E1_of"] / YEAR * 7 - 157) < 8
