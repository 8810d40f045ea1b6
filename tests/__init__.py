"""What Watchroom promises, held to it."""
