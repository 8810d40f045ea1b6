"""Where the tasks of an event loop wait: said by the watchdog, which ends a worker without a traceback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import CodeType
from typing import Any

_DEPTH_MAX = 40


def waiting(loop: asyncio.AbstractEventLoop) -> dict[str, str]:
    """Each unfinished task of a loop to the lines it waits at, outermost first.

    Meant for another thread than the loop's, when the loop moves no more or may as well: what it says of a
    task that runs meanwhile may be a moment old. It raises nothing, for whoever asks is about to end the
    process, and must.

    Args:
        loop: whose tasks.

    Returns:
        The task's name and coroutine to ``module:line function`` joined by `` > ``; empty where tasks change
        too fast to be looked at.
    """
    try:
        return {_called(task): " > ".join(_lines(task)) for task in asyncio.all_tasks(loop)}
    except Exception:
        return {}


def _called(task: asyncio.Task[Any]) -> str:
    coro: Any = task.get_coro()
    return f"{task.get_name()} {getattr(coro, '__qualname__', coro)}"


def _lines(task: asyncio.Task[Any]) -> list[str]:
    """Down the chain of who awaits whom; what it ends at is written as it is."""
    lines: list[str] = []
    inner: Any = task.get_coro()
    while inner is not None and len(lines) < _DEPTH_MAX:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        if frame is None:
            lines.append(type(inner).__name__)
            break
        lines.append(_line(frame.f_code, frame.f_lineno))
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return lines


def _line(code: CodeType, number: int | None) -> str:
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name}:{number} {code.co_name}"
