"""From where on a topic is needed for what is held of it, as of when this was last asked.

What was said since may be in a transaction that is yet aborted: whoever starts anew before it is said again
must find what stood before it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)


class Needed(Generic[_Key]):
    """Where what is held stands in its topic, by key; the columns keep the same of records, as arrays."""

    def __init__(self) -> None:
        self._now: dict[_Key, int] = {}
        self._then: dict[_Key, int] = {}

    def stands(self, key: _Key, since: int) -> None:
        """What a key says stands at this offset, or after it."""
        self._now[key] = since
        self._then.setdefault(key, since)

    def drop(self, key: _Key) -> None:
        """It is no longer held."""
        del self._now[key], self._then[key]

    def first(self) -> int | None:
        """The first offset at which something stood when this was last asked; None where nothing did."""
        first = min(self._then.values(), default=None)
        self._then = dict(self._now)
        return first
