"""The running house: a Kafka, the workers of both stages, the exporter and the clock writer, kept running."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.agency import Agency, load_agencies
from schemas.errors import ConfigurationError, WatchroomError
from schemas.settings import Settings
from sources import clockwriter
from streams.transport import topicsetup
from watchroom import monitoring, running
from watchroom.broker import Broker, answers, ports
from watchroom.children import Spec, environment
from watchroom.commands.worker import formats
from watchroom.running import Process, Running
from watchroom.supervisor import Supervisor, Tell

BROKER = "kafka"
EXPORTER = "exporter"
CLOCK_WRITER = "clock-writer"
BROKER_WAIT_S = 120.0
"""It takes 4 s; on a machine that is busy with much else it has taken 40."""

EXPORTER_PORT_TAKEN = (
    "the exporter cannot listen on {at} ({who}): stop that, or choose another port with "
    "WATCHROOM_EXPORTER_PORT (0 takes a free one)"
)
_BROKER_STARTS_MAX = 3
_WELL_S = 300.0
_AGAIN_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run.

    Attributes:
        workers: of stage one; ``agency_workers`` of stage two.
        monitoring: whether Prometheus and Alertmanager run beside the rest; ``any_ports`` on any free ports.
        broker_port: of a Kafka of our own; None for the one it had last, or any free one.
    """

    workers: int = 1
    agency_workers: int = 1
    monitoring: bool = False
    any_ports: bool = False
    broker_port: int | None = None


class House:
    """All that `watchroom up` keeps running. Use ``opened``.

    Attributes:
        settings: with the broker's address in them.
        agencies: by id.
        generation: that is computed.
        exporter: address of the metrics.
        beside: what monitoring runs, by name, and where.
    """

    def __init__(self, settings: Settings, plan: Plan, tell: Tell) -> None:
        self.settings = settings
        self.plan = plan
        self.agencies: dict[str, Agency] = load_agencies(settings.agencies_dir)
        self.generation = 0
        self.exporter = ""
        self.started = time.time()
        self.ready = False
        self._tell = tell
        self._broker: Broker | None = None
        self._broker_since = 0.0
        self._broker_starts = 0
        self._supervisor = Supervisor(settings.state_dir / "logs", tell)
        self._clocks: _ClockWriter | None = None
        self._written: Running | None = None
        self.beside: dict[str, str] = {}

    # -------------------------------------------------------------------------------------- the start

    def start(self) -> None:
        """Start everything.

        Raises:
            WatchroomError: it can't be; says why. What was started must be stopped with ``stop``.
        """
        host, port = self.settings.exporter_host, self.settings.exporter_port
        port = _free_port(host, port)
        self.exporter = f"http://{host}:{port}/metrics"
        beside: list[Spec] = []
        if self.plan.monitoring:
            used = monitoring.chosen(port, free=self.plan.any_ports)
            for taken in (used.prometheus, used.alertmanager, used.alerts, used.notifications):
                _free_port("127.0.0.1", taken, monitoring.PORT_TAKEN)
            beside = monitoring.specs(self.settings.state_dir / "monitoring", used)
            self.settings = self.settings.model_copy(update={"alerts_port": used.alerts})
        if self.settings.broker:
            self._tell(f"using the Kafka at {self.settings.broker}")
            answers(self.settings.broker)
        else:
            self._start_broker(self.plan.broker_port or self.settings.broker_port or None)
        self._remember()
        bootstrap = self.settings.broker
        self._tell("making topics")
        self.generation = topicsetup.prepare(bootstrap, self.settings, formats()).generation
        self._start_workers()
        arguments = ("exporter", "--host", host, "--port", str(port))
        self._supervisor.start(Spec(EXPORTER, arguments, self.exporter), environment(self.settings))
        for spec in beside:
            self._supervisor.start(spec, environment(self.settings))
        self.beside = {spec.name: spec.where for spec in beside}
        if clockwriter.fed_directly(self.agencies):
            self._clocks = _ClockWriter(self.settings, self.agencies, self._tell)
        self._remember()

    def _start_broker(self, port: int | None) -> None:
        self._broker = Broker.start(
            self.settings.state_dir,
            port=port,
            heap_mb=self.settings.broker_heap_mb,
            wait_s=BROKER_WAIT_S,
            on_progress=self._tell,
        )
        self._broker_since = time.time()
        self.settings = self.settings.model_copy(update={"broker": self._broker.bootstrap})

    def _start_workers(self) -> None:
        env = environment(self.settings)
        for stage, count in (("incidents", self.plan.workers), ("agency", self.plan.agency_workers)):
            for number in range(1, count + 1):
                name = f"{stage}-{number}"
                arguments = (
                    "worker", "--stage", stage, "--id", name, "--generation", str(self.generation)
                )  # fmt: skip
                where = f"stage {stage}, generation {self.generation}"
                self._supervisor.start(Spec(name, arguments, where), env)

    # ----------------------------------------------------------------------------------------- a look

    def look(self) -> None:
        """Look after all of it; to be called a few times a second, from the main thread.

        Raises:
            WatchroomError: Kafka has ended and can't be started again.
        """
        if self._broker is not None and not self._broker.alive():
            self._supervisor.look(may_start=False)
            self._start_broker_again(self._broker)
        self._supervisor.look()
        if self._clocks is not None:
            self._clocks.look()
        self._remember()

    def _start_broker_again(self, ended: Broker) -> None:
        why = ended.why_ended()
        if time.time() - self._broker_since > _WELL_S:
            self._broker_starts = 0
        self._broker_starts += 1
        if self._broker_starts > _BROKER_STARTS_MAX:
            raise why or WatchroomError("Kafka has ended")
        # What its log says after the first line is for whoever opens the log.
        said = why.message.splitlines()[0].rstrip(":") if why else "Kafka has ended"
        self._tell(f"{said}; it is started again (log: {ended.log_file})")
        ended.stop()
        # On the same port: everybody knows that one.
        self._start_broker(int(ended.bootstrap.rpartition(":")[2]))

    def switch(self, generation: int) -> None:
        """Compute another generation from now on: its workers in place of the ones that run."""
        if generation == self.generation:
            return
        self._tell(f"generation {generation} is current: the workers of generation {self.generation} stop")
        self._supervisor.stop([n for n in self._supervisor.names() if n != EXPORTER and n not in self.beside])
        self.generation = generation
        self._start_workers()
        self._remember()

    def given_up(self) -> list[tuple[str, int, str]]:
        """Name, exit code and last words of what is not started again."""
        return self._supervisor.given_up()

    def processes(self) -> tuple[Process, ...]:
        """All that runs, Kafka first."""
        found: list[Process] = []
        if self._broker is not None:
            state = "running" if self._broker.alive() else "waiting"
            since, at = self._broker_since, self._broker.bootstrap
            restarts = self._broker_starts
            found.append(Process(BROKER, self._broker.pid, state, restarts, since=since, where=at))
        found.extend(self._supervisor.processes())
        if self._clocks is not None:
            found.append(self._clocks.process())
        return tuple(found)

    def _remember(self) -> None:
        now = Running(
            pid=os.getpid(),
            bootstrap=self.settings.broker,
            own_broker=self._broker is not None,
            exporter=self.exporter,
            workers=self.plan.workers,
            agency_workers=self.plan.agency_workers,
            generation=self.generation,
            started=self.started,
            ready=self.ready,
            processes=self.processes(),
        )
        if now != self._written:
            running.write(self.settings.state_dir, now)
            self._written = now

    # ---------------------------------------------------------------------------------------- the end

    def stop(self) -> None:
        """Stop everything in order: who writes first, Kafka last."""
        if self._clocks is not None:
            self._clocks.close()
        if names := self._supervisor.names():
            self._tell("stopping the workers and the exporter")
            self._supervisor.stop(names)
        if self._broker is not None:
            self._tell("stopping Kafka")
            self._broker.stop()
            self._broker = None


@contextmanager
def opened(settings: Settings, plan: Plan, tell: Tell) -> Iterator[House]:
    """A house that runs, alone on its state folder; stopped in order at the end.

    Args:
        settings: an address in ``broker`` is that of a Kafka to use, none starts one.
        plan: what is to run.
        tell: called with a sentence for whatever happens.

    Raises:
        Refused: another one runs on this folder.
        WatchroomError: something can't be started; says what and why.
    """
    settings = settings.model_copy(update={"state_dir": settings.state_dir.expanduser().absolute()})
    with ExitStack() as stack:
        stack.enter_context(running.held(settings.state_dir))
        house = House(settings, plan, tell)
        stack.callback(running.remove, settings.state_dir)
        stack.callback(house.stop)
        house.start()
        yield house


def _free_port(host: str, port: int, mend: str = EXPORTER_PORT_TAKEN) -> int:
    """The exporter's port: known before it starts, and known to be free before anything else is started.

    Raises:
        ConfigurationError: it is taken, or the address is not this machine's.
    """
    if port == 0:
        return ports.pick(1)[0]
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        who = ports.holder(port)
        raise ConfigurationError(
            mend.format(at=f"{host}:{port}", who=f"{who} does" if who else exc.strerror or exc)
        ) from exc
    return port


class _ClockWriter:
    """A thread that writes the clocks of sources that can't; started again when it ends."""

    def __init__(self, settings: Settings, agencies: dict[str, Agency], tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._agencies = agencies
        self._tell = tell
        self._stop = threading.Event()
        self._error = ""
        self._restarts = -1
        self._due = 0.0
        self._since = 0.0
        self._thread: threading.Thread | None = None
        self._log = settings.state_dir / "logs" / f"{CLOCK_WRITER}.log"
        self._handler = _log_to(self._log)
        self.look()

    def look(self) -> None:
        """Start it where it does not run."""
        if self._thread is not None and self._thread.is_alive():
            return
        now = time.monotonic()
        if self._thread is not None and not self._due:
            self._due = now + _AGAIN_AFTER_S
            self._tell(f"{CLOCK_WRITER} ended ({self._error or 'without a word'}); it is started again")
        if now >= self._due:
            self._due, self._since, self._restarts = 0.0, time.time(), self._restarts + 1
            self._thread = threading.Thread(target=self._run, name=CLOCK_WRITER, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            clockwriter.run(self._settings, self._agencies, self._stop)
        except Exception as exc:
            self._error = f"{type(exc).__name__}: {exc}"
            logging.getLogger("sources.clockwriter").exception("ended")

    def process(self) -> Process:
        """As it is."""
        runs = self._thread is not None and self._thread.is_alive()
        sources = ", ".join(f"{a}/{s}" for a, s in clockwriter.fed_directly(self._agencies))
        return Process(
            name=CLOCK_WRITER,
            pid=os.getpid() if runs else 0,
            state="running" if runs else "waiting",
            restarts=max(0, self._restarts),
            why=self._error,
            since=self._since,
            where=f"clocks of {sources}",
        )

    def close(self) -> None:
        """Stop it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        logging.getLogger("sources.clockwriter").removeHandler(self._handler)
        self._handler.close()


def _log_to(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("sources.clockwriter").addHandler(handler)
    return handler
