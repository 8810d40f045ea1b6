"""Every test says in one sentence what it holds, and so does every module of tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def mute_tests(source: str) -> Iterator[str]:
    r"""The names of those tests in a module that do not say what they hold.

    >>> list(mute_tests('def test_a():\n    "Says it."\n\ndef test_b(): ...'))
    ['test_b']
    >>> list(mute_tests("class TestIt:\n    async def test_c(self): ..."))
    ['test_c']
    >>> list(mute_tests("def helper(): ..."))
    []
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test") and not ast.get_docstring(node):
            yield node.name


def test_every_test_has_a_docstring() -> None:
    """A failing test is read by someone who did not write it; its first line tells them the promise."""
    modules = sorted(TESTS.rglob("test_*.py"))
    mute = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in modules
        for name in mute_tests(path.read_text(encoding="utf-8"))
    ]

    assert modules
    assert mute == []
