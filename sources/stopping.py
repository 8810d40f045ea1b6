"""Ctrl-C as a question, not a blow: the first asks to stop, a second one ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Says that work is to end. Set by a signal's handler, looked at by who works; so it takes no lock."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def on_signals(stop: Stop) -> Iterator[Stop]:
    """While inside, SIGINT and SIGTERM ask ``stop``; a second one raises ``KeyboardInterrupt``.

    Outside the main thread, where no handler can be set, nothing changes.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
