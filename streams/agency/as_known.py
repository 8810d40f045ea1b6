"""As known now for T: figures from the records as they are now, windowed at T (DEFINITIONS.md, 4).

What is dated after T and began before it is open; what began later is not there. Golden figures are made this
way.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from schemas.agency import Agency
from schemas.records import FigureRecord, IncidentRecord, ResponseRecord
from schemas.series import BREAKDOWNS, CALENDAR, ROLLING
from schemas.times import Micros
from streams.agency.columns import MODE_NAMES, Columns, Names
from streams.agency.contributions import INCIDENT, INTERVALS, OPEN, RESPONSE, contributions, groups
from streams.agency.tabulate import is_empty, tabulate
from streams.agency.telling import Teller
from streams.agency.windows import Windows, kind


class _Ground:
    """All records of an agency in columns."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.columns = {scope: Columns(scope) for scope in INTERVALS}
        self.names = [Names() for _ in BREAKDOWNS[1:]]
        self.windows = Windows(agency)
        self.simulated = agency.simulated

    def put(self, record: ResponseRecord | IncidentRecord) -> None:
        scope = RESPONSE if isinstance(record, ResponseRecord) else INCIDENT
        adds = contributions(record, scope, self.agency)
        if adds is None or record.place is None:
            return
        self.simulated |= record.simulated
        periods = self.windows.of(record.call_at, None) if record.call_at else (-1,) * len(CALENDAR)
        codes = [names.code(group) for names, group in zip(self.names, groups(record.place), strict=True)]
        columns = self.columns[scope]
        mode = MODE_NAMES.index(record.place.mode)
        columns.stage(columns.add(), adds, (mode, *codes, *periods, record.began_at, 1, True, -1, -1, 0))


def figures_as_known(
    agency: Agency,
    known: Iterable[ResponseRecord | IncidentRecord],
    as_of: Micros,
    windows: Iterable[str] | None = None,
) -> list[FigureRecord]:
    """Every figure of an agency as known now for an instant.

    Args:
        agency: its file.
        known: the agency's records, of each key the highest revision.
        as_of: the instant T.
        windows: windows to make, by default all rolling ones and every calendar period there is.

    Returns:
        Figures that are not empty, by interval, window, breakdown, mode and group.
    """
    ground = _Ground(agency)
    for record in known:
        ground.put(record)
    for columns in ground.columns.values():
        columns.fill()
    wanted = tuple(windows) if windows is not None else (*ROLLING, *ground.windows.codes)
    found: list[FigureRecord] = []
    for scope, columns in ground.columns.items():
        for place, interval in enumerate(INTERVALS[scope]):
            for window in wanted:
                found.extend(_figures(ground, columns, place, interval, window, as_of))
    return found


def _figures(
    ground: _Ground, columns: Columns, place: int, interval: str, window: str, as_of: Micros
) -> Iterable[FigureRecord]:
    held = columns.held
    code, at = held.code[place], held.at[place]
    dated = (code >= 0) & (code != OPEN) & (at <= as_of)
    begun = (code >= 0) & ~dated & (held.began < as_of)
    if window in ROLLING:
        inside = begun | (dated & (at > as_of - ROLLING[window]))
    else:
        inside = (begun | dated) & (held.period[kind(window)] == ground.windows.codes.get(window, -2))
    rows = np.flatnonzero(inside)
    running = ~dated[rows]
    codes = np.where(running, OPEN, code[rows]).astype(np.int8)
    flags = np.where(running, 0, held.flags[place][rows]).astype(np.uint8)
    if not rows.size:
        return
    grouped = np.vstack([np.zeros((1, rows.size), np.int16), held.group[:, rows]])
    names = [["all"], *(names.names for names in ground.names)]
    sizes = [len(each) for each in names]
    stats = tabulate(held.mode[rows], grouped, sizes, codes, held.value[place][rows], flags)
    of = [(by, group) for by, those in zip(BREAKDOWNS, names, strict=True) for group in those]
    cells = np.flatnonzero(~is_empty(stats))
    teller = Teller(ground.agency.id, window, as_of, final=False, simulated=ground.simulated)
    for cell, numbers in zip(cells.tolist(), stats[cells].tolist(), strict=True):
        mode, (by, name) = MODE_NAMES[cell % len(MODE_NAMES)], of[cell // len(MODE_NAMES)]
        yield teller.figure(interval, mode, by, name, numbers)
