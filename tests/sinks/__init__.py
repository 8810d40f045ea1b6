"""Tests of sinks/ and of the commands that read."""
