"""A sheet of text in its two shapes: coloured at a terminal, plain and aligned anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and whether it holds numbers, which stand to the right."""

    title: str
    number: bool = False


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


def rich(sheet: Sheet) -> RenderableType:
    """The sheet for a terminal."""
    parts: list[RenderableType] = []
    for number, line in enumerate(sheet.head):
        parts.append(Text(printable(line), style="bold" if number == 0 else "dim"))
    if sheet.rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in sheet.columns:
            table.add_column(column.title, justify="right" if column.number else "left")
        for number, row in enumerate(sheet.rows):
            if number in sheet.rules_before:
                table.add_section()
            table.add_row(*(Text(printable(cell)) for cell in row))
        parts.extend((Text(""), table))
    if sheet.foot:
        parts.append(Text(""))
        parts.extend(Text(printable(line), style="dim") for line in sheet.foot)
    return Group(*parts)


def printable(text: str) -> str:
    r"""The text with whatever could steer a terminal written out: data must not move the cursor.

    >>> printable("E39\x1b[2J"), printable("Zürich")
    ('E39\\x1b[2J', 'Zürich')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
