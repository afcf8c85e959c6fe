"""The course of a rig's run: everybody begins, things go wrong while people work, all heals, and all must settle.

Rules
1. `plan` says what goes wrong; here it is carried out, and counted when it really happened: a toxic for every piece
   that it touched, everything else once.
2. Every act undoes what it did when its time is over. Healing then puts right whatever is left.
3. The databases are read when every process has come to its end.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from device.bootstrap import on_thread
from shared.ports import Clock, Ports
from simulators.checkers import Finding, judged
from simulators.checkers.base import Evidence
from simulators.evidence import ServerFile, read_ends, read_server
from simulators.explore import NO_ERRORS
from simulators.faults import Hits
from simulators.postgresql import postgresql
from simulators.rig import ground
from simulators.rig.children import Child, ChildFailed
from simulators.rig.ground import Ground, Network, SmallDisk
from simulators.rig.guard import Guard
from simulators.rig.people import Seat, said_by, staff, work
from simulators.rig.plan import KINDS, Act, Options, laptop_names, plan, server_names
from simulators.rig.relay import Balancer, Link
from simulators.rig.toxics import toxic_of
from simulators.streams import Streams
from simulators.workload import ADMIN, FILES, people
from simulators.world.options import TENANT
from simulators.world.template import device_file
from sync_server.bootstrap import initialise
from sync_server.office import Office
from sync_server.settings import Settings as ServerSettings

DISK_MIB = 8
LOOK_EVERY_S = 2.0
AGAIN_S = 0.5
#: How long everything may take to settle once it is healed, on a machine that has other things to do as well.
SETTLE_WITHIN_S = 180.0
START_TRIES = 60

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """A run: its options, and for tests of the rig itself faults to plant (``module:function``) in ``server`` or
    ``laptop``.
    """

    options: Options
    plants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    `planned` and `hits` count by kind of act; `missing` says why a kind could not be carried out here; `settled_s` is
    how long it took from healing until nothing waited any more.
    """

    evidence: Evidence
    findings: tuple[Finding, ...]
    planned: Mapping[str, int]
    hits: Hits
    missing: Mapping[str, str]
    settled_s: float
    lines: tuple[str, ...]

    @property
    def never_happened(self) -> tuple[str, ...]:
        """Kinds that could have been carried out, and touched nothing."""
        return tuple(kind.name for kind in KINDS if not self.hits[kind.name] and kind.name not in self.missing)


class Timeline:
    """What happened when, in seconds since the processes began."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._clock, self._say, self._began_s = clock, say, clock.monotonic_s()
        self.lines: list[str] = []

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock.monotonic_s() - self._began_s

    def note(self, who: str, what: str) -> None:
        """Write something down, and say it."""
        line = f"{self.now_s:7.1f}  {who:10} {what}"
        self.lines.append(line)
        self._say(line)


@dataclass
class ServerSlot:
    """A place for a server process, started again and again."""

    name: str
    home: Path
    database: str
    balancer: Balancer
    guard: Guard
    complain: Callable[[str], None]
    spoil: str | None = None
    child: Child | None = None
    _minders: set["asyncio.Task[None]"] = field(default_factory=set)

    async def begin(self) -> None:
        """Start it, again if the database is not there yet. Raises `ChildFailed`."""
        program = ["-m", "simulators.rig.spoiled", self.spoil] if self.spoil else ["-m", "sync_server.cli"]
        serve = ["serve", "--home", str(self.home), "--database", self.database, "--port", "0", "--json"]
        log = self.home / f"{self.name}.log"
        for _ in range(START_TRIES):
            child = Child.begin(self.name, [*program, *serve, "--log-level", "error"], self.guard, log)
            if told := await child.line():
                self.balancer.add(self.name, int(told["url"].rpartition(":")[2]))
                self.child = child
                self._minders.add(asyncio.create_task(self._mind(child)))
                return
            await asyncio.sleep(AGAIN_S)
        raise ChildFailed(f"{self.name} does not start; see {log}")

    async def _mind(self, child: Child) -> None:
        status = await child.ended()
        if not child.ending:
            self.complain(f"{self.name} ended by itself with status {status}")

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal; whether there was anybody."""
        return self.child is not None and self.child.send(number)

    async def kill(self) -> bool:
        """End it by SIGKILL; whether there was anybody."""
        there = self.child is not None and self.child.up
        if self.child:
            await self.child.kill()
        return there


class Rig:
    """A run: what runs, who works, and what has been seen so far."""

    def __init__(
        self, order: Order, on: Ground, guard: Guard, folder: Path, database: str, timeline: Timeline
    ) -> None:
        self._order, self._ground, self._guard = order, on, guard
        self._options, self._folder, self._database = order.options, folder, database
        self._streams, self._timeline = Streams(order.options.seed), timeline
        self._errors: list[str] = []
        self._hits = Hits()
        self._seats: dict[str, Seat] = {}
        self._servers: dict[str, ServerSlot] = {}
        self._missing = dict(on.missing)
        self._heads: list[tuple[int, str]] = []
        self._acts = plan(order.options)

    async def run(self) -> Result:
        """The whole course. Raises `ChildFailed`: a process does not start."""
        async with AsyncExitStack() as stack:
            office = self._found()
            stack.callback(office.service.store.close)
            balancer = await stack.enter_async_context(Balancer(ground.listen()))
            assert isinstance(balancer, Balancer), "what it was made as"
            await self._begin_servers(balancer)
            stack.push_async_callback(self._end)
            await self._begin_laptops(stack, balancer.port, office)
            start = read_server(self._database, TENANT)
            await self._live(office)
            healed_at_s = self._timeline.now_s
            asked, failed = self._counts()
            settled_s, unsettled = await self._settle(office)
            healed_for_s = self._timeline.now_s - healed_at_s
            late = {name: self._seats[name].link.asked - count for name, count in asked.items()}
            failing = {name: self._seats[name].troubles - count for name, count in failed.items()}
            await self._end()
            evidence = self._evidence(start, unsettled, late, failing, healed_for_s)
        return self._judged(evidence, settled_s)

    # -- the beginning

    def _found(self) -> Office:
        settings = ServerSettings(self._folder / "server", self._database)
        office = initialise(settings)
        office.add_tenant(TENANT, "Rig")
        for person in people(self._options.laptops):
            office.put_person(TENANT, person)
        for kind, text in FILES.items():
            office.apply_import(TENANT, ADMIN, office.plan_import(TENANT, kind, text))
        return office

    async def _begin_servers(self, balancer: Balancer) -> None:
        spoil = self._order.plants.get("server")
        for name in server_names(self._options):
            self._servers[name] = ServerSlot(
                name, self._folder / "server", self._database, balancer, self._guard, self._errors.append, spoil
            )
        await asyncio.gather(*(each.begin() for each in self._servers.values()))
        self._timeline.note("rig", f"{len(self._servers)} servers on one PostgreSQL take connections")

    async def _begin_laptops(self, stack: AsyncExitStack, port: int, office: Office) -> None:
        for number, name in enumerate(laptop_names(self._options), 1):
            seat = await self._seat(stack, name, port)
            code = office.enrol_code(TENANT, f"tech.{number}")
            seat.begin("--enrol", f"http://{ground.HERE}:{seat.link.port}", code)
        seats = self._seats.values()
        await self._until("the laptops are enrolled", asyncio.gather(*(seat.ready() for seat in seats)))
        await self._until("everybody has the records", self._agree())
        self._timeline.note("rig", f"{len(self._seats)} laptops are enrolled and have the records")

    async def _seat(self, stack: AsyncExitStack, name: str, port: int) -> Seat:
        home = self._folder / name
        home.mkdir()
        disk = self._disk(home)
        if disk:
            stack.callback(disk.unmount)
        network = self._network()
        if network:
            stack.callback(network.close)
        listener = network.listener if network else ground.listen()
        link = Link(listener, port, self._streams.of(f"link/{name}"), self._hits)
        await stack.enter_async_context(link)
        spoil = self._order.plants.get("laptop")
        log = self._folder / f"{name}.log"
        seat = Seat(name, home, link, self._guard, log, self._errors.append, network, disk, spoil)
        self._seats[name] = seat
        return seat

    def _disk(self, home: Path) -> SmallDisk | None:
        try:
            return ground.mount_small_disk(home, DISK_MIB) if self._ground.disks else None
        except OSError as error:
            self._missing["disk_full"] = f"not on this machine: {error.strerror}"
            return None

    def _network(self) -> Network | None:
        try:
            return ground.new_network() if self._ground.networks else None
        except OSError as error:
            self._missing["link_down"] = f"not on this machine: {error.strerror}"
            return None

    async def _until(self, what: str, happens: Awaitable[object]) -> None:
        try:
            await asyncio.wait_for(happens, SETTLE_WITHIN_S)
        except TimeoutError:
            why = "; ".join(self._errors) or f"not within {SETTLE_WITHIN_S:.0f} s"
            raise ChildFailed(f"Waited in vain until {what}: {why}. The logs are in {self._folder}.") from None

    # -- while things go wrong

    async def _live(self, office: Office) -> None:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as crowd:
            for name, seat in self._seats.items():
                crowd.create_task(work(seat, self._streams.of(f"technician/{name}"), over))
            at_office = crowd.create_task(staff(office, self._streams.of("staff")))
            looking = crowd.create_task(self._look_at_heads())
            acts = [crowd.create_task(self._befall(act)) for act in self._acts]
            await asyncio.sleep(self._options.seconds)
            await asyncio.gather(*acts)
            over.set()
            await self._heal()
            at_office.cancel()
            looking.cancel()

    async def _look_at_heads(self) -> None:
        """Somebody writes down now and then where the audit ends."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(DBAPIError):
                ends = await on_thread(lambda: read_ends(self._database, TENANT))
                self._heads.append(ends[1:])

    async def _befall(self, act: Act) -> None:
        """Carry out one act, and undo it."""
        await asyncio.sleep(act.at_s)
        if act.kind in self._missing:
            return
        toxic = toxic_of(act)
        if toxic:
            link = self._seats[act.target].link
            self._timeline.note(act.target, f"{act.kind} {act.way}, {act.for_s:.1f} s")
            link.put(act.way, toxic)
            await asyncio.sleep(act.for_s)
            link.take(act.way, toxic.name)
        elif await _DOERS[act.kind](self, act):
            self._hits[act.kind] += 1

    async def _plug_out(self, act: Act) -> bool:
        network = self._seats[act.target].network
        assert network, "it is not missing"
        self._timeline.note(act.target, f"its network is down, {act.for_s:.1f} s")
        network.plug(up=False)
        await asyncio.sleep(act.for_s)
        network.plug(up=True)
        return True

    async def _kill_laptop(self, act: Act) -> bool:
        seat = self._seats[act.target]
        self._timeline.note(act.target, f"kill -9, down for {act.for_s:.1f} s")
        await seat.kill()
        await asyncio.sleep(act.for_s)
        seat.begin()
        return True

    async def _stop_laptop(self, act: Act) -> bool:
        seat = self._seats[act.target]
        self._timeline.note(act.target, f"stands still, {act.for_s:.1f} s")
        frozen = seat.freeze(frozen=True)
        await asyncio.sleep(act.for_s)
        seat.freeze(frozen=False)
        return frozen

    async def _fill_disk(self, act: Act) -> bool:
        disk = self._seats[act.target].disk
        assert disk, "it is not missing"
        self._timeline.note(act.target, f"its disk is full, {act.for_s:.1f} s")
        disk.fill()
        await asyncio.sleep(act.for_s)
        disk.make_room()
        return True

    async def _kill_server(self, act: Act) -> bool:
        slot = self._servers[act.target]
        self._timeline.note(act.target, f"kill -9, down for {act.for_s:.1f} s")
        killed = await slot.kill()
        await asyncio.sleep(act.for_s)
        if killed:  # else another act killed it and starts it again
            await slot.begin()
        return killed

    async def _stop_server(self, act: Act) -> bool:
        slot = self._servers[act.target]
        self._timeline.note(act.target, f"stands still, {act.for_s:.1f} s")
        frozen = slot.send(signal.SIGSTOP)
        await asyncio.sleep(act.for_s)
        slot.send(signal.SIGCONT)
        return frozen

    async def _crash_database(self, act: Act) -> bool:
        self._timeline.note("database", "one of its processes is killed: all of it recovers")
        return await on_thread(lambda: _kill_a_backend(self._database))

    async def _heal(self) -> None:
        for seat in self._seats.values():
            seat.link.heal()
            seat.freeze(frozen=False)
            if seat.disk:
                seat.disk.make_room()
        for slot in self._servers.values():
            slot.send(signal.SIGCONT)
        for _ in range(2):  # the second answer comes after everything that was under way before the first
            await asyncio.gather(*(seat.until_done({"do": "go", "online": True}) for seat in self._seats.values()))
        self._timeline.note("rig", "everything is healed")

    # -- afterwards

    def _counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Requests and failures of each laptop so far."""
        seats = self._seats
        return {n: seat.link.asked for n, seat in seats.items()}, {n: seat.troubles for n, seat in seats.items()}

    async def _settle(self, office: Office) -> tuple[float, tuple[str, ...]]:
        """Until nothing waits and everybody has everything: how long that took, and what still waits."""
        began_s = self._timeline.now_s
        at_office = asyncio.create_task(staff(office, self._streams.of("staff")))
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_WITHIN_S):
                while late := [seat for seat in self._seats.values() if await self._waits(seat)]:
                    for seat in late:
                        await seat.ask({"do": "send_now"})
                    await asyncio.sleep(LOOK_EVERY_S)
        at_office.cancel()
        with suppress(asyncio.CancelledError):
            await at_office
        settled_s = self._timeline.now_s - began_s
        unsettled = tuple(f"{s.name}: {', '.join(s.waiting)}" for s in self._seats.values() if s.waiting)
        self._timeline.note(
            "rig", "something still waits" if unsettled else f"all is settled after {settled_s:.1f} s"
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._agree(), SETTLE_WITHIN_S)
        return settled_s, unsettled

    async def _waits(self, seat: Seat) -> bool:
        await seat.look()
        return bool(seat.waiting)

    async def _agree(self) -> None:
        """Until everybody has the last change: who has not is told to ask."""
        while behind := await self._behind():
            for seat in behind:
                await seat.ask({"do": "send_now"})
            await asyncio.sleep(AGAIN_S)

    async def _behind(self) -> list[Seat]:
        end = (await on_thread(lambda: read_ends(self._database, TENANT)))[0]
        for seat in self._seats.values():
            await seat.look()
        return [seat for seat in self._seats.values() if seat.reached < end]

    async def _end(self) -> None:
        """Everybody switches off."""
        seats = [seat.child for seat in self._seats.values()]
        for seat in seats:
            await seat.put_away()
        for slot in self._servers.values():
            if slot.child and slot.child.up:
                slot.child.ending = True
                slot.send(signal.SIGTERM)
                await slot.child.ended()

    def _evidence(
        self,
        start: ServerFile,
        unsettled: tuple[str, ...],
        late: Mapping[str, int],
        failing: Mapping[str, int],
        healed_for_s: float,
    ) -> Evidence:
        seats = list(self._seats.values())
        return Evidence(
            said=said_by(seats),
            tried=tuple(said for seat in seats for said in seat.told.tried),
            start=start,
            server=read_server(self._database, TENANT),
            devices={seat.name: device_file(seat.home) for seat in seats},
            shown={command: words for seat in seats for command, words in seat.told.shown.items()},
            taken=frozenset(command for seat in seats for command in seat.told.taken),
            heads=tuple(dict.fromkeys(self._heads)),
            unsettled=unsettled,
            asked_late=late,
            failed_late=failing,
            healed_for_s=healed_for_s,
        )

    def _judged(self, evidence: Evidence, settled_s: float) -> Result:
        findings = [finding for found in judged(evidence).values() for finding in found]
        findings += [Finding("a program", error, NO_ERRORS) for error in self._errors]
        planned = {kind.name: sum(act.kind == kind.name for act in self._acts) for kind in KINDS}
        lines = tuple(self._timeline.lines)
        return Result(evidence, tuple(findings), planned, self._hits, self._missing, settled_s, lines)


def _kill_a_backend(database: str) -> bool:
    """Kill -9 of one of PostgreSQL's processes: the others leave as well, and it recovers from its log."""
    with suppress(psycopg.OperationalError):
        connection = psycopg.connect(database.replace("+psycopg", ""))
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        return True
    return False


_DOERS: Mapping[str, Callable[[Rig, Act], Awaitable[bool]]] = {
    "link_down": Rig._plug_out,
    "laptop_killed": Rig._kill_laptop,
    "laptop_stopped": Rig._stop_laptop,
    "disk_full": Rig._fill_disk,
    "server_killed": Rig._kill_server,
    "server_stopped": Rig._stop_server,
    "database_crash": Rig._crash_database,
}


def play(order: Order, programs: Path, ports: Ports, say: Callable[[str], None]) -> Result:
    """A whole run, in a folder that is removed afterwards.

    Args:
        order: what to run.
        programs: the folder with PostgreSQL's.
        ports: the real world.
        say: hears of everything as it happens.

    Raises:
        OSError: PostgreSQL or another program does not start.
    """
    timeline = Timeline(ports.clock, say)
    with ExitStack() as stack:
        on = stack.enter_context(ground.prepared())
        stack.enter_context(ground.staying_here())
        guard = stack.enter_context(Guard())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tailboard-rig-")))
        guard.clear(folder)
        database = stack.enter_context(postgresql(programs, born=lambda group: guard.watch(group, signal.SIGQUIT)))
        rig = Rig(order, on, guard, folder, database, timeline)
        return asyncio.run(rig.run())
