"""Figures as gauges: exact samples, bounded labels, and nothing left behind."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from schemas.records import FigureRecord, encode
from schemas.times import DAY, HOUR, SECOND, parse
from sinks.prometheus.figures import FigureBoard
from sinks.prometheus.labels import Refusals
from tests.sinks.collector import FromSamples
from tests.sinks.diverting import TOWN, month
from tests.sinks.golden import golden
from tests.sinks.makings import AGENCIES, AS_OF, TURNOUT, figure, pair


def board(*figures: FigureRecord, values_max: int = 200) -> tuple[FigureBoard, Refusals]:
    """A board that has taken these figures, and what it refused."""
    refusals = Refusals()
    made = FigureBoard(AGENCIES, refusals, values_max)
    for one in figures:
        made.take(*pair(one))
    return made, refusals


def lines(made: FigureBoard, start: str = "") -> list[str]:
    """The exposition's samples whose name starts so, without the common prefix."""
    registry = CollectorRegistry()
    registry.register(FromSamples(made.samples))
    text = generate_latest(registry).decode()
    return [
        line.removeprefix("watchroom_") for line in text.splitlines() if line.startswith(f"watchroom_{start}")
    ]


def test_a_figure_is_exported_exactly() -> None:
    """Every part of a figure of the breakdown `all` is a sample: the golden text is the whole exposition."""
    made, _ = board(TURNOUT)
    text = "\n".join(lines(made)) + "\n"

    assert text == golden("exposition_all.txt", text)


def test_a_group_is_exported_exactly() -> None:
    """A group's samples have names of their own, so that a sum never counts the whole beside its parts."""
    made, _ = board(
        msgspec.structs.replace(
            TURNOUT, by="station_area", group="03", series=figure(by="station_area", group="03").series
        )
    )
    text = "\n".join(lines(made)) + "\n"

    assert text == golden("exposition_group.txt", text)
    assert not any(line.startswith("interval_seconds") for line in lines(made))


def test_an_empty_window_has_no_percentile() -> None:
    """At n = 0 there is no percentile and no ratio, while n itself is 0: the record says so."""
    made, _ = board(TURNOUT)
    made.take(*pair(figure(n=0, excluded={"turnout_zero": 1})))

    assert lines(made, "interval_seconds") == []
    assert lines(made, "compliance") == []
    assert [line.rpartition(" ")[2] for line in lines(made, "interval_measurements")] == ["0.0"]


def test_a_tombstone_leaves_nothing_behind() -> None:
    """A series that is tombstoned is gone at the next scrape, facts about its agency included."""
    made, _ = board(TURNOUT)
    made.take(TURNOUT.series, None)

    assert lines(made) == []
    assert len(made) == 0


def test_a_reason_that_no_longer_counts_is_gone() -> None:
    """A correction that takes the last exclusion of a reason away takes its series away."""
    made, _ = board(TURNOUT, msgspec.structs.replace(TURNOUT, excluded={"turnout_zero": 33}))

    assert len(lines(made, "interval_excluded")) == 1


def test_an_unreadable_record_takes_its_figure_away() -> None:
    """What cannot be read is counted, and the value before it is not shown as if it were still so."""
    made, refusals = board(TURNOUT)
    made.take(TURNOUT.series, b'{"record":"figure"')

    assert lines(made) == []
    assert refusals.unreadable == {"figures": 1}


@pytest.mark.parametrize("as_of", [-1, 10**18])
def test_a_time_without_a_calendar_is_unreadable(as_of: int) -> None:
    """A figure as of a time that no calendar has is refused, and never breaks a scrape."""
    made, refusals = board(figure(as_of=as_of, n=1, p50=1, p90=1, p95=1))

    assert lines(made) == []
    assert refusals.unreadable == {"figures": 1}


def test_groups_are_bounded() -> None:
    """At most so many groups of each breakdown are shown; the rest is counted."""
    groups = [figure(by="station_area", group=f"{i:02}", n=1, p50=1, p90=1, p95=1) for i in range(5)]
    other = figure(by="priority", group="3", n=1, p50=1, p90=1, p95=1)
    made, refusals = board(*groups, other, values_max=3)

    assert len(lines(made, "interval_by_group_measurements")) == 4
    assert refusals.labels == {"group": 2}


def test_a_group_that_goes_makes_room() -> None:
    """The bound is on what is shown now: a group whose last series is tombstoned leaves its place."""
    first, second, third = (figure(by="station_area", group=g, n=1, p50=1, p90=1, p95=1) for g in "abc")
    made, _ = board(first, second, third, values_max=2)
    made.take(first.series, None)
    made.take(*pair(third))

    shown = lines(made, "interval_by_group_measurements")
    assert [line.partition('group="')[2][0] for line in shown] == ["b", "c"]


def test_label_values_are_cleaned() -> None:
    """No control characters or great length in a label; of two groups that look alike one is shown."""
    strange = figure(by="zone", group="North\n\x1b[31m" + "x" * 300, n=1, p50=1, p90=1, p95=1)
    twin = figure(by="zone", group="North \x1b[31m" + "x" * 300, n=2, p50=2, p90=2, p95=2)
    made, refusals = board(strange, twin)
    (line,) = lines(made, "interval_by_group_measurements")
    value = line.partition('group="')[2].partition('"')[0]

    assert value.startswith("North [31mxxx")
    assert len(value) == 64
    assert refusals.labels == {"group": 1}


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"interval": "lunch"}, "interval"),
        ({"mode": "MAYBE"}, "mode"),
        ({"by": "caller", "group": "Ann Lee"}, "by"),
        ({"window": "5h"}, "window"),
    ],
)
def test_what_the_vocabulary_does_not_know_is_no_label(given: dict[str, str], label: str) -> None:
    """Intervals, modes, breakdowns and windows are closed sets; what is outside is counted and not shown."""
    made, refusals = board(figure(n=1, p50=1, p90=1, p95=1, **given))

    assert lines(made, "interval") == []
    assert refusals.labels == {label: 1}


def test_an_unknown_reason_counts_as_other() -> None:
    """No exclusion is lost from the sum, even one of a later edition."""
    made, refusals = board(figure(excluded={"turnout_zero": 2, "eclipse": 3, "comet": 1}))

    assert [line.partition('reason="')[2] for line in lines(made, "interval_excluded")] == [
        'turnout_zero",window="24h"} 2.0',
        'other",window="24h"} 4.0',
    ]
    assert refusals.labels == {"reason": 1}


def test_long_windows_have_no_groups() -> None:
    """Breakdowns are exported of 1 h and 24 h alone."""
    made, refusals = board(
        *(
            figure(window=w, by="class", group="EMS", n=1, p50=1, p90=1, p95=1)
            for w in ("1h", "24h", "7d", "30d")
        )
    )

    assert len(lines(made, "interval_by_group_measurements")) == 2
    assert refusals.labels == {}


def test_only_the_current_period_is_shown() -> None:
    """A calendar window is labelled by its kind, and only the period the agency is in has the label."""
    made, _ = board(
        figure(window="day:2017-01-02", n=1, p50=1, p90=1, p95=1),
        figure(window="day:2017-01-03", n=2, p50=1, p90=1, p95=1),
        figure(window="day:2099-01-01", n=3, p50=1, p90=1, p95=1),
        figure(window="shift:2017-01-03T08:00", n=4, p50=1, p90=1, p95=1),
        figure(window="month:2017-01", n=5, p50=1, p90=1, p95=1),
    )
    shown = {
        line.partition('window="')[2].partition('"')[0]: line.rpartition(" ")[2]
        for line in lines(made, "interval_measurements")
    }

    assert shown == {"day": "2.0", "shift": "4.0", "month": "5.0"}
    starts = {
        line.partition('window="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in lines(made, "period_start")
    }
    assert starts == {
        "day": parse("2017-01-03T00:00:00-08:00") / 1e6,
        "shift": parse("2017-01-03T08:00:00-08:00") / 1e6,
        "month": parse("2017-01-01T00:00:00-08:00") / 1e6,
    }


def test_yesterday_is_not_shown_as_today() -> None:
    """Past the agency's midnight the day's series vanish until the new day has a figure of its own."""
    day = figure(window="day:2017-01-03", n=2, p50=1, p90=1, p95=1)
    made, _ = board(day, figure(as_of=AS_OF + DAY // 4 + HOUR, n=9, p50=1, p90=1, p95=1))
    assert not [line for line in lines(made) if 'window="day"' in line]

    made.take(*pair(figure(window="day:2017-01-04", as_of=AS_OF + DAY // 4 + HOUR, n=1, p50=1, p90=1, p95=1)))
    (line,) = [line for line in lines(made, "interval_measurements") if 'window="day"' in line]
    assert line.endswith(" 1.0")
    assert len(made) == 2


def test_the_clock_turns_the_day_while_no_figure_changes() -> None:
    """On a quiet night the agency's clock alone says that yesterday is over."""
    made, _ = board(figure(window="day:2017-01-03", n=2, p50=1, p90=1, p95=1))
    shown = {name for name, _, _ in made.samples({"sffd": AS_OF + 5 * HOUR})}
    gone = {name for name, _, _ in made.samples({"sffd": AS_OF + 6 * HOUR})}

    assert "interval_measurements" in shown
    assert "interval_measurements" not in gone


def test_agencies_are_told_apart() -> None:
    """An agency whose file is not here is shown without its calendar, for nobody knows its zone."""
    made, _ = board(
        TURNOUT,
        figure(agency_id="other", n=1, p50=1, p90=1, p95=1),
        figure(agency_id="other", window="day:2017-01-03", n=1, p50=1, p90=1, p95=1),
    )

    assert len(lines(made, "interval_measurements")) == 2
    assert len(lines(made, "agency_info")) == 1
    assert len(lines(made, "figures_as_of_timestamp_seconds")) == 2


def test_a_simulated_agency_says_so() -> None:
    """Figures made from simulated events are told from real ones, whatever the agency's file says."""
    made, _ = board(figure(n=1, p50=1, p90=1, p95=1, simulated=True))

    assert 'simulated="true"' in lines(made, "agency_info")[0]


def test_an_agency_with_mediation_alone_is_told_of() -> None:
    """Its facts stand there as any other's: the dashboards' mark of simulated figures is among them."""
    refusals = Refusals()
    made = FigureBoard({"town": TOWN}, refusals)
    told = month()
    for one in told:
        made.take(one.series, encode(one))

    assert lines(made, "agency_info") == [
        'agency_info{agency="town",name="Town",simulated="true",time_zone="America/New_York"} 1.0'
    ]
    (as_of,) = (v for name, _, v in made.samples() if name == "figures_as_of_timestamp_seconds")
    assert as_of == max(one.as_of for one in told) / SECOND
    assert len(lines(made, "edition_info")) == 1
    for one in told:
        made.take(one.series, None)
    assert lines(made) == []


def test_of_a_group_nothing_is_said_that_is_nothing() -> None:
    """No sample of a group without a value, none for breaches of which none stands; a wait alone is said."""
    nothing = figure(by="station_area", group="01")
    waiting = figure(by="station_area", group="02", open=1)
    measured = figure(by="station_area", group="03", n=1, p50=1, p90=1, p95=1, bound=1, within=1)
    made, _ = board(nothing, waiting, measured)

    assert [s for s in made.samples() if "01" in s[1]] == []
    assert ("interval_by_group_open", ("sffd", "turnout", "EMERGENT", "24h", "station_area", "02"), 1) in set(
        made.samples()
    )
    assert lines(made, "standing_breaches_by_group") == []
    assert any('group="03"' in line for line in lines(made, "compliance_by_group_ratio"))


def test_breakdowns_that_are_not_wanted_are_not_shown() -> None:
    """The setting `exporter_breakdowns`; the whole is always shown."""
    made = FigureBoard(AGENCIES, Refusals(), breakdowns=("class",))
    for one in (
        TURNOUT,
        figure(by="class", group="EMS", n=1, p50=1, p90=1, p95=1),
        figure(by="station_area", group="03", n=1, p50=1, p90=1, p95=1),
    ):
        made.take(*pair(one))

    assert len(lines(made, "interval_measurements")) == 1
    (line,) = lines(made, "interval_by_group_measurements")
    assert 'group="EMS"' in line
