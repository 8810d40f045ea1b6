"""Which figures are asked for, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.definitions import EDITION
from schemas.records import FigureRecord
from schemas.series import BREAKDOWNS, ROLLING

ANY = "any"
"""What lifts a filter."""

_INTERVALS = {interval: place for place, interval in enumerate(EDITION.intervals)}
_WINDOWS = {window: place for place, window in enumerate(ROLLING)}
_BREAKDOWNS = {by: place for place, by in enumerate(BREAKDOWNS)}


@dataclass(frozen=True, slots=True)
class Selection:
    """A question about figures; every empty tuple, and ``any``, asks for all there is.

    Attributes:
        intervals: ids.
        mode: ``EMERGENT``, ``NON_EMERGENT``, ``UNKNOWN`` or ``any``.
        by: a breakdown, or ``any``.
        groups: of the breakdown.
        windows: rolling ones, calendar periods, or kinds of them (``day``).
    """

    intervals: tuple[str, ...] = ()
    mode: str = "EMERGENT"
    by: str = "all"
    groups: tuple[str, ...] = ()
    windows: tuple[str, ...] = tuple(ROLLING)

    def fits(self, figure: FigureRecord) -> bool:
        """Whether the figure is asked for."""
        return (
            (not self.intervals or figure.interval in self.intervals)
            and self.mode in (ANY, figure.mode)
            and self.by in (ANY, figure.by)
            and (not self.groups or figure.group in self.groups)
            and (
                ANY in self.windows
                or figure.window in self.windows
                or figure.window.partition(":")[0] in self.windows
            )
        )

    def of(self, figures: Iterable[FigureRecord]) -> list[FigureRecord]:
        """The figures that are asked for, in order: interval, mode, breakdown, group, window."""
        return sorted(filter(self.fits, figures), key=_order)


def _order(figure: FigureRecord) -> tuple[object, ...]:
    return (
        _INTERVALS.get(figure.interval, len(_INTERVALS)),
        figure.interval,
        figure.mode,
        _BREAKDOWNS.get(figure.by, len(_BREAKDOWNS)),
        figure.group,
        _WINDOWS.get(figure.window, len(_WINDOWS)),
        figure.window,
    )


def has_anything(figure: FigureRecord) -> bool:
    """Whether there is more in it than exclusions: something measured, under way, or late."""
    return bool(figure.n or figure.open or figure.late or figure.standing)
