"""How results get out: Prometheus, Grafana, Alertmanager, board, archive and public files."""
