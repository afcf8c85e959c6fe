"""What was set apart: looked at, then released or dismissed.

Rules
1. Nothing in quarantine has an effect before a reviewer releases it, and exactly one after.
2. What a device may not settle itself (it is forked or revoked, or its chain has a hole) is given as an office
   command with the same kind, payload and bases, in the reviewer's name. The original shares its outcome. Because the
   bases are the original's, what changed since its author looked becomes a conflict and is not overwritten.
3. What was doubted for another reason (the device's clock, a fault of ours) is decided itself.
4. What its author took back, what was too late when it came or asks for too long a life is not revived.
5. Dismissing is an outcome: the author hears it with the reason.

Source: ADR 0018.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciliation.decide import Ruling, draft_of, undatable
from reconciliation.expiry import expired, lifetime, too_long
from reconciliation.ruling import rejected
from shared.commands import UnknownKind
from shared.commands.base import OFFICE, Command, Role
from shared.envelope import COMMAND_TYPE, seal
from shared.outcomes import Hold, Outcome, Reason
from shared.problems import Code, Refused
from sync_server.admission import Admission
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit, reason_of
from sync_server.office.waiting import waiting_on
from sync_server.server_keys import OFFICE_KEY
from sync_server.store import Entry, Person, Tx

#: Here the chain and its device are sound; only the command itself was doubted.
_DECIDED_ITSELF = frozenset({Code.CLOCK_DOUBT, Code.INTERNAL})
REVIEWERS = (Role.RESOLVER, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Apart:
    """A quarantined command: the one given in its place, if it was released, and what waits on it."""

    entry: Entry
    released_as: str | None
    withdrawn: bool
    waiting: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class _Review:
    """One reviewer's act: in which unit, by whom, why."""

    tx: Tx
    batch: Batch
    tenant: str
    person: Person
    reason: str


class Quarantine(OfficePart):
    """The quarantine."""

    def quarantine(self, tenant: str, device: str | None = None) -> list[Entry]:
        """What waits for review, in the order of receipt; only one device's if it is named."""
        with self.service.store.transaction() as tx:
            return tx.held(tenant, Hold.QUARANTINED, device=device)

    def quarantined(self, tenant: str, command: str) -> Apart:
        """One quarantined command. Raises `Refused` if it is not in quarantine."""
        with self.service.store.transaction() as tx:
            batch = self.service.batch(tx, tenant)
            entry = _apart(batch, command)
            waiting = waiting_on(tx, tenant, command)
            return Apart(entry, batch.stand_in_of(entry), batch.withdrawn(entry), waiting)

    def release(self, tenant: str, ids: Sequence[str], actor: str, reason: str) -> list[Entry]:
        """Give quarantined commands their effect, in the order of their chains.

        Returns:
            Each as it stands then, in the order of `ids`: settled, or still held (for an approval, say).

        Raises:
            Refused: `not_permitted`, `not_found`, or `stale` if one is no longer there; then nothing is done.
        """
        stand_ins = {command: self.service.ports.new_id() for command in ids}

        def one(review: _Review, entry: Entry) -> None:
            self._release(review, entry, stand_ins[entry.command.id])

        return self._review(tenant, ids, actor, reason, one)

    def dismiss(self, tenant: str, ids: Sequence[str], actor: str, reason: str) -> list[Entry]:
        """Reject quarantined commands; what rests on them fails with them. Returns and raises as `release`."""

        def one(review: _Review, entry: Entry) -> None:
            said = f"dismissed by {actor}: {review.reason}"
            review.batch.note(act="dismissed", command=entry.command.id, actor=actor, why=review.reason)
            review.batch.settle_apart(entry, rejected(Reason.DISMISSED, said))

        return self._review(tenant, ids, actor, reason, one)

    def _review(
        self, tenant: str, ids: Sequence[str], actor: str, reason: str, one: Callable[[_Review, Entry], None]
    ) -> list[Entry]:
        why = reason_of(reason)
        tries: list[str] = []

        def work(tx: Tx, batch: Batch) -> None:
            review = _Review(tx, batch, tenant, permit(tx, tenant, actor, *REVIEWERS), why)
            # a second try finds done what the first one committed, if only the answer to the commit was lost
            due = [_reviewable(batch, each) for each in dict.fromkeys(ids) if not (tries and _over(batch, each))]
            tries.append(actor)
            for entry in sorted(due, key=_place):
                one(review, entry)

        self._unit(tenant, work)
        with self.service.store.transaction() as tx:
            found = tx.entries(tenant, ids)
        return [found[command] for command in ids]

    def _release(self, review: _Review, entry: Entry, stand_in: str) -> None:
        command, batch = entry.command, review.batch
        note = {"act": "released", "command": command.id, "actor": review.person.id, "why": review.reason}
        if over := _too_late(batch, entry):
            batch.note(**note)
            batch.settle_apart(entry, over)
        elif entry.problem and entry.problem.code in _DECIDED_ITSELF:
            batch.note(**note)
            batch.reconsider(entry)
        else:
            _check_may_give(review.person, command)
            batch.note(**note, given_as=stand_in)
            given = self._in_place_of(command, stand_in, review.person.id)
            envelope = seal(
                COMMAND_TYPE, given.to_bytes(), self.service.ring.active(review.tx, review.tenant, OFFICE_KEY)
            )
            batch.stand_in(entry, Admission(review.tx, review.tenant, OFFICE).admit(envelope))

    def _in_place_of(self, original: Command, stand_in: str, actor: str) -> Command:
        """The same act on the same bases, as the office gives it now."""
        now = self.service.ports.clock.now()
        office = {"id": stand_in, "device": OFFICE, "actor": actor, "epoch": None, "seq": None, "prev": None}
        times = {"issued_at": now, "expires_at": now + lifetime(original)}
        return original.model_copy(update={**office, **times})


def _apart(batch: Batch, command: str) -> Entry:
    entry = batch.entry(command)
    if entry is None:
        raise Refused(Code.NOT_FOUND, f"there is no command {command}; see: tailboard-server quarantine list")
    if entry.hold is not Hold.QUARANTINED:
        state = entry.hold or (entry.receipt and entry.receipt.outcome)
        raise Refused(Code.STALE, f"{command} is no longer in quarantine: {state}")
    return entry


def _reviewable(batch: Batch, command: str) -> Entry:
    entry = _apart(batch, command)
    if given := batch.stand_in_of(entry):
        raise Refused(Code.STALE, f"{command} was released as {given}, which is not settled yet")
    return entry


def _over(batch: Batch, command: str) -> bool:
    entry = batch.entry(command)
    return entry is not None and (entry.hold is not Hold.QUARANTINED or batch.stand_in_of(entry) is not None)


def _place(entry: Entry) -> tuple[str, int, int]:
    command = entry.command
    return command.device, command.epoch or 0, command.seq or 0


def _too_late(batch: Batch, entry: Entry) -> Ruling | None:
    if batch.withdrawn(entry):
        return rejected(Reason.WITHDRAWN, "its author took it back")
    if too_long(entry.command):
        return rejected(Reason.LIFETIME_TOO_LONG, "it asks for a lifetime that no command may have")
    if undated := undatable(entry.command):
        return undated
    if expired(entry.command, entry.received_at, timedelta(seconds=entry.offset_s)):
        return Ruling(Outcome.EXPIRED, detail=f"it was good until {entry.command.expires_at:%Y-%m-%d %H:%M} UTC")
    return None


def _check_may_give(person: Person, command: Command) -> None:
    """A reviewer who may not give the command would only have it rejected for good."""
    try:
        roles = draft_of(command).payload.kind.roles
    except (UnknownKind, ValueError):
        return
    if not person.roles & roles:
        needed = " or ".join(sorted(roles))
        raise Refused(Code.NOT_PERMITTED, f"{command.id} is a {command.kind}, which {needed} may give")
