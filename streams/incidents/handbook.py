"""An agency's rules as the core asks them: of each response and incident, some ten times.

``schemas.agency`` reads and checks the file, and says what it means; here are its answers, ready.
"""

from __future__ import annotations

from typing import Final

from schemas.agency import Agency, Rules
from schemas.times import Micros

_MOST: Final = 4096

Limits = dict[str, int]
"""Interval to the whole seconds of the target that binds it; those that none binds are not there."""


class Book:
    """The rules in force at some time (``schemas.agency.Rules``)."""

    __slots__ = (
        "_found", "_rules", "als_types", "areas", "default_service", "first_due_exempt", "incident_clocks",
        "incident_targets", "measure_als", "response_clocks", "response_targets", "staging_is_arrival",
        "too_long_s", "unit_services",
    )  # fmt: skip

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._found: dict[tuple[str, str, str], Limits] = {}
        self.als_types: tuple[str, ...] = rules.als_types
        self.areas: dict[str, str] = rules.areas
        self.default_service: str = rules.default_service
        self.first_due_exempt: dict[str, tuple[str, ...]] = rules.first_due_exempt
        self.incident_clocks: tuple[str, ...] = rules.incident_clocks
        self.incident_targets: tuple[str, ...] = rules.incident_targets
        self.measure_als: bool = rules.measure_als
        self.response_clocks: tuple[str, ...] = rules.response_clocks
        self.response_targets: tuple[str, ...] = rules.response_targets
        self.staging_is_arrival: bool = rules.staging_is_arrival
        self.too_long_s: int = rules.too_long_s
        self.unit_services: dict[str, str] = {**rules.unit_services}

    def limits(self, mode: str, class_: str, priority: str) -> Limits:
        """What binds a response or incident; kept, until priorities without end come by."""
        asked = (mode, class_, priority)
        found = self._found.get(asked)
        if found is None:
            found = {}
            for interval in (*self.response_targets, *self.incident_targets):
                seconds = self._rules.target(interval, mode, class_, priority)
                if seconds is not None:
                    found[interval] = seconds
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[asked] = found
        return found


class Handbook:
    """All rules of an agency."""

    __slots__ = ("_books", "_only", "agency", "mediation")

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.mediation: bool = bool(agency.mediation)
        self._books = {rules.effective_from: Book(rules) for rules in agency.rules}
        self._only = next(iter(self._books.values())) if len(self._books) == 1 else None

    def at(self, instant: Micros) -> Book:
        """The rules in force at an instant; before the first date, the first rules."""
        if self._only is not None:
            return self._only
        return self._books[self.agency.rules_at(instant).effective_from]
