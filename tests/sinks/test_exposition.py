"""The fast writer of the exposition says what prometheus-client's own says."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from sinks.prometheus.exporter import listen
from sinks.prometheus.exposition import CONTENT_TYPE, application, text
from sinks.prometheus.figures import Sample
from sinks.prometheus.metrics import METRICS, PREFIX
from tests.core.effort import examples
from tests.sinks.collector import FromSamples
from tests.sinks.test_metrics_page import full_samples

VALUES = st.one_of(st.integers(0, 10**18), st.floats().filter(lambda v: v != 0.0), st.just(0))


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A sample of any metric, with any text for labels and any number."""
    metric = METRICS[draw(st.sampled_from(sorted(METRICS)))]
    labels = tuple(draw(st.text(max_size=8)) for _ in metric.labels)
    return metric.name.removeprefix(PREFIX), labels, draw(VALUES)


def usual(made: list[Sample]) -> bytes:
    """By prometheus-client."""
    registry = CollectorRegistry()
    registry.register(FromSamples(lambda: made))
    return generate_latest(registry)


@examples(300)
@given(st.lists(samples(), max_size=12))
def test_it_is_what_the_library_writes(made: list[Sample]) -> None:
    """Byte for byte, whatever stands in labels and values."""
    assert text(made).encode() == usual(made)


def test_a_whole_scrape_is_what_the_library_writes() -> None:
    """Of every metric there is."""
    made = list(full_samples())
    assert {PREFIX + name for name, _, _ in made} == METRICS.keys()
    assert text(made).encode() == usual(made)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_it_is_served(encoding: str) -> None:
    """Plain and compressed; the process's own memory stands after ours; nothing can be posted."""
    made: list[Sample] = [("units", ("sffd", "on_scene", "ENGINE"), 3), ("exporter_series", (), 1)]
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    server, thread = listen("127.0.0.1", 0, process)
    server.set_app(application(lambda: made, process))
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    try:
        request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
            assert answer.headers["Content-Type"] == CONTENT_TYPE
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(url, data=b"x", timeout=10)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
    said = (gzip.decompress(body) if encoding else body).decode()

    assert 'watchroom_units{agency="sffd",status="on_scene",unit_type="ENGINE"} 3.0\n' in said
    assert "process_resident_memory_bytes" in said
