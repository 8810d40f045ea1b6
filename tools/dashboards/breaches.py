"""Breaches and alerts: what runs over its limit now, what became of the rest, who was told."""

from __future__ import annotations

from tools.dashboards.kit import (
    ABOVE_NOTHING_IS_BAD,
    AGENCY,
    FIGURE,
    GOAL,
    OVER_GOAL,
    Board,
    Panel,
    Query,
    Row,
    Step,
)

_GAP = f"watchroom_compliance_ratio{{{FIGURE}}} - on (agency, interval, mode) group_left () {GOAL}"

BREACHES = Board(
    uid="watchroom-breaches",
    title="Breaches and alerts",
    about="Limits that are being passed, those that were, and what Alertmanager was told of them.",
    variables=("agency", "simulated", "mode", "window"),
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "stat",
                    "Red",
                    "Clocks that run past their limit now: a call, a unit that is late. watchroom breaches "
                    "names them.",
                    (Query(f'sum(watchroom_breaches_open{{{AGENCY},severity="red"}})'),),
                    steps=ABOVE_NOTHING_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Amber",
                    "Clocks past four fifths of their limit: there is still time.",
                    (Query(f'sum(watchroom_breaches_open{{{AGENCY},severity="amber"}})'),),
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                Panel(
                    "stat",
                    "Standing in the window",
                    "Breaches that stand, of incidents of the window that have ended: these are final but "
                    "for corrections.",
                    (Query(f"sum(watchroom_standing_breaches{{{FIGURE}}})"),),
                ),
                Panel(
                    "stat",
                    "Late and never ended",
                    "Intervals of the window that never ended and were over their limit.",
                    (Query(f"sum(watchroom_interval_late{{{FIGURE}}})"),),
                ),
            ),
        ),
        Row(
            "By interval",
            (
                Panel(
                    "series",
                    "Open breaches",
                    "By interval and severity. Red marks on the time axis are single breaches, drawn by "
                    "watchroom grafana annotate.",
                    (
                        Query(
                            f"sum by (interval, severity) (watchroom_breaches_open{{{AGENCY}}})",
                            "{{interval}}, {{severity}}",
                        ),
                    ),
                    width=12,
                    height=9,
                    floor=0,
                ),
                Panel(
                    "bars",
                    "Why breaches stand",
                    "Of the window: measured over the limit, never ended, or passed before a downgrade.",
                    (
                        Query(
                            f"sum by (interval, standing) (watchroom_standing_breaches{{{FIGURE}}})",
                            "{{interval}}, {{standing}}",
                        ),
                    ),
                    width=6,
                    height=9,
                ),
                Panel(
                    "bars",
                    "What became of those that opened",
                    "Of all that the topic keeps (100 days): closed over the limit, or withdrawn and why.",
                    (
                        Query(
                            f"sum by (state, reason) (watchroom_breaches_ended{{{AGENCY}}})",
                            "{{state}} {{reason}}",
                        ),
                    ),
                    width=6,
                    height=9,
                ),
                Panel(
                    "bars",
                    "Compliance less goal",
                    "In points; red is below the agency's own goal.",
                    (Query(_GAP, "{{interval}}"),),
                    unit="percentunit",
                    width=12,
                    height=8,
                    decimals=1,
                    steps=OVER_GOAL,
                    floor=-1,
                    ceiling=1,
                ),
                Panel(
                    "table",
                    "Limits and goals in force",
                    "What the agency's file says now; a breach opens against these.",
                    (
                        Query(
                            f"max by (interval, mode, class, priority) (watchroom_target_seconds{{{AGENCY}}})"
                        ),
                        Query(
                            "max by (interval, mode, class, priority) "
                            f"(watchroom_target_goal_ratio{{{AGENCY}}})"
                        ),
                    ),
                    unit="s",
                    width=12,
                    height=8,
                    renames={
                        "interval": "Interval",
                        "mode": "Mode",
                        "class": "Class",
                        "priority": "Priority",
                        "Value #A": "Limit",
                        "Value #B": "Goal",
                    },
                    units={"Goal": "percentunit"},
                ),
            ),
        ),
        Row(
            "Alerts",
            (
                Panel(
                    "stat",
                    "Alerts that wait",
                    "Alerts that Alertmanager has not taken yet. More than 0 for long: nobody is told.",
                    (Query("sum(watchroom_alerts_waiting)"),),
                    steps=ABOVE_NOTHING_IS_BAD,
                ),
                Panel(
                    "stat",
                    "Alerts that fire",
                    "What Alertmanager was last told is firing, of breaches.",
                    (Query("sum(watchroom_alerts_firing)"),),
                ),
                Panel(
                    "series",
                    "Posts to Alertmanager a second",
                    "Alerts that Alertmanager took, and posts that nobody took.",
                    (
                        Query("sum(rate(watchroom_alerts_posted_total[$__rate_interval]))", "taken"),
                        Query("sum(rate(watchroom_alerts_failed_posts_total[$__rate_interval]))", "failed"),
                    ),
                    unit="ops",
                    width=12,
                    height=8,
                    floor=0,
                ),
            ),
        ),
    ),
)
