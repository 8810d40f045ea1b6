"""Stage two as the transport takes it."""

from __future__ import annotations

from schemas import topics
from schemas.agency import Agency
from schemas.settings import Settings
from streams.agency.partition import Layout, Partition, needed_from, place_of_health
from streams.stage import Mark, Stage

NAME = "agency"


def stage(settings: Settings, agencies: dict[str, Agency], *, generation: int, worker: str) -> Stage:
    """Stage two: ``responses``, ``incidents``, ``encounters`` to ``figures``, their history and ``units``.

    By agency.
    """

    def name(topic: str) -> str:
        return topics.topic_name(topic, generation)

    layout = Layout(
        responses=name("responses"),
        incidents=name("incidents"),
        figures=name("figures"),
        history=name("figures.history"),
        units=name("units"),
        health=name("health"),
        result_partitions=settings.result_partitions,
        worker=worker,
        encounters=name("encounters"),
    )
    return Stage(
        name=NAME,
        sources=(layout.responses, layout.incidents, layout.encounters),
        changelog=None,
        read_committed=False,
        wants_keys=True,
        logic=lambda partition: Partition(partition, layout, agencies),
        start_at="recovered",
        rereads=(layout.figures,),
        mark=Mark(
            layout.health,
            place=lambda partition: place_of_health(partition, layout.result_partitions),
            read=lambda value: needed_from(value, agencies),
        ),
    )
