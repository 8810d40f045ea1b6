"""Events and clocks as JSON Lines, to a file or a pipe: what ``watchroom send`` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.times import Micros
from sources.writer import clock_record


class Stream(Protocol):
    """What lines are written to."""

    def write(self, data: bytes, /) -> int:
        """Take these bytes."""

    def flush(self) -> None:
        """Push them out."""


class Lines:
    """The same ``BlockSink`` as ``BulkWriter``: one JSON a line, clocks among them.

    Args:
        stream: where to.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def send(self, _key: str, value: bytes, /) -> None:
        """Write a line; its event says itself whose it is."""
        self._stream.write(value + b"\n")

    def send_block(self, _keys: Sequence[str], _of: Sequence[int], values: Sequence[bytes], /) -> None:
        """Write a line for each value."""
        self._stream.write(b"\n".join([*values, b""]))

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        """Write a clock."""
        self._stream.write(clock_record(agency_id, source_id, time)[1] + b"\n")

    def flush(self) -> None:
        """Push it out."""
        self._stream.flush()
