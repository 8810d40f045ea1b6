"""Words to say what happened with, for tests.

Events in the reference's shape, times in seconds after the call.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from schemas.times import SECOND, Micros

CALL: Micros = 1_483_300_000 * SECOND
"""2017-01-01T19:46:40Z, a Sunday, shortly before noon in San Francisco."""

HOUR = 3_600
DAY = 24 * HOUR

Event = dict[str, Any]

_numbers = count(1)


def at(seconds: float) -> Micros:
    """So many seconds after the call, as an instant."""
    return CALL + round(seconds * SECOND)


def said(
    kind: str, when: float, *, recorded: float | None = None, incident: str = "A", **fields: Any
) -> Event:
    """Any event; recorded as it happened where nothing else is said."""
    return {
        "kind": kind,
        "event_id": f"e{next(_numbers):07d}",
        "incident_id": incident,
        "occurred_at": at(when),
        "recorded_at": at(when if recorded is None else recorded),
        **fields,
    }


def press(unit: str | None, name: str, when: float, **more: Any) -> Event:
    """A milestone of a unit, or with None of the incident."""
    return said("milestone", when, unit_id=unit, name=name, **more)


def correct(
    unit: str | None,
    name: str,
    *,
    recorded: float,
    was: float | None = None,
    time: float | None = None,
    **more: Any,
) -> Event:
    """A correction: without ``time`` a withdrawal, without ``was`` of the earliest press."""
    return said(
        "correction",
        recorded,
        unit_id=unit,
        name=name,
        was=None if was is None else at(was),
        time=None if time is None else at(time),
        **more,
    )


def state(
    unit: str | None, when: float, *, incident: str = "A", recorded: float | None = None, **said_of: Any
) -> Event:
    """Attributes, of a unit or of the incident; ``class_`` stands for class, None takes a statement back."""
    attributes = {"class" if name == "class_" else name: value for name, value in said_of.items()}
    return said("change", when, recorded=recorded, incident=incident, unit_id=unit, attributes=attributes)


def merge(incident: str, into: str | None, when: float, **more: Any) -> Event:
    """A merge, or with None its undoing."""
    return said("merge", when, incident=incident, merged_into=into, **more)


def call(
    incident: str = "A", when: float = 0, *, mode: str = "EMERGENT", class_: str = "FIRE"
) -> list[Event]:
    """The call: it rings, is answered after 10 s, is in CAD after 30 s."""
    return [
        press(None, "call_arrival", when, incident=incident),
        press(None, "call_answered", when + 10, incident=incident),
        press(None, "call_create", when + 30, incident=incident),
        state(None, when, incident=incident, response_mode=mode, class_=class_, station_area="03"),
    ]


_WORK = ("dispatch", "enroute_to_scene", "on_scene", "unit_clear")


def unit(name: str, *times: float | None, incident: str = "A", **more: float) -> list[Event]:
    """What a unit did: dispatch, enroute, on scene and clear where there is a time, and more by name."""
    done = [*zip(_WORK, times, strict=False), *more.items()]
    return [press(name, what, when, incident=incident) for what, when in done if when is not None]


def whole(incident: str = "A", when: float = 0, *, turnout: float = 60, travel: float = 200) -> list[Event]:
    """A whole incident with one engine, out after 40 s, clear 600 s after it arrived."""
    enroute = when + 40 + turnout
    return [
        *call(incident, when),
        *unit("E1", when + 40, enroute, enroute + travel, enroute + travel + 600, incident=incident),
    ]
