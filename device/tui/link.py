"""The background carrier: one sync step after the other, as the agent says, never two at a time.

Rules
1. What to do is `device.agent`'s business; here is only when to ask it again: at once while there is work, at
   `Step.rest_until` otherwise, and earlier when somebody rings.
2. *Send now* takes its turn between two background steps and ends with a result for every item.
3. Going offline ends a step in flight. What it had sent is in doubt, which is what the outbox says already.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from device.agent import Agent, Step
from device.errors import DeviceError
from device.sending import SendResult, result_of
from device.tui.desk import Desk
from device.workbench import Workbench
from shared.ports import Clock

#: Between two steps that had work to do, so that a server that answers nonsense is not asked in a tight loop.
PAUSE_S = 0.1
#: Longest wait before looking again: a clock may jump, and another program may have changed the link.
LOOK_AGAIN_S = 15.0


class Link:
    """Carries the outbox of one device while a screen is open."""

    def __init__(self, agent: Agent, workbench: Workbench, clock: Clock, desk: Desk) -> None:
        self._agent, self._workbench, self._clock, self._desk = agent, workbench, clock, desk
        self._turn = asyncio.Lock()
        self._bell = asyncio.Event()
        #: When the next try is due by itself; None if only something new would bring one.
        self.next_at: datetime | None = None

    def ring(self) -> None:
        """There is something new to do: look now."""
        self._bell.set()

    async def carry(self, tell: Callable[[Step | DeviceError], None]) -> None:
        """Step until cancelled. `tell` hears of every step that did something, and of every fault."""
        while True:
            self._bell.clear()
            try:
                async with self._turn:
                    step = await self._agent.step()
            except DeviceError as error:
                tell(error)
                await self._wait(LOOK_AGAIN_S)
                continue
            self.next_at = step.rest_until if step.rested else None
            if step.rested:
                await self._wait(rest_s(step, self._clock.now()))
            else:
                tell(step)
                await asyncio.sleep(PAUSE_S)

    async def one_step(self) -> Step:
        """One step of the agent, in turn with the others. Raises `StoreError`."""
        async with self._turn:
            return await self._agent.step()

    async def send_now(self, told: Callable[[Step], None] | None = None) -> SendResult:
        """Try at once, until nothing is left to do or a round brings no answer. `told` hears of each step.

        Raises:
            StoreError: the device's database failed; nothing that was saved is lost.
        """
        async with self._turn:
            before = await self._desk.do(self._workbench.outbox)
            self._agent.session.send_now()
            steps = await self._agent.settle(told=told)
            after = await self._desk.do(self._workbench.outbox)
        return result_of(before, after, steps, self._clock.now())

    async def go(self, *, online: bool) -> None:
        """Work online or offline from now on. Raises `StoreError` if that cannot be written down."""
        await self._desk.do(lambda: self._workbench.go(online=online))
        self._agent.session.go(online=online)
        self.ring()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), seconds)


def rest_s(step: Step, now: datetime) -> float:
    """Seconds from `now` until the agent wants to be asked again, within sensible bounds."""
    if step.rest_until is None:
        return LOOK_AGAIN_S
    return min(max((step.rest_until - now).total_seconds(), PAUSE_S), LOOK_AGAIN_S)
