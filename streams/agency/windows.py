"""The calendar periods that an agency's book holds, as codes: opened by a call, dropped when long over."""

from __future__ import annotations

from schemas.agency import Agency
from schemas.series import CALENDAR
from schemas.times import DAY, HOUR, Micros
from streams.agency.periods import Calendar

PERIOD_KEPT: Micros = 31 * DAY
"""How long after its end a calendar period's figures are kept: never longer than the records it is made
of.
"""


class Windows:
    """Codes of calendar periods; a code that is given back serves another period.

    Attributes:
        codes: name to code, of all that are held.
        ends: code to when the period is over.
    """

    def __init__(self, agency: Agency) -> None:
        self.codes: dict[str, int] = {}
        self.ends: dict[int, Micros] = {}
        self._names: list[str] = []
        self._free: list[int] = []
        self._calendar = Calendar(agency)
        self._by_hour: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._names)

    def name(self, code: int) -> str:
        """The period's name."""
        return self._names[code]

    def of(self, call_at: Micros, clock: Micros | None) -> tuple[int, ...]:
        """The codes of a call's day, shift and month; -1 for one long past, which is not opened again."""
        hour = call_at // HOUR
        found = self._by_hour.get(hour)
        if found is None:
            found = tuple(
                -1 if clock is not None and end + PERIOD_KEPT <= clock else self._code(name, end)
                for name, end in self._calendar.periods(call_at)
            )
            if self._calendar.whole(hour):
                self._by_hour[hour] = found
        return found

    def _code(self, name: str, end: Micros) -> int:
        code = self.codes.get(name)
        if code is None:
            if self._free:
                code = self._free.pop()
                self._names[code] = name
            else:
                code = len(self._names)
                self._names.append(name)
            self.codes[name], self.ends[code] = code, end
        return code

    def moved(self) -> None:
        """The clock has moved: what was held may be long past now."""
        self._by_hour.clear()

    def past(self, clock: Micros) -> list[tuple[str, int]]:
        """Name and code of the periods that are no longer kept."""
        return [(name, code) for name, code in self.codes.items() if self.ends[code] + PERIOD_KEPT <= clock]

    def drop(self, name: str) -> None:
        """Give a period's code back."""
        code = self.codes.pop(name)
        del self.ends[code]
        self._free.append(code)
        self._by_hour.clear()


def kind(name: str) -> int:
    """Which of ``CALENDAR`` a period is."""
    return CALENDAR.index(name.split(":", 1)[0])
