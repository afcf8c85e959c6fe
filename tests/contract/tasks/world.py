"""A server whose questions go to a cluster that can be told to misbehave, and a rule of the house about them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.commands.assist_request import TaskRequested, task_ref
from shared.ids import sha256_hex
from shared.records import AssistTask, Record
from shared.routing import DataClass, Decision, Obstacle, Refusal, Route, RouteRequest, highest
from simulators.cluster import Cluster, ScriptedEngine
from sync_server.cluster.queue.desk import TaskDesk
from sync_server.cluster.queue.facts import Policy
from sync_server.cluster.queue.port import Engine
from sync_server.cluster.queue.steps import Limits
from sync_server.cluster.queue.worker import Pace, Worker
from sync_server.office import Office
from sync_server.service import Service
from sync_server.store import TaskEntry
from tests.builders import JOB, StillClock
from tests.served import TENANT, in_place

LIMITS = Limits(attempts_max=3, run_s=100.0, pause_s=5.0, pause_max_s=60.0)
LEASE_S = 130.0
#: More than so many tokens are complex, and need an approval.
COMPLEX_TOKENS = 1000


@dataclass
class HouseRule:
    """Internal work may go to the private cluster, complex work if somebody approved it. A test may forbid it all."""

    forbids: bool = False
    fails: bool = False
    asked: list[RouteRequest] = field(default_factory=list)

    def choose(self, request: RouteRequest, at: datetime) -> Decision:
        self.asked.append(request)
        if self.fails:
            raise RuntimeError("a fault of our own")
        obstacle = self._obstacle(request)
        route = Route.PRIVATE_CLUSTER if obstacle is None else Route.REFUSE
        route = Route.QUEUE if obstacle is Obstacle.UNKNOWN else route
        refusals = (
            (Refusal(route=Route.PRIVATE_CLUSTER, obstacle=obstacle, reason=str(obstacle)),) if obstacle else ()
        )
        return Decision(
            decided_at=at,
            request=request,
            data_class=highest(request.data_class or DataClass.RESTRICTED),
            route=route,
            bundle_version="house-1",
            policies=("house",),
            reason=str(obstacle or "the house allows it"),
            why_not=refusals,
            disclosure="Answered in our own cluster.",
            advice="Ask the office." if obstacle else "",
            hash=sha256_hex(request.to_bytes()),
        )

    def _obstacle(self, request: RouteRequest) -> Obstacle | None:
        if self.forbids or (request.data_class or DataClass.RESTRICTED).rank > DataClass.INTERNAL.rank:
            return Obstacle.NOT_PERMITTED
        if request.output_tokens > COMPLEX_TOKENS and not request.approved:
            return Obstacle.NEEDS_APPROVAL
        return None if Route.PRIVATE_CLUSTER in request.known else Obstacle.UNKNOWN


class Died(BaseException):
    """The process is gone."""


class Deadly:
    """Something at whose call `act` the process dies, before it or after."""

    def __init__(self, inner: Any, act: str, *, after: bool) -> None:
        self._inner, self._act, self._after = inner, act, after

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)
        if name != self._act:
            return inner
        return self._deadly_async(inner) if name == "run" else self._deadly(inner)

    def _deadly(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._after:
                inner(*arguments)
            raise Died

        return call

    def _deadly_async(self, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            if self._after:
                await inner(*arguments)
            raise Died

        return call


@dataclass
class Questions:
    """Everything that a test of this road holds in its hands."""

    office: Office
    clock: StillClock
    rule: HouseRule = field(default_factory=HouseRule)
    cluster: Cluster = field(default_factory=Cluster)
    workers: int = 0
    #: What happens while the cluster works.
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.follow(Policy(lambda _tx, request, at: self.rule.choose(request, at)))

    def follow(self, policy: Policy) -> None:
        """From now on the server judges by this policy."""
        old = self.office.service
        self.office.service = Service(old.store, old.ring, old.ports, old.attachments.files, asks=policy.asks)
        self.policy = policy

    def ask(self, question: str = "which seal?", actor: str = "m.reyes", record: str = JOB, **told: Any) -> str:
        """Leave a question at the office; its command."""
        asked = TaskRequested.model_validate({"question": question, "data_class": "internal", **told})
        (entry,) = self.office.service.confirm(TENANT, actor, [(record, asked)])
        return entry.command.id

    def desk(self, service: Service | None = None) -> TaskDesk:
        self.workers += 1
        return TaskDesk(service or self.office.service, self.policy, f"worker-{self.workers}", LIMITS)

    def engine(self) -> ScriptedEngine:
        async def wait(_seconds: float) -> None:
            if self.meanwhile:
                await self.meanwhile()

        return ScriptedEngine(self.cluster, self.clock, wait)

    def worker(self, engine: Engine | None = None, desk: Any = None) -> Worker:
        return Worker(engine or self.engine(), desk or self.desk(), self.clock, in_place, LIMITS, Pace())

    async def step(self) -> bool:
        return await self.worker().step(self.clock.now())

    async def work(self, seconds: float, every: float = 5) -> None:
        """Let time pass with a worker looking at the tasks all the while."""
        for _ in range(int(seconds / every)):
            while await self.step():
                pass
            self.pass_time(every)

    def pass_time(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))

    def record(self, command: str) -> Record:
        return self.office.record(TENANT, task_ref(command))

    def task(self, command: str) -> AssistTask:
        """What the record says; the row says the same."""
        task = AssistTask.model_validate(self.record(command).fields)
        assert self.row(command).state == task.status
        return task

    def row(self, command: str) -> TaskEntry:
        with self.office.service.store.transaction() as tx:
            found = tx.task(TENANT, command)
        assert found is not None
        return found

    @property
    def came(self) -> list[tuple[str, int]]:
        """What reached the cluster: task and fence."""
        return [(each.task, each.fence) for each in self.cluster.reached]
