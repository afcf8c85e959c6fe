"""What time brings, looked for at intervals: an approval that nobody answered, a kind that this program has learnt.

Rules
1. A sweep that fails is logged and tried again at the next interval; it never ends the loop.
2. Every server of several may sweep: each unit of work reads the ledger first.
"""

import logging
from collections.abc import Awaitable, Callable

from shared.ports import RunBlocking
from sync_server.logs import where
from sync_server.service import Service

log = logging.getLogger("tailboard.server")
INTERVAL_S = 30.0


async def sweep_for_ever(
    service: Service, run_blocking: RunBlocking, wait: Callable[[float], Awaitable[None]]
) -> None:
    """Sweep now, and every `INTERVAL_S` seconds after, until cancelled. `wait` sleeps for so many seconds."""
    while True:
        try:
            await run_blocking(service.sweep)
        except Exception as error:  # noqa: BLE001  # the next interval tries again
            log.error("the sweep failed", extra=where(error))
        await wait(INTERVAL_S)
