"""Closing a safety-critical job takes a second person, whichever way somebody tries to close it."""

from datetime import timedelta

import pytest

from shared.commands.base import Role
from shared.commands.record_imported import RecordImported
from shared.envelope import Envelope
from shared.outcomes import Hold, Outcome, Reason
from shared.problems import Code, Refused
from shared.records import ApprovalChoice, ApprovalStatus, Choice
from shared.sync import Held
from sync_server.office.approvals import Decided
from sync_server.service import Service
from sync_server.store import Entry, Person
from tests.builders import JOB
from tests.served import TENANT, Laptop, Server, id_in, new_laptop, receipt

APPROVE, REFUSE = ApprovalChoice.APPROVE, ApprovalChoice.REFUSE


@pytest.fixture
async def closing(server: Server, laptop: Laptop) -> Envelope:
    """A technician asked to close a safety-critical job."""
    plan = server.office.plan_import(TENANT, "work_order", "id,safety_critical\nWO-1,true\n")
    server.office.apply_import(TENANT, "root", plan)
    await laptop.sync()
    await laptop.round(*(laptop.say("status.changed", JOB, to=to) for to in ("in_progress", "done")))
    await laptop.sync()
    sent = laptop.say("status.changed", JOB, to="closed")
    answer = (await laptop.round(sent)).answers[0]
    assert isinstance(answer, Held)
    assert (answer.hold, answer.problem and answer.problem.code) == ("deferred", "approval_needed")
    return sent


def status(server: Server) -> object:
    return server.records()[JOB].fields["status"]


def entry(server: Server, envelope: Envelope) -> Entry:
    with server.office.service.store.transaction() as tx:
        return tx.entries(TENANT, [id_in(envelope)])[id_in(envelope)]


def decide(server: Server, envelope: Envelope, choice: ApprovalChoice, actor: str = "s.vance") -> Decided:
    return server.office.decide_approval(TENANT, actor, id_in(envelope), choice, "because")


async def test_what_is_approved_happens_in_its_authors_name(
    server: Server, laptop: Laptop, closing: Envelope
) -> None:
    (question,) = server.office.approvals(TENANT)
    effect = question.fields["effect"]
    assert effect == [{"record": JOB, "field": "status", "old": "done", "new": "closed"}]
    decided = decide(server, closing, APPROVE)
    assert decided.receipt.outcome is Outcome.APPLIED
    assert decided.subject.receipt
    assert (decided.subject.receipt.outcome, status(server)) == (Outcome.APPLIED, "closed")
    assert server.records()[JOB].stamp("status").actor == laptop.actor
    assert server.office.approvals(TENANT) == []
    told = (await laptop.round(in_doubt=(id_in(closing),))).answers[0]
    assert receipt(told).outcome is Outcome.APPLIED


async def test_what_changed_meanwhile_is_asked_again(server: Server, closing: Envelope) -> None:
    (before,) = server.office.approvals(TENANT)
    server.office.set_field(TENANT, "m.reyes", JOB, "priority", "high")
    decided = decide(server, closing, APPROVE)
    assert (decided.subject.hold, status(server)) == (Hold.DEFERRED, "done")
    (again,) = server.office.approvals(TENANT)
    assert again.fields["versions"] != before.fields["versions"]
    late = server.office.decide_approval(TENANT, "s.vance", id_in(closing), APPROVE, "", seen=before.version)
    assert (late.receipt.reason, status(server)) == (Reason.STALE, "done")
    assert decide(server, closing, APPROVE).receipt.outcome is Outcome.APPLIED
    assert status(server) == "closed"


async def test_what_is_refused_is_rejected_with_the_reason(server: Server, closing: Envelope) -> None:
    decided = decide(server, closing, REFUSE)
    told = decided.subject.receipt
    assert told
    assert (told.outcome, told.reason) == (Outcome.REJECTED, Reason.NOT_APPROVED)
    assert (told.detail, status(server)) == ("s.vance did not approve it: because", "done")


async def test_what_nobody_answers_expires_in_a_sweep(server: Server, closing: Envelope) -> None:
    due_at = entry(server, closing).due_at
    assert due_at
    server.clock.move(due_at - server.clock.now())
    server.office.service.sweep()
    assert entry(server, closing).hold is Hold.DEFERRED, "its time is good to the last instant"
    server.clock.move(timedelta(seconds=1))
    server.office.service.sweep()
    told = entry(server, closing).receipt
    assert told
    assert (told.outcome, status(server)) == (Outcome.EXPIRED, "done")
    (question,) = server.office.approvals(TENANT, everything=True)
    assert question.fields["status"] == ApprovalStatus.EXPIRED
    assert decide_is_rejected(server, closing)


def decide_is_rejected(server: Server, closing: Envelope) -> bool:
    return decide(server, closing, APPROVE).receipt.reason is Reason.OBJECTION


async def test_nobody_answers_their_own_and_only_an_approver_answers(server: Server, closing: Envelope) -> None:
    both = frozenset({Role.TECHNICIAN, Role.APPROVER})
    server.office.put_person(TENANT, Person("a.okafor", "A. Okafor", both))
    own = decide(server, closing, APPROVE, actor="a.okafor").receipt
    assert (own.outcome, own.reason) == (Outcome.REJECTED, Reason.OBJECTION)
    other = decide(server, closing, APPROVE, actor="m.reyes").receipt
    assert (other.outcome, other.reason, status(server)) == (Outcome.REJECTED, Reason.NOT_PERMITTED, "done")


async def test_a_sweep_of_what_is_not_due_changes_nothing(server: Server, closing: Envelope) -> None:
    def ends() -> object:
        with server.office.service.store.transaction() as tx:
            return tx.head(TENANT)

    before = ends()
    server.office.service.sweep()
    assert ends() == before


@pytest.mark.parametrize("trouble", [Refused(Code.STORE_FULL, "no room for the first one"), RuntimeError("a bug")])
async def test_one_organisations_trouble_does_not_stop_the_sweep_of_others(
    server: Server, closing: Envelope, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    server.office.add_tenant("a", "First in the alphabet")
    whole = Service.sweep_tenant

    def troubled(service: Service, tenant: str) -> None:
        if tenant == "a":
            raise trouble
        whole(service, tenant)

    monkeypatch.setattr(Service, "sweep_tenant", troubled)
    server.clock.move(timedelta(days=91))
    server.office.service.sweep()
    assert entry(server, closing).receipt


async def test_a_server_that_was_set_back_sweeps_nothing(server: Server, closing: Envelope) -> None:
    with server.office.service.store.transaction() as tx:
        tx.set_server_value(f"stopped:{TENANT}", "set back")
    server.clock.move(timedelta(days=91))
    server.office.service.sweep()
    assert entry(server, closing).hold is Hold.DEFERRED


# -- no way around it


async def test_a_file_does_not_close_what_needs_an_approval(server: Server, closing: Envelope) -> None:
    plan = server.office.plan_import(TENANT, "work_order", "id,status\nWO-1,closed\n", overwrite=True)
    with pytest.raises(Refused, match="takes effect when somebody else approves it") as caught:
        server.office.apply_import(TENANT, "root", plan)
    assert (caught.value.problem.code, status(server)) == (Code.APPROVAL_NEEDED, "done")
    asked = [each for each in server.office.approvals(TENANT) if each.fields["requested_by"] == "root"]
    server.office.decide_approval(TENANT, "s.vance", asked[0].ref, APPROVE, "")
    assert status(server) == "closed"


@pytest.mark.parametrize("value", [False, "false", 0, "no"])
async def test_a_job_does_not_stop_being_dangerous_by_itself(
    server: Server, closing: Envelope, value: bool | str | int
) -> None:
    work = [(JOB, RecordImported(fields={"safety_critical": value}))]
    assert server.office.service.office(TENANT, "root", list(work)) == []
    assert server.records()[JOB].fields["safety_critical"] is True


@pytest.mark.parametrize("choice", [Choice.KEEP_MINE, Choice.EDIT])
async def test_a_decision_over_a_conflict_does_not_close_it_either(
    server: Server, laptop: Laptop, closing: Envelope, choice: Choice
) -> None:
    server.office.service.office(TENANT, "root", [(JOB, RecordImported(fields={"status": "in_progress"}))])
    decide(server, closing, APPROVE)
    if server.office.approvals(TENANT):
        decide(server, closing, APPROVE)
    (conflict,) = server.office.conflicts(TENANT)
    edited = "closed" if choice is Choice.EDIT else None
    with pytest.raises(Refused, match="somebody else approves it"):
        server.office.resolve(TENANT, "m.reyes", conflict.ref, choice, "done, I say", edited)
    assert status(server) == "in_progress"
    (question,) = server.office.approvals(TENANT)
    own = server.office.decide_approval(TENANT, "m.reyes", question.ref, APPROVE, "").receipt
    assert own.outcome is Outcome.REJECTED
    server.office.decide_approval(TENANT, "s.vance", question.ref, APPROVE, "")
    assert status(server) == "closed"
    assert server.office.conflicts(TENANT) == []


async def test_leaving_things_as_they_are_needs_nobodys_yes(server: Server, closing: Envelope) -> None:
    server.office.service.office(TENANT, "root", [(JOB, RecordImported(fields={"status": "in_progress"}))])
    decide(server, closing, APPROVE)
    if server.office.approvals(TENANT):
        decide(server, closing, APPROVE)
    (conflict,) = server.office.conflicts(TENANT)
    told = server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.TAKE_THEIRS, "not done")
    assert (told.outcome, status(server)) == (Outcome.APPLIED, "in_progress")


async def closed_against(server: Server, closing: Envelope) -> None:
    """The job is closed while somebody else, who did not know, takes it up again."""
    other = new_laptop(server, b"\x02", "b.lind")
    await other.enrol()
    await other.sync()
    late = other.say("status.changed", JOB, to="in_progress")
    decide(server, closing, APPROVE)
    await other.round(late)


async def test_a_value_that_stands_already_closes_nothing(server: Server, closing: Envelope) -> None:
    """The job was closed meanwhile; to say so over the conflict needs no second yes."""
    await closed_against(server, closing)
    (conflict,) = server.office.conflicts(TENANT)
    told = server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.TAKE_THEIRS, "closed it is")
    assert (told.outcome, status(server)) == (Outcome.APPLIED, "closed")


async def test_taking_a_decision_back_does_not_close_it(server: Server, closing: Envelope) -> None:
    await closed_against(server, closing)
    (conflict,) = server.office.conflicts(TENANT)
    server.office.resolve(TENANT, "m.reyes", conflict.ref, Choice.EDIT, "open again", "in_progress")
    assert status(server) == "in_progress"
    with pytest.raises(Refused, match="somebody else approves it"):
        server.office.undo(TENANT, "m.reyes", conflict.ref, "closed after all")
    assert status(server) == "in_progress"
