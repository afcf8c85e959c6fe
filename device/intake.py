"""Taking a reply: outcomes, changes, and what the server's head says about this device's chain, in one transaction.

Rules
1. The screen never shows half a round.
2. A page of changes counts only where it was asked from; if the cursor has moved since, the page will come again.
3. If the server's database has a new life (it was restored), everything that an earlier life settled lately is asked
   about again; until that is answered its changes are not taken, so that nothing is shown twice.
4. An answer that is older than what is known, as one from a USB stick may be, settles what it settles and moves
   nothing back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from device.core.belief import Believed
from device.core.chain import Ours, why_ended
from device.core.trust import Trust
from device.standing import approved
from device.store import DeviceStore, Identity
from reconciliation.expiry import LIMITS, Limits
from shared.envelope import WireEnvelope
from shared.statements import Head
from shared.sync import EpochEnd, SyncReply, cursor_parts

Changes = Collection[Mapping[str, Any]]


@dataclass
class Intake:
    """Takes replies for one device."""

    store: DeviceStore
    identity: Identity
    limits: Limits = LIMITS

    def trust(self) -> Trust:
        """Whose word counts."""
        return Trust(self.identity.tenant, self.identity.device, self.store.receipt_keys())

    def newest_head(self) -> WireEnvelope | None:
        """The newest head that the server signed for this device."""
        stored = self.store.meta("head")
        return WireEnvelope.model_validate_json(stored) if stored else None

    def take(
        self, reply: SyncReply, changes: Changes, believed: Believed, shown: str | None, at: str
    ) -> EpochEnd | None:
        """Take the reply of a round that was asked from the cursor `shown`; `at` is the device's own time.

        Returns:
            Why the device's chain cannot go on, if the reply shows that.
        """
        with self.store.transaction():
            self._keep(reply, believed, at)
            self._answers(believed)
            self.store.mark_due(believed.head.epoch, believed.head.settled, [held.id for held in believed.held])
            ended = self._compare(believed.head)
            if self.store.meta("cursor") == shown:
                self._page(reply, changes)
            self.store.prune(reply.server_time - self.limits.resubmit_window)
        return ended

    def take_carried(
        self,
        reply: SyncReply,
        changes: Changes,
        believed: Believed,
        base: str | None,
        at: str,
        *,
        with_changes: bool,
    ) -> bool:
        """Take a reply that came on foot to a question asked from the cursor `base`; whether it was news.

        Of an older one only receipts count; so do those of one whose place among its fellows is not known.
        """
        with self.store.transaction():
            if self._is_older(believed.head):
                self.store.mark_settled(believed.settled)
                return False
            self._keep(reply, believed, at)
            self._answers(believed)
            if with_changes and (reply.restart or _follows(base, self.store.meta("cursor"), reply.cursor)):
                self._page(reply, changes)
        return True

    def _keep(self, reply: SyncReply, believed: Believed, at: str) -> None:
        store, head = self.store, believed.head
        if not self._is_older(head):
            store.set_meta("head", reply.head.model_dump_json())
            store.set_meta("head_at", f"{head.incarnation}:{head.audit_position}")
            approved(store, head.at)
        if believed.trust.keys != store.receipt_keys():
            store.set_receipt_keys(believed.trust.keys)
        if head.incarnation > store.incarnation():
            store.begin_life(head.incarnation)
            store.doubt_life(head.incarnation, reply.server_time - self.limits.resubmit_window)
        store.set_meta("last_contact", reply.server_time.isoformat())
        store.set_meta("contact_at", at)
        store.set_meta("last_error", "")
        store.set_meta("shut_out", "")
        if reply.bundle:
            store.set_meta("office_bundle", reply.bundle)

    def _is_older(self, head: Head) -> bool:
        known = self.store.meta("head_at")
        return known is not None and (head.incarnation, head.audit_position) < _pair(known)

    def _answers(self, believed: Believed) -> None:
        store = self.store
        store.mark_settled(believed.settled)
        for held in believed.held:
            store.mark_held(held.id, held.hold, held.problem)
        store.mark_unknown(believed.unknown)
        for command_id, problem in believed.turned:
            store.mark_turned(command_id, problem)

    def _compare(self, head: Head) -> EpochEnd | None:
        store = self.store
        ours = Ours(
            epoch=store.epoch(),
            last=store.head(head.epoch).next_seq - 1,
            hash=store.hash_at(head.epoch, head.received),
            missing=store.missing(head.epoch, head.received),
            unreadable=store.unreadable(head.epoch),
        )
        ended = why_ended(head, ours)
        if ended and ended.reason == "restored":
            store.doubt(head.epoch, head.received)
        if head.epoch > ours.epoch:
            store.begin_epoch(head.epoch)
        return ended

    def _page(self, reply: SyncReply, changes: Changes) -> None:
        if self.store.asks_about_earlier_life():
            return
        self.store.absorb_page(changes, reply.cursor, removals=reply.removals, restart=reply.restart, more=reply.more)


def _pair(text: str) -> tuple[int, int]:
    incarnation, position = map(int, text.split(":"))
    return incarnation, position


def _follows(base: str | None, here: str | None, reached: str) -> bool:
    """Whether a page from `base` to `reached` leaves no gap behind `here`, and does not lead back."""
    life, place, since = cursor_parts(here)
    base_life, base_place, base_since = cursor_parts(base)
    reached_life, reached_place, _ = cursor_parts(reached)
    same = (life, since) == (base_life, base_since) and reached_life == life
    return same and base_place <= place <= reached_place
