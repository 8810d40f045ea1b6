"""The core compiled (``make fast``) gives the answers of the core as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from streams import compiled

ROOT = Path(__file__).resolve().parents[2]
WHERE = "import streams.{} as module; print(module.__file__)"


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
    compiler = [sys.executable, "-m", "tools.compile_core", "--optimise", "0", "--into", str(folder)]
    subprocess.run(compiler, cwd=ROOT, check=True, timeout=600)
    for module in ("incidents.emit", "agency.book"):
        assert _python("-c", WHERE.format(module), folder=folder).strip().endswith(".so"), module
    names = ("golden", "examples", "bad_input", "breaches", "stage_two")
    tests = [f"tests/core/test_{name}.py" for name in names]
    _python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, folder=folder)
    manifest = folder / compiled.MANIFEST
    written = manifest.read_text()
    others = ("state.py", "breaches/watch.py", "mediation/encounter.py")
    sources = ("schemas/times.py", *(f"streams/incidents/{name}" for name in ("emit.py", *others)))
    for source in (*sources, "streams/agency/reading.py"):
        manifest.write_text(written.replace(compiled.fingerprint()[source], "0" * 64))
        for module in ("incidents.emit", "agency.book"):
            assert _python("-c", WHERE.format(module), folder=folder).strip().endswith(".py"), source
