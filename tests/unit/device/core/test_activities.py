"""The first activity of a note, and its words of things: sentences of our own for each rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.candidates import plain
from device.core.candidates.activities import first_activity
from device.core.candidates.objects import object_words


@pytest.mark.parametrize(
    ("note", "activity"),
    [
        ("replace the strainer and inspect the casing", "replace"),
        ("inspect the casing and replace the strainer", "inspect"),
        ("strainer needs replacing", "replace"),
        ("change gearbox oil", "replace"),
        ("rear axle mechanical service water cart", "service"),
        ("service water line burst", None),
        ("chiller out of service", None),
        ("grease pump seized", None),
        ("bearing grease", "service"),
        ("grease and inspect jib", "grease-first"),
        ("broken weld on guard", None),
        ("weld guard bracket", "repair"),
        ("air fitting loose at manifold", None),
        ("gear change rough", None),
        ("belt too loose", None),
        ("pressure test header", "diagnose"),
        ("scheduled maintenance of compressor", "service"),
        ("calibrate flow meter", "calibrate"),
        ("adjust belt", "adjust"),
        ("", None),
    ],
)
def test_the_first_activity(note: str, activity: str | None) -> None:
    found = first_activity(note)
    expected = "service" if activity == "grease-first" else activity
    assert (found.activity.value if found else None) == expected


@pytest.mark.parametrize(
    ("note", "things"),
    [
        ("replace left rear wiper motor", "wiper motor"),
        ("<id> bearing housing cracked", "bearing housing"),
        ("change out 3 leaking hoses on boom", "hoses boom"),
        ("not working", ""),
    ],
)
def test_words_of_things(note: str, things: str) -> None:
    assert " ".join(span.text for span in object_words(note)) == things


@given(st.text(max_size=200))
def test_any_text_is_read_and_spans_are_in_it(text: str) -> None:
    note = plain(text)
    found = first_activity(note)
    assert found is None or note[found.span.start : found.span.end] == found.span.text
    assert all(note[span.start : span.end] == span.text for span in object_words(note))
