"""The benchmark itself: peers get the real work, what is counted can be, the page keeps its sections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import city, load, page
from bench.peers.clockwork import Count
from bench.peers.core import pack, step, unpack
from bench.setting import Bench
from schemas.decoding import decode
from schemas.keys import incident_key
from schemas.records import ResponseRecord, decode_result
from schemas.settings import load_settings
from sources.draft import Renderer
from streams.incidents.state import Incident


def test_what_peers_compute_is_san_franciscos_week() -> None:
    """Event by event, the state packed and opened between as an engine's store does: the golden turnout."""
    render = Renderer("sffd", "export")
    states: dict[str, bytes] = {}
    told: dict[bytes, bytes] = {}
    for offset, draft in enumerate(load.week()):
        key = incident_key("sffd", draft.incident_id)
        known = states.get(key)
        incident, outputs = step(None if known is None else unpack(known), render(draft), 0, offset)
        assert incident is not None
        states[key] = pack(incident)
        told |= dict(outputs)
    responses = [r for r in map(decode_result, told.values()) if isinstance(r, ResponseRecord)]
    emergent = [r for r in responses if r.place is not None and r.place.mode == "EMERGENT"]
    values = sorted(m.value for r in emergent if (m := r.intervals["turnout"]).measured)

    assert len(responses) == 7704
    assert len(values) == 4929
    assert values[-(-90 * 4929 // 100) - 1] == 132


def test_what_is_no_event_of_an_incident_changes_nothing() -> None:
    """A clock, and bytes that are no event."""
    incident = Incident("sffd", "1")
    clock = b'{"kind":"clock","agency_id":"sffd","source_id":"export","time":"2017-01-01T00:00:00Z"}'

    assert step(incident, clock, 0, 1) == (incident, [])
    assert step(None, b"nothing", 0, 1) == (None, [])


def test_the_simple_city_can_be_counted() -> None:
    """No merge, correction, second press or change of priority: each call is created once and stays."""
    events = [decode(event) for _, event in city.simple(5_000)]

    assert len(events) == 5_000
    assert {type(e).__name__ for e in events} == {"MilestoneEvent", "ChangeEvent", "DispositionEvent"}
    created = [e.incident_id for e in events if getattr(e, "name", "") == "call_create"]
    assert len(created) == len(set(created)) > 250
    assert all("type" in e.attributes or e.unit_id for e in events if type(e).__name__ == "ChangeEvent")


def test_a_peers_rate_leaves_its_start_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Counted from a tenth on; the last line is JSON."""
    count = Count(100)

    assert [count.one(2) for _ in range(100)] == [False] * 99 + [True]
    count.say()
    said = json.loads(capsys.readouterr().out)
    assert said["events"] == 100
    assert said["outputs"] == 200
    assert said["rate"] > 0


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one part wrote, another part's run leaves alone."""
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    for title, words in (("One", "first"), ("Two", "second"), ("One", "third")):
        bench = Bench(load_settings(), tmp_path, 1, 1, tmp_path)
        bench.say(words)
        page.write(title, bench)
    text = page.PAGE.read_text()

    assert text.count("## ") == 2
    assert "first" not in text
    assert text.index("third") < text.index("## Two") < text.index("second")
    assert text.startswith("# Benchmarks\n")
