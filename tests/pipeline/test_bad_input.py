"""Bad input through a whole pipeline: a named dead letter with its bytes, or one sentence. Nothing stops."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.keys import partition_of
from tests.pipeline.kit import Pipeline, clock, press, week
from tests.pipeline.test_counts import counted

pytestmark = pytest.mark.broker
AT = "2017-05-01T10:00:00+00:00"
MB = 1_000_000


def good(**changes: Any) -> bytes:
    """A press that can be joined, changed into one that maybe can't; a change of None leaves a field out."""
    body: dict[str, Any] = json.loads(press("bad", "B1", "dispatch", AT, "E1")[1]) | changes
    return json.dumps({k: v for k, v in body.items() if v is not None}).encode()


BAD: dict[str, tuple[bytes, str]] = {
    "truncated": (good()[:-20], "not_json"),
    "no object": (b"[1, 2]", "invalid"),
    "not JSON at all": (b"E1 dispatched at ten", "not_json"),
    "two in one": (good() + good(), "not_json"),
    "deeply nested": (b"[" * 100_000, "not_json"),
    "a number for a name": (good(unit_id=7), "invalid"),
    "a list for a time": (good(occurred_at=[AT]), "invalid"),
    "no time": (good(occurred_at=None), "invalid"),
    "no incident": (good(incident_id=None), "invalid"),
    "an empty name": (good(incident_id=""), "invalid"),
    "an unknown milestone": (good(name="teleported"), "invalid"),
    "an unknown kind": (good(kind="teleport"), "unknown_kind"),
    "no kind": (good(kind=None), "unknown_kind"),
    "a newer version": (good(schema_version=2), "newer_schema_version"),
    "a naive time": (good(occurred_at="2017-05-01T10:00:00"), "naive_time"),
    "the year 9999": (good(occurred_at="9999-12-31T23:59:59Z"), "in_the_future"),
    "past the year 9999": (good(occurred_at="9999-12-31T23:59:59-12:00"), "in_the_future"),
    "a clock of the year 9999": (
        b'{"kind":"clock","agency_id":"bad","source_id":"export","time":"9999-12-31T23:59:59Z"}',
        "in_the_future",
    ),
    "the year 1": (good(occurred_at="0001-01-01T00:00:00Z"), "too_late"),
    "before the year 1": (good(occurred_at="0001-01-01T00:00:00+12:00"), "too_late"),
    "a name of 1 MB": (good(unit_id="E" * MB), "invalid"),
    "an id of 1 MB": (good(incident_id="B" * MB), "invalid"),
    "invalid UTF-8": (good().replace(b"E1", b"E\xff\xfe"), "not_utf8"),
    "a lone surrogate": (good().replace(b"E1", b"E\\ud800"), "invalid"),
    "null bytes": (b"\x00" * 100, "not_json"),
    "a null byte in a name": (good().replace(b"E1", b"E\x00"), "not_json"),
    "an unknown agency": (good(agency_id="atlantis"), "unknown_agency"),
    "an unknown source": (good(source_id="rumour"), "unknown_source"),
}
FINE: dict[str, bytes] = {
    "plain": good(),
    "an extra field of nearly 1 MB": good(event_id="x1", remarks="r" * MB),
    "a null byte, escaped": good(event_id="x2", incident_id="B\x00"),
    "a name with a slash": good(event_id="x3", incident_id="B/1"),
    "a time as a number": good(event_id="x4", occurred_at=1493632800),
}


def partition_for(town: Pipeline, value: bytes) -> int:
    """Where an event belongs, as far as it says."""
    try:
        body = json.loads(value)
        incident = str(body["incident_id"]).replace("%", "%25").replace("/", "%2F")
        return partition_of(f"{body['agency_id']}/{incident}", town.partitions)
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0


def test_each_is_a_dead_letter_with_its_reason_and_bytes(town: Pipeline) -> None:
    """Goal: every kind of bad record is dead-lettered under its name with its bytes; the rest is counted.

    Method: all of them past every check of ours, among good ones; ``dead.letters`` and ``health`` are read
    plainly, and the command lists and shows each.
    """
    town.put([clock("bad", AT)])
    arrived_before, joined_before, dead_before = counted(town.settle())
    wanted: dict[str, tuple[bytes, bytes, str]] = {}
    cases = [(value, reason) for value, reason in BAD.values()] + [(value, "") for value in FINE.values()]
    cases.insert(3, (b"", "empty"))
    partitions = [partition_for(town, value) for value, _ in cases]
    offsets = town.raw(
        [(b"any key", value, partition) for (value, _), partition in zip(cases, partitions, strict=True)]
    )
    for (value, reason), partition, offset in zip(cases, partitions, offsets, strict=True):
        if reason:
            wanted[f"incident.events/{partition}/{offset}"] = value, value, reason
    astray = (partition_of("bad/ASTRAY", town.partitions) + 1) % town.partitions
    value = good(incident_id="ASTRAY")
    (offset,) = town.raw([(b"bad/ASTRAY", value, astray)])
    wanted[f"incident.events/{astray}/{offset}"] = value, value, "wrong_partition"
    (offset,) = town.raw([(b"bad/B1", None, 0)])
    wanted[f"incident.events/0/{offset}"] = b"", b"", "empty"

    arrived, joined, dead = counted(town.settle())
    found = {
        raw.key.decode(): (raw.value, raw.headers["reason"].decode(), raw.headers)
        for raw in town.plain.log("dead.letters")
        if raw.key is not None
    }

    for key, (bytes_, _, reason) in wanted.items():
        assert key in found, (reason, bytes_[:80])
        assert found[key][:2] == (bytes_, reason), (reason, bytes_[:80], found[key][1:])
        topic, partition_said, offset_said = key.split("/")
        headers = found[key][2]
        assert (headers["topic"], headers["partition"], headers["offset"]) == (
            topic.encode(), partition_said.encode(), offset_said.encode(),
        )  # fmt: skip
        assert headers["detail"]
    assert dead - dead_before == Counter(reason for _, _, reason in wanted.values())
    assert joined - joined_before == len(FINE)
    assert arrived - arrived_before == len(wanted) + len(FINE)
    assert {"bad/B1", "bad/B\x00", "bad/B%2F1"} <= town.plain.records("bad").keys()

    listed = town.ok("dead-letters", "--limit", "1000")
    assert all(key in listed for key in wanted)
    for key, (bytes_, _, reason) in wanted.items():
        if reason in ("naive_time", "not_utf8"):
            shown = town.ok("dead-letters", "show", key, "--raw")
            assert reason in shown
            assert bytes_.decode("utf-8", "ignore")[:60] in shown.replace("\n", "")


def test_send_raw_and_send(town: Pipeline) -> None:
    """Goal: ``send --raw`` lets bad lines through to the dead letters; ``send`` says which lines are bad.

    Method: the same three lines both ways.
    """
    before = len(town.plain.log("dead.letters"))
    lines = b"\n".join([b"not json", good(event_id="y1"), b'{"kind": "teleport"}'])
    assert "3 lines" in town.ok("send", "--raw", stdin=lines)
    done = town.cli("send", stdin=lines)
    town.settle()

    assert done.returncode == 3
    assert b"line 1" in done.stderr
    assert b"line 3" in done.stderr
    assert b"Traceback" not in done.stderr
    dead = town.plain.log("dead.letters")[before:]
    assert sorted(raw.headers["reason"] for raw in dead) == [b"not_json", b"unknown_kind"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", None, "Dispatch DtTm"),
        ("changed.csv", None, "Call Number"),
        ("binary.csv", bytes(range(256)) * 40, ""),
        ("absent.csv", None, "absent.csv"),
    ],
)
def test_a_file_that_is_not_the_export_is_one_sentence(
    town: Pipeline, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    """Goal: a missing column, a changed header, an empty file: one clear sentence, a code, and nothing sent.

    Method: ``watchroom replay`` of each.
    """
    path = tmp_path / name
    lines = week().read_text().splitlines(keepends=True)[:20]
    if name == "header.csv":
        lines[0] = lines[0].replace("Dispatch DtTm,", "", 1)
    elif name == "changed.csv":
        lines[0] = lines[0].replace("Call Number", "Incident No")
    if name != "absent.csv":
        path.write_bytes(content if content is not None else "".join(lines).encode())
    before = town.plain.ends("incident.events")

    done = town.cli("replay", str(path), "-p", "sffd", "--agency", "bad", "--speed", "max")

    said = done.stderr.decode()
    assert done.returncode == 3, said
    assert says in said
    assert name in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said
    assert town.plain.ends("incident.events") == before


def test_bad_rows_are_named_and_the_others_counted(town: Pipeline, tmp_path: Path) -> None:
    """Goal: rows that can't be read are named with line, column and reason; all others are counted.

    Method: twenty rows of the week, one with a time that is none, one cut short.
    """
    lines = week().read_text().splitlines(keepends=True)[:21]
    cells = lines[5].split(",")
    lines[5] = ",".join([*cells[:8], "31/12/2016 11:00:00 PM", *cells[9:]])
    lines[9] = ",".join(lines[9].split(",")[:8]) + "\n"
    path = tmp_path / "rows.csv"
    path.write_text("".join(lines))
    arrived_before, joined_before, _ = counted(town.settle())

    done = town.cli("replay", str(path), "-p", "sffd", "--agency", "bad", "--speed", "max", "--backfill")
    arrived, joined, _ = counted(town.settle())

    assert done.returncode == 3
    assert b"line 6" in done.stderr
    assert b"line 10" in done.stderr
    assert b"Traceback" not in done.stderr
    sent = int(done.stdout.decode().split(" of ")[1].split(" events")[0].replace(",", ""))
    assert arrived - arrived_before == sent > 100
    assert joined - joined_before <= sent
