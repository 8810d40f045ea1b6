"""``python -m bench.plot FILE``: curves given as JSON, drawn; run where matplotlib is (.venv-bench)."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Draw."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "watchroom"
    from matplotlib import pyplot

    curves = json.load(sys.stdin)
    figure, grid = pyplot.subplots(1, len(curves), figsize=(4 * len(curves), 3.2), layout="constrained")
    for axes, (name, curve) in zip(grid.flat, curves.items(), strict=True):
        axes.plot([size for size, _ in curve], [cost for _, cost in curve], marker="o")
        axes.set_xlabel(name)
        axes.set_ylabel("processor us")
        axes.set_ylim(0, 1.1 * max(cost for _, cost in curve))  # the highest mark stands whole
        axes.set_xscale("log")
        axes.grid(alpha=0.3)
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
