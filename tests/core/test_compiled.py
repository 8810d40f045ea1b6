"""The core compiled (``make fast``) gives the answers of the core as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from streams import compiled

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "streams" / "incidents"
WHERE = "import streams.incidents.emit as emit; print(emit.__file__)"


def _python(*arguments: str, folder: Path) -> str:
    """What a Python that is told of the folder prints; it must succeed."""
    environment = {**os.environ, compiled.VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_compiled_it_gives_the_golden_week_and_every_example(tmp_path: Path) -> None:
    """And it is indeed the compiled core that gives them; with other sources it would not be used."""
    folder = tmp_path / "compiled"
    subprocess.run(
        [sys.executable, "-m", "tools.compile_core", "--into", str(folder)], cwd=ROOT, check=True, timeout=600
    )
    assert _python("-c", WHERE, folder=folder).strip().endswith(".so")
    tests = [f"tests/core/test_{name}.py" for name in ("golden", "examples", "bad_input", "breaches")]
    _python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, folder=folder)
    manifest = folder / compiled.MANIFEST
    written = manifest.read_text()
    others = ("state.py", "breaches/watch.py", "mediation/encounter.py")
    for source in ("schemas/times.py", *(f"streams/incidents/{name}" for name in ("emit.py", *others))):
        manifest.write_text(written.replace(compiled.fingerprint(CORE)[source], "0" * 64))
        assert _python("-c", WHERE, folder=folder).strip().endswith(".py"), source
