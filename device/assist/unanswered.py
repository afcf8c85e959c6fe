"""A question that ran nowhere: it waits in the outbox, if it may, or ends in a sentence that says what to do.

A question that waits goes into the outbox under its task's own id: what was agreed to for this task holds for it
there, and for nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from device.assist.attempt import Task
from device.core.interpret import Proposal
from device.routes import permitted
from device.store import DeviceStore
from device.workbench import Workbench
from policies.explain import PLACES
from shared.assist import Attempt
from shared.commands.assist_request import TaskRequested
from shared.commands.base import Command
from shared.routing import BOUNDARIES, PASSING, Decision, Obstacle, Route

_TRY_AGAIN = "Try again in a moment; the forms work without an assistant."
#: As many envelopes go along with a question that waits.
_CONSENTS_MAX = 4


@dataclass(frozen=True, slots=True)
class Waiting:
    """The question waits in the outbox, as `command`; `attempts` are the places that failed before."""

    decision: Decision
    command: Command
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The question ran nowhere. `why` is a sentence, `advice` what the person can do."""

    decision: Decision
    why: str
    advice: str
    attempts: tuple[Attempt, ...] = ()


class Unanswered:
    """Brings questions to rest that nobody answered."""

    def __init__(self, bench: Workbench, store: DeviceStore) -> None:
        self._bench, self._store = bench, store

    def rest(self, task: Task) -> Waiting | Refused:
        """The question in the queue, or why it is not."""
        attempts = tuple(task.attempts)
        if self._may_wait(task):
            if task.job is not None:
                return Waiting(task.decision, self._queue(task, task.job), attempts)
            why = "Not run anywhere: only a question about a job can wait."
            return Refused(
                task.decision, why, f"Name the job: --job WO-1042. {self._agreeing(task)}".strip(), attempts
            )
        decision = task.decision if not permitted(task.first) else task.first
        reason = attempts[-1].problem if attempts else decision.reason
        return Refused(decision, f"Not run anywhere: {reason}", decision.advice or _TRY_AGAIN, attempts)

    def _agreeing(self, task: Task) -> str:
        """What else would let it run: the place that only a consent is missing for."""
        lacking = [each.route for each in task.decision.why_not if each.obstacle is Obstacle.NEEDS_CONSENT]
        rules = (task.question.begun_with or self._bench.routes.bundle).rules
        advice = rules.advice.get(Obstacle.NEEDS_CONSENT, "")
        return advice.format(place=PLACES[lacking[0]]) if lacking else ""

    def _may_wait(self, task: Task) -> bool:
        if task.question.purpose == "propose":
            return False
        failed = [each for each in task.tried() if each is not Route.DEVICE]
        return bool(task.first.waits_for or task.decision.waits_for) or self._may_wait_for(task, failed)

    def _may_wait_for(self, task: Task, failed: Sequence[Route]) -> bool:
        """Whether a place that failed may be waited for."""
        bundle = task.question.begun_with or self._bench.routes.bundle
        workload = bundle.rules.purposes[task.question.purpose]
        denied = {each.route for each in task.decision.why_not if each.obstacle not in PASSING | {Obstacle.OUTRANKED}}
        return workload.queue and any(place not in denied for place in failed)

    def _queue(self, task: Task, job: str) -> Command:
        """The command that carries the question through the outbox; the consents that it rests on are used now."""
        decision, question, consents = task.decision, task.question, self._bench.routes.consents
        payload = {
            "question": task.text,
            "purpose": question.purpose,
            "data_class": decision.data_class.value,
            "conversation": question.conversation,
            "tier": question.tier.value,
            "output_tokens": question.output_tokens,
            "decision": decision.hash,
            "consents": list(consents.envelopes(decision.consents)[:_CONSENTS_MAX]),
        }
        proposal = Proposal(TaskRequested.kind.name, job, payload, {})  # type: ignore[arg-type]
        with self._store.transaction():
            (command,) = self._bench.confirm([proposal], sentence=task.text, source="cli", named=task.id)
            for place in BOUNDARIES:
                consents.use(decision, place)
        return command
