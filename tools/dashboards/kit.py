"""The few shapes all our dashboards are made of, over grafana-foundation-sdk 0.0.21.

That version writes schemaVersion 42 and was seen to draw right on Grafana 9.4. It sets no panel ids, shows no
legend unless asked, and leaves a heatmap to reckon buckets of its own unless told ``calculate: false``: all
three are set here, once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

WIDTH = 24
TAG = "watchroom"
SOURCE = common_model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GRAFANA = common_model.DataSourceRef(type_val="grafana", uid="-- Grafana --")

AGENCY = 'agency="$agency"'
FIGURE = f'{AGENCY},mode="$mode",window="$window"'
"""The labels of the headline figures, as the variables have them."""

GOAL = f'max by (agency, interval, mode) (watchroom_target_goal_ratio{{{AGENCY},mode="$mode"}})'
"""The goal of each interval's compliance; the strictest, where classes differ."""

Unit = Literal["s", "short", "percentunit", "bytes", "ops", "none", "bool"]


@dataclass(frozen=True, slots=True)
class Query:
    """One query: ``promql``, and how its series are called (``{{label}}``)."""

    promql: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A colour from a value on; None is everything below the first.

    Values are signs and counts of nothing (0, 1). A limit in seconds or a goal is an agency's, comes as a
    metric, and is subtracted in the query.
    """

    value: float | None
    color: str


OVER_GOAL = (Step(None, "red"), Step(0, "green"))
"""Of what is a distance from a goal: below it is bad."""
ABOVE_NOTHING_IS_BAD = (Step(None, "green"), Step(1, "red"))
BELOW_ONE_IS_BAD = (Step(None, "red"), Step(1, "green"))
PLAIN = (Step(None, "text"),)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, before it has a place.

    Attributes:
        kind: how it is drawn.
        about: the description: what is shown, of whom, and what to do if it looks wrong.
        renames: of a table: column to heading, in the order shown; what is not named is hidden.
        colored: of a table: headings whose cells are coloured by ``steps``.
        units: of a table: heading to unit, where it is not the panel's.
    """

    kind: Literal["stat", "series", "stacked", "bars", "table", "heatmap"]
    title: str
    about: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    width: int = 6
    height: int = 4
    decimals: int | None = None
    steps: tuple[Step, ...] = PLAIN
    floor: float | None = None
    ceiling: float | None = None
    renames: dict[str, str] = field(default_factory=dict)
    colored: tuple[str, ...] = ()
    units: dict[str, Unit] = field(default_factory=dict)
    dashed: str = ""
    """Of series: those whose name matches this are limits, drawn dashed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and panels in reading order."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A whole dashboard."""

    uid: str
    title: str
    about: str
    variables: tuple[str, ...]
    rows: tuple[Row, ...]
    span: str = "6h"


def built(board: Board) -> dict[str, Any]:
    """The dashboard as Grafana takes it."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{board.span}", "now")
        .refresh("10s")
    )
    for name in ("datasource", *board.variables):
        made = made.with_variable(_variable(name))
    for annotation in _annotations():
        made = made.annotation(annotation)
    for link in _links():
        made = made.link(link)
    number, top = 1, 0
    for row in board.rows:
        made = made.with_row(
            dashboard.Row(row.title).id(number).grid_pos(model.GridPos(h=1, w=WIDTH, x=0, y=top))
        )
        number, top, left, tallest = number + 1, top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            place = model.GridPos(h=panel.height, w=panel.width, x=left, y=top)
            made = made.with_panel(_panel(panel).id(number).grid_pos(place))
            number, left, tallest = number + 1, left + panel.width, max(tallest, panel.height)
        top += tallest
    whole: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return _mended(whole)


def _mended(whole: dict[str, Any]) -> dict[str, Any]:
    """What the SDK says for the newest Grafana and the older ones read otherwise."""
    for one in (*whole["annotations"]["list"], *whole["links"], *whole["templating"]["list"]):
        # The newest would hide them behind a menu.
        one.pop("placement", None)
    for panel in whole["panels"]:
        if panel["type"] == "heatmap":
            # What 9.4 and 10 ask whether to show a tooltip; later ones go by the mode.
            panel["options"]["tooltip"]["show"] = True
    return whole


def row_of(label: str, promql: str) -> Query:
    """A query of a table: its rows are merged by what they share, so they share that label and no other."""
    return Query(f"max by ({label}) ({promql})")


def text(board: Board) -> str:
    """The dashboard as it is committed."""
    return json.dumps(built(board), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# -- variables, annotations, links


def _variable(name: str) -> Any:
    if name == "datasource":
        return (
            dashboard.DatasourceVariable("datasource")
            .label("Prometheus")
            .type("prometheus")
            .description("The Prometheus that scrapes Watchroom's exporter.")
        )
    label, about, values, current, multi = _VARIABLES[name]
    made = (
        dashboard.QueryVariable(name)
        .label(label)
        .description(about)
        .datasource(SOURCE)
        .query({"query": values, "refId": name})
        .definition(values)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
    )
    if multi:
        every = model.VariableOption(selected=True, text="All", value="$__all")
        return made.multi(True).include_all(True).all_value(".*").current(every)
    if current:
        made = made.current(model.VariableOption(selected=True, text=current, value=current))
    return made


_SIMULATED = "Whether any of these calls are invented, by a generator or in a trial: true or false."
_HAVE = "watchroom_interval_measurements{" + AGENCY
_VARIABLES: dict[str, tuple[str, str, str, str, bool]] = {
    "agency": (
        "Agency",
        "Whose figures.",
        "label_values(watchroom_interval_measurements, agency)",
        "",
        False,
    ),
    "simulated": (
        "Simulated",
        _SIMULATED,
        f"label_values(watchroom_agency_info{{{AGENCY}}}, simulated)",
        "",
        False,
    ),
    "mediating_simulated": (
        "Simulated",
        _SIMULATED,
        'label_values(watchroom_agency_info{agency="$mediating"}, simulated)',
        "",
        False,
    ),
    "mode": (
        "Mode",
        "Response mode; EMERGENT is the headline, and targets bind it alone unless an agency says more.",
        f"label_values({_HAVE}}}, mode)",
        "EMERGENT",
        False,
    ),
    "window": (
        "Window",
        "How far back a figure looks: rolling, or the calendar day, shift or month the agency is in.",
        f"label_values({_HAVE}}}, window)",
        "24h",
        False,
    ),
    "interval": (
        "Interval",
        "Which interval of the definitions.",
        # Only where there is something to show; label_values takes a selector, no comparison.
        f'label_values(watchroom_interval_seconds{{{AGENCY},mode="$mode",percentile="90"}}, interval)',
        "turnout",
        False,
    ),
    "mediating": (
        "Agency",
        "An agency that has a mediation unit.",
        "label_values(watchroom_diversion_calls, agency)",
        "",
        False,
    ),
    "diversion_window": (
        "Window",
        "How far back: rolling, or the day and month the agency is in.",
        "label_values(watchroom_diversion_calls, window)",
        "30d",
        False,
    ),
    "station": (
        "Station area",
        "Where the incidents are.",
        f'label_values(watchroom_interval_by_group_measurements{{{AGENCY},by="station_area"}}, group)',
        "",
        True,
    ),
}


def _annotations() -> Sequence[Any]:
    fresh = (
        "count by (version) (watchroom_build_info) unless count by (version) (watchroom_build_info offset 5m)"
    )
    changed = "changes(watchroom_rules_effective_timestamp_seconds[2m]) > 0"
    breaches = (
        dashboard.AnnotationQuery()
        .name("Red breaches")
        .datasource(GRAFANA)
        .enable(True)
        .icon_color("red")
        .target(_tagged())
    )
    return (
        breaches,
        _from_prometheus("Deployments", "blue", fresh, "Watchroom {{version}}", "version"),
        _from_prometheus("Criteria changed", "purple", changed, "New rules of {{agency}}", "agency"),
    )


def _tagged() -> Any:
    """Annotations of the organisation by their tags: no query, but what Grafana's own data source takes."""

    class Tagged:
        def build(self) -> model.AnnotationTarget:
            return model.AnnotationTarget(limit=100, match_any=False, tags=[TAG, "red"], type_val="tags")

    return Tagged()


def _from_prometheus(name: str, color: str, promql: str, title: str, key: str) -> Any:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(color)
        .expr(promql)
        .title_format(title)
        .tag_keys(key)
        .step("60s")
    )


def _links() -> Sequence[Any]:
    others = (
        dashboard.DashboardLink("Watchroom")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
    return (others,)


# -- panels


def _panel(panel: Panel) -> Any:
    made = _KINDS[panel.kind](panel)
    made = made.title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.floor is not None:
        made = made.min(panel.floor)
    if panel.ceiling is not None:
        made = made.max(panel.ceiling)
    if panel.kind != "heatmap":
        made = made.thresholds(
            dashboard.ThresholdsConfig()
            .mode(model.ThresholdsMode.ABSOLUTE)
            .steps([model.Threshold(value=s.value, color=s.color) for s in panel.steps])
        )
    for query, ref in zip(panel.queries, "ABCDEFGH", strict=False):
        made = made.with_target(_target(panel, query, ref))
    return made


def _target(panel: Panel, query: Query, ref: str) -> Any:
    made = prometheus.Dataquery().datasource(SOURCE).expr(query.promql).ref_id(ref)
    if query.legend:
        made = made.legend_format(query.legend)
    if panel.kind == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    if panel.kind in ("stat", "bars"):
        return made.instant()
    if panel.kind == "heatmap":
        return made.range().format(PromQueryFormat.HEATMAP)
    return made.range()


def _last() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _stat(panel: Panel) -> Any:
    color = (
        common_model.BigValueColorMode.NONE
        if panel.steps == PLAIN
        else common_model.BigValueColorMode.BACKGROUND
    )
    return (
        stat.Panel()
        .reduce_options(_last())
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .color_mode(color)
        .text_mode(
            common_model.BigValueTextMode.VALUE_AND_NAME
            if any("{{" in q.legend for q in panel.queries)
            else common_model.BigValueTextMode.VALUE
        )
    )


def _bars(_panel: Panel) -> Any:
    return (
        bargauge.Panel()
        .reduce_options(_last())
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
        .min_viz_height(16)
        .min_viz_width(8)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )


def _series(panel: Panel) -> Any:
    made = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
        .line_width(2)
        .show_points(common_model.VisibilityMode.NEVER)
        .span_nulls(False)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    )
    if panel.kind == "stacked":
        made = made.fill_opacity(40).stacking(
            common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A")
        )
    if panel.dashed:
        made = made.override_by_regexp(
            panel.dashed,
            [
                model.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
                model.DynamicConfigValue("custom.lineWidth", 1),
            ],
        )
    return made


def _table(panel: Panel) -> Any:
    shown = list(panel.renames)
    made = (
        table.Panel()
        .show_header(True)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="filterFieldsByName",
                options={"include": {"names": shown}},
            )
        )
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {},
                    "indexByName": {name: place for place, name in enumerate(shown)},
                    "renameByName": panel.renames,
                },
            )
        )
    )
    for heading, unit in panel.units.items():
        made = made.override_by_name(heading, [model.DynamicConfigValue("unit", unit)])
    for heading in panel.colored:
        made = made.override_by_name(
            heading, [model.DynamicConfigValue("custom.cellOptions", {"type": "color-background"})]
        )
    return made


def _heatmap(_panel: Panel) -> Any:
    return (
        heatmap.Panel()
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .fill("dark-orange")
            .exponent(0.5)
            .steps(64)
            .reverse(False)
        )
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .cell_gap(1)
        .show_legend()
    )


_KINDS = {
    "stat": _stat,
    "bars": _bars,
    "series": _series,
    "stacked": _series,
    "table": _table,
    "heatmap": _heatmap,
}
