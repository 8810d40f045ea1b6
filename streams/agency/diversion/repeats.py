"""Which encounters are repeats: within 30 days after one at the same place that ended well.

Well is resolved, referred or resolved by phone.

Places are keyed hashes; who lives there is not known here. Both are dated at their call.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from schemas.times import DAY, Micros

WITHIN: Micros = 30 * DAY

_At = tuple[Micros, str]


class Repeats:
    """Encounters by place."""

    def __init__(self) -> None:
        self._helped: dict[str, list[_At]] = {}
        self._there: dict[str, list[_At]] = {}

    def put(self, place: str, key: str, call_at: Micros, *, helped: bool) -> None:
        """An encounter at a place; ``helped`` if it ended well."""
        for calls in (self._there, self._helped) if helped else (self._there,):
            insort(calls.setdefault(place, []), (call_at, key))

    def take(self, place: str, key: str, call_at: Micros, *, helped: bool) -> None:
        """Take back what was put."""
        for calls in (self._there, self._helped) if helped else (self._there,):
            of_place = calls[place]
            del of_place[bisect_left(of_place, (call_at, key))]
            if not of_place:
                del calls[place]

    def is_repeat(self, place: str, call_at: Micros) -> bool:
        """Whether another at this place was helped in the 30 days before this call."""
        calls = self._helped.get(place, ())
        return bisect_left(calls, (call_at - WITHIN, "")) < bisect_left(calls, (call_at, ""))

    def after(self, place: str, call_at: Micros) -> list[str]:
        """Who is a repeat if a call at this place and time was helped: the others of the next 30 days."""
        calls = self._there.get(place, ())
        first, last = (bisect_left(calls, (at + 1, "")) for at in (call_at, call_at + WITHIN))
        return [key for _, key in calls[first:last]]
