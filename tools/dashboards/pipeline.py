"""Pipeline health: for whoever is on call for Watchroom itself."""

from __future__ import annotations

from tools.dashboards.kit import (
    ABOVE_NOTHING_IS_BAD,
    BELOW_ONE_IS_BAD,
    Board,
    Panel,
    Query,
    Row,
    Step,
)

_DEAD = "(sum(watchroom_events_dead_lettered_total) or vector(0))"
_LAW = (
    'abs(sum(watchroom_events_arrived_total{stage="incidents"}) '
    f'- sum(watchroom_events_joined_total{{stage="incidents"}}) - {_DEAD})'
)

PIPELINE = Board(
    uid="watchroom-pipeline",
    title="Pipeline health",
    about="Whether what arrived was counted, how far behind anything is, and what was refused.",
    variables=("agency", "simulated"),
    span="1h",
    rows=(
        Row(
            "At a glance",
            (
                Panel(
                    "stat",
                    "Kafka answers",
                    "1 while Kafka answered the exporter's last question. 0: figures stand still; see "
                    "whether the broker runs.",
                    (Query("min(watchroom_exporter_kafka_up)"),),
                    width=4,
                    steps=BELOW_ONE_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Targets that answer",
                    "The share of Watchroom's processes that Prometheus reaches.",
                    (Query('avg(up{job=~"watchroom.*"})'),),
                    unit="percentunit",
                    width=4,
                    steps=BELOW_ONE_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Unaccounted events",
                    "Arrived less joined less dead-lettered, in stage one. Anything but 0 is an event lost: "
                    "docs/operations.md says what to keep.",
                    (Query(_LAW),),
                    width=4,
                    steps=ABOVE_NOTHING_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Dead letters",
                    "Events that could not be joined, since the generation began: watchroom dead-letters "
                    "shows them.",
                    (Query(_DEAD),),
                    width=4,
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                Panel(
                    "stat",
                    "Oldest commit",
                    "Seconds since the slowest partition last committed. It commits once a second while "
                    "anything arrives, clocks included.",
                    (Query("time() - min(watchroom_last_commit_timestamp_seconds)"),),
                    unit="s",
                    decimals=0,
                    width=4,
                ),
                Panel(
                    "stat",
                    "Labels refused",
                    "Values that would have been one too many, by the stages and the exporter: their figures "
                    "are not shown.",
                    (
                        Query(
                            "(sum(watchroom_labels_rejected_total) or vector(0)) "
                            "+ (sum(watchroom_exporter_rejected_labels_total) or vector(0))"
                        ),
                    ),
                    width=4,
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
            ),
        ),
        Row(
            "Flow",
            (
                Panel(
                    "series",
                    "Events a second",
                    "Read, joined and dead-lettered, of stage one.",
                    (
                        Query(
                            'sum(rate(watchroom_events_arrived_total{stage="incidents"}[$__rate_interval]))',
                            "arrived",
                        ),
                        Query(
                            'sum(rate(watchroom_events_joined_total{stage="incidents"}[$__rate_interval]))',
                            "joined",
                        ),
                        Query(
                            "sum(rate(watchroom_events_dead_lettered_total[$__rate_interval])) or vector(0)",
                            "dead-lettered",
                        ),
                    ),
                    unit="ops",
                    width=12,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "series",
                    "Lag",
                    "Offsets between a stage's committed position and its topic's end. One or two at rest "
                    "are a transaction's markers. One that only grows: a worker is gone or too slow.",
                    (
                        Query(
                            "sum by (stage, topic) (watchroom_lag_offsets)",
                            "{{stage}} of {{topic}}",
                        ),
                    ),
                    width=12,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "series",
                    "Age of the last event and the last commit",
                    "By stage, of its slowest partition. The agency's own clock keeps commits coming even at "
                    "night.",
                    (
                        Query(
                            "time() - max by (stage) (watchroom_last_event_timestamp_seconds)",
                            "event, {{stage}}",
                        ),
                        Query(
                            "time() - min by (stage) (watchroom_last_commit_timestamp_seconds)",
                            "commit, {{stage}}",
                        ),
                    ),
                    unit="s",
                    width=12,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "series",
                    "Agencies' clocks behind this one",
                    "The clock here less each agency's own, by its slowest partition. A source that stops "
                    "stops its agency's clock, and this line rises by a second a second.",
                    (
                        Query(
                            "time() - min by (agency, stage) (watchroom_clock_timestamp_seconds)",
                            "{{agency}}, {{stage}}",
                        ),
                    ),
                    unit="s",
                    width=12,
                    height=8,
                ),
                Panel(
                    "series",
                    "Records written a second",
                    "By stage: what a batch touched, and nothing else.",
                    (
                        Query(
                            "sum by (stage) (rate(watchroom_records_written_total[$__rate_interval]))",
                            "{{stage}}",
                        ),
                    ),
                    unit="ops",
                    width=12,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "bars",
                    "Where events ended",
                    "Everything that arrived is joined or dead-lettered, for a reason.",
                    (
                        Query('sum(watchroom_events_joined_total{stage="incidents"})', "joined"),
                        Query(
                            "sum by (reason) (watchroom_events_dead_lettered_total) "
                            'or label_replace(vector(0), "reason", "no reason", "", "")',
                            "dead-lettered, {{reason}}",
                        ),
                        Query(
                            'sum(watchroom_clock_records_total{stage="incidents"})', "clocks, beside these"
                        ),
                        Query(
                            'sum(watchroom_absorbed_records_total{stage="incidents"})',
                            "absorbed states, beside these",
                        ),
                    ),
                    width=12,
                    height=8,
                ),
            ),
        ),
        Row(
            "State and memory",
            (
                Panel(
                    "series",
                    "Incidents held",
                    "All whose state is kept (40 days unless set otherwise), and those that have not ended.",
                    (
                        Query("sum(watchroom_incidents_held)", "held"),
                        Query("sum(watchroom_incidents_open)", "open"),
                    ),
                    width=8,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "series",
                    "Evictions",
                    "Incidents whose state was given up, long after their last event, in each hour.",
                    (
                        Query(
                            'sum(increase(watchroom_incidents_evicted_total{stage="incidents"}[1h]))',
                            "evicted",
                        ),
                    ),
                    width=8,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "series",
                    "Memory",
                    "Resident memory of each process that serves its own: the exporter, and workers that "
                    "were given --metrics-port.",
                    (Query('process_resident_memory_bytes{job=~"watchroom.*"}', "{{job}} {{instance}}"),),
                    unit="bytes",
                    width=8,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "table",
                    "Who holds what",
                    "Each partition of each stage has one worker.",
                    (Query("max by (stage, partition, worker) (watchroom_worker_info)"),),
                    width=12,
                    height=8,
                    renames={"stage": "Stage", "partition": "Partition", "worker": "Worker"},
                ),
                Panel(
                    "series",
                    "Series of the exporter",
                    "Figures that it holds; docs/operations.md says how many an agency makes.",
                    (Query("watchroom_exporter_series", "figures"),),
                    width=6,
                    height=8,
                    floor=0,
                ),
                Panel(
                    "table",
                    "What is read",
                    "The generation of topics that readers use, and the exporter's version.",
                    (
                        Query(
                            "max by (generation, edition, partitions, result_partitions) "
                            "(watchroom_generation_info)"
                        ),
                    ),
                    width=6,
                    height=8,
                    renames={
                        "generation": "Generation",
                        "edition": "Edition",
                        "partitions": "Partitions",
                        "result_partitions": "Of results",
                    },
                ),
            ),
        ),
    ),
)
