"""In CI a skip must fail. Each test runs pytest itself, on a small file of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CASES = {
    "a mark": "@pytest.mark.skip(reason='no broker')\ndef test_it():\n    pass\n",
    "a call": "def test_it():\n    pytest.skip('no broker')\n",
    "a fixture": ("@pytest.fixture\ndef it():\n    pytest.skip('no broker')\n\ndef test_it(it):\n    pass\n"),
    "a module": "pytest.skip('no broker', allow_module_level=True)\n",
}


def run_pytest(folder: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run one file with the plugin, in a process of its own and out of reach of our settings."""
    (folder / "test_sample.py").write_text(f"import pytest\n\n{source}", encoding="utf-8")
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.house.no_skips"]\n', encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", folder],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_a_skip_fails_in_ci(tmp_path: Path, source: str) -> None:
    """However a test skips, CI's run fails, and says why it skipped."""
    run = run_pytest(tmp_path, source, ci="true")

    assert run.returncode != 0
    assert "skipped in CI, where nothing may be: no broker" in run.stdout
    assert "1 error" in run.stdout or "1 failed" in run.stdout


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_a_skip_is_a_skip_elsewhere(tmp_path: Path, source: str) -> None:
    """On a machine that is not CI the same file is skipped and nothing fails."""
    run = run_pytest(tmp_path, source, ci="")

    assert "1 skipped" in run.stdout
    assert "failed" not in run.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    """An xfail says something about the code, so CI leaves it alone."""
    run = run_pytest(tmp_path, "@pytest.mark.xfail\ndef test_it():\n    assert False\n", ci="true")

    assert run.returncode == 0
    assert "1 xfailed" in run.stdout
