"""Java processes: one that formats and ends, one that serves and is kept on a leash."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from . import leash
from .errors import StartFailed
from .jars import Prepared
from .logs import explained, read_since
from .state import Folder

_FORMAT_TIMEOUT_S = 60

_Start = Callable[[], subprocess.Popen[bytes]]
_Started = Future[subprocess.Popen[bytes]]


def java_command(prepared: Prepared, folder: Folder, heap_mb: int, flags: Sequence[str] = ()) -> list[str]:
    """The Java program and its flags, up to the name of the class to run.

    Args:
        prepared: Java and the jars.
        folder: of the broker; the command's paths are relative to it.
        heap_mb: the most the heap may take; all of Java takes some 200 MB more.
        flags: more of them.
    """
    quick = [f"-XX:AOTCache={prepared.archive}"] if prepared.archive.is_file() else []
    return [
        str(prepared.java),
        f"-Xmx{heap_mb}m",
        # Starts faster and stays smaller than the serial collector (3.4 against 3.9 s, 320 against 370 MB).
        "-XX:+UseG1GC",
        # A broker out of memory ends, and is seen to have ended, instead of limping on.
        "-XX:+ExitOnOutOfMemoryError",
        # Nothing is left in the machine's temporary folder, which may forbid running what is unpacked there.
        f"-Djava.io.tmpdir={folder.scratch}",
        "-XX:-UsePerfData",
        # Kafka 4.3 unmaps files through it; Java 24 and later warn of that at each start.
        "--sun-misc-unsafe-memory-access=allow",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        # An archive made elsewhere, or for other jars, is left aside; that is no news for the log.
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-Xlog:aot*=off",
        f"-Dlog4j2.configurationFile={folder.log_settings.name}",
        *quick,
        *flags,
        "-cp",
        prepared.class_path,
    ]


def environment() -> dict[str, str]:
    """What Java sees: our environment, in an encoding that can name every file."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def format_data(prepared: Prepared, folder: Folder, cluster_id: str) -> None:
    """Let Kafka make its data folder; about 1.5 s.

    Raises:
        BrokerError: it could not; DiskFull when that was the cause.
    """
    offset = folder.log_size()
    command = java_command(prepared, folder, heap_mb=128)
    command += ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", folder.properties.name]
    with folder.log.open("ab") as log:
        try:
            done = subprocess.run(
                command,
                cwd=folder.root,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_FORMAT_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"formatting {folder.data} took more than {_FORMAT_TIMEOUT_S} s") from error
        except OSError as error:
            raise StartFailed(f"Java ({prepared.java}) could not be run: {error.strerror}") from error
    if done.returncode != 0:
        raise explained(f"formatting {folder.data} failed", folder.root, read_since(folder.log, offset))


def spawn(command: list[str], folder: Folder, lock: int, detach: bool) -> subprocess.Popen[bytes]:
    """Start the broker in a session of its own, so that Ctrl-C in our terminal is ours alone.

    Args:
        command: the whole of it.
        folder: where it runs and logs.
        lock: the folder's lock, which it inherits.
        detach: whether it outlives us; otherwise it is told to stop when this process ends, even by SIGKILL.
    """

    def start() -> subprocess.Popen[bytes]:
        with folder.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=folder.root,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )

    if detach:
        return start()
    command = [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid()), *command]
    return _keeper.run(start)


class _Keeper:
    """A thread that starts processes and never ends.

    Linux sends the parent-death signal when the *thread* that started a process ends. A broker started from a
    short-lived thread would be stopped with it; started from here, it is stopped when this process ends.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._pid = 0
        self._wishes: queue.SimpleQueue[tuple[_Start, _Started]] = queue.SimpleQueue()

    def run(self, start: _Start) -> subprocess.Popen[bytes]:
        started: _Started = Future()
        with self._guard:
            # A forked copy of this process has the queue but not the thread.
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._wishes = queue.SimpleQueue()
                threading.Thread(target=self._serve, name="broker-keeper", daemon=True).start()
            self._wishes.put((start, started))
        return started.result()

    def _serve(self) -> None:
        wishes = self._wishes
        while True:
            start, started = wishes.get()
            try:
                started.set_result(start())
            except BaseException as error:
                started.set_exception(error)


_keeper = _Keeper()
