"""A cluster that can be told to misbehave, and that notes what really reached it.

What reached it is in `reached`, in order: which task, under which fence, when by the clock of the server that asked.
A judge's question is always whether it should have. The text of an answer names task and fence, so that whoever finds
it later can tell who worked it out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.assist import Answer, Moved
from shared.ports import Clock
from shared.records import ANSWER_CHARS_MAX
from shared.routing import Boundary, Capability, Route, Tier
from sync_server.cluster.queue.port import Answered, Broke, Busy, QueuedTask, Result, Unfit

#: What this engine's model can read, and how fast it writes.
CONTEXT_TOKENS, TOKENS_PER_S = 8192, 40.0
#: A task that nobody ever asked about.
OTHER = "00000000-0000-7000-8000-000000000000"


class Temper(StrEnum):
    """How a question is dealt with.

    * `HONEST`: answered. `LONG`: answered with far too many words. `WRONG`: with the answer to another task.
    * `BUSY`: not taken. `UNFIT`: understood, and never answered. `BREAKS`: begun, and broken off.
    * `FAULTY`: the adapter itself fails. `SILENT`: taken, and never heard of again.
    * `LATE`: answered, by somebody who does not notice that nobody listens any more.
    """

    HONEST = "honest"
    LONG = "long"
    WRONG = "wrong"
    BUSY = "busy"
    UNFIT = "unfit"
    BREAKS = "breaks"
    FAULTY = "faulty"
    SILENT = "silent"
    LATE = "late"


@dataclass
class Reached:
    """One question that reached the cluster; `at` is by the clock of the server that asked, `life` the how-manieth.

    `ended_at` is when the server had its answer or gave up, None while it listens or if it died.
    """

    task: str
    fence: int
    prompt: str
    data_class: str
    at: datetime
    life: int = 0
    ended_at: datetime | None = None


Wait = Callable[[float], Awaitable[None]]


@dataclass
class Cluster:
    """What is there, whoever asks: its temper, and what reached it.

    `takes_s` is how long an answer takes, `late_s` how long a late one does, in seconds.
    """

    temper: Temper = Temper.HONEST
    down: bool = False
    takes_s: float = 0.0
    late_s: float = 400.0
    life: int = 0
    reached: list[Reached] = field(default_factory=list)

    def choose_temper(self) -> Temper:
        """How the next question is dealt with."""
        return self.temper

    def capability(self, now: datetime) -> Mapping[Boundary, Capability]:
        """What it can do, while it is up."""
        if self.down:
            return {}
        able = Capability(
            model="cluster-1",
            tier=Tier.HIGH,
            context_tokens=CONTEXT_TOKENS,
            tokens_per_s=TOKENS_PER_S,
            measured_at=now,
            expires_at=now + timedelta(minutes=5),
        )
        return {Route.PRIVATE_CLUSTER: able}


@dataclass
class ScriptedEngine:
    """One server's way to the cluster (`sync_server.cluster.queue.port.Engine`)."""

    cluster: Cluster
    clock: Clock
    wait: Wait

    def known(self) -> Mapping[Boundary, Capability]:
        """What the cluster can do now."""
        return self.cluster.capability(self.clock.now())

    async def run(self, task: QueuedTask) -> Result:
        """Note that it came, and deal with it."""
        temper = self.cluster.choose_temper()
        if temper is Temper.BUSY:
            return Busy("every slot is taken", 20.0)
        came = Reached(task.id, task.fence, task.prompt, task.data_class, self.clock.now(), self.cluster.life)
        self.cluster.reached.append(came)
        try:
            return await self._deal(task, temper)
        finally:  # also when the server gave up; one that crashed comes to no end
            came.ended_at = self.clock.now()

    async def _deal(self, task: QueuedTask, temper: Temper) -> Result:
        match temper:
            case Temper.SILENT:
                while True:
                    await self.wait(3600.0)
            case Temper.LATE:
                await self._deaf(self.cluster.late_s)
            case _:
                await self.wait(self.cluster.takes_s)
        if temper is Temper.FAULTY:
            raise RuntimeError("a fault of the adapter")
        if temper is Temper.UNFIT:
            return Unfit("it is longer than the model can read")
        if temper is Temper.BREAKS:
            return Broke("the connection ended before the answer did")
        return answer(task, temper)

    async def _deaf(self, seconds: float) -> None:
        """Go on for `seconds`, though somebody gives up meanwhile. Who is told twice hears it."""
        until = self.clock.monotonic_s() + seconds
        with suppress(asyncio.CancelledError):
            await self.wait(seconds)
        if (left := until - self.clock.monotonic_s()) > 0:
            await self.wait(left)


def answer(task: QueuedTask, temper: Temper = Temper.HONEST) -> Answered:
    """The answer to `task`, or, of the wrong temper, to another."""
    about = OTHER if temper is Temper.WRONG else task.id
    text = answer_text(about, task.fence) + (" and so on" * ANSWER_CHARS_MAX if temper is Temper.LONG else "")
    moved = Moved(
        boundary=task.places[0],
        data_class=task.data_class,
        bytes_up=len(task.prompt.encode()),
        bytes_down=len(text.encode()),
    )
    told = Answer(
        task=about,
        text=text,
        route=task.places[0],
        model="cluster-1",
        runtime="scripted",
        tier=Tier.HIGH,
        data_class=task.data_class,
        decision=task.decision,
        bundle_version=task.bundle_version,
        moved=(moved,),
        first_token_s=0.1,
        took_s=0.5,
        tokens=9,
        disclosure=task.disclosure,
    )
    return Answered(task.fence, told)


def answer_text(task: str, fence: int) -> str:
    """What an answer begins with."""
    return f"to {task} under fence {fence}"
