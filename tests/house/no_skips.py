"""A pytest plugin: in CI a skipped test is a failed one.

A test that skips because its tool is missing tells a reader at a laptop the truth, and tells CI nothing:
the run stays green and holds less than it says. With ``CI=true`` every skip is turned into a failure that
names its reason, in the report itself, so the closing line and the exit code say so too. An expected
failure (``xfail``) is a statement about the code, not about the machine, and stays what it is.

Enabled in ``tests/conftest.py``: ``pytest_plugins = ["tests.house.no_skips"]``.
"""

import os
from collections.abc import Generator

import pytest


def reason_of(longrepr: object) -> str:
    """The reason inside a skipped report: pytest keeps it last in a tuple (path, line, reason)."""
    if isinstance(longrepr, tuple):
        return str(longrepr[-1]).removeprefix("Skipped: ")
    return str(longrepr)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, in place."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {reason_of(report.longrepr)}"


class NoSkips:
    """Reads every report after pytest and all other plugins have made it."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A test that skips itself, or is marked to be skipped."""
        report = yield
        fail_if_skipped(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A module that skips itself whole (``pytest.importorskip``)."""
        report = yield
        fail_if_skipped(report)
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skips, where CI says that it is CI."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        config.pluginmanager.register(NoSkips(), "watchroom-no-skips")
