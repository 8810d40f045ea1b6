"""Label values are data: cleaned, and bounded in number, so that a bad feed can't fill Prometheus."""

from __future__ import annotations

import unicodedata
from collections import Counter

LENGTH_MAX = 64
VALUES_MAX = 200
EMPTY = "(empty)"


def clean(value: str) -> str:
    r"""A value as a label: no control or format characters, no runs of blanks, at most 64, never empty.

    An empty label is no label to Prometheus, so nothing becomes ``(empty)``.

    >>> clean(" Station\x00 03\n"), clean("\x1b[31m"), clean("\u202e"), clean("a" * 70)[-3:]
    ('Station 03', '[31m', '(empty)', 'aa…')
    """
    kept = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in value[: 4 * LENGTH_MAX])
    text = " ".join(kept.split())
    if len(text) > LENGTH_MAX or len(value) > 4 * LENGTH_MAX:
        text = text[: LENGTH_MAX - 1] + "…"
    return text or EMPTY


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Refusals:
    """What the exporter did not show, counted; kept over generations, for its counters must not fall."""

    def __init__(self) -> None:
        self.labels: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()


class Bounds:
    """At most so many values of a label at once, in each scope; one leaves with the last that holds it."""

    def __init__(self, refusals: Refusals, values_max: int = VALUES_MAX) -> None:
        self._values_max = values_max
        self._refusals = refusals
        self._held: dict[tuple[str, ...], Counter[str]] = {}

    def hold(self, scope: tuple[str, ...], value: str) -> bool:
        """Hold a value of the label ``scope[0]``; False, and counted, where it would be one too many."""
        values = self._held.setdefault(scope, Counter())
        if value not in values and len(values) >= self._values_max:
            self._refusals.labels[scope[0]] += 1
            return False
        values[value] += 1
        return True

    def release(self, scope: tuple[str, ...], value: str) -> None:
        """Give back one ``hold``."""
        values = self._held[scope]
        values[value] -= 1
        if values[value] <= 0:
            del values[value]
        if not values:
            del self._held[scope]
