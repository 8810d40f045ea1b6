"""A profile: the TOML file that says how an agency's export becomes events. A new city takes under 30 lines.

Everything that can be wrong with a profile is found when it is loaded, not at some row; what depends on the
file it is used with (a column that is missing) is found at its header.
"""

from __future__ import annotations

import codecs
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.agency import Slug
from schemas.errors import ConfigurationError
from schemas.events import Attributes
from schemas.toml import ZoneName, model_of, table_of
from schemas.vocabulary import (
    DESK_STEPS,
    MEDIATION_UNIT_STEPS,
    MILESTONES,
    MODES,
    OUTCOMES,
    UNIT_MILESTONES,
    Initiator,
    Service,
)
from sources.localtime import parser

SHIPPED = Path(__file__).resolve().parent / "profiles"
"""Where the profiles that come with Watchroom are."""

ATTRIBUTES: tuple[str, ...] = tuple(Attributes.__annotations__)
OF_UNITS_ALONE = frozenset({"unit_type", "als", "service", "first_due_exempt"})
"""Attributes that say nothing of an incident without a unit."""

VOCABULARY: dict[str, tuple[str, ...]] = {
    "response_mode": MODES,
    "service": get_args(Service),
    "als": ("true", "false"),
    "initiated_by": get_args(Initiator),
}
"""Attributes whose values are a closed set."""

VALUE_CHARS_MAX = 256
ID_CHARS_MAX = 64
"""As in ``schemas.events``."""

ROW_ORDER: tuple[str, ...] = (
    "call_arrival",
    "call_answered",
    "call_create",
    "dispatch",
    "enroute_to_scene",
    "staging",
    "on_scene",
    "canceled_enroute",
    "at_patient",
    "enroute_to_hospital",
    "arrived_at_hospital",
    "hospital_cleared",
    "unit_clear",
    "incident_clear",
)
"""The order of a call's life, for "the nearest milestone present before it in the same row"."""

MEDIATION_ORDER: tuple[str, ...] = (
    "screened",
    "offered",
    "declined",
    "unit_unavailable",
    "accepted",
    "phone_resolution",
    "dispatch",
    "enroute_to_scene",
    "staging",
    "on_scene",
    "canceled_enroute",
    "police_requested",
    "unit_clear",
    "referral",
    "withdrawn",
    "follow_up",
)
"""The same of a mediation log."""

OF_MEDIATION = "mediation:"
"""What a mediation step's name begins with where it stands among milestones."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class FileFormat(_Strict):
    """How the file is written. A byte-order mark is handled, and gzip is noticed."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if len(value) != 1 or value in "\r\n\0":
            raise ValueError("must be one character, and no end of line")
        return value

    @field_validator("encoding")
    @classmethod
    def _readable_by_line(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
            plain = '\n,;\t"a'.encode(name) == b'\n,;\t"a'
        except (LookupError, UnicodeError, TypeError) as exc:
            raise ValueError(f"no encoding {value!r}") from exc
        if name == "utf-8-sig":
            return "utf-8"
        if not plain:
            raise ValueError(f"{value} is not read here; convert the file (iconv -f {value} -t utf-8)")
        return name

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.delimiter == self.quote:
            raise ValueError("delimiter and quote must differ")
        return self


class Times(_Strict):
    """How times are written: ``strptime`` formats, or ``iso``, tried in order.

    Attributes:
        formats: of columns that hold date and time.
        dates: of columns that hold a date.
        clocks: of columns that hold a time of day.
        day: the column with the row's day, for times without a date.
    """

    formats: tuple[str, ...] = ("iso",)
    dates: tuple[str, ...] = ("iso",)
    clocks: tuple[str, ...] = ("%H:%M:%S",)
    day: str = ""

    @field_validator("formats", "dates", "clocks")
    @classmethod
    def _formats_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one format")
        for form in value:
            parser(form, ZoneInfo("UTC"))
        return value

    @field_validator("clocks")
    @classmethod
    def _clocks_are_clocks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "iso" in value:
            raise ValueError("a time of day needs a strptime format such as %H:%M:%S")
        return value


class TimeOfDay(_Strict):
    """A milestone written as a time of day: with a column for its date, or on the row's day.

    Attributes:
        time: column of the time of day.
        date: column of its date; empty: the row's day (``times.day``), moved on past midnight.
    """

    time: str
    date: str = ""


class AttributeRule(_Strict):
    """How an attribute is read.

    Attributes:
        column: where it stands; empty: ``default`` holds for every row.
        codes: value in the file to value in the events; what is not listed becomes ``default``.
        default: for what is not in ``codes``, or empty. None says nothing then.
        keep: what is not in ``codes`` is kept as it is.
        of: whether it is said of the row's unit or of the incident; None: of the unit if the row has one.
    """

    column: str = ""
    codes: dict[str, str] = {}
    default: str | None = None
    keep: bool = False
    of: Literal["unit", "incident"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.column and self.default is None:
            raise ValueError("needs a column, or a default for every row")
        if self.codes and not self.column:
            raise ValueError("codes need a column")
        if self.keep and self.default is not None:
            raise ValueError("keep and default exclude each other")
        return self


class MediationLog(_Strict):
    """What a mediation desk's or unit's log says, beside or instead of CAD's milestones.

    Attributes:
        steps: the desk's steps and the unit's milestones to columns with their times.
        outcome: how the encounter ended, in the words of ``schemas.vocabulary.Outcome``.
        police_on_scene: what the unit wrote of police: ``true`` or ``false``.
    """

    steps: dict[str, str] = {}
    outcome: AttributeRule | None = None
    police_on_scene: AttributeRule | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.steps:
            if name not in MEDIATION_ORDER:
                raise ValueError(f"no mediation step {name!r}; there are {', '.join(MEDIATION_ORDER)}")
        for name, rule, allowed in (
            ("outcome", self.outcome, OUTCOMES),
            ("police_on_scene", self.police_on_scene, ("true", "false")),
        ):
            said = [] if rule is None else [*rule.codes.values(), *([rule.default] if rule.default else [])]
            for value in said:
                if value not in allowed:
                    raise ValueError(f"{name} cannot be {value!r}; it is one of {', '.join(allowed)}")
        return self


assert set(MEDIATION_ORDER) == {*DESK_STEPS, *MEDIATION_UNIT_STEPS}


class Profile(_Strict):
    """One profile.

    Attributes:
        agency: id of the agency, and
        source: id of its source that the events and clocks are said to come from.
        incident: the column that tells incidents apart.
        unit: the column that tells units apart; empty: the rows are of incidents alone.
        sample: a file in this format that ships beside the profile, relative to it.
        milestones: name to column, or to a time of day (``TimeOfDay``).
        attributes: name to column, or to a rule.
        mediation: how a mediation log is read.
        disposition: column with how the incident was disposed of.
        recorded_at: column with when CAD wrote the row. Without it, a milestone's is its own time and an
            attribute's the earliest milestone of its row.
    """

    name: str
    path: Path
    agency: Slug
    source: Slug
    about: str = ""
    time_zone: ZoneName
    incident: str = Field(min_length=1)
    unit: str = ""
    sample: str = ""
    file: FileFormat = FileFormat()
    times: Times = Times()
    milestones: dict[str, str | TimeOfDay] = {}
    mediation: MediationLog = MediationLog()
    attributes: dict[str, AttributeRule] = {}
    disposition: str = ""
    recorded_at: str = ""

    @field_validator("attributes", mode="before")
    @classmethod
    def _columns_are_rules(cls, value: Any) -> Any:
        """``priority = "Final Priority"`` is short for ``{ column = "Final Priority" }``."""
        if not isinstance(value, dict):
            return value
        return {k: {"column": v} if isinstance(v, str) else v for k, v in value.items()}

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not self.milestones and not self.mediation.steps:
            raise ValueError("names no milestone, and no step under [mediation]: there would be no times")
        for name in self.mediation.steps:
            if name in UNIT_MILESTONES and not self.unit:
                raise ValueError(f"{name} is a unit's, and the profile names no column for the unit")
        for name, spec in self.milestones.items():
            if name not in MILESTONES:
                raise ValueError(f"no milestone {name!r}; there are {', '.join(ROW_ORDER)}")
            if name in UNIT_MILESTONES and not self.unit:
                raise ValueError(
                    f"{name} is a unit's milestone, and the profile names no column for the unit"
                )
            if isinstance(spec, TimeOfDay) and not spec.date and not self.times.day:
                raise ValueError(f"{name} has no date: name its date column, or times.day for the row's day")
        for name, rule in self.attributes.items():
            if name not in ATTRIBUTES:
                raise ValueError(f"no attribute {name!r}; there are {', '.join(ATTRIBUTES)}")
            if (rule.of == "unit" or name in OF_UNITS_ALONE) and not self.unit:
                raise ValueError(f"{name} is said of units, and the profile names no column for the unit")
            if rule.of == "incident" and name in OF_UNITS_ALONE:
                raise ValueError(f"{name} is said of units, never of an incident")
            _check_values(name, rule)
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of its local times."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def sample_path(self) -> Path | None:
        """The sample that ships with it, or None."""
        return (self.path.parent / self.sample).resolve() if self.sample else None

    def uses(self) -> dict[str, list[str]]:
        """Column to what is read from it, in words."""
        found: dict[str, list[str]] = {self.incident: ["incident id"]}

        def add(column: str, what: str) -> None:
            if column:
                found.setdefault(column, []).append(what)

        add(self.unit, "unit id")
        for name, spec in sorted(self.milestones.items(), key=lambda item: ROW_ORDER.index(item[0])):
            if isinstance(spec, str):
                add(spec, name)
            else:
                add(spec.time, f"{name} (time of day)")
                add(spec.date, f"{name} (date)")
        if any(isinstance(spec, TimeOfDay) and not spec.date for spec in self.milestones.values()):
            add(self.times.day, "the row's day")
        for name, rule in self.attributes.items():
            add(rule.column, name + (" (of the incident)" if rule.of == "incident" or not self.unit else ""))
        for name in MEDIATION_ORDER:
            add(self.mediation.steps.get(name, ""), f"{OF_MEDIATION}{name}")
        for name, said in (("outcome", self.mediation.outcome), ("police", self.mediation.police_on_scene)):
            add(said.column if said is not None else "", f"{OF_MEDIATION}{name}")
        add(self.disposition, "disposition")
        add(self.recorded_at, "recorded_at")
        return found


def _check_values(name: str, rule: AttributeRule) -> None:
    values = [*rule.codes.values(), *([] if rule.default is None else [rule.default])]
    allowed = VOCABULARY.get(name)
    for value in values:
        if allowed and value not in allowed:
            raise ValueError(f"{name} cannot be {value!r}; it is one of {', '.join(allowed)}")
        if not 1 <= len(value) <= VALUE_CHARS_MAX:
            raise ValueError(f"{name}: a value has 1 to {VALUE_CHARS_MAX} characters")


def load_profile(path: Path) -> Profile:
    """Read one profile.

    Raises:
        ConfigurationError: names file, place in it, and what is wrong.
    """
    data = table_of(path)
    for taken in ("name", "path"):
        if taken in data:
            raise ConfigurationError(f"{path}: {taken}: Extra inputs are not permitted")
    return model_of(Profile, {**data, "name": path.stem, "path": path}, path, "the profile")


def find_profile(name: str) -> Profile:
    """The profile of this name among those that ship, or at this path.

    Raises:
        ConfigurationError: there is none, or it is wrong.
    """
    shipped = SHIPPED / f"{name}.toml"
    path = Path(name)
    if "/" not in name and path.suffix != ".toml" and shipped.is_file():
        return load_profile(shipped)
    if path.is_file():
        return load_profile(path)
    known = ", ".join(p.stem for p in sorted(SHIPPED.glob("*.toml")))
    raise ConfigurationError(f"no profile {name!r}: give the path of a TOML file, or one that ships: {known}")


def shipped_profiles() -> list[Profile]:
    """The profiles that come with Watchroom, by name."""
    return [load_profile(path) for path in sorted(SHIPPED.glob("*.toml"))]
