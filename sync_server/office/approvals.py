"""Approvals: what one person alone cannot settle, shown field by field to somebody who may say yes or no.

Rules
1. An answer counts for the version of the question that was looked at; if it was asked anew, the answer is stale.
2. Yes settles the command in the same unit, if everything that the question binds still stands.
"""

from dataclasses import dataclass

from shared.commands.approval_decided import ApprovalDecided
from shared.ids import id_of
from shared.outcomes import Receipt
from shared.problems import Code, Refused
from shared.records import ApprovalChoice, ApprovalStatus, Record
from sync_server.office.base import OfficePart, ref_of
from sync_server.store import Entry


@dataclass(frozen=True, slots=True)
class Decided:
    """The receipt for the answer, and the command that was asked about as it stands now."""

    receipt: Receipt
    subject: Entry


class Approvals(OfficePart):
    """Approvals."""

    def approvals(self, tenant: str, *, everything: bool = False) -> list[Record]:
        """The questions that wait for an answer, or all of them."""
        found = self.records(tenant, "approval")
        return [each for each in found if everything or each.fields["status"] == ApprovalStatus.PENDING]

    def decide_approval(
        self,
        tenant: str,
        actor: str,
        approval: str,
        choice: ApprovalChoice,
        reason: str,
        *,
        seen: int | None = None,
    ) -> Decided:
        """Say yes or no. `seen` is the version of the question that was looked at; None for the present one."""
        ref = ref_of("approval", approval)
        looked_at = {ref: self.record(tenant, ref).version if seen is None else seen}
        try:
            payload = ApprovalDecided(choice=choice, reason=reason)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "the reason has more than 400 characters") from error
        receipt = self._give(tenant, actor, [(ref, payload)], looked_at)[0]
        with self.service.store.transaction() as tx:
            return Decided(receipt, tx.entries(tenant, [id_of(ref)])[id_of(ref)])
