"""The simulated city with a mediation unit: the same bytes for a seed, marked, and never ahead of time."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

from schemas.agency import load_agency
from schemas.times import DAY, HOUR, Micros, parse
from sources.lines import Lines
from sources.mediation_city.city import Plan
from sources.mediation_city.sending import send

ROOT = Path(__file__).resolve().parents[2]
AGENCY = load_agency(ROOT / "deploy" / "agencies" / "dayton-sim.toml")
PLAN = Plan(AGENCY, date(2025, 6, 3), 2, 1, background_percent=10)
END = parse("2025-06-05T04:00:00Z")
"""The midnight after its last day."""


class At:
    """A time that stands still."""

    def __init__(self, now: Micros) -> None:
        self._now = now

    def now(self) -> Micros:
        """The present."""
        return self._now

    def monotonic(self) -> float:
        """No time passes."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Nobody waits."""
        raise AssertionError(f"waited {seconds} s")


def said(plan: Plan, now: Micros) -> bytes:
    """What it writes."""
    out = io.BytesIO()
    send(plan, Lines(out), At(now))
    return out.getvalue()


def test_the_same_seed_gives_the_same_bytes() -> None:
    """And another one others; every event says that it is simulated."""
    later = END + 40 * DAY
    written = said(PLAN, later)
    events = [json.loads(line) for line in written.splitlines()]

    assert written == said(PLAN, later)
    assert written != said(PLAN._replace(seed=2), later)
    assert {"mediation", "mediation_unit", "mediation_outcome", "milestone", "change", "clock"} <= {
        event["kind"] for event in events
    }
    assert all(event["simulated"] is True for event in events if event["kind"] != "clock")


def test_what_has_not_happened_yet_is_not_said() -> None:
    """Goal: a city up to yesterday writes nothing that stage one would refuse as in the future.

    Method: the last calls still have something to say hours after midnight; the present is an hour after it.
    """
    now = END + HOUR
    whole, so_far = said(PLAN, END + 40 * DAY), said(PLAN, now)
    times = [
        parse(event.get("recorded_at") or event.get("occurred_at") or event["time"])
        for event in map(json.loads, so_far.splitlines())
    ]

    assert len(so_far) < len(whole)
    assert whole.startswith(so_far)
    assert max(times) <= now
