"""What the server asks of the cluster for a question that nobody waits for, and what an engine must be honest about.

Rules
1. An engine is asked only for what was decided; it goes nowhere else, and chooses only among `QueuedTask.places`.
2. It raises nothing for what the other side does: every answer, silence and garbage included, is one of these values.
3. It names the task and the fence that it was asked under in what it answers. Another task's answer is nobody's.
4. It stops when it is cancelled: whoever asked gave up.

The same task may come again, under a higher fence, after a server died: an inference changes nothing, so it is run
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.assist import Answer
from shared.contract import Hash
from shared.routing import Boundary, Capability, Consented, DataClass, Purpose, Tier


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """One question as it goes to the cluster.

    Args:
        tenant: whose it is.
        id: of the command that asked it; the same whenever it comes again.
        fence: of the lease under which it is asked, higher each time.
        device: from where.
        actor: who asked.
        purpose: what it is for.
        prompt: the question.
        conversation: what it belongs to, for an engine that keeps what it has read.
        data_class: as the server sees it.
        tier: how good the model has to be.
        output_tokens: the longest answer.
        places: where it may run, best first; at least one.
        within_s: for how long somebody listens, in seconds.
        decision: the hash of the server's decision, made just now.
        bundle_version: of the policies that it was made by.
        disclosure: what its author is told about it.
        consents: those that the decision knew of.
        approved: somebody with the right to approved it.
        laptop_approved: its author's laptop may do sensitive work.
    """

    tenant: str
    id: str
    fence: int
    device: str
    actor: str
    purpose: Purpose
    prompt: str
    conversation: str | None
    data_class: DataClass
    tier: Tier
    output_tokens: int
    places: tuple[Boundary, ...]
    within_s: float
    decision: Hash
    bundle_version: str
    disclosure: str
    consents: tuple[Consented, ...] = ()
    approved: bool = False
    laptop_approved: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, with what crossed a boundary for it; `fence` is that of its task."""

    fence: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Busy:
    """No room now; nothing was sent. `after_s` is when there may be some, None if nobody knows."""

    detail: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Broke:
    """It began, or may have, and there is no answer: a fault, a silence, an answer that nobody can believe."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """The engine understood and will never do it: too long for its model, say."""

    detail: str


Result = Answered | Busy | Broke | Unfit


class Engine(Protocol):
    """The cluster, as tasks see it."""

    def known(self) -> Mapping[Boundary, Capability]:
        """What each place can do now; one that is not named cannot be used. Waits for nobody."""

    async def run(self, task: QueuedTask) -> Result:
        """Have the question answered."""


class NoEngine:
    """A server without a cluster: nothing can run, so that tasks wait, and expire by name."""

    def known(self) -> Mapping[Boundary, Capability]:
        """Nothing."""
        return {}

    async def run(self, task: QueuedTask) -> Result:
        """Never asked; if it were, it would say so."""
        return Busy("this server has no cluster")
