"""``watchroom probe``: whether a process of ours answers, for health checks in images without curl."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import click

from schemas.errors import WatchroomError


@click.command("probe")
@click.argument("url")
@click.option(
    "--says",
    metavar="WORDS",
    default="",
    help="Words that a line of the answer must begin with, as in the example. [default: any answer will do]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 60),
    default=4.0,
    show_default=True,
    help="Seconds to wait.",
)
def command(url: str, says: str, timeout_s: float) -> None:
    """Exit with 0 if URL answers with code 200 (and says what it must), with 1 and a sentence if not.

    \b
    Example:
      watchroom probe http://127.0.0.1:9108/metrics --says "watchroom_exporter_kafka_up 1"
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(
            f"{url!r} is no address such as http://127.0.0.1:9108/metrics", param_hint="URL"
        )
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            lines = answer.read().decode("utf-8", "replace").splitlines()
    except (urllib.error.URLError, OSError, http.client.HTTPException) as exc:
        raise WatchroomError(f"{url} does not answer: {getattr(exc, 'reason', exc)}") from exc
    if says and not any(line.startswith(says) for line in lines):
        raise WatchroomError(f"{url} answers, and no line of it begins with {says!r}")
