"""`watchroom figures` and `watchroom dead-letters` on a real Kafka, as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from schemas.errors import BadInput, WatchroomError
from schemas.records import FigureRecord, HealthRecord, encode
from schemas.settings import ROOT
from schemas.times import DAY, HOUR, MINUTE
from sinks.figures import why_none
from sinks.reading import Generation, Reader
from tests.sinks.golden import golden
from tests.sinks.house import House
from tests.sinks.makings import AS_OF, TURNOUT, figure, pair
from watchroom.cli import main_group

pytestmark = pytest.mark.broker

HOUR_TURNOUT = figure(window="1h", n=39, p50=71, p90=182, p95=190, bound=39, within=18)


def call(house: House, *words: str) -> Result:
    """Call a command as the front door does; its output goes to a file, so it is no terminal's."""
    return CliRunner().invoke(main_group, ["--broker", house.bootstrap, *words], terminal_width=100)


def said(house: House, *words: str) -> str:
    """What a command that succeeds prints."""
    result = call(house, *words)
    assert result.exception is None, result.exception
    return result.output


def error(house: House, *words: str) -> WatchroomError:
    """The error of a command that fails in words."""
    result = call(house, *words)
    assert isinstance(result.exception, WatchroomError), result.output
    return result.exception


def test_figures_as_a_table(house: House) -> None:
    """The headline: EMERGENT, all, the rolling windows; with the targets of San Francisco's own file."""
    house.put("figures", [pair(TURNOUT), pair(HOUR_TURNOUT), pair(figure(window="day:2017-01-03", n=9))])
    text = said(house, "figures")

    assert text == golden("command_figures.txt", text)


def test_figures_as_json(house: House) -> None:
    """A line a figure, the whole record, in the order of the table."""
    house.put("figures", [pair(TURNOUT), pair(HOUR_TURNOUT)])
    lines = [json.loads(line) for line in said(house, "figures", "--json").splitlines()]

    assert [(line["window"], line["n"], line["asked"]) for line in lines] == [
        ("1h", 39, "live"),
        ("24h", 570, "live"),
    ]
    assert lines[1]["compliance_late_included"] == 312 / 580


def test_figures_of_one_window_and_group(house: House) -> None:
    """The filters choose; a calendar period is asked for by its name."""
    house.put(
        "figures",
        [
            pair(TURNOUT),
            pair(figure(window="day:2017-01-03", n=9, p50=1, p90=1, p95=1)),
            pair(figure(by="station_area", group="03", n=4, p50=1, p90=1, p95=1)),
            pair(figure(by="station_area", group="36", n=5, p50=1, p90=1, p95=1)),
        ],
    )
    day = said(house, "figures", "--window", "day:2017-01-03", "--json")
    group = said(house, "figures", "--by", "station_area", "--group", "36", "--json")

    assert [json.loads(line)["n"] for line in day.splitlines()] == [9]
    assert [json.loads(line)["n"] for line in group.splitlines()] == [5]


def test_why_there_is_no_figure(house: House) -> None:
    """No worker yet, or nothing made of the events: each is said, with what would help."""
    house.put("incident.events", [("sffd/1", b"{}")])
    assert "Are the workers running" in error(house, "figures").message
    house.put("generations", [(str(house.number), None)])
    assert "no worker has run" in error(house, "figures").message


def test_no_event_is_told_from_no_worker() -> None:
    """On a topic of events that spans nothing, nothing can have been made of it."""

    class Empty(Reader):
        def sizes(self, name: str, generation: int = 0) -> int:
            return 0

    assert "no event has come in" in why_none(Empty("nowhere"), Generation(generation=1, status="current"))


def test_figures_as_shown_then(house: House) -> None:
    """Of each series the last that was shown by then, never what came later."""
    earlier = msgspec.structs.replace(TURNOUT, n=500, as_of=AS_OF - HOUR)
    gone = [figure(interval="travel", n=n, open=n, as_of=AS_OF - 2 * HOUR + n) for n in (1, 0)]
    later = msgspec.structs.replace(TURNOUT, n=600, as_of=AS_OF + HOUR)
    group = figure(by="station_area", group="03", n=4, p50=1, p90=1, p95=1, as_of=AS_OF - HOUR)
    house.put("figures", [pair(later)])
    house.put("figures.history", [pair(r) for r in (*gone, earlier, group, TURNOUT, later)])
    exact = said(house, "figures", "--shown", "2017-01-03T18:00", "--json")
    between = said(house, "figures", "--shown", "2017-01-04T01:59:59Z", "--json")

    assert [(json.loads(line)["n"], json.loads(line)["asked"]) for line in exact.splitlines()] == [
        (570, "as shown")
    ]
    assert [json.loads(line)["n"] for line in between.splitlines()] == [500]
    table = said(house, "figures", "--shown", "2017-01-03T18:30")
    assert "as shown at 2017-01-03 18:30:00 PST" in table
    assert "570" in table


def test_what_was_shown_is_not_always_kept(house: House) -> None:
    """A time before what is kept, and one that has not come, are told apart and said."""
    house.put("figures", [pair(TURNOUT)])
    assert (
        "nothing is kept of what was shown" in error(house, "figures", "--shown", "2017-01-03T18:00").message
    )
    house.put("figures.history", [pair(TURNOUT)])
    house.put(
        "health", [("agency/0", encode(HealthRecord(stage="agency", partition=0, clocks={"sffd": AS_OF})))]
    )

    assert (
        "the first that is was shown at 2017-01-04T02:00:00Z"
        in error(house, "figures", "--shown", "2017-01-03T17:59").message
    )
    assert "the agency's clock is at" in error(house, "figures", "--shown", "2017-01-03T18:01").message
    assert isinstance(error(house, "figures", "--shown", "yesterday"), BadInput)


def test_figures_as_known_now(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are computed from the records, by the one who knows how; a time without a zone is the agency's."""
    house.put("figures", [pair(TURNOUT)])
    asked: list[Any] = []

    def figures_as_known(bootstrap: str, _settings: Any, agency_id: str, as_of: int) -> list[FigureRecord]:
        asked.append((bootstrap, agency_id, as_of))
        return [msgspec.structs.replace(TURNOUT, n=1)]

    asof = types.ModuleType("watchroom.asof")
    monkeypatch.setattr(asof, "figures_as_known", figures_as_known, raising=False)
    monkeypatch.setitem(sys.modules, "watchroom.asof", asof)
    text = said(house, "figures", "--as-of", "2017-01-03T18:00")

    assert asked == [(house.bootstrap, "sffd", AS_OF)]
    assert "as known now for 2017-01-03 18:00:00 PST" in text


@pytest.mark.parametrize(
    "words",
    [
        ["--group", "03"],
        ["--watch", "--as-of", "2017-01-03T18:00"],
        ["--window", "5h"],
        ["--window", "day:2017-02-30"],
        ["--window", "month:january"],
        ["diversion", "--window", "5h"],
        ["diversion", "--window", "shift:2017-01-01T08:00"],
        ["--interval", "lunch"],
        ["--by", "caller"],
    ],
)
def test_questions_that_make_no_sense(words: list[str]) -> None:
    """They are refused before any Kafka is asked, with exit code 2."""
    result = CliRunner().invoke(main_group, ["--broker", "127.0.0.1:1", "figures", *words])

    assert result.exit_code == 2


@pytest.mark.parametrize(
    "words", [["--as-of", "yesterday"], ["--shown", "2017-13-45"], ["diversion", "--as-of", "18:00"]]
)
def test_a_time_that_is_none(words: list[str]) -> None:
    """Said before any Kafka is asked, with how a time is written."""
    result = CliRunner().invoke(main_group, ["--broker", "127.0.0.1:1", "figures", *words])

    assert isinstance(result.exception, BadInput)
    assert "is no time; write it like 2017-01-03T18:00" in result.exception.message


def test_an_agency_that_nobody_knows(house: House) -> None:
    """Is told from one of which nothing fits, with those there are; of breaches, too."""
    house.put("figures", [pair(TURNOUT)])

    assert (
        "no figure of agency nobody; there are figures of sffd"
        in error(house, "figures", "--agency", "nobody").message
    )
    assert (
        "no agency nobody; there are dayton-sim, sffd"
        in error(house, "breaches", "--agency", "nobody").message
    )


def test_watching_shows_every_change(house: House) -> None:
    """With --watch --json a change comes as a line; the command goes on until it is interrupted."""
    house.put("figures", [pair(TURNOUT)])
    run = "from watchroom.cli import main; main()"
    command = [sys.executable, "-u", "-c", run, "--broker", house.bootstrap, "figures", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["n"] == 570
            house.put("figures", [pair(msgspec.structs.replace(TURNOUT, n=571, as_of=AS_OF + MINUTE))])
            assert json.loads(process.stdout.readline())["n"] == 571
        finally:
            guard.cancel()
            process.terminate()


def bury(house: House, offset: int, value: bytes | None, reason: str = "naive_time") -> None:
    """Write a dead letter as stage one does."""
    producer = KafkaProducer(bootstrap_servers=house.bootstrap)
    headers = {"reason": reason, "detail": "a detail", "topic": "incident.events", "partition": "0"}
    headers |= {"offset": str(offset), "append_ms": str((AS_OF + DAY) // 1000)}
    key = f"incident.events/0/{offset}".encode()
    sent = [(name, text.encode()) for name, text in headers.items()]
    producer.send("dead.letters", key=key, value=value, headers=sent).get(timeout=20)
    producer.close()


def test_dead_letters_from_the_list_to_the_bytes(house: House) -> None:
    """They are listed masked, found by their id, and shown as they are only where --raw asks for it."""
    bury(house, 41, b'{"kind":"milestone","caller":"Ann Lee"}')
    bury(house, 42, b"Ann Lee\x1b", "not_json")
    listed = said(house, "dead-letters")
    only = said(house, "dead-letters", "--reason", "not_json", "--limit", "5")
    whole = said(house, "dead-letters", "show", "0/41")
    raw = said(house, "dead-letters", "show", "incident.events/0/42", "--raw")

    assert "Ann" not in listed + only + whole
    assert "incident.events/0/41" in listed
    assert "incident.events/0/41" not in only
    assert '"caller": "***(7)"' in whole
    assert r"Ann Lee\x1b" in raw
    assert (
        "no dead letter incident.events/0/43 is kept" in error(house, "dead-letters", "show", "0/43").message
    )


@pytest.mark.parametrize("words", [["figures"], ["exporter"], ["dead-letters"], ["dead-letters", "show"]])
def test_help_has_an_example(words: list[str]) -> None:
    """Every command says by example how it is called."""
    result = CliRunner().invoke(main_group, [*words, "--help"])

    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"watchroom {words[0]}" in result.output


def test_where_the_broker_is_not_given_it_is_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the setting the running Watchroom says where its Kafka is."""
    house.put("figures", [pair(TURNOUT)])
    running = types.ModuleType("watchroom.running")
    monkeypatch.setattr(running, "bootstrap", lambda settings: house.bootstrap, raising=False)
    monkeypatch.setitem(sys.modules, "watchroom.running", running)
    monkeypatch.delenv("WATCHROOM_BROKER", raising=False)
    result = CliRunner().invoke(main_group, ["--state-dir", str(tmp_path), "figures"])

    assert result.exception is None
    assert "turnout" in result.output
