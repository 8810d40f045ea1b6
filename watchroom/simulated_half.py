"""The demo's other half: a simulated mediation city, its last month and then live, labelled as such."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import click

from schemas.agency import Agency
from schemas.errors import WatchroomError
from schemas.records import DiversionRecord
from schemas.series import diversion_key
from schemas.times import Micros, moment
from sinks.diversion import live
from sinks.reading import Reader
from sinks.terminal.diversion import funnel_text, rates_sheet
from sinks.terminal.plain import plain
from sources.mediation_city.city import Plan
from sources.mediation_city.sending import send
from sources.replay import SystemTime
from sources.stopping import Stop
from sources.writer import Writer

AGENCY = "dayton-sim"
DAYS = 30
BACKGROUND_PERCENT = 20
"""A fifth of the police and fire calls around, so that the demo is quick; rates over all calls show it."""

PATIENCE_S = 120.0
LOOK_S = 0.5


class SimulatedHalf:
    """The simulation in a thread of its own.

    Args:
        bootstrap: Kafka's address.
        agency: the simulated city's file.
    """

    def __init__(self, bootstrap: str, agency: Agency) -> None:
        self._bootstrap = bootstrap
        self._agency = agency
        self._stop = Stop()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="simulated", daemon=True)
        self._world = SystemTime()
        self._begun: Micros = self._world.now()

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send no more."""
        self._stop.asked = True
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        first = moment(self._begun).astimezone(self._agency.zone).date() - timedelta(days=DAYS)
        plan = Plan(self._agency, first, None, seed=1, background_percent=BACKGROUND_PERCENT)
        try:
            with Writer(self._bootstrap, linger_ms=20) as writer:
                send(plan, writer, self._world, stop=self._stop)
        except Exception as exc:
            self._failed = exc

    def figure(self, step: Callable[[], object]) -> DiversionRecord:
        """The last 30 days, once the present is in them.

        Args:
            step: called while it waits: somebody must see that the workers live.

        Raises:
            WatchroomError: the simulation failed, or its figures do not come.
        """
        series = diversion_key(self._agency.id, "30d", "all", "all")
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._failed is not None:
                raise self._failed
            with Reader(self._bootstrap) as reader:
                figure = live(reader, reader.generation()).figures.get(series)
            if figure is not None and figure.as_of >= self._begun:
                return figure
            step()
            time.sleep(LOOK_S)
        raise WatchroomError(f"the simulated half's figures have not come within {PATIENCE_S:.0f} s")

    def show(self, step: Callable[[], object]) -> None:
        """Print the funnel and the rates of the last 30 days; ``step`` as in ``figure``."""
        figure = self.figure(step)
        click.echo(f"\n{funnel_text(figure, self._agency)}")
        click.echo(plain(rates_sheet([figure], self._agency)), nl=False)
