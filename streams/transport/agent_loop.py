"""What every agent does with its stream: give each batch to the owner of its partition."""

from __future__ import annotations

from typing import Any

from streams.transport.holder import Holder


async def hand_over(stream: Any, holder: Holder) -> None:
    """Give batches to their owners, for as long as there are any.

    Faust must not acknowledge: a batch is acknowledged when its transaction is committed. And nothing may be
    raised here, for Faust would acknowledge the event and go on: owners end the process instead.

    Args:
        stream: the agent's.
        holder: who knows the owners.
    """
    async for event in stream.noack().events():
        message = event.message
        owner = holder.owner_of(message.partition, message.generation_id)
        if (
            owner is not None
        ):  # else of an assignment that is over: never acknowledged, fetched again by its next owner
            await owner.feed(event.value, event)
