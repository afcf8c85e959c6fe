"""The course of a rig's run: everybody begins, things go wrong while people work, all heals, and all must settle.

Rules
1. Nothing is judged before everything is healed, every process has come to its end, and the databases are read.
2. However a run ends, no process and no folder of it stays.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from device.bootstrap import on_thread
from shared.ports import Ports
from shared.problems import Refused
from simulators.checkers import Finding, judged
from simulators.checkers.base import Evidence
from simulators.evidence import ServerFile, read_server
from simulators.explore import NO_ERRORS
from simulators.faults import Hits
from simulators.postgresql import postgresql
from simulators.rig import ground
from simulators.rig.acts import carry_out, heal
from simulators.rig.guard import Guard
from simulators.rig.people import Seat, said_by, staff, unprompted, work
from simulators.rig.plan import KINDS, Act, Options, plan
from simulators.rig.relay import Balancer
from simulators.rig.stage import AGAIN_S, SETTLE_WITHIN_S, Stage
from simulators.rig.timeline import Timeline
from simulators.world.options import TENANT
from simulators.world.template import device_file
from sync_server.office import Office
from sync_server.store.base import Contended

LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """A run: its options; for tests of the rig itself, faults to plant (``module:function``) in server or laptop."""

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
    acts: tuple[Act, ...]
    hits: Hits
    missing: Mapping[str, str]
    settled_s: float
    lines: tuple[str, ...]

    def planned(self, kind: str) -> int:
        """How many acts of a kind there were to be."""
        return sum(act.kind == kind for act in self.acts)

    @property
    def never_happened(self) -> tuple[str, ...]:
        """Kinds that could have been carried out, and touched nothing."""
        return tuple(kind.name for kind in KINDS if not self.hits[kind.name] and kind.name not in self.missing)


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
    with ExitStack() as stack:
        on = stack.enter_context(ground.prepared())
        stack.enter_context(ground.staying_here())
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tailboard-rig-", ignore_cleanup_errors=True))
        )
        guard = stack.enter_context(Guard())
        guard.clear(folder)
        stack.callback(guard.forget_database)
        database = stack.enter_context(postgresql(programs, guard.watch_database))
        stage = Stage(order.options, on, guard, folder, database, Timeline(ports.clock, say), order.plants)
        return asyncio.run(_Course(stage).run())


class _Course:
    """One run over its stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._office: Office | None = None
        self._acts = plan(stage.options)
        self._heads: list[tuple[int, str]] = []
        self._unsettled: tuple[str, ...] = ()
        self._healed_at_s = self._over_at_s = 0.0

    async def run(self) -> Result:
        """From the first process to the verdict. Raises `ChildFailed`: a process does not start."""
        stage = self._stage
        async with AsyncExitStack() as stack:
            self._office = office = stage.found()
            stack.callback(office.service.store.close)
            balancer = Balancer(ground.listen())
            await stack.enter_async_context(balancer)
            await stage.begin_servers(balancer)
            await stage.begin_laptops(stack, balancer.port, office)
            await stage.until("everybody has the records", self._agree())
            stage.timeline.note("rig", f"{len(stage.seats)} laptops are enrolled and have the records")
            start = read_server(stage.database, TENANT)
            await self._live(office)
            self._healed_at_s, failed_before = stage.timeline.now_s, stage.failures()
            settled_s = await self._settle(office)
            self._over_at_s, failed = stage.timeline.now_s, stage.failures()
            failed.subtract(failed_before)
            await stage.put_away()
            evidence = self._evidence(start, failed)
        findings = [finding for found in judged(evidence).values() for finding in found]
        findings += [Finding("a program", error, NO_ERRORS) for error in stage.errors]
        lines = tuple(stage.timeline.lines)
        return Result(evidence, tuple(findings), self._acts, stage.hits, stage.missing, settled_s, lines)

    async def _live(self, office: Office) -> None:
        """Things go wrong while people work; then everything is healed."""
        stage, over = self._stage, asyncio.Event()
        async with self._at_work(office), asyncio.TaskGroup() as crowd:
            for name, seat in stage.seats.items():
                crowd.create_task(work(seat, stage.streams.of(f"technician/{name}"), over))
            acts = [crowd.create_task(carry_out(stage, act)) for act in self._acts]
            await asyncio.sleep(stage.options.seconds)
            await asyncio.gather(*acts)
            over.set()
            await heal(stage)

    @asynccontextmanager
    async def _at_work(self, office: Office) -> AsyncIterator[None]:
        """Meanwhile the office works, and somebody writes down now and then where the audit ends."""
        jobs = (staff(office, self._stage.streams.of("staff")), self._look())
        doing = [asyncio.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in doing:
                task.cancel()
            ended = await asyncio.gather(*doing, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(DBAPIError, Contended, Refused):
                self._heads.append((await self._ends())[1:])

    async def _ends(self) -> tuple[int, int, str]:
        """Where the changes and the audit end, as the office's program shows it."""
        return await on_thread(self._seen_at_office)

    def _seen_at_office(self) -> tuple[int, int, str]:
        assert self._office, "it was founded first"
        with self._office.service.store.transaction() as tx:
            head = tx.head(TENANT)
            return head.change_seq, head.audit_position, head.audit_hash

    # -- afterwards

    async def _settle(self, office: Office) -> float:
        """Until nothing waits, or it takes too long, and everybody has everything; how long the waiting took."""
        stage = self._stage
        began_s = stage.timeline.now_s
        async with self._at_work(office):
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_WITHIN_S):
                    await self._nothing_waits()
        settled_s = stage.timeline.now_s - began_s
        self._unsettled = tuple(f"{s.name}: {', '.join(s.waiting)}" for s in stage.seats.values() if s.waiting)
        said = "something still waits" if self._unsettled else "nothing waits any more"
        stage.timeline.note("rig", f"{said}, {settled_s:.1f} s after it was healed")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._agree(), SETTLE_WITHIN_S)
        return settled_s

    async def _nothing_waits(self) -> None:
        while late := [seat for seat in self._stage.seats.values() if await self._waits(seat)]:
            for seat in late:  # somebody who sees that something waits presses the key
                await seat.ask({"do": "send_now"})
            await asyncio.sleep(LOOK_EVERY_S)

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
        end = (await self._ends())[0]
        seats = list(self._stage.seats.values())
        for seat in seats:
            await seat.look()
        return [seat for seat in seats if seat.reached < end]

    def _evidence(self, start: ServerFile, failed_late: Mapping[str, int]) -> Evidence:
        """What people did and saw, and what lies on the disks now."""
        seats = list(self._stage.seats.values())
        return Evidence(
            said=said_by(seats),
            tried=tuple(said for seat in seats for said in seat.told.tried),
            start=start,
            server=read_server(self._stage.database, TENANT),
            devices={seat.name: device_file(seat.home) for seat in seats},
            shown={command: words for seat in seats for command, words in seat.told.shown.items()},
            taken=frozenset(command for seat in seats for command in seat.told.taken),
            heads=tuple(dict.fromkeys(self._heads)),
            unsettled=self._unsettled,
            asked_at={seat.name: unprompted(seat.link.asked_at, seat.pressed_at) for seat in seats},
            healed_at_s=self._healed_at_s,
            healed_for_s=self._over_at_s - self._healed_at_s,
            failed_late=failed_late,
            were_full=frozenset(self._stage.were_full),
        )
