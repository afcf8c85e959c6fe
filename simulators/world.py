"""A small world: one server and a few laptops, all of it production code, under one seed.

Rules
1. People are not software: what a technician means to do, and what the screen told them, is kept here, outside every
   host, and survives its crashes.
2. First faults, then healing: when everything has been said the faults stop, and everything must settle.
3. What is the same in every world (enrolled machines) is made once a process and copied: a seed pays only for what it
   decides. Keys are stretched once for each PIN and salt.

Not handled here: judging (`simulators.checkers`), searching (`simulators.explore`).
"""

import asyncio
import functools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from argon2.low_level import hash_secret_raw
from sqlalchemy.exc import DBAPIError

from device import bootstrap as laptops
from device import keys as device_keys
from device.bootstrap import Device
from device.core.interpret import Proposal
from device.errors import LocalError, StoreError
from device.settings import Settings as LaptopSettings
from device.store import State
from shared.commands.base import Role
from shared.outcomes import Outcome
from shared.problems import Refused
from shared.records import Choice
from simulators.checkers.base import Evidence
from simulators.clocks import HostClock
from simulators.disks import simulated_disks
from simulators.evidence import DeviceFile, Said, ServerFile, read_device, read_ends, read_server
from simulators.faults import CALM, Chaos, FaultProfile, Hits
from simulators.hosts import Host, Incarnation, Surroundings, watched_commits
from simulators.loop import Gone, current_loop, simulate
from simulators.streams import Stream, Streams
from simulators.trace import Trace
from simulators.wire import Wire
from sync_server.api.app import build_app
from sync_server.bootstrap import build_service, initialise
from sync_server.office import Office
from sync_server.settings import Settings as ServerSettings
from sync_server.store import Person

T = TypeVar("T")
START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TENANT, ADDRESS, PIN = "t", "sync.example", "2468"
SERVER = "server"
REST_S_MAX, AWAY_S_MAX = 3600.0, 1800.0
LOOK_EVERY_S = 1200.0
TRIES_TO_AGREE = 60
HEAL_WITHIN = timedelta(hours=6)
FILES = {
    "asset": "id,name,type\n" + "".join(f"PUMP-{n},Pump {n},pump\n" for n in range(1, 4)),
    "stock_item": "id,name,part_no,on_hand\nSEAL-1,Seal,S-1,6\nFILTER-1,Filter,F-1,200\n",
    "work_order": "id,title,asset\n" + "".join(f"WO-{n},Job {n},asset/PUMP-{1 + n % 3}\n" for n in range(1, 9)),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a world consists of: its laptops, what each technician says, and what goes wrong."""

    devices: int = 1
    commands: int = 20
    profile: FaultProfile = CALM
    keep_lines: bool = False


@dataclass
class Told:
    """One technician's memory: what the screen called saved, by command id, and what could not be said.

    `tried` was confirmed, and the laptop died before it said what became of it.
    `shown` and `taken` are what the screen showed since: each command's final words, in order; what the server has.
    """

    saved: dict[str, Said] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    tried: list[Said] = field(default_factory=list)
    shown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a world. `trace` and `steps_hash` are the same for the same seed, options and program.

    `unsettled` names what still has no outcome hours after the faults healed; `errors`, what no program may raise;
    `evidence` is what judges look at.
    """

    seed: int
    trace: str
    steps_hash: str
    steps: int
    virtual_s: float
    settled: dict[str, dict[str, Outcome]]
    hits: Hits
    crashes: int
    told: dict[str, Told]
    unsettled: tuple[str, ...]
    errors: tuple[str, ...]
    lines: list[str]
    evidence: Evidence


# ------------------------------------------------------------------------------------------------- what runs on hosts


async def in_place(work: Callable[[], T]) -> T:
    """Run blocking work where it stands."""
    return work()


@dataclass
class Laptop:
    """A laptop's program: what its technician and its keeper can reach of it while it is up."""

    wire: Wire
    device: Device | None = None
    #: The screen tells the sync that somebody did something.
    nudge: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, life: Incarnation) -> None:
        """Unlock, then sync for ever."""
        self.device, self.nudge = None, asyncio.Event()
        settings = LaptopSettings(life.home)
        self.device = await _until_open(
            lambda: laptops.open_device(
                settings, PIN, life.ports, transport=self.wire.link(life), run_blocking=in_place
            )
        )
        await life.start(self._sync(life, self.device))

    async def _sync(self, life: Incarnation, device: Device) -> None:
        while True:
            wait_s = REST_S_MAX
            try:
                step = await device.agent.step()
                if not step.rested:
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


async def _until_open(open_it: Callable[[], T]) -> T:
    """A person who is told that the disk is full or the file is locked tries again."""
    while True:
        try:
            return open_it()
        except StoreError:
            await asyncio.sleep(10.0)


@dataclass
class Centre:
    """The server's program, and the office that its people work in while it is up."""

    wire: Wire
    office: Office | None = None

    async def __call__(self, life: Incarnation) -> None:
        """Serve for ever."""
        self.office = None
        service = build_service(_server_settings(life.home), life.ports)
        self.wire.listen(ADDRESS, build_app(service, in_place))
        self.office = Office(service)
        await asyncio.Event().wait()


def _server_settings(home: Path) -> ServerSettings:
    return ServerSettings(home, f"sqlite:///{home / 'server.db'}")


# ------------------------------------------------------------------------------------------------- the template


@dataclass(frozen=True, slots=True)
class Template:
    """Enrolled machines, ready to be copied: one folder a host; `start` is what the server's holds."""

    folder: tempfile.TemporaryDirectory[str]
    names: tuple[str, ...]
    start: ServerFile


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory, where there is one: what the disks lose is simulated, so the real one need not be slow."""
    memory = Path("/dev/shm")  # noqa: S108  # a private folder below it
    return tempfile.TemporaryDirectory(prefix="tailboard-sim-", dir=memory if memory.is_dir() else None)


_TEMPLATES: dict[int, Template] = {}


def template(devices: int) -> Template:
    """A server that knows `devices` technicians, and their laptops, enrolled and synced once; made once a process."""
    if devices not in _TEMPLATES:
        _TEMPLATES[devices] = _made(devices)
    return _TEMPLATES[devices]


def _made(devices: int) -> Template:
    folder = scratch()
    home = Path(folder.name)
    with stretched_once():
        names, _ = simulate(lambda: _enrol_all(home, devices), Stream(0, "template"))
    return Template(folder, names, _server_file(home / SERVER / "0"))


def _server_file(home: Path) -> ServerFile:
    return read_server(_server_settings(home).database, TENANT)


def _device_file(home: Path) -> DeviceFile:
    settings = LaptopSettings(home)
    return read_device(settings.database, device_keys.unlock(settings.keys, PIN).database)


def forget_templates() -> None:
    """Delete the prepared machines."""
    while _TEMPLATES:
        _TEMPLATES.popitem()[1].folder.cleanup()


async def _enrol_all(home: Path, devices: int) -> tuple[str, ...]:
    streams, loop = Streams(0), current_loop()
    chaos = Chaos(CALM, streams)
    trace = Trace(loop.time)
    clock = HostClock(loop.time, START - timedelta(hours=1))
    names = tuple(f"TB-{n:02d}" for n in range(1, devices + 1))
    with simulated_disks() as bay:
        world = Surroundings(chaos, trace, bay)
        wire = Wire(loop, chaos, trace)

        async def prepare(life: Incarnation) -> None:
            office = initialise(_server_settings(life.home), life.ports)
            office.add_tenant(TENANT, "Test")
            for person in _people(devices):
                office.put_person(TENANT, person)
            for kind, text in FILES.items():
                office.apply_import(TENANT, "root", office.plan_import(TENANT, kind, text))
            wire.listen(ADDRESS, build_app(office.service, in_place))
            for n, name in enumerate(names, 1):
                code = office.enrol_code(TENANT, f"tech.{n}")
                settings = LaptopSettings(home / name / "0")
                await laptops.enrol(
                    settings, f"https://{ADDRESS}", code, PIN, name, life.ports, transport=wire.link(life)
                )
                device = laptops.open_device(
                    settings, PIN, life.ports, transport=wire.link(life), run_blocking=in_place
                )
                await device.agent.settle()
                await device.close()
            office.service.store.close()

        server = Host(SERVER, home / SERVER, prepare, loop=loop, clock=clock, world=world)
        (home / SERVER).mkdir()
        server.boot()
        await server.finished()
        if error := server.ended():
            raise error
    return names


def _people(devices: int) -> Iterator[Person]:
    yield Person("root", "Root", frozenset({Role.ADMIN}))
    yield Person("m.reyes", "M. Reyes", frozenset({Role.DISPATCHER, Role.RESOLVER}))
    for n in range(1, devices + 1):
        yield Person(f"tech.{n}", f"Technician {n}", frozenset({Role.TECHNICIAN}))


@contextmanager
def stretched_once() -> Iterator[None]:
    """Stretch a PIN once for each salt: unlocking costs most of a restart, and always gives the same key."""
    device_keys.hash_secret_raw = _remembered  # type: ignore[attr-defined]
    try:
        yield
    finally:
        device_keys.hash_secret_raw = hash_secret_raw  # type: ignore[attr-defined]


_remembered = functools.lru_cache(maxsize=1024)(hash_secret_raw)


# ---------------------------------------------------------------------------------------------------- the world


class World:
    """One running world; see `run`."""

    def __init__(self, seed: int, options: Options, home: Path, around: Surroundings, wire: Wire) -> None:
        self.options, self.streams, self.around, self.wire = options, Streams(seed), around, wire
        loop, chaos = current_loop(), around.chaos

        def host(name: str, program: Any) -> Host:
            clock = HostClock(loop.time, START)
            if chaos.strikes("clock_drift", name) and name != SERVER:
                clock.drift(
                    chaos.dice(f"clock/{name}").between(-chaos.profile.drift_ppm_max, chaos.profile.drift_ppm_max)
                )
            return Host(name, home / name, program, loop=loop, clock=clock, world=around)

        self.centre = Centre(wire)
        self.server = host(SERVER, self.centre)
        names = [f"TB-{n:02d}" for n in range(1, options.devices + 1)]
        self.programs = {name: Laptop(wire) for name in names}
        self.laptops = {name: host(name, program) for name, program in self.programs.items()}
        self.told = {name: Told() for name in names}
        self.heads: list[tuple[int, str]] = []
        self.unsettled: tuple[str, ...] = ()
        #: How often who had done what when everything healed, and when that was.
        self._counts_healed: Counter[tuple[str, str]] = Counter()
        self._healed_at_s = 0.0

    async def live(self) -> None:
        """Everything is said, faults heal, and everything settles or is named in `unsettled`."""
        chaos = self.around.chaos
        hosts = [self.server, *self.laptops.values()]
        async with asyncio.TaskGroup() as people:
            keepers = [people.create_task(self._keep(host)) for host in hosts]
            keepers += [people.create_task(self._disturb(host)) for host in self.laptops.values()]
            keepers.append(people.create_task(self._watch()))
            dispatcher = people.create_task(self._dispatch())
            technicians = [people.create_task(self._work(name)) for name in self.laptops]
            await asyncio.gather(*technicians)
            chaos.heal()
            for host in hosts:
                host.clock.put_right()
                host.wake()
            for name in self.laptops:
                await self._until(name, _send_now)
            self.around.trace.note("world", "healed")
            self._counts_healed, self._healed_at_s = Counter(self.around.trace.counts), current_loop().time()
            await self._settle()
            dispatcher.cancel()
            await self._agree()
            for name in self.laptops:
                self._done(name, functools.partial(self._look, name))
            for keeper in keepers:
                keeper.cancel()

    async def _keep(self, host: Host) -> None:
        """Start a host again after each crash."""
        dice = self.around.chaos.dice(f"down/{host.name}")
        while True:
            host.boot()
            await host.down.wait()
            await asyncio.sleep(dice.between(1.0, self.around.chaos.profile.down_s_max))

    async def _disturb(self, host: Host) -> None:
        """What happens to a laptop's clock, minute by minute."""
        chaos, dice = self.around.chaos, self.around.chaos.dice(f"clock/{host.name}")
        while True:
            await asyncio.sleep(60.0)
            by = timedelta(seconds=dice.between(1.0, chaos.profile.clock_jump_s_max))
            if chaos.strikes("clock_jump", host.name):
                host.clock.jump(by)
            if chaos.strikes("clock_back", host.name):
                host.clock.jump(-by)
            if chaos.strikes("suspend", host.name):
                host.suspend(dice.between(60.0, chaos.profile.suspend_s_max))

    async def _work(self, name: str) -> None:
        """A technician works out of coverage most of the time, and says what there is to say; then goes home."""
        dice, left = self.streams.of(f"technician/{name}"), self.options.commands
        while left > 0:
            away = dice.chance(0.7)
            if away:
                await self._until(name, lambda device: device.workbench.go(online=False))
            for _ in range(1 + dice.below(3)):
                await asyncio.sleep(dice.between(60.0, AWAY_S_MAX) if away else dice.between(1.0, 40.0))
                burst = [_proposal(dice, f"{name} says {left - n}") for n in range(min(left, 1 + dice.below(3)))]
                left -= len(burst)
                await self._until(name, functools.partial(self._say, name, burst))
            if away:
                await self._until(name, lambda device: device.workbench.go(online=True))
            await asyncio.sleep(dice.between(5.0, 60.0))
        await self._until(name, lambda device: device.workbench.go(online=False))

    async def _until(self, name: str, act: Callable[[Device], None]) -> None:
        """Nobody tells a person that the laptop is there again; they look, and do what they had not done."""
        while not self._done(name, act):  # noqa: ASYNC110
            await asyncio.sleep(20.0)

    def _done(self, name: str, act: Callable[[Device], None]) -> bool:
        """Whether a person could do something at the laptop, and it survived that."""
        life, program = self.laptops[name].incarnation, self.programs[name]
        device = program.device
        if life is None or not life.alive or life.paused or device is None:
            return False
        try:
            life.perform(functools.partial(act, device))
            life.perform(program.nudge.set)
        except (Gone, StoreError):
            return False
        return True

    def _say(self, name: str, burst: list[Proposal], device: Device) -> None:
        """Confirm, and remember what the screen said: saved, or that it makes no sense."""
        if not burst:
            return
        told, trace = self.told[name], self.around.trace
        meant = [Said(each.kind, each.record, each.payload, name) for each in burst]
        told.tried += meant
        try:
            commands = device.workbench.confirm(burst, sentence=str(burst[0].payload), source="form")
        except StoreError:
            del told.tried[-len(meant) :]
            raise
        except LocalError as error:
            del told.tried[-len(meant) :]
            told.refused.append(str(error))
            trace.note(name, f"was told: {error}")
            return
        del told.tried[-len(meant) :]
        told.saved |= dict(zip((command.id for command in commands), meant, strict=True))
        trace.note(name, f"saw saved {' '.join(command.id for command in commands)}")

    async def _dispatch(self) -> None:
        """Somebody in the office settles conflicts, one side or the other."""
        dice = self.streams.of("dispatcher")
        while True:
            await asyncio.sleep(dice.between(60.0, 600.0))
            life, office = self.server.incarnation, self.centre.office
            if life and office and life.alive and not life.paused:
                with suppress(Gone, Refused, DBAPIError):
                    life.perform(functools.partial(_resolve_all, office, dice))

    async def _watch(self) -> None:
        """Technicians look at their screens now and then, and somebody writes down where the audit ends."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for name in self.laptops:
                self._done(name, functools.partial(self._look, name))
            if self.server.up:
                self.heads.append(self._ends()[1:])

    def _look(self, name: str, device: Device) -> None:
        told = self.told[name]
        for item in device.store.items():
            command = item.command.id
            if item.state is State.HELD or item.receipt:
                told.taken.add(command)
            if item.receipt and (word := item.receipt.outcome.value) not in (told.shown.get(command) or ("",))[-1:]:
                told.shown[command] = (*told.shown.get(command, ()), word)

    async def _agree(self) -> None:
        """Nobody changes anything any more: everybody asks once more, until all have the last change."""
        for _ in range(TRIES_TO_AGREE):
            end = self._ends()[0]
            if all(self._reaches(name, end) for name in self.laptops):
                return
            for name in self.laptops:
                self._done(name, _send_now)
            await asyncio.sleep(30.0)

    def _ends(self) -> tuple[int, int, str]:
        return read_ends(_server_settings(self.server.home).database, TENANT)

    def _reaches(self, name: str, end: int) -> bool:
        device = self.programs[name].device
        cursor = device.store.meta("cursor") if device and self.laptops[name].up else None
        return cursor is not None and int(cursor.split(":")[1]) >= end

    async def _settle(self) -> None:
        for _ in range(int(HEAL_WITHIN.total_seconds()) // 10):
            await asyncio.sleep(10.0)
            if all(self._settled(name) for name in self.laptops):
                return
        self.unsettled = tuple(self._waiting(name) for name in self.laptops if not self._settled(name))

    def _settled(self, name: str) -> bool:
        device, host = self.programs[name].device, self.laptops[name]
        if device is None or host.incarnation is None or not host.up or host.incarnation.paused:
            return False
        return not device.store.items(states=[State.SAVED, State.SENT, State.HELD])

    def _waiting(self, name: str) -> str:
        device = self.programs[name].device
        items = device.store.items(states=[State.SAVED, State.SENT, State.HELD]) if device else []
        return f"{name}: {[(item.command.kind, item.state.value) for item in items]}"

    def evidence(self, start: ServerFile) -> Evidence:
        """What people did and saw, and what lies on the disks now."""
        late = self.around.trace.counts - self._counts_healed
        everybody = self.told.values()
        return Evidence(
            said={command: said for told in everybody for command, said in told.saved.items()},
            tried=tuple(said for told in everybody for said in told.tried),
            start=start,
            server=_server_file(self.server.home),
            devices={name: _device_file(host.home) for name, host in self.laptops.items()},
            shown={command: words for told in everybody for command, words in told.shown.items()},
            taken=frozenset(command for told in everybody for command in told.taken),
            heads=tuple(dict.fromkeys(self.heads)),
            unsettled=self.unsettled,
            asked_late={name: late[name, "asks"] for name in self.laptops},
            failed_late={name: late[name, "store:"] for name in self.laptops},
            healed_for_s=current_loop().time() - self._healed_at_s,
        )

    def settled(self) -> dict[str, dict[str, Outcome]]:
        """The outcomes that each laptop holds in the end, by command id; they go into the trace."""
        found: dict[str, dict[str, Outcome]] = {}
        for name, program in self.programs.items():
            items = program.device.store.items() if program.device else []
            for item in items:
                outcome = item.receipt.outcome if item.receipt else None
                self.around.trace.note(name, f"{item.command.id} {item.state} {outcome}")
            found[name] = {item.command.id: item.receipt.outcome for item in items if item.receipt}
        return found


def _send_now(device: Device) -> None:
    device.workbench.go(online=True)
    device.agent.session.send_now()


def _resolve_all(office: Office, dice: Stream) -> None:
    for conflict in office.conflicts(TENANT):
        choice = dice.choice((Choice.KEEP_MINE, Choice.TAKE_THEIRS))
        _, body = office.conflict(TENANT, conflict.ref)
        seen = max(office.record(TENANT, clash.record).version for clash in body.unsettled())
        with suppress(Refused):
            office.resolve(TENANT, "m.reyes", conflict.ref, choice, "looked at it", seen=seen)


def _proposal(dice: Stream, text: str) -> Proposal:
    """One thing that a technician may want to say."""
    job = 1 + dice.below(8)
    ref, pump = f"work_order/WO-{job}", f"asset/PUMP-{1 + job % 3}"
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("note.added", {"text": text}),
        ("reading.recorded", {"asset": pump, "quantity": "pressure", "value": float(dice.below(9)), "unit": "bar"}),
        ("part.consumed", {"stock_item": dice.choice(("stock_item/SEAL-1", "stock_item/FILTER-1")), "quantity": 1}),
        ("field.updated", {"field": "description", "value": text}),
        ("status.changed", {"to": dice.choice(("in_progress", "on_hold", "done"))}),
        ("finding.added", {"text": text}),
    ]
    kind, payload = dice.choice(kinds)
    return Proposal(kind, ref, payload, {})


async def _run(seed: int, options: Options, home: Path, start: ServerFile) -> Run:
    loop = current_loop()
    chaos = Chaos(options.profile, Streams(seed))
    trace = Trace(loop.time, keep=options.keep_lines)
    with simulated_disks() as bay, watched_commits(), stretched_once():
        wire = Wire(loop, chaos, trace)
        world = World(seed, options, home, Surroundings(chaos, trace, bay), wire)
        await world.live()
        settled = world.settled()
        evidence = world.evidence(start)
    hosts = [world.server, *world.laptops.values()]
    return Run(
        seed,
        trace.digest(),
        loop.digest(),
        loop.steps,
        loop.time(),
        settled,
        chaos.hits,
        sum(host.crashes for host in hosts),
        world.told,
        world.unsettled,
        (*wire.errors, *loop.unheard),
        trace.lines,
        evidence,
    )


def run(seed: int, options: Options) -> Run:
    """One world from beginning to end.

    Args:
        seed: from 0 up.
        options: what it consists of.

    Raises:
        SimulationFault: the world itself went wrong.
    """
    machines = template(options.devices)
    with scratch() as folder:
        for name in (SERVER, *machines.names):
            shutil.copytree(Path(machines.folder.name) / name, Path(folder) / name)
        result, _ = simulate(lambda: _run(seed, options, Path(folder), machines.start), Streams(seed).of("order"))
    return result
