"""Every kind of client of ours on a Kafka that asks for TLS and SCRAM: topics, sources, workers, sinks."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import security
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from streams.transport.goodbye import PATIENCE_S, parted
from tests.pipeline.kit import ROOT
from tests.transport.secured import Secured, secured_kafka

WAIT_S = 120.0


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as made:
        yield made


def watchroom(
    secured: Secured, folder: Path, *words: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """The command, as a person with these settings runs it."""
    return subprocess.run(
        [sys.executable, "-m", "watchroom", *words],
        capture_output=True, text=True, check=False, timeout=WAIT_S, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **secured.environment(folder), **settings},
    )  # fmt: skip


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_events_become_figures_over_tls_and_scram(secured: Secured, tmp_path: Path) -> None:
    """Goal: nothing of ours speaks in plain words. Method: the only listener there is asks for both.

    Topics by the admin client, a replay by the source's producer, both stages by aiokafka's consumers and
    transactional producers, figures and status by the sinks' readers.
    """
    made = watchroom(secured, tmp_path, "topics")
    assert made.returncode == 0, made.stderr
    assert "generation 1" in made.stdout
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **secured.environment(tmp_path)}
    with (tmp_path / "workers.log").open("wb") as log:
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "watchroom", "worker", "--stage", stage, "--id", stage],
                cwd=tmp_path, env=environment, stdout=log, stderr=log,
            )
            for stage in ("incidents", "agency")
        ]  # fmt: skip
        try:
            words = ("replay", "--profile", "sffd", "--speed", "max", "--to", "2016-12-31 12:00")
            replayed = watchroom(secured, tmp_path, *words)
            assert replayed.returncode == 0, replayed.stderr
            deadline = time.monotonic() + WAIT_S
            found: list[dict[str, Any]] = []
            asked = ("figures", "--json", "--interval", "turnout", "--mode", "EMERGENT", "--window", "30d")
            while not found or found[0]["n"] < 100:
                assert time.monotonic() < deadline, (tmp_path / "workers.log").read_text()[-3000:]
                assert all(w.poll() is None for w in workers), (tmp_path / "workers.log").read_text()[-3000:]
                shown = watchroom(secured, tmp_path, *asked)
                found = [json.loads(line) for line in shown.stdout.splitlines()]
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(30)


@pytest.mark.broker
def test_a_reader_that_still_waits_is_let_go_of_soon(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may not wait for TLS to say goodbye: on uvloop every sixth time or so, that takes 30 s.

    Method: readers as recovery's, on the worker's kind of loop, closed while their fetch is unanswered.
    """
    made = watchroom(secured, tmp_path, "topics")
    assert made.returncode == 0, made.stderr
    for name, value in secured.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    options = security.options_of(Settings())

    async def longest() -> float:
        took: list[float] = []
        for _ in range(40):
            reader = AIOKafkaConsumer(
                bootstrap_servers=secured.bootstrap, enable_auto_commit=False, **options
            )
            await reader.start()
            places = [TopicPartition("incident.events", partition) for partition in range(4)]
            reader.assign(places)
            await reader.end_offsets(places)
            began = time.monotonic()
            await parted(reader)
            took.append(time.monotonic() - began)
        return max(took)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(longest()) < 5 * PATIENCE_S


@pytest.mark.broker
def test_the_generator_writes_over_tls_and_scram(secured: Secured, tmp_path: Path) -> None:
    """The bulk writer has a client of its own, which must speak as the others do."""
    made = watchroom(secured, tmp_path, "topics")
    assert made.returncode == 0, made.stderr
    words = ("simulate", "fire", "--incidents-per-day", "50", "--days", "1", "--seed", "4")
    simulated = watchroom(secured, tmp_path, *words)
    assert simulated.returncode == 0, simulated.stderr
    assert "events" in simulated.stdout + simulated.stderr


_PLAIN = {f"WATCHROOM_KAFKA_{name}": "" for name in ("USER", "PASSWORD_FILE", "CA_FILE")} | {
    "WATCHROOM_KAFKA_SECURITY": "PLAINTEXT"
}


@pytest.mark.broker
@pytest.mark.parametrize(
    ("command", "wrong", "words"),
    [
        ("topics", {"WATCHROOM_KAFKA_PASSWORD_FILE": "wrong"}, "Kafka does not accept who we are"),
        ("replay -p sffd --speed max", {"WATCHROOM_KAFKA_CA_FILE": ""}, "no TLS that can be trusted"),
        ("figures", _PLAIN, "see kafka_security"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    secured: Secured, tmp_path: Path, command: str, wrong: dict[str, str], words: str
) -> None:
    """By the admin client, a source and a reader: not that nobody answers, for somebody does."""
    (tmp_path / "wrong").write_text("not it", encoding="utf-8")
    refused = watchroom(secured, tmp_path, *command.split(), **wrong)
    assert refused.returncode == 5
    assert words in refused.stderr, refused.stderr


def settings(tmp_path: Path, **said: str) -> Settings:
    (tmp_path / "password").write_text(" a b \n", encoding="utf-8")
    given: dict[str, Any] = {"broker": "kafka:9092", "state_dir": tmp_path, **said}
    return Settings(**given)


def test_options_are_what_both_clients_take(tmp_path: Path) -> None:
    """The password is the file's but for its last line's end; the context checks certificate and name."""
    made = security.options_of(
        settings(
            tmp_path,
            kafka_security="SASL_SSL",
            kafka_user="u",
            kafka_password_file=str(tmp_path / "password"),
        )
    )
    context = made.pop("ssl_context")

    assert context.check_hostname
    assert made == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": " a b ",
    }
    assert security.options_of(settings(tmp_path)) == {}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"kafka_security": "SASL_SSL"}, "kafka_user"),
        ({"kafka_security": "SASL_SSL", "kafka_user": "u", "kafka_password_file": "/none"}, "/none"),
        ({"kafka_security": "SSL", "kafka_ca_file": "/none"}, "kafka_ca_file"),
        ({"kafka_security": "SSL", "kafka_cert_file": "/none"}, "kafka_cert_file"),
        ({"kafka_user": "u"}, "PLAINTEXT"),
        ({"kafka_security": "SSL", "broker": ""}, "broker"),
    ],
)
def test_settings_that_cannot_be_meant_together(tmp_path: Path, said: dict[str, str], words: str) -> None:
    """Half a setting would send a password nowhere, or in plain words."""
    with pytest.raises(ConfigurationError, match=words):
        security.options_of(settings(tmp_path, **said))
