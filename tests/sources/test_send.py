"""JSON Lines: each judged, the bad reported with line and reason, the others sent."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

from schemas.times import parse
from sources.send import LINE_BYTES_MAX, Sender, Sent, lines_of
from tests.sources.makings import ListSink


def event(event_id: str = "1", **fields: Any) -> bytes:
    body = {
        "kind": "milestone",
        "event_id": event_id,
        "agency_id": "test",
        "incident_id": "7",
        "source_id": "cad",
        "occurred_at": "2017-01-01T00:00:00Z",
        "name": "call_arrival",
        **fields,
    }
    return json.dumps({k: v for k, v in body.items() if v is not None}).encode()


def send(*lines: bytes, **options: Any) -> tuple[ListSink, Sent]:
    sink = ListSink()
    sent = Sender(sink, **options).run(iter(lines))
    return sink, sent


def test_good_lines_are_sent_as_they_are() -> None:
    """Byte for byte, extra fields and all, to the partition of their incident; blank lines are no lines."""
    line = event(colour="red")

    sink, sent = send(line + b"\r\n", b"\n", event("2") + b"\n")

    assert sink.sent[:2] == [("event", "test/7", line), ("event", "test/7", event("2"))]
    assert (sent.lines, sent.events, sent.bad, sent.clocks) == (2, 2, 0, 0)


def test_bad_lines_are_reported_and_nothing_else_is_lost() -> None:
    """With number, beginning and reason: the dead letters' own names."""
    bad = [
        b"{",
        b"[]",
        b"\xff",
        event(name="lunch"),
        event(occurred_at="2017-01-01T00:00:00"),
        event(kind="gossip"),
    ]

    sink, sent = send(*[line for b in bad for line in (b, event())])

    assert sink.events == [event()] * len(bad)
    assert sent.bad == len(bad)
    assert [text.split("': ")[1].split(":")[0] for text in sent.first_bad] == [
        "not_json", "invalid", "not_utf8", "invalid", "naive_time", "unknown_kind",
    ]  # fmt: skip
    assert sent.first_bad[0].startswith("line 1, '{': not_json")
    assert sent.first_bad[1].startswith("line 3, ")


def test_absorbed_states_are_not_a_sources_to_send() -> None:
    """Stage one alone writes them."""
    line = b'{"kind":"absorbed","agency_id":"a","incident_id":"1","sender":"2","offset":1,"state":""}'

    sink, sent = send(line)

    assert sink.events == []
    assert sent.bad == 1


def test_clocks_of_the_events_are_written_at_each_flush() -> None:
    """The greatest recorded_at of each source, else the event's own time; after the events."""
    sink, sent = send(
        event("1", recorded_at="2017-01-01T00:05:00Z"),
        event("2", occurred_at="2017-01-01T00:01:00Z"),
        event("3", source_id="mdt", occurred_at="2017-01-01T00:02:00Z"),
        clock=True,
    )

    assert [s[0] for s in sink.sent] == ["event", "event", "event", "clock", "clock", "flush"]
    assert sink.sent[3:5] == [
        ("clock", "test", "cad", parse("2017-01-01T00:05:00Z")),
        ("clock", "test", "mdt", parse("2017-01-01T00:02:00Z")),
    ]
    assert sent.clocks == 2


def test_a_pause_in_the_input_flushes() -> None:
    """So that a live feed's last event gets its clock; a clock that did not move is not written again."""
    lines: Iterator[bytes | None] = iter([event(), None, None])
    sink = ListSink()

    Sender(sink, clock=True).run(lines)

    assert [s[0] for s in sink.sent] == ["event", "clock", "flush", "flush", "flush"]


def test_an_event_years_ahead_moves_no_clock() -> None:
    """It is sent and counted."""
    sink, sent = send(event(), event("2", occurred_at="2031-01-01T00:00:00Z"), clock=True)

    assert sink.clocks == [parse("2017-01-01T00:00:00Z")]
    assert (sent.events, sent.unclocked) == (2, 1)


def test_a_source_can_be_given() -> None:
    """It is written into the events that name none, and into no other."""
    sink, _ = send(event(source_id=None), event("2"), clock=True, source_id="desk")

    assert [json.loads(e)["source_id"] for e in sink.events] == ["desk", "cad"]
    assert {s[2] for s in sink.sent if s[0] == "clock"} == {"desk", "cad"}


def test_a_clock_needs_a_source() -> None:
    """An event that names none is a bad line then; without --clock it is stage one's to judge."""
    assert send(event(source_id=None), clock=True)[1].bad == 1
    assert send(event(source_id=None))[1].bad == 0


def test_clock_lines_go_to_every_partition_after_what_came_before() -> None:
    """A feed that writes its own clocks can be piped through."""
    sink, sent = send(
        event(), b'{"kind":"clock","agency_id":"test","source_id":"cad","time":"2017-01-01T00:00:01Z"}'
    )

    assert [s[0] for s in sink.sent][:3] == ["event", "flush", "clock"]
    assert (sent.events, sent.clocks) == (1, 1)


def test_raw_sends_anything() -> None:
    """Keyed where a key can be read."""
    sink, sent = send(b"{", b"\xff\x00", b'{"agency_id":"a","incident_id":"1"}', b'{"agency_id":1}', raw=True)

    assert [(s[1], s[2]) for s in sink.sent if s[0] == "event"] == [
        (None, b"{"),
        (None, b"\xff\x00"),
        ("a/1", b'{"agency_id":"a","incident_id":"1"}'),
        (None, b'{"agency_id":1}'),
    ]
    assert sent.bad == 0


def test_lines_of_a_pipe_come_as_they_come() -> None:
    """None while nothing comes; the end is the end."""
    reading, writing = os.pipe()

    def the_end() -> None:
        os.write(writing, b"two")
        os.close(writing)

    with os.fdopen(reading, "rb") as stream:
        lines = lines_of(stream, pause_s=0.05)
        os.write(writing, b"one\n")
        assert next(lines) == b"one\n"
        assert next(lines) is None
        threading.Timer(0.1, the_end).start()
        assert [line for line in lines if line is not None] == [b"two"]


def test_a_line_of_any_length_is_cut() -> None:
    """Memory is bounded; what was cut is one line, and the next is whole."""
    lines = [
        line for line in lines_of(io.BytesIO(b"x" * (3 * LINE_BYTES_MAX) + b"\nnext\n")) if line is not None
    ]

    assert [len(line) for line in lines] == [LINE_BYTES_MAX, 5]


def test_a_stop_ends_it() -> None:
    """After the line at hand, flushed."""
    sink = ListSink()

    sent = Sender(sink).run(iter([event()] * 5), lambda: len(sink.events) >= 2)

    assert sent.interrupted
    assert len(sink.events) == 2
    assert sink.sent[-1] == ("flush",)
