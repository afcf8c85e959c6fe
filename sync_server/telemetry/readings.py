"""What is measured, as it stands: read from the store for every organisation, and from this process.

A reading is a value under a name and labels of `shared.metrics`. What is of the store has the organisation as its
first label.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from shared.contract import to_instant
from shared.metrics import BY_NAME, Key
from sync_server.cluster.gateway import Gateway
from sync_server.service import Service
from sync_server.store import Device, StrandTold, Tx
from sync_server.telemetry.counting import CALL_LINKS, count_audit

Readings = dict[Key, float]
#: Whose evidence is incomplete and that told nothing for so long is silent.
SILENT = timedelta(days=1)
_FROM_GATEWAY = {
    "faults": "tailboard_gateway_faults_total",
    "probe_faults": "tailboard_gateway_probe_failures_total",
}


def read_store(service: Service, tenant: str | None = None, most: int = CALL_LINKS) -> Readings:
    """What the store says of one organisation, or of all.

    At most `most` links of each audit that were not counted yet are counted before. Raises `Refused`: `busy`.
    """
    with service.store.transaction() as tx:
        tenants = [each for each in tx.tenants() if tenant in (None, each)]
    readings: Readings = {}
    for each in tenants:
        count_audit(service.store, each, most)
        with service.store.transaction() as tx:
            told = dict(_of_tenant(tx, each, service.ports.clock.now()))
        readings |= {(name, (each, *labels)): value for (name, labels), value in told.items()}
    return readings


def _of_tenant(tx: Tx, tenant: str, now: datetime) -> Iterator[tuple[Key, float]]:
    yield from tx.measured(tenant).items()
    yield ("tailboard_audit_uncounted", ()), tx.head(tenant).audit_position - tx.audit_counted(tenant)
    yield from _evidence(tx.strands(tenant), now)
    yield ("tailboard_conflicts_open", ()), tx.waiting_counts(tenant)["conflict"]
    for hold, number in tx.held_by_hold(tenant).items():
        yield ("tailboard_commands_held", (hold,)), number
    states, attempts, oldest = tx.task_counts(tenant)
    for state, number in states.items():
        yield ("tailboard_tasks", (state,)), number
    yield ("tailboard_task_attempts", ()), attempts
    yield ("tailboard_task_queue_age_seconds", ()), _age_s(oldest, now)
    yield from _outboxes(tx.devices(tenant), now)


def _evidence(told: Mapping[str, StrandTold], now: datetime) -> Iterator[tuple[Key, float]]:
    missing = {device: max(0, each.stated - each.number) for device, each in told.items()}
    silent = sum(missing[device] > 0 and now - each.told_at > SILENT for device, each in told.items())
    yield ("tailboard_evidence_laptops", ()), len(told)
    yield ("tailboard_evidence_entries", ()), sum(each.stated for each in told.values())
    yield ("tailboard_evidence_missing", ()), sum(missing.values())
    yield ("tailboard_evidence_lost", ()), sum(each.lost for each in told.values())
    yield ("tailboard_evidence_silent", ()), silent


def _outboxes(devices: list[Device], now: datetime) -> Iterator[tuple[Key, float]]:
    """What laptops last said of themselves; one that was never heard says nothing."""
    reports = [json.loads(each.report) for each in devices if each.report]
    oldest = [at for each in reports if (at := each.get("oldest_at"))]
    yield ("tailboard_outbox_waiting", ()), sum(int(each.get("waiting", 0)) for each in reports)
    yield ("tailboard_outbox_age_seconds", ()), max((_age_s(at, now) for at in oldest), default=0.0)


def _age_s(since: str | None, now: datetime) -> float:
    return max(0.0, (now - to_instant(since)).total_seconds()) if since else 0.0


def read_process(gateway: Gateway | None) -> Readings:
    """What is of this process alone."""
    if gateway is None:
        return {}
    account = gateway.account
    readings: Readings = {("tailboard_gateway_unaudited", ()): account.waiting}
    for seat in gateway.seats.values():
        readings["tailboard_gateway_line", (seat.name,)] = seat.line.load
        readings["tailboard_gateway_out", (seat.name,)] = float(seat.health.ejected)
    for (name, labels), value in account.counters.snapshot().items():
        if metric := _FROM_GATEWAY.get(name):
            readings[metric, tuple(map(str, labels))] = value
    return readings


def names_known(readings: Mapping[Key, float]) -> bool:
    """Whether everything that was read is in the table; a histogram's parts are under its name."""
    return all(_metric_of(name) in BY_NAME for name, _ in readings)


def _metric_of(name: str) -> str:
    return name.removesuffix("_bucket").removesuffix("_sum_us")
