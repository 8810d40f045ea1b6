"""The seam to Kafka: batches in, one transaction out."""
