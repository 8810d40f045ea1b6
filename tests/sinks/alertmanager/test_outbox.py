"""What is posted when: with time as an argument, nothing real."""

from __future__ import annotations

from dataclasses import replace

from schemas.records import BreachRecord, Step
from sinks.alertmanager.alerts import Alert, Links, alerts_of
from sinks.alertmanager.outbox import HOLD_S, LEASE_S, REFRESH_S, Outbox
from tests.sinks.makings import AGENCY, AS_OF, breach

NOW = 1_700_000_000.0
LINKS = Links("http://grafana/d/breaches", "http://docs/runbook.md")


def told(record: BreachRecord, at: float = NOW) -> dict[str, Alert]:
    """Its alerts by severity."""
    found = alerts_of(record, int(at * 1000), AGENCY, LINKS)
    return {alert.labels["severity"]: alert for alert in found}


def posted(outbox: Outbox, now: float) -> list[tuple[str, str]]:
    """Severity and end of what is due, which is taken at once."""
    due = outbox.due(now)
    outbox.done([key for key, _ in due], now)
    return [(key.partition("/")[2], str(body["endsAt"])) for key, body in due]


def test_labels_carry_nobody_and_annotations_all_that_is_needed() -> None:
    """Labels: opaque id, agency, interval, area, severity. Annotations: who, where, how long, what to do."""
    alert = told(breach())["red"]

    assert {
        "alertname": "ResponseBreach",
        "id": breach().id,
        "agency": "sffd",
        "interval": "turnout",
        "station_area": "03",
        "severity": "red",
    } == alert.labels
    assert alert.annotations == {
        "summary": "RED turnout: E1, area 03, target 1:20",
        "incident": "A1",
        "units": "E1",
        "elapsed": "1:21",
        "target": "1:20",
        "deadline": "2017-01-03 17:59:40 PST (2017-01-04 01:59:40 UTC)",
        "description": "Incident A1, FIRE, area 03: turnout of E1 has passed its target of 1:20.",
        "dashboard": "http://grafana/d/breaches?var-agency=sffd&var-station_area=03",
        "runbook": "http://docs/runbook.md#responsebreach",
    }


def test_an_amber_that_ended_in_time_is_not_said_to_have_passed() -> None:
    """Whoever reads the end of an alert must not take it for a breach of the target."""
    steps = [step for step in breach("closed").steps if step.state != "red"]
    said = told(breach("closed", steps=steps))["amber"].annotations["description"]
    assert said == "Incident A1, FIRE, area 03: turnout of E1 did not pass its target of 1:20."
    running = told(breach("amber"))["amber"].annotations["description"]
    assert "left of 1:20" in running


def test_amber_stays_beside_red_with_the_same_labels() -> None:
    """Inhibition silences it; its labels are what it is known by."""
    assert told(breach("amber"))["amber"].labels == told(breach("red"))["amber"].labels
    assert told(breach("red"))["red"].labels["id"] == told(breach("red"))["amber"].labels["id"]


def test_starts_in_this_world_whenever_the_replay_was() -> None:
    """Noticed a second after its deadline, so it began a second before the record was appended."""
    assert told(breach())["red"].starts == NOW - 1
    assert told(breach())["amber"].starts == NOW - 17


def test_a_red_noticed_with_its_end_is_not_told_as_red() -> None:
    """Nobody could have helped it: amber alone ends, and says so."""
    record = breach("closed")
    late = [Step(s.state, s.at, AS_OF if s.state == "red" else s.noticed, s.limit) for s in record.steps]
    alerts = told(breach("closed", steps=late))

    assert {"amber"} == alerts.keys()
    assert alerts["amber"].annotations["outcome"] == "closed after 1:40"
    assert {"amber", "red"} == told(record).keys()


def test_posted_after_a_moment_and_again_before_its_end() -> None:
    """Held for a moment, then posted with an end ahead, then every twenty seconds with a later one."""
    outbox = Outbox()
    outbox.take(told(breach("amber"))["amber"], NOW)

    assert posted(outbox, NOW + HOLD_S / 2) == []
    assert posted(outbox, NOW + HOLD_S) == [("amber", "2023-11-14T22:18:20.200000Z")]
    assert posted(outbox, NOW + HOLD_S + REFRESH_S - 1) == []
    assert len(posted(outbox, NOW + HOLD_S + REFRESH_S)) == 1
    assert LEASE_S > 5 * REFRESH_S


def test_what_ends_before_it_was_posted_is_never_posted() -> None:
    """A backlog that answers itself pages nobody, and it is counted."""
    outbox = Outbox()
    outbox.take(told(breach("red"))["red"], NOW)
    outbox.take(told(breach("closed"))["red"], NOW + 0.05)

    assert posted(outbox, NOW + 10) == []
    assert (len(outbox), outbox.overtaken) == (0, 1)


def test_an_end_is_posted_at_once_and_for_a_while() -> None:
    """An Alertmanager that was killed meanwhile must hear of it, too; then it is forgotten."""
    outbox = Outbox()
    outbox.take(told(breach("red"))["red"], NOW)
    posted(outbox, NOW + 1)
    outbox.take(told(breach("closed"), NOW + 20)["red"], NOW + 20)
    ends = [posted(outbox, NOW + 20 + n) for n in range(0, 400, 10)]

    assert {("red", "2023-11-14T22:13:40.000000Z")} == {end for found in ends for end in found}
    assert len(outbox) == 0


def test_a_sink_that_starts_posts_the_ends_of_late() -> None:
    """Another life may have posted that they fire; ends of long ago are nobody's concern."""
    young, old = Outbox(), Outbox()
    young.take(told(breach("closed"), NOW - 10)["red"], NOW, anew=True)
    old.take(told(breach("closed"), NOW - LEASE_S - 1)["red"], NOW, anew=True)

    assert len(posted(young, NOW)) == 1
    assert posted(old, NOW) == []


def test_an_outage_backs_off_and_says_how_late_it_is() -> None:
    """Half a second, one, two, ... thirty at most; the first post that is taken says the alert's age."""
    outbox = Outbox()
    outbox.take(told(breach("red"))["red"], NOW)
    now, pauses = NOW + 1, []
    for _ in range(8):
        assert len(outbox.due(now)) == 1
        pauses.append(outbox.failed(now))
        assert outbox.due(now + pauses[-1] - 0.01) == []
        now += pauses[-1]
    ((_, body),) = outbox.due(now)

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert body["annotations"]["late"] == "92 s late: Alertmanager or this sink was away"


def test_a_changed_annotation_posts_again_and_starts_no_later() -> None:
    """Another unit set out: the same alert, told anew at once."""
    outbox = Outbox()
    alert = told(breach("amber"))["amber"]
    outbox.take(alert, NOW)
    posted(outbox, NOW + 1)
    changed = replace(alert, annotations={**alert.annotations, "units": "E1, E2"}, starts=alert.starts + 3)
    outbox.take(changed, NOW + 2)
    ((_, body),) = outbox.due(NOW + 2)

    assert body["annotations"]["units"] == "E1, E2"
    assert alert.starts == outbox.firing()[alert.key].starts


def test_what_a_rebuild_no_longer_knows_ends() -> None:
    """After a switch of generations what fired and is not there is withdrawn."""
    outbox = Outbox()
    outbox.take(told(breach("red"))["red"], NOW)
    posted(outbox, NOW + 1)
    outbox.forget(list(outbox.firing()), NOW + 2)
    ((_, body),) = outbox.due(NOW + 2)

    assert body["annotations"]["outcome"] == "withdrawn: computed anew"
    assert outbox.firing() == {}
