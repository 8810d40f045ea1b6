"""Compare the synthetic city with San Francisco's week: write docs/generator.svg and print the figures.

.venv-bench/bin/python tools/plot_city.py      (matplotlib comes with `make bench`)
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from schemas.times import DAY, MINUTE, moment, parse
from sources.profile import find_profile
from sources.simulation.city import City, Plan, Said
from tools.city_week import Call, heard, percentile, spans, week

TARGET = Path(__file__).resolve().parent.parent / "docs" / "generator.svg"
DAYS, SEED = 56, 7
REAL, MADE = "#1f77b4", "#ff7f0e"
SHOWN = ("call_taking", "dispatching", "turnout", "travel", "travel_first_due", "total_response",
         "scene_time", "hospital_turnaround", "commitment")  # fmt: skip


def simulated() -> list[Call]:
    """Eight weeks of the city, as busy as San Francisco."""
    zone = find_profile("sffd").zone
    plan = Plan("simcity", "cad", zone, parse("2026-01-05T00:00:00-08:00"), 445, DAYS, SEED)
    return heard(event for item in City(plan).stream() if isinstance(item, Said) for event in item.events)


def shares(calls: Sequence[Call], of: Callable[[Call], Any]) -> dict[Any, float]:
    """Percent of the calls."""
    return {key: 100 * n / len(calls) for key, n in Counter(map(of, calls)).items()}


def _bars(axes: Any, both: Sequence[dict[Any, float]], names: Sequence[Any], title: str) -> None:
    real, made = both
    at = range(len(names))
    axes.bar([a - 0.2 for a in at], [real.get(n, 0) for n in names], 0.4, color=REAL)
    axes.bar([a + 0.2 for a in at], [made.get(n, 0) for n in names], 0.4, color=MADE)
    axes.set_xticks(list(at), [str(n)[:14] for n in names], rotation=45 if len(str(names[0])) > 3 else 0,
                    ha="right" if len(str(names[0])) > 3 else "center", fontsize=7)  # fmt: skip
    axes.set_title(title, fontsize=9)
    axes.set_ylabel("% of calls", fontsize=8)


def _rhythm(axes: Any, real: Sequence[Call], made: Sequence[Call]) -> None:
    zone = find_profile("sffd").zone
    for calls, days, color in ((real, 8, REAL), (made, DAYS, MADE)):
        hours = Counter(moment(c.arrival).astimezone(zone).hour for c in calls)
        axes.stairs([hours[h] / days for h in range(24)], range(25), color=color, linewidth=1.3)
    axes.set_title("calls an hour, by hour of the day", fontsize=9)


def _days(axes: Any, real: Sequence[Call], made: Sequence[Call]) -> None:
    zone = find_profile("sffd").zone
    for calls, color, shift in ((real, REAL, -0.2), (made, MADE, 0.2)):
        moments = [moment(c.arrival).astimezone(zone) for c in calls]
        counts = Counter(local.weekday() for local in moments)
        seen = Counter(date.weekday() for date in {local.date() for local in moments})
        axes.bar(
            [d + shift for d in range(7)], [counts[d] / max(1, seen[d]) for d in range(7)], 0.4, color=color
        )
    axes.set_xticks(range(7), ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"])
    axes.set_title("calls a day (the real Sunday is New Year's Day)", fontsize=9)


def _curve(axes: Any, name: str, real: dict[str, list[int]], made: dict[str, list[int]]) -> None:
    for values, color in ((real[name], REAL), (made[name], MADE)):
        axes.plot(
            [percentile(values, p) / 60 for p in range(1, 100)], range(1, 100), color=color, linewidth=1.3
        )
    axes.set_title(name, fontsize=9)
    axes.set_xlabel("minutes", fontsize=8)


def draw(real: list[Call], made: list[Call]) -> None:
    """The picture."""
    import matplotlib  # of the bench environment alone

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "watchroom"
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(5, 3, figsize=(11, 14), layout="constrained")
    axes = iter(grid.flat)
    _rhythm(next(axes), real, made)
    _days(next(axes), real, made)
    count = [shares(calls, lambda c: len(c.units)) for calls in (real, made)]
    _bars(next(axes), count, range(1, 9), "units sent to a call")
    for of, title in (
        (lambda c: c.type, "types"),
        (lambda c: (c.mode[0], c.priority), "mode, final priority"),
    ):
        both = [shares(calls, of) for calls in (real, made)]
        _bars(next(axes), both, sorted(both[0], key=lambda k: -both[0][k])[:10], title)
    ranked = [sorted(shares(calls, lambda c: c.area).values(), reverse=True) for calls in (real, made)]
    _bars(next(axes), [dict(enumerate(r, 1)) for r in ranked], range(1, 47), "stations, busiest first")
    grid.flat[5].set_xticks([0, 9, 19, 29, 39], [1, 10, 20, 30, 40])
    ours, theirs = spans(real, "EMERGENT"), spans(made, "EMERGENT")
    for name in SHOWN:
        _curve(next(axes), name, ours, theirs)
    for one in grid.flat:
        one.tick_params(labelsize=7)
        one.grid(alpha=0.3)
    for one in grid[2:, 0]:
        one.set_ylabel("% of EMERGENT at most", fontsize=8)
    days = (real[-1].arrival - real[0].arrival + MINUTE) / DAY
    figure.suptitle(
        f"Blue: San Francisco, {days:.0f} days of it, {len(real):,} calls."
        f" Orange: the synthetic city, {DAYS} days, seed {SEED}, {len(made):,} calls.",
        fontsize=10,
    )
    figure.savefig(TARGET, metadata={"Date": None})


def main() -> None:
    """Draw, and print."""
    real, made = week(), simulated()
    for mode in ("EMERGENT", "NON_EMERGENT"):
        ours, theirs = spans(real, mode), spans(made, mode)
        n = [sum(c.mode == mode for c in calls) for calls in (real, made)]
        for name in SHOWN:
            a, b = ours[name], theirs[name]
            figures = "  ".join(f"{percentile(a, p):>5} {percentile(b, p):>5}" for p in (50, 90, 95))
            print(f"{mode:<13}{name:<20}{len(a) / n[0]:>6.2f}{len(b) / n[1]:>6.2f}  {figures}")
    if "--print" not in sys.argv:
        draw(real, made)
        print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
