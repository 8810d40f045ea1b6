"""``watchroom alerts``: the sink that tells Alertmanager of breaches, a test down every route, a receiver."""

from __future__ import annotations

import logging
import signal
import threading
import time

import click

from schemas.agency import load_agencies
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from sinks.alertmanager.alerts import Links
from sinks.alertmanager.client import Client
from sinks.alertmanager.outbox import stamp
from sinks.alertmanager.receiver import Notification, Receiver
from sinks.alertmanager.sink import AlertSink
from sinks.prometheus.exporter import listen
from watchroom import running
from watchroom.cli import Context, pass_context
from watchroom.monitoring import ALERTMANAGER

TEST_ENDS_S = 60


@click.group("alerts")
def command() -> None:
    """Tell Alertmanager of breaches, and see whether it tells anybody.

    \b
    Example:
      watchroom alerts test
    """


def _urls(settings: Settings, given: tuple[str, ...]) -> list[str]:
    urls = list(given) or [url.strip() for url in settings.alertmanagers.split(",") if url.strip()]
    if not urls and (up := running.read(settings.state_dir)) is not None:
        urls = [process.where for process in up.processes if process.name == ALERTMANAGER]
    if not urls:
        raise ConfigurationError(
            "no Alertmanager is named: set alertmanagers (WATCHROOM_ALERTMANAGERS), or --alertmanager, to "
            "its address, as http://127.0.0.1:9093; or start one beside the rest, `watchroom up --monitoring`"
        )
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{url!r} is no address of an Alertmanager such as http://127.0.0.1:9093 (setting "
                "alertmanagers, or --alertmanager)"
            )
    return urls


_ALERTMANAGER = click.option(
    "--alertmanager",
    "alertmanagers",
    multiple=True,
    metavar="URL",
    help="Address of an Alertmanager, as http://127.0.0.1:9093; more than once for several. [default: "
    "setting alertmanagers, else the one of `watchroom up --monitoring`]",
)


@command.command("run")
@_ALERTMANAGER
@pass_context
def run(context: Context, alertmanagers: tuple[str, ...]) -> None:
    """Follow breaches and keep each Alertmanager told, in the foreground. Two side by side are one.

    \b
    Example:
      watchroom alerts run --alertmanager http://127.0.0.1:9093
    """
    settings = context.settings
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    urls = _urls(settings, alertmanagers)
    links = Links(settings.breach_dashboard_url, settings.runbook_url)
    broker = settings.broker or running.bootstrap(settings)
    sink = AlertSink(broker, urls, load_agencies(settings.agencies_dir), links)
    server, served = listen(settings.exporter_host, settings.alerts_port, sink.figures.registry)
    stop = threading.Event()
    before = {n: signal.signal(n, lambda *_: stop.set()) for n in (signal.SIGTERM, signal.SIGINT)}
    click.echo(f"Breaches of the Kafka at {broker} to {', '.join(urls)}")
    try:
        sink.run(stop)
    finally:
        server.shutdown()
        server.server_close()
        served.join(timeout=5)
        for number, handler in before.items():
            signal.signal(number, handler)


@command.command("test")
@_ALERTMANAGER
@pass_context
def test(context: Context, alertmanagers: tuple[str, ...]) -> None:
    """Send a test alert down every route: a red and an amber breach, a page and a warning.

    They end by themselves after a minute. Whoever is on call should see them all, marked as a test.

    \b
    Example:
      watchroom alerts test --alertmanager http://127.0.0.1:9093
    """
    now = time.time()
    for url in _urls(context.settings, alertmanagers):
        client = Client(url)
        try:
            client.post([_test_alert(name, severity, now) for name, severity in _ROUTES])
            click.echo(
                f"{url} took {len(_ROUTES)} test alerts; its receivers: {', '.join(client.receivers())}. "
                f"They end in {TEST_ENDS_S} s. Heartbeats go out with Prometheus's Watchdog alone."
            )
        finally:
            client.close()


_ROUTES = (
    ("ResponseBreach", "red"),
    ("ResponseBreach", "amber"),
    ("WatchroomTest", "page"),
    ("WatchroomTest", "warning"),
)


def _test_alert(name: str, severity: str, now: float) -> dict[str, object]:
    # Ids of their own: red would silence amber of the same breach.
    labels = {"alertname": name, "severity": severity, "agency": "test", "id": f"test-{severity}"}
    if name == "ResponseBreach":
        labels |= {"interval": "turnout", "station_area": "00"}
    return {
        "labels": labels,
        "annotations": {
            "summary": f"TEST of the {severity} route, nothing has happened",
            "description": "Sent by `watchroom alerts test`.",
            "outcome": "the test is over",
        },
        "startsAt": stamp(now),
        "endsAt": stamp(now + TEST_ENDS_S),
    }


@command.command("listen")
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9199,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
def listening(host: str, port: int) -> None:
    """Show the notifications that Alertmanager sends here, as a phone would, until Ctrl-C.

    \b
    Example:
      watchroom alerts listen
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Receiver(host, port, lambda note: click.echo(shown(note))) as receiver:
        click.echo(f"Listening for notifications at {receiver.url}")
        stop.wait()


def shown(note: Notification) -> str:
    """A notification as text."""
    when = time.strftime("%H:%M:%S", time.localtime(note.at))
    return f"{when} to {note.route}: {note.title}\n{note.text}".rstrip() + "\n"
