"""Compile the pure core of both stages to C with mypyc: the same answers, sooner (docs/performance.md).

Example:
  make fast                                   # compile; workers use it from their next start
  python -m tools.compile_core --into DIR     # compile into a folder of your own
  python -m tools.compile_core --remove       # back to plain Python

Needs a C compiler and Python's headers (Debian: gcc and python3-dev). What is compiled stands beside the
sources in ``streams/_compiled``, with their checksums: where a source has changed since, Python
runs the source (``streams/compiled.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from streams import compiled

ROOT = Path(__file__).resolve().parent.parent

_BUILD = """
import sys
from mypyc.build import mypycify
from setuptools import setup
setup(name="core", script_args=["build_ext", "--inplace"],
      ext_modules=mypycify(["--config-file", "mypy.ini", *sys.argv[2:]], opt_level=sys.argv[1]))
"""


_FLAGS = "-fno-semantic-interposition -fno-plt"
"""One library holds the whole core and nobody replaces its functions: calls between them need no detour."""


def compile_into(folder: Path, optimise: str = "3") -> None:
    """Compile the modules of ``compiled.MODULES`` into a folder, and write down what they were made of.

    Args:
        folder: where to; what is there is deleted.
        optimise: how much, as the C compiler has it, ``0`` to ``3``.

    Raises:
        SystemExit: in words, where the compiler is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="watchroom-compile-") as scratch:
        work = Path(scratch)
        for room in ("schemas", "streams"):
            shutil.copytree(
                ROOT / room, work / room, ignore=shutil.ignore_patterns(compiled.FOLDER, "__pycache__")
            )
        (work / "mypy.ini").write_text("[mypy]\nplugins = pydantic.mypy\n")
        (work / "build.py").write_text(_BUILD)
        sources = [
            *(f"schemas/{name}.py" for name in compiled.SHARED),
            *(f"streams/{room}/{name}.py" for room, names in compiled.MODULES.items() for name in names),
        ]
        environment = {**os.environ, "CFLAGS": f"{os.environ.get('CFLAGS', '')} {_FLAGS}"}
        command = [sys.executable, "build.py", optimise, *sources]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            sys.exit(
                f"{tail}\n\nThe core could not be compiled: see above. It runs as plain Python all the same."
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        core = work / "streams"
        for library in [*work.glob("*.so"), *work.glob("schemas/*.so"), *core.rglob("*.so")]:
            to = folder / library.relative_to(core if library.is_relative_to(core) else work)
            to.parent.mkdir(exist_ok=True, parents=True)
            shutil.copy2(library, to)
        (folder / compiled.MANIFEST).write_text(json.dumps(compiled.fingerprint()))


def main() -> None:
    """Run the command."""
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--into", type=Path, default=compiled.STREAMS / compiled.FOLDER)
    parser.add_argument(
        "--optimise", choices=("0", "1", "2", "3"), default="3", help="how much; less is compiled sooner (3)"
    )
    parser.add_argument("--remove", action="store_true", help="delete what was compiled")
    options = parser.parse_args()
    if options.remove:
        shutil.rmtree(options.into, ignore_errors=True)
        print("Removed: the core runs as plain Python.")
        return
    count = len(compiled.SHARED) + sum(map(len, compiled.MODULES.values()))
    print(f"Compiling {count} modules of the core, a minute or two.", flush=True)
    compile_into(options.into, options.optimise)
    print(f"Compiled into {options.into}: workers use it from their next start.")


if __name__ == "__main__":
    main()
