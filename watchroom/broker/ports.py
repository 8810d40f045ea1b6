"""Free ports on the loopback, and who holds one that is not free."""

from __future__ import annotations

import contextlib
import random
import socket
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up): a port in it could be handed to any outgoing connection of the
# machine between two runs, and a broker's port should stay the same from run to run.
LOWEST, HIGHEST = 20_000, 31_999
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now (nothing keeps it free afterwards)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return _bind(probe, port)


def pick(count: int, avoid: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Different free loopback ports, chosen at random.

    Args:
        count: how many.
        avoid: ports not to choose.

    Raises:
        OSError: no free port was found in a few hundred tries.
    """
    with ExitStack() as held:
        found: list[int] = []
        for _ in range(_TRIES):
            if len(found) == count:
                return tuple(found)
            port = random.randint(LOWEST, HIGHEST)
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            if port not in avoid and port not in found and _bind(probe, port):
                found.append(port)
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


def holder(port: int) -> str | None:
    """Who listens on a TCP port: 'process 123 (java)', or None when that cannot be found out.

    Only Linux tells, and only about processes the reader may look into.
    """
    try:
        inodes = _listening_inodes(port)
        for process in Path("/proc").glob("[0-9]*"):
            if _has_open(process, inodes):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    except OSError:
        pass
    return None


def _has_open(process: Path, inodes: set[str]) -> bool:
    try:
        for link in (process / "fd").iterdir():
            # Closed meanwhile: among our own is the one that lists them.
            with contextlib.suppress(FileNotFoundError):
                if str(link.readlink()) in inodes:
                    return True
    except OSError:
        pass  # ended meanwhile, or belongs to somebody else
    return False


def _bind(probe: socket.socket, port: int) -> bool:
    # As Java's server sockets do: a port whose last connections are still in TIME_WAIT counts as free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((LOOPBACK, port))
        probe.listen(1)
    except OSError:
        return False
    return True


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == listening and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
