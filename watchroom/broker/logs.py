"""What Kafka's log says about its end."""

from __future__ import annotations

import enum
from pathlib import Path

from .errors import BrokerError, DiskFull, StartFailed

# Enough for several stack traces; the cause is always near the end.
_TAIL_BYTES = 256 * 1024
LINES_QUOTED = 8


class Cause(enum.Enum):
    """Why a broker ended, as far as its log tells."""

    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    PORT_TAKEN = "port_taken"
    OUT_OF_MEMORY = "out_of_memory"
    OTHER = "other"


# In this order: a full disk is followed by errors of many other kinds.
_MARKS = (
    (Cause.DISK_FULL, ("No space left on device", "Disk quota exceeded")),
    (Cause.NOT_WRITABLE, ("Read-only file system", "AccessDeniedException", "(Permission denied)")),
    (Cause.PORT_TAKEN, ("Address already in use", "Socket server failed to bind")),
    (
        Cause.OUT_OF_MEMORY,
        ("OutOfMemoryError", "Cannot allocate memory", "Could not reserve enough space", "Too small maximum"),
    ),
)


def read_since(log: Path, offset: int) -> str:
    """The log from this offset in bytes on, at most its last 256 KB; '' when there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            # Shorter than it was: it has been rolled over meanwhile, and all of it is new.
            file.seek(max(offset if offset <= size else 0, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def cause(text: str) -> Cause:
    """The first of the known causes that the log mentions.

    >>> cause("java.io.IOException: No space left on device")
    <Cause.DISK_FULL: 'disk_full'>
    """
    return next((found for found, marks in _MARKS if any(mark in text for mark in marks)), Cause.OTHER)


def quote(text: str, lines: int = LINES_QUOTED) -> str:
    """The last lines of a log, shortened and without the inside of stack traces, for an error message."""
    told = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "\t... "))]
    if not told:
        return "its log says nothing"
    return "its log ends with:\n" + "\n".join(f"  {line[:200]}" for line in told[-lines:])


def explained(what: str, folder: Path, text: str) -> BrokerError:
    """The error for a Kafka that ended when it should not have.

    Args:
        what: what happened, as the beginning of a sentence, such as 'Kafka ended while starting'.
        folder: where its data is.
        text: its log since it was started.
    """
    found = cause(text)
    if found is Cause.DISK_FULL:
        return DiskFull(f"{what}: the disk that holds {folder} is full; make room on it and start again")
    if found is Cause.NOT_WRITABLE:
        return DiskFull(f"{what}: {folder} cannot be written; {quote(text, 2)}")
    if found is Cause.OUT_OF_MEMORY:
        return StartFailed(f"{what}: its memory is too small, give it a larger heap; {quote(text, 2)}")
    return StartFailed(f"{what}; {quote(text)}")
