from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.merge import Combined, Impossible, combine
from shared.commands.base import Edit
from shared.outcomes import Reason
from tests.builders import JOB, SEAL, new_id


def value_of(result: Combined | Impossible) -> Any:
    assert isinstance(result, Combined), result
    return result.value


def entry(text: str = "x") -> dict[str, Any]:
    return {"id": new_id(), "text": text, "author": "a", "at": "2026-11-21T08:00:00+00:00"}


def append(notes: Any, note: Any) -> Any:
    return value_of(combine(notes, Edit(JOB, "notes", note)))


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_entries_are_all_kept_in_any_order_and_once(texts: list[str], random: Any) -> None:
    entries = [entry(text) for text in texts]
    arrivals = entries + entries[:2]
    random.shuffle(arrivals)
    notes: Any = []
    for each in arrivals:
        notes = append(notes, each)
    assert sorted(note["id"] for note in notes) == sorted(each["id"] for each in entries)


@given(st.lists(st.integers(-3, 3), max_size=8))
def test_amounts_add_up_in_any_order_as_long_as_the_floor_holds(amounts: list[int]) -> None:
    total = 50
    for amount in amounts:
        total = value_of(combine(total, Edit(SEAL, "on_hand", amount)))
    assert total == 50 + sum(amounts)


@given(st.integers(0, 20), st.integers(1, 40))
def test_a_counter_never_falls_below_its_floor(there: int, asked: int) -> None:
    result = combine(there, Edit(SEAL, "on_hand", -asked))
    if asked > there:
        assert isinstance(result, Impossible)
        assert result.reason is Reason.BELOW_FLOOR
    else:
        assert value_of(result) == there - asked


def test_a_register_takes_the_new_value() -> None:
    assert value_of(combine("low", Edit(JOB, "priority", "high"))) == "high"


@pytest.mark.parametrize(
    ("field", "current", "value"),
    [("priority", "low", "shouting"), ("notes", [], "no entry"), ("title", "x", ""), ("due_on", None, "someday")],
)
def test_a_value_that_the_field_cannot_hold_is_impossible(field: str, current: Any, value: Any) -> None:
    result = combine(current, Edit(JOB, field, value))
    assert isinstance(result, Impossible)
    assert result.reason is Reason.PAYLOAD_INVALID


def test_a_step_that_does_not_exist_is_impossible_unless_a_person_decided_it() -> None:
    result = combine("closed", Edit(JOB, "status", "in_progress"))
    assert isinstance(result, Impossible)
    assert result.reason is Reason.STEP_NOT_ALLOWED
    assert value_of(combine("closed", Edit(JOB, "status", "in_progress", decided=True))) == "in_progress"


def test_a_count_is_no_boolean() -> None:
    assert isinstance(combine(5, Edit(SEAL, "on_hand", True)), Impossible)
