"""The golden figures of DEFINITIONS.md, 7, out of the whole pipeline on a real Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.kit import Pipeline
from tests.pipeline.plain import Record
from tests.reference.compare import Figure, compare

pytestmark = pytest.mark.broker

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sf_week_golden.json").read_text())
WITH_TARGET = ("turnout", "travel_first_due")
AS_OF = "2017-01-03T18:00:00-08:00"


def asked(figures: Iterable[Record], window: str, by: str, group: str) -> dict[tuple[str, str], Record]:
    """The figures of one window and group, by interval and mode."""
    return {
        (f["interval"], f["mode"]): f
        for f in figures
        if (f["window"], f["by"], f["group"]) == (window, by, group)
    }


def as_golden(scope: dict[str, str], found: dict[tuple[str, str], Record]) -> Iterator[Figure]:
    """Figures in the shape of the golden file; one that is not published is one of nothing."""
    for golden in GOLDEN["figures"]:
        if golden["scope"] != scope:
            continue
        interval, mode = golden["interval"], golden["mode"]
        figure = found.get((interval, mode), {})
        bound = figure.get("bound") or (interval in WITH_TARGET and mode == "EMERGENT")
        percentiles = {p: figure.get(p, -1) for p in ("p50", "p90", "p95")}
        yield {
            "scope": scope,
            "interval": interval,
            "mode": mode,
            "n": figure.get("n", 0),
            **{name: value if value >= 0 else None for name, value in percentiles.items()},
            "within": figure.get("within", 0) if bound else None,
            "excluded": figure.get("excluded", {}),
            "open": figure.get("open", 0),
        }


def test_every_golden_figure_comes_out_of_the_whole_pipeline(week_replayed: Pipeline) -> None:
    """Goal: all 132 golden figures, standing breaches and both compliances.

    Method: replay the week at ``max``; read ``figures`` as a plain client (the whole file is what 30 days
    hold at its end; the local day; two station areas), and ask the command for the two windows as of an
    instant; the comparison program knows nothing of the product.
    """
    live = list(week_replayed.plain.figures("sffd").values())
    shown = week_replayed.ok(
        "figures", "--agency", "sffd", "--as-of", AS_OF, "--json", "--mode", "any", "--window", "24h",
        "--window", "1h",
    )  # fmt: skip
    known: list[dict[str, Any]] = [json.loads(line) for line in shown.splitlines()]
    answers = [
        ({"window": "all"}, asked(live, "30d", "all", "all")),
        ({"window": "all", "station_area": "03"}, asked(live, "30d", "station_area", "03")),
        ({"window": "all", "station_area": "36"}, asked(live, "30d", "station_area", "36")),
        ({"window": "day", "date": "2017-01-01"}, asked(live, "day:2017-01-01", "all", "all")),
        ({"window": "24 h", "as_of": AS_OF}, asked(known, "24h", "all", "all")),
        ({"window": "1 h", "as_of": AS_OF}, asked(known, "1h", "all", "all")),
    ]
    produced = [figure for scope, found in answers for figure in as_golden(scope, found)]

    assert len(GOLDEN["figures"]) == 132
    assert compare(GOLDEN["figures"], produced) == []
    whole = asked(live, "30d", "all", "all")
    for interval in WITH_TARGET:
        figure = whole[interval, "EMERGENT"]
        assert figure["standing"] == GOLDEN["standing_breaches"][interval]
        within, with_late = GOLDEN["compliance_late_included"][interval]
        assert (figure["within"], figure["bound"] + figure["late"]) == (within, with_late)
