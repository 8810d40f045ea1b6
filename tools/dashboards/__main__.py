"""Write deploy/grafana/dashboards/*.json, or say what differs.

python -m tools.dashboards           writes them
python -m tools.dashboards --check   says what differs, and exits with 1
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.dashboards import BOARDS
from tools.dashboards.kit import text

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the dashboards, or check them; returns the exit code."""
    wanted = {f"{board.uid}.json": text(board) for board in BOARDS}
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    differing = sorted(n for n in wanted.keys() | there.keys() if wanted.get(n) != there.get(n))
    if "--check" in arguments:
        if differing:
            print(f"{', '.join(differing)} differ from tools/dashboards: run python -m tools.dashboards")
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name in differing:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
