"""Everything that a unit decided, written at once.

The tenant's head is taken last and gives out places in the changes feed and in the audit as one range each. Receipts
name their places, one signature covers them all, and each outcome has its link in the audit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from reconciliation.scope import team_of
from shared.envelope import SigningKey
from shared.ids import sha256_hex
from shared.merkle import Leaf
from shared.receipts import seal_all
from shared.records import Record, state_of
from shared.statements import ReceiptsRoot
from sync_server.batch.decided import Decided, Settled
from sync_server.batch.known import Known
from sync_server.cluster.queue.rows import add_tasks, cancel_tasks
from sync_server.store import Entry, Link, TenantHead, Write
from sync_server.systems.outbox import write_outgoing


@dataclass(frozen=True)
class Seal:
    """Who settles, when, and in which life of the database; `set_back_at` as `sync_server.standing` says it."""

    now: datetime
    key: SigningKey
    incarnation: int
    set_back_at: datetime | None = None

    @cached_property
    def at(self) -> str:
        """The instant as the audit writes it."""
        return self.now.isoformat()


def write(known: Known, decided: Decided, seal: Seal, check: Callable[[], None]) -> None:
    """Write everything that this unit decided. `check` is asked under the tenant's lock, and may end the unit."""
    tx, tenant = known.tx, known.tenant
    settling = [(each.entry, each.ruling) for each in decided.settled.values()]
    write_outgoing(tx, tenant, settling, seal.now, seal.set_back_at, decided.reviewed)
    add_tasks(tx, tenant, settling, seal.now)
    cancel_tasks(tx, tenant, settling)
    head = tx.lock_head(tenant)
    check()
    writes = [_placed(record, head.change_seq + n, known) for n, record in enumerate(decided.written.values(), 1)]
    change_seq = head.change_seq + len(writes) + bool(decided.rescoped)
    for device_id in decided.rescoped:
        known.devices[device_id] = replace(known.devices[device_id], scope_seq=change_seq)
    chain = _Chain(head)
    for note in decided.notes:
        chain.add({"at": seal.at, **note})
    settled = _sealed(list(decided.settled.values()), tenant, change_seq, chain, seal)
    tx.put_records(tenant, writes)
    _put_entries(known, decided, settled, chain.position)
    tx.add_audit(tenant, chain.links)
    tx.set_head(tenant, TenantHead(change_seq, chain.position, chain.hash))
    for device in known.devices.values():
        tx.put_device(tenant, device)
    for epochs in known.epochs.values():
        for epoch in epochs.values():
            tx.put_epoch(tenant, epoch)


def _placed(record: Record, change_seq: int, known: Known) -> Write:
    stored, team, state = known.stored.get(record.ref), team_of(record), state_of(record.kind, record.fields)
    if stored is None:
        return Write(record, change_seq, team, before=0, state=state)
    return Write(record, change_seq, team, stored.version, team_of(stored) != team, state)


def _put_entries(known: Known, decided: Decided, settled: list[Entry], root: int) -> None:
    tx, tenant = known.tx, known.tenant
    if settled and (proof := settled[0].proof) and isinstance(proof.inclusion, Leaf):
        tx.put_root(tenant, root, proof.envelope, proof.inclusion.tree.leaves)
    new, moved_on = known.apart([*decided.held.values(), *settled])
    tx.add_entries(tenant, new, root)
    tx.put_entries(tenant, moved_on, root)
    for entry in settled:
        known.put(entry)
    moved = decided.freed | {command for command in decided.needs if command not in known.new}
    if moved:
        tx.drop_needs(tenant, moved)
    tx.put_needs(tenant, ((need, command) for command, needs in decided.needs.items() for need in needs))


# -- receipts


def _sealed(settled: list[Settled], tenant: str, change_seq: int, chain: "_Chain", seal: Seal) -> list[Entry]:
    """The settled entries with their receipts, proved by one signature; each has its link in the audit."""
    if not settled:
        return []
    payloads = [_receipt(each, tenant, change_seq, chain, seal) for each in settled]
    root = ReceiptsRoot(tenant=tenant, incarnation=seal.incarnation, size=1, root=sha256_hex(b""), at=seal.now)
    return [
        each.entry.settled(each.ruling.outcome, seal.now, payload, proof)
        for each, payload, proof in zip(settled, payloads, seal_all(payloads, root, seal.key), strict=True)
    ]


def _receipt(settled: Settled, tenant: str, change_seq: int, chain: "_Chain", seal: Seal) -> bytes:
    """The bytes of a `shared.outcomes.Receipt`: all of it is our own and checked already, so it is only written."""
    entry, ruling = settled.entry, settled.ruling
    position = chain.add(_audit_body(settled, seal.at))
    return to_json(
        {
            "tenant": tenant,
            "command": entry.command.id,
            "envelope_hash": entry.envelope.hash,
            "outcome": str(ruling.outcome),
            "reason": ruling.reason and str(ruling.reason),
            "detail": ruling.detail,
            "applied": ruling.applied,
            "conflicting": ruling.conflicting,
            "conflict": ruling.conflict,
            "versions": settled.versions,
            "change_seq": change_seq,
            "incarnation": seal.incarnation,
            "audit_position": position,
            "settled_at": seal.now,
            "key_id": seal.key.keyid,
        }
    )


# -- the audit


class _Chain:
    """The audit chain being extended: each link's hash covers the one before."""

    def __init__(self, head: TenantHead) -> None:
        self.hash = head.audit_hash
        self.position = head.audit_position
        self.links: list[Link] = []

    def add(self, body: dict[str, Any]) -> int:
        """Append a link; its position."""
        text = to_json(body).decode()
        before, self.hash = self.hash, link_hash(self.hash, text)
        self.position += 1
        self.links.append((self.position, before, self.hash, text))
        return self.position


def link_hash(prev: str, body: str) -> str:
    """The hash of an audit link over the one before and its own body."""
    return sha256_hex(f"{prev}\n{body}".encode())


def _audit_body(settled: Settled, at: str) -> dict[str, Any]:
    command, ruling = settled.entry.command, settled.ruling
    return {
        "at": at,
        "act": "outcome",
        "command": command.id,
        "hash": settled.entry.envelope.hash,
        "kind": command.kind,
        "actor": command.actor,
        "device": command.device,
        "record": command.record,
        "outcome": str(ruling.outcome),
        "reason": ruling.reason and str(ruling.reason),
        "versions": settled.versions,
    }
