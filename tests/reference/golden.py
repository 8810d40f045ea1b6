"""The golden figures of the San Francisco week (DEFINITIONS.md, 7), and whatever is asked of them.

They stand in ``tests/golden/sf_week_golden.json`` and nowhere else. The product's figures are compared as it
publishes them: dicts of the topic ``figures``, or of ``watchroom figures --json``. Nothing of the product is
imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.reference.compare import Figure, compare

Record = dict[str, Any]

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "sf_week_golden.json").read_text(encoding="utf-8")
)
WITH_TARGET = tuple(GOLDEN["standing_breaches"])

LIVE: list[Figure] = [f for f in GOLDEN["figures"] if "as_of" not in f["scope"]]
"""What stands at the end: the whole file (which is what 30 days hold then), the day, two station areas."""

KNOWN: list[Figure] = [f for f in GOLDEN["figures"] if "as_of" in f["scope"]]
"""The last day and the last hour, as known now for an instant."""

(AS_OF,) = {f["scope"]["as_of"] for f in KNOWN}
ASK_KNOWN = (
    "figures", "--agency", "sffd", "--as-of", AS_OF, "--json", "--mode", "any", "--window", "24h",
    "--window", "1h",
)  # fmt: skip
"""The command that prints what ``KNOWN`` is compared with."""


def golden(interval: str, mode: str = "EMERGENT") -> Figure:
    """The golden figure of the whole file."""
    (found,) = (
        f for f in LIVE if (f["scope"], f["interval"], f["mode"]) == ({"window": "all"}, interval, mode)
    )
    return found


def differences(wanted: list[Figure], published: Iterable[Record]) -> list[str]:
    """One line for each difference of the product's figures from these golden ones."""
    found = {_series(f): f for f in published if f["agency_id"] == "sffd"}
    answers = ((g, found.get(_wanted_series(g))) for g in wanted)
    return compare(wanted, [_in_shape(g, record) for g, record in answers if record is not None])


def _series(figure: Record) -> tuple[str, ...]:
    return tuple(figure[name] for name in ("window", "by", "group", "interval", "mode"))


def _wanted_series(figure: Figure) -> tuple[str, ...]:
    """Under which window and group the product publishes it."""
    scope = figure["scope"]
    whole = {"all": "30d", "day": f"day:{scope.get('date')}"}
    window = whole.get(scope["window"], scope["window"].replace(" ", ""))
    by, group = ("station_area", scope["station_area"]) if "station_area" in scope else ("all", "all")
    return window, by, group, figure["interval"], figure["mode"]


def _in_shape(figure: Figure, record: Record) -> Figure:
    """What the product says, named as the golden one; a record leaves out what is nothing."""
    return {
        **{name: figure[name] for name in ("scope", "interval", "mode")},
        **{name: record.get(name, 0) for name in ("n", "p50", "p90", "p95")},
        "within": record.get("within", 0) if record.get("bound") else None,
        "excluded": record.get("excluded", {}),
    }


def target_differences(published: Iterable[Record]) -> list[str]:
    """Likewise of standing breaches and of both compliances, of the whole file."""
    found = {_series(f): f for f in published if f["agency_id"] == "sffd"}
    said = []
    for interval in WITH_TARGET:
        figure = found.get(_wanted_series(golden(interval)), {})
        within, bound = figure.get("within", 0), figure.get("bound", 0)
        for name, value in (
            ("standing_breaches", figure.get("standing", {})),
            ("compliance_late_included", [within, bound + figure.get("late", 0)]),
        ):
            if value != GOLDEN[name][interval]:
                said.append(f"{name} of {interval}: golden {GOLDEN[name][interval]}, produced {value}")
    return said
