"""An agency's targets as samples, so that no panel and no rule has a limit of its own.

What an agency's file says is in force at the agency's time: limit, goal, and since when.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from schemas.agency import Agency
from schemas.times import SECOND, Micros, micros
from sinks.prometheus.labels import Bounds, clean

Sample = tuple[str, tuple[str, ...], float]


def target_samples(agency: Agency, instant: Micros, bounds: Bounds) -> Iterator[Sample]:
    """The targets that an agency's rules set at an instant; of two for the same, the first binds.

    Args:
        agency: its file.
        instant: the agency's time.
        bounds: keeps classes and priorities few; what is held is given back at the end.
    """
    rules = agency.rules_at(instant)
    label = clean(agency.id)
    held: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for target in rules.targets:
        for class_ in target.classes:
            for priority in target.priorities:
                labels = (label, target.interval, target.mode, clean(class_), clean(priority))
                kept = f"{labels[3]}/{labels[4]}"
                if labels in seen or not bounds.hold(("target", label), kept):
                    continue
                seen.add(labels)
                held.append(kept)
                yield "target_seconds", labels, target.seconds
                yield "target_goal_ratio", labels, target.goal_percent / 100
    for kept in held:
        bounds.release(("target", label), kept)
    midnight = datetime.combine(rules.effective_from, time(), agency.zone)
    yield "rules_effective_timestamp_seconds", (label,), micros(midnight) / SECOND
