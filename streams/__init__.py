"""The computing: pure transitions, and the Faust shell around them, from Kafka to Kafka."""
