"""Figures written: a row of numbers becomes a record, and the bytes that ``figures`` and its history hold."""

from __future__ import annotations

from schemas import keys
from schemas.definitions import EDITION
from schemas.records import FigureRecord, encode
from schemas.times import Micros
from streams.agency.contributions import EXCLUDED, MEASURED, MERGED, OPEN, REASONS, STANDINGS
from streams.agency.tabulate import CODES, FLAGGED, STANDING, SUMS

Told = tuple[bytes, bytes | None, bytes]
"""A figure that changed: its series, its bytes, and those to be kept as shown, which have no histogram.

The bytes are None where nothing is in it any more, so that its series must not stay behind; what is shown has
n = 0 then.
"""

_STANDINGS = STANDINGS[1:]


class Teller:
    """Writes the figures of one window at one instant.

    Args:
        agency_id: whose they are.
        window: which.
        as_of: the instant.
        final: of a calendar period, that only corrections will change it.
        simulated: they are made of simulated events, at least in part.
    """

    def __init__(self, agency_id: str, window: str, as_of: Micros, *, final: bool, simulated: bool) -> None:
        self._agency_id, self._part = agency_id, keys.part(agency_id)
        self._window, self._as_of = window, as_of
        self._final, self._simulated = final, simulated

    def figure(self, interval: str, mode: str, by: str, group: str, stats: list[int]) -> FigureRecord:
        """A figure from its row of ``streams.agency.tabulate.Stats``.

        Reasons and kinds of standing are in the order of the definitions.
        """
        window = self._window
        excluded, standing = stats[EXCLUDED:CODES], stats[STANDING:SUMS]
        return FigureRecord(  # by place: msgspec looks each name up
            f"{self._part}/{interval}/{mode}/{window}/{by}/{keys.part(group)}",
            self._agency_id,
            interval,
            mode,
            window,
            by,
            group,
            self._as_of,
            EDITION.edition,
            stats[MEASURED],
            stats[SUMS],
            stats[SUMS + 1],
            stats[SUMS + 2],
            stats[FLAGGED],
            stats[FLAGGED + 1],
            stats[FLAGGED + 2],
            _counts(REASONS, excluded) if any(excluded) else {},
            stats[OPEN],
            stats[MERGED],
            _counts(_STANDINGS, standing) if any(standing) else {},
            {},  # histogram
            self._final,
            self._simulated,
        )

    def tell(
        self,
        interval: str,
        mode: str,
        by: str,
        group: str,
        stats: list[int],
        gone: bool,
        histogram: dict[int, int] | None = None,
    ) -> Told:
        """Write a figure.

        Args:
            interval: its id.
            mode: of response.
            by: the breakdown.
            group: which of it.
            stats: a row of ``streams.agency.tabulate.Stats``.
            gone: nothing is in it any more.
            histogram: value to count, where it is to be sent along.
        """
        figure = self.figure(interval, mode, by, group, stats)
        shown = encode(figure)
        if gone:
            return figure.series.encode(), None, shown
        if histogram:
            figure.histogram = histogram
            return figure.series.encode(), encode(figure), shown
        return figure.series.encode(), shown, shown


def _counts(names: tuple[str, ...], counts: list[int]) -> dict[str, int]:
    """What is counted, and how often."""
    return {name: n for name, n in zip(names, counts, strict=True) if n}
