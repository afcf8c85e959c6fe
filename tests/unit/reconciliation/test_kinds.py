"""What each kind of command does to a job, and how two people doing it apart meet."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciliation.decide import refs_of
from reconciliation.rebase import rebase
from shared.attachments import ATTACHMENT_BYTES_MAX, Attachment
from shared.commands import CATALOGUE, read_payload
from shared.commands.base import Authority, Command, Payload, Urgency
from shared.commands.checklist_item_done import checklist
from shared.commands.work_order_created import fresh_ref
from shared.outcomes import EFFECTIVE, Outcome, Reason
from shared.records import Record
from tests.builders import JOB, PUMP, RESOLVER, SEAL, Person, World, new_id, office, record

NEW = "work_order/F-1"
ITEMS = [{"id": "1", "text": "Isolate"}, {"id": "2", "text": "Drain"}]


def world(**fields: Any) -> World:
    return World.of(record(JOB, checklist=ITEMS, **fields), record(PUMP), record(SEAL, on_hand=5))


def two(w: World) -> tuple[Person, Person]:
    return Person.at(w), Person.at(w, "TB-02", "b.lind")


def fields(w: World, ref: str = JOB) -> dict[str, Any]:
    return dict(w.records[ref].fields)


def done_by(w: World, item: str = "1") -> list[str]:
    (found,) = [each for each in checklist(w.records[JOB]) if each.id == item]
    return [tick.author for tick in found.ticks]


# -- raising and giving work


def test_a_technician_raises_a_follow_up_and_works_on_it_before_anybody_heard() -> None:
    w = world()
    me = Person.at(w)
    create = me.say("work_order.created", NEW, title="Replace seal", asset=PUMP, parent=JOB, checklist=["Drain"])
    note, tick = me.say("note.added", NEW, text="order a seal"), me.say("checklist_item.done", NEW, item="1")
    assert note.depends_on == tick.depends_on == (create.id,)
    assert [w.settle(each).outcome for each in (create, note, tick)] == [Outcome.APPLIED] * 3
    made = fields(w, NEW)
    assert (made["parent"], made["status"], made["title"]) == (JOB, "open", "Replace seal")
    assert [item.done_by for item in checklist(w.records[NEW])] == ["a.okafor"]


def test_a_follow_up_of_a_follow_up_rests_on_it() -> None:
    me = Person.at(world())
    first = me.say("work_order.created", NEW, title="One", asset=PUMP)
    second = me.say("work_order.created", "work_order/F-2", title="Two", asset=PUMP, parent=NEW)
    assert second.depends_on == (first.id,)


@pytest.mark.parametrize(
    ("ref", "payload", "reason"),
    [
        (JOB, {}, Reason.RECORD_EXISTS),
        (NEW, {"asset": "asset/NOWHERE"}, Reason.OBJECTION),
        (NEW, {"parent": "work_order/WO-77"}, Reason.OBJECTION),
    ],
)
def test_a_job_that_cannot_be_is_refused(ref: str, payload: dict[str, Any], reason: Reason) -> None:
    w = world()
    me = Person.at(w)
    me.view.records.pop(ref, None)
    ruling = w.settle(me.say("work_order.created", ref, **{"title": "x", "asset": PUMP, **payload}))
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, reason)


def test_the_name_of_a_new_job_is_its_commands_and_nobody_elses() -> None:
    ids = [new_id() for _ in range(50)]
    assert len({fresh_ref(each) for each in ids}) == 50


def test_what_is_not_named_in_an_assignment_stays_and_none_takes_it_away() -> None:
    w = world(assignee="a.okafor", team="pumps")
    w.settle(office(w).say("work_order.assigned", assignee=None), RESOLVER)
    assert (fields(w)["assignee"], fields(w)["team"]) == (None, "pumps")
    w.settle(office(w).say("work_order.assigned", team="power"), RESOLVER)
    assert (fields(w)["assignee"], fields(w)["team"]) == (None, "power")


def test_two_people_giving_a_job_away_differently_is_a_conflict_of_what_they_both_named() -> None:
    w = world()
    one, other = office(w), office(w, "b.boss")
    first = one.say("work_order.assigned", assignee="a.okafor")
    second = other.say("work_order.assigned", assignee="b.lind", team="pumps")
    w.settle(first, RESOLVER)
    ruling = w.settle(second, RESOLVER)
    assert [name.field for name in ruling.conflicting] == ["assignee"]
    assert (fields(w)["assignee"], fields(w)["team"]) == ("a.okafor", "pumps")


def test_nobody_is_given_a_job_that_is_over() -> None:
    w = world(status="closed")
    assert w.settle(office(w).say("work_order.assigned", team="pumps"), RESOLVER).reason is Reason.OBJECTION


# -- the checklist


def test_two_people_ticking_different_items_and_the_same_item_all_count() -> None:
    w = world()
    me, other = two(w)
    commands = [me.say("checklist_item.done", item="1"), other.say("checklist_item.done", item="1")]
    commands.append(other.say("checklist_item.done", item="2"))
    assert {w.settle(each).outcome for each in commands} <= EFFECTIVE
    assert (done_by(w, "1"), done_by(w, "2")) == (["a.okafor", "b.lind"], ["b.lind"])


def test_taking_a_tick_back_leaves_the_tick_that_somebody_made_meanwhile() -> None:
    w = world()
    me, other = two(w)
    mine = me.say("checklist_item.done", item="1")
    back = me.say("checklist_item.done", item="1", done=False, takes_back=[mine.id])
    theirs = other.say("checklist_item.done", item="1")
    for each in (mine, theirs, back):
        w.settle(each)
    assert done_by(w) == ["b.lind"]


@given(
    acts=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_no_tick_is_lost_whoever_ticks_and_takes_back(acts: list[tuple[bool, bool]], order: Any) -> None:
    """An item is done while a tick stands that nobody who saw it took back."""
    w = world()
    people = two(w)
    queues: tuple[list[Command], list[Command]] = ([], [])
    ticks: set[str] = set()
    taken: set[str] = set()
    for first, ticking in acts:
        me, queue = people[not first], queues[not first]
        seen = [tick.id for tick in checklist(me.view.records[JOB])[0].ticks]
        if ticking or not seen:
            queue.append(me.say("checklist_item.done", item="1"))
            ticks.add(queue[-1].id)
        else:
            queue.append(me.say("checklist_item.done", item="1", done=False, takes_back=seen))
            taken.update(seen)
    while waiting := [queue for queue in queues if queue]:
        assert w.settle(order.choice(waiting).pop(0)).outcome in EFFECTIVE
    assert {tick.id for tick in checklist(w.records[JOB])[0].ticks} == ticks - taken


def test_an_item_that_is_not_on_the_list_is_refused() -> None:
    w = world()
    forged = Person.at(w).say("checklist_item.done", item="1").model_copy(update={"payload": {"item": "9"}})
    assert w.settle(forged).reason is Reason.OBJECTION


@pytest.mark.parametrize("payload", [{"done": False}, {"done": True, "takes_back": [new_id()]}])
def test_a_tick_is_given_or_named_ones_are_taken_back(payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either"):
        CATALOGUE["checklist_item.done"].model_validate({"item": "1", **payload})


# -- tags, findings, orders, files


def test_tags_of_two_people_are_both_added_and_removed() -> None:
    w = world(tags=["leak", "seal"])
    me, other = two(w)
    one, both = me.say("tags.changed", add=["urgent"], remove=["leak"]), other.say("tags.changed", add=["night"])
    w.settle(one)
    assert w.settle(both).outcome is Outcome.MERGED
    assert fields(w)["tags"] == ["night", "seal", "urgent"]


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from("abcd"), st.booleans()),
        max_size=8,
    )
)
def test_changes_of_members_never_clash_and_each_of_them_counts(acts: list[tuple[bool, str, bool]]) -> None:
    w = world(tags=["a", "b"])
    people = two(w)
    expected = {"a", "b"}
    for first, tag, adding in acts:
        change: dict[str, Any] = {"add" if adding else "remove": [tag]}
        command = people[not first].say("tags.changed", **change)
        assert w.settle(command).outcome in EFFECTIVE
        expected = expected | {tag} if adding else expected - {tag}
    assert fields(w)["tags"] == sorted(expected)


def test_the_newest_bin_stands_without_a_conflict() -> None:
    w = world()
    me, other = two(w)
    one = me.say("field.updated", SEAL, field="bin", value="A-1")
    two_ = other.say("field.updated", SEAL, field="bin", value="B-2")
    w.settle(one)
    assert w.settle(two_).outcome is Outcome.MERGED
    assert fields(w, SEAL)["bin"] == "B-2"


def test_findings_and_orders_of_two_people_are_all_kept() -> None:
    w = world()
    me, other = two(w)
    for each in (
        me.say("finding.added", text="guard loose", severity="safety"),
        other.say("finding.added", text="paint flaking"),
        me.say("part.ordered", stock_item=SEAL, quantity=2),
        other.say("part.ordered", stock_item=SEAL, quantity=1),
    ):
        assert w.settle(each).outcome in EFFECTIVE
    assert [each["severity"] for each in fields(w)["findings"]] == ["safety", "minor"]
    assert [each["quantity"] for each in fields(w)["parts_ordered"]] == [2, 1]
    assert fields(w, SEAL)["on_hand"] == 5


def test_an_order_says_what_the_parts_store_is_told() -> None:
    w = world()
    command = Person.at(w).say("part.ordered", stock_item=SEAL, quantity=2)
    payload = read_payload(command)
    assert payload.kind.system == "parts"
    assert payload.external(command) == {
        "order": command.id,
        "part": "SEAL-1",
        "quantity": 2,
        "work_order": "WO-1",
        "ordered_by": "a.okafor",
        "ordered_at": command.issued_at.isoformat(),
    }
    assert SEAL in refs_of(command)


def test_a_part_that_the_store_does_not_know_is_not_ordered() -> None:
    w = world()
    ruling = w.settle(Person.at(w).say("part.ordered", stock_item="stock_item/NONE", quantity=2))
    assert (ruling.reason, ruling.detail) == (Reason.OBJECTION, "there is no stock_item/NONE")


def photo(**other: Any) -> dict[str, Any]:
    return {"sha256": "a" * 64, "size": 9, "media_type": "image/jpeg", "name": "seal.jpg", **other}


def test_a_file_is_named_by_its_hash() -> None:
    w = world()
    command = Person.at(w).say("attachment.added", **photo())
    w.settle(command)
    assert read_payload(command).attachments() == (Attachment(sha256="a" * 64, size=9, media_type="image/jpeg"),)
    (entry,) = fields(w)["attachments"]
    assert (entry["id"], entry["name"], entry["size"]) == (command.id, "seal.jpg", 9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": ATTACHMENT_BYTES_MAX + 1}, "a file may have 25 MiB; this one has 25.0"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"name": "../seal.jpg"}, "pattern"),
        ({"media_type": "photo"}, "pattern"),
        ({"sha256": "A" * 64}, "pattern"),
    ],
)
def test_a_file_that_cannot_be_is_a_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CATALOGUE["attachment.added"].model_validate(photo(**wrong))


# -- questions


def test_a_question_is_answered_by_the_technician_and_both_are_kept() -> None:
    w = world()
    asked = office(w).say("question.asked", text="which seal?")
    w.settle(asked, RESOLVER)
    answered = Person.at(w).say("question.answered", question=asked.id, text="the inner one")
    assert w.settle(answered).outcome is Outcome.APPLIED
    assert [each["text"] for each in fields(w)["questions"]] == ["which seal?"]
    assert [(each["question"], each["author"]) for each in fields(w)["answers"]] == [(asked.id, "a.okafor")]


def test_a_technician_does_not_ask_and_nobody_answers_what_was_not_asked() -> None:
    w = world()
    assert w.settle(Person.at(w).say("question.asked", text="who?")).reason is Reason.NOT_PERMITTED
    ruling = w.settle(Person.at(w).say("question.answered", question=new_id(), text="me"))
    assert ruling.reason is Reason.OBJECTION


def test_nobody_asks_an_asset() -> None:
    w = world()
    command = office(w).say("question.asked", text="why?").model_copy(update={"record": PUMP})
    ruling = w.settle(command, RESOLVER)
    assert (ruling.reason, ruling.detail) == (Reason.OBJECTION, "questions are about a work_order or a conflict")


# -- status


def test_a_reason_is_kept_with_the_step() -> None:
    w = world()
    w.settle(Person.at(w).say("status.changed", to="on_hold", reason="no seal kit"))
    assert fields(w)["status"] == "on_hold"
    assert [(each["to"], each["text"]) for each in fields(w)["reasons"]] == [("on_hold", "no seal kit")]


def test_the_reason_of_a_step_that_did_not_happen_waits_with_it() -> None:
    w = world()
    mine = Person.at(w).say("status.changed", to="on_hold", reason="no seal kit")
    w.settle(office(w).say("status.changed", to="cancelled"), RESOLVER)
    ruling = w.settle(mine)
    assert {name.field for name in ruling.conflicting} == {"status", "reasons"}
    assert fields(w)["reasons"] == []


# -- what depends on the payload and the records


def says(kind: str, order: Record, **payload: Any) -> tuple[Payload, Command, dict[str, Record]]:
    w = World.of(order, record(PUMP), record(SEAL))
    command = Person.at(w).say(kind, **payload)
    return read_payload(command), command, w.records


@pytest.mark.parametrize("to", ["closed", "done"])
@pytest.mark.parametrize("critical", [True, False])
def test_only_closing_safety_critical_work_is_for_the_office_alone(to: str, critical: bool) -> None:
    payload, command, records = says("status.changed", record(JOB, status="done", safety_critical=critical), to=to)
    central = to == "closed" and critical
    assert payload.authority(command, records) is (Authority.CENTRAL if central else Authority.LOCAL_SAFE)
    assert payload.authority(command, {}) is Authority.LOCAL_SAFE
    assert payload.kind.window == timedelta(hours=24)


@pytest.mark.parametrize(
    ("kind", "critical", "payload", "urgency"),
    [
        ("finding.added", False, {"text": "x", "severity": "safety"}, Urgency.SAFETY),
        ("finding.added", True, {"text": "x", "severity": "major"}, Urgency.NORMAL),
        ("status.changed", True, {"to": "on_hold"}, Urgency.SAFETY),
        ("status.changed", True, {"to": "cancelled"}, Urgency.SAFETY),
        ("status.changed", True, {"to": "done"}, Urgency.NORMAL),
        ("status.changed", False, {"to": "on_hold"}, Urgency.NORMAL),
        ("note.added", True, {"text": "x"}, Urgency.NORMAL),
        ("attachment.added", True, photo(), Urgency.LOW),
        ("tags.changed", True, {"add": ["x"]}, Urgency.LOW),
    ],
)
def test_safety_is_pressing_and_what_can_wait_is_not(
    kind: str, critical: bool, payload: dict[str, Any], urgency: Urgency
) -> None:
    given_, command, records = says(kind, record(JOB, safety_critical=critical), **payload)
    assert given_.urgency(command, records) is urgency


# -- records that are older than a field


def test_a_record_from_before_a_field_takes_edits_of_it() -> None:
    old = record(JOB)
    known = {"title", "asset", "status", "priority", "notes"}
    w = World.of(Record(JOB, 1, {name: old.fields[name] for name in known}, old.born), record(PUMP), record(SEAL))
    me = Person.at(w)
    commands = [me.say("tags.changed", add=["leak"]), me.say("finding.added", text="x")]
    view = rebase(dict(w.records), [(each, frozenset()) for each in commands])
    assert not view.blocked
    for command in commands:
        assert w.settle(command).outcome is Outcome.APPLIED
    assert (fields(w)["tags"], len(fields(w)["findings"])) == (["leak"], 1)
