"""What a response or an incident is broken down by.

And which units count for first due (DEFINITIONS.md, 3).
"""

from __future__ import annotations

from typing import Final

from schemas.records import Place
from schemas.times import Micros
from schemas.vocabulary import FIRE_AND_EMS, UNKNOWN
from streams.incidents.handbook import Book
from streams.incidents.joining import values_of
from streams.incidents.milestones import Response
from streams.incidents.state import Facts, Values

_LATE: Final = 1 << 62


class Placed:
    """A response with what is known of its unit and place.

    Attributes:
        service: FIRE, EMS, POLICE, MEDIATION or OTHER.
        counts: whether it counts for first due.
        limits: what binds its intervals.
        als: whether it carries advanced life support.
        arrival: its on_scene; the earlier of staging and on_scene where the agency says so.
    """

    __slots__ = ("als", "arrival", "counts", "in_scope", "limits", "place", "response", "service")

    def __init__(self, response: Response, facts: Facts, incident: Values, rules: Book) -> None:
        own = values_of(facts, response.unit)
        self.response = response
        self.place = place = place_of(own, incident, rules)
        self.limits = rules.limits(place.mode, place.class_, place.priority)
        service = own.get("service") or incident.get("service")
        if not service:
            service = rules.unit_services.get(place.unit_type, rules.default_service)
        self.service: str = service
        self.in_scope = in_scope = service in FIRE_AND_EMS
        exempt = own.get("first_due_exempt") or incident.get("first_due_exempt")
        self.counts = in_scope and not _exempt(exempt, place, rules)
        als = own.get("als") or incident.get("als")
        self.als = in_scope and (als == "true" if als else place.unit_type in rules.als_types)
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


def place_of(own: Values, incident: Values, rules: Book) -> Place:
    """The unit's own attributes, else the incident's, else ``UNKNOWN``; battalions by the agency's table."""
    area = own.get("station_area") or incident.get("station_area") or UNKNOWN
    return Place(
        own.get("response_mode") or incident.get("response_mode") or UNKNOWN,
        own.get("class") or incident.get("class") or UNKNOWN,
        own.get("priority") or incident.get("priority") or UNKNOWN,
        area,
        own.get("battalion") or incident.get("battalion") or rules.areas.get(area, UNKNOWN),
        own.get("zone") or incident.get("zone") or UNKNOWN,
        own.get("unit_type") or incident.get("unit_type") or UNKNOWN,
    )


def _exempt(stated: str | None, place: Place, rules: Book) -> bool:
    """Whether the unit does not count for first due in this class.

    As its events say, else as the agency says.
    """
    if stated:
        classes = stated.split()
        return "*" in classes or place.class_ in classes
    exempt = rules.first_due_exempt
    if not exempt:
        return False
    return place.unit_type in exempt.get("*", ()) or place.unit_type in exempt.get(place.class_, ())
