"""One process that this one starts, watches and stops: `watchroom ...` in a session of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from schemas.settings import Settings
from watchroom.broker import leash

LOG_BYTES_MAX = 20 << 20
_TAIL_BYTES = 64 << 10


class Spec(NamedTuple):
    """What to run.

    Attributes:
        name: for people, and of its log.
        arguments: of ``python -m watchroom``; a test may run something else with ``program``.
        where: what it is to be reached at, or what it works on.
        program: instead of Watchroom.
    """

    name: str
    arguments: tuple[str, ...]
    where: str = ""
    program: tuple[str, ...] = (sys.executable, "-P", "-m", "watchroom")


def environment(settings: Settings) -> dict[str, str]:
    """Our environment, with every setting said in it: a child reads no file and needs no flags."""
    said = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        said[f"WATCHROOM_{name.upper()}"] = str(
            value.expanduser().absolute() if isinstance(value, Path) else value
        )
    return {**os.environ, **said, "PYTHONUNBUFFERED": "1"}


class Child:
    """One child, started at once.

    It is told to stop when this process ends, even by SIGKILL; the kernel ties that to the thread that starts
    it, so children are started from the main thread alone.

    Attributes:
        spec: what it runs.
        pid: its process.
        since: when it was started, seconds since the epoch.
    """

    def __init__(self, spec: Spec, env: Mapping[str, str], folder: Path) -> None:
        self.spec = spec
        self.log = folder / f"{spec.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.log)
        self.since = time.time()
        self._begun = time.monotonic()
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *spec.program, *spec.arguments],
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in our terminal is ours alone: who stops what, and in which order, is decided here.
                start_new_session=True,
            )
        self.pid = self._process.pid

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def lived_s(self) -> float:
        """For how long it has lived."""
        return time.monotonic() - self._begun

    def ask_to_stop(self) -> None:
        """SIGTERM; does nothing when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def stop_within(self, seconds: float) -> bool:
        """Wait for its end, and kill it after that time; whether it ended by itself."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def last_words(self) -> str:
        """The sentence it ended with, as far as its log of this life tells."""
        return last_words(self.log, self._offset)


def rotate(log: Path) -> None:
    """Keep a log bounded: its content moves to ``.1``, and it goes on from nothing.

    Copied and cut, not renamed: who has it open for appending goes on writing to the same file.
    """
    try:
        if log.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
    except OSError:
        return  # no log is worth a worker


def last_words(log: Path, offset: int = 0) -> str:
    """The last sentence in a log that says why: a worker's fatal line, an error of ours, else the last."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # Cut meanwhile: then all of it is of this life.
            file.seek(max(offset if offset <= size else 0, size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    last = ""
    for line in reversed(lines):
        said = _sentence(line)
        if said is not None:
            return said
        # A worker's lines of JSON say what happened; none but the last, fatal one says why.
        if not line.startswith("{"):
            last = last or line.strip()
    return last[:300]


def _sentence(line: str) -> str | None:
    if line.startswith("watchroom: "):
        return line.removeprefix("watchroom: ").strip()
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return (
        str(said.get("text") or said.get("error") or said["what"])
        if said.get("level") == "CRITICAL"
        else None
    )
