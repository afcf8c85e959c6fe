"""A command is settled, or held with the reason; what waited is decided again as soon as what it waits for is there.

Rules
1. A command whose decision fails by a fault of ours is kept for review, and stops no other. What says something about
   the database ends the whole unit.
2. A quarantined command that was given anew shares the outcome of its stand-in.
3. Of what was set free, the earliest received is decided first.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import assert_never

from reconciliation.decide import Defer, Doubt, Lacks, Pending, Ruling, Wait, decide
from reconciliation.dependants import ring
from reconciliation.external import with_external
from reconciliation.ruling import DETAIL_CHARS_MAX, rejected
from shared.commands import UnknownKind
from shared.contract import to_instant
from shared.ids import id_of, kind_of, record_ref
from shared.outcomes import Hold, Reason
from shared.problems import Code, problem
from sync_server.batch.decided import Decided
from sync_server.batch.facts import facts_of
from sync_server.batch.known import Known
from sync_server.logs import where
from sync_server.store import TROUBLE, Contended, Entry

log = logging.getLogger("tailboard.server")

#: A lifetime ends with its last instant; what is due is looked at just behind it.
_MOMENT = timedelta(microseconds=1)


class Settling:
    """Decides one command after the other, at one instant."""

    def __init__(self, known: Known, decided: Decided, now: datetime) -> None:
        self._known, self._decided, self._now = known, decided, now
        self._released: set[str] = set()
        self._looked_at: set[str] = set()

    def settle_or_hold(self, entry: Entry) -> None:
        """Settle the entry, or hold it with the reason."""
        hold = self._decided.hold
        try:
            facts = facts_of(entry, self._known, self._decided, self._now)
            verdict = with_external(decide(facts), facts)
            if not isinstance(verdict, Ruling):
                self._hold_for(entry, verdict)
                return
        except UnknownKind as error:
            hold(entry, Hold.UNREADABLE, problem(Code.KIND_UNKNOWN, str(error)))
            return
        except TROUBLE:
            raise  # that is not the command's fault
        except Exception as error:  # noqa: BLE001  # one poison command must not stop the others
            log.error("a command could not be decided", extra={"command_id": entry.command.id, **where(error)})
            fault = problem(Code.INTERNAL, "the server could not decide it; the office looks into it")
            hold(entry, Hold.QUARANTINED, fault)
            return
        self._decided.settle(entry, verdict)

    def _hold_for(self, entry: Entry, pending: Pending) -> None:
        hold = self._decided.hold
        match pending:
            case Wait(needs):
                hold(entry, Hold.WAITING, None, needs=frozenset(needs) | self._conflicts_of(needs))
                if entry.hold is not None:  # nothing waits yet on what was received just now
                    self.break_ring(entry.command.id)
            case Lacks(sha256s):
                lacks = problem(Code.BYTES_MISSING, f"{len(sha256s)} of its files are still on the device")
                due_at = entry.command.expires_at.astimezone(UTC) - timedelta(seconds=entry.offset_s)
                hold(entry, Hold.WAITING, lacks, needs=frozenset(sha256s), due_at=due_at + _MOMENT)
            case Defer(approval):
                due_at = to_instant(str(approval.fields["expires_at"])).astimezone(UTC)
                if self._known.record(approval.ref) != approval:
                    self._decided.write([approval])
                asked = problem(Code.APPROVAL_NEEDED, f"asked as {approval.ref}")
                hold(entry, Hold.DEFERRED, asked, needs=frozenset({approval.ref}), due_at=due_at)
            case Doubt(detail):
                hold(entry, Hold.QUARANTINED, problem(Code.CLOCK_DOUBT, detail))
            case _:
                assert_never(pending)

    def _conflicts_of(self, needs: Iterable[str]) -> frozenset[str]:
        """The ids of the conflicts that commands ended in: a released one's is not its own."""
        return frozenset(id_of(ref) for need in needs if (ref := self._decided.conflict_of(need)))

    def break_ring(self, command_id: str) -> None:
        """Refuse commands that wait for each other, which nothing but a dishonest device makes."""
        members = ring(command_id, self._waiting_behind(command_id))
        for member in members:
            entry = self._known.entry(member)
            if entry and entry.hold is Hold.WAITING:
                way = " needs ".join((*members, members[0]))
                self._decided.settle(entry, rejected(Reason.DEPENDENCY_FAILED, f"they wait for each other: {way}"))

    def _waiting_behind(self, command_id: str) -> dict[str, frozenset[str]]:
        """What a held command needs, what that needs, and so on, as this unit sees it."""
        needs, known = self._decided.needs, dict[str, frozenset[str]]()
        ahead = {command_id}
        while ahead:
            here = {each: needs[each] for each in ahead & needs.keys()}
            elsewhere = ahead - here.keys() - self._decided.settled.keys()
            stored = self._known.tx.needs_of_each(self._known.tenant, elsewhere) if elsewhere else {}
            known |= dict.fromkeys(ahead, frozenset[str]()) | stored | here
            ahead = {need for each in ahead for need in known[each]} - known.keys()
        return known

    # -- again

    def again(self, entries: Iterable[Entry]) -> None:
        """Decide held commands anew: a decision was taken, time has passed, or the program knows more."""
        for entry in entries:
            current = self._known.entry(entry.command.id)
            if current is not None and _undecided(current):
                self.settle_or_hold(current)

    def release(self) -> None:
        """Decide again what was waiting for something that is there now, until nothing more moves."""
        decided = self._decided
        while decided.arrived:
            there, decided.arrived = decided.arrived, set()
            self._released |= there
            for entry in sorted(self._known.entries(self._waiting_for(there)), key=_turn):
                if entry.command.id in decided.settled:  # refused with the ring that it was part of
                    continue
                if entry.hold is Hold.QUARANTINED:
                    self._share(entry)
                elif _undecided(entry):
                    self.settle_or_hold(entry)

    def check_nobody_is_missed(self) -> None:
        """To be asked under the tenant's lock, before anything is written.

        Two units that decide at the same time do not see each other: what one sets free, the other may just begin to
        wait for, and nobody would come back to it.

        Raises:
            Contended: that happened; the unit is to be done again.
        """
        tx, tenant = self._known.tx, self._known.tenant
        if tx.alone:
            return
        if self._released and tx.needing(tenant, self._released) - self._looked_at:
            raise Contended("another writer began to wait for what this unit sets free")
        open_needs = {need for needs in self._decided.needs.values() for need in needs} - self._decided.settled.keys()
        if open_needs and self._came(open_needs):
            raise Contended("another writer set free what this unit begins to wait for")

    def _came(self, needs: set[str]) -> bool:
        """Whether one of `needs` is there by now, which was not when this unit looked."""
        known, tx, tenant = self._known, self._known.tx, self._known.tenant
        unsettled = {n for n in needs if (entry := known.entry(n)) and entry.hold is not None}
        if unsettled and tx.settled_among(tenant, unsettled):
            return True
        refs = {record_ref("conflict", need) for need in needs} | {
            need for need in needs if kind_of(need) == "approval"
        }
        seen = known.records(refs)
        stands = tx.records(tenant, seen)
        return any(ref not in self._decided.written and stands[ref].version != seen[ref].version for ref in stands)

    def _waiting_for(self, there: set[str]) -> set[str]:
        waiting = set(self._known.tx.needing(self._known.tenant, there))
        waiting |= {command for command, needs in self._decided.needs.items() if needs & there}
        self._looked_at |= waiting
        return waiting - self._decided.settled.keys()

    def _share(self, entry: Entry) -> None:
        given = self._decided.settled.get(self._decided.stand_in_of(entry) or "")
        if given is None or entry.problem is None:
            return
        told = given.ruling
        detail = f"{entry.problem.detail}: {told.detail}" if told.detail else entry.problem.detail
        shared = Ruling(
            told.outcome,
            told.reason,
            detail[:DETAIL_CHARS_MAX],
            applied=told.applied,
            conflicting=told.conflicting,
            conflict=told.conflict,
        )
        self._decided.settle(entry, shared, given.versions)


def _undecided(entry: Entry) -> bool:
    """Whether it is held for something that may have come. What is early has no place; what is apart, a person."""
    if entry.hold is None or entry.hold is Hold.QUARANTINED:
        return False
    return entry.problem is None or entry.problem.code is not Code.CHAIN_GAP


def _turn(entry: Entry) -> tuple[datetime, str, int, int]:
    command = entry.command
    return entry.received_at, command.device, command.epoch or 0, command.seq or 0
