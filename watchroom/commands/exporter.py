"""``watchroom exporter``: the Prometheus exporter in the foreground."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from schemas.agency import load_agencies
from schemas.settings import load_settings
from sinks.prometheus.exporter import Exporter
from watchroom.cli import Context, pass_context


@click.command("exporter")
@click.option(
    "--host", metavar="ADDRESS", help="Address to listen on. [default: setting exporter_host, 127.0.0.1]"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one. [default: setting exporter_port, 9108]",
)
@pass_context
def command(context: Context, host: str | None, port: int | None) -> None:
    """Run the Prometheus exporter in the foreground, until Ctrl-C or SIGTERM.

    Every metric is described in docs/metrics.md.

    \b
    Example:
      watchroom exporter --port 9108
      curl http://127.0.0.1:9108/metrics
    """
    settings = context.settings
    if host is not None or port is not None:
        settings = load_settings(
            context.config, **{**context.flags, "exporter_host": host, "exporter_port": port}
        )
    broker = settings.broker
    if not broker:
        from watchroom.running import bootstrap

        broker = bootstrap(settings)
    agencies = load_agencies(settings.agencies_dir)
    breakdowns = [name for name in settings.exporter_breakdowns.split(",") if name]
    exporter = Exporter(broker, agencies, settings.exporter_host, settings.exporter_port, breakdowns)
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, stopped) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        exporter.start()
        click.echo(f"Metrics of the Kafka at {broker}: {exporter.url}")
        while not stop.is_set():
            exporter.wait(timeout_s=0.5)
    finally:
        exporter.close()
        for number, handler in before.items():
            signal.signal(number, handler)
