"""Draw the dashboards' panels from a real Prometheus that holds the demo, and take pictures of them.

python -m tools.pictures [FOLDER]        (docs/pictures, unless told)

No Grafana is to be had here: each panel's own queries are asked of Prometheus, and their answers drawn by the
few lines below, where the panel stands in the dashboard. So the numbers are what Grafana would show, and the
drawing is not Grafana's; every picture says so. Needs chromium and prometheus (Debian's).
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

from sinks.grafana.pushing import read_dashboards
from tests.dashboards.monitored import DEMO, Prometheus, demo, filled, get
from tools.dashboards.__main__ import FOLDER

CELL_W, CELL_H = 60, 34
COLORS = ("#56a64b", "#3274d9", "#e0b400", "#e02f44", "#a352cc", "#ff780a", "#37872d", "#1f60c4", "#8f3bb8")
NAMED = {"green": "#2f8f4e", "red": "#c4162a", "orange": "#d9730d", "text": "#d8d9da"}
SPAN_S = 240
CAPTION = (
    "Drawn by tools/pictures.py from this dashboard's own queries, asked of a real Prometheus that held the "
    "demo. Not a picture of Grafana."
)
INVENTED = " SIMULATED: these calls were invented by `watchroom simulate mediation`."
STYLE = """
body{margin:0;background:#111217;color:#d8d9da;font:13px sans-serif}
h1{font-size:18px;margin:10px 12px 2px}p{margin:2px 12px 8px;color:#9a9ba0}
.panel{position:absolute;background:#181b1f;border:1px solid #2c3235;box-sizing:border-box;padding:4px 8px;
overflow:hidden}
.title{font-weight:600;margin-bottom:3px}.row{position:absolute;font-weight:600;padding:8px 4px}
.big{font-size:30px;text-align:center;padding-top:22px}.small{font-size:17px;text-align:center}
table{border-collapse:collapse;width:100%;font-size:12px}td,th{padding:1px 6px;text-align:right;
border-bottom:1px solid #2c3235}td:first-child,th:first-child{text-align:left}
.bar{height:13px;display:inline-block;vertical-align:middle}
.legend{font-size:11px;color:#b5b6bb}
"""


def shown(value: float, unit: str) -> str:
    """A number with its unit, for people."""
    if unit == "percentunit":
        return f"{100 * value:.1f} %"
    if unit == "s":
        return f"{value:.0f} s" if value < 3600 else f"{value / 3600:.1f} h"
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    if unit == "ops":
        return f"{value:,.1f}/s"
    return f"{value:,.0f}"


def named(legend: str, metric: dict[str, str]) -> str:
    """A series' name as its legend has it."""
    for label, value in metric.items():
        legend = legend.replace("{{" + label + "}}", value)
    # A label that a series has not is nothing to Grafana.
    return re.sub(r"\{\{\w+\}\}", "", legend).strip() or metric.get("__name__", "")


class Drawing:
    """One dashboard as a page."""

    def __init__(self, prometheus: Prometheus, dashboard: dict[str, Any]) -> None:
        self._prometheus = prometheus
        self._dashboard = dashboard

    def page(self) -> tuple[str, int]:
        """The page and its height."""
        parts, bottom = [], 0
        for panel in self._dashboard["panels"]:
            at = panel["gridPos"]
            left, top = at["x"] * CELL_W + 8, at["y"] * CELL_H + 64
            bottom = max(bottom, top + at["h"] * CELL_H)
            title = html.escape(panel["title"].replace("$interval", DEMO["interval"]))
            if panel["type"] == "row":
                parts.append(f'<div class="row" style="left:{left}px;top:{top}px">{title}</div>')
                continue
            width, height = at["w"] * CELL_W - 6, at["h"] * CELL_H - 6
            color, inner = self._panel(panel, width - 18, height - 30)
            parts.append(
                f'<div class="panel" style="left:{left}px;top:{top}px;width:{width}px;height:{height}px;'
                f'{color}"><div class="title">{title}</div>{inner}</div>'
            )
        caption = CAPTION + (INVENTED if "$mediating" in json.dumps(self._dashboard["panels"]) else "")
        head = f"<h1>{html.escape(self._dashboard['title'])}</h1><p>{html.escape(caption)}</p>"
        page = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{head}{''.join(parts)}"
        return page, bottom + 16

    def _panel(self, panel: dict[str, Any], width: int, height: int) -> tuple[str, str]:
        kind = panel["type"]
        if kind == "timeseries":
            return "", self._series(panel, width, height)
        if kind == "heatmap":
            return "", self._heat(panel, width, height)
        if kind == "table":
            return "", self._table(panel)
        return self._stat(panel) if kind == "stat" else ("", self._bars(panel, width))

    def _instant(self, panel: dict[str, Any]) -> list[tuple[str, float]]:
        return [
            (named(target.get("legendFormat", ""), one["metric"]), float(one["value"][1]))
            for target in panel["targets"]
            for one in self._prometheus.query(target["expr"])
        ]

    def _range(self, promql: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        end = time.time()
        asked = {"query": filled(promql, DEMO), "start": end - SPAN_S, "end": end, "step": 5}
        said = get(f"{self._prometheus.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        return [
            (one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in said["data"]["result"]
        ]

    def _color(self, panel: dict[str, Any], value: float) -> str:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        passed = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
        return NAMED[passed[-1]]

    def _stat(self, panel: dict[str, Any]) -> tuple[str, str]:
        found = self._instant(panel)
        unit = panel["fieldConfig"]["defaults"]["unit"]
        if len(found) == 1:
            color = self._color(panel, found[0][1])
            back = "" if color == NAMED["text"] else f"background:{color};"
            return back, f'<div class="big">{shown(found[0][1], unit)}</div>'
        return "", "".join(f'<div class="small">{html.escape(n)} {shown(v, unit)}</div>' for n, v in found)

    def _bars(self, panel: dict[str, Any], width: int) -> str:
        found, defaults = self._instant(panel), panel["fieldConfig"]["defaults"]
        most = max([abs(value) for _, value in found] + [1e-9])
        lines = []
        for name, value in found[:18]:
            color = self._color(panel, value)
            color = COLORS[1] if color == NAMED["text"] else color
            size = int((width - 250) * abs(value) / most)
            bar = f'<span class="bar" style="width:{size}px;background:{color}"></span>'
            lines.append(
                f'<tr><td>{html.escape(name)}</td><td style="text-align:left">{bar} '
                f"{shown(value, defaults['unit'])}</td></tr>"
            )
        return f"<table>{''.join(lines)}</table>"

    def _table(self, panel: dict[str, Any]) -> str:
        renames = panel["transformations"][-1]["options"]["renameByName"]
        labels = [name for name in renames if not name.startswith("Value")]
        units = {
            o["matcher"]["options"]: p["value"]
            for o in panel["fieldConfig"]["overrides"]
            for p in o["properties"]
            if p["id"] == "unit"
        }
        rows: dict[tuple[str, ...], dict[str, float]] = {}
        for target in panel["targets"]:
            for one in self._prometheus.query(target["expr"]):
                key = tuple(one["metric"].get(label, "") for label in labels)
                rows.setdefault(key, {})[f"Value #{target['refId']}"] = float(one["value"][1])
        values = [name for name in renames if name.startswith("Value")]
        unit = panel["fieldConfig"]["defaults"]["unit"]
        head = "".join(f"<th>{html.escape(renames[name])}</th>" for name in (*labels, *values))
        body = ""
        for key, cells in sorted(rows.items()):
            body += "<tr>" + "".join(f"<td>{html.escape(k)}</td>" for k in key)
            for name in values:
                said = units.get(renames[name], unit)
                body += f"<td>{shown(cells[name], said) if name in cells else ''}</td>"
            body += "</tr>"
        return f"<table><tr>{head}</tr>{body}</table>"

    def _series(self, panel: dict[str, Any], width: int, height: int) -> str:
        lines = [
            (named(target.get("legendFormat", ""), metric), points)
            for target in panel["targets"]
            for metric, points in self._range(target["expr"])
        ]
        unit = panel["fieldConfig"]["defaults"]["unit"]
        if panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking"):
            lines = stacked(lines)
        values = [value for _, points in lines for _, value in points] or [0.0]
        low, high = min([0.0, *values]), max([*values, 1e-9])
        tall, begin = height - 46, time.time() - SPAN_S
        drawn = ""
        for place, (name, points) in enumerate(lines[:24]):
            path = " ".join(
                f"{(at - begin) / SPAN_S * (width - 70) + 60:.1f},"
                f"{tall - (value - low) / (high - low) * (tall - 8):.1f}"
                for at, value in points
            )
            dash = ' stroke-dasharray="6 5"' if name.startswith(("goal of", "limit of")) else ""
            color = COLORS[place % len(COLORS)]
            drawn += f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"{dash}/>'
        axis = "".join(
            f'<text x="4" y="{tall - part * (tall - 8) + 4:.0f}" fill="#9a9ba0" font-size="11">'
            f"{shown(low + part * (high - low), unit)}</text>"
            for part in (0.0, 0.5, 1.0)
        )
        legend = " ".join(
            f'<span style="color:{COLORS[n % len(COLORS)]}">&#9644;</span> {html.escape(name)}'
            for n, (name, _) in enumerate(lines[:14])
        )
        return (
            f'<svg width="{width}" height="{tall + 6}">{axis}{drawn}</svg><div class="legend">{legend}</div>'
        )

    def _heat(self, panel: dict[str, Any], width: int, height: int) -> str:
        found = {metric["le"]: points for metric, points in self._range(panel["targets"][0]["expr"])}
        edges = sorted(found, key=float)
        counts: dict[tuple[int, float], float] = {}
        for place, edge in enumerate(edges):
            below = dict(found[edges[place - 1]]) if place else {}
            for at, value in found[edge]:
                counts[place, at] = value - below.get(at, 0.0)
        most, begin = max([*counts.values(), 1.0]), time.time() - SPAN_S
        step_w, step_h = (width - 60) * 5 / SPAN_S, (height - 8) / max(1, len(edges))
        cells = "".join(
            f'<rect x="{(at - begin) / SPAN_S * (width - 60) + 50:.1f}" '
            f'y="{height - 8 - (place + 1) * step_h:.1f}" width="{step_w:.1f}" height="{step_h - 1:.1f}" '
            f'fill="#ff780a" fill-opacity="{(count / most) ** 0.5:.2f}"/>'
            for (place, at), count in counts.items()
            if count > 0
        )
        names = "".join(
            f'<text x="2" y="{height - 10 - place * step_h:.0f}" fill="#9a9ba0" font-size="10">{edge}</text>'
            for place, edge in enumerate(edges)
        )
        return f'<svg width="{width}" height="{height}">{cells}{names}</svg>'


def stacked(
    lines: list[tuple[str, list[tuple[float, float]]]],
) -> list[tuple[str, list[tuple[float, float]]]]:
    """Each line on top of those before it."""
    sums: dict[float, float] = {}
    made = []
    for name, points in lines:
        raised = []
        for at, value in points:
            sums[at] = sums.get(at, 0.0) + value
            raised.append((at, sums[at]))
        made.append((name, raised))
    return made


def take(page: str, height: int, target: Path) -> None:
    """A picture of a page, by headless Chromium."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        command = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={folder}/profile", f"--window-size={24 * CELL_W + 16},{height}",
            f"--screenshot={target}", path.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main(arguments: list[str]) -> int:
    """Run the demo, draw every dashboard, take the pictures."""
    if shutil.which("chromium") is None:
        sys.exit("chromium is missing: apt-get install chromium")
    target = Path(arguments[0]) if arguments else FOLDER.parents[2] / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder), speed="8000", wait_s=900) as running:
        # All of them of one state: what is still being read would differ from picture to picture.
        running.prometheus.eventually("max(watchroom_lag_offsets)", lambda v: v <= 2)
        for uid, dashboard in read_dashboards(FOLDER).items():
            page, height = Drawing(running.prometheus, dashboard).page()
            take(page, height, target / f"{uid}.png")
            print(json.dumps({"picture": f"{uid}.png", "height": height}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
