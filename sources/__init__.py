"""How events get in: CSV profiles, HTTP and the simulator, each towards Kafka."""
