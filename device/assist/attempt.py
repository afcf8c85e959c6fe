"""One try of one question at one place: run here or sent, timed, counted, and noted in the evidence."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from device.assist.following import Checks, Following, Heard, told_apart
from device.cluster_client import ClusterClient, Passed
from device.core.asking import SCHEMA, Spoken, prompt_for, read_answer
from device.errors import DeviceError, LocalError, RemoteError, TransportError
from device.library.answering import Context
from device.model.port import LanguageModel, Watch
from device.routes import Question, permitted
from device.store import DeviceStore
from device.workbench import Workbench
from shared.assist import Answer, AssistRequest, Attempt, Moved
from shared.ports import Ports, RunBlocking
from shared.routing import Boundary, Decision, Route, Tier, highest


@dataclass
class Task:
    """One question under way: `first` is the decision that it began with, `decision` the present one."""

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
        """The places that were tried."""
        return {each.route for each in self.attempts}


def _hand_over(loop: asyncio.AbstractEventLoop, piece: Callable[[str], None], text: str) -> None:
    """Tell `piece` where the question was asked, not on the model's thread."""
    if text:
        loop.call_soon_threadsafe(piece, text)


def next_place(task: Task) -> Boundary | None:
    """The best place of the present decision that the first one names too, and that was not tried yet."""
    meant, tried = permitted(task.first), task.tried()
    return next((place for place in permitted(task.decision) if place in meant and place not in tried), None)


class Attempts:
    """Makes attempts. `load` loads the model that stands here; blocking."""

    def __init__(
        self,
        bench: Workbench,
        store: DeviceStore,
        cluster: ClusterClient,
        load: Callable[[], LanguageModel],
        ports: Ports,
        run_blocking: RunBlocking,
        said: Callable[[Task, Answer], Answer],
        quote: Callable[[Task], Answer | None],
        checks: Callable[[Task], Checks | None],
    ) -> None:
        """`said` leaves of an answer what may be said, and `checks` of one that is still being written.

        `quote` answers without a model, where it can.
        """
        self._bench, self._store, self._cluster, self._load = bench, store, cluster, load
        self._said, self._quote, self._checks = said, quote, checks
        self._clock, self._run = ports.clock, run_blocking

    async def make(self, task: Task, place: Boundary, heard: Heard) -> Answer | None:
        """One try at one place; None if it gave no answer, which is noted."""
        began, began_s, before = self._clock.now(), self._clock.monotonic_s(), self._cluster.passed()
        answer, error = await _caught(
            self._here(task, heard) if place is Route.DEVICE else self._there(task, place, heard)
        )
        attempt = Attempt(
            route=place,
            began_at=began,
            took_s=round(self._clock.monotonic_s() - began_s, 3),
            problem=str(error)[:400] if error else None,
            moved=self._moved(task, place, before),
        )
        task.attempts.append(attempt)
        if answer is None:
            heard.anew()
        await self._run(lambda: self._note(task, attempt, place, answer, error))
        return answer and answer.model_copy(update=self._ended(task, answer))

    # -- here

    async def _here(self, task: Task, heard: Heard) -> Answer:
        """Ask this laptop's model. Who stops waiting stops the model."""
        loop, spoken, following = asyncio.get_running_loop(), Spoken(), Following(self._checks(task))
        watch = Watch(lambda piece: _hand_over(loop, heard.piece, following.hear(spoken.hear(piece))))
        try:
            return await self._run(lambda: self._answer_here(task, watch))
        except asyncio.CancelledError:
            watch.stop()
            raise

    def _answer_here(self, task: Task, watch: Watch) -> Answer:
        laptop = self._bench.routes.laptop
        try:
            model = self._bench.model or self._load()
            known = laptop.loaded(model)
            if known.tier is Tier.BASIC and (quoted := self._quote(task)):
                return quoted  # a model that small answers worse than the manuals do (ADR 31)
            prompt = prompt_for(task.question.words, known.context_tokens, task.question.output_tokens)
            written = model.generate(prompt, SCHEMA, tokens_max=task.question.output_tokens, watch=watch)
        except LocalError:
            laptop.failed()  # what was stated of it does not hold
            raise
        task.first_token_s = round(written.ttft_s, 3)
        answer = Answer(
            task=task.id,
            text=read_answer(written.text),
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
        return self._said(task, answer)

    # -- there

    async def _there(self, task: Task, place: Boundary, heard: Heard) -> Answer:
        asked = await self._run(lambda: self._leaves(task, place))

        async with told_apart(Following(self._checks(task)), heard, self._run) as tell:

            def piece(text: str) -> None:
                if task.first_token_s is None:
                    task.first_token_s = round(self._clock.monotonic_s() - task.began_s, 3)
                tell(text)

            answer = await self._cluster.assist(asked, piece)
        return answer if task.context is None else await self._run(lambda: self._said(task, answer))

    def _leaves(self, task: Task, place: Boundary) -> AssistRequest:
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

    # -- what became of it

    def _moved(self, task: Task, place: Boundary, before: Passed) -> Moved | None:
        now = self._cluster.passed()
        if place is Route.DEVICE or now == before:
            return None
        moved = Moved(
            boundary=place,
            data_class=task.decision.data_class,
            bytes_up=now.up - before.up,
            bytes_down=now.down - before.down,
        )
        task.moved.append(moved)
        return moved

    def _note(
        self, task: Task, attempt: Attempt, place: Boundary, answer: Answer | None, error: DeviceError | None
    ) -> None:
        moved, routes = attempt.moved, self._bench.routes
        with self._store.transaction():
            self._store.add_exchanges(self._cluster.met())
            if isinstance(error, RemoteError):
                routes.turned_away(error.problem.code)
            if error:
                routes.failed(place)
            routes.evidence.note(
                "attempt",
                task=task.id,
                decision=task.decision.hash,
                route=place.value,
                data_class=task.decision.data_class.value,
                problem=_code(error) if error else "",
                bytes_up=moved.bytes_up if moved else 0,
                bytes_down=moved.bytes_down if moved else 0,
                took_s=attempt.took_s,
                link=task.decision.request.link.value,
                fallback=len(task.attempts) > 1,
                first_token_s=task.first_token_s,
                tokens=answer.tokens if answer else 0,
                model=answer.model if answer else "",
                runtime=answer.runtime if answer else "",
            )

    def _ended(self, task: Task, answer: Answer) -> dict[str, object]:
        """What the envelope says besides what the place itself said."""
        ran_as_meant = len(task.attempts) == 1
        return {
            "moved": tuple(task.moved),
            "attempts": tuple(task.attempts),
            "first_token_s": task.first_token_s,
            "took_s": round(self._clock.monotonic_s() - task.began_s, 3),
            "data_class": highest(task.decision.data_class),
            "fallback": None if ran_as_meant else task.attempts[0].problem,
            "decision": task.decision.hash,
            "bundle_version": task.decision.bundle_version,
            "disclosure": answer.disclosure if answer.route is Route.DEVICE else task.decision.disclosure,
        }


async def _caught(trying: Awaitable[Answer]) -> tuple[Answer | None, DeviceError | None]:
    """The answer, or why there is none."""
    try:
        return await trying, None
    except (LocalError, TransportError, RemoteError) as error:
        return None, error


def _rests_on(decision: Decision, place: Boundary) -> tuple[str, ...]:
    return tuple(
        each.id for each in decision.request.consents if each.target is place and each.id in decision.consents
    )


def _code(error: DeviceError) -> str:
    """What went wrong, as a word for counting."""
    if isinstance(error, RemoteError):
        return error.problem.code.value
    return "no_answer" if isinstance(error, TransportError) else "model_failed"
