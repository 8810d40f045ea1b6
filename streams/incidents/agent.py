"""The ``incidents`` agent: batches of its sources to the logic of their partition, by incident."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from streams.transport.agent_loop import hand_over
from streams.transport.holder import Holder


def agent(holder: Holder) -> Callable[[Any], Awaitable[None]]:
    """The agent's function, for ``app.agent``."""

    async def incidents(stream: Any) -> None:
        await hand_over(stream, holder)

    return incidents
