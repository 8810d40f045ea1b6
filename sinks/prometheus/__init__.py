"""The Prometheus exporter: figures as gauges, the pipeline as counters and gauges (docs/metrics.md)."""
