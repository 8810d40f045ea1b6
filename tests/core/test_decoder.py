"""Two decoders, one meaning: what the fast one takes, pydantic takes alike.

What is refused, pydantic refuses.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import decoding, events
from schemas.vocabulary import MILESTONES
from tests.core.effort import examples
from tests.core.test_bad_input import VALID, _anything, _mutated

EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
KINDS = tuple(kind.model_fields["kind"].default for kind in decoding._MODELS)


def alike(value: bytes) -> None:
    """Both decoders agree on these bytes: the same event, field by field, or a refusal by both."""
    try:
        judged = events.EVENT.validate_json(value)
    except ValidationError:
        judged = None
    try:
        decoded = decoding.decode(value)
    except decoding.Undecodable:
        decoded = None
    if decoded is not None:
        assert judged is not None, "the fast decoder takes what pydantic refuses"
    if judged is not None:
        assert decoded is not None, "the fast decoder's refusal was not judged"
        assert fields(judged) == fields(decoded)


def fields(event: Any) -> tuple[str, dict[str, Any]]:
    """What an event says, whichever decoder made it: its kind, and instants as instants."""
    if isinstance(event, msgspec.Struct):
        said = {name: getattr(event, name) for name in event.__struct_fields__}
        kind = str(event.__struct_config__.tag)
    else:
        said = {name: getattr(event, name) for name in type(event).model_fields}
        kind = said.pop("kind")
    return kind, {
        name: value.astimezone(UTC) if isinstance(value, datetime) and value.year > 1 else value
        for name, value in said.items()
    }


_SPAN = (
    datetime(2, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    datetime(9998, 1, 1, tzinfo=UTC).replace(tzinfo=None),
)
_WRITTEN = (
    r"20[0-9]{2}-[0-1][0-9]-[0-3][0-9][T t_][0-2][0-9]:[0-6][0-9]"
    r"(:[0-6][0-9]([.,][0-9]{1,12})?)?(Z|z|[+-][0-2][0-9]:?[0-6][0-9])?"
)
_times = st.one_of(
    st.datetimes(*_SPAN, timezones=st.timezones()).map(lambda t: t.isoformat()),
    st.from_regex(_WRITTEN, fullmatch=True),
    st.integers(-(10**13), 10**13),
    st.floats(-1e11, 1e11),
)
_texts = st.text(max_size=70)
_fields: dict[str, st.SearchStrategy[Any]] = {
    "schema_version": st.sampled_from((1, 1.0, True, "1", 2, 0, None)),
    "kind": st.sampled_from((*KINDS, "Milestone", "", None)),
    "event_id": _texts,
    "agency_id": _texts,
    "incident_id": _texts,
    "source_id": _texts | st.none(),
    "occurred_at": _times,
    "recorded_at": _times | st.none(),
    "simulated": st.sampled_from((True, False, 0, 1, "true", "no", None)),
    "unit_id": _texts | st.none(),
    "name": st.sampled_from((*MILESTONES, "Dispatch", " dispatch")),
    "was": _times | st.none(),
    "time": _times | st.none(),
    "merged_into": _texts | st.none(),
    "disposition": _texts | st.none(),
    "attributes": st.dictionaries(
        st.sampled_from(("type", "class", "response_mode", "als", "service", "weather")),
        st.sampled_from(("EMERGENT", "FIRE", "true", "", None, 1, True, "x" * 257)) | _texts,
    ),
    "sender": _texts,
    "offset": st.integers() | st.floats() | st.sampled_from(("5", "5.0", 5.0, 2**63, -(2**63) - 1)),
    "state": st.text(),
}


@st.composite
def _said(draw: st.DrawFn) -> bytes:
    """A valid event with one to three of its fields drawn anew, or some of them twice."""
    body = json.loads(draw(st.sampled_from(VALID)))
    text = ""
    for name in draw(st.lists(st.sampled_from(sorted(_fields)), min_size=1, max_size=3)):
        value = draw(st.one_of(_fields[name], _fields[name], _fields[name], _anything))
        if draw(st.integers(0, 9)) == 0:
            text += f", {json.dumps(name)}: {json.dumps(value)}"
        else:
            body[name] = value
    return (json.dumps(body)[:-1] + text + "}").encode(errors="surrogatepass")


def _with(**changed: Any) -> bytes:
    return json.dumps({**json.loads(VALID[0]), **changed}).encode()


@examples(900)
@given(value=st.one_of(_said(), _said(), _mutated()))
@example(_with(occurred_at="2017-01-01T00:00:00.1234567Z"))
@example(_with(occurred_at="2017-01-01T00:00:00.9999999Z"))
@example(_with(occurred_at="2017-01-01T23:59:60Z"))
@example(_with(occurred_at="2017-01-01T24:00:00Z"))
@example(_with(occurred_at="2017-01-01T00:00:00+23:59"))
@example(_with(occurred_at="2017-01-01T00:00:00+24:00"))
@example(_with(occurred_at="2017-01-01T00:00:00-00:00"))
@example(_with(occurred_at="0001-01-01T00:00:00+14:00"))
@example(_with(occurred_at=1_483_300_000))
@example(_with(schema_version=True))
@example(_with(schema_version=1.0))
@example(_with(simulated="true"))
@example(_with(event_id="x" * 64))
@example(_with(event_id="\U0001f692" * 64))
@example(_with(event_id="\U0001f692" * 65))
@example(_with(event_id="\ud800"))
@example(VALID[0][:-1] + b', "kind": "clock"}')
@example(VALID[0][:-1] + b', "event_id": ""}')
def test_the_fast_decoder_and_pydantic_agree(value: bytes) -> None:
    """Events with fields drawn anew, at the edges of every constraint: one meaning, or one refusal."""
    alike(value)


@pytest.mark.parametrize("value", VALID)
def test_every_kind_takes_the_fast_way(value: bytes) -> None:
    """What sources and stage one write is decoded without pydantic.

    Else the hot path would be slow, not wrong.
    """
    assert fields(events.EVENT.validate_json(value)) == fields(decoding.fast(value))


def test_every_model_has_its_struct() -> None:
    """Each kind of the union has a struct with the same fields and the same defaults."""
    for model, struct in decoding._STRUCTS.items():
        info = {f.name: f for f in msgspec.structs.fields(struct)}
        wanted = {name: field for name, field in model.model_fields.items() if name != "kind"}

        assert wanted.keys() == info.keys()
        required = {name for name, field in wanted.items() if field.is_required()}
        assert required == {name for name, field in info.items() if field.required}
