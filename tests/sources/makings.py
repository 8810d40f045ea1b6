"""What the tests of sources are made of: small files and profiles, a sink that remembers, time that obeys."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.agency import Agency
from schemas.times import SECOND, Micros, parse
from sources.draft import Draft
from sources.mapping import Mapped, Mapper
from sources.problems import Problem
from sources.profile import FileFormat, Profile
from sources.reading import Export, OpenFile, Row, positions

DATA = Path(__file__).parent / "data"
LOS_ANGELES = "America/Los_Angeles"

BASIC: dict[str, Any] = {
    "agency": "test",
    "source": "export",
    "time_zone": LOS_ANGELES,
    "incident": "call",
    "unit": "unit",
    "times": {"formats": ["%Y-%m-%d %H:%M:%S"]},
    "milestones": {"call_arrival": "received", "dispatch": "dispatched", "on_scene": "arrived"},
}
NOON = parse("2026-11-22T12:00:00Z")
HEADER = "call,unit,received,dispatched,arrived"


def a_profile(**changes: Any) -> Profile:
    """A small profile, changed."""
    return Profile.model_validate({"name": "basic", "path": Path("basic.toml"), **BASIC, **changes})


def an_export(content: bytes | str, form: FileFormat | None = None) -> Export:
    """A file of these bytes, opened."""
    raw = content if isinstance(content, bytes) else content.encode()
    return Export(
        OpenFile("calls.csv", io.BufferedReader(io.BytesIO(raw)), lambda: 1.0), form or FileFormat()
    )


def read(content: bytes | str, form: FileFormat | None = None) -> tuple[list[Row], list[Problem]]:
    """Its rows, and what is wrong with the others."""
    items = list(an_export(content, form).rows())
    return [i for i in items if isinstance(i, Row)], [i for i in items if isinstance(i, Problem)]


def mapped(content: bytes | str, profile: Profile) -> list[Mapped]:
    """What each readable row became."""
    export = an_export(content, profile.file)
    mapper = Mapper(profile, positions(export, profile))
    return [mapper(row) for row in export.rows() if isinstance(row, Row)]


def one(cells: str, profile: Profile | None = None, header: str = HEADER) -> Mapped:
    """What one row became."""
    (result,) = mapped(f"{header}\n{cells}\n", profile or a_profile())
    return result


def agency(agency_id: str = "test", source: str = "export", zone: str = LOS_ANGELES) -> Agency:
    """An agency's file with one source."""
    return Agency.model_validate(
        {
            "id": agency_id,
            "name": "Test",
            "time_zone": zone,
            "sources": [{"id": source}],
            "rules": [{"effective_from": "2000-01-01"}],
        }
    )


def draft(due: Micros | str, line: int = 1, incident: str = "1") -> Draft:
    """A milestone at a time."""
    at = parse(due) if isinstance(due, str) else due
    return Draft(at, line, at, None, f"{at}-{line}", incident, "E1", "milestone", "dispatch")


@dataclass
class ListSink:
    """Remembers, in order: ("event", key, bytes), ("clock", agency, source, time) and ("flush",)."""

    sent: list[tuple[Any, ...]] = field(default_factory=list)
    world: FakeTime | None = None
    times: list[tuple[str, float]] = field(default_factory=list)

    def watch(self, world: FakeTime) -> list[tuple[str, float]]:
        """From now on note when each event and clock is sent; the list fills as they are."""
        self.world = world
        return self.times

    def _note(self, what: str) -> None:
        if self.world is not None:
            self.times.append((what, self.world.passed))

    def send(self, key: str, value: bytes) -> None:
        self._note("event")
        self.sent.append(("event", key, value))

    def send_block(self, keys: Sequence[str], of: Sequence[int], values: Sequence[bytes]) -> None:
        for at, value in zip(of, values, strict=True):
            self.send(keys[at], value)

    def send_unkeyed(self, value: bytes) -> None:
        self.sent.append(("event", None, value))

    def clock(self, agency_id: str, source_id: str, time: Micros) -> None:
        self._note("clock")
        self.sent.append(("clock", agency_id, source_id, time))

    def flush(self) -> None:
        self.sent.append(("flush",))

    @property
    def events(self) -> list[bytes]:
        return [s[2] for s in self.sent if s[0] == "event"]

    @property
    def clocks(self) -> list[Micros]:
        return [s[3] for s in self.sent if s[0] == "clock"]


@dataclass
class FakeTime:
    """Time that passes only while someone sleeps."""

    start: Micros = NOON
    passed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> Micros:
        return self.start + int(self.passed * SECOND)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds
