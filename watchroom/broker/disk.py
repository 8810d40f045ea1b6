"""Room on the disk, and the operating system's complaints about it put in a sentence."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import DiskFull

# Kafka itself takes a few MB when it starts; this leaves room for one segment being rolled and for its log.
FREE_BYTES_MIN = 512 * 1024 * 1024

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT})


@contextlib.contextmanager
def disk_in_words(folder: Path) -> Iterator[None]:
    """Turn 'no space', 'not permitted', 'read-only' and 'no such folder' into DiskFull; others pass.

    Args:
        folder: what is being written, for the sentence.

    Raises:
        DiskFull: in their place.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"the disk that holds {folder} is full: make room on it") from error
        if error.errno in _FORBIDDEN:
            raise DiskFull(
                f"{error.filename or folder} cannot be written ({error.strerror}): give this user the right "
                "to, or choose another folder"
            ) from error
        raise


def require_room(folder: Path, bytes_min: int | None = None) -> None:
    """Raise unless the disk of this folder has room for Kafka to start.

    Args:
        folder: one that exists.
        bytes_min: how much must be free; 512 MB unless told.

    Raises:
        DiskFull: there is less.
    """
    needed = FREE_BYTES_MIN if bytes_min is None else bytes_min
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"the disk that holds {folder} has {free // 2**20} MB free and Kafka needs {needed // 2**20} MB: "
            "make room on it, or choose a folder on another disk"
        )
