"""How many series a metric can have at most: the product of what each of its labels can be."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from schemas.definitions import EDITION
from schemas.series import CALENDAR, DIVERSION_PERIODS, ROLLING
from schemas.vocabulary import MODES, OUTCOMES, UNIT_MILESTONES, DeadLetterReason, Standing, Withdrawal
from sinks.prometheus.distribution import EDGES_S
from sinks.prometheus.figures import BREAKDOWN_WINDOWS, PERCENTILES
from sinks.prometheus.metrics import BREACHES, DIVERSION, FIGURES, GROUPS, METRICS, Metric
from streams.agency.diversion.counting import COUNTS, FUNNEL


@dataclass(frozen=True, slots=True)
class Shape:
    """What an installation is like; of other groups 60 are generous (San Francisco's week has 38).

    ``mediating`` are the agencies with a mediation unit, ``calls`` the groups of their calls: initial types,
    areas, hours and shifts.
    """

    agencies: int = 1
    stations: int = 100
    others: int = 60
    unit_types: int = 20
    targets: int = 50
    partitions: int = 12
    topics: int = 4
    generations: int = 1
    mediating: int = 0
    calls: int = 100


def bound(metric: Metric, shape: Shape) -> int:
    """The most series the metric can have."""
    modes = len(MODES) + 1
    figure = metric in FIGURES or metric in GROUPS
    windows = len(ROLLING) + len(CALENDAR)
    if metric in GROUPS:
        windows = len(BREAKDOWN_WINDOWS)
    diversion = metric in DIVERSION
    if diversion:
        windows = (
            len(BREAKDOWN_WINDOWS) if "group" in metric.labels else len(ROLLING) + len(DIVERSION_PERIODS)
        )
    if "at_most" in metric.labels:
        windows = 1
    sizes = {
        "agency": shape.mediating if diversion else shape.agencies,
        "interval": len(EDITION.intervals),
        "mode": modes,
        "window": windows if figure or diversion else len(CALENDAR),
        "percentile": len(PERCENTILES),
        # An interval has reasons of its own: no one has more than these.
        "reason": max(len(i.excluded) for i in EDITION.intervals.values()) + 2
        if figure
        else 2 + len(Withdrawal) + len(EDITION.reasons)  # none, and OTHER
        if metric in BREACHES
        else len(DeadLetterReason),
        "severity": 2,
        "state": 2,
        "standing": len(Standing),
        "at_most": len(EDGES_S) + 1,
        "by": 1,
        "group": shape.calls if diversion else shape.stations + shape.others,
        "formula": len(EDITION.formulas),
        "set": len(COUNTS),
        "side": 2,
        "step": len(FUNNEL),
        "outcome": len(OUTCOMES),
        "status": 1 + len(UNIT_MILESTONES),
        "unit_type": shape.unit_types,
        "class": shape.targets,
        "priority": 1,
        "stage": 2,
        "partition": shape.partitions,
        "topic": shape.topics,
        "worker": 1,
        "label": 12,
    }
    return prod(sizes.get(label, 1) for label in metric.labels)


def whole(shape: Shape) -> int:
    """The most series of all metrics together."""
    return sum(bound(metric, shape) for metric in METRICS.values())
