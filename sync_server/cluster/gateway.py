"""Decide again, admit, choose, exchange, account: the way of one task through the cluster.

Rules
1. The decision is made here, from the server's own facts, by the same rules as on the device; a task goes only where
   both permit it. A task that waited is decided again before it is sent.
2. It is sent to one upstream at a time. Another one takes over if that failed before the first token, within what the
   decision permits; after the first token there is no other.
3. Whoever goes away takes the engine's work along: the place in the line is given back, the connection closed.
4. What was reserved, counted, begun and audited is put right in every end, also when the caller is cancelled.

Not handled here: HTTP, the database, who may ask at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from shared.assist import Answer, Attempt, Moved
from shared.ports import Ports
from shared.problems import Code, Refused
from shared.routing import (
    Boundary,
    Capability,
    Consented,
    Decision,
    Link,
    Obstacle,
    Route,
    RouteRequest,
)
from sync_server.cluster import choice
from sync_server.cluster.account import Account, Use
from sync_server.cluster.admission import Begun, Line, Overloaded, Ticket, Waiting
from sync_server.cluster.engine import WELL, Engine, EngineFault, Exchange, Fault, Whole
from sync_server.cluster.health import Health
from sync_server.cluster.policy import Policies
from sync_server.cluster.quota import IDLE, Book, OneProcess, Quotas, Spent
from sync_server.cluster.task import ANY_MODEL, Task
from sync_server.cluster.upstreams import Cluster
from sync_server.cluster.wire import Wire

T = TypeVar("T")
#: The consents of a task that hold, as of now.
StillGiven = Callable[[Task], Awaitable[tuple[Consented, ...]]]
PLACES: tuple[Boundary, ...] = (Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD)
#: How long a task may wait for its turn if it names no time itself.
WAIT_MAX_S = 120.0
#: So long a statement of what an upstream can do is not made anew, if its line is as it was.
CAPABILITY_KEPT = timedelta(seconds=1)
_FAULTS = {
    Fault.SILENT: Code.UPSTREAM_SILENT,
    Fault.UNREACHED: Code.NO_CAPACITY,
    Fault.BUSY: Code.NO_CAPACITY,
}
_OBSTACLES = {
    Obstacle.NEEDS_CONSENT: Code.CONSENT_NEEDED,
    Obstacle.NEEDS_APPROVAL: Code.APPROVAL_NEEDED,
    Obstacle.CONTEXT: Code.PROMPT_TOO_LARGE,
    Obstacle.UNKNOWN: Code.NO_CAPACITY,
    Obstacle.STALE: Code.NO_CAPACITY,
    Obstacle.UNHEALTHY: Code.NO_CAPACITY,
}


class Seat:
    """One upstream as the gateway sees it: the way to it, its line, its health."""

    def __init__(self, engine: Engine) -> None:
        told = engine.upstream.told
        self.engine, self.told, self.name = engine, told, engine.upstream.name
        self.line, self.health = Line(told.slots, told.queue_max), Health()
        self.tokens_per_s = 0.0
        self.capability: Capability | None = None
        self._turns: dict[Ticket, asyncio.Future[None]] = {}

    def fits(self, task: Task) -> bool:
        """Whether its model can take the task at all."""
        told = self.told
        return (
            told.tier.rank >= task.tier.rank
            and task.tokens <= told.context_tokens
            and set(task.tools) <= set(told.tools)
            and self.serves(task)
        )

    def serves(self, task: Task) -> bool:
        """Whether its model is the one that the task names, if it names one."""
        return task.raw_model in {"", ANY_MODEL, self.told.model}

    async def enter(self, ticket: Ticket, now_s: float) -> bool:
        """Wait for a turn; whether there was anything to wait for.

        Raises:
            Refused: `overloaded`, `deadline_passed`.
        """
        match self.line.ask(ticket, now_s):
            case Begun():
                return False
            case Overloaded(retry_after_s):
                raise Refused(Code.OVERLOADED, "the line is full, or too long for its time", retry_after_s)
            case Waiting(displaced):
                if displaced is not None and (turn := self._turns.pop(displaced, None)) and not turn.done():
                    turn.set_exception(Refused(Code.OVERLOADED, "more urgent work came", self.line.retry_after_s))
        turn = self._turns[ticket] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ticket.deadline_s - now_s):
                await turn
        except TimeoutError as error:
            self.leave(ticket)
            raise Refused(Code.DEADLINE_PASSED, "its turn did not come in time", self.line.retry_after_s) from error
        except BaseException:
            self.leave(ticket)
            raise
        return True

    def leave(self, ticket: Ticket, ran_s: float | None = None) -> None:
        """Give the place back; whose turn it is begins."""
        self._turns.pop(ticket, None)
        for begun in self.line.leave(ticket, ran_s):
            turn = self._turns.pop(begun, None)
            if turn is not None and not turn.done():
                turn.set_result(None)


@dataclass
class Run(Generic[T]):
    """A task under way, or done: where, since when, and what came of it. `got` is what the exchange gave."""

    task: Task
    decision: Decision
    began_at: datetime
    began_s: float
    whom: tuple[str, ...]
    reserved: int
    attempts: list[Attempt] = field(default_factory=list)
    seat: Seat | None = None
    ticket: Ticket | None = None
    waited_s: float = 0.0
    sent_s: float = 0.0
    bytes_up: int = 0
    first_token_s: float | None = None
    result: T | None = None

    @property
    def got(self) -> T:
        """What the exchange gave."""
        assert self.result is not None, "asked for before it was there"
        return self.result

    @property
    def route(self) -> Boundary:
        """Where it runs."""
        assert self.seat is not None, "asked for before it runs"
        return self.seat.told.boundary


class Gateway:
    """The cluster of one server."""

    def __init__(
        self,
        cluster: Cluster,
        wire: Wire,
        policies: Policies,
        ports: Ports,
        book: Book | None = None,
        still_given: StillGiven | None = None,
    ) -> None:
        """`wire` is closed by whoever made it. Quotas are counted in `book`, or for this process alone.

        `still_given` says which of a task's consents nobody took back; without it, all that it came with.
        """
        self.cluster, self.policies, self.ports = cluster, policies, ports
        self.account = Account()
        self.seats = {each.name: Seat(Engine(each, wire)) for each in cluster.upstreams}
        self._quotas, self._book, self._still_given = Quotas(), book or OneProcess(), still_given
        self._number = 0

    # -- whole tasks

    async def run(self, task: Task) -> Answer:
        """The answer to `task`, whole; what queued work calls. Raises `Refused`."""
        run = await self._begin(task, lambda engine, body: engine.complete(body, task.id), stream=False)
        got = run.got
        text = "".join(_content(each.get("message")) for each in got.said["choices"][:1] if isinstance(each, dict))
        answer = self._answer(run, text, got.usage, len(got.raw), 0)
        self.finish(run, "answered", usage=got.usage, bytes_down=len(got.raw))
        return answer

    async def relay(self, task: Task) -> Run[Whole]:
        """The engine's own bytes for `task`, whole. Raises `Refused`."""
        run = await self._begin(task, lambda engine, body: engine.complete(body, task.id), stream=False)
        self.finish(run, "answered", usage=run.got.usage, bytes_down=len(run.got.raw))
        return run

    # -- streamed tasks

    async def open(self, task: Task) -> Run[Exchange]:
        """`task` with its first token there. Whoever opens one ends it with `finish`. Raises `Refused`."""
        return await self._begin(task, lambda engine, body: engine.open(body, task.id), stream=True)

    async def close(self, run: Run[Exchange], how: str, events: int = 0) -> None:
        """The end of a streamed task."""
        exchange = run.got
        self.finish(run, how, usage=exchange.usage, bytes_down=exchange.size, tokens=events)
        await exchange.close()

    def answer(self, run: Run[Exchange], text: str, events: int) -> Answer:
        """The envelope of a streamed answer that came to its end."""
        return self._answer(run, text, run.got.usage, run.got.size, events)

    # -- the decision

    def decide(self, task: Task) -> Decision:
        """The route of a task whose words were classified, from the server's own facts."""
        now = self.ports.clock.now()
        asker = task.asker
        request = RouteRequest(
            tenant=asker.tenant,
            device=asker.device,
            actor=asker.actor,
            purpose=task.purpose,
            conversation=task.conversation or task.id,
            data_class=task.data_class,
            conversation_class=task.conversation_class,
            input_chars=len(task.text),
            output_tokens=task.output_tokens,
            tools=task.tools,
            tier=task.tier,
            within_s=task.within_s,
            device_approved=task.laptop_approved,
            link=Link.UP,
            known=self.known(now, task),
            consents=task.consents,
            approved=task.approved,
        )
        return self.policies.choose(request, now)

    def known(self, now: datetime, task: Task | None = None) -> dict[Boundary, Capability]:
        """What each place can do now: of its upstreams that are well, the one that would take `task`, or the best."""
        known: dict[Boundary, Capability] = {}
        for place in PLACES:
            seats = [seat for seat in self._well(place) if task is None or seat.serves(task)]
            fit = [seat for seat in seats if task is None or seat.fits(task)] or seats
            if fit:
                best = min(fit, key=lambda seat: (seat.line.load, -seat.told.tier.rank, seat.name))
                known[place] = self._capability(best, now)
        return known

    def _well(self, place: Boundary) -> list[Seat]:
        now_s = self.ports.clock.monotonic_s()
        return [seat for seat in self.seats.values() if seat.told.boundary == place and seat.health.usable(now_s)]

    def _capability(self, seat: Seat, now: datetime) -> Capability:
        told, queue_s, known = seat.told, seat.line.wait_s(), seat.capability
        if known is not None and known.queue_s == queue_s and now - known.measured_at < CAPABILITY_KEPT:
            return known
        seat.capability = Capability(
            model=told.model,
            tier=told.tier,
            context_tokens=told.context_tokens,
            tokens_per_s=seat.tokens_per_s,
            tools=told.tools,
            queue_s=queue_s,
            cost_per_1k_tokens=told.cost_per_1k_tokens,
            measured_at=now,
            expires_at=now + timedelta(seconds=self.cluster.capability_s),
        )
        return seat.capability

    # -- the way

    async def _begin(self, task: Task, exchange: Callable[[Engine, bytes], Awaitable[T]], *, stream: bool) -> Run[T]:
        if self.account.full:
            raise Refused(Code.BUSY, "the audit cannot be written", 5)
        decision = self.decide(task)
        run: Run[T] = Run(task, decision, decision.decided_at, self.ports.clock.monotonic_s(), (), 0)
        try:
            places = _places(task, decision)
            await self._reserve(run)
            await self._somewhere(run, places, exchange, stream=stream)
        except Refused as refused:
            self.finish(run, refused.problem.code)
            raise
        except BaseException:
            self.finish(run, "cancelled")
            raise
        return run

    async def _reserve(self, run: Run[Any]) -> None:
        asker, now = run.task.asker, run.began_at
        allowances = self.cluster.quota.of(asker.tenant, asker.actor)
        while wanted := self._quotas.take(allowances, run.task.tokens, now):
            drawn = await self._book.draw(wanted, now)
            if isinstance(drawn, Spent):
                raise Refused(Code.QUOTA_SPENT, f"the quota of {drawn.who} is used up", drawn.retry_after_s)
            self._quotas.add(drawn, now)
        run.whom, run.reserved = tuple(who for who, _ in allowances), run.task.tokens

    async def _somewhere(
        self,
        run: Run[T],
        places: Sequence[Boundary],
        exchange: Callable[[Engine, bytes], Awaitable[T]],
        *,
        stream: bool,
    ) -> None:
        fault: EngineFault | None = None
        tried: set[str] = set()
        while (seat := self._seat(run.task, places, tried)) is not None:
            tried.add(seat.name)
            places = await self._turn(run, seat, places)
            try:
                await self._try(run, seat, exchange, stream=stream)
            except EngineFault as error:
                fault = error
                self.account.counters.add("faults", seat.name, error.fault)
            else:
                return
        raise _no_answer(fault) if fault or self._any_fits(run.task, places) else _too_long(run.task)

    def _any_fits(self, task: Task, places: Iterable[Boundary]) -> bool:
        """Whether any upstream there could take the task if it were up and free."""
        return any(seat.fits(task) for seat in self.seats.values() if seat.told.boundary in places)

    async def _turn(self, run: Run[Any], seat: Seat, places: Sequence[Boundary]) -> Sequence[Boundary]:
        """Wait for a turn at `seat`; the places that are permitted then. Raises `Refused`."""
        task, now_s = run.task, self.ports.clock.monotonic_s()
        self._number += 1
        until_s = run.began_s + (WAIT_MAX_S if task.within_s is None else task.within_s)
        ticket = Ticket(_priority(seat, task), self._number, until_s)
        waited = await seat.enter(ticket, now_s)
        run.seat, run.ticket = seat, ticket
        if waited:  # meanwhile a consent may have ended or been taken back, or a bundle come into force
            run.waited_s += self.ports.clock.monotonic_s() - now_s
            if task.consents and self._still_given:
                task = run.task = replace(task, consents=await self._still_given(task))
            run.decision = self.decide(task)
            places = _places(task, run.decision)
            if seat.told.boundary not in places:
                raise Refused(Code.ROUTE_REFUSED, "when its turn came the policy did not permit it any more")
        return places

    async def _try(
        self, run: Run[T], seat: Seat, exchange: Callable[[Engine, bytes], Awaitable[T]], *, stream: bool
    ) -> None:
        clock = self.ports.clock
        body = run.task.body(seat.told.model, stream=stream)
        run.sent_s, run.bytes_up = clock.monotonic_s(), run.bytes_up + len(body)
        began_at = clock.now()
        seat.health.begin(run.sent_s)
        try:
            run.result = await exchange(seat.engine, body)
        except EngineFault as error:
            took_s = clock.monotonic_s() - run.sent_s
            seat.health.report(clock.monotonic_s(), well=error.fault in WELL)
            moved = None if error.fault is Fault.UNREACHED else _moved(run, len(body), 0)
            run.attempts.append(
                Attempt(route=seat.told.boundary, began_at=began_at, took_s=took_s, problem=str(error), moved=moved)
            )
            self._let_go(run)
            raise
        except BaseException:
            seat.health.give_up()
            raise
        now_s = clock.monotonic_s()
        seat.health.report(now_s, well=True)
        run.first_token_s = now_s - run.began_s
        run.attempts.append(Attempt(route=seat.told.boundary, began_at=began_at, took_s=now_s - run.sent_s))

    def _seat(self, task: Task, places: Iterable[Boundary], tried: set[str]) -> Seat | None:
        """The upstream for the next try: nearest place first, then as `choice` says."""
        for place in places:
            seats = [seat for seat in self._well(place) if seat.name not in tried and seat.fits(task)]
            if not seats:
                continue
            if len(seats) == 1:
                return seats[0]
            loads = [choice.Candidate(each.name, each.line.load, each.line.wait_s() == 0) for each in seats]
            return self.seats[choice.order(loads, task.prefix)[0]]
        return None

    # -- the end

    def finish(self, run: Run[Any], how: str, *, usage: Any = None, bytes_down: int = 0, tokens: int = 0) -> None:
        """Put right what was reserved and begun, and account for the task; once for each."""
        counted = usage if isinstance(usage, dict) else {}
        down = _count(counted, "completion_tokens", tokens)
        up = _count(counted, "prompt_tokens", len(run.task.text) // 4 if run.result is not None else 0)
        now_s = self.ports.clock.monotonic_s()
        seat = run.seat
        if how != "answered" and seat is not None and run.result is not None and how != "cancelled":
            seat.health.report(now_s, well=False)  # it broke off after its first token
        if seat is not None and how == "answered" and down and now_s > run.sent_s:
            seat.tokens_per_s += 0.2 * (down / (now_s - run.sent_s) - seat.tokens_per_s)
        self._let_go(run, now_s - run.sent_s if how == "answered" else None)
        if run.whom:
            self._quotas.put_right(run.whom, run.reserved, up + down)
        counts = {"tokens_up": up, "tokens_down": down, "bytes_down": bytes_down, "took_s": now_s - run.began_s}
        self.account.keep(_use(run, how, counts))

    def _let_go(self, run: Run[Any], ran_s: float | None = None) -> None:
        if run.seat is not None and run.ticket is not None:
            run.seat.leave(run.ticket, ran_s)
            run.ticket = None

    def _answer(self, run: Run[Any], text: str, usage: dict[str, Any], bytes_down: int, events: int) -> Answer:
        decision = run.decision
        assert run.seat is not None, "it ran"
        failed = [each for each in run.attempts if each.problem]
        moved = [each.moved for each in failed if each.moved]
        sent = run.bytes_up - sum(each.bytes_up for each in moved)
        return Answer(
            task=run.task.id,
            text=text,
            route=run.route,
            model=run.seat.told.model,
            runtime=run.seat.name,
            tier=run.seat.told.tier,
            data_class=decision.data_class,
            decision=decision.hash,
            bundle_version=decision.bundle_version,
            moved=(*moved, _moved(run, sent, bytes_down)),
            attempts=tuple(run.attempts),
            first_token_s=run.first_token_s,
            took_s=self.ports.clock.monotonic_s() - run.began_s,
            tokens=_count(usage, "completion_tokens", events),
            fallback=failed[-1].problem if failed else None,
            disclosure=decision.disclosure,
        )

    # -- beside the tasks

    async def bring_back(self, idle: timedelta = IDLE) -> None:
        """Let other processes have what this one was given of quotas and did not touch for `idle`."""
        await self._book.bring_back(self._quotas.unused(self.ports.clock.now(), idle))

    def renew(self, name: str) -> None:
        """An upstream was started anew: it is probed next, whatever its predecessor did."""
        self.seats[name].health.renew(self.ports.clock.monotonic_s())

    async def probe(self) -> None:
        """Ask every upstream that is out, and whose time is over, whether it is back."""
        clock = self.ports.clock
        for seat in self.seats.values():
            if not seat.health.ejected or not seat.health.usable(clock.monotonic_s()):
                continue
            seat.health.begin(clock.monotonic_s())
            try:
                await seat.engine.probe()
            except EngineFault as error:
                self.account.counters.add("probe_faults", seat.name, error.fault)
                seat.health.report(clock.monotonic_s(), well=False)
            except BaseException:
                seat.health.give_up()
                raise
            else:
                seat.health.report(clock.monotonic_s(), well=True)


def _places(task: Task, decision: Decision) -> tuple[Boundary, ...]:
    """Where the task may run, best first: what both decisions permit. Raises `Refused` if that is nowhere."""
    permitted = [place for place in PLACES if place == decision.route]
    permitted += [place for place in decision.fallbacks if place in PLACES and place not in permitted]
    both = tuple(place for place in permitted if place in task.boundaries)
    if both:
        return both
    if permitted:
        raise Refused(Code.ROUTE_REFUSED, "the laptop's own decision does not permit the place that is left")
    raise _refusal(task, decision)


def _refusal(task: Task, decision: Decision) -> Refused:
    """Why a decision permits no place of ours, by the place that came nearest."""
    whys = [each for each in decision.why_not if each.route in task.boundaries and each.route in PLACES]
    for why in whys:
        if why.obstacle in _OBSTACLES:
            code = _OBSTACLES[why.obstacle]
            return Refused(code, why.reason, 5 if code is Code.NO_CAPACITY else None)
    words = "; ".join(dict.fromkeys(each.reason for each in whys)) or decision.reason
    return Refused(Code.ROUTE_REFUSED, words[:400])


def _no_answer(fault: EngineFault | None) -> Refused:
    if fault is None:
        return Refused(Code.NO_CAPACITY, "every model server that may take this is down or cannot", 5)
    code = _FAULTS.get(fault.fault, Code.UPSTREAM_FAILED)
    return Refused(code, str(fault), 5 if code is Code.NO_CAPACITY else None)


def _too_long(task: Task) -> Refused:
    return Refused(
        Code.PROMPT_TOO_LARGE, f"about {task.tokens} tokens with the answer, or tools and quality, are too much"
    )


def _priority(seat: Seat, task: Task) -> int:
    order = seat.told.priorities
    return order.index(task.asker.kind) if task.asker.kind in order else len(order)


def _moved(run: Run[Any], bytes_up: int, bytes_down: int) -> Moved:
    return Moved(boundary=run.route, data_class=run.decision.data_class, bytes_up=bytes_up, bytes_down=bytes_down)


def _use(run: Run[Any], how: str, counts: dict[str, Any]) -> Use:
    task, decision, asker = run.task, run.decision, run.task.asker
    return Use(
        at=run.began_at,
        tenant=asker.tenant,
        task=task.id,
        kind=asker.kind,
        device=asker.device,
        actor=asker.actor,
        purpose=task.purpose,
        data_class=decision.data_class,
        route=run.route if run.seat is not None else decision.route,
        upstream=run.seat.name if run.seat is not None else "",
        bundle=decision.bundle_version,
        decision=decision.hash,
        policies=decision.policies,
        consents=decision.consents,
        ended=how,
        attempts=len(run.attempts),
        bytes_up=run.bytes_up,
        waited_s=run.waited_s,
        first_token_s=run.first_token_s,
        **counts,
    )


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _count(usage: dict[str, Any], name: str, otherwise: int) -> int:
    value = usage.get(name)
    return value if type(value) is int and 0 <= value < 1 << 31 else otherwise
