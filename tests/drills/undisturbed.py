"""What both stages say of the simulated city where nothing breaks, and what stands there after a drill.

Nothing of the reference knows the mediation half; its rules are held by worked cases, by laws and by SQL in
``tests/core``. Here the question is whether breaking things changes the answer: the same events go through
the same stages in this process, in one partition, in batches of their own, without Kafka and with one clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas import records
from schemas.agency import Agency
from schemas.records import ClockRecord, EncounterRecord
from schemas.series import is_diversion
from schemas.times import Micros
from sources.mediation_city.calls import CAD, DESK
from tests.core.driver import DIVERSION, AnyRecord, Floor, Plan, clock, comparable, comparable_figure
from tests.pipeline.plain import Raw


def answer(agency: Agency, events: Iterable[tuple[str, bytes]], end: Micros) -> dict[str, bytes]:
    """Every record and figure, by name, as bytes without what says how they came about.

    Args:
        agency: its file.
        events: key and value of each, in any order.
        end: the clock of both sources.
    """
    floor = Floor({agency.id: agency}, Plan(sizes=(977,)))
    for key, value in events:
        floor.put(value, key)
    floor.run([clock(end, agency.id, source) for source in (CAD, DESK)])
    return floor.comparable_records() | floor.comparable_figures()


def found(agency: str, results: Iterable[Raw], figures: Mapping[bytes, bytes | None]) -> dict[str, bytes]:
    """The same of what stands in the topics, under the same names."""
    best: dict[str, AnyRecord] = {}
    for raw in results:
        if raw.key is None or raw.value is None or b"//clock/" in raw.key:
            continue
        record = records.decode_result(raw.value)
        if isinstance(record, ClockRecord) or record.agency_id != agency:
            continue
        key = raw.key.decode()
        name = f"encounter {record.incident_id}" if isinstance(record, EncounterRecord) else key
        if name not in best or record.revision >= best[name].revision:
            best[name] = record
    said = {name: comparable(record) for name, record in best.items() if record.state != "void"}
    for raw_key, value in figures.items():
        series = raw_key.decode()
        if value is None or not series.startswith(f"{agency}/"):
            continue
        if is_diversion(series):
            figure = records.decode_diversion(value)
            figure.as_of = 0
            said[f"diversion {series.split(DIVERSION)[1]}"] = records.encode(figure)
        else:
            said[series] = comparable_figure(records.decode_figure(value))
    return said
