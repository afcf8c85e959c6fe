"""Settling a conflict clash by clash, asking about it, and taking a decision back."""

from typing import Any

import pytest

from reconciliation.decide import Ruling
from shared.outcomes import EFFECTIVE, Outcome, Reason
from shared.records import Choice, Conflict, Record, Settlement
from tests.builders import JOB, PUMP, RESOLVER, SEAL, Person, World, office, record


def world(**job: Any) -> World:
    return World.of(record(JOB, **job), record(PUMP), record(SEAL, on_hand=5))


def fields(w: World, ref: str = JOB) -> dict[str, Any]:
    return dict(w.records[ref].fields)


def conflict_of(w: World, ref: str) -> Conflict:
    return Conflict.model_validate(w.records[ref].fields)


def two_clashes(w: World) -> str:
    """A step with a reason that somebody else made impossible: `status` and `reasons`, which belong together."""
    mine = Person.at(w).say("status.changed", to="on_hold", reason="no seal kit")
    w.settle(office(w).say("status.changed", to="cancelled"), RESOLVER)
    return str(w.settle(mine).conflict)


def independent_clashes(w: World) -> str:
    """A conflict about two fields that have nothing to do with each other."""
    ref = ""
    for name, value, other in (("priority", "urgent", "low"), ("access", "back", "front")):
        command = Person.at(w).say("field.updated", field=name, value=value)
        w.settle(office(w).say("field.updated", field=name, value=other), RESOLVER)
        ruling = w.settle(command)
        if not ref:
            ref = str(ruling.conflict)
            continue
        both = [*fields(w, ref)["clashes"], *fields(w, str(ruling.conflict))["clashes"]]
        standing = w.records[ref]
        w.records[ref] = Record(ref, standing.version, {**standing.fields, "clashes": both}, standing.born)
    return ref


def pick(field: str, choice: str, value: Any, ref: str = JOB) -> dict[str, Any]:
    return {"record": ref, "field": field, "choice": choice, "value": value}


def resolve(w: World, conflict: str, *settlements: dict[str, Any], closes: bool = True) -> Ruling:
    said = office(w).say("conflict.resolved", conflict, settlements=settlements, closes=closes, reason="seen")
    return w.settle(said, RESOLVER)


def undo(w: World, conflict: str, *settlements: dict[str, Any], restored: list[dict[str, Any]]) -> Ruling:
    said = office(w).say("resolution.undone", conflict, settlements=settlements, restored=restored, reason="wrong")
    return w.settle(said, RESOLVER)


# -- in parts


def test_a_conflict_is_settled_clash_by_clash_each_its_own_way() -> None:
    w = world()
    ref = independent_clashes(w)
    first = resolve(w, ref, pick("access", "edit", "side gate"), closes=False)
    assert first.outcome is Outcome.APPLIED
    assert (fields(w)["access"], fields(w)["priority"], fields(w, ref)["status"]) == ("side gate", "low", "open")
    assert [clash.field for clash in conflict_of(w, ref).unsettled()] == ["priority"]
    assert resolve(w, ref, pick("priority", "keep_mine", "urgent")).outcome is Outcome.APPLIED
    assert (fields(w)["priority"], fields(w, ref)["status"]) == ("urgent", "resolved")
    history = conflict_of(w, ref).settled
    assert [(each.field, each.before, each.author) for each in history] == [
        ("access", "front", "m.reyes"),
        ("priority", "low", "m.reyes"),
    ]


@pytest.mark.parametrize(
    ("settlements", "closes"),
    [
        ([pick("access", "keep_mine", "back")], True),  # one is left
        ([pick("access", "keep_mine", "back"), pick("priority", "keep_mine", "urgent")], False),  # none is left
        ([pick("access", "keep_mine", "back"), pick("access", "take_theirs", "front")], True),  # twice
        ([pick("title", "edit", "x")], False),  # no clash of it
    ],
)
def test_settlements_that_do_not_fit_the_conflict_are_refused(settlements: list[Any], closes: bool) -> None:
    w = world()
    ref = independent_clashes(w)
    ruling = resolve(w, ref, *settlements, closes=closes)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.OBJECTION)
    assert (fields(w)["access"], fields(w, ref)["settled"]) == ("front", [])


def test_a_clash_is_settled_once() -> None:
    w = world()
    ref = independent_clashes(w)
    one, two = (
        office(w).say("conflict.resolved", ref, settlements=[pick("access", choice, value)], closes=False)
        for choice, value in (("keep_mine", "back"), ("take_theirs", "front"))
    )
    w.settle(one, RESOLVER)
    assert w.settle(two, RESOLVER).outcome is Outcome.REJECTED
    assert fields(w)["access"] == "back"


def test_two_resolvers_settling_different_clashes_do_not_get_in_each_others_way() -> None:
    w = world()
    ref = independent_clashes(w)
    one = office(w).say(
        "conflict.resolved", ref, settlements=[pick("access", "keep_mine", "back")], closes=False, reason="a"
    )
    two = office(w, "b.boss").say(
        "conflict.resolved", ref, settlements=[pick("priority", "keep_mine", "urgent")], closes=False, reason="b"
    )
    assert w.settle(one, RESOLVER).outcome is Outcome.APPLIED
    ruling = w.settle(two, RESOLVER)
    assert (ruling.outcome, ruling.detail) == (
        Outcome.REJECTED,
        "other clashes of the conflict were settled or reopened meanwhile",
    )
    assert resolve(w, ref, pick("priority", "keep_mine", "urgent")).outcome is Outcome.APPLIED


def test_what_takes_effect_together_is_settled_together_and_the_same_way() -> None:
    w = world()
    ref = two_clashes(w)
    clashes = {clash.field: clash for clash in conflict_of(w, ref).clashes}
    step = pick("status", "keep_mine", "on_hold")
    reason = pick("reasons", "take_theirs", [])
    torn = resolve(w, ref, step, closes=False)
    mixed = resolve(w, ref, step, reason)
    assert [torn.detail, mixed.detail] == [
        f"reasons of {JOB} is decided together with them",
        "what takes effect together is settled the same way",
    ]
    whole = resolve(w, ref, step, pick("reasons", "keep_mine", clashes["reasons"].mine.value))
    assert whole.outcome in EFFECTIVE
    assert (fields(w)["status"], [each["text"] for each in fields(w)["reasons"]]) == ("on_hold", ["no seal kit"])


def test_asking_settles_nothing() -> None:
    with pytest.raises(ValueError, match="asking the technician settles nothing"):
        Settlement(record=JOB, field="priority", choice=Choice.ASK, value=None)


# -- asking


def test_a_question_about_a_clash_leaves_the_conflict_open_and_the_answer_lands_on_it() -> None:
    w = world()
    ref = independent_clashes(w)
    asked = office(w).say("question.asked", ref, text="front or back?", about={"record": JOB, "field": "access"})
    assert w.settle(asked, RESOLVER).outcome is Outcome.APPLIED
    answer = Person.at(w).say("question.answered", ref, question=asked.id, text="back, the front is locked")
    assert w.settle(answer).outcome is Outcome.APPLIED
    conflict = conflict_of(w, ref)
    assert (conflict.status, conflict.answers[0].question, conflict.answers[0].author) == (
        "open",
        asked.id,
        "a.okafor",
    )
    assert resolve(w, ref, pick("access", "keep_mine", "back"), closes=False).outcome is Outcome.APPLIED


def test_nobody_is_asked_about_what_is_settled() -> None:
    w = world()
    ref = independent_clashes(w)
    resolve(w, ref, pick("access", "keep_mine", "back"), closes=False)
    about = {"record": JOB, "field": "access"}
    asked = office(w).say("question.asked", ref, text="sure?", about=about)
    assert w.settle(asked, RESOLVER).reason is Reason.OBJECTION


# -- taking back


def test_undoing_restores_what_stood_before_and_the_conflict_waits_again() -> None:
    w = world()
    ref = independent_clashes(w)
    chosen = pick("access", "edit", "side gate"), pick("priority", "keep_mine", "urgent")
    resolve(w, ref, *chosen)
    restored = [
        {"record": JOB, "field": "access", "value": "front"},
        {"record": JOB, "field": "priority", "value": "low"},
    ]
    assert undo(w, ref, *chosen, restored=restored).outcome is Outcome.APPLIED
    assert (fields(w)["access"], fields(w)["priority"], fields(w, ref)["status"]) == ("front", "low", "open")
    conflict = conflict_of(w, ref)
    assert (len(conflict.unsettled()), [each.undone for each in conflict.settled]) == (2, [False, False, True, True])
    assert resolve(w, ref, *chosen).outcome is Outcome.APPLIED
    assert (fields(w)["access"], fields(w, ref)["status"]) == ("side gate", "resolved")


def test_one_of_several_settlements_is_taken_back_alone() -> None:
    w = world()
    ref = independent_clashes(w)
    one, two = pick("access", "edit", "side gate"), pick("priority", "keep_mine", "urgent")
    resolve(w, ref, one, closes=False)
    resolve(w, ref, two)
    undo(w, ref, one, restored=[{"record": JOB, "field": "access", "value": "front"}])
    assert (fields(w)["access"], fields(w)["priority"], fields(w, ref)["status"]) == ("front", "urgent", "open")


def test_a_part_that_was_booked_by_a_decision_is_unbooked_on_shelf_and_job_together() -> None:
    w = world()
    mine = Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=4)
    w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=4))
    ref = str(w.settle(mine).conflict)
    w.settle(office(w).say("record.imported", SEAL, fields={"on_hand": 6}), RESOLVER)
    clashes = {clash.field: clash for clash in conflict_of(w, ref).clashes}
    chosen = [
        pick("on_hand", "keep_mine", -4, SEAL),
        pick("parts_used", "keep_mine", clashes["parts_used"].mine.value),
    ]
    assert resolve(w, ref, *chosen).outcome in EFFECTIVE
    assert (fields(w, SEAL)["on_hand"], len(fields(w)["parts_used"])) == (2, 2)
    restored = [
        {"record": SEAL, "field": "on_hand", "value": 6},
        {"record": JOB, "field": "parts_used", "value": fields(w)["parts_used"][:1]},
    ]
    assert undo(w, ref, *chosen[:1], restored=restored[:1]).reason is Reason.OBJECTION  # half of it
    assert undo(w, ref, *chosen, restored=restored).outcome is Outcome.APPLIED
    assert (fields(w, SEAL)["on_hand"], len(fields(w)["parts_used"])) == (6, 1)


def test_a_decision_that_the_shelf_cannot_bear_is_refused_whole() -> None:
    w = world()
    mine = Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=4)
    w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=4))
    ref = str(w.settle(mine).conflict)
    chosen = [pick(each.field, "keep_mine", each.mine.value, each.record) for each in conflict_of(w, ref).clashes]
    looked = Person.at(w, "TB-03", "m.reyes").say("conflict.resolved", ref, settlements=chosen, reason="seen")
    w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=1))
    ruling = w.settle(looked, RESOLVER)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.BELOW_FLOOR)
    assert len(fields(w)["parts_used"]) == 2  # the job does not get the part without the shelf giving it
    assert fields(w, ref)["status"] == "open"


def test_undoing_takes_back_an_amount_and_not_what_others_booked_before_it_arrived() -> None:
    w = world()
    mine = Person.at(w, "TB-02", "b.lind").say("part.consumed", stock_item=SEAL, quantity=4)
    w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=4))
    ref = str(w.settle(mine).conflict)
    w.settle(office(w).say("record.imported", SEAL, fields={"on_hand": 20}), RESOLVER)
    clashes = conflict_of(w, ref).clashes
    chosen = [pick(each.field, "keep_mine", each.mine.value, each.record) for each in clashes]
    on_the_way = Person.at(w, "TB-03", "m.reyes").say("conflict.resolved", ref, settlements=chosen, reason="seen")
    w.settle(Person.at(w).say("part.consumed", stock_item=SEAL, quantity=10))
    assert w.settle(on_the_way, RESOLVER).outcome in EFFECTIVE
    assert fields(w, SEAL)["on_hand"] == 6
    used = [each for each in fields(w)["parts_used"] if each["id"] != mine.id]
    restored = [
        {"record": each.record, "field": each.field, "value": 10 if each.field == "on_hand" else used}
        for each in clashes
    ]
    assert undo(w, ref, *chosen, restored=restored).outcome is Outcome.APPLIED
    assert (fields(w, SEAL)["on_hand"], len(fields(w)["parts_used"])) == (10, 2)


def test_undoing_is_refused_if_the_field_changed_since() -> None:
    w = world()
    ref = independent_clashes(w)
    chosen = pick("access", "keep_mine", "back")
    resolve(w, ref, chosen, closes=False)
    restored = [{"record": JOB, "field": "access", "value": "front"}]
    seen_too_early = office(w).say("resolution.undone", ref, settlements=[chosen], restored=restored)
    w.settle(office(w, "b.boss").say("field.updated", field="access", value="roof"), RESOLVER)
    assert w.settle(seen_too_early, RESOLVER).outcome is Outcome.REJECTED
    ruling = undo(w, ref, chosen, restored=restored)
    assert (ruling.reason, ruling.detail) == (Reason.OBJECTION, f"access of {JOB} changed since it was settled")
    assert fields(w)["access"] == "roof"


@pytest.mark.parametrize(
    ("taken_back", "restored"),
    [
        (pick("access", "take_theirs", "front"), "front"),  # it was settled otherwise
        (pick("priority", "keep_mine", "urgent"), "low"),  # it was not settled
        (pick("access", "keep_mine", "back"), "roof"),  # that did not stand before
    ],
)
def test_an_undoing_that_is_not_one_is_refused(taken_back: dict[str, Any], restored: str) -> None:
    w = world()
    ref = independent_clashes(w)
    resolve(w, ref, pick("access", "keep_mine", "back"), closes=False)
    ruling = undo(w, ref, taken_back, restored=[{"record": JOB, "field": taken_back["field"], "value": restored}])
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.OBJECTION)
    assert fields(w)["access"] == "back"


def test_a_technician_does_not_take_a_decision_back() -> None:
    w = world()
    ref = independent_clashes(w)
    chosen = pick("access", "keep_mine", "back")
    resolve(w, ref, chosen, closes=False)
    restored = [{"record": JOB, "field": "access", "value": "front"}]
    command = Person.at(w).say("resolution.undone", ref, settlements=[chosen], restored=restored)
    assert w.settle(command).reason is Reason.NOT_PERMITTED
