"""What authors take back: a statement beside a command that ends it, unless it is settled or was released already.

A statement may come before its command, or without it; how many of the latter one device may bring is bounded.
"""

from datetime import datetime

from reconciliation.ruling import rejected
from shared.envelope import Envelope
from shared.outcomes import Hold, Reason
from shared.problems import Code, Refused
from sync_server.batch.decided import Decided
from sync_server.batch.known import Known
from sync_server.batch.settling import Settling

#: How many commands one device may have taken back that never came. A withdrawal travels beside its command.
WITHDRAWALS_MAX = 500
TAKEN_BACK = rejected(Reason.WITHDRAWN, "its author took it back")


class Withdrawals:
    """Takes statements in, and ends what they name."""

    def __init__(self, known: Known, decided: Decided, settling: Settling, now: datetime) -> None:
        self._known, self._decided, self._settling, self._now = known, decided, settling, now
        self._unfounded: set[str] = set()

    def withdraw(self, command_id: str, envelope_hash: str, statement: Envelope, device: str) -> None:
        """The author takes a command back, as `device` brings it.

        Without effect if it is settled, or released by a reviewer, or if other bytes were meant.
        """
        known = self._known.entry(command_id)
        if known is not None and known.envelope.hash != envelope_hash:
            return
        tx, tenant = self._known.tx, self._known.tenant
        tx.put_withdrawal(tenant, command_id, envelope_hash, statement, device, self._now)
        self._known.put_withdrawn(command_id, envelope_hash)
        if known is None:
            self._unfounded.add(command_id)
        elif known.hold is Hold.QUARANTINED and self._decided.stand_in_of(known) is None:
            self._decided.settle(known, TAKEN_BACK)
        else:
            self._settling.again([known])

    def check(self, device: str) -> None:
        """Hold the bound, after all of a round was taken in. Raises `Refused`: `withdrawals_full`."""
        came = sum(self._known.entry(command) is not None for command in self._unfounded)
        if came == len(self._unfounded):
            return
        if self._known.tx.stray_withdrawals(self._known.tenant, device) - came > WITHDRAWALS_MAX:
            raise Refused(Code.WITHDRAWALS_FULL, f"{device} took back {WITHDRAWALS_MAX} commands that never came")
