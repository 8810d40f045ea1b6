"""How good the alerts of San Francisco's week are: writes docs/alert-quality.md and its plot.

python -m bench.alert_quality reads the week through stage one, with a clock each second

What a person on call would have seen: a breach counts as told in amber or red if a clock noticed it while it
could still be helped, so one that a clock noticed together with its end counts in neither.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from textwrap import fill

from schemas.records import BreachRecord, IncidentRecord, ResponseRecord
from schemas.times import HOUR, SECOND, Micros, moment
from tests.core.driver import Floor, Plan, Record
from tests.core.sanfrancisco import all_events, sffd, tick

DOCS = Path(__file__).resolve().parent.parent / "docs"
INTERVALS = ("turnout", "travel_first_due")
_WIDTH, _HEIGHT, _BAR = 720, 220, 24


def week() -> Floor:
    """The week through stage one, with a clock each second."""
    said, events = [], all_events()
    due = events[0]["occurred_at"] // SECOND * SECOND
    for event in events:
        while event["occurred_at"] > due:
            said.append(tick(due))
            due += SECOND
        said.append(event)
    last = events[-1]["occurred_at"]
    while due < last + 3 * HOUR:
        said.append(tick(due))
        due += SECOND
    said.append(tick(last + 48 * HOUR))
    return Floor(sffd(), Plan(sizes=(700,))).join(said)


def told(breach: BreachRecord, state: str) -> Micros | None:
    """When a clock first noticed that state while the breach could still be helped."""
    for step, after in zip(breach.steps, [*breach.steps[1:], None], strict=True):
        if step.state == state and (after is None or after.noticed > step.noticed):
            return step.noticed
    return None


def _local(instant: Micros) -> tuple[str, int]:
    at = moment(instant).astimezone(sffd()["sffd"].zone)
    return at.strftime("%Y-%m-%d"), at.hour


def page(floor: Floor) -> str:
    """The page."""
    found = list(floor.breaches().values())
    lines = [
        "# Alert quality, San Francisco's week", "",
        "Written by `python -m bench.alert_quality`, not by hand: the week of DEFINITIONS.md, 7, through",
        "stage one with a clock each second. Told means noticed while it could still be helped.", "",
        "| interval | told amber | never red | told red | red, withdrawn | stands | of those told red |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for interval in INTERVALS:
        mine = [b for b in found if b.interval == interval]
        amber = [b for b in mine if told(b, "amber")]
        never = [b for b in amber if not any(s.state == "red" for s in b.steps)]
        red = [b for b in mine if told(b, "red")]
        withdrawn = [b for b in red if b.state == "withdrawn"]
        stands = [b for b in mine if b.standing]
        lines.append(
            f"| `{interval}` | {len(amber):,} | {len(never):,} ({_share(never, amber)}) | {len(red):,} | "
            f"{len(withdrawn)} ({_share(withdrawn, red)}) | {len(stands):,} | "
            f"{sum(told(b, 'red') is not None for b in stands):,} |"
        )
    lines += ["", "Withdrawn, by reason:", "", "| interval | reason | amber | red |", "|---|---|---|---|"]
    counted: Counter[tuple[str, str, bool]] = Counter(
        (b.interval, b.reason, told(b, "red") is not None) for b in found if b.state == "withdrawn"
    )
    for interval, reason in sorted({(i, r) for i, r, _ in counted}):
        lines.append(
            f"| `{interval}` | `{reason}` | {counted[interval, reason, False]} | "
            f"{counted[interval, reason, True]} |"
        )
    lines += ["", "By day, local:", "", "| day | amber | red |", "|---|---|---|"]
    days = {
        state: Counter(_local(at)[0] for b in found if (at := told(b, state))) for state in ("amber", "red")
    }
    for day in sorted(days["amber"] | days["red"]):
        lines.append(f"| {day} | {days['amber'][day]} | {days['red'][day]} |")
    hours = {s: Counter(_local(at)[1] for b in found if (at := told(b, s))) for s in ("amber", "red")}
    (DOCS / "alert-quality.svg").write_text(plot(hours), encoding="utf-8")
    lines += ["", "By hour of the day, local, over the week:", "", "![By hour](alert-quality.svg)", ""]
    lines += ["| hour | amber | red |", "|---|---|---|"]
    lines += [f"| {hour:02} | {hours['amber'][hour]} | {hours['red'][hour]} |" for hour in range(24)]
    lines += ["", *_tuned(found, list(floor.records().values()), days["red"])]
    return "\n".join(lines) + "\n"


def _tuned(found: list[BreachRecord], records: list[Record], red: Counter[str]) -> list[str]:
    """What was tuned because of it; every number is counted here."""
    incidents = [r for r in records if isinstance(r, IncidentRecord)]
    answered = sum("call_answered" in r.milestones for r in incidents)
    ringing = sum(b.interval == "call_answering" for b in found)
    unsent = sum(any(s.state == "red" for s in b.steps) and told(b, "red") is None for b in found)
    turnouts = [
        m
        for r in records
        if isinstance(r, ResponseRecord) and (m := r.intervals.get("turnout")) and m.measured and m.binding
    ]
    over = sum(m.value > m.limit for m in turnouts)
    share = f"{100 * over / len(turnouts):.0f} %"
    said = [
        f"`call_answering` runs no clock for San Francisco (`clock = false`): of {len(incidents):,} "
        f"incidents, {answered:,} have a `call_answered` that could stop it. It opened {ringing:,} breaches.",
        "A red that a clock notices together with its end is not sent as red: nobody could have helped it. "
        f"There were {unsent:,}.",
        f"Amber goes to the room and red to whoever is on call: of {len(turnouts):,} turnouts measured "
        f"against a target, {over:,} missed it ({share}), and red was told {min(red.values()):,} to "
        f"{max(red.values()):,} times a day. An agency that pages on it should set a target that it means to "
        "hold.",
    ]
    bullets = [fill(line, 105, initial_indent="- ", subsequent_indent="  ") for line in said]
    return ["## What was tuned because of it", "", *bullets]


def _share(part: list[BreachRecord], whole: list[BreachRecord]) -> str:
    return f"{100 * len(part) / len(whole):.1f} %" if whole else "-"


def plot(hours: dict[str, Counter[int]]) -> str:
    """Two bars an hour, as SVG."""
    most = max([*hours["amber"].values(), *hours["red"].values(), 1])
    bars = []
    for hour in range(24):
        for place, (state, colour) in enumerate((("amber", "#e6a117"), ("red", "#c0392b"))):
            tall = hours[state][hour] * _HEIGHT // most
            x = 30 + hour * _BAR * 7 // 6 + place * 12
            bars.append(
                f'<rect x="{x}" y="{_HEIGHT - tall + 20}" width="11" height="{tall}" fill="{colour}"/>'
            )
        bars.append(f'<text x="{30 + hour * 28}" y="{_HEIGHT + 36}" font-size="11">{hour:02}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT + 45}" '
        f'font-family="sans-serif"><text x="2" y="14" font-size="11">most: {most}; amber and red</text>'
        + "".join(bars)
        + "</svg>\n"
    )


if __name__ == "__main__":
    (DOCS / "alert-quality.md").write_text(page(week()), encoding="utf-8")
