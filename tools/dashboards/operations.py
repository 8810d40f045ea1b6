"""Operations centre: the supervisor's, who must trust each number at a glance."""

from __future__ import annotations

from tools.dashboards.kit import (
    ABOVE_NOTHING_IS_BAD,
    AGENCY,
    BELOW_ONE_IS_BAD,
    FIGURE,
    GOAL,
    OVER_GOAL,
    Board,
    Panel,
    Query,
    Row,
    row_of,
)

_GAP = f"watchroom_compliance_ratio{{{FIGURE}}} - on (agency, interval, mode) group_left () {GOAL}"
_GROUP = f'{AGENCY},mode="$mode",window="24h",interval="turnout",by="station_area",group=~"$station"'


def _headline(interval: str, title: str, about: str) -> Panel:
    labels = f'{FIGURE},interval="{interval}"'
    return Panel(
        "stat",
        title,
        f"{about} Nine in ten measured values of the window are at or under this; the definitions say what "
        "is excluded.",
        (Query(f'watchroom_interval_seconds{{{labels},percentile="90"}}'),),
        unit="s",
        width=4,
    )


OPERATIONS = Board(
    uid="watchroom-operations",
    title="Operations centre",
    about="What is happening now: who waits, who is out, and whether the agency keeps its own targets.",
    variables=("agency", "simulated", "mode", "window", "station"),
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "stat",
                    "Calls waiting",
                    "Incidents of the last 24 h that were created and have no unit dispatched yet. One that "
                    "stays is a call nobody answers with a unit, or a dispatch that was not sent to us.",
                    (Query(f'sum(watchroom_interval_open{{{AGENCY},interval="dispatching",window="24h"}})'),),
                    width=4,
                    steps=ABOVE_NOTHING_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Units on the way",
                    "Units dispatched, under way or staging now.",
                    (Query(f'sum(watchroom_units{{{AGENCY},status=~"dispatch|enroute_to_scene|staging"}})'),),
                    width=4,
                ),
                Panel(
                    "stat",
                    "Units at a scene or hospital",
                    "Units that have arrived and are not clear.",
                    (
                        Query(
                            f"sum(watchroom_units{{{AGENCY},status=~"
                            '"on_scene|at_patient|enroute_to_hospital|arrived_at_hospital|hospital_cleared"})'
                        ),
                    ),
                    width=4,
                ),
                Panel(
                    "stat",
                    "Units available",
                    "Units seen before that have no open response. A unit that was never sent is not known.",
                    (Query(f'sum(watchroom_units{{{AGENCY},status="available"}})'),),
                    width=4,
                ),
                Panel(
                    "stat",
                    "Standing breaches",
                    "Limits that were passed, of incidents of the window that have ended.",
                    (Query(f"sum(watchroom_standing_breaches{{{FIGURE}}})"),),
                    width=4,
                ),
                Panel(
                    "stat",
                    "Figures are live",
                    "1 while the exporter has read everything and Kafka answers it. 0: do not trust this "
                    "page, and see Pipeline health.",
                    (Query("min(watchroom_exporter_ready) * min(watchroom_exporter_kafka_up)"),),
                    width=4,
                    steps=BELOW_ONE_IS_BAD,
                ),
            ),
        ),
        Row(
            "Headline figures",
            (
                _headline(
                    "dispatching", "Dispatching, P90", "From the call's creation to the first dispatch."
                ),
                _headline("turnout", "Turnout, P90", "From a unit's dispatch to its crew's being under way."),
                _headline(
                    "travel_first_due", "Travel of the first due, P90", "Of the first unit that counts."
                ),
                _headline(
                    "total_response", "Total response, P90", "From the call to the first arrival that counts."
                ),
                Panel(
                    "stat",
                    "Responses measured",
                    "How many turnouts the window holds: below 30 a percentile says little.",
                    (Query(f'watchroom_interval_measurements{{{FIGURE},interval="turnout"}}'),),
                    width=4,
                ),
                Panel(
                    "stat",
                    "Figures' age",
                    "The clock here less the agency's own time. Of a replay of old records it is years.",
                    (
                        Query(
                            f"time() - max(watchroom_figures_as_of_timestamp_seconds{{{AGENCY}}})",
                        ),
                    ),
                    unit="s",
                    decimals=0,
                    width=4,
                ),
            ),
        ),
        Row(
            "Against the agency's own targets",
            (
                Panel(
                    "bars",
                    "Compliance less goal",
                    "The share within its limit less the share that the agency's file aims at, in points. "
                    "Green is at or above the goal; limits and goals are the file's, by class.",
                    (Query(_GAP, "{{interval}}"),),
                    unit="percentunit",
                    decimals=1,
                    width=8,
                    height=8,
                    steps=OVER_GOAL,
                    floor=-1,
                    ceiling=1,
                ),
                Panel(
                    "series",
                    "Compliance over time",
                    "The share within its limit, and dashed the goal.",
                    (
                        Query(f"watchroom_compliance_ratio{{{FIGURE}}}", "{{interval}}"),
                        Query(GOAL, "goal of {{interval}}"),
                    ),
                    unit="percentunit",
                    width=16,
                    height=8,
                    floor=0,
                    ceiling=1,
                    dashed="goal of .*",
                ),
            ),
        ),
        Row(
            "Units and stations",
            (
                Panel(
                    "stacked",
                    "Units by what they do",
                    "Every unit that has an open response, by its latest milestone.",
                    (
                        Query(
                            f'sum by (status) (watchroom_units{{{AGENCY},status!="available"}})', "{{status}}"
                        ),
                    ),
                    width=12,
                    height=8,
                ),
                Panel(
                    "table",
                    "Turnout by station area, 24 h",
                    "Where the incidents were. Gap is compliance less goal: red is below it. Few responses "
                    "make any share.",
                    (
                        row_of("group", f"watchroom_interval_by_group_measurements{{{_GROUP}}}"),
                        row_of("group", f'watchroom_interval_by_group_seconds{{{_GROUP},percentile="90"}}'),
                        row_of("group", f"watchroom_compliance_by_group_ratio{{{_GROUP}}}"),
                        row_of(
                            "group",
                            f"watchroom_compliance_by_group_ratio{{{_GROUP}}} "
                            f"- on (agency, interval, mode) group_left () {GOAL}",
                        ),
                    ),
                    width=12,
                    height=8,
                    steps=OVER_GOAL,
                    renames={
                        "group": "Station area",
                        "Value #A": "Responses",
                        "Value #B": "P90",
                        "Value #C": "Compliance",
                        "Value #D": "Gap",
                    },
                    colored=("Gap",),
                    units={"P90": "s", "Compliance": "percentunit", "Gap": "percentunit"},
                ),
            ),
        ),
    ),
)
