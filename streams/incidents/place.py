"""What a response or an incident is broken down by.

And which units count for first due (DEFINITIONS.md, 3).
"""

from __future__ import annotations

from schemas.agency import Rules
from schemas.records import Place
from schemas.times import Micros
from schemas.vocabulary import FIRE_AND_EMS, UNKNOWN
from streams.incidents.milestones import Response
from streams.incidents.state import INCIDENT, Facts, Stated

_NOTHING: dict[str, Stated] = {}
_LATE: Micros = 1 << 62


class Placed:
    """A response with what is known of its unit and place.

    Attributes:
        service: FIRE, EMS, POLICE, MEDIATION or OTHER.
        counts: whether it counts for first due.
        als: whether it carries advanced life support.
        arrival: its on_scene; the earlier of staging and on_scene where the agency says so.
    """

    __slots__ = ("als", "arrival", "counts", "in_scope", "place", "response", "service")

    def __init__(self, response: Response, facts: Facts, rules: Rules) -> None:
        own = facts.attributes.get(response.unit, _NOTHING)
        incident = facts.attributes.get(INCIDENT, _NOTHING)
        self.response = response
        self.place = place_of(own, incident, rules)
        stated = own.get("service")
        service = stated[3] if stated is not None else ""
        self.service = service or rules.unit_services.get(self.place.unit_type, rules.default_service)
        self.in_scope = self.service in FIRE_AND_EMS
        self.counts = self.in_scope and not _exempt(own, self.place, rules)
        als = own.get("als")
        self.als = self.in_scope and (
            als[3] == "true" if als is not None and als[3] else self.place.unit_type in rules.als_types
        )
        arrival = response.times.get("on_scene")
        if rules.staging_is_arrival:
            staging = response.times.get("staging")
            if staging is not None and (arrival is None or staging < arrival):
                arrival = staging
        self.arrival = arrival

    def arrival_order(self) -> tuple[Micros, Micros, str, int]:
        """First arrival, a tie going to the earlier dispatch, then to the unit's name."""
        response = self.response
        arrival = _LATE if self.arrival is None else self.arrival
        return arrival, response.times.get("dispatch", _LATE), response.unit, response.ordinal

    def dispatch_order(self) -> tuple[Micros, str, int]:
        """First dispatch, a tie going to the unit's name."""
        response = self.response
        return response.times.get("dispatch", _LATE), response.unit, response.ordinal


def place_of(own: dict[str, Stated], incident: dict[str, Stated], rules: Rules) -> Place:
    """The unit's own attributes, else the incident's, else ``UNKNOWN``; battalions by the agency's table."""

    def known(name: str) -> str:
        stated = own.get(name)
        if stated is not None and stated[3]:
            return stated[3]
        stated = incident.get(name)
        return stated[3] if stated is not None and stated[3] else UNKNOWN

    area, battalion = known("station_area"), known("battalion")
    if battalion == UNKNOWN:
        battalion = rules.areas.get(area, UNKNOWN)
    return Place(
        known("response_mode"),
        known("class"),
        known("priority"),
        area,
        battalion,
        known("zone"),
        known("unit_type"),
    )


def _exempt(own: dict[str, Stated], place: Place, rules: Rules) -> bool:
    """Whether the unit does not count for first due in this class.

    As its events say, else as the agency says.
    """
    stated = own.get("first_due_exempt")
    if stated is not None and stated[3]:
        classes = stated[3].split()
        return "*" in classes or place.class_ in classes
    exempt = rules.first_due_exempt
    if not exempt:
        return False
    return place.unit_type in exempt.get("*", ()) or place.unit_type in exempt.get(place.class_, ())
