"""The broker of our own: a real Kafka, started and stopped in many ways."""
