"""Mediation and diversion: how far down calls came, who answered, and every rate with its formula's name."""

from __future__ import annotations

from tools.dashboards.kit import Board, Panel, Query, Row, row_of

_ALL = 'agency="$mediating",window="$diversion_window"'
_RATES = "watchroom_diversion_rate"

MEDIATION = Board(
    uid="watchroom-mediation",
    title="Mediation and diversion",
    about="Calls a mediation unit could take, did take, and resolved; there is no one diversion rate.",
    variables=("mediating", "mediating_simulated", "diversion_window"),
    span="24h",
    rows=(
        Row(
            "Rates, side by side",
            (
                Panel(
                    "table",
                    "Every formula with its parts",
                    "Published programmes call very different things a diversion rate. Each formula has an "
                    "id in the definitions, section 6, and is shown with numerator and denominator.",
                    (
                        row_of("formula", f"{_RATES}_ratio{{{_ALL}}}"),
                        row_of("formula", f"{_RATES}_numerator{{{_ALL}}}"),
                        row_of("formula", f"{_RATES}_denominator{{{_ALL}}}"),
                    ),
                    width=10,
                    height=12,
                    renames={
                        "formula": "Formula",
                        "Value #A": "Rate",
                        "Value #B": "Numerator",
                        "Value #C": "Denominator",
                    },
                    units={"Rate": "percentunit"},
                ),
                Panel(
                    "bars",
                    "The same as bars",
                    "What a reader is told depends on the formula: compare before you quote.",
                    (Query(f"sort_desc({_RATES}_ratio{{{_ALL}}})", "{{formula}}"),),
                    unit="percentunit",
                    width=7,
                    height=12,
                    decimals=1,
                    floor=0,
                    ceiling=1,
                ),
                Panel(
                    "series",
                    "Rates over time",
                    "Of the window before each moment.",
                    (Query(f"{_RATES}_ratio{{{_ALL}}}", "{{formula}}"),),
                    unit="percentunit",
                    width=7,
                    height=12,
                    floor=0,
                    ceiling=1,
                ),
            ),
        ),
        Row(
            "Funnel and outcomes",
            (
                Panel(
                    "bars",
                    "Funnel",
                    "Public-initiated calls that came to each step; a step holds all that came further.",
                    (
                        Query(
                            f'sort_desc(watchroom_diversion_funnel_calls{{{_ALL},side="funnel"}})', "{{step}}"
                        ),
                    ),
                    width=8,
                    height=10,
                ),
                Panel(
                    "bars",
                    "Outcomes",
                    "Of encounters handled and ended: exactly one each.",
                    (Query(f"sort_desc(watchroom_diversion_outcome_calls{{{_ALL}}})", "{{outcome}}"),),
                    width=8,
                    height=10,
                ),
                Panel(
                    "bars",
                    "Sets behind the rates",
                    "Every count that a formula divides, police presence among them.",
                    (Query(f"sort_desc(watchroom_diversion_calls{{{_ALL}}})", "{{set}}"),),
                    width=8,
                    height=10,
                ),
                Panel(
                    "stat",
                    "Unit's arrival",
                    "From the call to the mediation unit's arrival, P50 and P90.",
                    (Query(f"watchroom_diversion_arrival_seconds{{{_ALL}}}", "P{{percentile}}"),),
                    unit="s",
                ),
                Panel(
                    "stat",
                    "Officers' time saved",
                    "By the shares and minutes that the agency states: an estimate of theirs, not measured.",
                    (Query(f"watchroom_diversion_police_saved_seconds{{{_ALL}}}"),),
                    unit="s",
                ),
            ),
        ),
    ),
)
