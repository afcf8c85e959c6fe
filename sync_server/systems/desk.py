"""The worker's side of the database: taking a write, marking it, writing down what became of it.

Rules
1. Each act is one transaction, and holds only under the fence of the lease that it was done under.
2. The mark that a write is being sent is durable before its first byte leaves.
3. The row and its ``external_write`` record change together; the record only through a command of the service person.
4. Where an operator must look first (`sync_server.standing`), nothing is taken and nothing is sent.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from reconciliation.compose import Author
from shared.commands.base import OFFICE, SERVICE_PERSON, Role
from shared.commands.external_recorded import ExternalRecorded
from shared.ids import record_ref
from shared.records import WriteStatus
from sync_server.service import Service, give
from sync_server.standing import refuse_if_stopped, stopped
from sync_server.store import OutgoingEntry, Person, Tx
from sync_server.systems.steps import Done, Later, Park, Resting, Turned

_SERVICE = Person(SERVICE_PERSON, "Tailboard", frozenset({Role.SERVICE}))


class Desk:
    """One worker's access to the writes of one system. Every method blocks and raises as the store does."""

    def __init__(self, service: Service, system: str, owner: str) -> None:
        self._service, self._system, self._owner = service, system, owner

    def lease(self, now: datetime, until: datetime) -> OutgoingEntry | None:
        """The next write that is due, held until `until`; None if there is none."""

        def work(tx: Tx) -> OutgoingEntry | None:
            return tx.lease_outgoing(self._system, self._owner, now, until, stopped(tx))

        return self._service.store.attempt(work)

    def mark(self, entry: OutgoingEntry, now: datetime, until: datetime) -> OutgoingEntry | None:
        """Note durably that the write leaves now; the row as it is then, or None if somebody else took over."""
        marked = replace(
            entry,
            state=WriteStatus.SENDING,
            in_doubt=True,
            vouched=False,
            attempts=entry.attempts + 1,
            tries=0,
            last_sent_at=now,
            lease_until=until,
        )

        def work(tx: Tx) -> bool:
            refuse_if_stopped(tx, entry.tenant)
            return tx.move_outgoing(marked)

        return marked if self._service.store.attempt(work) else None

    def settle(self, entry: OutgoingEntry, result: Resting) -> bool:
        """Write down where the write rests now. False, and nothing is written, if somebody else took over."""
        after = rest(entry, result)
        command_id = self._service.ports.new_id()

        def work(tx: Tx) -> bool:
            refuse_if_stopped(tx, entry.tenant)
            moved = tx.move_outgoing(after)
            if moved:
                self._record(tx, after, command_id)
            return moved

        return self._service.store.attempt(work)

    def _record(self, tx: Tx, entry: OutgoingEntry, command_id: str) -> None:
        """Bring the record of the write in line with its row."""
        batch = self._service.batch(tx, entry.tenant)
        ref = record_ref("external_write", entry.outgoing.command)
        record = batch.look(frozenset({ref})).get(ref)
        if record is None or record.fields["status"] == entry.state:
            return
        if tx.person(entry.tenant, SERVICE_PERSON) != _SERVICE:
            tx.put_person(entry.tenant, _SERVICE)
            batch.note(act="person", person=SERVICE_PERSON, roles=sorted(_SERVICE.roles))
        told = ExternalRecorded(
            status=entry.state, reference=entry.reference, detail=entry.detail[:400], attempts=entry.attempts
        )
        now = self._service.ports.clock.now()
        author = Author(command_id, entry.tenant, OFFICE, SERVICE_PERSON, now, "service")
        give(self._service.pen(tx, entry.tenant), batch, author, ref, told, {})
        batch.flush()


def rest(entry: OutgoingEntry, result: Resting) -> OutgoingEntry:
    """The row with the lease given back and `result` in it."""
    free = replace(entry, lease_owner=None, lease_until=None, not_before=None, detail="")
    match result:
        case Done(reference):
            return replace(free, state=WriteStatus.DONE, in_doubt=False, reference=reference)
        case Turned(detail):
            return replace(free, state=WriteStatus.REFUSED, in_doubt=False, detail=detail)
        case Park(detail):
            return replace(free, state=WriteStatus.PARKED, detail=detail)
        case Later(at, tries, detail):
            state = WriteStatus.SENDING if entry.in_doubt else WriteStatus.QUEUED
            return replace(free, state=state, not_before=at, tries=tries, detail=detail)
        case _:
            assert_never(result)
