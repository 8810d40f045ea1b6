"""The folder a broker keeps: what is in it, who may use it now, and whether this Kafka can read it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import shutil
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from schemas.errors import ConfigurationError

from .errors import FolderLocked, FolderVersion
from .pins import KAFKA_VERSION

FORMAT = 1
LOG_BYTES_MAX = 50 * 1024 * 1024
# Somebody who only asks whether the lock is held holds it for an instant; a start waits that long for it.
_LOCK_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """What `watchroom-broker.json` says.

    Attributes:
        format: of this file and folder.
        kafka: version of the Kafka that last started here.
        cluster_id: given once, when the folder was made.
        port: where clients reach it, or reached it last; kept from run to run when nobody else takes it.
        controller_port: its own second port.
        pid: of the running broker, None between runs and while it is starting.
    """

    format: int
    kafka: str
    cluster_id: str
    port: int
    controller_port: int
    pid: int | None


class Folder:
    """The `kafka` folder inside a state folder: paths, the lock, the state file."""

    def __init__(self, parent: Path) -> None:
        self.root = parent.expanduser().absolute() / "kafka"
        self.data = self.root / "data"
        self.log = self.root / "kafka.log"
        self.properties = self.root / "server.properties"
        self.log_settings = self.root / "log4j2.properties"
        self.scratch = self.root / "tmp"
        self._state = self.root / "watchroom-broker.json"
        self._lock = self.root / "lock"

    # ------------------------------------------------------------------------------------------ the lock

    def lock(self) -> int:
        """Take the folder for this process, and for the broker that inherits the lock.

        The lock belongs to the open file, not to the process: handed to the broker, it is held for exactly as
        long as the broker lives, however it dies and whatever becomes of who started it.

        Returns:
            The open file; close it to give up this process's share.

        Raises:
            FolderLocked: somebody else has it; names the process.
        """
        opened = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not _try_lock(opened):
            if time.monotonic() > deadline:
                os.close(opened)
                who = self.holder()
                raise FolderLocked(
                    f"the Kafka in {self.root} is already run by "
                    f"{f'process {who}' if who else 'another process'}: use that one, stop it, or choose "
                    "another folder"
                )
            time.sleep(0.02)
        self.sign(opened, os.getpid())
        return opened

    def sign(self, lock: int, pid: int) -> None:
        """Write into the lock who has it, for the message somebody else gets."""
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{pid}\n".encode(), 0)

    def locked(self) -> bool:
        """Whether a broker runs here, or is just being started.

        Raises:
            ConfigurationError: this user may not look; says who may.
        """
        try:
            opened = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigurationError(
                f"the state folder {self.root.parent} can't be used ({error.strerror}): be the user it "
                "belongs to, choose another with --state-dir, or name its Kafka with --broker"
            ) from error
        try:
            return not _try_lock(opened)
        finally:
            os.close(opened)

    def holder(self) -> int | None:
        """The process that has the lock, as far as it signed."""
        try:
            return int(self._lock.read_text())
        except (OSError, ValueError):
            return None

    # ------------------------------------------------------------------------------------------ the state

    def read(self) -> State | None:
        """The state file, or None when there is none yet.

        Raises:
            FolderVersion: it was written by another layout, cannot be read, or the data is not ours.
        """
        try:
            said: Any = json.loads(self._state.read_bytes())
        except FileNotFoundError:
            if self.data.is_dir() and any(self.data.iterdir()):
                raise self._unreadable("holds data that Watchroom did not write") from None
            return None
        except ValueError as error:
            raise self._unreadable(f"has a {self._state.name} that is not JSON") from error
        written = said.get("format") if isinstance(said, dict) else None
        if written != FORMAT:
            raise self._unreadable(f"is of format {written}, and this Watchroom reads format {FORMAT}")
        try:
            return State(**said)
        except TypeError as error:
            raise self._unreadable(f"has a {self._state.name} with other fields than it should") from error

    def require_readable(self, state: State) -> None:
        """Raise unless this Kafka can read what the last one wrote.

        Raises:
            FolderVersion: it was another major version, or a newer one: a Kafka reads what older ones of its
                own major version wrote.
        """
        theirs, ours = _release(state.kafka), _release(KAFKA_VERSION)
        if theirs[:1] != ours[:1] or theirs > ours:
            raise self._unreadable(f"was written by Kafka {state.kafka}, and this is Kafka {KAFKA_VERSION}")

    def write(self, state: State) -> None:
        """Replace the state file, whole or not at all."""
        written = self._state.with_suffix(".part")
        with written.open("w", encoding="utf-8") as file:
            json.dump(asdict(state), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._state)

    def release(self, pid: int) -> None:
        """Note that the broker with this process id runs no longer; a later one's note is left alone."""
        state = self.read()
        if state is not None and state.pid == pid:
            self.write(replace(state, pid=None))

    # ------------------------------------------------------------------------------------------ the rest

    @property
    def formatted(self) -> bool:
        """Whether Kafka's own format step has been done."""
        return (self.data / "meta.properties").is_file()

    def make(self) -> None:
        """Make the folder itself, so that it can be locked."""
        self.root.mkdir(parents=True, exist_ok=True)

    def log_size(self) -> int:
        """Length of Kafka's log in bytes: where what is written from now on begins."""
        return self.log.stat().st_size if self.log.is_file() else 0

    def tidy(self) -> None:
        """Before a start: an empty scratch folder, and a log that is not longer than it may be."""
        # Libraries unpacked by a broker that was killed would otherwise gather there.
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        if self.log_size() > LOG_BYTES_MAX:
            self.log.replace(self.log.with_name("kafka.log.1"))

    def _unreadable(self, why: str) -> FolderVersion:
        return FolderVersion(
            f"the folder {self.root} {why}: choose another state folder, or move this one away to start anew"
        )


def new_cluster_id() -> str:
    """A random id in Kafka's own form: 16 bytes in URL-safe base64, without padding."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # Kafka avoids a leading dash as well: its tools would take the id for an option.
        if not text.startswith("-"):
            return text


def _release(version: str) -> tuple[int, ...]:
    # Major and minor only: patch releases of one minor share their formats.
    return tuple(int(part) for part in re.findall(r"\d+", str(version))[:2])


def _try_lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
