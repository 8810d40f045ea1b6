"""How fast it is: measured on a real Kafka beside the broker, as ratios to a raw reader in the same run."""
