"""Golden texts: what a command prints, kept in tests/sinks/golden and read by people before they are kept.

To write them anew, look at the difference, and commit it only when it is understood:

    WATCHROOM_GOLDEN=write python -m pytest tests/sinks && git diff tests/sinks/golden
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> str:
    """The golden text of that name; first written anew where WATCHROOM_GOLDEN=write asks for it."""
    path = FOLDER / name
    if os.environ.get("WATCHROOM_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")
