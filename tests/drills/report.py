"""A drill's report, as Markdown."""

from __future__ import annotations

from collections import Counter
from statistics import median

from tests.drills import check
from tests.drills.faults import FAULTS
from tests.drills.run import Outcome

_HEAD = """# Drills

Written by `python -m tests.drills`: a real Apache Kafka and real workers live through what is listed here
while events go in, and at the end every record, figure and count is held against what `tests/reference`
says of the same events without Kafka. The simulated city, whose incidents have a mediation half, is held
against what the same stages say of its events where nothing breaks. The same seed gives the same plan.
"""


def report(outcome: Outcome) -> str:
    """The whole of it."""
    plan = outcome.plan
    lines = [_HEAD, "## This run", ""]
    lines += [
        f"Seed {plan.seed}, form `{plan.form}`, {len(plan.steps)} steps, {outcome.took_s / 60:.1f} minutes."
    ]
    lines += ["", f"**{_result(outcome)}**", ""]
    lines += [f"- {name}: {count:,}" for name, count in outcome.facts.items()]
    ends = ", ".join(f"{what} ({many})" for what, many in outcome.ends.items()) or "none did"
    lines += [f"- how workers ended by themselves, exit code and error: {ends}", ""]
    for when, verdict in outcome.verdicts.items():
        lines += [f"Compared {when}: {check.in_words(verdict)}.", ""]
    if outcome.failed:
        lines += ["What did not behave:", "", "```", *outcome.failed, "```", ""]
    lines += [
        "## What was broken",
        "",
        "| fault | planned | done | median s | what it is |",
        "|---|---|---|---|---|",
    ]
    planned = Counter(step.fault for step in plan.steps)
    for name, fault in FAULTS.items():
        took = [done.took_s for done in outcome.done if done.fault == name]
        if planned[name]:
            middle = f"{median(took):.1f}" if took else "-"
            lines.append(f"| `{name}` | {planned[name]} | {len(took)} | {middle} | {fault.ABOUT} |")
    lines += ["", "## Step by step", "", "```"]
    lines += [f"{done.step}\n      {done.said} ({done.took_s:.1f} s)" for done in outcome.done]
    return "\n".join([*lines, "```", ""])


def _result(outcome: Outcome) -> str:
    if outcome.failed:
        return "The house did not behave as it must; see below."
    if outcome.exact:
        return "Every record and every figure is exact."
    many = sum(len(verdict.differences) for verdict in outcome.verdicts.values())
    return f"{many:,} differences."
