"""Figures and records as text for people: tables at a terminal, plain aligned text everywhere else."""
