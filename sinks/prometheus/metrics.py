"""Every metric in one table: name, type, labels, and what it is. ``docs/metrics.md`` carries the same rows.

Names have the prefix ``watchroom_``, base units, ``_total`` for counters that never fall but with a new
generation, ``_info`` for facts and ``_timestamp_seconds`` for instants, so that an age is ``time() - x``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "watchroom_"
_FIGURE = ("agency", "interval", "mode", "window")
_GROUP = (*_FIGURE, "by", "group")
_PART = ("stage", "partition")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as exported, with its suffix.
        kind: of the figures and facts ``gauge``; ``counter`` only for what never falls.
        labels: in the order that samples give their values.
        about: one sentence, the exposition's HELP.
    """

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    about: str

    def row(self) -> str:
        """The metric as a row of the table in docs/metrics.md."""
        labels = ", ".join(f"`{label}`" for label in self.labels) or "none"
        return f"| `{self.name}` | {self.kind} | {labels} | {self.about} |"


def _gauges(*rows: tuple[str, tuple[str, ...], str]) -> tuple[Metric, ...]:
    return tuple(Metric(f"{PREFIX}{name}", "gauge", labels, about) for name, labels, about in rows)


def _counters(*rows: tuple[str, tuple[str, ...], str]) -> tuple[Metric, ...]:
    return tuple(Metric(f"{PREFIX}{name}", "counter", labels, about) for name, labels, about in rows)


FIGURES = _gauges(
    (
        "interval_seconds",
        (*_FIGURE, "percentile"),
        "Nearest-rank percentile of the interval, absent where n is 0.",
    ),
    ("interval_measurements", _FIGURE, "Measured values, n: the denominator of the percentiles."),
    (
        "interval_bound_measurements",
        _FIGURE,
        "Measured values that a target binds: the denominator of compliance.",
    ),
    (
        "interval_within_measurements",
        _FIGURE,
        "Bound values at or under their limit: the numerator of compliance.",
    ),
    (
        "interval_late",
        _FIGURE,
        "Never ended and over their limit: added to the denominator of late-included compliance.",
    ),
    ("interval_excluded", (*_FIGURE, "reason"), "Excluded from the interval, by reason."),
    ("interval_open", _FIGURE, "Begun, and neither measured nor excluded yet."),
    ("interval_merged", _FIGURE, "Left the counts by a merge."),
    ("compliance_ratio", _FIGURE, "Share of bound values within their limit, absent where no target binds."),
    ("compliance_late_included_ratio", _FIGURE, "The same with the never-ended in the denominator."),
    ("standing_breaches", (*_FIGURE, "standing"), "Breaches that stand, by why they stand."),
    (
        "interval_distribution_measurements",
        (*_FIGURE, "at_most"),
        "Measured values of 24 h at or under an edge in seconds, a minute old at most.",
    ),
)

GROUPS = _gauges(
    (
        "interval_by_group_seconds",
        (*_GROUP, "percentile"),
        "Percentile of one group of a breakdown, absent where n is 0.",
    ),
    ("interval_by_group_measurements", _GROUP, "Measured values of one group."),
    ("interval_by_group_bound_measurements", _GROUP, "Bound values of one group."),
    ("interval_by_group_within_measurements", _GROUP, "Bound values of one group at or under their limit."),
    ("interval_by_group_late", _GROUP, "Never ended and over their limit, of one group."),
    ("interval_by_group_open", _GROUP, "Open, of one group."),
    ("compliance_by_group_ratio", _GROUP, "Compliance of one group, absent where no target binds."),
    ("compliance_by_group_late_included_ratio", _GROUP, "Late-included compliance of one group."),
    ("standing_breaches_by_group", (*_GROUP, "standing"), "Breaches that stand, of one group."),
)

TARGETS = _gauges(
    (
        "target_seconds",
        ("agency", "interval", "mode", "class", "priority"),
        "The limit an agency sets itself now, by class and priority; * is every one.",
    ),
    (
        "target_goal_ratio",
        ("agency", "interval", "mode", "class", "priority"),
        "The share that is to be within that limit.",
    ),
    (
        "rules_effective_timestamp_seconds",
        ("agency",),
        "When the rules in force took effect: targets, classes, shifts.",
    ),
)

UNITS = _gauges(
    ("units", ("agency", "status", "unit_type"), "Units by what they do now, of the types seen so far."),
)

_DIVERSION = ("agency", "window")
_DIVERSION_GROUP = (*_DIVERSION, "by", "group", "formula")

DIVERSION = _gauges(
    (
        "diversion_rate_ratio",
        (*_DIVERSION, "formula"),
        "A rate of diversion by its formula, absent where the denominator is 0.",
    ),
    ("diversion_rate_numerator", (*_DIVERSION, "formula"), "Its numerator, in calls."),
    ("diversion_rate_denominator", (*_DIVERSION, "formula"), "Its denominator, in calls."),
    ("diversion_calls", (*_DIVERSION, "set"), "Public-initiated calls in a set of section 6."),
    (
        "diversion_funnel_calls",
        (*_DIVERSION, "side", "step"),
        "Calls that reached a step: in the funnel, or in the column of those taken all the same.",
    ),
    ("diversion_outcome_calls", (*_DIVERSION, "outcome"), "Handled and ended encounters by outcome."),
    (
        "diversion_police_saved_seconds",
        _DIVERSION,
        "Officer-seconds saved, by shares and minutes that the agency states.",
    ),
    (
        "diversion_arrival_seconds",
        (*_DIVERSION, "percentile"),
        "From the call to the mediation unit's arrival, absent where there is none.",
    ),
    ("diversion_by_group_rate_ratio", _DIVERSION_GROUP, "The rate of one group of a breakdown."),
    ("diversion_by_group_rate_numerator", _DIVERSION_GROUP, "Its numerator."),
    ("diversion_by_group_rate_denominator", _DIVERSION_GROUP, "Its denominator."),
)

BREACHES = _gauges(
    (
        "breaches_open",
        ("agency", "interval", "severity"),
        "Breaches open now: amber is past 80 % of its limit, red past it.",
    ),
    (
        "breaches_ended",
        ("agency", "interval", "state", "reason"),
        "Breaches that ended, of those the topic keeps (100 days): closed, or withdrawn and why.",
    ),
)

FACTS = _gauges(
    ("build_info", ("version", "python"), "1, with the exporter's version."),
    (
        "generation_info",
        ("generation", "edition", "partitions", "result_partitions"),
        "1, with the generation read.",
    ),
    (
        "edition_info",
        ("agency", "edition"),
        "1, with the edition of the definitions an agency's figures are made under.",
    ),
    (
        "agency_info",
        ("agency", "name", "time_zone", "simulated"),
        "1, with what the agency's file says of it.",
    ),
    ("figures_as_of_timestamp_seconds", ("agency",), "The agency's time that its newest figure is as of."),
    (
        "period_start_timestamp_seconds",
        ("agency", "window"),
        "Start of the calendar period shown as day, shift or month.",
    ),
)

PIPELINE_COUNTERS = _counters(
    (
        "events_arrived_total",
        _PART,
        "Events read from sources, clocks and absorbed states apart: joined + dead-lettered.",
    ),
    ("events_joined_total", _PART, "Events joined into the state of their incident."),
    ("events_dead_lettered_total", (*_PART, "reason"), "Events that could not be joined, by reason."),
    ("clock_records_total", _PART, "Clock records read."),
    ("absorbed_records_total", _PART, "States of merged incidents read."),
    ("incidents_evicted_total", _PART, "Incidents whose state was given up, long after their last event."),
    (
        "looks_failed_total",
        _PART,
        "Looks at an incident's running clocks that a defect of Watchroom ended: breaches may be missing.",
    ),
    ("labels_rejected_total", _PART, "Groups the stage refused because there were too many."),
    ("records_written_total", _PART, "Records the stage wrote."),
)

PIPELINE_GAUGES = _gauges(
    ("lag_offsets", (*_PART, "topic"), "Offsets between the stage's committed position and the topic's end."),
    ("last_event_timestamp_seconds", _PART, "When the last event read was appended to Kafka."),
    (
        "last_commit_timestamp_seconds",
        _PART,
        "When the last committed health record was written: the age of the commit.",
    ),
    (
        "clock_timestamp_seconds",
        (*_PART, "agency"),
        "The agency's clock in one partition of a stage; the least counts.",
    ),
    ("incidents_held", _PART, "Incidents whose state is held."),
    ("incidents_open", _PART, "Incidents held that have not ended."),
    ("worker_info", (*_PART, "worker"), "1, with the worker that holds the partition."),
    (
        "dead_letters_kept_offsets",
        ("partition",),
        "Offsets that the topic dead.letters spans now, transaction markers too.",
    ),
)

EXPORTER = (
    *_gauges(
        ("exporter_kafka_up", (), "Whether Kafka answered the exporter's last question."),
        (
            "exporter_ready",
            ("topic",),
            "Whether the topic has been read up to the present, so that its metrics are whole.",
        ),
        (
            "exporter_last_read_timestamp_seconds",
            ("topic",),
            "When the exporter last read a record of the topic.",
        ),
        ("exporter_series", (), "Figures held for export."),
    ),
    *_counters(
        (
            "exporter_rejected_labels_total",
            ("label",),
            "Records whose label value was one too many, or no label, by label.",
        ),
        (
            "exporter_unreadable_records_total",
            ("topic",),
            "Records that could not be read as what their topic holds.",
        ),
    ),
)

METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        *FIGURES,
        *GROUPS,
        *TARGETS,
        *UNITS,
        *DIVERSION,
        *BREACHES,
        *FACTS,
        *PIPELINE_COUNTERS,
        *PIPELINE_GAUGES,
        *EXPORTER,
    )
}
"""All metrics by name, in the order of exposition."""
