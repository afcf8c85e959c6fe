"""Asks a question where the policies let it run, and says where that was.

| module | owns |
|---|---|
| `question` | what a person typed, as a question with what of its job goes along |
| `scout` | knowing what places can do, where that could change the route |
| `agreement` | the consent that lets a question run, if one is all that is missing |
| `attempt` | one try at one place, and what became of it |
| `following` | what a person hears of an answer while it is written |
| `quoting` | the manuals' part in it: what goes along, what of an answer is said, quoting alone |
| `unanswered` | the queue, or a sentence that says what the person can do |

Rules
1. Every attempt has a decision that was recorded before it, from the facts of that moment. After a failure it is
   decided again, by the policies that the task began with, and only among the places of the first decision: no
   boundary is widened because something failed.
2. The server is asked what its places can do only if that could change where the question runs. A question that may
   not leave makes no connection at all.
3. A consent is given for what stands in the way, if that is all that does, and with the words that say where the
   question would go.
4. A question that failed everywhere, or may run nowhere, ends in the queue, if it may wait there, or in a sentence
   that says what the person can do.
5. No word of the question is in the evidence, in an error, or in anything that is told of an attempt.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from device.assist.agreement import Agreement, Offer
from device.assist.attempt import Attempts, Task, next_place
from device.assist.following import Heard
from device.assist.question import about
from device.assist.quoting import QUOTED, apart, checked, checks, quoted, retrieved
from device.assist.scout import Scout
from device.assist.unanswered import Refused, Unanswered, Waiting
from device.cluster_client import ClusterClient
from device.library.answering import Answering, Context
from device.model.port import LanguageModel
from device.routes import Question
from device.store import DeviceStore
from device.workbench import Workbench
from policies.explain import PLACES
from shared.assist import Answer
from shared.consent import Reach
from shared.ports import Ports, RunBlocking
from shared.routing import DataClass, Decision, Purpose

__all__ = ["QUOTED", "Assistant", "Heard", "Offer", "Refused", "Waiting", "about", "retrieved"]


class Assistant:
    """Asks, on one laptop. `load` loads the model that stands here; blocking."""

    def __init__(
        self,
        bench: Workbench,
        store: DeviceStore,
        cluster: ClusterClient,
        load: Callable[[], LanguageModel],
        ports: Ports,
        run_blocking: RunBlocking,
        answering: Answering | None = None,
    ) -> None:
        self._answering = answering
        self._bench, self._ports, self._run = bench, ports, run_blocking
        self._scout = Scout(bench, store, cluster, load, ports, run_blocking)
        self._agreement = Agreement(bench, self._scout)
        said, while_written = partial(checked, answering), partial(checks, answering)
        self._attempts = Attempts(bench, store, cluster, load, ports, run_blocking, said, self._quoted, while_written)
        self._unanswered = Unanswered(bench, store)

    async def ask(
        self,
        text: str,
        *,
        job: str | None = None,
        purpose: Purpose = "answer",
        declared: DataClass | None = None,
        consent: Reach | None = None,
        within_s: float | None = None,
        heard: Heard | None = None,
    ) -> Answer | Waiting | Refused:
        """What came of a question.

        Args:
            text: what the person typed.
            job: a reference to the work order that it is about.
            purpose: what it is for.
            declared: what the person says of its class; the classifier may raise it.
            consent: whether the person agrees, once or for the job, to what stands in the way.
            within_s: how long somebody waits for it; None for as long as it takes.
            heard: who follows.

        Raises:
            LocalError: there is nothing to ask, or no such job, or a consent would not help.
            TransportError: it may run elsewhere, and every permitted place failed.
        """
        name, bench = self._ports.new_id(), self._bench
        context = await self._retrieved(text, job, purpose)
        question = about(bench, text, job=job, purpose=purpose, declared=declared, task=name, context=context)
        question = await self._run(partial(self._bench.routes.begin, replace(question, within_s=within_s)))
        await self._scout.know_here()
        if consent is not None:
            await self._run(lambda: self._agreement.reach(question, consent, job))
        await self._scout.listen(question)
        decision = await self._run(lambda: self._decide(question))
        task = Task(name, question, job, text, self._ports.clock.monotonic_s(), decision, decision, context)
        answer = await self._try_places(task, heard or Heard())
        return answer if answer is not None else await self._run(lambda: self._at_rest(task))

    async def offer(
        self, text: str, *, job: str | None = None, purpose: Purpose = "answer", declared: DataClass | None = None
    ) -> Offer | None:
        """What a consent would let leave, and where to, if one is all that is missing; None if not.

        Nothing is recorded, nobody is asked, and nothing leaves.

        Raises:
            LocalError: there is nothing to ask, or no such job.
        """
        name, bench, context = self._ports.new_id(), self._bench, await self._retrieved(text, job, purpose)

        def look() -> Offer | None:
            question = about(bench, text, job=job, purpose=purpose, declared=declared, task=name, context=context)
            pages = context.shown if context else ()
            return self._agreement.offer(bench.routes.begin(question), job, pages)

        return await self._run(look)

    async def _retrieved(self, text: str, job: str | None, purpose: Purpose) -> Context | None:
        bench, answering = self._bench, self._answering
        if answering is None:
            return None
        return await self._run(lambda: retrieved(bench, answering, text, job=job, purpose=purpose))

    def _at_rest(self, task: Task) -> Answer | Waiting | Refused:
        """What the manuals say where nothing else answered; what they do not have waits, if it may, or is refused."""
        own = self._quoted(task)
        if own is None or not own.citations:
            came = self._unanswered.rest(task)
            return (
                replace(came, why=f"{came.why.rstrip('.')}. {own.text}")
                if own and isinstance(came, Refused)
                else came
            )
        reason = task.attempts[-1].problem if task.attempts else task.decision.reason
        told = {"attempts": tuple(task.attempts), "moved": tuple(task.moved), "disclosure": apart(task)}
        took_s = round(self._ports.clock.monotonic_s() - task.began_s, 3)
        return own.model_copy(update={**told, "took_s": took_s, "fallback": f"Not run anywhere: {reason}"[:400]})

    def _quoted(self, task: Task) -> Answer | None:
        if self._answering is None or task.context is None:
            return None
        return quoted(self._answering, task, task.context)

    async def _try_places(self, task: Task, heard: Heard) -> Answer | None:
        """The answer of the first place that gives one; it is decided again after each that does not."""
        while (place := next_place(task)) is not None:
            heard.say(f"{PLACES[place]}: {task.decision.reason}")
            answer = await self._attempts.make(task, place, heard)
            if answer is not None:
                return answer
            heard.say(f"{PLACES[place]} gave no answer: {task.attempts[-1].problem}")
            task.decision = await self._run(lambda: self._decide(task.question))
        return None

    def _decide(self, question: Question) -> Decision:
        return self._bench.routes.decide(question, self._bench.model, kept=True)
