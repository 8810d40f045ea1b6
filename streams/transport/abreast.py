"""Topics that one partition's logic reads together are read abreast: whichever is behind goes first.

Left alone, each topic brings a fetch in turn, however much time its records cover: over a backlog the topic
of fewer records runs ahead, days of it are held because another topic's clock is not there yet, and every
look at what is held costs more. As in Kafka Streams, what was appended first goes first; the broker stamps
what it appends, and a stage's results are appended together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiokafka import TopicPartition

from streams.stage import RecordBatch

SLACK_MS = 1_000
"""How far a topic may be ahead of its slowest: nobody waits for anybody where both are read as they come."""


class Abreast:
    """How far each topic of a partition has been handed out, by the broker's stamps.

    Attributes:
        waiting: what the last look held back.
    """

    def __init__(self) -> None:
        self.waiting: frozenset[TopicPartition] = frozenset()
        self._reached: dict[TopicPartition, tuple[int, int]] = {}

    def handed_out(self, where: TopicPartition, batch: RecordBatch) -> None:
        """Note a batch that goes to its logic."""
        if batch.stamps:
            self._reached[where] = (batch.end, batch.stamps[-1][1])
        elif where in self._reached:
            self._reached[where] = (batch.end, self._reached[where][1])

    def ahead(
        self,
        places: Iterable[TopicPartition],
        position: Callable[[TopicPartition], int | None],
        has_more: Callable[[TopicPartition], bool],
    ) -> frozenset[TopicPartition]:
        """The places that wait for another topic of their partition.

        Args:
            places: what is read.
            position: where reading of a place goes on; None where that is not known yet.
            has_more: whether the log has records after it, as far as the last fetch told.

        Returns:
            Never all places of a partition that have more.
        """
        reached: dict[int, dict[TopicPartition, int]] = {}
        least: dict[int, int] = {}
        for place in places:
            end, stamp = self._reached.get(place, (None, 0))
            if end is None or end != position(place):
                stamp = 0  # it was sought to, or never read: nothing is known of it, so it goes first
            reached.setdefault(place.partition, {})[place] = stamp
            if has_more(place):
                least[place.partition] = min(stamp, least.get(place.partition, stamp))
        self.waiting = frozenset(
            place
            for partition, stamps in reached.items()
            if len(stamps) > 1 and partition in least
            for place, stamp in stamps.items()
            if stamp > least[partition] + SLACK_MS
        )
        return self.waiting
