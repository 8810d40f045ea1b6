"""What systemd is given to run Watchroom on one machine: a unit, a user, and where the settings stand."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

SETTINGS = PurePosixPath("/etc/watchroom/watchroom.toml")


class Unit(NamedTuple):
    """A file for systemd: where it goes, and what it says."""

    path: str
    text: str


def units(program: str, heap_mb: int = 512) -> tuple[Unit, ...]:
    """The files of an installation.

    Args:
        program: the absolute path of ``watchroom``.
        heap_mb: Java heap of the Kafka that Watchroom brings, MiB; the unit's memory is reckoned with it.
    """
    memory_mb = 2_048 + 3 * heap_mb
    return (
        Unit("sysusers.d/watchroom.conf", _USER),
        Unit(
            "systemd/system/watchroom.service",
            _SERVICE.format(program=program, memory_mb=memory_mb, hardening=_HARDENED),
        ),
        Unit("systemd/system/watchroom-alerts.service", _ALERTS.format(program=program, hardening=_HARDENED)),
        Unit("watchroom/watchroom.toml", _SETTINGS.format(heap_mb=heap_mb)),
    )


_USER = """\
# Nobody logs in as this one.
u watchroom - "Watchroom" /var/lib/watchroom
"""

_HARDENED = """\
# It writes to its own folders, and needs nothing else of the machine.
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectClock=true
ProtectHostname=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictSUIDSGID=true
RestrictRealtime=true
LockPersonality=true
NoNewPrivileges=true
CapabilityBoundingSet=
SystemCallArchitectures=native
UMask=0027
"""

_SERVICE = """\
[Unit]
Description=Watchroom: Kafka, workers and exporter of a real-time operations centre
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User=watchroom
Group=watchroom
# Everything it starts ends with it; on SIGTERM it commits, and stops its Kafka last.
ExecStart={program} --config /etc/watchroom/watchroom.toml up
KillMode=mixed
TimeoutStopSec=90
Restart=on-failure
RestartSec=5
StateDirectory=watchroom
StateDirectoryMode=0750
CacheDirectory=watchroom
Environment=WATCHROOM_CACHE=/var/cache/watchroom
Environment=HOME=/var/lib/watchroom
MemoryMax={memory_mb}M
LimitNOFILE=65536

{hardening}
[Install]
WantedBy=multi-user.target
"""

_ALERTS = """\
[Unit]
Description=Watchroom: breaches to Alertmanager
After=watchroom.service
# The Kafka that it reads is that one's; it starts and stops with it.
BindsTo=watchroom.service

[Service]
Type=exec
User=watchroom
Group=watchroom
ExecStart={program} --config /etc/watchroom/watchroom.toml alerts run
# Until Kafka is up it ends with a word, and is started again.
Restart=always
RestartSec=5
StateDirectory=watchroom
StateDirectoryMode=0750
Environment=HOME=/var/lib/watchroom
MemoryMax=512M

{hardening}
[Install]
WantedBy=watchroom.service
"""

_SETTINGS = """\
# Settings of Watchroom on this machine; docs/settings.md has all of them.
state_dir = "/var/lib/watchroom"
agencies_dir = "/etc/watchroom/agencies"
broker_heap_mb = {heap_mb}
exporter_host = "127.0.0.1"
exporter_port = 9108
# Whom watchroom-alerts.service tells of breaches: Debian's prometheus-alertmanager, where it is installed.
alertmanagers = "http://127.0.0.1:9093"
alerts_port = 9109
"""
