"""How questions that were left for the cluster are judged: by what their organisation has rolled out at that moment.

Rules
1. Roll-out, bundles, vocabulary, names and consents are read in the transaction that decides, also where it is only
   asked whether somebody has to approve the question.
2. The bundle is the one in force for such a task on its author's laptop. One that this program cannot read permits
   nothing (`sync_server.cluster.policy`, rule 3).
3. Consents count as they do for a question that somebody waits for; of one that is not what it says, none count.
"""

from datetime import datetime

from policies.bundle import Bundle
from policies.route import choose
from shared.assist import AssistRequest
from shared.commands.assist_request import TaskRequested
from shared.commands.base import Command
from shared.problems import Refused
from shared.routing import Consented, DataClass, Decision, RouteRequest
from sync_server.authentication import Caller
from sync_server.cluster.consents import hold
from sync_server.cluster.policy import Published, RolledOut
from sync_server.cluster.queue.facts import Policy
from sync_server.store import Tx
from sync_server.updates.bundles import shipped_bundle

#: Of `assist.request` the laptop's decision is told for the audit alone, if at all.
_UNTOLD = "0" * 64


def policy_in_force(published: Published, shipped: Bundle | None = None) -> Policy:
    """The judge of queued questions. `shipped` decides where an organisation has published nothing."""
    rolled_out = RolledOut(shipped or shipped_bundle(), published)

    def chosen(tx: Tx, request: RouteRequest, at: datetime) -> Decision:
        return choose(rolled_out.plan(tx, request.tenant).bundle(request), request, at)

    def found(tx: Tx, command: Command, asked: TaskRequested) -> DataClass:
        return rolled_out.class_of(tx, command.tenant, asked.question, asked.data_class)

    return Policy(chosen, found, consents_of)


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
        return hold(tx, Caller(command.tenant, command.device, command.actor), request, now, queued=True)
    except Refused:
        return ()
