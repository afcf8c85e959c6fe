"""Who works on a rig: technicians in front of laptops, a resolver and an approver at the office.

Rules
1. People are not software: what a technician means and what the screen told them is kept here, outside the laptop.
2. A technician whose laptop died before it answered knows no more than that they tried, and says it again.
3. What is said follows from the seed; when it is said, the machine has a say in as well.
"""

import asyncio
import itertools
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from device.bootstrap import on_thread
from device.core.interpret import Proposal
from shared.problems import Refused
from shared.records import ApprovalChoice
from simulators.evidence import Said
from simulators.rig.children import Child, Heard, last_words
from simulators.rig.ground import Network, SmallDisk
from simulators.rig.guard import Guard
from simulators.rig.relay import Link
from simulators.rig.timeline import Timeline
from simulators.streams import Stream
from simulators.workload import APPROVERS, proposal
from simulators.world.options import TENANT, Told
from simulators.world.staff import decide, resolve_all
from sync_server.office import Office
from sync_server.store.base import Contended

AGAIN_S = 0.3
ROUNDS = 4


@dataclass
class Seat:
    """A laptop, the technician in front of it, and all that is only theirs: link, network, disk."""

    name: str
    home: Path
    link: Link
    guard: Guard
    log: Path
    complain: Callable[[str], None]
    timeline: Timeline
    network: Network | None = None
    disk: SmallDisk | None = None
    spoil: str | None = None
    told: Told = field(default_factory=Told)
    #: Of the lives of the laptop that are over.
    troubles_before: int = 0
    #: When the technician did something that makes a laptop ask.
    pressed_at: list[float] = field(default_factory=list)
    #: Sentences of the last look, of what waits, and how far the laptop has come.
    waiting: tuple[str, ...] = ()
    reached: int = -1
    _child: Child | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _minders: set["asyncio.Task[None]"] = field(default_factory=set)

    def begin(self, *more: str) -> None:
        """Switch the laptop on; `more` is for its program."""
        handles = (self.network.handle,) if self.network else ()
        command = ["-m", "simulators.rig.laptop", str(self.home), *more]
        command += ["--network", str(handles[0])] if handles else []
        command += ["--plant", self.spoil] if self.spoil else []
        self._child = Child.begin(self.name, command, self.guard, self.log, handles)
        minder = asyncio.create_task(self._mind(self._child))
        self._minders.add(minder)
        minder.add_done_callback(self._minders.discard)

    async def _mind(self, child: Child) -> None:
        """Tell the technician when it can be used, and when it is gone."""
        if await child.line():
            self._ready.set()
        status = await child.ended()
        self._ready.clear()
        if not child.ending:
            self.complain(f"{self.name} ended by itself with status {status}: {last_words(self.log)}")

    async def ready(self) -> None:
        """Wait until it can be used."""
        await self._ready.wait()

    @property
    def child(self) -> Child:
        """Its process."""
        assert self._child is not None, "it was switched on"
        return self._child

    @property
    def troubles(self) -> int:
        """How often the disk failed it."""
        return self.troubles_before + self.child.troubles

    async def kill(self) -> None:
        """Kill -9."""
        self.troubles_before += self.child.troubles
        await self.child.kill()
        self.child.troubles = 0
        self._ready.clear()

    async def put_away(self) -> None:
        """Switch it off."""
        if self._child and self._child.up:
            status = await self._child.put_away()
            if status:
                self.complain(f"{self.name} was switched off and ended with status {status}: {last_words(self.log)}")

    async def ask(self, what: Heard) -> Heard | None:
        """Do something at the laptop as soon as it can be used; None if it dies before it answers."""
        async with self._turn:
            await self._ready.wait()
            if what["do"] != "look":
                self.pressed_at.append(self.timeline.now_s)
            return await self.child.ask(what)

    async def until_done(self, what: Heard) -> None:
        """Do something at the laptop, again and again if it cannot."""
        told = await self.ask(what)
        while told is None or "failed" in told:
            await asyncio.sleep(AGAIN_S)
            told = await self.ask(what)

    async def say(self, burst: Sequence[Proposal]) -> None:
        """Confirm some things, all or none, until the screen says what became of that."""
        meant = [Said(each.kind, each.record, each.payload, self.name) for each in burst]
        words = {"do": "say", "proposals": [[each.kind, each.record, dict(each.payload)] for each in burst]}
        while True:
            told = await self.ask(words)
            match told:
                case None:
                    self.told.tried += meant
                case {"saved": list(ids)}:
                    self.told.saved |= dict(zip(ids, meant, strict=True))
                    return
                case {"refused": str(sentence)}:
                    self.told.refused.append(sentence)
                    return
                case _:
                    pass  # the disk is full: it says so, and nothing is saved
            await asyncio.sleep(AGAIN_S)

    async def look(self) -> None:
        """Read what the screen shows."""
        told = await self.ask({"do": "look"})
        if told is None or "there" not in told:
            return
        for command, word in told["there"]:
            self.told.see(command, word)
        self.waiting = tuple(told["waiting"])
        self.reached = int(told["cursor"].split(":")[1]) if told["cursor"] else -1

    def freeze(self, *, frozen: bool) -> bool:
        """SIGSTOP or SIGCONT; whether there was anybody."""
        return self.child.send(signal.SIGSTOP if frozen else signal.SIGCONT)


async def work(seat: Seat, dice: Stream, over: asyncio.Event) -> None:
    """Work until it is over: out of coverage now and then, saying what there is to say, looking at the screen."""
    numbers = itertools.count()
    while not over.is_set():
        away = dice.chance(0.4)
        if away:
            await seat.until_done({"do": "go", "online": False})
        for _ in range(1 + dice.below(3)):
            await _pause(over, dice.between(0.3, 2.5))
            burst = [proposal(dice, f"{seat.name} says {next(numbers)}") for _ in range(1 + dice.below(3))]
            await seat.say(burst)
        if away:
            await seat.until_done({"do": "go", "online": True})
        elif dice.chance(0.5):
            await seat.until_done({"do": "send_now"})
        await seat.look()


async def _pause(over: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)


async def staff(office: Office, dice: Stream) -> None:
    """Conflicts are settled and questions answered, one round after the other, for ever."""
    while True:
        await asyncio.sleep(dice.between(0.5, 1.5))
        with suppress(DBAPIError, Contended, Refused):  # the database is not there, or has just come back
            await on_thread(lambda: _round(office, dice))


def _round(office: Office, dice: Stream) -> None:
    resolve_all(dice, office)
    for approval in office.approvals(TENANT):
        choice = dice.choice((ApprovalChoice.APPROVE, ApprovalChoice.APPROVE, ApprovalChoice.REFUSE))
        decide(office, approval, dice.choice(APPROVERS), choice)


def said_by(seats: Sequence[Seat]) -> dict[str, Any]:
    """What all of them confirmed and saw called saved, by command id, each in their order."""
    return {command: said for seat in seats for command, said in seat.told.saved.items()}


def unprompted(asked_at: Sequence[float], pressed_at: Sequence[float]) -> tuple[float, ...]:
    """The requests that nothing a person did explains.

    What somebody does explains up to `ROUNDS` requests after it, until they do the next thing: a greeting, a question
    about what is in doubt, what is to be sent, and what has come meanwhile.

    Args:
        asked_at: when a laptop began a request, in order.
        pressed_at: when its person did something, in order.
    """
    left: list[float] = []
    explained, done = 0, 0
    for at in asked_at:
        while done < len(pressed_at) and pressed_at[done] <= at:
            done, explained = done + 1, ROUNDS
        if explained:
            explained -= 1
        else:
            left.append(at)
    return tuple(left)
