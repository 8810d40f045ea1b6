"""The laws about who may know what (DESIGN.md, "The house" and "The laws", 1).

Imports are import-linter's to judge, by the contracts in pyproject.toml (`make check` runs them). Here
they are run on small houses built for the purpose, to see that each contract lets a lawful house pass
and names what is wrong with an unlawful one. What imports alone can't show is read from the syntax
tree: a pure module must not ask the time of a class it may import, nor open a file, nor print.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The rooms of the pure core; in each, agent.py is the shell's.
PURE = ("streams/incidents", "streams/agency")

OUTSIDE = frozenset({"open", "input", "print", "__import__", "exec", "eval"})


def impurities(source: str) -> Iterator[str]:
    r"""What a module does that a pure one may not, as "line: what".

    A clock is asked through ``datetime`` or ``date``; ``fromtimestamp`` and ``astimezone`` read the
    machine's own zone unless they are given one, so they need an argument that says which.

    >>> list(impurities("x = datetime.now(UTC)"))
    ['1: asks the clock: datetime.now']
    >>> list(impurities("import datetime as dt\nx = dt.date.today()"))
    ['2: asks the clock: dt.date.today']
    >>> list(impurities("x = moment.astimezone()"))
    ["1: reads the machine's zone: moment.astimezone"]
    >>> list(impurities("x = datetime.fromtimestamp(3, tz=UTC); y = moment.astimezone(zone)"))
    []
    >>> list(impurities("print(open('x'))"))
    ['1: reaches outside: print', '1: reaches outside: open']
    >>> list(impurities("def now(clock): return clock.now"))
    []
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        owner, _, last = name.rpartition(".")
        given = len(node.args) + len(node.keywords)
        if not owner and last in OUTSIDE:
            yield f"{node.lineno}: reaches outside: {name}"
        elif last in {"now", "utcnow", "today"} and owner.rpartition(".")[2] in {"datetime", "date"}:
            yield f"{node.lineno}: asks the clock: {name}"
        elif (last == "fromtimestamp" and given < 2) or (last == "astimezone" and owner and given < 1):
            yield f"{node.lineno}: reads the machine's zone: {name}"


def pure_modules() -> list[Path]:
    """Every module of the pure core."""
    return sorted(path for room in PURE for path in (ROOT / room).rglob("*.py") if path.name != "agent.py")


def test_the_pure_core_asks_no_clock_and_reaches_nothing_outside() -> None:
    """Time is an input of a transition: the same state and event give the same outputs, always."""
    modules = pure_modules()
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in modules
        for what in impurities(path.read_text(encoding="utf-8"))
    ]

    assert {path.parent.relative_to(ROOT).as_posix() for path in modules} >= set(PURE)
    assert found == []


# ------------------------------------------------------- the contracts of pyproject.toml, made to bite

# A lawful house: who may import what, each used once.
LAWFUL = {
    "schemas/__init__.py": "import datetime\n",
    "sources/__init__.py": "import kafka\nimport schemas\n",
    "sinks/__init__.py": "import schemas\nimport time\n",
    "streams/__init__.py": "",
    "streams/app.py": "import faust\nimport schemas\n",
    "streams/transport/__init__.py": "import aiokafka\n",
    "streams/transport/driver.py": "import time\nimport faust\n",
    "streams/incidents/__init__.py": "import schemas\n",
    "streams/incidents/agent.py": (
        "import time\nfrom streams.app import faust\nfrom streams.transport import driver\n"
    ),
    "streams/agency/__init__.py": "from streams.incidents import schemas\n",
    "streams/agency/agent.py": "import asyncio\nimport faust\n",
    "watchroom/__init__.py": "import schemas\nimport sources\nimport sinks\nimport streams.app\n",
}

# One unlawful file at a time, and what import-linter must say about it.
UNLAWFUL = {
    "schemas imports a room": ("schemas/bad.py", "import sinks\n", "schemas.bad -> sinks"),
    "schemas imports the front door": ("schemas/bad.py", "import watchroom\n", "schemas.bad -> watchroom"),
    "sources imports sinks": ("sources/bad.py", "import sinks\n", "sources.bad -> sinks"),
    "sinks imports streams": ("sinks/bad.py", "import streams\n", "sinks.bad -> streams"),
    "streams imports the front door": ("streams/bad.py", "import watchroom\n", "streams.bad -> watchroom"),
    "a sink imports aiokafka": ("sinks/bad.py", "from aiokafka import errors\n", "sinks.bad -> aiokafka"),
    "the front door imports faust": ("watchroom/bad.py", "import faust\n", "watchroom.bad -> faust"),
    "the core imports faust": (
        "streams/agency/bad.py",
        "from faust import types\n",
        "streams.agency.bad -> faust",
    ),
    "the core imports the clock inside a function": (
        "streams/incidents/bad.py",
        "def f():\n    from time import time\n    return time()\n",
        "streams.incidents.bad -> time",
    ),
    "the core imports chance": ("streams/agency/bad.py", "import random\n", "streams.agency.bad -> random"),
    "the core reaches a clock through a helper": (
        "streams/incidents/bad.py",
        "from streams.transport import driver\n",
        "streams.transport.driver -> time",
    ),
}


def lint(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Build a house of those files and run our contracts over it."""
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    run = "from importlinter.cli import lint_imports_command as main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", run, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_lawful_house_passes(tmp_path: Path) -> None:
    """What the design allows, import-linter allows."""
    run = lint(tmp_path, LAWFUL)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize(("path", "source", "said"), UNLAWFUL.values(), ids=UNLAWFUL.keys())
def test_an_unlawful_import_is_named(tmp_path: Path, path: str, source: str, said: str) -> None:
    """Each contract can fail, and says which import broke it."""
    run = lint(tmp_path, {**LAWFUL, path: source})

    assert run.returncode == 1, run.stdout + run.stderr
    assert said in run.stdout
