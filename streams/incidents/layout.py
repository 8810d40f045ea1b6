"""Names and sizes that a partition of stage one must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.times import DAY, Micros


class Layout(NamedTuple):
    """Names and sizes a partition of stage one must know.

    Attributes:
        events, responses, incidents, breaches, changelog, health, dead_letters: topics' full names in Kafka.
        partitions: of ``events``; ``result_partitions`` of every result topic.
        keep: how long after its last event an incident's state lives.
        silent_below: partition to offset; no absorbed states are sent for events below: a rebuild finds those
            in the log.
        place_key: the secret that addresses are made places with; empty: they are forgotten.
        at_once: how many incidents a clock closes by rule at one go, see ``Partition.rest``.
    """

    events: str
    responses: str
    incidents: str
    breaches: str
    changelog: str
    health: str
    dead_letters: str
    partitions: int
    result_partitions: int
    keep: Micros = 40 * DAY
    silent_below: Mapping[int, int] = {}
    worker: str = ""
    encounters: str = "encounters"
    place_key: str = ""
    at_once: int = 5_000
