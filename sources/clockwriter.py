"""Clocks for agencies whose feed cannot write its own: once a second, the present, to every partition."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from schemas.agency import Agency
from schemas.errors import WatchroomError
from schemas.settings import Settings
from sources.replay import SystemTime
from sources.writer import Writer

PERIOD_S = 1.0
_RETRY_S = 2.0

_log = logging.getLogger(__name__)


def fed_directly(agencies: Mapping[str, Agency]) -> list[tuple[str, str]]:
    """(agency, source) of every source whose file says ``clock = "watchroom"``."""
    return [(a.id, s.id) for a in agencies.values() for s in a.sources if s.clock == "watchroom"]


def run(
    settings: Settings,
    agencies: Mapping[str, Agency],
    stop: threading.Event,
    *,
    open_writer: Callable[[str], Writer] = Writer,
) -> None:
    """Write clocks until told to stop; a Kafka that is away for a while is waited for.

    Args:
        settings: ``broker`` must say where Kafka is.
        agencies: all of them; those without such a source cost nothing.
        stop: ends it, within about a second.
        open_writer: makes a writer from bootstrap servers.
    """
    sources = fed_directly(agencies)
    while sources and not stop.is_set():
        try:
            with open_writer(settings.broker) as writer:
                _tick(writer, sources, stop)
        except WatchroomError as exc:
            _log.warning("clock writer: %s; trying again", exc.message)
            stop.wait(_RETRY_S)


def _tick(writer: Writer, sources: list[tuple[str, str]], stop: threading.Event) -> None:
    world = SystemTime()
    following = world.monotonic()
    while not stop.is_set():
        now = world.now()
        for agency_id, source_id in sources:
            writer.clock(agency_id, source_id, now)
        writer.flush()
        # After a pause of the machine the clock goes on from the present; nothing is made up for.
        following = max(following + PERIOD_S, world.monotonic())
        stop.wait(following - world.monotonic())
