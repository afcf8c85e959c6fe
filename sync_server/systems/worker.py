"""Carries out the steps of `sync_server.systems.steps`: one write at a time, for one system.

Rules
1. The steps decide; this only does what they say, and looks at the clock before each.
2. Between the durable mark and the first byte no time may pass: if it did, nothing is sent. A server that stood still
   in between must not send what another has taken over.
3. A worker may be dropped at any point. What it was doing is taken over when its lease ends, and looked up first.
4. It waits only through `wait`, and reaches the database only through `run_blocking`.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports import Clock, RunBlocking
from sync_server.logs import where
from sync_server.store import OutgoingEntry
from sync_server.systems.desk import Desk
from sync_server.systems.port import (
    CannotTell,
    Execution,
    Lookup,
    SystemOfRecord,
    Uncertain,
    Unreached,
)
from sync_server.systems.steps import Limits, LookUp, Resting, Send, after_lookup, after_send, first
from sync_server.working import Wait, work_for_ever

log = logging.getLogger("tailboard.server")

#: From the durable mark to the first byte at most this many seconds.
SEND_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a worker holds a write, and how often it looks for new ones, in seconds.

    `lease_s` must be longer than anything that a worker does in one go: three exchanges with the system.
    """

    lease_s: float = 60.0
    poll_s: float = 1.0


class Worker:
    """The worker of one system."""

    def __init__(
        self,
        system: SystemOfRecord,
        desk: Desk,
        clock: Clock,
        run_blocking: RunBlocking,
        limits: Limits | None = None,
        pace: Pace | None = None,
        *,
        began: datetime,
    ) -> None:
        """`began` is when this server began to work: what is older is looked up first."""
        self._system, self._desk, self._clock, self._run = system, desk, clock, run_blocking
        self._limits, self._pace, self._began = limits or Limits(), pace or Pace(), began

    async def run(self, wait: Wait) -> None:
        """Work until cancelled. A fault is logged and outlived: what it left behind is taken up again."""
        await work_for_ever(
            self.step, self._clock, wait, self._pace.poll_s, "a write to a system of record could not be worked on"
        )

    async def step(self, now: datetime) -> bool:
        """Take the next write that is due and bring it to rest. False if there was none."""
        until = self._until(now)
        row = await self._run(lambda: self._desk.lease(now, until))
        if row is None:
            return False
        step = first(row, self._began)
        if isinstance(step, LookUp):
            asked_at = self._clock.now()
            answer = await self._look_up(row)
            step = after_lookup(row, answer, self._system.guarantees, self._limits, asked_at, self._began)
        if isinstance(step, Send):
            await self._send(row)
        else:
            assert not isinstance(step, LookUp), "a lookup is never answered with a lookup"
            await self._rest(row, step)
        return True

    async def _send(self, row: OutgoingEntry) -> None:
        now, started_s = self._clock.now(), self._clock.monotonic_s()
        until = self._until(now)
        marked = await self._run(lambda: self._desk.mark(row, now, until))
        if marked is None:
            log.warning("another worker took over", extra={"command_id": row.outgoing.command})
            return
        if self._clock.monotonic_s() - started_s > SEND_WITHIN_S:
            result: Execution = Unreached("this server stood still before sending")
        else:
            result = await self._execute(row)
        # What certainly did not leave is as it was before the mark.
        held = row if isinstance(result, Unreached) else marked
        await self._rest(held, after_send(row, result, self._limits, self._clock.now()))

    async def _rest(self, row: OutgoingEntry, result: Resting) -> None:
        kept = await self._run(lambda: self._desk.settle(row, result))
        what = "a write rests" if kept else "another worker took over; a late result is dropped"
        log.info(what, extra={"command_id": row.outgoing.command, "rest": type(result).__name__})

    async def _look_up(self, row: OutgoingEntry) -> Lookup:
        try:
            return await self._system.lookup(row.outgoing.command)
        except Exception as error:  # noqa: BLE001  # an adapter's fault tells nothing
            log.error("an adapter failed", extra={"command_id": row.outgoing.command, **where(error)})
            return CannotTell("the adapter failed; the fault is in the server's log")

    async def _execute(self, row: OutgoingEntry) -> Execution:
        try:
            return await self._system.execute(row.outgoing)
        except Exception as error:  # noqa: BLE001  # an adapter's fault tells nothing
            log.error("an adapter failed", extra={"command_id": row.outgoing.command, **where(error)})
            return Uncertain("the adapter failed; the fault is in the server's log")

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._pace.lease_s)
