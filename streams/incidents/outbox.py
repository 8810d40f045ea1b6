"""What a batch has to send at once: records for partitions of topics, and dead letters with their reasons."""

from __future__ import annotations

from schemas.vocabulary import DeadLetterReason
from streams.incidents.layout import Layout
from streams.stage import Headers, Pair, Send


class Outbox:
    """What a partition is about to send."""

    __slots__ = ("_dead", "_layout", "_out", "_partition")

    def __init__(self, partition: int, layout: Layout) -> None:
        self._partition = partition
        self._layout = layout
        self._out: dict[tuple[str, int], list[Pair]] = {}
        self._dead: list[tuple[Pair, Headers]] = []

    def to(self, topic: str, partition: int) -> list[Pair]:
        """What goes to a partition of a topic, to be added to."""
        return self._out.setdefault((topic, partition), [])

    def bury(
        self, value: bytes | None, offset: int, append_ms: int, reason: DeadLetterReason, detail: str
    ) -> None:
        """Keep an event that could not be joined, untouched, with its reason and origin."""
        key = f"{self._layout.events}/{self._partition}/{offset}"
        self._dead.append(((key.encode(), value or b""), self._headers(offset, append_ms, reason, detail)))

    def bury_look(self, key: str, offset: int, append_ms: int, defect: str) -> None:
        """Tell of a look that a defect of ours ended, under the key of the incident: no event was lost by it.

        So it is a dead letter without a body, and no event of the count law.
        """
        detail = f"a look at the clocks of {key}: {defect}"
        headers = self._headers(offset, append_ms, DeadLetterReason.INTERNAL, detail)
        self._dead.append(((key.encode(), b""), headers))

    def _headers(self, offset: int, append_ms: int, reason: DeadLetterReason, detail: str) -> Headers:
        return (
            ("reason", reason.value.encode()),
            ("detail", detail[:500].encode(errors="replace")),
            ("topic", self._layout.events.encode()),
            ("partition", str(self._partition).encode()),
            ("offset", str(offset).encode()),
            ("append_ms", str(append_ms).encode()),
        )

    def collect(self) -> list[Send]:
        """All of it; nothing is left."""
        sends = [Send(topic, partition, pairs) for (topic, partition), pairs in self._out.items() if pairs]
        if self._dead:
            pairs, headers = zip(*self._dead, strict=True)
            sends.append(Send(self._layout.dead_letters, self._partition, list(pairs), list(headers)))
        self._out, self._dead = {}, []
        return sends
