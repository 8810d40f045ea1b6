"""Drills: everything that can be broken on one machine is broken, and the answer must still be exact.

``python -m tests.drills --help``. A plan is made from a seed, a house of a real Kafka and real workers lives
through it while events go in, and at its end every record and every figure is held against what
``tests/reference`` says of the same events without Kafka.
"""
