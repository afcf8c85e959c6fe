from datetime import timedelta
from typing import Any

import pytest

from reconciliation.decide import Defer, Doubt, Past, Ruling
from shared.commands.base import Command, Role
from shared.outcomes import Outcome, Reason
from shared.records import Record
from tests.builders import JOB, NOW, RESOLVER, TECHNICIAN, Person, World, office, record

APPROVER = frozenset({Role.APPROVER})


def asked(**job: Any) -> tuple[World, Command, str]:
    """A job whose closing needs somebody else's yes, the command that closes it, and the open question."""
    w = World.of(record(JOB, **{"status": "done", "safety_critical": True, **job}))
    command = Person.at(w).say("status.changed", to="closed")
    held = w.give(command)
    assert isinstance(held, Defer)
    return w, command, held.approval.ref


def answer(w: World, ref: str, choice: str = "approve", actor: str = "b.boss", **more: Any) -> Ruling:
    return w.settle(office(w, actor).say("approval.decided", ref, choice=choice, **more), APPROVER)


def status(w: World, ref: str) -> Any:
    return w.records[ref].fields["status"]


def deferred(held: object) -> Record:
    assert isinstance(held, Defer)
    return held.approval


# -- the question


def test_the_question_shows_the_effect_and_binds_command_versions_and_schema() -> None:
    w, command, ref = asked(team="north")
    question = w.records[ref].fields
    assert ref == f"approval/{command.id}"
    assert question["effect"] == [{"record": JOB, "field": "status", "old": "done", "new": "closed"}]
    assert question["versions"] == {JOB: 1}
    assert (question["schema_version"], question["status"]) == (2, "pending")
    assert (question["requested_by"], question["record"], question["team"]) == ("a.okafor", JOB, "north")
    assert len(str(question["command_hash"])) == 64
    assert status(w, JOB) == "done"


def test_an_open_question_is_not_asked_twice() -> None:
    w, command, ref = asked()
    assert deferred(w.give(command)) is w.records[ref]
    assert w.records[ref].version == 1


def test_what_is_not_safety_critical_needs_nobody() -> None:
    w = World.of(record(JOB, status="done"))
    assert w.settle(Person.at(w).say("status.changed", to="closed")).outcome is Outcome.APPLIED


def test_nobody_is_asked_about_a_step_that_does_not_exist() -> None:
    w = World.of(record(JOB, status="open", safety_critical=True))
    assert w.settle(Person.at(w).say("status.changed", to="closed")).reason is Reason.STEP_NOT_ALLOWED


# -- the answer


def test_an_approved_command_takes_effect_as_its_authors() -> None:
    w, command, ref = asked()
    assert answer(w, ref).outcome is Outcome.APPLIED
    assert w.settle(command).outcome is Outcome.APPLIED
    assert status(w, JOB) == "closed"
    assert w.records[JOB].stamp("status").actor == "a.okafor"
    assert (status(w, ref), w.records[ref].fields["decided_by"]) == ("approved", "b.boss")


def test_a_refused_command_is_rejected_with_the_name_and_the_reason() -> None:
    w, command, ref = asked()
    answer(w, ref, "refuse", reason="valve is still tagged")
    ruling = w.settle(command)
    assert (ruling.outcome, ruling.reason) == (Outcome.REJECTED, Reason.NOT_APPROVED)
    assert "b.boss" in ruling.detail
    assert "valve is still tagged" in ruling.detail
    assert status(w, JOB) == "done"


def test_a_refusal_without_a_reason_gives_the_name_alone() -> None:
    w, command, ref = asked()
    answer(w, ref, "refuse")
    assert w.settle(command).detail == "b.boss did not approve it"


def test_nobody_approves_their_own_command() -> None:
    w, command, ref = asked()
    assert answer(w, ref, actor="a.okafor").reason is Reason.OBJECTION
    assert deferred(w.give(command)).fields["status"] == "pending"


def test_only_an_approver_answers() -> None:
    w, _, ref = asked()
    decision = office(w, "m.reyes").say("approval.decided", ref, choice="approve")
    assert w.settle(decision, RESOLVER | TECHNICIAN).reason is Reason.NOT_PERMITTED


def test_a_question_has_one_answer() -> None:
    w, _, ref = asked()
    first = office(w, "b.boss").say("approval.decided", ref, choice="refuse")
    second = office(w, "c.chief").say("approval.decided", ref, choice="approve")
    assert w.settle(first, APPROVER).outcome is Outcome.APPLIED
    assert w.settle(second, APPROVER).outcome is Outcome.REJECTED
    assert (status(w, ref), w.records[ref].fields["decided_by"]) == ("refused", "b.boss")


# -- what an answer binds


def changed_job(w: World, command: Command) -> Command:
    w.settle(office(w).say("field.updated", JOB, field="priority", value="high"), RESOLVER)
    return command


def other_effect(w: World, command: Command) -> Command:
    before = w.records[JOB]
    w.records[JOB] = Record(JOB, before.version, {**before.fields, "status": "closed"}, before.born)
    return command


def other_bytes(w: World, command: Command) -> Command:
    return command.model_copy(update={"policy_version": "p2"})


@pytest.mark.parametrize(
    ("differ", "bound"), [(changed_job, "versions"), (other_effect, "effect"), (other_bytes, "command_hash")]
)
def test_what_differs_from_what_was_approved_is_asked_again(differ: Any, bound: str) -> None:
    w, command, ref = asked()
    before = w.records[ref].fields[bound]
    answer(w, ref)
    again = deferred(w.give(differ(w, command)))
    assert (again.fields["status"], again.fields["decided_by"], again.version) == ("pending", None, 3)
    assert again.fields[bound] != before
    answer(w, ref)
    assert isinstance(w.give(differ(w, command) if differ is other_bytes else command), Ruling)


def test_another_schema_version_is_asked_again() -> None:
    w, command, ref = asked()
    answer(w, ref)
    approved = w.records[ref]
    w.records[ref] = approved.changed({"schema_version": 1}, approved.born)
    assert deferred(w.give(command)).fields["schema_version"] == 2


def test_an_answer_to_the_question_as_it_was_before_is_stale() -> None:
    w, command, ref = asked()
    looked = office(w, "c.chief").say("approval.decided", ref, choice="approve")
    answer(w, ref)
    w.give(changed_job(w, command))
    assert w.settle(looked, APPROVER).reason is Reason.STALE
    assert status(w, ref) == "pending"


# -- the end of a question


def test_an_unanswered_command_expires_at_its_time_and_closes_the_question() -> None:
    w, command, ref = asked()
    late = command.expires_at + timedelta(seconds=1)
    ruling = w.settle(command, now=late)
    assert ruling.outcome is Outcome.EXPIRED
    assert (status(w, ref), status(w, JOB)) == ("expired", "done")
    assert answer(w, ref).reason is Reason.OBJECTION


def test_what_was_approved_is_still_judged_by_its_time_when_it_takes_effect() -> None:
    w, command, ref = asked()
    answer(w, ref)
    assert w.settle(command, now=command.expires_at + timedelta(seconds=1)).outcome is Outcome.EXPIRED
    assert status(w, JOB) == "done"


def test_the_time_of_effect_is_judged_by_the_devices_clock() -> None:
    w, command, ref = asked()
    answer(w, ref)
    ahead = timedelta(hours=2)
    late = command.expires_at - ahead + timedelta(seconds=1)
    assert w.settle(command, now=late, offset=ahead).outcome is Outcome.EXPIRED


def test_a_command_whose_question_was_closed_is_not_asked_about_again() -> None:
    w, command, ref = asked()
    question = w.records[ref]
    w.records[ref] = question.changed({"status": "expired"}, question.born)
    assert w.give(command) == Ruling(Outcome.EXPIRED, detail="nobody answered its approval in time")


def test_nobody_is_asked_while_the_devices_clock_is_in_doubt() -> None:
    w = World.of(record(JOB, status="done", safety_critical=True))
    command = Person.at(w).say("status.changed", to="closed")
    said = "the device's clock stepped, or the device restarted, since this was confirmed"
    assert w.give(command, doubtful=True) == Doubt(said)


def test_what_may_be_confirmed_offline_is_judged_by_its_time_once() -> None:
    w = World.of(record(JOB))
    command = Person.at(w).say("note.added", text="x")
    assert w.settle(command, now=command.expires_at + timedelta(days=1)).outcome is Outcome.APPLIED


@pytest.mark.parametrize("fact", [{"withdrawn": True}, {"in_scope": False}])
def test_a_command_that_is_settled_otherwise_closes_its_question(fact: dict[str, Any]) -> None:
    w, command, ref = asked()
    ruling = w.settle(command, **fact)
    assert (status(w, ref), w.records[ref].version) == ("expired", 2)
    assert str(ruling.reason) in str(w.records[ref].fields["reason"])


def test_an_answered_question_stays_as_it_was_answered() -> None:
    w, command, ref = asked()
    answer(w, ref)
    assert w.settle(command, withdrawn=True).writes == ()
    assert status(w, ref) == "approved"


def test_a_dependent_waits_while_the_question_is_open() -> None:
    w = World.of(record(JOB, status="done", safety_critical=True))
    me = Person.at(w)
    closing = me.say("status.changed", to="closed")
    later = me.say("note.added", text="closed it").model_copy(update={"depends_on": (closing.id,)})
    w.give(closing)
    w.past[closing.id] = Past()
    assert not isinstance(w.give(later), Ruling)
    answer(w, f"approval/{closing.id}")
    w.settle(closing)
    assert w.settle(later).outcome is Outcome.APPLIED


def test_a_clash_is_kept_for_a_person_after_the_approval() -> None:
    w = World.of(record(JOB, status="done", safety_critical=True))
    command = Person.at(w).say("status.changed", to="closed")
    w.settle(office(w).say("status.changed", to="in_progress"), RESOLVER)
    approval = deferred(w.give(command))
    assert approval.fields["effect"] == [{"record": JOB, "field": "status", "old": "in_progress", "new": "closed"}]
    answer(w, approval.ref)
    assert w.settle(command).outcome is Outcome.CONFLICT
    assert status(w, JOB) == "in_progress"


def test_the_question_expires_by_the_servers_clock() -> None:
    w = World.of(record(JOB, status="done", safety_critical=True))
    command = Person.at(w).say("status.changed", to="closed")
    ahead = timedelta(hours=2)
    approval = deferred(w.give(command, offset=ahead))
    expires_at = (command.expires_at - ahead).isoformat().replace("+00:00", "Z")
    assert approval.fields["expires_at"] == expires_at
    assert approval.fields["requested_at"] == NOW.isoformat().replace("+00:00", "Z")
