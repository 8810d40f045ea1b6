"""The agency's calendar: which day, shift and month an instant belongs to, local time (DEFINITIONS.md, 4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from schemas.agency import Agency
from schemas.times import HOUR, Micros, micros, moment

_FIRST: Micros = micros(datetime(2, 1, 1, tzinfo=UTC))
_LAST: Micros = micros(datetime(9998, 1, 1, tzinfo=UTC))


class Period(NamedTuple):
    """A calendar window: its name as in a series, and the instant at which it is over."""

    name: str
    end: Micros


class Calendar:
    """Days, shifts and months of one agency. Asked for every record, so answers are kept by the hour."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency
        self._kept: dict[int, tuple[Period, Period, Period] | None] = {}

    def periods(self, instant: Micros) -> tuple[Period, Period, Period]:
        """The day, the shift and the month an instant falls in.

        Local time ends with the years 1 and 9999: what lies there counts as the first or last of those
        between.
        """
        instant = min(max(instant, _FIRST), _LAST)
        hour = instant // HOUR
        kept = self._kept.get(hour)
        if kept is None:
            kept = self._of(hour * HOUR)
            whole = self._of(hour * HOUR + HOUR - 1) == kept
            if len(self._kept) > 100_000:
                self._kept.clear()
            if not whole:
                # A shift or a day begins within this hour (zones off the hour, shifts at half past): ask each
                # time.
                return self._of(instant)
            self._kept[hour] = kept
        return kept

    def whole(self, hour: int) -> bool:
        """Whether all of an hour (since the epoch) that was asked about falls into the same three."""
        return hour in self._kept

    def _of(self, instant: Micros) -> tuple[Period, Period, Period]:
        local = moment(instant).astimezone(self._agency.zone)
        day = local.date()
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return (
            Period(f"day:{day.isoformat()}", self._midnight(day + timedelta(days=1))),
            self._shift(instant, local),
            Period(f"month:{first.isoformat()[:7]}", self._midnight(following)),
        )

    def _midnight(self, day: date) -> Micros:
        return micros(datetime(day.year, day.month, day.day, tzinfo=self._agency.zone))

    def _shift(self, instant: Micros, local: datetime) -> Period:
        """The last start of a shift not after the instant, and the start after it."""
        day = local.date()
        starts = []
        for offset in (-1, 0, 1, 2):
            on = day + timedelta(days=offset)
            for at in self._agency.rules_at(instant).shifts.starts:
                start = datetime.combine(on, at, self._agency.zone)
                starts.append((micros(start), start.strftime("%Y-%m-%dT%H:%M")))
        starts.sort()
        index = max(i for i, (start, _) in enumerate(starts) if start <= instant)
        return Period(f"shift:{starts[index][1]}", starts[index + 1][0])
