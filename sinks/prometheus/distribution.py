"""A figure's histogram as cumulative buckets, for Grafana's heatmap.

Their label is ``at_most``: Prometheus keeps ``le`` for histograms that only grow, and these forget. A query
that wants ``le`` makes it: ``label_replace(..., "le", "$1", "at_most", "(.+)")``.

Stage two sends the histogram once a minute in bins of one second; the edges are the standards' limits and
round numbers between them, so that a bucket's border is a limit that somebody is held to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate

EDGES_S = (15, 30, 45, 60, 80, 106, 120, 150, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 3600, 7200)
WINDOW = "24h"
"""The one window whose distribution is exported."""


def buckets(histogram: Mapping[int, int]) -> Iterator[tuple[str, int]]:
    """Upper edge and how many values are at or under it, the last of them ``+Inf``.

    >>> list(buckets({60: 2, 61: 1, 9000: 1}))[3:6], list(buckets({60: 2, 61: 1, 9000: 1}))[-1]
    ([('60', 2), ('80', 3), ('106', 3)], ('+Inf', 4))
    """
    counts = [0] * (len(EDGES_S) + 1)
    for seconds, count in histogram.items():
        counts[bisect_left(EDGES_S, seconds)] += count
    yield from zip((*map(str, EDGES_S), "+Inf"), accumulate(counts), strict=True)
