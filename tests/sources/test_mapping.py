"""Rows to events: one milestone a filled cell, one change a target, a bad cell costs itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT, to_json
from schemas.times import iso, moment
from sources.draft import Draft, Kind, Renderer
from sources.problems import Reason
from tests.sources.makings import HEADER, a_profile, mapped, one

GOOD = "7,E1,2017-01-01 00:00:00,2017-01-01 00:01:00,2017-01-01 00:05:00"


def test_a_filled_cell_is_a_milestone_and_an_empty_one_is_not() -> None:
    """The incident's without a unit, the unit's with it."""
    drafts = one("7,E1,2017-01-01 00:00:00,,2017-01-01 00:05:00").drafts

    assert [(d.says, d.unit_id, iso(d.occurred)) for d in drafts] == [
        ("call_arrival", None, "2017-01-01T08:00:00Z"),
        ("on_scene", "E1", "2017-01-01T08:05:00Z"),
    ]


def test_attributes_are_one_change_for_the_unit_and_one_for_the_incident() -> None:
    """Each holds all that is said of it, dated at the row's earliest milestone."""
    profile = a_profile(
        attributes={
            "type": {"column": "type", "of": "incident"},
            "priority": "prio",
            "service": {"default": "FIRE"},
            "zone": "zone",
        }
    )

    drafts = one(GOOD + ",Fire,2,", profile, HEADER + ",type,prio,zone").drafts

    assert [(d.unit_id, d.says) for d in drafts if d.kind == "change"] == [
        (None, {"type": "Fire"}),
        ("E1", {"priority": "2", "service": "FIRE"}),
    ]
    assert {"2017-01-01T08:00:00Z"} == {iso(d.occurred) for d in drafts if d.kind == "change"}


def test_a_row_without_a_unit_speaks_of_the_incident() -> None:
    """What is said of units alone is not said then."""
    profile = a_profile(attributes={"priority": "prio", "unit_type": "type"})

    result = one("7,,2017-01-01 00:00:00,,,2,ENGINE", profile, HEADER + ",prio,type")

    assert [d.says for d in result.drafts] == ["call_arrival", {"priority": "2"}]
    assert result.problems == []


def test_a_units_milestone_without_a_unit_is_a_bad_cell() -> None:
    """The incident's milestones of the row still count."""
    result = one("7,,2017-01-01 00:00:00,2017-01-01 00:01:00,")

    assert [d.says for d in result.drafts] == ["call_arrival"]
    assert [(p.reason, p.whole_row) for p in result.problems] == [(Reason.NO_UNIT_ID, False)]


def test_codes_translate_and_defaults_stand_in() -> None:
    """What is not listed becomes the default, stays as it is, or says nothing."""
    profile = a_profile(
        attributes={
            "response_mode": {"column": "p", "codes": {"3": "EMERGENT"}, "default": "NON_EMERGENT"},
            "class": {"column": "p", "codes": {"3": "EMS"}, "keep": True},
            "type": {"column": "p", "codes": {"3": "T"}},
        }
    )

    def said(value: str) -> object:
        return one(f"{GOOD},{value}", profile, HEADER + ",p").drafts[-1].says

    assert said("3") == {"response_mode": "EMERGENT", "class": "EMS", "type": "T"}
    assert said("2") == {"response_mode": "NON_EMERGENT", "class": "2"}
    assert said("") == {"response_mode": "NON_EMERGENT"}


def test_a_value_outside_the_vocabulary_is_a_bad_cell() -> None:
    """Only ``als`` is forgiven its capitals."""
    profile = a_profile(attributes={"response_mode": "mode", "als": "als"})

    result = one(GOOD + ",Lights,TRUE", profile, HEADER + ",mode,als")

    assert result.drafts[-1].says == {"als": "true"}
    assert [(p.column, p.value, p.reason) for p in result.problems] == [
        ("mode", "Lights", Reason.NOT_IN_VOCABULARY)
    ]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",E1,2017-01-01 00:00:00,,", "call", Reason.NO_INCIDENT_ID),
        (f"{'7' * 65},E1,2017-01-01 00:00:00,,", "call", Reason.TOO_LONG),
        ("7,E1,,,", "", Reason.NO_TIME),
        ("7,E1,never,,", "", Reason.NO_TIME),
    ],
)
def test_rows_that_say_nothing_are_bad_with_a_reason(row: str, column: str, reason: Reason) -> None:
    """No incident, or no time at all."""
    result = one(row)

    assert result.drafts == []
    assert (2, column, reason) == (*result.problems[-1][:2], result.problems[-1].reason)
    assert result.problems[-1].whole_row


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("soon", Reason.UNREADABLE_TIME),
        ("2017-02-30 00:00:00", Reason.UNREADABLE_TIME),
        ("9999-12-31 23:59:59", Reason.TIME_OUT_OF_RANGE),
        ("0001-01-01 00:00:00", Reason.TIME_OUT_OF_RANGE),
    ],
)
def test_one_unreadable_time_costs_its_cell_alone(cell: str, reason: Reason) -> None:
    """The row's other columns count, and the cell is reported with line, column, value and reason."""
    result = one(f"7,E1,2017-01-01 00:00:00,{cell},2017-01-01 00:05:00")

    assert [d.says for d in result.drafts] == ["call_arrival", "on_scene"]
    assert [(2, "dispatched", cell, reason, False)] == [
        (p.line, p.column, p.value, p.reason, p.whole_row) for p in result.problems
    ]


def test_the_odd_hours_are_settled_by_the_milestone_before_in_the_row() -> None:
    """Autumn in Los Angeles: received in the first 01:59, dispatched at 01:00 of the second."""
    result = one("7,E1,2016-11-06 01:59:00,2016-11-06 01:00:30,2016-11-06 01:05:00")

    assert [iso(d.occurred) for d in result.drafts] == [
        "2016-11-06T08:59:00Z",
        "2016-11-06T09:00:30Z",
        "2016-11-06T09:05:00Z",
    ]


def test_an_unreadable_milestone_is_not_the_one_before() -> None:
    """The nearest milestone present is the one before that."""
    result = one("7,E1,2016-11-06 01:59:00,soon,2016-11-06 01:05:00")

    assert iso(result.drafts[-1].occurred) == "2016-11-06T09:05:00Z"


def test_recorded_at_is_the_rows_where_the_export_has_it() -> None:
    """And orders the replay: an event is sent when CAD wrote it."""
    result = one(GOOD + ",2017-01-01 00:30:00", a_profile(recorded_at="written"), HEADER + ",written")

    assert (
        {"2017-01-01T08:30:00Z"}
        == {iso(d.due) for d in result.drafts}
        == {iso(d.recorded or 0) for d in result.drafts}
    )


def test_without_recorded_at_events_are_recorded_at_once() -> None:
    """The field is left out, which means the same."""
    assert all(d.recorded is None and d.due == d.occurred for d in one(GOOD).drafts)


def test_a_disposition_is_an_event_of_the_incident() -> None:
    """Where the profile names its column."""
    result = one(GOOD + ",No Merit", a_profile(disposition="result"), HEADER + ",result")

    assert (
        result.drafts[-1].kind,
        result.drafts[-1].unit_id,
        result.drafts[-1].says,
    ) == ("disposition", None, "No Merit")


def test_the_call_time_of_a_row_is_its_call_create() -> None:
    """Else its call_arrival, else its earliest milestone."""
    profile = a_profile(
        milestones={"call_arrival": "received", "call_create": "arrived", "dispatch": "dispatched"}
    )

    calls = [
        m.call
        for m in mapped(
            f"{HEADER}\n{GOOD}\n7,E1,2017-01-01 00:00:00,,\n7,E1,,2017-01-01 00:01:00,\n", profile
        )
    ]

    assert [iso(c or 0) for c in calls] == [
        "2017-01-01T08:05:00Z",
        "2017-01-01T08:00:00Z",
        "2017-01-01T08:01:00Z",
    ]


def test_two_identical_rows_are_identical_events() -> None:
    """And a row that differs in what is read differs in the ids of that alone."""
    first, second, third = mapped(f"{HEADER}\n{GOOD}\n{GOOD}\n{GOOD[:-1]}9\n", a_profile())

    assert [d.event_id for d in first.drafts] == [d.event_id for d in second.drafts]
    assert [a.event_id == b.event_id for a, b in zip(first.drafts, third.drafts, strict=True)] == [
        True,
        True,
        False,
    ]


def test_ids_differ_by_agency_and_source() -> None:
    """Two agencies may number alike."""
    ids = {
        one(GOOD, a_profile(agency=a, source=s)).drafts[0].event_id for a in ("a", "b") for s in ("x", "y")
    }

    assert len(ids) == 4


_times = st.integers(-2_000_000_000_000_000, 7_000_000_000_000_000)
_text = st.text(min_size=1, max_size=40)


@settings(max_examples=200)
@given(
    _times,
    st.none() | _times,
    _text,
    st.none() | _text,
    st.sampled_from(["milestone", "change", "disposition"]),
    _text,
)
def test_what_is_rendered_is_what_the_models_would_write(
    occurred: int, recorded: int | None, incident: str, unit: str | None, kind: Kind, said: str
) -> None:
    """Byte for byte, so that nothing of the fast path can drift from the law."""
    says: str | dict[str, str] = {"milestone": "dispatch", "disposition": said}.get(
        kind, {"type": said, "class": said}
    )
    target = None if kind == "disposition" else unit
    draft = Draft(occurred, 2, occurred, recorded, "00ff", incident, target, kind, says)

    written = Renderer("test", "export", shift=1_000_000)(draft)
    event = EVENT.validate_json(written)

    assert to_json(event) == written
    assert moment(occurred + 1_000_000) == getattr(event, "occurred_at")  # noqa: B009 - a union
