#!/usr/bin/env python3
"""Write constraints.txt: the exact version of everything installed, for every Python we support.

Each interpreter resolves pyproject.toml afresh in a throw-away environment (`pip install --dry-run`,
so nothing is installed), and the answers are merged: a line has a marker only where they differ. The
file names versions alone, no registry and no address. Run it with `make pins`; it needs Python 3.11,
3.12 and 3.13 on the path or under ~/.pyenv, and says which one it misses.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13")

HEADER = """\
# The exact versions Watchroom is built and tested with, on Python 3.11, 3.12 and 3.13.
# Made by `make pins` from pyproject.toml; not edited by hand.
"""


def runs_as(python: Path, version: str) -> bool:
    """Whether that interpreter starts at all (a pyenv shim may not) and is of that version."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def find_python(version: str) -> Path:
    """The interpreter of that version, from the path or from pyenv."""
    on_path = shutil.which(f"python{version}")
    places = [Path(on_path)] if on_path else []
    places += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    for place in places:
        if runs_as(place, version):
            return place
    sys.exit(f"make pins needs Python {version}, and there is none on the path or under ~/.pyenv.")


def canonical(name: str) -> str:
    """A distribution's name in the one spelling that pip compares.

    >>> canonical("Mypy_Extensions")
    'mypy-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(version: str) -> dict[str, str]:
    """Everything `.[dev]` comes to on that Python: name to version, ourselves left out."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        subprocess.run([find_python(version), "-m", "venv", f"{scratch}/venv"], check=True)
        pip = (f"{scratch}/venv/bin/python", "-m", "pip", "--quiet")
        subprocess.run([*pip, "install", "--upgrade", "pip"], check=True)
        asked = ("install", "--dry-run", "--ignore-installed", "--report", str(report), f"{ROOT}[dev]")
        subprocess.run([*pip, *asked], check=True, stdout=subprocess.DEVNULL)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    # One of them calls itself v0.0.21, which pip takes for 0.0.21.
    pins = {canonical(o["metadata"]["name"]): o["metadata"]["version"].removeprefix("v") for o in found}
    pins.pop("watchroom")
    return pins


def merge(answers: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """One line a pin, with a marker only where the Pythons differ.

    >>> list(merge({"3.11": {"six": "1.17.0"}, "3.12": {"six": "1.17.0"}}))
    ['six==1.17.0']
    >>> list(merge({"3.11": {"six": "1.16.0"}, "3.12": {"six": "1.17.0"}}))
    ['six==1.16.0; python_version == "3.11"', 'six==1.17.0; python_version == "3.12"']
    """
    for name in sorted({name for pins in answers.values() for name in pins}):
        pinned = {python: pins[name] for python, pins in answers.items() if name in pins}
        if len(pinned) == len(answers) and len(set(pinned.values())) == 1:
            yield f"{name}=={next(iter(pinned.values()))}"
        else:
            yield from (
                f'{name}=={version}; python_version == "{python}"' for python, version in pinned.items()
            )


def main() -> None:
    """Resolve on each Python, merge, and write the file."""
    answers = {}
    for python in PYTHONS:
        print(f"Resolving for Python {python} ...", flush=True)
        answers[python] = resolve(python)
    lines = list(merge(answers))
    TARGET.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"Wrote {TARGET.name}: {len(lines)} pins.")


if __name__ == "__main__":
    main()
