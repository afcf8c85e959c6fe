"""What stands on a rig while it runs: servers behind a balancer, laptops with people, and a timeline."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from simulators.faults import Hits
from simulators.rig import ground
from simulators.rig.children import Child, ChildFailed, last_words
from simulators.rig.ground import Ground, Network, SmallDisk
from simulators.rig.guard import Guard
from simulators.rig.people import Seat
from simulators.rig.plan import Options, laptop_names, server_names
from simulators.rig.relay import Balancer, Link
from simulators.rig.timeline import Timeline
from simulators.streams import Streams
from simulators.workload import ADMIN, FILES, people
from simulators.world.options import TENANT
from sync_server.bootstrap import initialise
from sync_server.office import Office
from sync_server.settings import Settings

DISK_MIB = 8
AGAIN_S = 0.5
START_TRIES = 60
#: How long a server may take to come to its own end.
END_WITHIN_S = 20.0
#: How long everything may take to settle once it is healed, on a machine that has other things to do as well.
SETTLE_WITHIN_S = 180.0


@dataclass
class Slot:
    """A place for a server process, which is started there again and again."""

    name: str
    home: Path
    database: str
    balancer: Balancer
    guard: Guard
    complain: Callable[[str], None]
    spoil: str | None = None
    child: Child | None = None
    _minders: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def _log(self) -> Path:
        return self.home / f"{self.name}.log"

    async def begin(self) -> None:
        """Start it, again if the database is not there yet. Raises `ChildFailed`."""
        program = ["simulators.rig.spoiled", self.spoil] if self.spoil else ["sync_server.cli"]
        serve = ["serve", "--home", str(self.home), "--database", self.database, "--port", "0", "--json"]
        for _ in range(START_TRIES):
            child = Child.begin(self.name, ["-m", *program, *serve, "--log-level", "error"], self.guard, self._log)
            if (told := await child.line()) and told["ok"]:
                self.balancer.add(self.name, int(told["url"].rpartition(":")[2]))
                self.child = child
                self._minders.add(asyncio.create_task(self._mind(child)))
                return
            await asyncio.sleep(AGAIN_S)
        raise ChildFailed(f"{self.name} does not start; it said: {last_words(self._log)}")

    async def _mind(self, child: Child) -> None:
        status = await child.ended()
        if not child.ending:
            self.complain(f"{self.name} ended by itself with status {status}: {last_words(self._log)}")

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal; whether there was anybody."""
        return self.child is not None and self.child.send(number)

    async def kill(self) -> bool:
        """End it by SIGKILL; whether there was anybody."""
        there = self.child is not None and self.child.up
        if self.child:
            await self.child.kill()
        return there

    async def put_away(self) -> None:
        """Let it come to its own end, and if it does not, end it."""
        if self.child is None:
            return
        self.child.ending = True
        for number in (signal.SIGCONT, signal.SIGTERM):
            self.send(number)
        try:
            await asyncio.wait_for(self.child.ended(), END_WITHIN_S)
        except TimeoutError:
            self.complain(f"{self.name} did not end within {END_WITHIN_S:.0f} s of SIGTERM")
            await self.child.kill()


@dataclass
class Stage:
    """One running rig. `plants` names faults (``module:function``) for ``server`` or ``laptop``."""

    options: Options
    ground: Ground
    guard: Guard
    folder: Path
    database: str
    timeline: Timeline
    plants: Mapping[str, str] = field(default_factory=dict)
    hits: Hits = field(default_factory=Hits)
    #: What no program may do, in words.
    errors: list[str] = field(default_factory=list)
    #: Why some kinds of act cannot be carried out here.
    missing: dict[str, str] = field(default_factory=dict)
    #: Laptops whose disk was full at some time.
    were_full: set[str] = field(default_factory=set)
    slots: dict[str, Slot] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.missing |= self.ground.missing
        self.streams = Streams(self.options.seed)

    def found(self) -> Office:
        """Make the organisation; whoever gets the office closes its store."""
        office = initialise(Settings(self.folder / "server", self.database))
        office.add_tenant(TENANT, "Rig")
        for person in people(self.options.laptops):
            office.put_person(TENANT, person)
        for kind, text in FILES.items():
            office.apply_import(TENANT, ADMIN, office.plan_import(TENANT, kind, text))
        return office

    async def begin_servers(self, balancer: Balancer) -> None:
        """Start all of them. Raises `ChildFailed`."""
        home, spoil = self.folder / "server", self.plants.get("server")
        for name in server_names(self.options):
            self.slots[name] = Slot(name, home, self.database, balancer, self.guard, self.errors.append, spoil)
        await asyncio.gather(*(slot.begin() for slot in self.slots.values()))
        self.timeline.note("rig", f"{len(self.slots)} servers on one PostgreSQL take connections")

    async def begin_laptops(self, stack: AsyncExitStack, port: int, office: Office) -> None:
        """Enrol and start all of them, each behind a link to `port`. Raises `ChildFailed`."""
        for number, name in enumerate(laptop_names(self.options), 1):
            seat = await self._seat(stack, name, port)
            code = office.enrol_code(TENANT, f"tech.{number}")
            seat.begin("--enrol", f"http://{ground.HERE}:{seat.link.port}", code)
        await self.until("the laptops are enrolled", asyncio.gather(*(s.ready() for s in self.seats.values())))

    async def _seat(self, stack: AsyncExitStack, name: str, port: int) -> Seat:
        home = self.folder / name
        home.mkdir()
        if disk := self._disk(home):
            stack.callback(disk.unmount)
        if network := self._network():
            stack.callback(network.close)
        listener = network.listener if network else ground.listen()
        link = Link(listener, port, self.streams.of(f"link/{name}"), self.hits, lambda: self.timeline.now_s)
        await stack.enter_async_context(link)
        log, spoil = self.folder / f"{name}.log", self.plants.get("laptop")
        seat = Seat(name, home, link, self.guard, log, self.errors.append, self.timeline, network, disk, spoil)
        self.seats[name] = seat
        return seat

    def _disk(self, home: Path) -> SmallDisk | None:
        try:
            return ground.mount_small_disk(home, DISK_MIB) if self.ground.disks else None
        except OSError as error:
            self.missing["disk_full"] = f"not on this machine: {error.strerror}"
            return None

    def _network(self) -> Network | None:
        try:
            return ground.new_network() if self.ground.networks else None
        except OSError as error:
            self.missing["link_down"] = f"not on this machine: {error.strerror}"
            return None

    async def until(self, what: str, happens: Awaitable[object]) -> object:
        """Wait for something. Raises `ChildFailed` if it does not happen."""
        waiting = asyncio.ensure_future(happens)
        for _ in range(int(SETTLE_WITHIN_S / AGAIN_S)):
            await asyncio.wait([waiting], timeout=AGAIN_S)
            if waiting.done():
                return waiting.result()
            if self.errors:
                break
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        why = "; ".join(self.errors) or f"not within {SETTLE_WITHIN_S:.0f} s"
        raise ChildFailed(f"Waited in vain until {what}: {why}")

    def failures(self) -> Counter[str]:
        """How often its disk failed each laptop so far."""
        return Counter({name: seat.troubles for name, seat in self.seats.items()})

    async def put_away(self) -> None:
        """Everybody switches off; the second time there is nobody any more."""
        for seat in self.seats.values():
            await seat.put_away()
        for slot in self.slots.values():
            await slot.put_away()
