"""What the server forgets, and when. Chain heads, the audit and what is not settled are kept for good.

A settled command is answered for during `Limits.ledger_retention`; afterwards its place in its device's chain says
that it was settled (`settled_purged`). Removals go with the commands of their time: a copy that was begun before is
older than any device may be away, and starts over. A withdrawal whose command did not come within
`Limits.offline_max` is forgotten: were the command to come now, its time would be over. What the workers knew of a
question that came to its end goes as long after its time; its record stays. Traces of laptops' decisions go after
`TRACES_KEPT`; what they came to stays counted, and how far each laptop told stays known.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from reconciliation.expiry import LIMITS, Limits
from shared.request_signature import TOLERANCE
from sync_server.service import Service
from sync_server.store import Tx

#: As long as a laptop keeps its own evidence, unless it is told otherwise: one can be held against the other.
TRACES_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Purged:
    """How much of an organisation's was forgotten."""

    commands: int
    removals: int
    traces: int = 0


def purge(service: Service, limits: Limits = LIMITS) -> dict[str, Purged]:
    """Forget what is older than the limits allow; organisation → how much. Raises `Refused`: `busy`."""
    now = service.ports.clock.now()

    def nonces(tx: Tx) -> list[str]:
        tx.forget_nonces(now - 3 * TOLERANCE)
        tx.forget_quota_windows(now - timedelta(days=1))
        return list(tx.tenants())

    tenants = service.store.attempt(nonces)
    return {tenant: service.store.attempt(partial(_purge, service, tenant, limits)) for tenant in tenants}


def _purge(service: Service, tenant: str, limits: Limits, tx: Tx) -> Purged:
    """One organisation's; its audit says how much."""
    now = service.ports.clock.now()
    before = now - limits.ledger_retention
    place = tx.feed_end_before(tenant, before)
    purged = Purged(
        tx.purge(tenant, before), tx.forget_removals(tenant, place), tx.forget_traces(tenant, now - TRACES_KEPT)
    )
    tx.forget_withdrawals(tenant, now - limits.offline_max)
    tx.forget_ended_tasks(tenant, now - limits.offline_max)
    tx.keep_removals_from(tenant, place)
    if any((purged.commands, purged.removals, purged.traces)):
        batch = service.batch(tx, tenant)
        counts = {"commands": purged.commands, "removals": purged.removals, "traces": purged.traces}
        batch.note(act="purged", before=before.isoformat(), **counts)
        batch.flush()
    return purged
