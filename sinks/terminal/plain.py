"""A sheet of text in its two shapes: coloured at a terminal, plain and aligned anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

FLEXIBLE_MIN = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: its heading.
        number: whether it holds numbers, which stand to the right.
        flexible: whether a narrow terminal may fold it; all others are never cut, folded or left out.
    """

    title: str
    number: bool = False
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be shown: lines above, a table, lines below.

    Attributes:
        head: lines above; the first is the title.
        columns: of the table.
        rows: as many cells as there are columns.
        foot: lines below.
        rules_before: numbers of the rows before which something new begins.
    """

    head: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    foot: tuple[str, ...] = ()
    rules_before: frozenset[int] = field(default_factory=frozenset)


def plain(sheet: Sheet) -> str:
    """The sheet as aligned text in full width, without colours, boxes or trailing blanks."""
    lines = list(sheet.head)
    if sheet.rows:
        lines.append("")
        lines.extend(_aligned(sheet))
    if sheet.foot:
        lines.append("")
        lines.extend(sheet.foot)
    return "\n".join(printable(line) for line in lines) + "\n"


def _aligned(sheet: Sheet) -> Iterable[str]:
    titles = tuple(column.title for column in sheet.columns)
    widths = [max(map(len, cells)) for cells in zip(titles, *sheet.rows, strict=True)]
    for row in (titles, *sheet.rows):
        cells = (
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, sheet.columns, strict=True)
        )
        yield "  ".join(cells).rstrip()


def rich(sheet: Sheet, width: int) -> RenderableType:
    """The sheet for a terminal of so many columns; where it would not fit, its plain text, which wraps."""
    parts: list[RenderableType] = []
    for number, line in enumerate(sheet.head):
        parts.append(Text(printable(line), style="bold" if number == 0 else "dim"))
    if sheet.rows:
        parts.extend((Text(""), _table(sheet, width)))
    if sheet.foot:
        parts.append(Text(""))
        parts.extend(Text(printable(line), style="dim") for line in sheet.foot)
    return Group(*parts)


def _widths(sheet: Sheet) -> tuple[list[int], list[int]]:
    """How wide each column is, and how narrow it may be."""
    cells = (tuple(map(printable, row)) for row in sheet.rows)
    widths = [max(len(c.title), *map(len, column)) for c, *column in zip(sheet.columns, *cells, strict=True)]
    least = [min(w, FLEXIBLE_MIN) if c.flexible else w for w, c in zip(widths, sheet.columns, strict=True)]
    return widths, least


def least_width(sheet: Sheet) -> int:
    """The columns a terminal must have for the table to be one; 0 where there is none."""
    return sum(least + 2 for least in _widths(sheet)[1]) - 2 if sheet.rows else 0


def _table(sheet: Sheet, width: int) -> RenderableType:
    rows = [tuple(map(printable, row)) for row in sheet.rows]
    widths, narrow = _widths(sheet)
    if least_width(sheet) > width:
        return Text("\n".join(map(printable, _aligned(sheet))), overflow="fold")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, natural, least in zip(sheet.columns, widths, narrow, strict=True):
        table.add_column(
            column.title,
            justify="right" if column.number else "left",
            no_wrap=not column.flexible,
            min_width=least,
            max_width=natural,
        )
    for number, row in enumerate(rows):
        if number in sheet.rules_before:
            table.add_section()
        table.add_row(*map(Text, row))
    return table


def printable(text: str) -> str:
    r"""The text with whatever could steer a terminal written out: data must not move the cursor.

    >>> printable("E39\x1b[2J"), printable("Zürich")
    ('E39\\x1b[2J', 'Zürich')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
