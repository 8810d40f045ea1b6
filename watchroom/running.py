"""What `watchroom up` remembers of itself in the state folder, so that every other command finds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import BrokerUnreachable, ConfigurationError, Refused
from schemas.settings import Settings
from watchroom.broker import attach

FORMAT = 1
FILE = "running.json"
LOCK = "up.lock"
# Somebody who only asks whether it is held holds it for an instant.
_LOCK_WAIT_S = 0.3


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as `up` last knew it.

    Attributes:
        name: as in ``logs/NAME.log``.
        pid: 0 while it does not run.
        state: ``running``, ``starting``, ``waiting`` (to be started again) or ``given up``.
        restarts: how often it was started again.
        why: the last sentence of the one before, empty where there was none.
        since: when it was started, seconds since the epoch.
        where: what it is to be reached at, or what it works on.
    """

    name: str
    pid: int
    state: str
    restarts: int = 0
    why: str = ""
    since: float = 0.0
    where: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """What ``running.json`` says.

    Attributes:
        pid: of `watchroom up`.
        bootstrap: of the Kafka it uses.
        own_broker: whether it started that one itself.
        exporter: address of the metrics.
        workers: of stage one; ``agency_workers`` of stage two.
        generation: that they compute.
        started: seconds since the epoch.
        ready: whether every partition has had an owner since.
    """

    pid: int
    bootstrap: str
    own_broker: bool
    exporter: str
    workers: int
    agency_workers: int
    generation: int
    started: float
    ready: bool = False
    processes: tuple[Process, ...] = ()
    format: int = field(default=FORMAT)


def write(state_dir: Path, running: Running) -> None:
    """Replace the file, whole or not at all."""
    part = state_dir / f"{FILE}.part"
    part.write_text(json.dumps(asdict(running), indent=1) + "\n", encoding="utf-8")
    part.replace(state_dir / FILE)


def read(state_dir: Path) -> Running | None:
    """What the running `up` wrote; None where none runs, whatever file an earlier one left."""
    if holder(state_dir) is None:
        return None
    try:
        said: Any = json.loads((state_dir / FILE).read_bytes())
        if said["format"] != FORMAT:
            return None
        return Running(**{**said, "processes": tuple(Process(**p) for p in said["processes"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(state_dir: Path) -> None:
    """Nothing runs any more."""
    (state_dir / FILE).unlink(missing_ok=True)


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(state_dir: Path, name: str = LOCK) -> int | None:
    """The process of the `up` that runs on this folder; None where none does, 0 where it did not say."""
    try:
        lock = os.open(state_dir / name, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared: two that ask at the same time must not take each other for an `up`.
        if _try(lock, fcntl.LOCK_SH):
            return None
        text = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(lock)


BUSY_UP = (
    "`watchroom up` already runs on {state_dir}{who}: see it with `watchroom status`, stop it with "
    "`watchroom down`, or choose another folder with --state-dir"
)


@contextmanager
def held(state_dir: Path, name: str = LOCK, busy: str = BUSY_UP) -> Iterator[None]:
    """Hold the folder for this process; however it ends, the kernel lets go of it.

    Args:
        state_dir: the folder.
        name: of the lock in it.
        busy: what to say where another process holds it.

    Raises:
        Refused: another process holds it; names it and says what to do.
        ConfigurationError: the folder can't be made or written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(state_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as exc:
        raise ConfigurationError(
            f"the state folder {state_dir} can't be used ({exc.strerror}): choose another with --state-dir"
        ) from exc
    try:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not (ours := _try(lock, fcntl.LOCK_EX)) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not ours:
            pid = holder(state_dir, name)
            raise Refused(busy.format(state_dir=state_dir, who=f" (process {pid})" if pid else ""))
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def bootstrap(settings: Settings) -> str:
    """Where Kafka is: the one named in the settings, else the one of the `up` that runs on this state folder.

    Raises:
        BrokerUnreachable: neither is there.
    """
    if settings.broker:
        return settings.broker
    own = attach(settings.state_dir)
    if own is not None:
        return own.bootstrap
    # An `up` that uses a Kafka it was told of knows the address, too. One that is only starting its own
    # knows none yet.
    up = read(settings.state_dir)
    if up is not None and not up.own_broker and up.bootstrap:
        return up.bootstrap
    raise BrokerUnreachable(
        "no Kafka is named in the settings and `watchroom up` is not running; start it, or set --broker"
    )
