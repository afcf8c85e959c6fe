"""The course of a world: first faults while people work, then healing; then everything must settle."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.outcomes import Outcome
from simulators.checkers.base import Evidence
from simulators.clocks import HostClock
from simulators.crossings import Event as Crossing
from simulators.disks import simulated_disks
from simulators.evidence import ServerFile
from simulators.faults import Chaos, Hit
from simulators.hosts import Host, Surroundings, watched_commits
from simulators.loop import current_loop, simulate
from simulators.scratch import in_memory
from simulators.streams import Streams
from simulators.trace import Trace
from simulators.wire import Wire
from simulators.world import incidents, staff, technicians
from simulators.world.engines import ChancyLink
from simulators.world.inference import ChancyCluster
from simulators.world.machines import Centre, Laptop
from simulators.world.options import SERVER, START, Options, Run
from simulators.world.releases import releases
from simulators.world.stage import Seat, Stage
from simulators.world.supplier import SUPPLIER, TERMS, Desk, Supplier
from simulators.world.template import device_file, server_file, stretched_once, template

TRIES_TO_AGREE = 60
#: For so long a laptop is closed on which nothing waits, while the office still waits for somebody.
LID_S = 120.0

#: Told of a world before it begins; it may look at it whenever it likes, and touch nothing.
Watch = Callable[[Stage], None]


def run(seed: int, options: Options, *, committed: list[Hit] | None = None, watch: Watch | None = None) -> Run:
    """One world from beginning to end.

    Args:
        seed: from 0 up.
        options: what it consists of.
        committed: every fault is written here too, for whoever wants to know it of a world that fell apart.
        watch: who looks on.

    Raises:
        SimulationFault: the world itself went wrong.
    """
    machines, hits = template(options.devices, options.habits.jobs), [] if committed is None else committed
    with in_memory("tailboard-sim-") as folder:
        for name in (SERVER, *machines.names):
            shutil.copytree(Path(machines.folder.name) / name, Path(folder) / name)
        order, home = Streams(seed).of("order"), Path(folder)
        result, _ = simulate(
            lambda: _run(seed, options, home, machines.start, hits, watch), order, steps_max=options.steps_max
        )
    return result


async def _run(
    seed: int, options: Options, home: Path, start: ServerFile, committed: list[Hit], watch: Watch | None
) -> Run:
    loop = current_loop()
    chaos = Chaos(options.profile, Streams(seed), script=options.script, committed=committed)
    trace = Trace(loop.time, keep=options.keep_lines)
    with simulated_disks() as bay, watched_commits(), stretched_once(), releases():
        wire = Wire(loop, chaos, trace)
        stage = _stage(seed, options, home, Surroundings(chaos, trace, bay), wire)
        if watch:
            watch(stage)
        course = Course(stage)
        await course.live()
        settled = course.settled()
        evidence = course.evidence(start)
    return Run(
        seed,
        trace.digest(),
        loop.digest(),
        loop.steps,
        loop.time(),
        settled,
        chaos.hits,
        sum(host.crashes for host in stage.hosts),
        {name: seat.told for name, seat in stage.seats.items()},
        course.unsettled,
        (*wire.errors, *loop.unheard),
        trace.lines,
        evidence,
        tuple(committed),
        course.recovery_s,
    )


def _stage(seed: int, options: Options, home: Path, around: Surroundings, wire: Wire) -> Stage:
    streams, cluster = Streams(seed), ChancyCluster(takes_s=20.0, chaos=around.chaos)
    crossings: list[Crossing] = []
    engines = ChancyLink(around.chaos, crossings.append)
    centre = Centre(wire, seldom_s=options.habits.seldom_s, cluster=cluster, engines=engines)
    supplier = Supplier(terms=streams.of("terms").choice(TERMS), chaos=around.chaos)
    supplier.told_to(home / SERVER / "0")
    (home / SUPPLIER / "0").mkdir(parents=True)
    server = _host(SERVER, home, centre, around)
    outside = _host(SUPPLIER, home, Desk(wire, supplier), around)
    seats: dict[str, Seat] = {}
    for n in range(1, options.devices + 1):
        name, program = f"TB-{n:02d}", Laptop(wire, crossings.append)
        seats[name] = Seat(_host(name, home, program, around), program, name)
    for host in (server, *(seat.host for seat in seats.values())):
        host.old = around.chaos.strikes("old_server" if host is server else "old_laptop", host.name)

    def new_host(name: str, program: Laptop) -> Host:
        return _host(name, home, program, around)

    stage = Stage(options, streams, around, wire, centre, server, supplier, outside, seats, new_host, home)
    stage.crossings = crossings
    return stage


def _host(name: str, home: Path, program: Any, around: Surroundings) -> Host:
    loop, chaos = current_loop(), around.chaos
    clock = HostClock(loop.time, START)
    if name not in (SERVER, SUPPLIER) and chaos.strikes("clock_drift", name):
        most = chaos.profile.drift_ppm_max
        clock.drift(chaos.about("clock_drift", name).between(-most, most))
    return Host(name, home / name, program, loop=loop, clock=clock, world=around)


class Course:
    """One world's course over its stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.unsettled: tuple[str, ...] = ()
        #: How often who had done what when everything healed, and when that was.
        self._counts_healed: Counter[tuple[str, str]] = Counter()
        self._healed_at_s = 0.0
        self.recovery_s: float | None = None

    async def live(self) -> None:
        """Everything is said, faults heal, and everything settles or is named in `unsettled`."""
        stage, seats = self._stage, self._stage.seats.values()
        async with stage.people:
            keepers = [stage.begin(incidents.keep(stage, host)) for host in stage.hosts]
            befall = [stage.begin(incidents.arrange(stage, event)) for event in stage.options.events]
            if stage.options.profile.armed():
                befall += [stage.begin(incidents.befall_laptop(stage, seat)) for seat in seats]
                befall.append(stage.begin(incidents.befall_server(stage)))
            watchers = [stage.begin(self._watch()), stage.begin(incidents.operate(stage))]
            office = stage.begin(staff.rounds(stage))
            await asyncio.gather(*[stage.begin(technicians.work(stage, seat)) for seat in seats])
            for task in befall:
                task.cancel()
            await self._heal()
            await self._settle()
            if not self.unsettled:
                self.recovery_s = current_loop().time() - self._healed_at_s
                stage.around.trace.note("world", "settled")
            office.cancel()
            await asyncio.wait([office])  # whoever was about to decide something still does
            await self._agree()
            for seat in seats:
                seat.done(seat.look)
            for task in (*keepers, *watchers):
                task.cancel()

    async def _heal(self) -> None:
        stage = self._stage
        stage.chaos.heal()
        for host in stage.hosts:
            host.clock.put_right()
            host.wake()
            host.make_room()
            if host.old:
                host.old = False
                host.crash("to be upgraded", power_cut=False)
        for seat in stage.seats.values():
            await seat.until(technicians.send_now)
        stage.centre.hurry.set()
        stage.around.trace.note("world", "healed")
        self._counts_healed, self._healed_at_s = Counter(stage.around.trace.counts), current_loop().time()

    async def _watch(self) -> None:
        """Technicians look at their screens now and then, and somebody writes down where the audit ends."""
        stage = self._stage
        while True:
            await asyncio.sleep(stage.options.habits.look_every_s)
            for seat in stage.seats.values():
                seat.done(seat.look)
            if end := stage.ends():
                stage.heads.append(end)

    async def _agree(self) -> None:
        """Nobody changes anything any more: everybody asks once more, until all have the last change."""
        for _ in range(TRIES_TO_AGREE):
            reached = self._stage.reached()
            if reached and all(seat.reaches(*reached) for seat in self._stage.seats.values()):
                return
            for seat in self._stage.seats.values():
                seat.done(technicians.send_now)
            await asyncio.sleep(30.0)

    async def _settle(self) -> None:
        seats = self._stage.seats.values()
        for _ in range(int(self._stage.options.patience.total_seconds()) // 10):
            await asyncio.sleep(10.0)
            reached = self._stage.reached()
            known = reached and all(seat.settled() and seat.reaches(reached[0]) for seat in seats)
            if not known or self._stage.copies:
                continue
            if not self._stage.office_waits():
                return
            for seat in seats:  # what the office waits for may take long, and no technician sits in front of it
                seat.host.suspend(LID_S)
        unsettled = [seat for seat in seats if not seat.settled()] + self._stage.copies
        self.unsettled = tuple(seat.waiting() for seat in unsettled)
        self.unsettled += tuple(f"office: {words}" for words in self._stage.office_waits())

    def evidence(self, start: ServerFile) -> Evidence:
        """What people did and saw, and what lies on the disks now."""
        stage = self._stage
        late = stage.around.trace.counts - self._counts_healed
        everybody = [seat.told for seat in (*stage.seats.values(), *stage.retired)]
        return Evidence(
            said={command: said for told in everybody for command, said in told.saved.items()},
            tried=tuple(said for told in everybody for said in told.tried),
            start=start,
            server=server_file(stage.server.home),
            forgotten=dict(stage.archive),
            lives=tuple(stage.lives),
            redone=frozenset(stage.redone),
            taken_back=frozenset(c for told in everybody if not told.disk_was_copied for c in told.taken_back),
            devices={name: device_file(seat.host.home) for name, seat in stage.seats.items()},
            shown={command: words for told in everybody for command, words in told.shown.items()},
            taken=frozenset(command for told in everybody for command in told.taken),
            heads=tuple(dict.fromkeys(stage.heads)),
            unsettled=self.unsettled,
            asked_at={name: tuple(stage.around.trace.times[name, "asks"]) for name in stage.seats},
            healed_at_s=self._healed_at_s,
            healed_for_s=current_loop().time() - self._healed_at_s,
            booked=dict(stage.supplier.effects),
            ordered=tuple(stage.supplier.orders),
            reached=tuple(stage.centre.cluster.reached),
            crossings=tuple(stage.crossings),
            set_back=frozenset(name for name, seat in stage.seats.items() if seat.told.disk_was_copied),
            failed_late={name: late[name, "store:"] for name in stage.seats},
            were_full=frozenset(host.name for host in stage.hosts if stage.around.trace.counts[host.name, "disk"]),
        )

    def settled(self) -> dict[str, dict[str, Outcome]]:
        """The outcomes that each laptop holds in the end, by command id; they go into the trace."""
        found: dict[str, dict[str, Outcome]] = {}
        for name, seat in self._stage.seats.items():
            device = seat.program.device
            items = device.store.items() if device else []
            for item in items:
                outcome = item.receipt.outcome if item.receipt else None
                self._stage.around.trace.note(name, f"{item.command.id} {item.state} {outcome}")
            found[name] = {item.command.id: item.receipt.outcome for item in items if item.receipt}
        return found
