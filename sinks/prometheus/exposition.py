"""Samples to Prometheus's text, fast: what prometheus-client's own writer makes of them, byte for byte.

That writer makes three objects of a sample, sorts its labels and escapes every one of them anew. An
installation of ten agencies has hundreds of thousands of samples, and a scrape has seconds. Here a label
value is escaped once a scrape, and a sample is one string.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app
from prometheus_client.utils import floatToGoString

from sinks.prometheus.figures import Sample
from sinks.prometheus.metrics import METRICS, PREFIX

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COMPRESSION = 1
"""gzip's fastest: the wire is short, and the text shrinks to a twentieth at any level."""


_digits: Callable[[float], str] = floatToGoString


class _Escaped(dict[str, str]):
    """Label value to what is written between the quotes; made when first asked for."""

    def __missing__(self, value: str) -> str:
        said = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = said
        return said


class _Numbers(dict[float, str]):
    """Value to its digits as Go writes them; counts are small, and the same again and again."""

    def __missing__(self, value: float) -> str:
        said = _digits(value)
        if len(self) < 100_000:
            self[value] = said
        return said


class _Lines:
    """The lines of one metric; labels stand in the order of their names."""

    def __init__(self, name: str) -> None:
        self.metric = METRICS[name]
        order = sorted(range(len(self.metric.labels)), key=self.metric.labels.__getitem__)
        names = [self.metric.labels[place] for place in order]
        braces = ",".join(f'{label}="{{{place}}}"' for place, label in zip(order, names, strict=True))
        self.form = f"{name}{{{{{braces}}}}} {{{len(order)}}}\n" if names else f"{name} {{0}}\n"
        self.lines: list[str] = []


def text(samples: Iterable[Sample]) -> str:
    """The exposition of samples: each metric with its HELP and TYPE, in the order of the table.

    Raises:
        KeyError: a sample of a metric that the table does not have.

    >>> print(text([("units", ("sffd", "on_scene", "ENGINE"), 3)]).splitlines()[-1])
    watchroom_units{agency="sffd",status="on_scene",unit_type="ENGINE"} 3.0
    """
    escaped, numbers = _Escaped(), _Numbers()
    made: dict[str, _Lines] = {}
    for name, labels, value in samples:
        of = made.get(name)
        if of is None:
            of = made[name] = _Lines(PREFIX + name)
        of.lines.append(of.form.format(*[escaped[label] for label in labels], numbers[value]))
    parts: list[str] = []
    for full, metric in METRICS.items():
        of = made.pop(full.removeprefix(PREFIX), None)
        if of is not None:
            about = metric.about.replace("\\", r"\\").replace("\n", r"\n")
            parts.append(f"# HELP {full} {about}\n# TYPE {full} {metric.kind}\n")
            parts += of.lines
    return "".join(parts)


def application(
    samples: Callable[[], Iterable[Sample]], others: CollectorRegistry
) -> Callable[..., Iterable[bytes]]:
    """What a web server is to answer: all samples by ``text``, and then what the registry has.

    Args:
        samples: asked anew at each scrape.
        others: what is not ours, such as the process's memory.
    """
    usual = make_wsgi_app(others)

    def answer(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            # What may be asked, and that nothing else may, prometheus-client says.
            refused: Iterable[bytes] = usual(environ, start_response)
            return refused
        body = text(samples()).encode() + generate_latest(others)
        headers = [("Content-Type", CONTENT_TYPE)]
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body = gzip.compress(body, COMPRESSION)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
        return [body]

    return answer
