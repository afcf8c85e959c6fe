"""Questions that wait, from a real laptop: what was agreed to holds there, once, and until it is taken back."""

from datetime import timedelta
from typing import Any

import pytest

from device.assist import Refused, Waiting
from device.errors import LocalError, TransportError
from device.routes import Question
from device.standing import Said
from device.tasks import cancel
from device.tasks import left as left_here
from policies.bundle import CEDAR, MANIFEST, pack
from shared.assist import Answer, AssistRequest
from shared.commands.assist_request import TaskRequested
from shared.records import ApprovalChoice
from shared.routing import DataClass, Route
from simulators.engine import Mood
from sync_server.cluster.queue.in_force import consents_of
from sync_server.office import Office
from sync_server.office.policies import Scope
from sync_server.updates.bundles import shipped_bundle
from tests.contract.cluster.pair import JOB, PERSONAL, Pair
from tests.served import PEOPLE, TENANT, Laptop, Server


async def left(pair: Pair, text: str = PERSONAL, **more: Any) -> Waiting:
    """A question that is asked without a link, so that it waits; the server has it then."""
    pair.link(up=False)
    came = await pair.ask(text, job=JOB, **more)
    assert isinstance(came, Waiting), came
    pair.link(up=True)
    await pair.sync()
    return came


# -- what was agreed to for one question


async def test_a_consent_for_one_question_holds_where_it_waits_and_is_spent_when_it_leaves(pair: Pair) -> None:
    came = await left(pair, consent="once")
    (shown,) = pair.device.workbench.routes.consents.listed()
    assert shown.consent.conversation == came.command.id
    assert (shown.standing, shown.used) == ("used", 1)
    assert shown.consent.expires_at - shown.consent.given_at == TaskRequested.kind.lifetime
    assert pair.audit("consent spent") == []
    assert await pair.work()
    assert (pair.task(came.command.id).status, pair.stage.reached()) == ("done", 1)
    (spent,) = pair.audit("consent spent")
    assert (spent["consent"], spent["task"]) == (shown.consent.id, came.command.id)


async def test_a_second_try_of_the_same_question_spends_nothing_more(pair: Pair, server: Server) -> None:
    came = await left(pair, consent="once")
    for mood in (Mood.GONE, Mood.BROKEN, Mood.HONEST):
        for engine in pair.stage.engines.values():
            engine.mood = mood
        await pair.work()
        server.clock.move(timedelta(minutes=10))
    assert pair.task(came.command.id).status == "done"
    assert len(pair.audit("consent spent")) == 1


async def test_without_the_consent_that_question_is_not_even_saved(pair: Pair) -> None:
    pair.link(up=False)
    assert isinstance(await pair.ask(PERSONAL, job=JOB), Refused)
    assert pair.device.store.pending({}) == []


async def test_a_consent_that_was_spent_opens_nothing_else(pair: Pair) -> None:
    came = await left(pair, consent="once")
    asked = TaskRequested.model_validate(came.command.payload)
    await pair.work()
    other = came.command.model_copy(update={"id": pair.device.ports.new_id()})
    now = pair.device.ports.clock.now()
    with pair.stage.office.service.store.transaction() as tx:
        assert consents_of(tx, came.command, asked, now), "a further try of the very task"
        assert consents_of(tx, other, asked, now) == (), "no other task"
    again = AssistRequest(
        task=came.command.id,
        purpose="answer",
        conversation=asked.conversation,
        prompt="Ms Harrington again",
        data_class=DataClass.PERSONAL,
        decision="0" * 64,
        bundle_version="1",
        consents=tuple(dict(each) for each in asked.consents),
    )
    with pytest.raises(Exception, match="consent"):
        await pair.device.cluster.assist(again, lambda _: None)
    assert pair.stage.reached() == 1


# -- taken back


async def test_taking_back_reaches_the_server_with_the_next_round_and_holds_the_question_back(pair: Pair) -> None:
    came = await left(pair, consent="once")
    consents = pair.device.workbench.routes.consents
    (shown,) = consents.listed()
    consents.revoke(shown.consent.id)
    assert consents.told() == frozenset()
    await pair.sync()
    assert consents.told() == {shown.consent.id}
    (told,) = pair.audit("consent revoked")
    assert (told["consent"], told["actor"]) == (shown.consent.id, "a.okafor")
    assert await pair.work()
    task = pair.task(came.command.id)
    assert (task.status, pair.stage.reached()) == ("refused", 0)
    assert "consent" in task.detail
    await pair.sync()
    assert len(pair.audit("consent revoked")) == 1, "it is told once"


async def test_a_round_without_an_answer_tells_it_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    consents = pair.device.workbench.routes.consents
    await pair.ask(PERSONAL, job=JOB, consent="job")
    (shown,) = consents.listed()
    consents.revoke(shown.consent.id)

    def lost(_: bytes) -> None:
        raise TransportError("The answer was cut off.")

    monkeypatch.setattr("device.agent.read_reply", lost)
    await pair.sync()
    assert consents.told() == frozenset()
    monkeypatch.undo()
    await pair.sync()
    assert consents.told() == {shown.consent.id}
    assert len(pair.audit("consent revoked")) == 1


async def test_the_gateway_refuses_from_then_on_though_the_laptop_still_shows_the_consent(pair: Pair) -> None:
    consents = pair.device.workbench.routes.consents
    assert isinstance(await pair.ask(PERSONAL, job=JOB, consent="job"), Answer)
    (shown,) = consents.listed()
    envelopes = consents.envelopes([shown.consent.id])
    consents.revoke(shown.consent.id)
    await pair.sync()
    again = AssistRequest(
        task=pair.device.ports.new_id(),
        purpose="answer",
        conversation="WO-1",
        prompt=PERSONAL,
        data_class=DataClass.PERSONAL,
        decision="0" * 64,
        bundle_version="1",
        consents=envelopes,
    )
    with pytest.raises(Exception, match="consent"):
        await pair.device.cluster.assist(again, lambda _: None)
    assert pair.stage.reached() == 1


async def test_a_laptop_that_is_shut_out_may_still_take_back(pair: Pair, office: Office) -> None:
    consents = pair.device.workbench.routes.consents
    await pair.ask(PERSONAL, job=JOB, consent="job")
    (shown,) = consents.listed()
    office.revoke_device(TENANT, pair.device.identity.device, "root", "lost")
    consents.revoke(shown.consent.id)
    await pair.sync()
    assert len(pair.audit("consent revoked")) == 1


# -- what the server says of the laptop


async def test_whether_a_laptop_is_approved_is_what_its_server_last_said(pair: Pair, office: Office) -> None:
    routes, name = pair.device.workbench.routes, pair.device.identity.device
    asked = Question("answer", PERSONAL, DataClass.INTERNAL, conversation="WO-1", task="T-1")
    assert routes.look(asked, None).request.device_approved
    office.revoke_device(TENANT, name, "root", "lost")
    assert routes.look(asked, None).request.device_approved, "nobody has told it"
    await pair.sync()
    known = routes.standing()
    assert (known and known.said, routes.look(asked, None).request.device_approved) == (Said.REVOKED, False)
    decision = routes.look(asked, None)
    assert (decision.route, "unapproved-laptop" in decision.policies) == (Route.REFUSE, True)
    office.readmit_device(TENANT, name, "root", "found")
    await pair.sync()
    known = routes.standing()
    assert (known and known.said, routes.look(asked, None).request.device_approved) == (Said.APPROVED, True)


async def test_a_question_of_a_laptop_that_was_revoked_since_does_no_sensitive_work(
    pair: Pair, office: Office
) -> None:
    came = await left(pair, consent="once")
    office.revoke_device(TENANT, pair.device.identity.device, "root", "lost")
    assert await pair.work()
    task = pair.task(came.command.id)
    assert (task.status, pair.stage.reached()) == ("refused", 0)
    assert "not approved" in task.detail


async def test_an_approval_that_nobody_confirmed_for_long_has_ended(pair: Pair, server: Server) -> None:
    routes = pair.device.workbench.routes
    asked = Question("answer", PERSONAL, DataClass.INTERNAL, conversation="WO-1", task="T-1")
    server.clock.move(timedelta(days=routes.approved_days_max - 1))
    assert routes.look(asked, None).request.device_approved
    server.clock.move(timedelta(days=2))
    assert not routes.look(asked, None).request.device_approved
    await pair.sync()
    assert routes.look(asked, None).request.device_approved


# -- the policies in force


def stricter(version: int) -> bytes:
    """The bundle that ships, under another number, that wants a yes for every question that nobody waits for."""
    files = dict(shipped_bundle().files)
    files[MANIFEST] = files[MANIFEST].replace("version = 1", f"version = {version}")
    assert "context.output_tokens > 2048" in files[CEDAR]
    files[CEDAR] = files[CEDAR].replace("context.output_tokens > 2048", "context.output_tokens > 64")
    return pack(files)


async def test_whether_somebody_has_to_approve_it_says_the_bundle_in_force(office: Office, laptop: Laptop) -> None:
    async def ask() -> int:
        await laptop.round(laptop.say("assist.request", JOB, question="which seal fits?", data_class="internal"))
        return len(office.approvals(TENANT))

    assert await ask() == 0
    office.publish_bundle(TENANT, "root", stricter(2))
    assert await ask() == 0, "published, and not in force"
    office.roll_out(TENANT, "root", 2, "in_force", Scope(groups=frozenset({laptop.name})), "tried on one laptop")
    assert await ask() == 1
    office.service.confirm(
        TENANT, "m.reyes", [(JOB, TaskRequested(question="which seal?", data_class=DataClass.INTERNAL))]
    )
    assert len(office.approvals(TENANT)) == 1, "the office is another device"
    office.roll_out(TENANT, "root", 2, "in_force", Scope(), "and everywhere")
    office.service.confirm(
        TENANT, "m.reyes", [(JOB, TaskRequested(question="which seal?", data_class=DataClass.INTERNAL))]
    )
    assert len(office.approvals(TENANT)) == 2
    assert [len(office.tasks(TENANT))] == [3]


async def test_another_organisations_bundle_asks_for_nothing_here(office: Office, laptop: Laptop) -> None:
    office.add_tenant("other", "Other")
    office.put_person("other", PEOPLE[3])
    office.publish_bundle("other", "root", stricter(2))
    office.roll_out("other", "root", 2, "in_force", Scope(), "theirs")
    await laptop.round(laptop.say("assist.request", JOB, question="which seal fits?", data_class="internal"))
    assert office.approvals(TENANT) == []


# -- given up


async def test_a_question_that_was_not_sent_is_taken_back_and_never_leaves(pair: Pair) -> None:
    pair.link(up=False)
    came = await pair.ask("which seal fits?", job=JOB)
    assert isinstance(came, Waiting)
    bench = pair.device.workbench
    assert [(each.id, each.words()) for each in left_here(bench)] == [
        (came.command.id, "is saved on this laptop and not sent yet")
    ]
    assert cancel(bench, came.command.id) == "withdrawn"
    assert left_here(bench) == []
    pair.link(up=True)
    await pair.sync()
    assert not await pair.work()
    assert pair.stage.reached() == 0


async def test_a_question_that_waits_at_the_server_is_cancelled_by_its_author(pair: Pair) -> None:
    came = await left(pair, "which seal fits?")
    bench = pair.device.workbench
    assert [each.words() for each in left_here(bench)] == ["waits for the cluster"]
    assert cancel(bench, came.command.id) == "cancelled"
    await pair.sync()
    assert (pair.task(came.command.id).status, await pair.work()) == ("cancelled", False)
    assert left_here(bench) == []
    (shown,) = left_here(bench, everything=True)
    assert shown.words() == "was cancelled"
    with pytest.raises(LocalError, match="was cancelled"):
        cancel(bench, came.command.id)


async def test_a_question_that_waits_for_a_yes_does_not_run_when_the_yes_comes(pair: Pair, office: Office) -> None:
    pair.link(up=False)
    came = await pair.ask("which seal fits?", job=JOB)
    assert isinstance(came, Waiting)
    office.publish_bundle(TENANT, "root", stricter(2))
    office.roll_out(TENANT, "root", 2, "in_force", Scope(), "from now on")
    pair.link(up=True)
    await pair.sync()
    (approval,) = office.approvals(TENANT)
    assert cancel(pair.device.workbench, f"assist_task/{came.command.id}") == "cancelled"
    await pair.sync()
    office.decide_approval(TENANT, "s.vance", approval.ref, ApprovalChoice.APPROVE, "")
    assert not await pair.work()
    assert (pair.task(came.command.id).status, pair.stage.reached()) == ("cancelled", 0)


async def test_what_was_answered_cannot_be_cancelled_and_says_so(pair: Pair) -> None:
    came = await left(pair, "which seal fits?")
    await pair.work()
    await pair.sync()
    with pytest.raises(LocalError, match="was answered"):
        cancel(pair.device.workbench, came.command.id)
    with pytest.raises(LocalError, match="task list"):
        cancel(pair.device.workbench, "nothing")
