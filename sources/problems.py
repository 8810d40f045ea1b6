"""What in an export could not be read: row or cell, line, column, value and a reason from a closed list."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import NamedTuple

VALUE_SHOWN_CHARS = 60
FIRST_KEPT = 20


class Reason(StrEnum):
    """Why a row, or one cell of it, says nothing."""

    BAD_QUOTING = "bad_quoting"
    ROW_TOO_LONG = "row_too_long"
    NOT_DECODABLE = "not_decodable"
    NUL_BYTE = "nul_byte"
    WRONG_COLUMN_COUNT = "wrong_column_count"
    NO_INCIDENT_ID = "no_incident_id"
    NO_TIME = "no_time"
    UNREADABLE_TIME = "unreadable_time"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    NO_DATE = "no_date"
    NO_UNIT_ID = "no_unit_id"
    TOO_LONG = "too_long"
    NOT_IN_VOCABULARY = "not_in_vocabulary"


class Problem(NamedTuple):
    """One row or cell that says nothing.

    Attributes:
        line: where the row begins in the file, from 1 (the header's is 1).
        column: the column's name; empty where it is about the row.
        value: what stands there, shortened.
        reason: which kind of problem.
        detail: one sentence for people.
        whole_row: nothing of the row counts; otherwise its other columns do.
    """

    line: int
    column: str
    value: str
    reason: Reason
    detail: str
    whole_row: bool

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", column {self.column!r}" if self.column else "")
        shown = f", value {self.value!r}" if self.value else ""
        return f"{place}{shown}: {self.reason.value}: {self.detail}"


def shortened(text: str) -> str:
    """A value as it is shown to people.

    >>> shortened("x" * 100) == "x" * 59 + "…"
    True
    """
    return text if len(text) <= VALUE_SHOWN_CHARS else text[: VALUE_SHOWN_CHARS - 1] + "…"


class Problems:
    """Counts every problem, and keeps the first few to show.

    Attributes:
        bad_rows: rows of which nothing counts.
        bad_cells: cells that say nothing, in rows that otherwise count.
        by_reason: how many of each reason.
        first: the first few, in the order of the file.
    """

    def __init__(self) -> None:
        self.bad_rows = 0
        self.bad_cells = 0
        self.by_reason: Counter[Reason] = Counter()
        self.first: list[Problem] = []

    def add(self, problem: Problem) -> None:
        """Count one."""
        if problem.whole_row:
            self.bad_rows += 1
        else:
            self.bad_cells += 1
        self.by_reason[problem.reason] += 1
        if len(self.first) < FIRST_KEPT:
            self.first.append(problem)

    def __bool__(self) -> bool:
        return bool(self.bad_rows or self.bad_cells)
