"""Writes to systems of record: what is on its way, and what a person must settle."""

from shared.commands.external_decided import ExternalDecided
from shared.outcomes import Receipt
from shared.records import Record, WriteStatus, waits_for_a_person
from sync_server.office.base import OfficePart, ref_of
from sync_server.store import OutgoingEntry


class ExternalWrites(OfficePart):
    """Writes to systems of record."""

    def external_writes(self, tenant: str, *, everything: bool = False) -> list[Record]:
        """The writes that wait for a person, or all of them."""
        found = self.records(tenant, "external_write")
        return [each for each in found if everything or waits_for_a_person(each.fields)]

    def outgoing(self, tenant: str, *, everything: bool = False) -> list[OutgoingEntry]:
        """The writes that are still on their way, or all of them, oldest first."""
        states = tuple(WriteStatus) if everything else (WriteStatus.QUEUED, WriteStatus.SENDING)
        with self.service.store.transaction() as tx:
            return tx.outgoing_in(tenant, states)

    def outgoing_of(self, tenant: str, command: str) -> OutgoingEntry | None:
        """How far the write of one command is; None if nothing is known of it any more."""
        with self.service.store.reading() as tx:
            return tx.outgoing_seen(tenant, command)

    def decide_external(
        self, tenant: str, actor: str, command: str, decision: ExternalDecided, *, seen: int | None = None
    ) -> Receipt:
        """Settle a write that the server could not settle alone.

        `seen` is the version of the write's record that the person looked at; None for the one that stands now.
        """
        ref = ref_of("external_write", command, "parked list")
        self.record(tenant, ref)
        looked_at = {} if seen is None else {ref: seen}
        return self._give(tenant, actor, [(ref, decision)], looked_at)[0]
