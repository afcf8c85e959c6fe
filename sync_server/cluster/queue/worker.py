"""Carries out the steps of `sync_server.cluster.queue.steps`: one task at a time.

Rules
1. The steps decide; this only does what they say, and looks at the clock before each.
2. Between the durable mark and the first byte no time may pass: if it did, or the task's time is over by then,
   nothing leaves. A server that stood still in between must not send what another has taken over.
3. A worker may be dropped at any point. What it was doing is taken over when its lease ends.
4. While an engine works it is looked whether the task is still ours; if not, the engine is stopped. A worker that is
   stepped by hand, without `run`, does not look.
5. It waits only through `wait`, and reaches the database only through `run_blocking`.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports import Clock, RunBlocking
from sync_server.cluster.queue.desk import Dispatched, TaskDesk
from sync_server.cluster.queue.port import Broke, Busy, Engine, Result
from sync_server.cluster.queue.steps import Limits, Resting, after_run, expired
from sync_server.logs import where
from sync_server.working import Wait, work_for_ever

log = logging.getLogger("tailboard.server")

#: From the durable mark to the first byte at most this many seconds.
SEND_WITHIN_S = 5.0
#: What a worker has, beyond the longest run, to write down what came of it.
MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tasks one server works on at a time, and how often it looks for new ones, in seconds."""

    workers: int = 2
    poll_s: float = 2.0


class Worker:
    """One of a server's workers."""

    def __init__(
        self,
        engine: Engine,
        desk: TaskDesk,
        clock: Clock,
        run_blocking: RunBlocking,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._engine, self._desk, self._clock, self._run = engine, desk, clock, run_blocking
        self._limits, self._pace = limits or Limits(), pace or Pace()
        self._wait: Wait | None = None

    async def run(self, wait: Wait) -> None:
        """Work until cancelled. A fault is logged and outlived: what it left behind is taken up again."""
        self._wait = wait
        await work_for_ever(self.step, self._clock, wait, self._pace.poll_s, "a task could not be worked on")

    async def step(self, now: datetime) -> bool:
        """Take the next task that is due and bring it to rest. False if there was none."""
        until = self._until(now)
        row = await self._run(lambda: self._desk.lease(now, until))
        if row is None:
            return False
        known = self._engine.known()
        decided_at, started_s = self._clock.now(), self._clock.monotonic_s()
        until = self._until(decided_at)
        sent = await self._run(lambda: self._desk.dispatch(row, known, decided_at, until))
        if sent is not None:
            await self._rest(sent, await self._outcome(sent, started_s))
        return True

    async def _outcome(self, sent: Dispatched, started_s: float) -> Resting:
        if over := expired(sent.row, self._clock.now()):
            return over
        result = await self._ask(sent, started_s)
        return after_run(sent.row, sent.run, result, self._limits, self._clock.now())

    async def _ask(self, sent: Dispatched, started_s: float) -> Result:
        try:
            async with asyncio.timeout(sent.run.within_s):
                return await self._unless_taken(sent, started_s)
        except TimeoutError:
            return Broke(f"no answer within {sent.run.within_s:.0f} seconds")
        except Exception as error:  # noqa: BLE001  # an engine's fault is no answer
            log.error("an engine failed", extra={"command_id": sent.task.id, **where(error)})
            return Broke("the engine failed; the fault is in the server's log")

    async def _send(self, sent: Dispatched, started_s: float) -> Result:
        """The look at the clock and the engine's first step are one step: nothing can stand still between them."""
        if self._clock.monotonic_s() - started_s > SEND_WITHIN_S:
            return Busy("this server stood still before sending")
        return await self._engine.run(sent.task)

    async def _unless_taken(self, sent: Dispatched, started_s: float) -> Result:
        """What the engine says; it is stopped as soon as the task is not ours any more."""
        asking = asyncio.ensure_future(self._send(sent, started_s))
        watching = asyncio.ensure_future(self._taken(sent))
        try:
            await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
            return await asking if asking.done() else Broke("it was cancelled, or taken over, while it ran")
        finally:
            for each in (asking, watching):
                each.cancel()
            await asyncio.gather(asking, watching, return_exceptions=True)

    async def _taken(self, sent: Dispatched) -> None:
        """Return when the task is not ours any more."""
        wait = self._wait
        if wait is None:
            await asyncio.Event().wait()
            return
        await wait(self._pace.poll_s)
        while await self._ours(sent):
            await wait(self._pace.poll_s)

    async def _ours(self, sent: Dispatched) -> bool:
        try:
            return await self._run(lambda: self._desk.holds(sent))
        except Exception as error:  # noqa: BLE001  # nobody knows, and what is answered may still count
            log.error("a task could not be looked after", extra={"command_id": sent.task.id, **where(error)})
            return True

    async def _rest(self, sent: Dispatched, result: Resting) -> None:
        kept = await self._run(lambda: self._desk.settle(sent, result))
        what = "a task rests" if kept else "the task was cancelled or taken over; a late result is dropped"
        log.info(what, extra={"command_id": sent.task.id, "rest": type(result).__name__})

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._limits.run_s + MARGIN_S)
