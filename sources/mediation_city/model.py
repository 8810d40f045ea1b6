"""The numbers a simulated city is made of: what was published, and what was assumed (docs/mediation.md).

Published: ``sources/data/mediation_published_figures.json``. Everything else here is an assumption, and no
figure made of it says anything of the real Dayton.
"""

from __future__ import annotations

from typing import NamedTuple

SUITABLE_A_WEEK = 157
"""Published: 911 calls a week that would suit the unit, from six weeks of autumn 2021."""

TEAMS = ("MRU1", "MRU2", "MRU3")
"""Published: six responders, two a dispatch."""

POLICE_A_DAY = 148
"""Assumed: other calls for police from the public. With the suitable ones 62,000 a year, which is Durham's
published rate a resident (128,790 for 283,500) for 137,600 residents; the suitable are 13 % of them, where
Durham published 14.5 %.
"""

OFFICERS_A_DAY = 100
"""Assumed: incidents that officers on patrol begin themselves, which count in no rate."""

FIRE_A_DAY = 100
"""Assumed: fire and EMS calls."""


class Kind(NamedTuple):
    """A call type.

    Attributes:
        name: the type in CAD.
        weight: its share among the types of its list.
    """

    name: str
    weight: int


SUITABLE: tuple[Kind, ...] = (
    Kind("NOISE COMPLAINT", 24),
    Kind("NEIGHBOR DISPUTE", 15),
    Kind("FAMILY TROUBLE", 14),
    Kind("PEACE OFFICER REQUEST", 10),
    Kind("DISORDERLY SUBJECT", 9),
    Kind("JUVENILE COMPLAINT", 8),
    Kind("BARKING DOG", 5),
    Kind("LOITERING", 5),
    Kind("PANHANDLING", 4),
    Kind("PARKING DISPUTE", 3),
    Kind("ROOMMATE TROUBLE", 2),
    Kind("MEDIATION REQUEST", 1),
)
"""Types published; weights assumed. The last stands for calls police would not have had, and is assumed."""

POLICE: tuple[Kind, ...] = (
    Kind("THEFT", 22),
    Kind("ALARM", 16),
    Kind("CRASH", 14),
    Kind("WELFARE CHECK", 13),
    Kind("DOMESTIC VIOLENCE", 12),
    Kind("SUSPICIOUS PERSON", 10),
    Kind("ASSAULT", 7),
    Kind("BURGLARY", 4),
    Kind("SHOTS FIRED", 2),
)
OFFICER: tuple[Kind, ...] = (Kind("TRAFFIC STOP", 70), Kind("PATROL CHECK", 30))
FIRE: tuple[Kind, ...] = (Kind("MEDICAL", 78), Kind("FIRE ALARM", 15), Kind("STRUCTURE FIRE", 7))

ZONES: tuple[Kind, ...] = (Kind("WEST", 37), Kind("EAST", 34), Kind("CENTRAL", 26), Kind("OUTSIDE", 3))
"""Assumed: three patrol districts, and a few calls from beyond the city."""

HOURS: tuple[int, ...] = (
    22, 16, 12, 9, 8, 9, 14, 22, 32, 40, 50, 64,
    70, 74, 76, 78, 80, 78, 72, 66, 54, 46, 38, 30,
)  # fmt: skip
"""Calls by local hour. Published: most suitable ones come between 11:00 and 20:00; the shape is assumed."""

# Of a thousand, all assumed, together fitted to two published sums: about 2,100 calls handled a year (7,100
# from May 2022 into 2025), 98 % of them with no police.
OFFERED = 880
"""Of suitable calls in service."""
TAKEN_ANYWAY = 12
"""Of suitable calls out of hours or area, and ``TAKEN_OFF`` of other police calls in hours: accepted too."""
TAKEN_OFF = 3
DECLINED = 70
"""The caller asks for an officer."""
UNDECIDED = 12
DECLINED_FIRST = 20
"""Declines at first and accepts then."""
WITHDRAWN = 30
BY_PHONE = 320
CANCELED = 50
POLICE_ASKED = 17
"""Of those on scene, the team asks for police, and they come."""
POLICE_UNASKED = 9
"""Police come by without being asked."""
WROTE_NONE = 300
"""Of those with police there, the team wrote that there were none."""
OUTCOME_MENDED = 10
"""An outcome is corrected a day later."""
FOLLOWED_UP = 60
NO_CAD_HALF = 4
"""The team's log has a number that CAD does not know."""
TWICE = 5
"""A desk's entry arrives twice."""

OUTCOMES: tuple[Kind, ...] = (
    Kind("resolved", 640),
    Kind("referred", 170),
    Kind("no_person_found", 115),
    Kind("refused", 45),
    Kind("transferred", 10),
    Kind("ems_requested", 6),
    Kind("", 14),
)
"""Of those on scene; empty: the team writes none."""

PLACES = 9_000
"""Addresses of the city; ``OFTEN`` of them have ``OFTEN_SHARE`` of a thousand suitable calls."""
OFTEN = 260
OFTEN_SHARE = 180
