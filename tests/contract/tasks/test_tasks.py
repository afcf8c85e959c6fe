"""A question that is left for the cluster: durable, decided again, run once at a time, answered in a record."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciliation.expiry import LIMITS as EXPIRY_LIMITS
from shared.commands.assist_cancelled import TaskCancelled
from shared.commands.assist_recorded import TaskRecorded
from shared.commands.assist_request import task_ref
from shared.commands.note_added import NoteAdded
from shared.commands.work_order_assigned import WorkOrderAssigned
from shared.outcomes import Outcome, Reason
from shared.records import ANSWER_CHARS_MAX, ApprovalChoice, TaskStatus
from shared.routing import Route
from simulators.cluster import ScriptedEngine, Temper, answer, answer_text
from sync_server.cluster.queue.facts import approves
from sync_server.cluster.queue.in_force import policy_in_force
from sync_server.cluster.queue.port import NoEngine
from sync_server.cluster.queue.steps import after_run
from sync_server.retention import purge
from sync_server.standing import go_on
from tests.builders import JOB
from tests.contract.tasks.world import COMPLEX_TOKENS, LEASE_S, LIMITS, Deadly, Died, Questions
from tests.served import TENANT, Laptop, id_in, receipt

COMPLEX: dict[str, Any] = {"output_tokens": COMPLEX_TOKENS + 1}


# -- the road


async def test_a_question_is_answered_in_a_record_that_reaches_the_laptop(
    questions: Questions, laptop: Laptop
) -> None:
    await laptop.sync()
    asked = laptop.say("assist.request", JOB, question="which seal?", data_class="internal")
    (told,) = (await laptop.round(asked)).answers
    assert receipt(told).outcome is Outcome.APPLIED
    command = id_in(asked)
    assert questions.task(command).status is TaskStatus.QUEUED
    assert await questions.step()
    await laptop.sync()
    fields: Any = laptop.replica[task_ref(command)].fields
    assert fields["status"] == "done"
    assert fields["answer"]["text"] == answer_text(command, 1)
    assert (fields["answer"]["task"], fields["answer"]["decision"]) == (command, fields["decision"])
    assert fields["answer"]["moved"] == [
        {"boundary": "private_cluster", "data_class": "internal", "bytes_up": 11, "bytes_down": 53}
    ]
    assert (fields["asked_by"], fields["attempts"], fields["route"]) == (laptop.actor, 1, "private_cluster")
    assert not await questions.step()


async def test_the_same_bytes_again_are_one_task(questions: Questions, laptop: Laptop) -> None:
    await laptop.sync()
    asked = laptop.say("assist.request", JOB, question="which seal?", data_class="internal")
    first = (await laptop.round(asked)).answers
    again = (await laptop.round(asked)).answers
    assert receipt(first[0]) == receipt(again[0])
    await questions.work(30)
    assert questions.came == [(id_in(asked), 1)]


async def test_a_task_is_seen_by_those_who_see_what_it_is_about(questions: Questions) -> None:
    office = questions.office
    office.give(TENANT, "m.reyes", JOB, WorkOrderAssigned(team="pumps"))
    assert questions.record(questions.ask()).fields["team"] == "pumps"
    assert questions.record(questions.ask(record="asset/PUMP-1")).fields["team"] is None


async def test_what_cannot_be_asked_about_is_refused(questions: Questions) -> None:
    command = questions.ask(record="stock_item/SEAL-1")
    with questions.office.service.store.transaction() as tx:
        told = tx.entries(TENANT, [command])[command].receipt
        assert tx.tasks_in(TENANT, tuple(TaskStatus)) == []
    assert told
    assert (told.reason, told.detail) == (Reason.OBJECTION, "the cluster is asked about work_order or asset")


# -- decided again


async def test_what_policy_no_longer_allows_is_refused_with_advice_and_never_leaves(questions: Questions) -> None:
    command = questions.ask()
    questions.rule.forbids = True
    assert await questions.step()
    task = questions.task(command)
    assert (task.status, task.route, task.detail) == (
        TaskStatus.REFUSED,
        Route.REFUSE,
        "not_permitted. Ask the office.",
    )
    assert (questions.came, task.answer) == ([], None)
    questions.rule.forbids = False
    await questions.work(60)
    assert questions.came == []


@pytest.mark.parametrize("declared", [None, "personal", "restricted"])
async def test_the_class_that_counts_is_the_servers(questions: Questions, declared: str | None) -> None:
    command = questions.ask(data_class=declared)
    await questions.step()
    assert (questions.task(command).status, questions.came) == (TaskStatus.REFUSED, [])


async def test_what_the_laptop_says_it_knows_is_not_believed(questions: Questions) -> None:
    questions.cluster.down = True
    questions.ask(decision="0" * 64)
    await questions.step()
    (request, *_) = questions.rule.asked[-1:]
    assert (request.known, request.approved, request.consents) == ({}, False, ())


async def test_a_policy_that_fails_lets_nothing_out_and_stops_no_other(questions: Questions) -> None:
    command = questions.ask()
    questions.rule.fails = True
    assert await questions.step()
    task = questions.task(command)
    assert (task.status, questions.came) == (TaskStatus.QUEUED, [])
    assert "could not decide" in task.detail
    questions.rule.fails = False
    await questions.work(60)
    assert questions.task(command).status is TaskStatus.DONE


# -- approval


async def test_a_complex_task_runs_after_somebody_else_approved_it_and_not_before(
    questions: Questions, laptop: Laptop
) -> None:
    await laptop.sync()
    asked = laptop.say("assist.request", JOB, question="plan it all", data_class="internal", **COMPLEX)
    command = id_in(asked)
    (told,) = (await laptop.round(asked)).answers
    assert told.status == "held"
    await questions.work(600)
    assert (questions.came, questions.office.records(TENANT, "assist_task")) == ([], [])
    (approval,) = questions.office.approvals(TENANT)
    effect: Any = approval.fields["effect"]
    assert {"question", "purpose", "data_class"} <= {each["field"] for each in effect}
    questions.office.decide_approval(TENANT, "s.vance", approval.ref, ApprovalChoice.APPROVE, "go on")
    await questions.work(30)
    assert questions.task(command).status is TaskStatus.DONE
    assert questions.rule.asked[-1].approved


async def test_a_refused_task_has_no_record_and_never_leaves(questions: Questions) -> None:
    command = questions.ask(**COMPLEX)
    (approval,) = questions.office.approvals(TENANT)
    decided = questions.office.decide_approval(TENANT, "s.vance", approval.ref, ApprovalChoice.REFUSE, "too dear")
    assert decided.subject.receipt
    assert decided.subject.receipt.reason is Reason.NOT_APPROVED
    await questions.work(60)
    assert (questions.came, questions.office.records(TENANT, "assist_task")) == ([], [])
    assert command == decided.subject.command.id


async def test_an_unapproved_task_that_policy_asks_about_only_now_never_leaves(
    questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = questions.ask(output_tokens=COMPLEX_TOKENS)
    monkeypatch.setattr("tests.contract.tasks.world.COMPLEX_TOKENS", 10)
    await questions.step()
    assert (questions.task(command).status, questions.came) == (TaskStatus.REFUSED, [])


async def test_an_approval_in_doubt_is_no_approval(questions: Questions) -> None:
    """Of other bytes, by its own author, or not given: none of them lets anything out."""
    command = questions.ask(**COMPLEX)
    (approval,) = questions.office.approvals(TENANT)
    questions.office.decide_approval(TENANT, "s.vance", approval.ref, ApprovalChoice.APPROVE, "")
    with questions.office.service.store.transaction() as tx:
        entry = tx.entries(TENANT, [command])[command]
    given = questions.office.record(TENANT, approval.ref)
    assert approves(given, entry)
    assert not approves(None, entry)
    for spoilt in ({"command_hash": "0" * 64}, {"status": "pending"}, {"decided_by": "m.reyes"}):
        assert not approves(replace(given, fields={**given.fields, **spoilt}), entry)


# -- time


async def test_what_is_over_its_time_never_leaves_and_says_so(questions: Questions) -> None:
    questions.cluster.down = True
    command = questions.ask()
    await questions.work(60)
    assert questions.task(command).status is TaskStatus.QUEUED
    questions.cluster.down = False
    questions.pass_time(timedelta(days=3).total_seconds())
    await questions.work(60)
    task = questions.task(command)
    assert (task.status, questions.came) == (TaskStatus.EXPIRED, [])
    assert "Ask it again" in task.detail


async def test_what_is_needed_earlier_expires_earlier(questions: Questions) -> None:
    questions.cluster.down = True
    command = questions.ask(needed_by=(questions.clock.now() + timedelta(minutes=10)).isoformat())
    await questions.work(590)
    assert questions.task(command).status is TaskStatus.QUEUED
    questions.cluster.down = False
    questions.pass_time(11)
    await questions.work(30)
    assert (questions.task(command).status, questions.came) == (TaskStatus.EXPIRED, [])


async def test_time_that_ends_between_the_mark_and_the_first_byte_lets_nothing_out(questions: Questions) -> None:
    command = questions.ask(needed_by=(questions.clock.now() + timedelta(seconds=3)).isoformat())
    desk: Any = questions.desk()
    dispatch = desk.dispatch

    def slow(*arguments: Any) -> Any:
        sent = dispatch(*arguments)
        questions.pass_time(4)
        return sent

    desk.dispatch = slow
    await questions.worker(desk=desk).step(questions.clock.now())
    assert (questions.task(command).status, questions.came) == (TaskStatus.EXPIRED, [])


async def test_a_server_that_stood_still_after_the_mark_sends_nothing(questions: Questions) -> None:
    command = questions.ask()
    desk: Any = questions.desk()
    dispatch = desk.dispatch

    def slow(*arguments: Any) -> Any:
        sent = dispatch(*arguments)
        questions.pass_time(6)
        return sent

    desk.dispatch = slow
    await questions.worker(desk=desk).step(questions.clock.now())
    assert (questions.task(command).attempts, questions.came) == (0, [])
    await questions.work(60)
    assert questions.task(command).status is TaskStatus.DONE


async def test_a_server_that_stood_still_before_its_last_step_sends_nothing(questions: Questions) -> None:
    """Found by a campaign: the clock was looked at one step too early."""
    command = questions.ask()
    desk: Any = questions.desk()
    dispatch = desk.dispatch

    def then_stand_still(*arguments: Any) -> Any:
        sent = dispatch(*arguments)
        asyncio.get_running_loop().call_soon(questions.pass_time, 60)
        return sent

    desk.dispatch = then_stand_still
    await questions.worker(desk=desk).step(questions.clock.now())
    assert (questions.task(command).attempts, questions.came) == (0, [])


async def test_a_server_without_a_cluster_lets_questions_expire_by_name(questions: Questions) -> None:
    command = questions.ask()
    for _ in range(80):
        while await questions.worker(NoEngine()).step(questions.clock.now()):
            pass
        questions.pass_time(3600)
    assert questions.task(command).status is TaskStatus.EXPIRED


async def test_a_question_that_waited_for_something_else_is_judged_by_its_time_then(questions: Questions) -> None:
    """It is good when it comes, and over when it could take effect: it never becomes a task."""
    command = questions.ask(**COMPLEX)
    questions.pass_time(timedelta(days=4).total_seconds())
    questions.office.service.sweep()
    with questions.office.service.store.transaction() as tx:
        assert tx.entries(TENANT, [command])[command].outcome is Outcome.EXPIRED
    assert questions.office.records(TENANT, "assist_task") == []


# -- what the cluster may do


@pytest.mark.parametrize("temper", [Temper.BREAKS, Temper.FAULTY, Temper.WRONG])
async def test_a_fruitless_try_is_followed_by_another_and_by_an_end(questions: Questions, temper: Temper) -> None:
    command = questions.ask()
    questions.cluster.temper = temper
    await questions.step()
    assert questions.task(command).status is TaskStatus.QUEUED
    assert not await questions.step(), "it waits before it tries again"
    await questions.work(600)
    task = questions.task(command)
    assert (task.status, task.attempts, task.answer) == (TaskStatus.FAILED, LIMITS.attempts_max, None)
    assert len(questions.came) == LIMITS.attempts_max
    assert "Ask it again" in task.detail


async def test_a_cluster_that_recovers_answers(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.temper = Temper.BREAKS
    await questions.step()
    questions.cluster.temper = Temper.HONEST
    await questions.work(60)
    assert questions.task(command).status is TaskStatus.DONE


async def test_no_room_is_no_try(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.temper = Temper.BUSY
    await questions.work(600)
    task = questions.task(command)
    assert (task.status, task.attempts) == (TaskStatus.QUEUED, 0)
    questions.cluster.temper = Temper.HONEST
    await questions.work(60)
    assert questions.task(command).status is TaskStatus.DONE


async def test_what_the_model_will_never_do_fails_at_once(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.temper = Temper.UNFIT
    await questions.step()
    task = questions.task(command)
    assert (task.status, task.detail) == (TaskStatus.FAILED, "it is longer than the model can read")


async def test_an_answer_that_is_too_long_is_cut_and_says_so(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.temper = Temper.LONG
    await questions.step()
    task = questions.task(command)
    assert task.answer
    assert (task.truncated, len(task.answer.text)) == (True, ANSWER_CHARS_MAX)
    assert task.answer.text.endswith("a record may be]")


async def test_an_answer_from_where_it_was_not_to_go_is_not_taken(questions: Questions) -> None:
    command = questions.ask()
    engine: Any = questions.engine()

    async def elsewhere(task: Any) -> Any:
        told = answer(task)
        return replace(told, answer=told.answer.model_copy(update={"route": Route.MANAGED_CLOUD}))

    engine.run = elsewhere
    await questions.worker(engine).step(questions.clock.now())
    assert (questions.task(command).status, questions.task(command).answer) == (TaskStatus.QUEUED, None)


# -- who works on it


@pytest.mark.parametrize(
    ("act", "after"),
    [("lease", True), ("dispatch", False), ("dispatch", True), ("run", True), ("settle", False), ("settle", True)],
)
async def test_whenever_a_worker_dies_the_task_is_taken_over_and_answered_once(
    questions: Questions, act: str, after: bool
) -> None:
    command = questions.ask()
    desk: Any = questions.desk()
    engine: Any = questions.engine()
    if act == "run":
        engine = Deadly(engine, act, after=after)
    else:
        desk = Deadly(desk, act, after=after)
    with pytest.raises(Died):
        await questions.worker(engine, desk).step(questions.clock.now())
    settled = (act, after) == ("settle", True)
    before = len(questions.came)
    await questions.work(LEASE_S - 10)
    assert len(questions.came) == before, "its lease is not over"
    await questions.work(30)
    task = questions.task(command)
    assert task.status is TaskStatus.DONE
    assert len(questions.came) == before + (not settled)
    assert len({fence for _, fence in questions.came}) == len(questions.came)


async def test_a_late_result_under_an_older_fence_is_dropped(questions: Questions) -> None:
    command = questions.ask()

    async def slow() -> None:
        questions.meanwhile = None
        questions.pass_time(LEASE_S + 1)
        assert await questions.step(), "another takes over"

    questions.meanwhile = slow
    assert await questions.step()
    task = questions.task(command)
    assert questions.came == [(command, 1), (command, 2)]
    assert task.answer
    assert task.answer.text == answer_text(command, 2)
    assert task.attempts == 2


async def test_a_late_result_does_not_come_before_the_one_that_took_over(questions: Questions) -> None:
    command = questions.ask()
    desk = questions.desk()
    now = questions.clock.now()
    until = now + timedelta(seconds=LEASE_S)
    row = desk.lease(now, until)
    assert row
    sent = desk.dispatch(row, questions.engine().known(), now, until)
    assert sent
    questions.pass_time(LEASE_S + 1)
    other = questions.desk()
    assert other.lease(questions.clock.now(), questions.clock.now() + timedelta(seconds=LEASE_S))
    result = after_run(sent.row, sent.run, answer(sent.task), LIMITS, questions.clock.now())
    assert not desk.settle(sent, result)
    assert questions.task(command).answer is None


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=5)])
async def test_a_clock_that_jumps_neither_loses_a_task_nor_answers_it_twice(
    questions: Questions, jump: timedelta
) -> None:
    command = questions.ask()

    async def jumps() -> None:
        questions.meanwhile = None
        questions.clock.at += jump

    questions.meanwhile = jumps
    await questions.step()
    questions.clock.at -= jump
    await questions.work(LEASE_S + 60)
    task = questions.task(command)
    assert task.status is TaskStatus.DONE
    assert task.answer
    assert task.answer.text == answer_text(command, questions.came[-1][1])


async def test_a_restored_server_fences_off_whoever_worked_before(questions: Questions) -> None:
    command = questions.ask()
    desk = questions.desk()
    now = questions.clock.now()
    until = now + timedelta(seconds=LEASE_S)
    row = desk.lease(now, until)
    assert row
    sent = desk.dispatch(row, questions.engine().known(), now, until)
    assert sent
    with questions.office.service.store.transaction() as tx:
        go_on(tx, 2, now)
    assert not desk.settle(sent, after_run(sent.row, sent.run, answer(sent.task), LIMITS, now))
    await questions.work(30)
    assert questions.task(command).status is TaskStatus.DONE


async def test_a_person_does_not_write_the_answer(questions: Questions) -> None:
    command = questions.ask()
    told = TaskRecorded(status=TaskStatus.FAILED)
    (given,) = questions.office.service.office(TENANT, "m.reyes", [(task_ref(command), told)])
    assert given.reason is Reason.NOT_PERMITTED


async def test_work_on_the_job_goes_on_while_a_question_waits(questions: Questions) -> None:
    questions.ask()
    questions.office.give(TENANT, "m.reyes", JOB, NoteAdded(text="meanwhile"))
    await questions.work(30)
    assert questions.came


# -- the policies that ship


@pytest.fixture
def shipped(questions: Questions) -> Questions:
    """The same server under the bundle that ships."""
    questions.follow(policy_in_force(questions.office.service.publisher))
    return questions


async def test_under_the_shipped_policies_internal_questions_run_and_long_ones_ask_first(shipped: Questions) -> None:
    command = shipped.ask("which seal fits the inlet?")
    await shipped.step()
    assert shipped.task(command).status is TaskStatus.DONE
    shipped.ask("plan the whole shutdown", output_tokens=4096)
    (approval,) = shipped.office.approvals(TENANT)
    shipped.office.decide_approval(TENANT, "s.vance", approval.ref, ApprovalChoice.APPROVE, "")
    await shipped.step()
    assert [len(shipped.came), shipped.office.tasks(TENANT)] == [2, []]


@pytest.mark.parametrize(
    "words", ["ask A. Okafor which seal fits", "call +44 20 7946 0018 about the seal", "the confidential seal list"]
)
async def test_words_that_the_server_finds_sensitive_stay_here_whatever_the_laptop_says(
    shipped: Questions, words: str
) -> None:
    command = shipped.ask(words, data_class="internal")
    await shipped.step()
    task = shipped.task(command)
    assert (task.status, shipped.came) == (TaskStatus.REFUSED, [])
    assert "consent" in task.detail


# -- cancelled


def cancel(questions: Questions, command: str, actor: str = "m.reyes") -> Any:
    (entry,) = questions.office.service.confirm(TENANT, actor, [(task_ref(command), TaskCancelled())])
    return entry.receipt


async def test_what_is_cancelled_while_it_waits_never_leaves(questions: Questions) -> None:
    command = questions.ask()
    cancel(questions, command)
    assert not await questions.step()
    assert (questions.task(command).status, questions.came) == (TaskStatus.CANCELLED, [])


async def test_what_is_cancelled_between_lease_and_mark_never_leaves(questions: Questions) -> None:
    command = questions.ask()
    desk: Any = questions.desk()
    lease = desk.lease

    def leased(*arguments: Any) -> Any:
        row = lease(*arguments)
        cancel(questions, command)
        return row

    desk.lease = leased
    await questions.worker(desk=desk).step(questions.clock.now())
    assert (questions.task(command).status, questions.came) == (TaskStatus.CANCELLED, [])


async def test_what_an_engine_brings_for_a_cancelled_question_is_dropped(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.takes_s = 5

    async def meanwhile() -> None:
        cancel(questions, command)

    questions.meanwhile = meanwhile
    assert await questions.step()
    task = questions.task(command)
    assert (task.status, task.answer, len(questions.came)) == (TaskStatus.CANCELLED, None, 1)


async def test_an_engine_that_works_on_a_cancelled_question_is_stopped(questions: Questions) -> None:
    command = questions.ask()
    questions.cluster.temper = Temper.SILENT
    turns = 0

    async def wait(_seconds: float) -> None:
        nonlocal turns
        turns += 1
        if questions.cluster.reached and turns > 3 and questions.task(command).status is TaskStatus.RUNNING:
            cancel(questions, command)
        await asyncio.sleep(0)

    running = asyncio.ensure_future(questions.worker(engine=silent(questions)).run(wait))
    for _ in range(10_000):
        if questions.cluster.reached and questions.cluster.reached[0].ended_at:
            break
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert questions.cluster.reached[0].ended_at, "nobody stopped it"
    assert questions.task(command).status is TaskStatus.CANCELLED


def silent(questions: Questions) -> ScriptedEngine:
    async def for_ever(_seconds: float) -> None:
        await asyncio.Event().wait()

    return ScriptedEngine(questions.cluster, questions.clock, for_ever)


async def test_what_was_answered_says_so_when_it_is_cancelled(questions: Questions) -> None:
    command = questions.ask()
    await questions.step()
    receipt = cancel(questions, command)
    assert (receipt.outcome, receipt.detail) == ("rejected", "it is done already; there is nothing to cancel")
    assert questions.task(command).status is TaskStatus.DONE


async def test_what_the_workers_knew_goes_long_after_the_end_and_the_record_stays(questions: Questions) -> None:
    done, waits = questions.ask(), questions.ask(output_tokens=1)
    await questions.step()
    questions.cluster.down = True
    questions.pass_time(timedelta(days=3, hours=1).total_seconds() + EXPIRY_LIMITS.offline_max.total_seconds())
    purge(questions.office.service)
    with questions.office.service.store.transaction() as tx:
        left = [each.command for each in tx.tasks_in(TENANT, tuple(TaskStatus))]
    assert left == [waits], "the one that nobody looked at has not come to its end"
    assert questions.record(done).fields["status"] == TaskStatus.DONE
