"""What was measured, kept every quarter of an hour for a week, so that pages can show how it went.

Rules
1. What is kept are the readings of `sync_server.telemetry.readings`, summed over labels that no plot tells apart; a
   page cannot show another figure than ``/metrics`` would have shown then.
2. An instant is kept once, whichever of several servers comes first. A server that was off leaves a gap.
3. Whoever wants more than a week has a monitoring system, which reads ``/metrics``.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from shared.metrics import Key
from shared.ports import RunBlocking
from shared.problems import Refused
from sync_server.logs import where
from sync_server.service import Service
from sync_server.store import Tx
from sync_server.telemetry.readings import Readings, read_store

log = logging.getLogger("tailboard.server")
EVERY, KEPT_FOR = timedelta(minutes=15), timedelta(days=7)
#: What is kept, and the places of the labels that stay apart; of a histogram's buckets the bound does.
KEPT: Mapping[str, tuple[int, ...]] = {
    "tailboard_decisions_total": (0,),
    "tailboard_fail_closed_total": (),
    "tailboard_consents_total": (0,),
    "tailboard_fallbacks_total": (),
    "tailboard_route_switches_total": (),
    "tailboard_moved_bytes_total": (0,),
    "tailboard_gateway_tasks_total": (2,),
    "tailboard_gateway_tokens_total": (1,),
    "tailboard_gateway_queue_seconds_bucket": (1,),
    "tailboard_gateway_first_token_seconds_bucket": (1,),
    "tailboard_sync_seconds_bucket": (1,),
    "tailboard_commands_settled_total": (0,),
    "tailboard_conflicts_open": (),
    "tailboard_conflicts_resolved_total": (),
    "tailboard_duplicates_prevented_total": (),
    "tailboard_outbox_age_seconds": (),
    "tailboard_outbox_waiting": (),
    "tailboard_task_queue_age_seconds": (),
}


def summed(readings: Mapping[Key, float]) -> Readings:
    """Those of one organisation's `readings` that are kept, summed over the labels that are not told apart."""
    sums: Counter[Key] = Counter()
    for (name, labels), value in readings.items():
        if name in KEPT:
            sums[name, tuple(labels[place] for place in KEPT[name])] += value  # type: ignore[assignment]  # floats
    return dict(sums)


def sample(service: Service) -> None:
    """Keep what is measured now, and forget what is older than a week. Raises `Refused`: `busy`."""
    now = service.ports.clock.now()
    at = datetime.fromtimestamp(now.timestamp() // EVERY.total_seconds() * EVERY.total_seconds(), UTC)
    with service.store.transaction() as tx:
        tenants = list(tx.tenants())
    for tenant in tenants:
        told = {(name, labels[1:]): value for (name, labels), value in read_store(service, tenant).items()}
        keep(service, tenant, at, summed(told))


def keep(service: Service, tenant: str, at: datetime, values: Readings) -> None:
    """Keep `values` as of `at`."""

    def work(tx: Tx) -> None:
        tx.keep_measured(tenant, at, values)
        tx.forget_measured(tenant, at - KEPT_FOR)

    service.store.attempt(work)


async def sample_for_ever(
    service: Service, run_blocking: RunBlocking, wait: Callable[[float], Awaitable[None]]
) -> None:
    """Keep what is measured now, and every quarter of an hour, until cancelled."""
    while True:
        try:
            await run_blocking(lambda: sample(service))
        except Refused as refused:
            log.warning("not sampled", extra={"code": refused.problem.code})
        except Exception as error:  # noqa: BLE001  # the next one tries again
            log.error("not sampled", extra=where(error))
        await wait(EVERY.total_seconds())
