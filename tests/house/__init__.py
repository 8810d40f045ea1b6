"""Tests of the house itself: its laws, its tools, its habits."""
