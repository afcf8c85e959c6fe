"""What proves the server's word: the audit chain, checked, and the receipt key, handed on.

Rules
1. Every link's hash covers the one before, so an edit or a gap breaks the chain at its place. A chain that was cut
   short, or written anew, fits itself: it is found out by a signed head that was remembered elsewhere.
2. The ledger says what the links say (`held_against`).
3. A new receipt key is announced under the old one's signature. The old key signs nothing more, and stays known, so
   that what it signed can still be verified.
"""

from dataclasses import dataclass

from shared.commands.base import Role
from shared.envelope import HEAD_TYPE, BadSignature, Envelope, seal, verify
from shared.problems import Code, Refused
from shared.statements import Head
from sync_server.batch import Batch, link_hash
from sync_server.office.base import OfficePart, permit, reason_of
from sync_server.office.held_against import HeldAgainst
from sync_server.reading import read
from sync_server.server_keys import RECEIPT_KEY
from sync_server.service import AUDIT_START, incarnation
from sync_server.store import TenantHead, Tx


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the audit is sound, and the first thing that is not; None if everything is."""

    links: int
    head: str
    broken_at: int | None = None
    why: str | None = None


class Audits(OfficePart):
    """The audit and the receipt key."""

    def verify_audit(self, tenant: str, remembered: Envelope | None = None) -> Checked:
        """Walk the whole chain beside the ledger; with a `remembered` signed head, also see that its end is in it.

        Raises:
            Refused: `malformed`, if what is remembered is no head at all.
        """
        with self.service.store.reading() as tx:
            end, ledger = tx.head(tenant), HeldAgainst(tx, tenant)
            position, expected = 0, AUDIT_START
            for number, prev, stored, body in tx.audit(tenant, up_to=end.audit_position):
                if (number, prev, stored) != (position + 1, expected, link_hash(expected, body)):
                    return Checked(position, expected, position + 1, "the link does not fit the one before it")
                if fault := ledger.link(number, body):
                    return Checked(position, expected, *fault)
                position, expected = number, stored
            if why := _unlike_end(end, position, expected):
                return Checked(position, expected, position + 1, why)
            if fault := ledger.end(position):
                return Checked(position, expected, *fault)
            return self._against(tx, tenant, Checked(position, expected), remembered)

    def _against(self, tx: Tx, tenant: str, found: Checked, remembered: Envelope | None) -> Checked:
        if remembered is None:
            return found
        head = _signed_head(tx, tenant, remembered)
        if isinstance(head, str):
            return Checked(found.links, found.head, 0, head)
        if head.audit_position > found.links:
            why = f"{head.audit_position} links were there at {head.at:%Y-%m-%d %H:%M} UTC, and {found.links} are now"
            return Checked(found.links, found.head, found.links + 1, why)
        if head.audit_position and tx.link_hash_at(tenant, head.audit_position) != head.audit_hash:
            why = f"another history stood here at {head.at:%Y-%m-%d %H:%M} UTC"
            return Checked(found.links, found.head, head.audit_position, why)
        return found

    def signed_head(self, tenant: str) -> Envelope:
        """The audit's present end under the receipt key's signature, to be kept where nobody here can change it."""
        with self.service.store.transaction() as tx:
            end = tx.head(tenant)
            head = Head(
                tenant=tenant,
                device="office",
                incarnation=incarnation(tx),
                audit_position=end.audit_position,
                audit_hash=end.audit_hash,
                change_seq=end.change_seq,
                epoch=1,
                received=0,
                received_hash=None,
                settled=0,
                at=self.service.ports.clock.now(),
            )
            return seal(HEAD_TYPE, head.to_bytes(), self.service.ring.active(tx, tenant, RECEIPT_KEY))

    def rotate_receipt_key(self, tenant: str, actor: str, reason: str) -> str:
        """Hand over to a new receipt key; its id. Raises `Refused`: `not_permitted`."""
        why = reason_of(reason)

        def work(tx: Tx, batch: Batch) -> str:
            permit(tx, tenant, actor, Role.ADMIN)
            old = self.service.ring.active(tx, tenant, RECEIPT_KEY)
            ports = self.service.ports
            new = self.service.ring.succeed(tx, tenant, ports.randomness, ports.clock.now())
            batch.note(act="receipt key", actor=actor, why=why, old=old.keyid, new=new.keyid)
            return new.keyid

        return self._unit(tenant, work)


def _unlike_end(end: TenantHead, position: int, expected: str) -> str | None:
    if (position, expected) == (end.audit_position, end.audit_hash):
        return None
    return f"the chain ends at {position}, and should end at {end.audit_position}"


def _signed_head(tx: Tx, tenant: str, envelope: Envelope) -> Head | str:
    """The head, or why it is not this organisation's."""
    key = tx.key(envelope.keyid)
    if key is None or (key.tenant, key.purpose) != (tenant, RECEIPT_KEY):
        return f"the remembered head is signed by {envelope.keyid}, which is no receipt key of {tenant}"
    try:
        verify(envelope, HEAD_TYPE, key.public)
    except BadSignature as error:
        raise Refused(Code.MALFORMED, f"this is no signed head: {error}") from error
    head = read(Head, envelope.payload)
    return head if head.tenant == tenant else f"the remembered head is {head.tenant}'s"
