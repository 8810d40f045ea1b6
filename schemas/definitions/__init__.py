"""The definitions of every figure as data: edition, source, effective date (``edition_1.toml``).

The code of ``streams.incidents.intervals`` measures; a test holds its reasons against this table.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Interval(_Data):
    """One interval of DEFINITIONS.md, 3.

    Attributes:
        scope: measured per unit ``response`` or per ``incident``.
        starts, ends: the milestones, in words where they are more than one.
        excluded: the reasons in the order they are tried.
        title: what people call it.
    """

    id: str
    title: str
    scope: Literal["response", "incident"]
    starts: str
    ends: str
    excluded: tuple[str, ...]
    about: str
    source: str
    target: str = ""


class Formula(_Data):
    """One rate of DEFINITIONS.md, 6.

    Attributes:
        numerator, denominator: in words; every set is taken within public-initiated incidents.
        better, worse: what would make it look better, or worse, than it is.
    """

    id: str
    title: str
    numerator: str
    denominator: str
    source: str
    better: str
    worse: str


class Edition(_Data):
    """One edition of the definitions."""

    edition: int
    effective_from: str
    source: str
    interval: tuple[Interval, ...]
    reasons: dict[str, str]
    """Every exclusion in words."""
    formula: tuple[Formula, ...] = ()
    """The rates of diversion (``edition_1_diversion.toml``)."""

    @cached_property
    def formulas(self) -> dict[str, Formula]:
        """Formulas by id, in the order of the definitions."""
        return {f.id: f for f in self.formula}

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Intervals by id, in the order of the definitions."""
        return {i.id: i for i in self.interval}

    @cached_property
    def response_intervals(self) -> tuple[str, ...]:
        """Ids measured per unit response."""
        return tuple(i.id for i in self.interval if i.scope == "response")

    @cached_property
    def incident_intervals(self) -> tuple[str, ...]:
        """Ids measured per incident."""
        return tuple(i.id for i in self.interval if i.scope == "incident")


def _load(number: int) -> Edition:
    parts = (f"edition_{number}.toml", f"edition_{number}_diversion.toml")
    data = [tomllib.loads((files(__name__) / part).read_text(encoding="utf-8")) for part in parts]
    return Edition.model_validate(data[0] | data[1])


EDITION: Edition = _load(1)
"""The edition in force."""
