"""The gateway as the engine of questions that were left for the cluster, and its policies as their judge.

Rules
1. What the gateway refuses becomes a value: no room now, a fault on the way, or never.
2. The question was decided when it was marked as running, and the gateway decides once more when its turn comes; it
   goes only where both permit it, and under no wider class.
"""

from collections.abc import Mapping
from datetime import datetime

from shared.assist import AssistRequest
from shared.commands.assist_request import TaskRequested
from shared.commands.base import Command
from shared.problems import Code, Refused
from shared.routing import Boundary, Capability, Consented, DataClass, highest
from sync_server.authentication import Caller
from sync_server.cluster.consents import hold
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.policy import Policies
from sync_server.cluster.queue import port
from sync_server.cluster.queue.facts import Policy
from sync_server.cluster.task import Asker, question
from sync_server.store import Tx

#: Nothing was sent, or somebody who has a say asks for patience.
_BUSY = frozenset({Code.OVERLOADED, Code.NO_CAPACITY, Code.QUOTA_SPENT, Code.BUSY, Code.DEADLINE_PASSED})
#: Of `assist.request` the laptop's decision is told for the audit alone, if at all.
_UNTOLD = "0" * 64


class GatewayEngine:
    """Questions go the way of every other task through the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def known(self) -> Mapping[Boundary, Capability]:
        """What each place can do now."""
        return self._gateway.known(self._gateway.ports.clock.now())

    async def run(self, task: port.QueuedTask) -> port.Result:
        """Have the question answered."""
        asker = Asker(task.tenant, task.device, task.actor, "task")
        request = AssistRequest(
            task=task.id,
            purpose=task.purpose,
            conversation=task.conversation or task.id,
            prompt=task.prompt,
            data_class=task.data_class,
            decision=task.decision,
            bundle_version=task.bundle_version,
            boundaries=task.places,
            output_tokens=task.output_tokens,
            tier=task.tier,
            within_s=task.within_s,
            stream=False,
        )
        asked = question(asker, request, task.consents, approved=task.approved).classified(task.data_class)
        try:
            return port.Answered(task.fence, await self._gateway.run(asked))
        except Refused as refused:
            return _meaning(refused)


def _meaning(refused: Refused) -> port.Result:
    told = refused.problem
    if told.code in _BUSY:
        return port.Busy(told.detail, told.retry_after_s)
    if told.code in (Code.UPSTREAM_FAILED, Code.UPSTREAM_SILENT):
        return port.Broke(told.detail)
    return port.Unfit(told.detail)


def policy_by(policies: Policies) -> Policy:
    """How questions are judged where there is a gateway: by what the organisation rolled out."""

    def found(_tx: Tx, command: Command, asked: TaskRequested) -> DataClass:
        seen = policies.classify(command.tenant, asked.question)
        return highest(asked.data_class or DataClass.RESTRICTED, seen or DataClass.RESTRICTED)

    return Policy(policies.choose, found, consents_of)


def consents_of(tx: Tx, command: Command, asked: TaskRequested, now: datetime) -> tuple[Consented, ...]:
    """The consents in a command that are its author's and stand; of one that is not what it says, none count."""
    if not asked.consents:
        return ()
    request = AssistRequest(
        task=command.id,
        purpose=asked.purpose,
        conversation=asked.conversation,
        prompt=asked.question,
        data_class=asked.data_class,
        decision=asked.decision or _UNTOLD,
        bundle_version="",
        consents=tuple(dict(each) for each in asked.consents),
        stream=False,
    )
    try:
        return hold(tx, Caller(command.tenant, command.device, command.actor), request, now)
    except Refused:
        return ()
