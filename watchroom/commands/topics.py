"""``watchroom topics``: make the topics that are missing, and end."""

from __future__ import annotations

import click

from schemas.errors import ConfigurationError
from schemas.topics import TOPICS, topic_name
from watchroom.cli import Context, pass_context


@click.command("topics")
@pass_context
def command(context: Context) -> None:
    """Make the topics of the current generation that are missing, check the others, and end.

    A worker does the same at its start; this is for whoever wants it done, and seen, before.

    \b
    Example:
      watchroom --broker kafka:9092 topics
    """
    from streams.transport import topicsetup
    from watchroom.commands.worker import formats

    settings = context.settings
    if not settings.broker:
        raise ConfigurationError(
            "whose topics? give --broker host:port before the command or set WATCHROOM_BROKER"
        )
    registered = topicsetup.prepare(settings.broker, settings, formats(), None)
    for topic in TOPICS.values():
        click.echo(f"{topic_name(topic.name, registered.generation)}: {topic.about}")
    click.echo(
        f"generation {registered.generation} of {settings.broker}: {registered.partitions} partitions of "
        f"incident.events, {registered.result_partitions} of each result topic, "
        f"{settings.replication} {'copies' if settings.replication > 1 else 'copy'} of what is new"
    )
