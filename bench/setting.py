"""What every benchmark is given: where Kafka is, how much to do, and where its words go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings


@dataclass
class Bench:
    """One benchmark's circumstances.

    Attributes:
        settings: broker and folders; a broker of its own, empty at the start.
        folder: for logs and state; gone afterwards.
        events: about how many; ``rounds``: how often.
        peers_python: the interpreter that has the peers.
        said: every line, for the page.
        plots: files written beside the page.
    """

    settings: Settings
    folder: Path
    events: int
    rounds: int
    peers_python: Path
    said: list[str] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Print, and keep for the page."""
        self.said.append(text)
        print(text, flush=True)
