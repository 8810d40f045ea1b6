"""What the kernel says of a process. Linux tells by /proc; elsewhere the answer is that nobody knows."""

from __future__ import annotations

import os
from pathlib import Path


def memory_mb(pid: int) -> int | None:
    """Resident memory in MB; None where there is no such process, or nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def runs(pid: int) -> bool:
    """Whether a process of that number runs; one that has ended and was not buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] != "Z"
    except OSError:
        pass
    if Path("/proc/self").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def machine_memory_mb() -> int | None:
    """Memory that can be had without swapping, in MB; None where nobody tells."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1000
    except (OSError, ValueError, IndexError):
        pass
    return None
