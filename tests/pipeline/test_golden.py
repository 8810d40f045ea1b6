"""The golden figures of DEFINITIONS.md, 7, out of the whole pipeline on a real Kafka."""

from __future__ import annotations

import json

import pytest

from tests.pipeline.kit import Pipeline
from tests.reference.golden import ASK_KNOWN, KNOWN, LIVE, differences, target_differences

pytestmark = pytest.mark.broker


def test_every_golden_figure_comes_out_of_the_whole_pipeline(week_replayed: Pipeline) -> None:
    """Goal: all 132 golden figures, standing breaches and both compliances.

    Method: replay the week at ``max``; read ``figures`` as a plain client, and ask the command for the two
    windows as of an instant; the comparison program knows nothing of the product.
    """
    live = list(week_replayed.plain.figures("sffd").values())
    known = [json.loads(line) for line in week_replayed.ok(*ASK_KNOWN).splitlines()]

    assert len(LIVE) + len(KNOWN) == 132
    assert differences(LIVE, live) == []
    assert differences(KNOWN, known) == []
    assert target_differences(live) == []
