"""Stopping an `up` that runs elsewhere: by its folder's lock, which cannot outlive it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from schemas.errors import WatchroomError
from watchroom import procfs, running
from watchroom.broker import attach

WITHIN_S = 60.0
"""Workers take up to 10 s, the exporter with them, Kafka up to 20 s; then it is told to go."""

_AFTER_SIGKILL_S = 10.0
_LAST_BREATH_S = 3.0


def stop(state_dir: Path, tell: Callable[[str], None]) -> bool:
    """Stop what runs on a state folder, and wait until it has.

    Args:
        state_dir: whose `up`, and whose Kafka.
        tell: called with a sentence for each step.

    Returns:
        Whether anything ran.

    Raises:
        WatchroomError: it is just starting, or survives everything.
    """
    pid = running.holder(state_dir)
    if pid is None:
        broker = attach(state_dir)
        if broker is None:
            return False
        tell(f"stopping the Kafka at {broker.bootstrap}, which no `watchroom up` looks after")
        broker.stop()
        return True
    if not pid:
        raise WatchroomError(f"`watchroom up` is just starting on {state_dir}; say it again in a second")
    tell(f"stopping `watchroom up` (process {pid})")
    _signal(pid, signal.SIGTERM)
    if not _gone_within(state_dir, pid, WITHIN_S):
        tell(f"it did not stop within {WITHIN_S:.0f} s and is killed; its workers stop by themselves")
        _signal(pid, signal.SIGKILL)
        if not _gone_within(state_dir, pid, _AFTER_SIGKILL_S):
            raise WatchroomError(f"process {pid} outlived SIGKILL")
    # It lets go of its folder a moment before it ends.
    deadline = time.monotonic() + _LAST_BREATH_S
    while procfs.runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _gone_within(state_dir: Path, pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running.holder(state_dir) == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
