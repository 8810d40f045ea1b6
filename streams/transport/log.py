"""What a worker says: one JSON line a fact, libraries' warnings among them."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

NAME = "watchroom.worker"
"""Our logger; everything else on the root is a library and heard from ``WARNING`` on."""


_LINES_KNOWN_MAX = 500


class _Lines(logging.Formatter):
    """A record as one line of JSON: when, how grave, what, and the facts."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self._same = {"worker": worker, "pid": os.getpid()}

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback becomes one string in it."""
        ours = record.name == NAME
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "what": record.getMessage() if ours else "library",
            **self._same,
        }
        if not ours:
            line |= {"logger": record.name, "text": record.getMessage()}
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Once(logging.Filter):
    """Lets a library say the same thing once in a while: aiokafka says it 200 times a second.

    That is while Kafka is away.

    Args:
        every_s: how long the same line from the same logger is left out after it was heard.
        clock: seconds that never go back.
    """

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._heard: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is heard; one that is tells how many before it were not."""
        if record.name == NAME:
            return True
        what, now = (record.name, record.getMessage()), self._clock()
        heard, missed = self._heard.get(what, (-self._every_s, 0))
        if now - heard < self._every_s:
            self._heard[what] = heard, missed + 1
            return False
        if len(self._heard) >= _LINES_KNOWN_MAX:
            self._heard.clear()
        self._heard[what] = now, 0
        if missed:
            record.facts = {"left_out": missed}
        return True


class Log:
    """The worker's own voice.

    Args:
        worker: who speaks.
        level: from which level on; of libraries, warnings and worse are heard whatever it says.
        stream: where lines go.
    """

    def __init__(self, worker: str, level: str, stream: TextIO) -> None:
        self._stream = stream
        self._logger = logging.getLogger(NAME)
        self._logger.setLevel(level)
        self._logger.propagate = False
        handler = logging.StreamHandler(stream)
        handler.setFormatter(_Lines(worker))
        handler.addFilter(Once())
        root = logging.getLogger()
        for logger in (root, self._logger):
            for old in list(logger.handlers):
                logger.removeHandler(old)
            logger.addHandler(handler)
        root.setLevel(logging.WARNING)
        # A worker's warnings module speaks through the same lines instead of tearing holes into them.
        logging.captureWarnings(capture=True)

    def debug(self, what: str, **facts: Any) -> None:
        """Something of interest to whoever mends the transport."""
        self._logger.debug(what, extra={"facts": facts})

    def info(self, what: str, **facts: Any) -> None:
        """Something that is as it should be."""
        self._logger.info(what, extra={"facts": facts})

    def warning(self, what: str, **facts: Any) -> None:
        """Something that is not, and that the worker lives with."""
        self._logger.warning(what, extra={"facts": facts})

    def fatal(self, what: str, exc: BaseException | None = None, **facts: Any) -> None:
        """The last thing a worker says; out of the buffers before this returns."""
        self._logger.critical(what, extra={"facts": facts}, exc_info=exc)
        self._stream.flush()
