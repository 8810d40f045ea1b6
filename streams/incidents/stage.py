"""Stage one as the transport takes it."""

from __future__ import annotations

from schemas import topics
from schemas.agency import Agency
from schemas.settings import Settings
from schemas.times import DAY
from streams.incidents.partition import Layout, Partition
from streams.stage import Stage

NAME = "incidents"


def stage(settings: Settings, agencies: dict[str, Agency], *, generation: int, worker: str) -> Stage:
    """Stage one: ``incident.events`` to ``responses`` and ``incidents``, by incident."""

    def name(topic: str) -> str:
        return topics.topic_name(topic, generation)

    layout = Layout(
        events=topics.EVENTS,
        responses=name("responses"),
        incidents=name("incidents"),
        changelog=name("incidents.changelog"),
        health=name("health"),
        dead_letters=topics.DEAD_LETTERS,
        partitions=settings.partitions,
        result_partitions=settings.result_partitions,
        keep=settings.evict_after_days * DAY,
        worker=worker,
    )
    return Stage(
        name=NAME,
        sources=(topics.EVENTS,),
        changelog=layout.changelog,
        read_committed=False,
        wants_keys=False,
        logic=lambda partition: Partition(partition, layout, agencies),
    )
