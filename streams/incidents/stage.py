"""Stage one as the transport takes it."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import topics
from schemas.agency import Agency
from schemas.settings import Settings
from schemas.times import DAY
from streams.incidents import packing
from streams.incidents.layout import Layout
from streams.incidents.partition import Partition
from streams.stage import Stage

NAME = "incidents"
FORMATS = {"changelog": packing.FORMAT}
"""What the stage stores, and the version of its format: a generation holds one."""


def stage(
    settings: Settings,
    agencies: dict[str, Agency],
    *,
    generation: int,
    worker: str,
    silent_below: Mapping[int, int] | None = None,
) -> Stage:
    """Stage one: ``incident.events`` to ``responses``, ``incidents`` and ``breaches``, by incident.

    Args:
        settings: partitions, and how long states are kept.
        agencies: by id.
        generation: the number in the topics' names.
        worker: who runs it, for whoever watches.
        silent_below: partition to the source's end when this generation was begun, see ``Layout``.
    """

    def name(topic: str) -> str:
        return topics.topic_name(topic, generation)

    layout = Layout(
        events=topics.EVENTS,
        responses=name("responses"),
        incidents=name("incidents"),
        breaches=name("breaches"),
        changelog=name("incidents.changelog"),
        health=name("health"),
        dead_letters=topics.DEAD_LETTERS,
        partitions=settings.partitions,
        result_partitions=settings.result_partitions,
        keep=settings.evict_after_days * DAY,
        silent_below=silent_below or {},
        worker=worker,
        encounters=name("encounters"),
        place_key=settings.place_key.get_secret_value(),
    )
    return Stage(
        name=NAME,
        sources=(topics.EVENTS,),
        changelog=layout.changelog,
        read_committed=False,
        wants_keys=False,
        logic=lambda partition: Partition(partition, layout, agencies),
    )
