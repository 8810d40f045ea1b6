"""A real Apache Kafka of our own, on this machine alone, with nothing to install by hand.

`with Broker.start(folder) as kafka:` starts one and stops it again; clients connect to `kafka.bootstrap`.
"""

from __future__ import annotations

from schemas.errors import BrokerUnreachable

from .broker import Broker, attach, quicken
from .errors import (
    BrokerError,
    DamagedFile,
    DiskFull,
    FolderLocked,
    FolderVersion,
    NoNetwork,
    NotInstalled,
    PortTaken,
    StartFailed,
    WillNotStop,
)
from .health import answers
from .jars import CACHE_VARIABLE, Prepared, cache_folder, prepare, repositories
from .pins import KAFKA_VERSION

__all__ = [
    "CACHE_VARIABLE",
    "KAFKA_VERSION",
    "Broker",
    "BrokerError",
    "BrokerUnreachable",
    "DamagedFile",
    "DiskFull",
    "FolderLocked",
    "FolderVersion",
    "NoNetwork",
    "NotInstalled",
    "PortTaken",
    "Prepared",
    "StartFailed",
    "WillNotStop",
    "answers",
    "attach",
    "cache_folder",
    "prepare",
    "quicken",
    "repositories",
]
