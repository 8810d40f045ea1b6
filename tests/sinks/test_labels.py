"""Label values: cleaned, and bounded in number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.prometheus.labels import LENGTH_MAX, Bounds, Refusals, clean


@given(st.text())
def test_a_clean_value_is_safe(value: str) -> None:
    """Whatever text comes in, a label is not empty, not long, printable, and clean already."""
    label = clean(value)

    assert 0 < len(label) <= LENGTH_MAX
    assert label.isprintable()
    assert clean(label) == label


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), max_size=60))
def test_bounds_hold_whatever_comes_and_goes(steps: list[tuple[bool, str]]) -> None:
    """Never more values than allowed, and one is refused only while the places are all taken by others."""
    refusals = Refusals()
    bounds = Bounds(refusals, 3)
    held: list[str] = []
    refused = 0
    for hold, value in steps:
        if hold:
            if bounds.hold(("group", "sffd"), value):
                held.append(value)
            else:
                refused += 1
                assert value not in held
                assert len(set(held)) == 3
        elif value in held:
            bounds.release(("group", "sffd"), value)
            held.remove(value)
        assert len(set(held)) <= 3

    assert refusals.labels.total() == refused
