"""An agency's file, ``agencies/ID.toml``: sources, zone, shifts, targets, classes, areas, by effective date.

The agency is the dispatch centre's numbering, shared by all its services. What may change over the years
stands in ``[[rules]]``, each with the local date it takes effect; a response is judged by the rules in force
at call time.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from schemas.definitions import EDITION
from schemas.errors import ConfigurationError
from schemas.mediation import Criteria
from schemas.times import Micros, micros
from schemas.toml import ZoneName, model_of, table_of
from schemas.vocabulary import Service

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Source(_Strict):
    """Someone who writes this agency's events and clocks.

    Attributes:
        id: what its clocks carry in ``source_id``.
        clock: ``source`` writes its own clocks (replays, feeds that can); ``watchroom`` has ``watchroom up``
            write them once a second for a feed that cannot.
    """

    id: Slug
    about: str = ""
    clock: Literal["source", "watchroom"] = "source"


class Target(_Strict):
    """A target: seconds for an interval, by class, for responses of one mode.

    Attributes:
        classes: classes it binds; ``["*"]`` for every class.
        priorities: priorities it binds; ``["*"]`` for every priority.
        clock: whether its clock runs: breaches of it are opened, kept and told. Off where a milestone that
            would stop the clock is not in the agency's data.
        source: where the figure comes from, for people.
    """

    interval: str
    seconds: int = Field(ge=1, le=86_400)
    classes: tuple[str, ...] = ("*",)
    priorities: tuple[str, ...] = ("*",)
    mode: Literal["EMERGENT", "NON_EMERGENT"] = "EMERGENT"
    goal_percent: int = Field(default=90, ge=1, le=100)
    clock: bool = True
    source: str = ""

    @field_validator("interval")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in EDITION.intervals:
            raise ValueError(f"no interval {value!r} in edition {EDITION.edition}")
        return value


class Shifts(_Strict):
    """When shifts begin, local time, and optionally who takes turns.

    Attributes:
        starts: local times of day at which a shift begins.
        rotation: names that take turns, one a shift, from ``rotation_from`` on.
    """

    starts: tuple[time, ...] = (time(8, 0),)
    rotation: tuple[str, ...] = ()
    rotation_from: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Shifts:
        if not self.starts or list(self.starts) != sorted(set(self.starts)):
            raise ValueError("starts must be in order, at least one, none twice")
        if self.rotation and self.rotation_from is None:
            raise ValueError("rotation needs rotation_from")
        return self


class Rules(_Strict):
    """What holds from ``effective_from`` (local date) until the next rules."""

    effective_from: date
    targets: tuple[Target, ...] = ()
    shifts: Shifts = Shifts()
    areas: dict[str, str] = {}
    """Station area to battalion."""
    unit_services: dict[str, Service] = {}
    """Unit type to service, where events do not say it."""
    default_service: Service = "FIRE"
    first_due_exempt: dict[str, tuple[str, ...]] = {}
    """Class (or ``*``) to the unit types that do not count for first due, where events do not say it."""
    als_types: tuple[str, ...] = ()
    """Unit types that carry advanced life support, where events do not say it; empty with no ``als`` said:
    no figure.
    """
    staging_is_arrival: bool = False
    too_long_s: int = Field(default=86_400, ge=60, le=2_592_000)
    measure_als: bool = False
    """Whether ``travel_als`` is measured; needs ``als`` in the events or ``als_types`` here."""

    def target(self, interval: str, mode: str, class_: str, priority: str) -> int | None:
        """Seconds of the target that binds, None where there is none; the first that fits counts."""
        for target in self.targets:
            if (
                (target.interval, target.mode) == (interval, mode)
                and ("*" in target.classes or class_ in target.classes)
                and ("*" in target.priorities or priority in target.priorities)
            ):
                return target.seconds
        return None

    @cached_property
    def response_targets(self) -> tuple[str, ...]:
        """The intervals of a response that have a target at all."""
        return tuple(i for i in EDITION.response_intervals if any(t.interval == i for t in self.targets))

    @cached_property
    def incident_targets(self) -> tuple[str, ...]:
        """The intervals of an incident that have a target at all."""
        return tuple(i for i in EDITION.incident_intervals if any(t.interval == i for t in self.targets))

    @cached_property
    def response_clocks(self) -> tuple[str, ...]:
        """The intervals of a response whose clocks run."""
        clocked = {t.interval for t in self.targets if t.clock}
        return tuple(i for i in self.response_targets if i in clocked)

    @cached_property
    def incident_clocks(self) -> tuple[str, ...]:
        """The intervals of an incident whose clocks run."""
        clocked = {t.interval for t in self.targets if t.clock}
        return tuple(i for i in self.incident_targets if i in clocked)


class Agency(_Strict):
    """One agency's file."""

    id: Slug
    name: str
    time_zone: ZoneName
    simulated: bool = False
    sources: tuple[Source, ...] = Field(min_length=1)
    rules: tuple[Rules, ...] = Field(min_length=1)
    mediation: tuple[Criteria, ...] = ()
    """The criteria of its mediation unit by effective date; empty: it has none, and has no encounters."""

    @model_validator(mode="after")
    def _in_order(self) -> Agency:
        dates = [r.effective_from for r in self.rules]
        if dates != sorted(set(dates)):
            raise ValueError("rules must be in order of effective_from, none twice")
        dates = [c.effective_from for c in self.mediation]
        if dates != sorted(set(dates)):
            raise ValueError("mediation must be in order of effective_from, none twice")
        ids = [s.id for s in self.sources]
        if len(ids) != len(set(ids)):
            raise ValueError("two sources share an id")
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The agency's time zone."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def source_ids(self) -> frozenset[str]:
        """The ids of its sources."""
        return frozenset(s.id for s in self.sources)

    @cached_property
    def _starts(self) -> list[Micros]:
        return [micros(datetime.combine(r.effective_from, time(), self.zone)) for r in self.rules]

    def rules_at(self, instant: Micros) -> Rules:
        """The rules in force at an instant; before the first date, the first rules."""
        if len(self.rules) == 1:
            return self.rules[0]
        return self.rules[max(0, bisect_right(self._starts, instant) - 1)]

    @cached_property
    def _criteria_starts(self) -> list[Micros]:
        return [micros(datetime.combine(c.effective_from, time(), self.zone)) for c in self.mediation]

    def criteria_at(self, instant: Micros) -> Criteria | None:
        """The mediation criteria in force at an instant; None before the first."""
        place = bisect_right(self._criteria_starts, instant)
        return self.mediation[place - 1] if place else None


def load_agency(path: Path) -> Agency:
    """Read one agency's file.

    Raises:
        ConfigurationError: names file, place in it, and what is wrong.
    """
    agency = model_of(Agency, table_of(path), path, "the file")
    if agency.id != path.stem:
        raise ConfigurationError(
            f"{path}: its id is {agency.id!r}, so the file must be named {agency.id}.toml"
        )
    return agency


def load_agencies(folder: Path) -> dict[str, Agency]:
    """All agencies of a folder by id.

    Raises:
        ConfigurationError: no folder, no file in it, or one of them is wrong.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder of agencies' files; set agencies_dir")
    agencies = {a.id: a for a in map(load_agency, sorted(folder.glob("*.toml")))}
    if not agencies:
        raise ConfigurationError(f"{folder}: no agency's file (ID.toml) in it")
    return agencies
