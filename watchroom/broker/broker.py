"""A Kafka of our own: start it, find it again, stop it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from schemas.errors import BrokerUnreachable

from . import health, ports
from .config import LOG4J2, server_properties
from .disk import disk_in_words, require_room
from .errors import BrokerError, PortTaken, StartFailed, WillNotStop
from .jars import Prepared, Progress, prepare
from .logs import Cause, cause, explained, quote, read_since
from .pins import KAFKA_VERSION
from .process import format_data, java_command, spawn
from .state import FORMAT, Folder, State, new_cluster_id

_log = logging.getLogger(__name__)

HEAP_MB_MIN: Final = 192
_PORT_TRIES = 5
_POLL_S = 0.05
_AFTER_SIGKILL_S = 10


class Broker:
    """A Kafka of our own.

    Also a context manager: leaving it stops the broker.

    Attributes:
        bootstrap: where clients reach it, '127.0.0.1:PORT'.
        pid: its process.
        log_file: what Java, Kafka and its logging wrote.
    """

    def __init__(
        self, folder: Folder, state: State, pid: int, child: subprocess.Popen[bytes] | None, log_offset: int
    ) -> None:
        self.bootstrap: str = f"{ports.LOOPBACK}:{state.port}"
        self.pid: int = pid
        self.log_file: Path = folder.log
        self._folder = folder
        self._child = child
        self._log_offset = log_offset

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        port: int | None = None,
        heap_mb: int = 512,
        wait_s: float = 60,
        detach: bool = False,
        on_progress: Callable[[str], None] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Self:
        """Start a Kafka that keeps its data in this folder, and wait until it answers.

        The first time, Kafka's files are fetched (see `prepare`) and its data folder is made; from then on
        the data is kept. Clients of this machine reach it, no others. About 5 s the first time and 3.5 s from
        then on; half of that after `quicken`.

        Args:
            folder: the state folder; the broker's own is `kafka` inside it.
            port: where it must listen; None for the port it had last, or any free one.
            heap_mb: the most Java's heap may take, in MB; the process takes up to some 250 MB more.
            wait_s: how long it may take to answer, in seconds.
            detach: leave it running when this process ends; otherwise it ends with us, however we end.
            on_progress: called with a short sentence for each step.
            extra: Kafka settings by their own names; they win over ours, except for ports, roles and folders.

        Raises:
            PortTaken: another process has the port that was asked for.
            FolderLocked: another broker runs in the folder.
            FolderVersion: this Kafka cannot read what is in the folder.
            DiskFull: less than 512 MB are free, or the folder cannot be written.
            NoNetwork, DamagedFile, NotInstalled: see `prepare`.
            StartFailed: it ended, or did not answer in time; quotes its log.
        """
        return cls._start(
            Folder(folder), port, heap_mb, wait_s, detach, on_progress or (lambda _: None), extra or {}, ()
        )

    @classmethod
    def _start(
        cls,
        folder: Folder,
        port: int | None,
        heap_mb: int,
        wait_s: float,
        detach: bool,
        tell: Progress,
        extra: Mapping[str, str],
        flags: Sequence[str],
    ) -> Self:
        if heap_mb < HEAP_MB_MIN:
            raise BrokerError(f"Kafka needs a heap of {HEAP_MB_MIN} MB or more; {heap_mb} MB was asked for")
        prepared = prepare(tell)
        command = java_command(prepared, folder, heap_mb, flags)
        command += ["kafka.Kafka", folder.properties.name]
        with disk_in_words(folder.root):
            folder.make()
            lock = folder.lock()
            try:
                state = _made_ready(folder)
                for _ in range(_PORT_TRIES):
                    state = _with_ports(state, port)
                    _write_settings(folder, state, extra)
                    if not folder.formatted:
                        tell("making Kafka's data folder")
                        format_data(prepared, folder, state.cluster_id)
                    tell(f"starting Kafka {KAFKA_VERSION}")
                    broker = cls._spawned(folder, state, command, lock, detach)
                    if broker._came_up(state.cluster_id, wait_s, port, tell):
                        return broker
                raise StartFailed(f"Kafka lost its port to another process {_PORT_TRIES} times in a row")
            finally:
                # The broker has the lock by now. If there is none, the folder is free again.
                os.close(lock)

    @classmethod
    def _spawned(cls, folder: Folder, state: State, command: list[str], lock: int, detach: bool) -> Self:
        offset = folder.log_size()
        try:
            child = spawn(command, folder, lock, detach)
        except OSError as error:
            raise StartFailed(f"Java ({command[0]}) could not be run: {error.strerror}") from error
        broker = cls(folder, state, child.pid, child, offset)
        try:
            folder.sign(lock, child.pid)
            folder.write(replace(state, pid=child.pid))
        except BaseException:
            broker.kill()
            raise
        return broker

    def _came_up(self, cluster_id: str, wait_s: float, wanted: int | None, tell: Progress) -> bool:
        """Wait until it answers; False when a port it may choose itself was taken meanwhile."""
        try:
            deadline = time.monotonic() + wait_s
            port = int(self.bootstrap.rpartition(":")[2])
            while time.monotonic() < deadline:
                if not self.alive():
                    return self._came_not_up(port, wanted)
                # By its id: whoever took the port a moment before us may be a Kafka, too.
                if health.accepts(ports.LOOPBACK, port, timeout_s=1) and (
                    _cluster_at(self.bootstrap, min(5.0, wait_s)) == cluster_id
                ):
                    tell(f"Kafka answers at {self.bootstrap}")
                    return True
                time.sleep(_POLL_S)
            raise StartFailed(
                f"Kafka did not answer at {self.bootstrap} within {wait_s:g} s; {quote(self._said())}"
            )
        except BaseException:
            # Ctrl-C as well: nobody will know of it, so it must not stay.
            self.kill()
            raise

    def _came_not_up(self, port: int, wanted: int | None) -> bool:
        said = self._said()
        if cause(said) is not Cause.PORT_TAKEN:
            raise explained(f"Kafka ended while starting ({self._ending()})", self._folder.root, said)
        if wanted is not None and not ports.is_free(port):
            raise _port_taken(port)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Broker {self.bootstrap} pid {self.pid} in {self._folder.root}>"

    def alive(self) -> bool:
        """Whether the process runs. It may still be starting, or be stuck: see `answers`."""
        if self._child is not None:
            # Asking also buries it: a child that ended stays in the process table until its parent looks.
            return self._child.poll() is None
        # Not our child. Its lock cannot outlive it, while its number may be another process by now.
        return self._folder.locked() and self._folder.holder() == self.pid

    def stop(self, timeout_s: float = 20) -> None:
        """Ask it to stop and wait; when it has not after that time, kill it and say so in our own log.

        Does nothing when it does not run any more.

        Args:
            timeout_s: how long it may take, in seconds; normally half a second.

        Raises:
            WillNotStop: it survives even SIGKILL.
        """
        if self.alive():
            self._signal(signal.SIGTERM)
            if not self._gone_within(timeout_s):
                _log.warning(
                    "Kafka (process %d) did not stop within %g s and was killed; it will check its data when "
                    "it starts again",
                    self.pid,
                    timeout_s,
                )
                self.kill()
        self._release()

    def kill(self) -> None:
        """End it at once with SIGKILL, as a power cut would; for tests and as the last resort.

        Raises:
            WillNotStop: it survives even that.
        """
        if self.alive():
            self._signal(signal.SIGKILL)
            if not self._gone_within(_AFTER_SIGKILL_S):
                raise WillNotStop(f"Kafka (process {self.pid}) outlived SIGKILL by {_AFTER_SIGKILL_S} s")
        self._release()

    def why_ended(self) -> BrokerError | None:
        """Why it does not run any more, as far as its log tells; None while it runs.

        A full disk, for instance, makes a running Kafka end itself.
        """
        if self.alive():
            return None
        return explained(f"Kafka has ended ({self._ending()})", self._folder.root, self._said())

    def _said(self) -> str:
        return read_since(self.log_file, self._log_offset)

    def _ending(self) -> str:
        code = self._child.returncode if self._child is not None else None
        if code is None:
            return "not by us"
        if code == -signal.SIGKILL:
            return "killed by SIGKILL, perhaps by the kernel for want of memory"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._child is not None:
                self._child.send_signal(number)
            else:
                os.kill(self.pid, number)

    def _gone_within(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _release(self) -> None:
        # What a folder of another version says is not ours to mend, and a stop is no place to complain of it.
        with contextlib.suppress(BrokerError, OSError):
            self._folder.release(self.pid)


def attach(folder: Path) -> Broker | None:
    """The broker that runs in this folder, started earlier by another process; None when there is none.

    One that is only just being started counts as none.

    Args:
        folder: the state folder, as given to `Broker.start`.

    Raises:
        FolderVersion: what is in the folder cannot be read.
    """
    ours = Folder(folder)
    if not ours.locked():
        return None
    state = ours.read()
    if state is None or state.pid is None or state.pid != ours.holder():
        return None
    return Broker(ours, state, state.pid, None, 0)


def _made_ready(folder: Folder) -> State:
    """The folder's state, of a new or an old folder, with everything in place but ports and settings."""
    state = folder.read()
    if state is None:
        state = State(FORMAT, KAFKA_VERSION, new_cluster_id(), 0, 0, None)
    folder.require_readable(state)
    require_room(folder.root)
    folder.tidy()
    return replace(state, kafka=KAFKA_VERSION, pid=None)


def _with_ports(state: State, wanted: int | None) -> State:
    """The same with two ports that are free now: the one wanted or had before, and one for the controller."""
    if wanted is not None and not 0 < wanted < 65536:
        raise BrokerError(f"a port is between 1 and 65535, and {wanted} was asked for")
    if wanted is not None and not ports.is_free(wanted):
        raise _port_taken(wanted)
    had = state.port if state.port and ports.is_free(state.port) else None
    port = wanted or had or ports.pick(1)[0]
    (controller_port,) = ports.pick(1, avoid=frozenset({port}))
    return replace(state, port=port, controller_port=controller_port)


def _write_settings(folder: Folder, state: State, extra: Mapping[str, str]) -> None:
    text = server_properties(state.port, state.controller_port, extra)
    folder.properties.write_text(text, encoding="ascii")
    folder.log_settings.write_text(LOG4J2, encoding="ascii")
    # Before the data is made: a start that is cut short then finds its own cluster's id again.
    folder.write(state)


def _cluster_at(bootstrap: str, timeout_s: float) -> str | None:
    try:
        return health.cluster_id(bootstrap, timeout_s)
    except BrokerUnreachable:
        return None


def _port_taken(port: int) -> PortTaken:
    who = ports.holder(port)
    return PortTaken(
        f"port {port} is in use by {who or 'another process'}: stop that, or choose another port for Kafka"
    )


def quicken(on_progress: Callable[[str], None] | None = None) -> Path:
    """Make every later start take half the time, by keeping Kafka's classes ready-made in the cache (65 MB).

    Runs a broker once in a temporary folder; about 12 s. Does nothing when it has been done.

    Args:
        on_progress: called with a short sentence for each step.

    Returns:
        The archive. Java leaves it aside when it does not fit, so it can be removed at any time.

    Raises:
        BrokerError: see `Broker.start`.
    """
    tell = on_progress or (lambda _: None)
    prepared = prepare(tell)
    if not prepared.archive.is_file():
        tell("preparing Kafka for quick starts, only this once")
        _make_archive(prepared)
    return prepared.archive


def _make_archive(prepared: Prepared) -> None:
    import tempfile

    part = prepared.archive.with_suffix(f".{os.getpid()}.part")
    try:
        with disk_in_words(prepared.folder), tempfile.TemporaryDirectory(prefix="watchroom-") as scratch:
            flags = [f"-XX:AOTCacheOutput={part}"]
            broker = Broker._start(Folder(Path(scratch)), None, 512, 60, False, lambda _: None, {}, flags)
            # Java writes the archive on its way out.
            broker.stop(timeout_s=60)
            if not part.is_file():
                raise StartFailed(f"Java made no archive for quick starts; {quote(broker._said())}")
            part.replace(prepared.archive)
    finally:
        part.unlink(missing_ok=True)
