"""A question that is left for the cluster, as the rules see it: its record, its time, its approval."""

from datetime import timedelta
from typing import Any

import pytest

from reconciliation.decide import Defer
from reconciliation.rebase import rebase
from shared.commands.assist_request import task_ref
from shared.commands.base import Role
from shared.outcomes import Outcome, Reason
from tests.builders import JOB, NOW, PUMP, SEAL, Person, World, office, record

ASKED: dict[str, Any] = {"question": "which seal?", "data_class": "internal"}
SERVICE, APPROVER = frozenset({Role.SERVICE}), frozenset({Role.APPROVER})


def world(**fields: Any) -> World:
    return World.of(record(JOB, **fields), record(PUMP), record(SEAL))


def test_a_question_is_a_new_record_under_the_label_of_what_it_is_about() -> None:
    w = world(team="pumps")
    me = Person.at(w)
    asked = me.say("assist.request", JOB, **ASKED)
    assert w.settle(asked).outcome is Outcome.APPLIED
    task = w.records[task_ref(asked.id)]
    assert (task.fields["status"], task.fields["team"], task.fields["asked_by"]) == ("queued", "pumps", me.actor)


def test_its_author_sees_it_before_anybody_heard_under_the_same_label() -> None:
    w = world(team="pumps")
    me = Person.at(w)
    asked = me.say("assist.request", JOB, **ASKED)
    seen = rebase(w.records, [(asked, frozenset())]).records[task_ref(asked.id)]
    w.settle(asked)
    assert dict(seen.fields) == dict(w.records[task_ref(asked.id)].fields)


@pytest.mark.parametrize(("late", "outcome"), [(timedelta(days=2), "applied"), (timedelta(days=4), "expired")])
def test_its_time_is_judged_again_when_it_would_take_effect(late: timedelta, outcome: str) -> None:
    w = world()
    asked = Person.at(w).say("assist.request", JOB, **ASKED)
    assert w.settle(asked, now=NOW + late).outcome == outcome


def test_what_is_not_timely_is_judged_by_when_it_came() -> None:
    w = world()
    note = Person.at(w).say("note.added", JOB, text="hello")
    assert w.settle(note, now=NOW + timedelta(days=400)).outcome is Outcome.APPLIED


def test_what_policy_guards_is_asked_about_and_binds_the_bytes() -> None:
    w = world()
    asked = Person.at(w).say("assist.request", JOB, **ASKED)
    held = w.give(asked, guarded=True)
    assert isinstance(held, Defer)
    shown: Any = held.approval.fields["effect"]
    assert {(each["field"], each["new"]) for each in shown} >= {("question", "which seal?"), ("purpose", "answer")}
    assert task_ref(asked.id) not in w.records
    w.settle(office(w, "s.vance").say("approval.decided", held.approval.ref, choice="approve"), APPROVER)
    assert w.settle(asked, guarded=True).outcome is Outcome.APPLIED


def test_an_answer_makes_it_done_and_nothing_else_does() -> None:
    w = world()
    asked = Person.at(w).say("assist.request", JOB, **ASKED)
    w.settle(asked)
    done = office(w, "tailboard").say("assist.recorded", task_ref(asked.id), status="done")
    ruling = w.settle(done, SERVICE)
    assert (ruling.reason, ruling.detail) == (Reason.OBJECTION, "an answer goes with done, and only with it")


def test_no_device_speaks_for_the_server() -> None:
    w = world()
    asked = Person.at(w).say("assist.request", JOB, **ASKED)
    w.settle(asked)
    told = Person.at(w).say("assist.recorded", task_ref(asked.id), status="failed")
    assert w.settle(told, SERVICE).reason is Reason.OBJECTION


@pytest.mark.parametrize("end", ["failed", "expired", "refused"])
def test_what_came_to_its_end_stays_there(end: str) -> None:
    w = world()
    asked = Person.at(w).say("assist.request", JOB, **ASKED)
    w.settle(asked)
    me = office(w, "tailboard")
    assert w.settle(me.say("assist.recorded", task_ref(asked.id), status=end), SERVICE).outcome is Outcome.APPLIED
    again = office(w, "tailboard").say("assist.recorded", task_ref(asked.id), status="running")
    assert w.settle(again, SERVICE).reason is Reason.STEP_NOT_ALLOWED


# -- cancelled


def cancelled(w: World, me: Person, asked: Any, **who: Any) -> Any:
    return w.settle(me.say("assist.cancelled", task_ref(asked.id)), **who)


@pytest.mark.parametrize("before", [None, "running"])
def test_its_author_cancels_what_waits_or_runs(before: str | None) -> None:
    w = world()
    me = Person.at(w)
    asked = me.say("assist.request", JOB, **ASKED)
    w.settle(asked)
    if before:
        w.settle(office(w, "tailboard").say("assist.recorded", task_ref(asked.id), status=before), SERVICE)
    assert cancelled(w, me, asked).outcome in (Outcome.APPLIED, Outcome.MERGED)
    assert w.records[task_ref(asked.id)].fields["status"] == "cancelled"
    late = office(w, "tailboard").say("assist.recorded", task_ref(asked.id), status="failed")
    assert w.settle(late, SERVICE).reason is Reason.STEP_NOT_ALLOWED


@pytest.mark.parametrize("end", ["failed", "expired", "refused"])
def test_what_came_to_its_end_says_so_when_it_is_cancelled(end: str) -> None:
    w = world()
    me = Person.at(w)
    asked = me.say("assist.request", JOB, **ASKED)
    w.settle(asked)
    seen_as_queued = me.say("assist.cancelled", task_ref(asked.id))
    w.settle(office(w, "tailboard").say("assist.recorded", task_ref(asked.id), status=end), SERVICE)
    ruling = w.settle(seen_as_queued)
    assert (ruling.reason, ruling.detail) == (
        Reason.OBJECTION,
        f"it is {end} already; there is nothing to cancel",
    )


def test_nobody_else_in_the_field_cancels_it_and_the_office_does() -> None:
    w = world()
    me = Person.at(w)
    asked = me.say("assist.request", JOB, **ASKED)
    w.settle(asked)
    other = Person.at(w, actor="b.lind")
    assert cancelled(w, other, asked).reason is Reason.OBJECTION
    assert cancelled(w, office(w, "m.reyes"), asked).outcome is Outcome.APPLIED
