"""Whether the core of both stages runs compiled (``make fast``) or as plain Python.

Compiled modules are used where they were made of exactly the sources that stand here, by this Python;
otherwise the sources are, as if nothing had been compiled. ``WATCHROOM_COMPILED=0`` asks for the sources,
and the path of a folder for what was compiled there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from functools import cache
from pathlib import Path

MODULES = {
    "incidents": (
        "state", "handbook", "joining", "milestones", "place", "limits", "intervals", "emit",
        "breaches/clocks", "breaches/glance", "breaches/lifecycle", "breaches/settled", "breaches/watch",
        "desk", "door", "store", "health", "outbox", "forwarding", "writing", "due", "partition",
    ),
    "agency": (
        "contributions", "histograms", "columns", "due", "periods", "windows", "tabulate", "running",
        "rewriting", "telling", "units", "breakdowns", "book", "partition",
    ),
}  # fmt: skip
"""What is compiled, by package of ``streams``, in the order of who needs whom."""

SHARED = ("times", "keys")
"""Modules of ``schemas`` that the core calls with each event, and is compiled with: functions and constants,
so that the core's own copies and those that all others have imported are the same."""

MANIFEST = "made_of.json"
FOLDER = "_compiled"
VARIABLE = "WATCHROOM_COMPILED"
STREAMS = Path(__file__).resolve().parent


@cache
def fingerprint() -> dict[str, str]:
    """What compiled modules must have been made of: checksums of theirs and of what they were typed against.

    Returns:
        Of each source its name from the root on to its checksum; and the Python.
    """
    root = STREAMS.parent
    rooms = [STREAMS / package for package in MODULES]
    of_rooms = [source for room in rooms for source in (*room.glob("*.py"), *room.glob("*/*.py"))]
    sources = [*of_rooms, STREAMS / "stage.py", *(root / "schemas").glob("*.py")]
    made_of = {
        str(source.relative_to(root)): hashlib.sha256(source.read_bytes()).hexdigest()
        for source in sorted(sources)
    }
    return {**made_of, "python": f"{sys.implementation.cache_tag} {sys.platform}"}


def compiled() -> Path | None:
    """The folder of compiled modules that may be used; None where the sources must be."""
    asked = os.environ.get(VARIABLE, "")
    folder = Path(asked) if asked else STREAMS / FOLDER
    if asked == "0" or not (folder / MANIFEST).is_file():
        return None
    try:
        fits = json.loads((folder / MANIFEST).read_text()) == fingerprint()
    except (OSError, ValueError):
        return None
    return folder if fits else None


def choose(path: list[str], room: str) -> None:
    """Put compiled modules before the sources on a package's path, where there are fitting ones.

    Args:
        path: the package's ``__path__``.
        room: its folder within ``streams``.
    """
    folder = compiled()
    if folder is None:
        return
    path.insert(0, str(folder / room))
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # the library that holds them all is a module of the top level
        for name in SHARED:
            _initialise(folder, name)


def _initialise(folder: Path, name: str) -> None:
    """Run a compiled module of ``SHARED`` for the core alone, whose calls go to it directly."""
    (library,) = (folder / "schemas").glob(f"{name}.*")
    spec = importlib.util.spec_from_file_location(f"schemas.{name}", library)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
