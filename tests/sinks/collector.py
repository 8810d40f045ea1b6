"""Samples as prometheus-client itself would write them: what ``sinks.prometheus.exposition`` is held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sinks.prometheus.figures import Sample
from sinks.prometheus.metrics import METRICS, PREFIX


def families(samples: Iterable[Sample]) -> Iterator[Family]:
    """One family a metric that has samples, in the order of the table.

    Raises:
        KeyError: a sample of a metric that the table does not have.
    """
    made: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    for name, labels, value in samples:
        family = made.get(name)
        if family is None:
            metric = METRICS[PREFIX + name]
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = made[name] = kind(metric.name, metric.about, labels=metric.labels)
        family.add_metric(labels, value)
    for full in METRICS:
        if full.removeprefix(PREFIX) in made:
            yield made[full.removeprefix(PREFIX)]


class FromSamples(Collector):
    """Asks for the samples anew at each scrape, so that what is gone leaves nothing behind."""

    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Family]:
        """The families as they are now."""
        return families(self._samples())
