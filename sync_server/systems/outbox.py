"""The rows of writes to systems of record, as a unit of work leaves them.

A write is added in the transaction that settles its command. What a person decides about one takes effect on its row
in the transaction that settles the decision, wherever the decision came from.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from reconciliation.decide import Ruling
from shared.commands import read_payload
from shared.commands.base import Command
from shared.commands.external_decided import ExternalDecided
from shared.ids import id_of
from shared.outcomes import EFFECTIVE
from shared.records import WriteStatus, WriteVerdict
from sync_server.store import OutgoingEntry, Tx


def write_outgoing(
    tx: Tx, tenant: str, rulings: Iterable[tuple[Command, Ruling]], now: datetime, incarnation: int
) -> None:
    """Add what the rulings write, and do to rows what people decided.

    In a database that was restored (`incarnation` above 1) nothing is known to be unsent: a device may bring again a
    command whose write left before the backup was put back.
    """
    for command, ruling in rulings:
        if ruling.external is not None:
            entry = OutgoingEntry(tenant, ruling.external, WriteStatus.QUEUED, now, in_doubt=incarnation > 1)
            tx.add_outgoing(entry)
        elif command.kind == ExternalDecided.kind.name and ruling.outcome in EFFECTIVE:
            _decide(tx, tenant, command)


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
