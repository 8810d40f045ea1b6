"""Where the JSON Lines of a simulation go: a file, or standard output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from schemas.errors import WatchroomError


@contextmanager
def opened(target: str) -> Iterator[BinaryIO]:
    """A file to write anew, or standard output for ``-``.

    Raises:
        WatchroomError: it cannot be written. A reader that went away stays a ``BrokenPipeError``.
    """
    try:
        if target == "-":
            yield click.get_binary_stream("stdout")
            return
        with Path(target).open("wb") as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise WatchroomError(f"{target}: cannot be written: {exc.strerror}") from exc
