"""The programs that hosts run: production code, with a simulated machine around it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
from sqlalchemy.exc import DBAPIError

from device import bootstrap as laptops
from device.bootstrap import Device
from device.errors import StoreError
from device.settings import Settings as LaptopSettings
from shared.problems import Refused
from simulators.cluster import Cluster, ScriptedEngine
from simulators.crossings import Note, Socket
from simulators.hosts import Incarnation
from simulators.loop import Gone
from simulators.wire import Wire
from simulators.world.engines import UPSTREAMS
from simulators.world.options import ADDRESS, PIN
from sync_server.api.app import build_app
from sync_server.backup import raise_incarnation
from sync_server.bootstrap import TaskWork, build_cluster, build_lifespan, build_service
from sync_server.cluster.parts import ClusterParts
from sync_server.cluster.policy import shipped_policies
from sync_server.cluster.queue.in_force import policy_in_force
from sync_server.cluster.through_httpx import ThroughHttpx
from sync_server.office import Office
from sync_server.service import Service
from sync_server.settings import Settings as ServerSettings

T = TypeVar("T")
REST_S_MAX = 3600.0
#: Once everything has healed nobody takes their time: so often people and the server look for work.
HURRY_S = 60.0


async def in_place(work: Callable[[], T]) -> T:
    """Run blocking work where it stands."""
    return work()


@dataclass
class Laptop:
    """A laptop's program: what its technician and its keeper can reach of it while it is up.

    `note` hears of what leaves it for an engine.
    """

    wire: Wire
    note: Note
    device: Device | None = None
    #: The screen tells the sync that somebody did something.
    nudge: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, life: Incarnation) -> None:
        """Unlock, then sync for ever."""
        self.device, self.nudge = None, asyncio.Event()
        settings, way = LaptopSettings(life.home), self.wire.link(life)
        socket = Socket(way, life.host.name, life.ports.clock.now, self.note)
        self.device = await _until_open(
            life,
            lambda: laptops.open_device(settings, PIN, life.ports, transport=socket, run_blocking=in_place),
        )
        await life.start(self._sync(life, self.device))

    async def _sync(self, life: Incarnation, device: Device) -> None:
        while True:
            wait_s = REST_S_MAX
            try:
                step = await device.agent.step()
                if not step.rested:
                    await asyncio.sleep(0)  # the loop sees who never rests
                    continue
                if step.rest_until:
                    wait_s = max(0.0, (step.rest_until - life.ports.clock.now()).total_seconds())
            except StoreError as error:
                life.host.trace.note(life.host.name, f"store: {error}")
                wait_s = 5.0
            await self._rest(wait_s)

    async def _rest(self, seconds: float) -> None:
        self.nudge.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, REST_S_MAX)):
                await self.nudge.wait()


async def patiently(hurry: asyncio.Event, seconds: float) -> None:
    """Rest for so many seconds; not beyond the moment in which somebody is in a hurry, and from then on shortly."""
    if hurry.is_set():
        await asyncio.sleep(min(seconds, HURRY_S))
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()


async def _until_open(life: Incarnation, open_it: Callable[[], T]) -> T:
    """A person who is told that the disk is full or the file is locked tries again."""
    while True:
        try:
            return open_it()
        except (StoreError, Refused):
            await asyncio.sleep(10.0)
        except DBAPIError as error:
            if life.alive:
                raise
            raise Gone from error  # it died in a write, and what its driver said then is heard by nobody


@dataclass
class Centre:
    """The server's program, and the office that its people work in while it is up."""

    wire: Wire
    office: Office | None = None
    #: How often it looks for work of its own, at most.
    seldom_s: float = 300.0
    #: What answers the questions that are left for it.
    cluster: Cluster = field(default_factory=Cluster)
    #: The way to the engines that answer at once; without one there are none.
    engines: httpx.AsyncBaseTransport | None = None
    #: Set once everything has healed: from then on it looks more often.
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    #: Somebody restored a backup, and says so before the server starts.
    begins_anew: bool = False

    async def __call__(self, life: Incarnation) -> None:
        """Serve for ever, and write to the system of record what it is owed."""
        self.office = None
        settings = server_settings(life.home)
        if self.begins_anew:
            await _until_open(life, lambda: raise_incarnation(settings, "restored from a backup", ports=life.ports))
            self.begins_anew = False
        service = await _until_open(life, lambda: build_service(settings, life.ports))
        parts = await _until_open(life, lambda: self._gateway(service))
        app = build_app(service, in_place, cluster=parts)
        outside = self.wire.link(life, once=True)
        engine = ScriptedEngine(self.cluster, life.ports.clock, asyncio.sleep)
        tasks = TaskWork(policy_in_force(service.publisher), engine)
        async with build_lifespan(settings, service, in_place, self._seldom, outside, parts, tasks)(app):
            self.wire.listen(ADDRESS, app)
            self.office = Office(service)
            await asyncio.Event().wait()

    def _gateway(self, service: Service) -> ClusterParts | None:
        if self.engines is None:
            return None
        policies = shipped_policies()
        policies.read(service)
        return build_cluster(service, UPSTREAMS, policies, in_place, ThroughHttpx(self.engines))

    async def _seldom(self, seconds: float) -> None:
        """What looks for work every few seconds is asked less often: nothing here is in a hurry."""
        await patiently(self.hurry, max(seconds, self.seldom_s))


def server_settings(home: Path) -> ServerSettings:
    """Where a server's files are, in one life of its host."""
    return ServerSettings(home, f"sqlite:///{home / 'server.db'}")
