"""A pytest plugin: how the tests are dealt out where several workers run them (``pytest -n 2``).

Most tests wait for a Kafka or for a process, so two workers on two cores end much sooner than one. What costs
most is started once a session (brokers, pipelines of real processes) and is shared within a folder, so such a
folder goes to one worker as a whole; elsewhere a file does. The longest come first, so that no worker is left
with a long one at the end.

Enabled in ``tests/conftest.py``.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

WHOLE = ("tests/pipeline", "tests/transport", "tests/sources", "tests/sinks")
"""Folders whose tests share what a session starts."""

FIRST = (
    "tests/pipeline",
    "tests/transport",
    "tests/frontdoor/test_end_to_end.py",
    "tests/core/test_compiled.py",
    "tests/drills/test_drill.py",
    "tests/broker",
    "tests/dashboards",
)
"""What takes longest; the rest follows as it was found."""


def unit_of(nodeid: str) -> str:
    """What one worker takes as a whole: a folder whose tests share something, else a file.

    >>> unit_of("tests/pipeline/test_counts.py::test_it[a]"), unit_of("tests/core/test_laws.py::test_it")
    ('tests/pipeline', 'tests/core/test_laws.py')
    """
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in WHOLE if file.startswith(f"{folder}/")), file)


def turn_of(nodeid: str) -> int:
    """The place of a test's unit among the others."""
    return next((at for at, start in enumerate(FIRST) if nodeid.startswith(start)), len(FIRST))


class ByUnit(LoadScopeScheduling):
    """A unit to a worker, in the order found."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnit:
    """Deal out by unit, not by the number of tests in it."""
    config.option.loadscopereorder = False
    return ByUnit(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers, the longest first; one alone runs them as they were found."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid))
