"""What people and incidents can reach of a running world: the seats in front of laptops, and the office."""

import asyncio
import functools
import itertools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from device.bootstrap import Device
from device.errors import StoreError
from device.store import State
from shared.problems import Refused
from simulators.crossings import Event as Crossing
from simulators.evidence import Received, ServerFile
from simulators.faults import Chaos
from simulators.hosts import Host, Surroundings
from simulators.loop import Gone
from simulators.streams import Streams
from simulators.wire import Wire
from simulators.world.machines import Centre, Laptop
from simulators.world.options import TENANT, Options, Told
from simulators.world.supplier import Supplier
from sync_server.office import Office
from sync_server.service import incarnation
from sync_server.standing import stopped

T = TypeVar("T")
WAITING = (State.SAVED, State.SENT, State.HELD)


@dataclass
class Seat:
    """A laptop and the technician in front of it; what the technician remembers outlives every crash."""

    host: Host
    program: Laptop
    #: The id of the device: a copy has that of the original.
    device: str
    told: Told = field(default_factory=Told)

    @property
    def name(self) -> str:
        """The laptop's."""
        return self.host.name

    def done(self, act: Callable[[Device], None]) -> bool:
        """Whether a person could do something at the laptop, and it survived that."""
        life, device = self.host.incarnation, self.program.device
        if life is None or not life.alive or life.paused or device is None:
            return False
        try:
            life.perform(functools.partial(act, device))
            life.perform(self.program.nudge.set)
        except (Gone, StoreError):
            return False
        return True

    async def until(self, act: Callable[[Device], None]) -> None:
        """Nobody tells a person that the laptop is there again; they look, and do what they had not done."""
        while not self.done(act):  # noqa: ASYNC110
            await asyncio.sleep(20.0)

    def look(self, device: Device) -> None:
        """The technician reads what the screen says of each command."""
        for item in device.store.items():
            if item.state is State.HELD or item.receipt:
                self.told.see(item.command.id, item.receipt.outcome.value if item.receipt else None)

    def settled(self) -> bool:
        """Whether the laptop is up, and nothing on it waits."""
        device, life = self.program.device, self.host.incarnation
        if device is None or life is None or not life.alive or life.paused:
            return False
        return not device.store.items(states=WAITING)

    def waiting(self) -> str:
        """What waits, in words."""
        device = self.program.device
        items = device.store.items(states=WAITING) if device else []
        return f"{self.name}: {[(item.command.kind, item.state.value) for item in items]}"

    def reaches(self, life: int, end: int = 0) -> bool:
        """Whether the laptop has heard of the server's present life, and has every change up to `end`."""
        device = self.program.device if self.host.up else None
        cursor = device.store.meta("cursor") if device else None
        here = (cursor or "0:0").split(":")
        return int(here[0]) >= life and int(here[1]) >= end


@dataclass
class Stage:
    """One running world."""

    options: Options
    streams: Streams
    around: Surroundings
    wire: Wire
    centre: Centre
    server: Host
    supplier: Supplier
    supplier_host: Host
    seats: dict[str, Seat]
    #: Makes a host of a name for a program.
    new_host: Callable[[str, Laptop], Host]
    folder: Path
    people: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    #: Machines that run a copy of a laptop's disk just now, and all that ever did.
    copies: list[Seat] = field(default_factory=list)
    retired: list[Seat] = field(default_factory=list)
    #: Hosts that nobody starts before then.
    closed_until_s: dict[str, float] = field(default_factory=dict)
    #: Where the audit ended when somebody looked.
    heads: list[tuple[int, str]] = field(default_factory=list)
    #: Commands whose outcome was lost with a server that was set back.
    redone: set[str] = field(default_factory=set)
    #: What purges removed.
    archive: dict[str, Received] = field(default_factory=dict)
    #: The server's files as they were whenever it was about to be set back.
    lives: list[ServerFile] = field(default_factory=list)
    #: What was said about questions, and what crossed a boundary.
    crossings: list[Crossing] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _questions: Iterator[int] = field(default_factory=itertools.count)

    @property
    def chaos(self) -> Chaos:
        """What may go wrong."""
        return self.around.chaos

    @property
    def hosts(self) -> list[Host]:
        """Every machine."""
        seats = [*self.seats.values(), *self.copies]
        return [self.server, self.supplier_host, *(seat.host for seat in seats)]

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Something that goes on beside everything else."""
        return self.people.create_task(work)

    def note(self, crossing: Crossing) -> None:
        """Something was said about a question, or crossed a boundary."""
        self.crossings.append(crossing)

    def next_question(self) -> int:
        """The number of one more question."""
        return next(self._questions)

    def scratch(self, name: str) -> Path:
        """A path that nothing stands at yet."""
        return self.folder / f"{name}-{next(self._numbers)}"

    def copy_of(self, original: Seat) -> Seat:
        """Another machine with the disk of `original` as it is now."""
        name = f"{original.name}-copy-{next(self._numbers)}"
        original.host.backup(self.folder / name / "0")
        program = Laptop(self.wire, self.note)
        seat = Seat(self.new_host(name, program), program, original.device)
        self.copies.append(seat)
        self.retired.append(seat)
        return seat

    def in_office(self, act: Callable[[Office], T]) -> T | None:
        """Something that somebody at the office does; None if the server is not there, refuses it or dies of it."""
        life, office = self.server.incarnation, self.centre.office
        if not (life and office and life.alive) or life.paused:
            return None
        with suppress(Gone, Refused, DBAPIError):
            return life.perform(functools.partial(act, office))
        return None

    def office_waits(self) -> tuple[str, ...]:
        """What somebody at the office has still to do, in words; also if nobody can say."""
        waiting = self.in_office(_waiting)
        return ("the server is not there",) if waiting is None else waiting

    def reached(self) -> tuple[int, int] | None:
        """The server's life, and how many changes it has made; None if nobody can say."""

        def told(office: Office) -> tuple[int, int]:
            with office.service.store.transaction() as tx:
                return incarnation(tx), tx.head(TENANT).change_seq

        return self.in_office(told)

    def ends(self) -> tuple[int, str] | None:
        """Where the audit ends, its position and hash, as the server shows it; None if it is not there."""

        def told(office: Office) -> tuple[int, str]:
            with office.service.store.transaction() as tx:
                head = tx.head(TENANT)
                return head.audit_position, head.audit_hash

        return self.in_office(told)


def _waiting(office: Office) -> tuple[str, ...]:
    with office.service.store.transaction() as tx:
        stands_still = stopped(tx)
    words = {
        "the server stands still until somebody looks": stands_still,
        "the supplier is owed something": office.outgoing(TENANT) or office.external_writes(TENANT),
        "a question waits for the cluster": office.tasks(TENANT),
        "a laptop is shut out": [each for each in office.devices(TENANT) if each.state != "active"],
        "something is kept for review": office.quarantine(TENANT),
    }
    return tuple(what for what, found in words.items() if found)
