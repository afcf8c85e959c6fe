"""One edit against one record: what its author saw, and what that makes of it."""

import pytest

from reconciliation.conflict import Clashing, Clean, Refused, judge
from shared.commands.base import Base, Command, Edit
from shared.records import Record
from tests.builders import JOB, OTHER_JOB, PUMP, RESOLVER, SEAL, Person, World, new_id, office, record

NOBODY: dict[str, dict[str, int]] = {}


def moved(ref: str = JOB, version: int = 2, **fields: str) -> Record:
    """A record whose `fields` somebody at the office changed at `version`."""
    before = record(ref)
    return before.changed(fields, record(ref, version).born)


def command(*bases: Base, base_version: int = 1) -> Command:
    said = Person.at(World.of(record(JOB))).say("note.added", text="x")
    return said.model_copy(update={"bases": bases, "base_version": base_version})


def saw(name: str, version: int, ref: str = JOB, command: str | None = None) -> Base:
    return Base(record=ref, field=name, value=None, version=version, command=command)


def test_who_says_to_have_seen_a_version_that_never_was_has_seen_nothing() -> None:
    restored = record(JOB, 1, priority="low")
    edit = Edit(JOB, "priority", "urgent")
    assert isinstance(judge(edit, restored, command(saw("priority", 9)), NOBODY), Clashing)
    assert isinstance(judge(edit, restored, command(saw("priority", 1)), NOBODY), Clean)


def test_what_was_seen_of_another_field_or_record_counts_for_nothing() -> None:
    edit, theirs = Edit(JOB, "priority", "urgent"), moved(priority="low")
    elsewhere = saw("access", 2), saw("priority", 2, SEAL)
    assert isinstance(judge(edit, theirs, command(*elsewhere, saw("priority", 1)), NOBODY), Clashing)
    assert isinstance(judge(edit, theirs, command(*elsewhere, saw("priority", 2)), NOBODY), Clean)


def test_a_command_saw_its_own_record_and_no_other_where_it_does_not_say_what() -> None:
    assert isinstance(judge(Edit(JOB, "priority", "high"), record(JOB), command(), NOBODY), Clean)
    assert isinstance(judge(Edit(PUMP, "location", "roof"), record(PUMP), command(), NOBODY), Clashing)


@pytest.mark.parametrize(("came_true_at", "verdict"), [({JOB: 1}, Clean), ({PUMP: 1}, Clashing), ({}, Clashing)])
def test_what_rests_on_an_earlier_command_saw_what_that_came_to_on_this_record(
    came_true_at: dict[str, int], verdict: type
) -> None:
    earlier = new_id()
    resting = command(saw("priority", 0, command=earlier))
    edit = Edit(JOB, "priority", "high")
    assert isinstance(judge(edit, record(JOB, priority="low"), resting, {earlier: came_true_at}), verdict)


def test_a_refusal_names_the_field_and_the_record() -> None:
    decided = judge(Edit(JOB, "priority", "high", decided=True), moved(priority="low"), command(), NOBODY)
    assert isinstance(decided, Refused)
    assert decided.detail == f"priority of {JOB} changed since you looked"


def test_whom_somebody_met_on_the_shelf_alone_they_met() -> None:
    """The job is as its author saw it; only the shelf has moved."""
    w = World.of(record(JOB), record(OTHER_JOB), record(SEAL, on_hand=5))
    mine = Person.at(w).say("part.consumed", JOB, stock_item=SEAL, quantity=1)
    w.settle(Person.at(w, "TB-02", "b.lind").say("part.consumed", OTHER_JOB, stock_item=SEAL, quantity=1))
    assert w.settle(mine).outcome == "merged"


def test_two_people_at_the_office_who_touch_different_fields_have_not_met() -> None:
    w = World.of(record(JOB))
    one, two = office(w), office(w, "b.boss")
    first = one.say("field.updated", field="priority", value="high")
    second = two.say("field.updated", field="access", value="back")
    assert [w.settle(each, RESOLVER).outcome for each in (first, second)] == ["applied", "applied"]
