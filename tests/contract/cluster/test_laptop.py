"""A real laptop before the real gateway: both decide under the shipped policies, each understands the other."""

import pytest

from device.assist import Refused, Waiting
from shared.assist import Answer
from shared.routing import Route
from simulators.engine import Mood
from tests.contract.cluster.pair import JOB, PERSONAL, SUMMARY, Pair
from tests.served import TENANT


async def test_a_question_goes_to_the_cluster_and_its_answer_comes_back_in_pieces(pair: Pair) -> None:
    came = await pair.ask(SUMMARY, purpose="summarise", job=JOB)
    assert isinstance(came, Answer), came
    assert (came.route, came.text, came.model) == (Route.PRIVATE_CLUSTER, "Replace the filter.", "m")
    assert came.moved[0].bytes_up > len(SUMMARY)
    assert came.moved[0].bytes_down > 0
    assert pair.stage.reached() == 1


async def test_what_is_sensitive_reaches_no_engine_without_a_consent(pair: Pair) -> None:
    assert isinstance(await pair.ask(PERSONAL, job=JOB), Refused)
    assert pair.stage.reached() == 0


@pytest.mark.parametrize("reach", ["once", "job"])
async def test_the_server_believes_the_laptops_consents(pair: Pair, reach: str) -> None:
    came = await pair.ask(PERSONAL, job=JOB, consent=reach)
    assert isinstance(came, Answer), came
    assert pair.stage.reached() == 1
    (shown,) = pair.device.workbench.routes.consents.listed()
    pair.device.workbench.routes.consents.revoke(shown.consent.id)
    assert isinstance(await pair.ask(PERSONAL, job=JOB), Refused)
    assert pair.stage.reached() == 1


async def test_a_consent_that_was_taken_back_is_told_with_the_next_question(pair: Pair) -> None:
    await pair.ask(PERSONAL, job=JOB, consent="job")
    (shown,) = pair.device.workbench.routes.consents.listed()
    pair.device.workbench.routes.consents.revoke(shown.consent.id)
    assert isinstance(await pair.ask(SUMMARY, job="work_order/WO-2", purpose="summarise"), Answer)
    with pair.stage.office.service.store.transaction() as tx:
        assert tx.consent_revoked(TENANT, "a.okafor", shown.consent.id)


async def test_after_engines_that_fail_the_question_waits_and_is_taken_in(pair: Pair) -> None:
    for engine in pair.stage.engines.values():
        engine.mood = Mood.CLOSES
    came = await pair.ask(SUMMARY, purpose="summarise", job=JOB)
    assert isinstance(came, Waiting), came
    assert came.attempts[0].problem
    assert "pump" not in came.attempts[0].problem
    assert pair.device.workbench.routes.evidence.broken() is None
    pair.device.agent.session.send_now()
    await pair.device.agent.settle()
    (task,) = pair.device.workbench.of_kind("assist_task")
    assert (task.fields["command"], task.fields["record"]) == (came.command.id, JOB)
