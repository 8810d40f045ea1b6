"""Letting go of a Kafka client of ours, without waiting for it for long."""

from __future__ import annotations

import asyncio
from typing import Protocol

PATIENCE_S = 1.0


class Client(Protocol):
    """A consumer or a producer."""

    async def stop(self) -> None:
        """Say goodbye to the broker and close its connections."""


async def parted(client: Client) -> None:
    """Stop a client; nothing depends on a clean goodbye, so one that takes long or fails is left alone.

    Over TLS it may take long: uvloop, closing a connection on which an answer is still awaited, now and then
    hears no more of the other side, and gives up after 30 s. Waited for, that would keep a worker from its
    partitions for as long as its watchdog lets it.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            await client.stop()
    except Exception:
        return
