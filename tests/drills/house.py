"""The house that is drilled: a real Kafka behind a proxy, real workers under the product's own supervisor."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.settings import Settings, load_settings
from schemas.topics import EVENTS, TOPICS, topic_name
from tests.core.driver import PLACE_KEY
from tests.drills import rigged
from tests.drills.load import MEDIATED
from tests.drills.proxy import Proxy, free_ports, second_listener
from tests.pipeline.kit import ROOT
from tests.pipeline.plain import Plain, Record, plain
from watchroom.broker import Broker
from watchroom.children import Spec, environment
from watchroom.running import Process
from watchroom.supervisor import Supervisor

STAGES = ("incidents", "agency")
RESULTS = ("responses.g1", "incidents.g1", "encounters.g1")
CHANGELOG = topic_name("incidents.changelog", 1)
WRITTEN = tuple(topic_name(name, 1) for name, topic in TOPICS.items() if topic.generational)
"""What the workers write."""

SETTLE_S = 600.0
WHOLE_S = 180.0
"""Longest waits: until all is read and committed, and until every partition has an owner again."""

_SFFD = ROOT / "deploy" / "agencies" / "sffd.toml"
_EXTRA = {
    "log.segment.bytes": "1048576",  # the least there is: closed segments are what Kafka compacts
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.threads": "1",
}


class Failed(AssertionError):
    """The house did not behave as it must; says what was expected and what was seen."""


@dataclass
class House:
    """Kafka, workers, and what is known of them."""

    folder: Path
    settings: Settings
    broker: Broker
    proxy: Proxy
    plain: Plain
    supervisor: Supervisor
    begun: float
    told: list[str] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    hands: int = 0
    """How often a worker that the supervisor had given up was started again by hand."""
    frozen: set[str] = field(default_factory=set)
    """Workers that are stopped by SIGSTOP just now."""
    expects_refusal: bool = False
    more: Callable[[int], None] = lambda _: None
    """Lets so many more events go in."""
    _read: dict[Path, int] = field(default_factory=dict)

    # -- looking after it

    def tell(self, what: str) -> None:
        """Note what happened."""
        self.told.append(f"{time.monotonic() - self.begun:7.1f} s  {what}")

    def look(self) -> None:
        """As ``watchroom up`` does: workers that ended are started again, unless Kafka is away."""
        self.supervisor.look(may_start=self.broker.alive())
        given_up = self.supervisor.given_up()
        if given_up and not self.expects_refusal:
            for name, code, why in given_up:
                if code not in (75, 76, -signal.SIGKILL):
                    raise Failed(f"{name} is not started again after exit code {code}: {why}")
                self.tell(f"{name} was given up ({code}: {why}) and is started again by hand")
                self.again(name)
                self.hands += 1

    def wait(self, until: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Look until something is so.

        Returns:
            How long it took, in seconds.

        Raises:
            Failed: it did not become so in time.
        """
        begun = time.monotonic()
        self.look()  # first: what ended while nobody looked does not run any more
        while not until():
            self.look()
            if time.monotonic() - begun > timeout_s:
                raise Failed(f"not within {timeout_s:.0f} s: {what}\n{self.state()}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def pause(self, seconds: float) -> None:
        """Let time pass, and look."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until, seconds + 60, "time passes")

    def state(self) -> str:
        """What is the matter, for people."""
        held = {p.name: (p.state, p.pid, self.held(p.name), p.why) for p in self.supervisor.processes()}
        return "\n".join([f"{name}: {what}" for name, what in held.items()] + self.told[-15:])

    # -- workers

    def start(self, name: str, rig: Mapping[str, Any] | None = None) -> None:
        """Start a worker by its name, ``incidents-1``; rigged or as it is."""
        stage = name.rpartition("-")[0]
        env = environment(self.settings) | {"PYTHONPATH": str(ROOT)}
        arguments = ("worker", "--stage", stage, "--id", name, "--generation", "1")
        program = (sys.executable, "-P", "-m", "watchroom")
        if rig is not None:
            env[rigged.VARIABLE] = json.dumps(rig)
            program = (sys.executable, "-P", "-m", "tests.drills.rigged")
        self.supervisor.start(Spec(name, arguments, program=program), env)

    def stop(self, *names: str) -> None:
        """Stop workers in order, by SIGTERM, within the supervisor's 10 s."""
        self.supervisor.stop(names)

    def again(self, name: str, rig: Mapping[str, Any] | None = None) -> None:
        """Stop a worker, if it runs, and start it."""
        self.stop(name)
        self.start(name, rig)

    def recover(self) -> None:
        """After a step that failed: everybody goes on, whoever is missing is started, until all is whole."""
        self.expects_refusal = False
        for name in list(self.frozen):
            self.signal(name, signal.SIGCONT)
        for stage in STAGES:
            for name in (f"{stage}-1", f"{stage}-2"):
                if name not in self.supervisor.names():
                    self.start(name)
        if not self.broker.alive():
            self.restart_broker()
        self.wait_whole()

    def names(self, stage: str = "") -> list[str]:
        """The workers that should run."""
        return sorted(name for name in self.supervisor.names() if name.startswith(stage))

    def process(self, name: str) -> Process:
        """A worker as the supervisor knows it."""
        return next(p for p in self.supervisor.processes() if p.name == name)

    def pid(self, name: str) -> int:
        """Of a worker that runs; waits until it does."""
        self.wait(lambda: self.process(name).pid > 0, 60, f"{name} runs")
        return self.process(name).pid

    def signal(self, name: str, number: signal.Signals) -> int:
        """A signal to a worker of ours, by its process; returns which."""
        pid = self.pid(name)  # of one that the supervisor has just seen running
        os.kill(pid, number)
        (self.frozen.add if number == signal.SIGSTOP else self.frozen.discard)(name)
        return pid

    # -- what they say

    def news(self) -> None:
        """Read what the workers have said since."""
        for log in sorted((self.folder / "state" / "logs").glob("*.log")):
            with log.open("rb") as file:
                file.seek(self._read.get(log, 0))
                text = file.read()
            text = text[: text.rfind(b"\n") + 1]
            self._read[log] = self._read.get(log, 0) + len(text)
            for line in text.splitlines():
                if line.startswith(b"{"):
                    self.facts.append({**json.loads(line), "name": log.stem})

    def said(self, what: str, **facts: Any) -> list[dict[str, Any]]:
        """All that was said of one kind."""
        self.news()
        return [f for f in self.facts if f["what"] == what and all(f.get(k) == v for k, v in facts.items())]

    def held(self, name: str) -> list[int]:
        """The partitions a worker holds, as far as it has said."""
        pid = self.process(name).pid
        if not pid or name in self.frozen:
            return []
        last = [f for f in self.facts if f["pid"] == pid and f["what"] in ("acquired", "released")][-1:]
        return list(last[0]["partitions"]) if last and last[0]["what"] == "acquired" else []

    def whole(self, stage: str) -> bool:
        """Whether every partition of a stage has one owner that runs."""
        self.news()
        held = [p for name in self.names(f"{stage}-") for p in self.held(name)]
        wanted = self.settings.partitions if stage == "incidents" else self.settings.result_partitions
        return sorted(held) == list(range(wanted))

    def wait_whole(self, timeout_s: float = WHOLE_S, stages: Sequence[str] = STAGES) -> float:
        """Wait until every partition has an owner; returns how long."""
        return self.wait(lambda: all(map(self.whole, stages)), timeout_s, f"{stages} have all partitions")

    # -- Kafka

    def restart_broker(self) -> None:
        """Start Kafka again on its port, as ``watchroom up`` does when it finds it dead."""
        self.supervisor.look(may_start=False)
        self.broker.stop()
        self.broker = start_broker(self.settings.state_dir, self.broker, self.proxy)

    def configure(self, topics: Sequence[str], said: Mapping[str, str]) -> None:
        """Set topics' settings by hand, as somebody might."""
        self._admin(topics, lambda admin, of: admin.alter_configs([of(name, dict(said)) for name in topics]))

    def unset(self, topics: Sequence[str], names: Sequence[str]) -> None:
        """Back to what Watchroom made them with; what it did not say is Kafka's own again."""
        by_name = {topic_name(name, 1): topic.config() for name, topic in TOPICS.items()}
        for topic in topics:
            ours = {name: by_name[topic][name] for name in names if name in by_name[topic]}
            theirs = {name: None for name in names if name not in ours}
            if theirs:  # first: Kafka refuses a pair of ours and theirs that contradicts itself
                self._reset(topic, theirs)
            if ours:
                self.configure([topic], ours)

    def _reset(self, topic: str, names: Mapping[str, None]) -> None:
        self._admin([topic], lambda admin, of: admin.reset_configs([of(topic, dict(names))]))

    def _admin(self, topics: Sequence[str], do: Callable[[Any, Any], object]) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        try:
            do(admin, lambda name, said: ConfigResource(ConfigResourceType.TOPIC, name, configs=said))
        finally:
            admin.close()

    # -- the end

    def _swept(self, name: str) -> bool:
        """Whether a worker of stage two has taken away what was left standing before it."""
        self.news()
        pid = self.process(name).pid
        said = [f["what"] for f in self.facts if f["pid"] == pid and f["what"] in ("acquired", "reread")]
        return said[-1:] != ["acquired"]

    def settle(self, timeout_s: float = SETTLE_S) -> dict[str, Record]:
        """Wait until both stages have read all there is and committed all that came of it.

        Returns:
            The records of ``health`` by key.
        """
        seen: dict[str, Record] = {}

        def settled() -> bool:
            seen.clear()
            seen.update(self.plain.health())
            ends = self.plain.ends(EVENTS)
            if not self._reached(seen, "incidents", EVENTS, ends):
                return False
            after = {topic: self.plain.ends(topic) for topic in RESULTS}
            seen.update(self.plain.health())
            return (
                all(self._reached(seen, "agency", topic, after[topic]) for topic in RESULTS)
                and all(map(self.plain.stable, (*WRITTEN, "dead.letters")))
                and self.plain.ends(EVENTS) == ends
                and all(map(self._swept, self.names("agency-")))
            )

        self.wait(settled, timeout_s, "all is read and committed")
        return seen

    def _reached(self, health: dict[str, Record], stage: str, topic: str, ends: dict[int, int]) -> bool:
        return all(
            health.get(f"{stage}/{partition}", {}).get("positions", {}).get(topic, 0) >= end
            for partition, end in ends.items()
        )


def start_broker(folder: Path, before: Broker | None, proxy: Proxy) -> Broker:
    """Kafka with a listener for clients behind the proxy, on the port it had before."""
    port = int(before.bootstrap.rpartition(":")[2]) if before is not None else None
    with second_listener(proxy._target, proxy.port):
        return Broker.start(folder, port=port, heap_mb=512, wait_s=120, extra=_EXTRA)


def write_agencies(folder: Path, agencies: Sequence[str]) -> None:
    """San Francisco's file under other names, and the simulated city's as it is."""
    folder.mkdir(parents=True)
    shutil.copy(_SFFD.with_name(f"{MEDIATED}.toml"), folder)
    for agency in agencies:
        text = re.sub(r'^id = "sffd"', f'id = "{agency}"', _SFFD.read_text(), flags=re.MULTILINE)
        (folder / f"{agency}.toml").write_text(text)


@contextmanager
def house(folder: Path, agencies: Sequence[str], *, partitions: int = 6, workers: int = 2) -> Iterator[House]:
    """A house that works, and of which nothing is left afterwards but its folder."""
    write_agencies(folder / "agencies", agencies)
    client, behind = free_ports(2)
    proxy = Proxy(client, behind)
    begun = time.monotonic()
    broker = start_broker(folder / "state", None, proxy)
    made: House | None = None
    try:
        settings = load_settings(
            broker=proxy.address,
            state_dir=folder / "state",
            agencies_dir=folder / "agencies",
            partitions=partitions,
            result_partitions=partitions,
            place_key=PLACE_KEY,
        )
        with plain(broker.bootstrap) as reader:
            told: list[str] = []
            supervisor = Supervisor(
                settings.state_dir / "logs", lambda what: made.tell(what) if made else None
            )
            made = House(folder, settings, broker, proxy, reader, supervisor, begun, told)
            for stage in STAGES:
                for number in range(1, workers + 1):
                    made.start(f"{stage}-{number}")
            made.wait_whole()
            yield made
    finally:
        if made is not None:
            broker = made.broker
            for name in list(made.frozen):
                made.signal(name, signal.SIGCONT)
            made.supervisor.stop(within_s=5)
        broker.stop()
        proxy.close()
