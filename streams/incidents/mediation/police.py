"""Who else was there, as CAD has it: police on scene, police sent, anybody sent."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.times import SECOND, Micros
from streams.incidents.place import Placed

POLICE = "POLICE"
MEDIATION = "MEDIATION"


class Others:
    """What CAD says of all units of an incident.

    Attributes:
        police_present: a police unit was on scene, at any time in the incident.
        police_dispatched: a police unit was dispatched (or did anything, which implies it).
        any_dispatched: a unit of any service was.
        police_s: whole seconds of police units, from dispatch to end, of those that have both.
        first_arrival: of any unit; None where nobody arrived.
        cad: whether a unit of a service other than mediation was there at all.
    """

    __slots__ = (
        "any_dispatched", "cad", "first_arrival", "police_dispatched", "police_present", "police_s",
    )  # fmt: skip

    def __init__(self, units: Sequence[Placed]) -> None:
        self.police_present = self.police_dispatched = self.cad = False
        self.any_dispatched = bool(units)
        self.police_s = 0
        self.first_arrival: Micros | None = None
        for unit in units:
            times = unit.response.times
            arrival = times.get("on_scene")
            if arrival is not None and (self.first_arrival is None or arrival < self.first_arrival):
                self.first_arrival = arrival
            if unit.service == MEDIATION:
                continue
            self.cad = True
            if unit.service == POLICE:
                self._police(unit, arrival)

    def _police(self, unit: Placed, arrival: Micros | None) -> None:
        self.police_dispatched = True
        self.police_present |= arrival is not None
        dispatch, end = unit.response.times.get("dispatch"), unit.response.end
        if dispatch is not None and end is not None and end > dispatch:
            self.police_s += (end - dispatch) // SECOND
