"""``watchroom grafana``: dashboards, data source and annotations in a Grafana that somebody runs."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.errors import ConfigurationError
from schemas.settings import ROOT, Settings
from sinks.grafana.client import Client
from sinks.grafana.pushing import (
    DATASOURCE_UID,
    Push,
    Wanted,
    What,
    check_version,
    read_dashboards,
)
from sinks.grafana.words import TOKEN_HELP, Answer
from watchroom.cli import Context, pass_context

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
_SIGNS = {What.CREATE: "+", What.UPDATE: "~", What.SAME: "="}


@click.group("grafana")
def command() -> None:
    """Put the dashboards into a Grafana that you run.

    The address and the token's file are settings (grafana_url, grafana_token_file).

    \b
    Example:
      export WATCHROOM_GRAFANA_URL=https://grafana.example.org
      export WATCHROOM_GRAFANA_TOKEN_FILE=/etc/watchroom/grafana-token
      watchroom grafana push --dry-run
    """


def client_of(settings: Settings) -> Client:
    """The Grafana of the settings.

    Raises:
        ConfigurationError: an address or a token is missing, or cannot be read.
    """
    if not settings.grafana_url:
        raise ConfigurationError(
            "setting grafana_url is empty: which Grafana? (WATCHROOM_GRAFANA_URL, or grafana_url in the file)"
        )
    if not settings.grafana_token_file:
        raise ConfigurationError(f"setting grafana_token_file is empty: {TOKEN_HELP}")
    try:
        credential = Path(settings.grafana_token_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        said = getattr(exc, "strerror", None) or "not text"
        raise ConfigurationError(
            f"setting grafana_token_file: {settings.grafana_token_file} cannot be read: {said}"
        ) from exc
    return Client(settings.grafana_url, credential, ca_file=settings.grafana_ca_file)


@command.command("push")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--folder",
    metavar="UID",
    default="watchroom",
    show_default=True,
    help="Folder to push into, by its uid.",
)
@click.option(
    "--folder-title",
    default="Watchroom",
    show_default=True,
    help="The folder's title, if it is made.",
)
@click.option(
    "--prometheus-url",
    default="",
    metavar="URL",
    help="Prometheus as Grafana reaches it: makes or moves the data source, which needs the role Admin. "
    "[default: the data source is there already]",
)
@click.option(
    "--datasource",
    default=DATASOURCE_UID,
    show_default=True,
    metavar="UID",
    help="Prometheus data source to use, by its uid.",
)
@click.option(
    "--runbook-url",
    metavar="URL",
    default="",
    help="Where people read docs/runbook.md: a link on each dashboard. [default: no link]",
)
@click.option(
    "--dashboards",
    type=click.Path(path_type=Path, file_okay=False),
    default=DASHBOARDS,
    help="Folder of dashboards (*.json). [default: deploy/grafana/dashboards beside the program]",
)
@pass_context
def push(
    context: Context,
    dry_run: bool,
    folder: str,
    folder_title: str,
    prometheus_url: str,
    datasource: str,
    runbook_url: str,
    dashboards: Path,
) -> None:
    """Push folder, data source and dashboards; what is as it should be is left alone.

    Nothing is deleted, and no dashboard is touched that does not carry the tag watchroom. A dashboard that
    somebody moved to another folder stays there.

    \b
    Example:
      watchroom grafana push --dry-run
      watchroom grafana push --prometheus-url http://prometheus:9090
      watchroom grafana push --datasource my-prometheus --folder emergency
    """
    wanted = Wanted(
        folder, folder_title, datasource, prometheus_url, read_dashboards(dashboards), runbook_url
    )
    counts = dict.fromkeys(What, 0)
    with client_of(context.settings) as client:
        version = client.version()
        remark = check_version(version)
        organization = client.organization()
        click.echo(f"Grafana {version or 'of unknown version'} at {client.url}, organisation {organization}")
        if remark:
            click.echo(remark)
        # All is looked at before anything is written: a refusal leaves nothing half done.
        changes = list(Push(client, wanted).changes())
        for change in changes:
            counts[change.what] += 1
            if not dry_run:
                change.do()
            why = f" ({change.why})" if change.why else ""
            click.echo(f"{_SIGNS[change.what]} {change.kind} {change.title} [{change.uid}]{why}")
        made, changed, same = (counts[w] for w in (What.CREATE, What.UPDATE, What.SAME))
        if dry_run:
            click.echo(f"would make {made}, change {changed}, leave {same}; nothing was changed")
            return
        click.echo(f"made {made}, changed {changed}, left {same}")
        click.echo(_reached(client, datasource))


@command.command("annotate")
@pass_context
def annotate(context: Context) -> None:
    """Draw red breaches in Grafana as annotations, in the foreground: one each, closed when it ends.

    Run one of these. It may be stopped and started at any time; what stands in Grafana is read first.

    \b
    Example:
      watchroom grafana annotate
    """
    import signal
    import threading

    from sinks.grafana.annotations import run
    from watchroom.running import bootstrap

    settings = context.settings
    broker = bootstrap(settings)
    stop = threading.Event()
    before = {n: signal.signal(n, lambda *_: stop.set()) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        with client_of(settings) as client:
            remark = check_version(client.version())
            if remark:
                click.echo(remark)
            click.echo(
                f"red breaches of the Kafka at {broker} to {client.url}, organisation {client.organization()}"
            )
            run(broker, client, stop, lambda words: click.echo(words, err=True))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reached(client: Client, datasource: str) -> str:
    """Whether Grafana reaches the Prometheus behind the data source, and that one Watchroom's exporter."""
    try:
        found = client.query(datasource, "watchroom_exporter_kafka_up")
    except Answer as exc:
        return (
            f"Grafana does not reach the Prometheus of {datasource} (code {exc.status}): the panels stay "
            "empty until its url is right, as Grafana's machine sees it"
        )
    if not found:
        return "Prometheus answers and has no figures of Watchroom yet: does it scrape the exporter?"
    return "Grafana reaches Prometheus, and Prometheus has Watchroom's figures"
