"""Questions that were left for the cluster go through the real gateway, under the policies that ship."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.commands.assist_request import TaskRequested, task_ref
from shared.commands.base import Command
from shared.records import AssistTask
from shared.routing import DataClass, Route
from simulators.engine import Mood
from sync_server.cluster.policy import ServerPolicies, shipped_policies
from sync_server.cluster.queue.by_gateway import GatewayEngine
from sync_server.cluster.queue.desk import TaskDesk
from sync_server.cluster.queue.in_force import consents_of, policy_in_force
from sync_server.cluster.queue.steps import Limits
from sync_server.cluster.queue.worker import Worker
from sync_server.office import Office
from tests.builders import JOB
from tests.contract.cluster.stage import Stage, staged, upstream
from tests.served import TENANT, Laptop, in_place


@pytest.fixture
def policies(office: Office) -> ServerPolicies:
    made = shipped_policies()
    made.read(office.service)
    return made


@pytest.fixture
async def stage(office: Office, policies: ServerPolicies) -> AsyncIterator[Stage]:
    async with staged(office, upstream("one"), policies=policies) as made:
        yield made


async def asked(stage: Stage, question: str, **told: Any) -> AssistTask:
    """The task that came of a question at the office, after one look of a worker."""
    service = stage.office.service
    payload = TaskRequested.model_validate({"question": question, "data_class": "internal", **told})
    (entry,) = service.confirm(TENANT, "m.reyes", [(JOB, payload)])
    desk = TaskDesk(service, policy_in_force(service.publisher), "worker", Limits())
    worker = Worker(GatewayEngine(stage.parts.gateway), desk, service.ports.clock, in_place)
    assert await worker.step(service.ports.clock.now())
    return AssistTask.model_validate(stage.office.record(TENANT, task_ref(entry.command.id)).fields)


async def test_a_question_comes_back_answered_with_what_left_for_it(stage: Stage) -> None:
    task = await asked(stage, "Which filter?")
    assert (task.status, task.route) == ("done", Route.PRIVATE_CLUSTER)
    assert task.answer
    (use,) = await stage.audited()
    assert (use["kind"], use["ended"]) == ("task", "answered")
    assert stage.idle()


async def test_what_the_gateway_finds_sensitive_reaches_no_engine(stage: Stage) -> None:
    task = await asked(stage, "the password: hunter2-Xk9f-22b")
    assert task.status == "refused"
    assert task.answer is None
    assert stage.reached() == 0


async def test_an_engine_that_breaks_off_is_asked_again(stage: Stage) -> None:
    stage.engines["one"].mood = Mood.GONE
    task = await asked(stage, "Which filter?")
    assert (task.status, task.answer) == ("queued", None)
    assert stage.idle()


def of(laptop: Laptop, consents: list[dict[str, Any]], job: str | None) -> tuple[Command, TaskRequested]:
    told: dict[str, Any] = {
        "question": "Call Ada Okafor",
        "data_class": "personal",
        "consents": consents,
        "conversation": job,
    }
    return laptop.command("assist.request", JOB, **told), TaskRequested.model_validate(told)


async def test_a_consent_for_the_job_counts_and_a_forged_one_does_not(stage: Stage, laptop: Laptop) -> None:
    service, now = stage.office.service, stage.office.service.ports.clock.now()
    given = stage.consent(laptop, "WO-1", reach="job")
    forged = stage.consent(laptop, "WO-1", reach="job", key=laptop.device_key)
    with service.store.transaction() as tx:
        (fact,) = consents_of(tx, *of(laptop, [given], "WO-1"), now)
        assert (fact.target, fact.data_class, fact.conversation) == (
            Route.PRIVATE_CLUSTER,
            DataClass.PERSONAL,
            "WO-1",
        )
        assert consents_of(tx, *of(laptop, [given], "WO-2"), now) == ()
        assert consents_of(tx, *of(laptop, [given, forged], "WO-1"), now) == ()
        assert consents_of(tx, *of(laptop, [], "WO-1"), now) == ()
