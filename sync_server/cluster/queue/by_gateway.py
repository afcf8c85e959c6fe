"""The gateway as the engine of questions that were left for the cluster.

Rules
1. What the gateway refuses becomes a value: no room now, a fault on the way, or never.
2. The question was decided when it was marked as running, and the gateway decides once more when its turn comes; it
   goes only where both permit it, and under no wider class.
"""

from collections.abc import Mapping

from shared.assist import AssistRequest
from shared.problems import Code, Refused
from shared.routing import Boundary, Capability
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.queue import port
from sync_server.cluster.task import Asker, question

#: Nothing was sent, or somebody who has a say asks for patience.
_BUSY = frozenset({Code.OVERLOADED, Code.NO_CAPACITY, Code.QUOTA_SPENT, Code.BUSY, Code.DEADLINE_PASSED})


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
        asked = question(
            asker, request, task.consents, approved=task.approved, laptop_approved=task.laptop_approved
        ).classified(task.data_class)
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
