"""Prometheus and Alertmanager from Debian, beside the rest, with the rules and routes of ``deploy/``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigurationError
from schemas.settings import ROOT
from watchroom.broker import ports
from watchroom.children import Spec

PROMETHEUS, ALERTMANAGER = "prometheus", "alertmanager"
ALERTS, NOTIFICATIONS = "alerts", "notifications"
PORT_TAKEN = (
    "--monitoring needs {at} ({who}): stop that (Debian starts its own Prometheus and Alertmanager: "
    "`systemctl disable --now prometheus prometheus-alertmanager`), or start without --monitoring"
)
_DEPLOY = ROOT / "deploy"
_BINARIES = {PROMETHEUS: ("prometheus",), ALERTMANAGER: ("prometheus-alertmanager", "alertmanager")}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, all on the loopback."""

    prometheus: int
    alertmanager: int
    alerts: int
    notifications: int
    exporter: int


def binary(name: str) -> str:
    """Where Prometheus or Alertmanager is.

    Raises:
        ConfigurationError: nowhere; says how to install it.
    """
    for command in _BINARIES[name]:
        found = shutil.which(command)
        if found is not None:
            return found
    raise ConfigurationError(
        f"{name} is not installed: as root, `apt-get install --no-install-recommends prometheus "
        "prometheus-alertmanager` (Debian starts both as it installs them; `systemctl disable --now "
        "prometheus prometheus-alertmanager` stops that), or start without --monitoring"
    )


def chosen(exporter: int, *, free: bool) -> Ports:
    """Ports: the usual ones where they are free, or any."""
    if free:
        first, second, third, fourth = ports.pick(4)
        return Ports(first, second, third, fourth, exporter)
    return Ports(9090, 9093, 9109, 9199, exporter)


def specs(folder: Path, used: Ports) -> list[Spec]:
    """Write the configurations into a folder, and say what to run.

    Raises:
        ConfigurationError: Prometheus or Alertmanager is not installed.
    """
    prometheus, alertmanager = binary(PROMETHEUS), binary(ALERTMANAGER)
    configure(folder, used)
    manager = f"http://127.0.0.1:{used.alertmanager}"
    return [
        Spec(
            NOTIFICATIONS,
            ("alerts", "listen", "--port", str(used.notifications)),
            f"http://127.0.0.1:{used.notifications}",
        ),
        Spec(
            ALERTMANAGER,
            alertmanager_arguments(folder, used.alertmanager),
            manager,
            program=(alertmanager,),
        ),
        Spec(PROMETHEUS, prometheus_arguments(folder, used.prometheus), f"http://127.0.0.1:{used.prometheus}",
             program=(prometheus,)),
        Spec(ALERTS, ("alerts", "run", "--alertmanager", manager), f"breaches to {manager}"),
    ]  # fmt: skip


def alertmanager_arguments(folder: Path, port: int) -> tuple[str, ...]:
    """How Alertmanager is started: alone, writing down every 10 s whom it told: a kill repeats little."""
    return (
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--data.maintenance-interval=10s",
        "--log.level=warn",
    )


def prometheus_arguments(folder: Path, port: int) -> tuple[str, ...]:
    """How Prometheus is started: five weeks kept, for what an hour of the week usually brings."""
    return (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=35d",
        "--log.level=warn",
    )


def configure(folder: Path, used: Ports, replaced: Mapping[str, str] | None = None) -> None:
    """Copy the shipped configurations with these ports in place of the usual ones.

    Args:
        folder: to write into.
        used: ports.
        replaced: more to replace in Alertmanager's, as a test's shorter waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = {
        "127.0.0.1:9093": f"127.0.0.1:{used.alertmanager}",
        "127.0.0.1:9108": f"127.0.0.1:{used.exporter}",
        "127.0.0.1:9109": f"127.0.0.1:{used.alerts}",
        "127.0.0.1:9199": f"127.0.0.1:{used.notifications}",
    }
    for path in (*(_DEPLOY / "prometheus").glob("*.yml"), *(_DEPLOY / "alertmanager").iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.name in ("prometheus.yml", "alertmanager.yml"):
            for old, new in {**changed, **(replaced or {})}.items():
                text = text.replace(old, new)
        (folder / path.name).write_text(text, encoding="utf-8")
