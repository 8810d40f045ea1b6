"""A real Alertmanager with the configuration we ship, and a receiver of notifications of the test's own."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from sinks.alertmanager.receiver import Notification, Receiver
from watchroom import monitoring
from watchroom.broker import ports
from watchroom.monitoring import ALERTMANAGER, PROMETHEUS, Ports

QUICK = {
    "group_wait: 5s": "group_wait: 1s",
    "group_wait: 2s": "group_wait: 1s",
    "group_wait: 10s": "group_wait: 1s",
    "group_interval: 10s": "group_interval: 3s",
    "group_interval: 30s": "group_interval: 3s",
    "group_interval: 1m": "group_interval: 3s",
}
"""Shorter waits, so that a test need not sleep; everything else is as shipped."""


@dataclass
class Manager:
    """An Alertmanager that can be killed and started again, and what its receiver was told.

    Attributes:
        told: notifications, in order.
        deaf: the receiver answers as always; kept for who reads.
    """

    folder: Path
    used: Ports
    told: list[Notification] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.used.alertmanager}"

    def start(self, name: str = ALERTMANAGER) -> None:
        """Start Alertmanager or Prometheus, and wait until it is ready."""
        port, arguments = (
            (self.used.alertmanager, monitoring.alertmanager_arguments)
            if name == ALERTMANAGER
            else (self.used.prometheus, monitoring.prometheus_arguments)
        )
        # A kill in a test comes sooner than ten seconds.
        said = [a.replace("interval=10s", "interval=1s") for a in arguments(self.folder, port)]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [monitoring.binary(name), *said], cwd=self.folder, stdout=log, stderr=log
            )
        self.wait(lambda: _ready(f"http://127.0.0.1:{port}"), f"{name} is ready", 60)

    def kill(self, name: str = ALERTMANAGER) -> None:
        """SIGKILL, to a process of ours."""
        self.processes[name].kill()
        self.processes[name].wait(30)

    def of(self, severity: str, status: str | None = None) -> list[Notification]:
        """The notifications of breaches of a severity, by what the title says."""
        return [
            n
            for n in self.told
            if (re.match(rf"{severity.upper()}: ", n.title) and status != "ended")
            or (re.match(rf"ended: \d+ {severity}", n.title) and status != "firing")
        ]

    def wait(self, true: Callable[[], Any], what: str, timeout_s: float = 60) -> None:
        """Wait for something to be so."""
        until = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < until, f"not so: {what}; told {[(n.title, n.text) for n in self.told]}"
            time.sleep(0.05)

    def close(self) -> None:
        """End what runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(30)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def manager(folder: Path, exporter: int = 1) -> Iterator[Manager]:
    """An Alertmanager that runs, and its receiver."""
    one, two, three = ports.pick(3)
    told: list[Notification] = []
    with Receiver("127.0.0.1", 0, told.append) as receiver:
        notifications = int(receiver.url.rpartition(":")[2])
        used = Ports(one, two, three, notifications, exporter)
        monitoring.configure(folder, used, QUICK)
        made = Manager(folder, used, told)
        try:
            made.start()
            yield made
        finally:
            made.close()


__all__ = ["ALERTMANAGER", "PROMETHEUS", "Manager", "manager"]
