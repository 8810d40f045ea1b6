"""Every topic in one table: name, key, partitions, retention, limits (DESIGN.md, Topics).

Names of topics that a rebuild writes anew carry the generation: ``responses.g1``. ``incident.events`` and
``dead.letters`` outlive generations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIB = 1 << 20

EVENTS = "incident.events"
DEAD_LETTERS = "dead.letters"
GENERATIONS = "generations"

RESULTS_OF_STAGE_ONE: tuple[str, ...] = ("responses", "incidents", "encounters")
"""What stage one writes for stage two, co-partitioned by agency."""

CLOCKS_KEPT_MS = HOUR_MS // 4
"""How far stage two may be behind and still meet each of stage one's clocks: all of one partition have one
key, and a big backlog fills segments long before their hour is over. Where compaction takes clocks that
nobody has read, what was shown at their instants is never told, and one step of the clock spans weeks."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    Attributes:
        name: without a generation; see ``topic_name``.
        key: what the key of a record is.
        cleanup: Kafka's ``cleanup.policy``.
        partitions: ``source`` (setting ``partitions``), ``result`` (setting ``result_partitions``) or
            ``one``.
        retention_days: None keeps what compaction keeps, or everything.
        max_message_bytes: the largest record.
        generational: whether a rebuild writes a new one.
        about: one sentence for people.
    """

    name: str
    key: str
    cleanup: Literal["delete", "compact", "compact,delete"]
    partitions: Literal["source", "result", "one"]
    retention_days: int | None
    max_message_bytes: int
    generational: bool
    about: str

    def config(self) -> dict[str, str]:
        """The topic's Kafka configuration.

        LogAppendTime everywhere: the broker's clock is the only one we trust.
        """
        retention = -1 if self.retention_days is None else self.retention_days * DAY_MS
        config = {
            "cleanup.policy": self.cleanup,
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_message_bytes),
        }
        if "delete" in self.cleanup:
            config["retention.ms"] = str(retention)
        if "compact" in self.cleanup:
            # Kafka never compacts the segment it writes to: what a reader from the start meets more than once
            # is an hour's at most, whatever the topic's age.
            config["segment.ms"] = str(HOUR_MS)
            config["min.cleanable.dirty.ratio"] = "0.2"
        if self.name in RESULTS_OF_STAGE_ONE:
            config["min.compaction.lag.ms"] = str(CLOCKS_KEPT_MS)
        return config


_SOURCE_LIMIT = MIB

TOPICS: dict[str, Topic] = {
    t.name: t
    for t in (
        Topic(EVENTS, "agency/incident", "delete", "source", None, _SOURCE_LIMIT, False,
              "what CAD, the mediation desk and units said; clocks; absorbed states"),
        Topic("responses", "agency/incident/unit", "compact,delete", "result", 100, MIB, True,
              "one record a response: its intervals, exclusions, limits, the offsets it came from"),
        Topic("incidents", "agency/incident", "compact,delete", "result", 100, MIB, True,
              "one record an incident"),
        Topic("encounters", "agency/incident", "compact,delete", "result", 100, MIB, True,
              "one record a call of an agency with a mediation unit: how far down the funnel, its outcome"),
        Topic("breaches", "agency/incident/unit or -/interval", "compact,delete", "result", 100, MIB, True,
              "one record a breach: its life so far"),
        Topic("units", "agency/unit", "compact", "result", None, MIB, True,
              "what each unit is doing, from open responses"),
        Topic("figures", "series", "compact", "result", None, MIB, True,
              "every figure as of now: value, n, numerator, window, definition, edition"),
        Topic("figures.history", "series", "delete", "result", 40, MIB, True,
              "as shown: breakdown all each minute, the others each hour"),
        Topic("health", "stage/partition", "compact", "result", None, MIB, True,
              "what each partition of each stage has done: positions, counts, clocks"),
        Topic("incidents.changelog", "state", "compact", "source", None, 4 * MIB, True,
              "stage one's incident states and position records"),
        Topic(DEAD_LETTERS, "topic/partition/offset", "delete", "source", 30, 2 * _SOURCE_LIMIT, False,
              "the untouched bytes of what could not be joined; reason and origin in headers"),
        Topic(GENERATIONS, "generation", "compact", "one", None, MIB, False,
              "layout, edition and formats of each generation, and which one readers use"),
    )
}  # fmt: skip
"""All topics by name."""


def topic_name(name: str, generation: int) -> str:
    """A topic's name in Kafka.

    >>> topic_name("responses", 1), topic_name("incident.events", 1)
    ('responses.g1', 'incident.events')
    """
    return f"{name}.g{generation}" if TOPICS[name].generational else name
