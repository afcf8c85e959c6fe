"""The rows of writes to systems of record, as a unit of work leaves them.

A write is added in the transaction that settles its command. What a person decides about one takes effect on its row
in the transaction that settles the decision, wherever the decision came from.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from reconciliation.decide import Ruling
from reconciliation.expiry import datable
from shared.commands import read_payload
from shared.commands.base import Command, Outgoing
from shared.commands.external_decided import ExternalDecided
from shared.ids import id_of
from shared.outcomes import EFFECTIVE
from shared.records import WriteStatus, WriteVerdict
from sync_server.store import Entry, OutgoingEntry, Tx
from sync_server.systems.steps import AHEAD


def write_outgoing(
    tx: Tx,
    tenant: str,
    settling: Iterable[tuple[Entry, Ruling]],
    now: datetime,
    set_back_at: datetime | None,
    reviewed: Collection[str],
) -> None:
    """Add what the rulings write, and do to rows what people decided.

    Args:
        tx: the unit's transaction.
        tenant: whose.
        settling: commands with what becomes of them.
        now: when that is decided.
        set_back_at: when an operator began this life of the database; None in its first.
        reviewed: commands that a reviewer let go on, whose clocks nobody vouches for.
    """
    for entry, ruling in settling:
        if ruling.external is not None:
            known = set_back_at is not None and _may_be_known(entry, ruling.external, set_back_at, reviewed)
            tx.add_outgoing(OutgoingEntry(tenant, ruling.external, WriteStatus.QUEUED, now, in_doubt=known))
        elif entry.command.kind == ExternalDecided.kind.name and ruling.outcome in EFFECTIVE:
            _decide(tx, tenant, entry.command)


def _may_be_known(entry: Entry, write: Outgoing, set_back_at: datetime, reviewed: Collection[str]) -> bool:
    """Whether the write may have left in the life before: a device may bring again what was settled there.

    It did not if the command itself was confirmed since, well after, by a clock that is near ours and never changed.
    """
    command, offset = entry.command, timedelta(seconds=entry.offset_s)
    if write.command != command.id or command.id in reviewed or entry.doubtful or abs(offset) > AHEAD:
        return True
    return not datable(command.issued_at) or command.issued_at - offset - AHEAD <= set_back_at


def _decide(tx: Tx, tenant: str, command: Command) -> None:
    decision = read_payload(command)
    assert isinstance(decision, ExternalDecided), "the catalogue knows the kind"
    entry = tx.outgoing(tenant, id_of(command.record))
    if entry is None:
        return
    again = decision.verdict is WriteVerdict.RETRY
    settled = replace(
        entry,
        state=decision.status,
        vouched=again,
        in_doubt=again,
        tries=0,
        not_before=None,
        lease_owner=None,
        lease_until=None,
        reference=decision.reference,
        detail="",
    )
    tx.overrule_outgoing(settled)
