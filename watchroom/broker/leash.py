"""Become another program that is told to stop when the process that started it dies.

Run as a script, `python leash.py PARENT_PID PROGRAM ARGUMENT...`, and never imported for its effect. The
kernel's parent-death signal (Linux) outlives `exec`, so it is set here, in a process of one thread, and not
in a `preexec_fn`: that runs Python between fork and exec, where locks of other threads are held for ever.
Elsewhere than on Linux the program is simply run.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Set the leash and become the program; returns only by raising OSError.

    Args:
        argv: the parent's process id, the program's path, and its arguments.
    """
    parent, program = int(argv[0]), argv[1]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        # The parent may have died before the leash was on: then nobody would ever pull it.
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program, argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
