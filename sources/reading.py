"""An export's file to rows, streaming: never the whole file in memory, and no bad line takes others with it.

A row that cannot be read is reported with its line; where a stray quote would swallow the lines after it,
reading goes on with the line right after the first.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from schemas.errors import BadInput
from sources.problems import Problem, Reason, shortened
from sources.profile import FileFormat, Profile

LINE_BYTES_MAX = 1 << 20
COLUMNS_SHOWN = 60

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """One row: the line it begins at, and its cells, as many as the header has."""

    line: int
    cells: list[str]


class _LineTooLong(Exception):
    """A line is longer than any row may be."""


class _Lines(Iterator[str]):
    """Feeds the csv reader with lines, and can take back those of a row that went wrong.

    Attributes:
        taken: the lines of the row being read, with their numbers.
        flaws: what is wrong inside them, found while decoding.
    """

    def __init__(self, stream: BinaryIO, encoding: str, name: str, offset: int) -> None:
        self._stream = stream
        self._encoding = encoding
        self._name = name
        self._number = 0
        self._offset = offset
        self._again: deque[tuple[int, bytes, int]] = deque()
        self.taken: list[tuple[int, bytes, int]] = []
        self.flaws: list[tuple[Reason, str]] = []

    def begin_row(self) -> None:
        """Forget the row before: it was read."""
        self.taken.clear()
        self.flaws.clear()

    def take_back_all_but_first(self) -> None:
        """The row went wrong: its first line is lost, the others are read again."""
        self._again.extendleft(reversed(self.taken[1:]))

    @property
    def first_line(self) -> int:
        """The line at which the row being read begins."""
        return self.taken[0][0] if self.taken else self._number

    def __next__(self) -> str:
        taken = self._again.popleft() if self._again else self._fresh()
        self.taken.append(taken)
        number, raw, offset = taken
        if len(raw) > LINE_BYTES_MAX:
            raise _LineTooLong
        if b"\0" in raw:
            at = raw.index(b"\0")
            self.flaws.append((Reason.NUL_BYTE, f"a null byte at byte {offset + at} (line {number})"))
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as exc:
            place = f"at byte {offset + exc.start} (line {number})"
            wrong = f"byte {raw[exc.start]:#04x} {place} is not {self._encoding}"
            self.flaws.append((Reason.NOT_DECODABLE, wrong))
            return raw.decode(self._encoding, errors="replace")

    def _fresh(self) -> tuple[int, bytes, int]:
        try:
            raw = self._stream.readline(LINE_BYTES_MAX + 1)
            size = len(raw)
            if size > LINE_BYTES_MAX and not raw.endswith(b"\n"):
                while rest := self._stream.readline(LINE_BYTES_MAX):
                    size += len(rest)
                    if rest.endswith(b"\n"):
                        break
        except (OSError, EOFError, zlib.error) as exc:
            raise _damage(self._name, exc) from exc
        if not raw:
            raise StopIteration
        offset = self._offset
        self._number += 1
        self._offset += size
        return self._number, raw, offset


def _damage(name: str, error: Exception) -> BadInput:
    if isinstance(error, EOFError):
        return BadInput(f"{name}: the compressed file ends too early; fetch it again")
    if isinstance(error, (gzip.BadGzipFile, zlib.error)):
        return BadInput(f"{name}: the compressed file is damaged ({error}); fetch it again")
    return BadInput(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}")


@contextlib.contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as exc:
        raise _damage(name, exc) from exc


@dataclass(frozen=True, slots=True)
class OpenFile:
    """The bytes of an export, unpacked if it is gzip.

    Attributes:
        name: of the file, for errors.
        stream: its bytes.
        share: how much of the file has been read, 0 to 1.
    """

    name: str
    stream: io.BufferedReader[Any]
    share: Callable[[], float]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """Open an export.

    Raises:
        BadInput: there is no such file, or it cannot be read.
    """
    with _damage_named(str(path)):
        raw = path.open("rb")
    with raw:
        with _damage_named(str(path)):
            packed = raw.peek(2)[:2] == _GZIP
            size = path.stat().st_size

        def share() -> float:
            return min(1.0, raw.tell() / size) if size else 1.0

        if not packed:
            yield OpenFile(str(path), raw, share)
            return
        with gzip.GzipFile(fileobj=raw) as unpacked, io.BufferedReader(unpacked, 1 << 18) as stream:
            yield OpenFile(str(path), stream, share)


class Export:
    """An export being read: its header, then its rows.

    Args:
        file: its bytes.
        form: how it is written.

    Raises:
        BadInput: the file is empty, not in this encoding, or its first line is no header.
    """

    def __init__(self, file: OpenFile, form: FileFormat) -> None:
        self.name = file.name
        self.form = form
        mark = self._skip_mark(file.stream)
        self._lines = _Lines(file.stream, form.encoding, file.name, mark)
        self._reader = csv.reader(self._lines, delimiter=form.delimiter, quotechar=form.quote, strict=True)
        self.header = self._header()

    def _skip_mark(self, stream: io.BufferedReader[Any]) -> int:
        """Read past a byte-order mark; how many bytes it has."""
        with _damage_named(self.name):
            head = stream.peek(3)[:3]
            if head.startswith(_UTF16):
                raise BadInput(f"{self.name}: is UTF-16; convert it first: iconv -f utf-16 -t utf-8")
            if head != _BOM:
                return 0
            if self.form.encoding != "utf-8":
                raise BadInput(
                    f"{self.name}: begins with the mark of UTF-8, but the profile says {self.form.encoding}"
                )
            return len(stream.read(3))

    def _header(self) -> list[str]:
        while True:
            self._lines.begin_row()
            try:
                cells = next(self._reader)
            except StopIteration:
                raise BadInput(f"{self.name}: empty: not even a header") from None
            except csv.Error as exc:
                raise BadInput(
                    f"{self.name}: line {self._lines.first_line}: the header's quotes: {exc}"
                ) from exc
            except _LineTooLong:
                raise BadInput(
                    f"{self.name}: its first line has over {LINE_BYTES_MAX} bytes: no CSV, or other line ends"
                ) from None
            if self._lines.flaws:
                raise BadInput(f"{self.name}: the header cannot be read: {self._lines.flaws[0][1]}")
            if any(cell.strip() for cell in cells):
                return [cell.strip() for cell in cells]

    def rows(self) -> Iterator[Row | Problem]:
        """Every row, or what is wrong with it. Blank lines are no rows."""
        lines, reader, width = self._lines, self._reader, len(self.header)
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as exc:
                yield self._lost(Reason.BAD_QUOTING, _in_words(exc))
                lines.take_back_all_but_first()
                continue
            except _LineTooLong:
                yield self._lost(Reason.ROW_TOO_LONG, f"a line of more than {LINE_BYTES_MAX} bytes")
                lines.take_back_all_but_first()
                continue
            if len(cells) == width:
                yield self._lost(*lines.flaws[0]) if lines.flaws else Row(lines.first_line, cells)
            elif any(cell.strip() for cell in cells):
                yield self._lost(Reason.WRONG_COLUMN_COUNT, f"{len(cells)} columns; the header has {width}")
                # Over several lines, a stray quote is the likely cause: whole rows may be inside.
                lines.take_back_all_but_first()

    def _lost(self, reason: Reason, detail: str) -> Problem:
        number, raw, _ = self._lines.taken[0]
        start = raw[:200].decode(self.form.encoding, errors="replace").rstrip("\r\n")
        return Problem(number, "", shortened(start), reason, detail, True)


def _in_words(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote is opened and never closed"
    if "field larger than field limit" in text:
        return "a quote is opened and not closed for 128 KiB"
    return text


def positions(export: Export, profile: Profile) -> dict[str, int]:
    """Where the profile's columns are in this file.

    Raises:
        BadInput: one is missing, or there twice; names it, what it is for, and what is there.
    """
    uses = profile.uses()
    missing = [column for column in uses if column not in export.header]
    if missing:
        wanted = "; ".join(_wanted(column, uses[column], export.header) for column in missing)
        there = ", ".join(shortened(c) for c in export.header[:COLUMNS_SHOWN])
        more = f" and {len(export.header) - COLUMNS_SHOWN} more" if len(export.header) > COLUMNS_SHOWN else ""
        hint = ""
        if len(export.header) == 1:
            hint = f" (one column alone: is {export.form.delimiter!r} the delimiter?)"
        raise BadInput(
            f"{export.name}: profile {profile.name} wants what the header lacks: {wanted}."
            f" There is: {there}{more}{hint}"
        )
    twice = [column for column in uses if export.header.count(column) > 1]
    if twice:
        raise BadInput(f"{export.name}: the header has {twice[0]!r} more than once, and the profile reads it")
    return {column: export.header.index(column) for column in uses}


def _wanted(column: str, uses: list[str], header: list[str]) -> str:
    near = difflib.get_close_matches(column, header, n=1, cutoff=0.75)
    return f"column {column!r} ({', '.join(uses)})" + (f", perhaps now {near[0]!r}" if near else "")
