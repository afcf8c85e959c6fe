from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.merge import Combined, Impossible, combine
from shared.commands.base import Edit
from shared.outcomes import Reason
from shared.records import KINDS, Merge, rule_of
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


TICK: Any = {"id": new_id(), "author": "a", "at": "2026-11-21T08:00:00Z"}
ITEM: Any = {"id": "1", "text": "guard on"}


def test_a_change_of_members_may_only_add_or_only_remove() -> None:
    assert value_of(combine(["leak", "noise"], Edit(JOB, "tags", {"add": ["heat"]}))) == ["heat", "leak", "noise"]
    assert value_of(combine(["leak", "noise"], Edit(JOB, "tags", {"remove": ["leak"]}))) == ["noise"]


def test_an_item_that_nobody_has_ticked_takes_its_first_tick() -> None:
    assert value_of(combine([ITEM], Edit(JOB, "checklist", {"item": "1", "tick": TICK}))) == [
        {**ITEM, "ticks": [TICK]}
    ]


@pytest.mark.parametrize(
    ("field", "current", "value"),
    [
        ("tags", [], "leak"),
        ("tags", "leak", {"add": ["leak"]}),
        ("checklist", [ITEM], "1"),
        ("checklist", [ITEM], {"item": "2", "tick": TICK}),
        ("checklist", ["no item", ITEM], {"item": "1", "tick": TICK}),
        ("checklist", [ITEM], {"item": "1", "tick": "no tick"}),
        ("checklist", [{**ITEM, "ticks": ["no tick"]}], {"item": "1", "untick": []}),
    ],
)
def test_a_change_of_a_list_that_makes_no_sense_is_impossible_and_no_fault(
    field: str, current: Any, value: Any
) -> None:
    result = combine(current, Edit(JOB, field, value))
    assert result == Impossible(Reason.PAYLOAD_INVALID, f"{field} of {JOB} cannot hold that value")


@pytest.mark.parametrize("amount", [True, "3", None, [1]])
def test_an_amount_is_a_number(amount: Any) -> None:
    assert isinstance(combine(5, Edit(SEAL, "on_hand", amount)), Impossible)


def test_an_entry_is_kept_once_also_beside_entries_that_have_no_id() -> None:
    """As in conflicts that were settled before a settlement had one."""
    settled: Any = {"record": JOB, "field": "priority", "choice": "edit", "value": "low"}
    again: Any = {**settled, "id": "a"}
    once = value_of(combine([settled], Edit("conflict/1", "settled", again)))
    assert [each.get("id") for each in once] == [None, "a"]
    assert value_of(combine(once, Edit("conflict/1", "settled", again))) == once


def test_only_an_amount_has_a_floor() -> None:
    rules = [rule_of(kind, name) for kind, body in KINDS.items() for name in body.model_fields]
    assert {rule.merge for rule in rules if rule.floor is not None} == {Merge.ADD}
