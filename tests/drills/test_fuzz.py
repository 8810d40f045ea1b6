"""The short forms of the fuzzing: what can't be read is named, nothing stops. ``fuzz.py`` is the long one."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.errors import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput, ConfigurationError, Lost
from sources.mapping import Mapper
from sources.problems import Problem
from sources.profile import find_profile, load_profile
from sources.reading import Export, OpenFile, positions
from tests.core.driver import Floor
from tests.core.effort import examples
from tests.drills import fuzz
from tests.drills.bad_bytes import bad_bytes
from tests.pipeline.kit import week
from tests.transport.test_fetch import drained, fetch_result, logs

SFFD = find_profile("sffd")
ROWS = b"".join(week().read_bytes().splitlines(keepends=True)[:40])


def test_bad_inputs_are_all_found_again() -> None:
    """Four thousand bad inputs through decoding and both stages: each a dead letter by name, or joined."""
    tally = fuzz.fuzz(4_000, seed=1, batch=250)

    assert tally.inputs == 4_000
    assert tally.became.total() == 4_000
    assert {"not_json", "invalid", "not_utf8", "unknown_kind", "joined", "absorbed"} <= tally.became.keys()


def test_the_fuzzing_notices_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can fail: a partition that forgets its dead letters of one reason is found out."""
    start = Floor._start_one

    def forgetful(floor: Any, partition: int) -> Any:
        logic: Any = start(floor, partition)
        kept = logic._bury
        logic._bury = lambda *said: None if said[3].value == "empty" else kept(*said)
        return logic

    monkeypatch.setattr(Floor, "_start_one", forgetful)

    with pytest.raises(fuzz.Broken, match="neither joined nor a dead letter"):
        fuzz.fuzz(4_000, seed=1, batch=250)


def read_export(content: bytes) -> tuple[int, list[Problem]]:
    """An export of these bytes, read and mapped whole: how many events, and what is wrong with it."""
    said, problems = 0, []
    file = OpenFile("export.csv", io.BufferedReader(io.BytesIO(content)), lambda: 0.0)
    export = Export(file, SFFD.file)
    mapper = Mapper(SFFD, positions(export, SFFD), "sffd", "export")
    for row in export.rows():
        if isinstance(row, Problem):
            problems.append(row)
            continue
        mapped = mapper(row)
        said += len(mapped.drafts)
        problems += mapped.problems
    return said, problems


@st.composite
def damaged(draw: st.DrawFn, content: bytes, times_max: int = 6) -> bytes:
    """Bytes with bits flipped, pieces cut out, put in twice, or replaced."""
    raw = bytearray(content)
    for _ in range(draw(st.integers(1, times_max))):
        if not raw:
            break
        at = draw(st.integers(0, len(raw) - 1))
        end = min(len(raw), at + draw(st.integers(0, 200)))
        sort = draw(st.integers(0, 3))
        if sort == 0:
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif sort == 1:
            del raw[at:end]
        elif sort == 2:
            raw[at:at] = raw[at:end]
        else:
            raw[at:end] = draw(st.binary(max_size=20)) + draw(
                st.sampled_from((b'"', b",", b"\n", b"\r", b""))
            )
    return bytes(raw)


@examples(60)
@given(content=damaged(ROWS))
def test_a_damaged_export_is_read_as_far_as_it_can_be(content: bytes) -> None:
    """A damaged file is one sentence, or its rows are read and each bad one is named; no more is raised."""
    said, problems, refused = 0, list[Problem](), ""
    try:
        said, problems = read_export(content)
    except BadInput as exc:
        refused = exc.message

    assert refused.startswith("export.csv:") if refused else said or problems
    assert all(problem.detail and problem.line > 0 for problem in problems)


def test_the_export_without_damage_has_no_problem() -> None:
    """The rows that the others are made of are good ones."""
    said, problems = read_export(ROWS)

    assert said > 200
    assert problems == []


@examples(60)
@given(content=damaged((Path(fuzz.__file__).parents[2] / "sources" / "profiles" / "sffd.toml").read_bytes()))
def test_a_damaged_profile_is_one_sentence(content: bytes) -> None:
    """A profile that is no profile is refused in words that name the file; nothing else is raised."""
    path = Path(fuzz.__file__).parent / "damaged.toml"
    path.write_bytes(content)
    refused = path.name
    try:
        load_profile(path)
    except ConfigurationError as exc:
        refused = exc.message
    finally:
        path.unlink()

    assert path.name in refused


@examples(150)
@given(
    log=logs(),
    isolation=st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]),
    records_max=st.integers(1, 8),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=4),
)
def test_a_damaged_fetch_is_lost_or_refused(
    log: tuple[bytes, list[tuple[int, int]], int],
    isolation: int,
    records_max: int,
    flips: list[tuple[int, int]],
) -> None:
    """Bits flipped in what a fetch brought, after the fields that no checksum covers: never read as records.

    The first 21 bytes of a record batch (offset, length, epoch, magic, checksum) are outside its checksum;
    TCP's own covers them. What lies behind must be read as it was or be refused.
    """
    raw, aborted, start = log
    covered = covered_bytes(raw)
    broken = bytearray(raw)
    for at, bit in flips:
        broken[covered[at % len(covered)]] ^= 1 << bit
    if bytes(broken) == raw:
        return

    with pytest.raises((Lost, KafkaError)):
        drained(fetch_result(bytes(broken), start, isolation, aborted), records_max)


def covered_bytes(raw: bytes) -> list[int]:
    """The places of bytes that are under a record batch's checksum."""
    places, at = list[int](), 0
    while at < len(raw):
        size = 12 + int.from_bytes(raw[at + 8 : at + 12], "big")
        places += range(at + 21, at + size)
        at += size
    return places


def test_bad_bytes_are_the_same_for_the_same_seed() -> None:
    """A failure can be made again."""
    first, second = (
        [bad_bytes(chance) for _ in range(300)] for chance in (random.Random("7"), random.Random("7"))
    )

    assert first == second
    assert len(set(first)) > 250
