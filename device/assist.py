"""Asks a question where the policies let it run, and says where that was.

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
6. Where there are manuals on this laptop, a question about them takes the passages along that were found for it;
   their classes count in the decision. Of what comes back, from wherever, only what stands in those passages is said,
   with the places; and quoting them here needs no model, so that it is done where nothing else may, or can, answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from device.cluster_client import ClusterClient, Passed
from device.core.asking import SCHEMA, composed, field_classes, prompt_for, read_answer, with_passages
from device.core.interpret import Proposal
from device.core.what_if import place_up, with_consent
from device.errors import DeviceError, LocalError, RemoteError, TransportError
from device.library.answering import Answering, Context, Given
from device.model.port import LanguageModel
from device.routes import Question, permitted
from device.store import DeviceStore
from device.workbench import Workbench
from policies.explain import PLACES
from shared.assist import Answer, AssistRequest, Attempt, Moved
from shared.commands.assist_request import TaskRequested
from shared.commands.base import Command
from shared.consent import Consent, Reach
from shared.ids import id_of
from shared.ports import Ports, RunBlocking
from shared.routing import (
    BOUNDARIES,
    PASSING,
    Boundary,
    DataClass,
    Decision,
    Obstacle,
    Purpose,
    Route,
    Tier,
    highest,
)

OUTPUT_TOKENS = 128
#: What stands where a model's name would, if none was asked.
QUOTED = "no model: quoted from the manuals"
_QUOTED_HERE = "Quoted from the manuals on this laptop. No model was asked, and nothing left it."
#: Why the server may be asked what its places can do.
_UNHEARD = frozenset({Obstacle.UNKNOWN, Obstacle.STALE})


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


@dataclass
class _Task:
    """One question under way."""

    id: str
    question: Question
    job: str | None
    text: str
    began_s: float
    first: Decision
    decision: Decision
    context: Context | None = None
    first_token_s: float | None = None
    attempts: list[Attempt] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)

    def tried(self) -> set[Route]:
        return {each.route for each in self.attempts}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person may follow while a question runs: `say` hears sentences, `piece` the answer as it comes."""

    say: Callable[[str], None] = lambda _: None
    piece: Callable[[str], None] = lambda _: None


def about(
    bench: Workbench,
    text: str,
    *,
    job: str | None,
    purpose: Purpose = "answer",
    declared: DataClass | None = None,
    task: str | None = None,
    context: Context | None = None,
) -> Question:
    """`text` as a question, with what of its job goes along.

    Args:
        bench: where jobs are known.
        text: what the person typed.
        job: a reference to the work order that it is about.
        purpose: what it is for.
        declared: what the person says of its class, instead of what the policies take words for.
        task: the id under which it may leave.
        context: what the manuals have about it (`retrieved`); it goes along.

    Raises:
        LocalError: there is no such job here, or nothing was asked.
    """
    if not text.strip():
        raise LocalError("There is no question. Type it in quotes.")
    order = bench.record(job) if job else None
    asset = bench.view().records.get(str(order.fields["asset"])) if order else None
    typed = declared or bench.routes.bundle.rules.words.data_class
    return Question(
        purpose,
        with_passages(composed(text, order, asset), context.passages if context else ""),
        highest(typed, *field_classes(order, asset), *(context.classes if context else ())),
        conversation=id_of(job) if job else task,
        task=task,
        output_tokens=OUTPUT_TOKENS,
    )


def retrieved(
    bench: Workbench, answering: Answering | None, text: str, *, job: str | None, purpose: Purpose
) -> Context | None:
    """What the manuals on this laptop have about a question; None if it is not about them, or there are none."""
    if answering is None or purpose != "answer" or not text.strip() or not answering.ready():
        return None
    order = bench.record(job) if job else None
    assets = bench.of_kind("asset")
    asset = next((each for each in assets if order and each.ref == order.fields["asset"]), None)
    return answering.look(text, asset, assets)


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
        self._bench, self._store, self._cluster, self._load = bench, store, cluster, load
        self._answering = answering
        self._ports, self._run = ports, run_blocking

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
        heard, task_id = heard or Heard(), self._ports.new_id()
        bench, answering, context = self._bench, self._answering, None
        if answering is not None:
            context = await self._run(lambda: retrieved(bench, answering, text, job=job, purpose=purpose))
        question = replace(
            about(bench, text, job=job, purpose=purpose, declared=declared, task=task_id, context=context),
            within_s=within_s,
        )
        question = await self._run(partial(self._bench.routes.begin, question))
        await self._know_here()
        if consent is not None:
            await self._run(lambda: self._agree(question, consent, job))
        await self._listen(question)
        decision = await self._run(lambda: self._decide(question))
        task = _Task(task_id, question, job, text, self._ports.clock.monotonic_s(), decision, decision, context)
        while (place := _next_place(task)) is not None:
            heard.say(f"{PLACES[place]}: {task.decision.reason}")
            answer = await self._attempt(task, place, heard)
            if answer is not None:
                return answer
            heard.say(f"{PLACES[place]} gave no answer: {task.attempts[-1].problem}")
            task.decision = await self._run(lambda: self._decide(question))
        return await self._run(lambda: self._nowhere(task))

    def _decide(self, question: Question) -> Decision:
        return self._bench.routes.decide(question, self._bench.model, kept=True)

    def _look(self, question: Question) -> Decision:
        return self._bench.routes.look(question, self._bench.model, kept=True)

    # -- before it is decided

    async def _listen(self, question: Question) -> None:
        """Know what other places can do, where that could change anything."""
        routes = self._bench.routes
        if not await self._run(lambda: self._worth_asking(question)):
            return
        try:
            raw = await self._cluster.capabilities()
            await self._run(lambda: routes.take_capabilities(raw))
        except (TransportError, RemoteError):
            pass  # then nothing is known of them, and the decision says so
        await self._run(self._keep_met)

    def _worth_asking(self, question: Question) -> bool:
        """Whether a place that the policies permit, and of which nothing is known, would be used."""
        draft = self._look(question)
        unheard = _unheard(draft)
        better = self._at_best(question, draft, unheard) if unheard else draft
        return better.route is not draft.route and any(place in permitted(better) for place in unheard)

    def _at_best(
        self, question: Question, draft: Decision, places: Sequence[Boundary], consented: Boundary | None = None
    ) -> Decision:
        """What would be decided if these places were at their best, and perhaps a consent were given."""
        now = self._ports.clock.now()
        known = dict(draft.request.known) | {place: place_up(place, now) for place in places}
        request = draft.request.model_copy(update={"known": known})
        request = with_consent(request, consented, now) if consented else request
        return self._bench.routes.again(request, question.begun_with)

    async def _know_here(self) -> None:
        """Know what this laptop can do: try its model, unless that was done lately."""
        if self._bench.model is not None or await self._run(self._bench.routes.laptop.told) is not None:
            return
        try:
            await self._run(self._load)
        except LocalError:
            self._bench.routes.laptop.failed()

    def _agree(self, question: Question, reach: Reach, job: str | None) -> Consent | None:
        """Give the consent that would let the question run, if one is all that is missing."""
        draft = self._look(question)
        if permitted(draft):
            return None  # it runs without: nothing is widened for nothing
        lacking = [each.route for each in draft.why_not if each.obstacle is Obstacle.NEEDS_CONSENT]
        elsewhere = [each.obstacle for each in draft.why_not if each.route is not Route.DEVICE]
        if not lacking and not _UNHEARD.isdisjoint(elsewhere):
            return None  # it may go there already; whether it can is asked next
        for target in lacking:
            heard = {target} & set(draft.request.known)
            then = self._at_best(question, draft, () if heard else (target,), target)
            if target in (*permitted(then), *then.waits_for):
                return self._give(question, draft, then, target, reach, job)
        raise LocalError(f"A consent would not help: {draft.reason}. {draft.advice}".strip())

    def _give(
        self, question: Question, draft: Decision, then: Decision, target: Boundary, reach: Reach, job: str | None
    ) -> Consent:
        if reach == "job" and job is None:
            raise LocalError("A consent for a job needs the job: add --job WO-1042, or say --consent once.")
        conversation = id_of(job) if reach == "job" and job else str(question.task)
        return self._bench.routes.consents.give(
            target,
            draft.data_class,
            question.purpose,
            reach,
            conversation,
            told=then.disclosure,
            bundle_version=then.bundle_version,
        )

    # -- trying

    async def _attempt(self, task: _Task, place: Boundary, heard: Heard) -> Answer | None:
        """One try at one place; None if it gave no answer, which is noted."""
        began, began_s, before = self._ports.clock.now(), self._ports.clock.monotonic_s(), self._cluster.passed()
        problem, answer, code = None, None, ""
        try:
            answer = await (self._here(task) if place is Route.DEVICE else self._there(task, place, heard))
        except (LocalError, TransportError, RemoteError) as error:
            problem, code = str(error), _code(error)
        took_s = round(self._ports.clock.monotonic_s() - began_s, 3)
        moved = self._moved(task, place, before)
        attempt = Attempt(
            route=place, began_at=began, took_s=took_s, problem=problem[:400] if problem else None, moved=moved
        )
        task.attempts.append(attempt)
        await self._run(lambda: self._note(task, attempt, code))
        if answer is None:
            return None
        told = {"disclosure": answer.disclosure} if answer.model == QUOTED else {}
        return answer.model_copy(update={**self._ended(task), **told})

    def _ended(self, task: _Task) -> dict[str, object]:
        """What the envelope says besides what the place itself said."""
        ran_as_meant = len(task.attempts) <= 1
        return {
            "moved": tuple(task.moved),
            "attempts": tuple(task.attempts),
            "first_token_s": task.first_token_s,
            "took_s": round(self._ports.clock.monotonic_s() - task.began_s, 3),
            "data_class": highest(task.decision.data_class),
            "fallback": None if ran_as_meant else task.attempts[0].problem,
            "decision": task.decision.hash,
            "bundle_version": task.decision.bundle_version,
            "disclosure": task.decision.disclosure,
        }

    def _moved(self, task: _Task, place: Boundary, before: Passed) -> Moved | None:
        if place is Route.DEVICE:
            return None
        now = self._cluster.passed()
        if now == before:
            return None
        moved = Moved(
            boundary=place,
            data_class=task.decision.data_class,
            bytes_up=now.up - before.up,
            bytes_down=now.down - before.down,
        )
        task.moved.append(moved)
        return moved

    def _note(self, task: _Task, attempt: Attempt, code: str) -> None:
        moved = attempt.moved
        with self._store.transaction():
            self._keep_met()
            if code:
                self._bench.routes.failed(_boundary(attempt.route))
            self._bench.routes.evidence.note(
                "attempt",
                task=task.id,
                decision=task.decision.hash,
                route=attempt.route.value,
                data_class=task.decision.data_class.value,
                problem=code,
                bytes_up=moved.bytes_up if moved else 0,
                bytes_down=moved.bytes_down if moved else 0,
                took_s=attempt.took_s,
            )

    def _keep_met(self) -> None:
        self._store.add_exchanges(self._cluster.met())

    async def _here(self, task: _Task) -> Answer:
        return await self._run(lambda: self._answer_here(task))

    def _answer_here(self, task: _Task) -> Answer:
        laptop = self._bench.routes.laptop
        try:
            model = self._bench.model or self._load()
            known = laptop.loaded(model)
            if task.context and known.tier is Tier.BASIC:
                return self._quoted(
                    task, task.context
                )  # a model that small answers worse than the manuals do (ADR 31)
            prompt = prompt_for(task.question.words, known.context_tokens, task.question.output_tokens)
            written = model.generate(prompt, SCHEMA, tokens_max=task.question.output_tokens)
        except LocalError:
            laptop.failed()  # what was stated of it does not hold
            raise
        task.first_token_s = round(written.ttft_s, 3)
        given = self._checked(task, read_answer(written.text))
        return Answer(
            task=task.id,
            text=given.text,
            citations=given.citations,
            route=Route.DEVICE,
            model=known.model,
            runtime=known.runtime,
            tier=known.tier,
            data_class=task.decision.data_class,
            decision=task.decision.hash,
            bundle_version=task.decision.bundle_version,
            took_s=0,
            tokens=written.tokens,
            disclosure=task.decision.disclosure,
        )

    def _checked(self, task: _Task, written: str) -> Given:
        """What may be said of what a model wrote: all of it, if there are no manuals that it was asked about."""
        if task.context is None or self._answering is None:
            return Given(written, ())
        given = self._answering.grounded(task.context, written)
        return given if given.citations else self._answering.extracted(task.context)

    def _quoted(self, task: _Task, context: Context) -> Answer:
        """The manuals' own words. Nothing runs for it, and nothing moves."""
        assert self._answering is not None, "a context comes from there"
        given = self._answering.extracted(context)
        return Answer(
            task=task.id,
            text=given.text,
            citations=given.citations,
            route=Route.DEVICE,
            model=QUOTED,
            runtime="tailboard",
            tier=Tier.BASIC,
            data_class=highest(task.decision.data_class),
            decision=task.decision.hash,
            bundle_version=task.decision.bundle_version,
            took_s=0,
            tokens=0,
            disclosure=_QUOTED_HERE,
        )

    async def _there(self, task: _Task, place: Boundary, heard: Heard) -> Answer:
        asked = await self._run(lambda: self._leaves(task, place))

        def piece(text: str) -> None:
            if task.first_token_s is None:
                task.first_token_s = round(self._ports.clock.monotonic_s() - task.began_s, 3)
            heard.piece(text)

        answer = await self._cluster.assist(asked, piece)
        if task.context is None:
            return answer
        given = await self._run(lambda: self._checked(task, answer.text))
        return answer.model_copy(update={"text": given.text, "citations": given.citations})

    def _leaves(self, task: _Task, place: Boundary) -> AssistRequest:
        """The question as it leaves; the consents that it leaves under are used from here on."""
        decision, question = task.decision, task.question
        consents = self._bench.routes.consents
        with self._store.transaction():
            envelopes = consents.envelopes(_rests_on(decision, place))
            consents.use(decision, place)
        return AssistRequest(
            task=task.id,
            purpose=question.purpose,
            record=task.job,
            conversation=question.conversation,
            prompt=question.words,
            data_class=decision.data_class,
            decision=decision.hash,
            bundle_version=decision.bundle_version,
            boundaries=(place,),
            output_tokens=question.output_tokens,
            tier=question.tier,
            tools=question.tools,
            within_s=question.within_s,
            consents=envelopes,
        )

    # -- nowhere

    def _nowhere(self, task: _Task) -> Answer | Waiting | Refused:
        attempts = tuple(task.attempts)
        quoted = self._quoted(task, task.context) if task.context else None
        if quoted and quoted.citations:
            return self._instead(task, quoted)
        waits_for = tuple(each for each in task.first.waits_for or task.decision.waits_for)
        failed = [each for each in task.tried() if each is not Route.DEVICE]
        if task.question.purpose != "propose" and (waits_for or self._may_wait(task, failed)):
            command = self._queue(task)
            if isinstance(command, Command):
                return Waiting(task.decision, command, attempts)
            return Refused(task.decision, command[0], command[1], attempts)
        decision = task.decision if not permitted(task.first) else task.first
        why = attempts[-1].problem if attempts else decision.reason
        if quoted:
            return self._instead(task, quoted)
        return Refused(decision, f"Not run anywhere: {why}", decision.advice or _TRY_AGAIN, attempts)

    def _instead(self, task: _Task, quoted: Answer) -> Answer:
        """What the manuals say where nothing may, or can, answer."""
        why = task.attempts[-1].problem if task.attempts else task.decision.reason
        kept = {"disclosure": quoted.disclosure, "fallback": f"Not run anywhere: {why}"[:400]}
        return quoted.model_copy(update={**self._ended(task), **kept})

    def _may_wait(self, task: _Task, failed: Sequence[Route]) -> bool:
        """Whether a place that failed may be waited for."""
        bundle = task.question.begun_with or self._bench.routes.bundle
        workload = bundle.rules.purposes[task.question.purpose]
        denied = {each.route for each in task.decision.why_not if each.obstacle not in PASSING | {Obstacle.OUTRANKED}}
        return workload.queue and any(place not in denied for place in failed)

    def _queue(self, task: _Task) -> Command | tuple[str, str]:
        """The command that carries the question through the outbox, or why there is none and what to do."""
        if task.job is None:
            return "Not run anywhere: only a question about a job can wait.", "Name the job: --job WO-1042."
        decision, question = task.decision, task.question
        payload = {
            "question": task.text,
            "purpose": question.purpose,
            "data_class": decision.data_class.value,
            "conversation": question.conversation,
            "tier": question.tier.value,
            "output_tokens": question.output_tokens,
            "decision": decision.hash,
            "consents": list(self._bench.routes.consents.envelopes(decision.consents)[:4]),
        }
        proposal = Proposal(TaskRequested.kind.name, task.job, payload, {})  # type: ignore[arg-type]
        (command,) = self._bench.confirm([proposal], sentence=task.text, source="cli")
        return command


def _unheard(draft: Decision) -> list[Boundary]:
    """The places elsewhere that are permitted, and of which nothing, or nothing new, is known."""
    return [each.route for each in draft.why_not if each.obstacle in _UNHEARD and each.route is not Route.DEVICE]


_TRY_AGAIN = "Try again in a moment; the forms work without an assistant."


def _next_place(task: _Task) -> Boundary | None:
    """The best place of the present decision that the first one names too, and that was not tried yet."""
    meant, tried = permitted(task.first), task.tried()
    return next((place for place in permitted(task.decision) if place in meant and place not in tried), None)


def _rests_on(decision: Decision, place: Boundary) -> tuple[str, ...]:
    return tuple(
        each.id for each in decision.request.consents if each.target is place and each.id in decision.consents
    )


def _boundary(route: Route) -> Boundary:
    return next(place for place in BOUNDARIES if place is route)


def _code(error: DeviceError) -> str:
    """What went wrong, as a word for counting."""
    if isinstance(error, RemoteError):
        return error.problem.code.value
    return "no_answer" if isinstance(error, TransportError) else "model_failed"
