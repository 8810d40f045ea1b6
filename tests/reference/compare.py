"""Compare two lists of figures, and say in words where they differ.

A figure is a dict of the shape of ``sf_week_golden.json``: ``scope``, ``interval`` and ``mode`` say which
figure it is; all its other fields (``n``, ``p50``, ``p90``, ``p95``, ``within``, ``excluded``, ``open``, ...)
say what it came to.

Three rules:

- a figure in golden but missing in produced is a difference;
- a field that golden does not have is not compared;
- a figure that only produced has is allowed.

Usage: ``python tests/reference/compare.py --golden GOLDEN.json FIGURES.json``. Both files hold either a
list of figures or an object with such a list under ``figures``. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

Figure = dict[str, Any]

NAMES_OF_A_FIGURE = ("scope", "interval", "mode")


def name_of(figure: Figure) -> str:
    """Say which figure this is, the same words for the same figure whatever the order of its scope's keys."""
    scope = ", ".join(f"{key}={figure['scope'][key]}" for key in sorted(figure["scope"]))
    return f"{figure['interval']} {figure['mode']} [{scope}]"


def by_name(figures: list[Figure], whose: str) -> tuple[dict[str, Figure], list[str]]:
    """Key figures by name. A figure that is there twice with two answers is a difference in itself."""
    named: dict[str, Figure] = {}
    complaints: list[str] = []
    for figure in figures:
        name = name_of(figure)
        if name in named and named[name] != figure:
            complaints.append(f"{name}: twice in {whose}, with two answers")
        named[name] = figure
    return named, complaints


def compare(golden: list[Figure], produced: list[Figure]) -> list[str]:
    """Return one readable line for each difference; an empty list when everything golden says is so."""
    expected, complaints = by_name(golden, "golden")
    actual, more = by_name(produced, "produced")
    complaints += more
    for name, figure in expected.items():
        if name not in actual:
            complaints.append(f"{name}: missing in produced")
            continue
        for field, value in figure.items():
            if field in NAMES_OF_A_FIGURE:
                continue
            if field not in actual[name]:
                complaints.append(f"{name}: {field}: golden {value!r}, produced has no such field")
            elif actual[name][field] != value:
                complaints.append(f"{name}: {field}: golden {value!r}, produced {actual[name][field]!r}")
    return complaints


def read_figures(path: Path) -> list[Figure]:
    """Read a list of figures, bare or under ``figures``."""
    content = json.loads(path.read_text(encoding="utf-8"))
    figures: list[Figure] = content["figures"] if isinstance(content, dict) else content
    return figures


def main(arguments: list[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Compare figures with golden ones.")
    parser.add_argument("--golden", type=Path, required=True)
    parser.add_argument("figures", type=Path)
    options = parser.parse_args(arguments)
    golden = read_figures(options.golden)
    if not golden:
        print("golden holds no figure: nothing was compared")
        return 1
    differences = compare(golden, read_figures(options.figures))
    for difference in differences:
        print(difference)
    if not differences:
        print(f"all {len(golden)} figures agree")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
