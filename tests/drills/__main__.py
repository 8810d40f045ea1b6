"""``python -m tests.drills``."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from pathlib import Path

import click

from tests.drills.faults import FAULTS
from tests.drills.plan import FORMS, plan
from tests.drills.report import report
from tests.drills.run import run


def _counts(said: tuple[str, ...]) -> dict[str, int] | None:
    """``worker_killed=3`` as a dict."""
    counts = {}
    for each in said:
        name, _, many = each.partition("=")
        if name not in FAULTS:
            raise click.BadParameter(f"{name!r} is no fault; there are {', '.join(FAULTS)}")
        counts[name] = int(many or 1)
    return counts or None


@click.command(context_settings={"max_content_width": 110})
@click.option("--seed", type=int, default=4, show_default=True, help="Decides the plan and the load.")
@click.option(
    "--form", type=click.Choice(tuple(FORMS)), default="long", show_default=True, help="How much of it."
)
@click.option("--only", multiple=True, metavar="FAULT[=N]", help="These faults instead of the form's.")
@click.option("--plan", "plan_only", is_flag=True, help="Print the plan and do nothing.")
@click.option(
    "--report", "report_path", type=click.Path(path_type=Path), help="Write the report to this file."
)
@click.option(
    "--within",
    type=click.FloatRange(min=1),
    metavar="MINUTES",
    help="Begin no further step after so long, and judge.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Work here and leave it (default: a temporary folder).",
)
def main(
    seed: int,
    form: str,
    only: tuple[str, ...],
    plan_only: bool,
    report_path: Path | None,
    folder: Path | None,
    within: float | None,
) -> None:
    r"""Break what can be broken on one machine, and hold the answer against the reference.

    A real Kafka and real workers of both stages read San Francisco's week and a second city while the steps
    of the plan are carried out. Exit code 1 where anything differs or did not behave. The long form takes
    half an hour on an idle machine and, for `disk_full`, root.

    \b
    Examples:
      python -m tests.drills --plan --seed 7
      python -m tests.drills --form long --seed 4 --report docs/drills.md
      python -m tests.drills --form short --only worker_stopped=3 --only broker_refuses
    """
    made = plan(seed, form, _counts(only))
    if plan_only:
        click.echo(str(made))
        return
    where = folder or Path(tempfile.mkdtemp(prefix="watchroom-drill-"))
    where.mkdir(parents=True, exist_ok=True)
    outcome = run(made, where, click.echo, 60 * within if within else math.inf)
    if report_path is not None:
        report_path.write_text(report(outcome), encoding="utf-8")
    if outcome.exact and folder is None:
        shutil.rmtree(where, ignore_errors=True)
    elif not outcome.exact:
        (where / "report.md").write_text(report(outcome) + "\n" + "\n".join(outcome.told), encoding="utf-8")
        click.echo(f"everything is left in {where}")
    click.echo("exact" if outcome.exact else "NOT exact")
    sys.exit(not outcome.exact)


if __name__ == "__main__":
    main()
