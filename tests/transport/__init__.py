"""The transport on a real Kafka: exactness under kills, stops, rebalances and aborts."""
