"""Response times: the analyst's, who must be able to say where a number comes from."""

from __future__ import annotations

from tools.dashboards.kit import AGENCY, FIGURE, GOAL, OVER_GOAL, Board, Panel, Query, Row, row_of

_ONE = f'{FIGURE},interval="$interval"'
_DAY = f'{AGENCY},mode="$mode",window="24h",interval="$interval"'
_HOUR = f'{AGENCY},mode="$mode",window="1h",interval="$interval"'
_STATION = f'{_DAY},by="station_area",group=~"$station"'
_LIMIT = f'watchroom_target_seconds{{{AGENCY},mode="$mode",interval="$interval"}}'


def _groups(by: str, title: str, heading: str) -> Panel:
    labels = f'{_DAY},by="{by}"' + (',group=~"$station"' if by == "station_area" else "")
    return Panel(
        "table",
        title,
        "Percentiles of each group are its own: they cannot be averaged into the whole's. Gap is compliance "
        "less goal; where no target binds there is none.",
        (
            row_of("group", f"watchroom_interval_by_group_measurements{{{labels}}}"),
            row_of("group", f'watchroom_interval_by_group_seconds{{{labels},percentile="50"}}'),
            row_of("group", f'watchroom_interval_by_group_seconds{{{labels},percentile="90"}}'),
            row_of("group", f'watchroom_interval_by_group_seconds{{{labels},percentile="95"}}'),
            row_of("group", f"watchroom_compliance_by_group_ratio{{{labels}}}"),
            row_of(
                "group",
                f"watchroom_compliance_by_group_ratio{{{labels}}} "
                f"- on (agency, interval, mode) group_left () {GOAL}",
            ),
        ),
        unit="s",
        width=12,
        height=9,
        steps=OVER_GOAL,
        renames={
            "group": heading,
            "Value #A": "n",
            "Value #B": "P50",
            "Value #C": "P90",
            "Value #D": "P95",
            "Value #E": "Compliance",
            "Value #F": "Gap",
        },
        colored=("Gap",),
        units={"n": "short", "Compliance": "percentunit", "Gap": "percentunit"},
    )


RESPONSE_TIMES = Board(
    uid="watchroom-response-times",
    title="Response times",
    about="Every interval of the definitions: percentiles, compliance, spread, and what was excluded, why.",
    variables=("agency", "simulated", "mode", "window", "interval", "station"),
    span="24h",
    rows=(
        Row(
            "All intervals, in the window",
            (
                Panel(
                    "table",
                    "Percentiles and compliance by interval",
                    "n is what was measured. n + excluded + open + merged is all that was in scope. Where "
                    "no target binds there is no compliance.",
                    (
                        row_of("interval", f"watchroom_interval_measurements{{{FIGURE}}} > 0"),
                        row_of("interval", f'watchroom_interval_seconds{{{FIGURE},percentile="50"}}'),
                        row_of("interval", f'watchroom_interval_seconds{{{FIGURE},percentile="90"}}'),
                        row_of("interval", f'watchroom_interval_seconds{{{FIGURE},percentile="95"}}'),
                        row_of("interval", f"watchroom_compliance_ratio{{{FIGURE}}}"),
                        row_of("interval", f"watchroom_compliance_late_included_ratio{{{FIGURE}}}"),
                        row_of("interval", f"sum without (reason) (watchroom_interval_excluded{{{FIGURE}}})"),
                        row_of("interval", f"watchroom_interval_open{{{FIGURE}}}"),
                    ),
                    unit="s",
                    width=24,
                    height=9,
                    renames={
                        "interval": "Interval",
                        "Value #A": "n",
                        "Value #B": "P50",
                        "Value #C": "P90",
                        "Value #D": "P95",
                        "Value #E": "Compliance",
                        "Value #F": "Late included",
                        "Value #G": "Excluded",
                        "Value #H": "Open",
                    },
                    units={
                        "n": "short",
                        "Excluded": "short",
                        "Open": "short",
                        "Compliance": "percentunit",
                        "Late included": "percentunit",
                    },
                ),
            ),
        ),
        Row(
            "$interval over time",
            (
                Panel(
                    "series",
                    "Percentiles of the last hour",
                    "Of the hour before each moment; a quiet hour holds few values. Dashed are the agency's "
                    "limits, by class.",
                    (
                        Query(f"watchroom_interval_seconds{{{_HOUR}}}", "P{{percentile}}"),
                        Query(f"max by (class) ({_LIMIT})", "limit of {{class}}"),
                    ),
                    unit="s",
                    width=12,
                    height=9,
                    floor=0,
                    dashed="limit of .*",
                ),
                Panel(
                    "series",
                    "Percentiles of the window",
                    "Of the window chosen above. Dashed are the agency's limits, by class.",
                    (
                        Query(f"watchroom_interval_seconds{{{_ONE}}}", "P{{percentile}}"),
                        Query(f"max by (class) ({_LIMIT})", "limit of {{class}}"),
                    ),
                    unit="s",
                    width=12,
                    height=9,
                    floor=0,
                    dashed="limit of .*",
                ),
                Panel(
                    "heatmap",
                    "Distribution over 24 h",
                    "How many values of the 24 h before each moment fell between two edges, in seconds. "
                    "Edges are the standards' limits and round numbers between them.",
                    (
                        Query(
                            "sum by (le) (label_replace(watchroom_interval_distribution_measurements"
                            f'{{{_DAY}}}, "le", "$1", "at_most", "(.+)"))',
                            "{{le}}",
                        ),
                    ),
                    unit="short",
                    width=12,
                    height=9,
                ),
                Panel(
                    "bars",
                    "What was excluded, and why",
                    "Reasons of the definitions, in the window. An exclusion is never a judgement: it says "
                    "what was missing or cannot be.",
                    (Query(f"sort_desc(watchroom_interval_excluded{{{_ONE}}})", "{{reason}}"),),
                    width=6,
                    height=9,
                ),
                Panel(
                    "bars",
                    "All that was in scope",
                    "Measured, excluded, open and merged away: the four add up to all there was.",
                    (
                        Query(f"watchroom_interval_measurements{{{_ONE}}}", "measured"),
                        Query(f"sum(watchroom_interval_excluded{{{_ONE}}}) or vector(0)", "excluded"),
                        Query(f"watchroom_interval_open{{{_ONE}}}", "open"),
                        Query(f"watchroom_interval_merged{{{_ONE}}}", "merged"),
                        Query(f"watchroom_interval_late{{{_ONE}}}", "of these late and never ended"),
                    ),
                    width=6,
                    height=9,
                ),
            ),
        ),
        Row(
            "$interval by group, 24 h",
            (
                _groups("station_area", "By station area", "Station area"),
                _groups("class", "By class", "Class"),
                _groups("unit_type", "By type of unit", "Type"),
                _groups("battalion", "By battalion", "Battalion"),
                Panel(
                    "series",
                    "P90 by station area",
                    "Of the 24 h before each moment.",
                    (
                        Query(
                            f'watchroom_interval_by_group_seconds{{{_STATION},percentile="90"}}', "{{group}}"
                        ),
                    ),
                    unit="s",
                    width=24,
                    height=9,
                    floor=0,
                ),
            ),
        ),
    ),
)
