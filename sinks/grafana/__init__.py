"""Grafana: dashboards and a data source pushed, and red breaches as annotations, through grafana-api."""
