"""What runs beside the gateway as long as the server does: the audit is written, upstreams that are out are probed.

Rules
1. Entries that cannot be written are put back and tried again; they are lost only with the process.
2. A fault is logged and tried again at the next turn; it never ends the loop.
"""

import logging
from collections.abc import Awaitable, Callable

from shared.ports import RunBlocking
from shared.problems import Refused
from sync_server.cluster.account import Use
from sync_server.cluster.gateway import Gateway
from sync_server.cluster.policy import READ_EVERY_S, ServerPolicies
from sync_server.cluster.quota import IDLE
from sync_server.cluster.reception import Reception
from sync_server.logs import where
from sync_server.service import Service

log = logging.getLogger("tailboard.server")
WRITE_EVERY_S = 0.25
#: So many entries are written in one transaction; more wait for the next, so that a slow disk makes no large ones.
BATCH_MAX = 256
Wait = Callable[[float], Awaitable[None]]


async def write_down(gateway: Gateway, reception: Reception, run_blocking: RunBlocking) -> bool:
    """Write up to `BATCH_MAX` entries into the audit; whether more wait. Those that could not be written wait on."""
    left: dict[str, list[Use]] = {}
    for use in gateway.account.take(BATCH_MAX):
        left.setdefault(use.tenant, []).append(use)
    refused: list[Use] = []
    try:
        for tenant in list(left):
            if not await _written(reception, tenant, left[tenant], run_blocking):
                refused += left[tenant]
            del left[tenant]
    finally:
        gateway.account.put_back([*refused, *(use for uses in left.values() for use in uses)])
    return not refused and gateway.account.waiting > 0


async def _written(reception: Reception, tenant: str, uses: list[Use], run_blocking: RunBlocking) -> bool:
    try:
        await run_blocking(lambda: reception.write(tenant, uses))
    except Refused as refused:
        log.warning("not audited yet", extra={"tenant": tenant, "code": refused.problem.code})
        return False
    return True


async def write_for_ever(gateway: Gateway, reception: Reception, run_blocking: RunBlocking, wait: Wait) -> None:
    """Write the audit every `WRITE_EVERY_S` seconds, until cancelled."""
    while True:
        await wait(WRITE_EVERY_S)
        try:
            while await write_down(gateway, reception, run_blocking):
                pass
        except Exception as error:  # noqa: BLE001  # the next turn tries again
            log.error("the audit was not written", extra=where(error))


async def read_for_ever(policies: ServerPolicies, service: Service, run_blocking: RunBlocking, wait: Wait) -> None:
    """Read what is rolled out, and the names that the classifier looks for, until cancelled."""
    while True:
        await wait(READ_EVERY_S)
        try:
            await run_blocking(lambda: policies.read(service))
        except Exception as error:  # noqa: BLE001  # the next turn tries again
            log.error("the policies were not read", extra=where(error))


async def bring_back_for_ever(gateway: Gateway, wait: Wait) -> None:
    """Bring back what is not used of quotas, until cancelled."""
    while True:
        await wait(IDLE.total_seconds())
        try:
            await gateway.bring_back()
        except Exception as error:  # noqa: BLE001  # it is worth nothing when its window ends
            log.error("unused quotas were not brought back", extra=where(error))


async def probe_for_ever(gateway: Gateway, wait: Wait) -> None:
    """Ask upstreams that are out whether they are back, until cancelled."""
    while True:
        await wait(gateway.cluster.probe_s)
        try:
            await gateway.probe()
        except Exception as error:  # noqa: BLE001  # the next turn tries again
            log.error("the probe failed", extra=where(error))
