"""Builds a server from its parts. The only place on the server where things are made."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread

from policies.models import MODEL_BYTES_MAX, MODELS_MAX
from shared.ports import Beside, Ports, RunBlocking, in_place, system_ports
from shared.problems import Code, Refused
from shared.routing import Consented
from sync_server.batch.known import Asks
from sync_server.blob_files import BlobFiles, BlobLimits, ModelFiles
from sync_server.cluster.connections import Connections
from sync_server.cluster.embedded import Embedded, embedded_cluster
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.keeping import bring_back_for_ever, probe_for_ever, read_for_ever, write_down, write_for_ever
from sync_server.cluster.parts import ClusterParts
from sync_server.cluster.policy import Policies, ServerPolicies, shipped_policies
from sync_server.cluster.queue.by_gateway import GatewayEngine
from sync_server.cluster.queue.desk import TaskDesk
from sync_server.cluster.queue.facts import Policy
from sync_server.cluster.queue.in_force import policy_in_force
from sync_server.cluster.queue.port import Engine, NoEngine
from sync_server.cluster.queue.steps import Limits as TaskLimits
from sync_server.cluster.queue.worker import Pace as TaskPace
from sync_server.cluster.queue.worker import Worker as TaskWorker
from sync_server.cluster.quota_book import StoredBook
from sync_server.cluster.reception import Reception
from sync_server.cluster.task import Task
from sync_server.cluster.upstreams import Cluster, read_cluster
from sync_server.cluster.wire import Wire
from sync_server.office import Office
from sync_server.server_keys import SECRET_BYTES, KeyRing
from sync_server.service import Service, incarnation
from sync_server.settings import Settings
from sync_server.store import Store, Tx, schema
from sync_server.sweeping import sweep_for_ever
from sync_server.systems.configuration import SystemSettings, read_secret, read_systems
from sync_server.systems.desk import Desk
from sync_server.systems.worker import Worker
from sync_server.telemetry.sampling import sample_for_ever
from sync_server.updates.publisher import Publisher

if TYPE_CHECKING:
    import httpx
    from fastapi import APIRouter

T = TypeVar("T")


async def on_thread(work: Callable[[], T]) -> T:
    """Run blocking work on a thread of the running loop."""
    return await anyio.to_thread.run_sync(work)


def beside_on_threads() -> Beside:
    """Work beside the caller on threads that end with the program."""
    threads = ThreadPoolExecutor(thread_name_prefix="beside")
    return lambda work: threads.submit(work).result


def build_service(
    settings: Settings,
    ports: Ports | None = None,
    *,
    pooled: bool = True,
    beside: Beside = in_place,
    asks: Asks | None = None,
) -> Service:
    """The service over the database that `tailboard-server init` made; `pooled` as `Store` says.

    `asks` says which commands policy wants approved, whatever their kind says; if it is None, the policies say so
    that each organisation has in force.

    Raises:
        Refused: there is no such server here, or its database is not of this program.
    """
    if not settings.secret.exists():
        raise Refused(Code.NOT_FOUND, f"there is no server in {settings.home}; run: tailboard-server init")
    secret = settings.secret.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise Refused(Code.INTERNAL, f"{settings.secret} is damaged; restore its backup")
    store = Store(settings.database, pooled=pooled)
    try:
        schema.check(store)
    except BaseException:
        store.close()
        raise
    files, ring, ports = blob_files(settings), KeyRing(secret), ports or system_ports()

    def published(tx: Tx, tenant: str) -> Publisher:
        return Publisher(tx, tenant, ring, ports, settings.terms, incarnation(tx))

    judged = asks or policy_in_force(published).asks
    models = ModelFiles(model_files(settings), settings.incoming_models)
    return Service(store, ring, ports, files, beside, settings.terms, judged, models)


def blob_files(settings: Settings) -> BlobFiles:
    """The bytes of the files that commands name."""
    return BlobFiles(settings.blobs, BlobLimits(settings.file_bytes_max, settings.tenant_files_bytes_max))


def model_files(settings: Settings) -> BlobFiles:
    """The files of published models."""
    return BlobFiles(settings.models, BlobLimits(MODEL_BYTES_MAX, MODEL_BYTES_MAX * MODELS_MAX))


Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def build_lifespan(
    settings: Settings,
    service: Service,
    run_blocking: RunBlocking,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    transport: "httpx.AsyncBaseTransport | None" = None,
    cluster: ClusterParts | None = None,
    tasks: "TaskWork | None" = None,
) -> Lifespan:
    """What runs as long as the application does: the sweep, and a worker for each system of record in `systems.toml`.

    If `settings` name a collector of spans, it gets them. Systems are reached through `transport`; through the
    network if it is None. With a `cluster`: its audit, its probes, its connections, and the model's process if it is
    our own. `tasks` says how questions that were left for the cluster are worked off; if it is None, nobody does.

    Raises:
        Refused: the file or a secret that it names cannot be read.
    """
    systems = [(name, told, read_secret(settings.home, told)) for name, told in read_systems(settings.home).items()]

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as open_clients:
            work = []
            if systems:
                client = await open_clients.enter_async_context(_client(transport))
                work += [build_worker(service, each, client, run_blocking).run(wait) for each in systems]
            work += [worker.run(wait) for worker in build_task_workers(service, tasks, run_blocking)]
            running = [asyncio.create_task(each) for each in work]
            running.append(asyncio.create_task(sweep_for_ever(service, run_blocking, wait)))
            running.append(asyncio.create_task(sample_for_ever(service, run_blocking, wait)))
            if settings.otlp:
                collector = await open_clients.enter_async_context(_client(transport))
                exports = _exports(service, settings.otlp, collector, cluster, run_blocking, wait)
                running.append(asyncio.create_task(exports))
            try:
                async with _beside_the_cluster(cluster, run_blocking, wait):
                    yield
            finally:
                for each in running:
                    each.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    return lifespan


def _exports(
    service: Service,
    endpoint: str,
    client: "httpx.AsyncClient",
    cluster: ClusterParts | None,
    run_blocking: RunBlocking,
    wait: Callable[[float], Awaitable[None]],
) -> Coroutine[Any, Any, None]:
    """Sending spans to a collector; nobody else needs what that takes."""
    from sync_server.telemetry.exporting import Exporter, export_for_ever  # noqa: PLC0415
    from sync_server.telemetry.server_spans import engines_of  # noqa: PLC0415

    engines = engines_of(cluster.gateway.cluster) if cluster else {}
    return export_for_ever(Exporter(service, client, endpoint, engines, run_blocking), wait)


def _client(transport: "httpx.AsyncBaseTransport | None") -> "httpx.AsyncClient":
    """A client for what is outside. A server that speaks to nobody there does without httpx, which takes 8 MiB."""
    import httpx  # noqa: PLC0415

    return httpx.AsyncClient(trust_env=False, transport=transport)


@asynccontextmanager
async def _beside_the_cluster(
    cluster: ClusterParts | None, run_blocking: RunBlocking, wait: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    if cluster is None:
        yield
        return
    gateway, reception = cluster.gateway, cluster.reception
    tasks = [
        asyncio.create_task(write_for_ever(gateway, reception, run_blocking, wait)),
        asyncio.create_task(probe_for_ever(gateway, wait)),
        asyncio.create_task(bring_back_for_ever(gateway, wait)),
    ]
    if isinstance(reception.policies, ServerPolicies):
        tasks.append(asyncio.create_task(read_for_ever(reception.policies, reception.service, run_blocking, wait)))
    if cluster.embedded is not None:
        tasks.append(asyncio.create_task(cluster.embedded.run(wait)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while await write_down(gateway, reception, run_blocking):
            pass
        with suppress(Refused):  # then it is worth nothing when its window ends
            await gateway.bring_back(timedelta())
        await cluster.wire.aclose()


def build_cluster(
    service: Service,
    cluster: Cluster,
    policies: Policies,
    run_blocking: RunBlocking,
    wire: Wire | None = None,
    embedded: Embedded | None = None,
) -> ClusterParts:
    """The gateway to the models that `cluster` names, reached over `wire` or the network."""
    wire, book = wire or Connections(), StoredBook(service.store, run_blocking)
    reception = Reception(service, policies)

    async def still_given(task: Task) -> tuple[Consented, ...]:
        return await run_blocking(lambda: reception.still_given(task))

    gateway = Gateway(cluster, wire, policies, service.ports, book, still_given)
    if embedded is not None:
        embedded.started = gateway.renew
    return ClusterParts(gateway, reception, wire, embedded)


def cluster_of(told: str, service: Service, run_blocking: RunBlocking) -> ClusterParts:
    """The gateway to the model that ships (``embedded``), or to those of the `cluster.toml` that `told` names.

    Raises:
        Refused: the file, a key that it names, or the model is not there.
    """
    policies = shipped_policies()
    policies.read(service)
    if told == "embedded":
        cluster, embedded = embedded_cluster(service.ports)
        return build_cluster(service, cluster, policies, run_blocking, embedded=embedded)
    return build_cluster(service, read_cluster(Path(told), os.environ), policies, run_blocking)


def build_console(
    office: Office,
    run_blocking: RunBlocking,
    gateway: Gateway | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> "APIRouter":
    """The pages of the back office; `gateway` is measured there, `stopping` says that the server is about to stop."""
    from policies.acts import POLICIES, SCHEMA, Acts  # noqa: PLC0415  # worlds and laptops do without pages
    from sync_server.console import routes  # noqa: PLC0415
    from sync_server.console.events import Watch  # noqa: PLC0415
    from sync_server.telemetry.readings import read_process  # noqa: PLC0415

    rules = resources.files("policies.acts")
    acts = Acts(*((rules / name).read_text() for name in (POLICIES, SCHEMA)))
    return routes.console_routes(
        office, acts, run_blocking, Watch(asyncio.sleep, stopping), lambda: read_process(gateway)
    )


def build_worker(
    service: Service,
    system: tuple[str, SystemSettings, str | None],
    client: "httpx.AsyncClient",
    run_blocking: RunBlocking,
) -> Worker:
    """The worker of one configured system: its name, its settings, its secret."""
    from sync_server.systems.http import HttpSystem  # noqa: PLC0415  # as for `_client`

    name, told, secret = system
    desk = Desk(service, name, service.ports.new_id())
    adapter = HttpSystem(told, client, secret)
    patience = told.patience
    clock = service.ports.clock
    return Worker(adapter, desk, clock, run_blocking, patience.limits, patience.pace, began=clock.now())


@dataclass(frozen=True, slots=True)
class TaskWork:
    """How questions that were left for the cluster are worked off: who is asked, by which policy, how patiently."""

    policy: Policy
    engine: Engine = field(default_factory=NoEngine)
    limits: TaskLimits = field(default_factory=TaskLimits)
    pace: TaskPace = field(default_factory=TaskPace)


def task_work(service: Service, cluster: ClusterParts | None) -> TaskWork:
    """Questions go through the gateway; without one nothing can run, so that they wait, and expire by name."""
    engine = NoEngine() if cluster is None else GatewayEngine(cluster.gateway)
    return TaskWork(policy_in_force(service.publisher), engine)


def build_task_workers(service: Service, told: TaskWork | None, run_blocking: RunBlocking) -> list[TaskWorker]:
    """The workers of one server, as many as its pace says; none if nobody works tasks off."""
    if told is None:
        return []
    clock, new_id = service.ports.clock, service.ports.new_id
    desks = [TaskDesk(service, told.policy, new_id(), told.limits) for _ in range(told.pace.workers)]
    return [TaskWorker(told.engine, desk, clock, run_blocking, told.limits, told.pace) for desk in desks]


def build_office(settings: Settings, ports: Ports | None = None, *, pooled: bool = True) -> Office:
    """What an administrator can do, over the same database."""
    return Office(build_service(settings, ports, pooled=pooled))


def initialise(settings: Settings, ports: Ports | None = None) -> Office:
    """Make the home, the secret and the tables where they are missing, or older; a second run changes nothing."""
    ports = ports or system_ports()
    settings.home.mkdir(parents=True, exist_ok=True)
    if not settings.secret.exists():
        write_secret(settings, ports.randomness.draw(SECRET_BYTES))
    migrate(settings)
    return build_office(settings, ports)


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Bring the database to this program's schema: the revision before, and the one after. Raises `Refused`."""
    store = Store(settings.database)
    try:
        return schema.migrate(store)
    finally:
        store.close()


def write_secret(settings: Settings, secret: bytes) -> None:
    """Keep the server's secret where only its owner reads it; one that is there is never overwritten."""
    descriptor = os.open(settings.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
