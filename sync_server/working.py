"""How a worker works: one step after the other until it is cancelled, resting only when there is nothing to do."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from shared.ports import Clock
from sync_server.logs import where

log = logging.getLogger("tailboard.server")
Wait = Callable[[float], Awaitable[None]]


async def work_for_ever(
    step: Callable[[datetime], Awaitable[bool]], clock: Clock, wait: Wait, poll_s: float, complaint: str
) -> None:
    """Take steps until cancelled. A fault is logged and outlived: what it left behind is taken up again.

    Args:
        step: does one piece of work, given the time; False if there was none.
        clock: tells the time.
        wait: rests for so many seconds.
        poll_s: how long to rest when there is nothing to do, in seconds.
        complaint: what the log says of a fault.
    """
    while True:
        try:
            worked = await step(clock.now())
        except Exception as error:  # noqa: BLE001  # the next piece must not wait for this one's fault
            log.error(complaint, extra=where(error))
            worked = False
        if not worked:
            await wait(poll_s)
