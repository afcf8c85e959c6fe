"""A unit of work: commands are received, settled and released in memory, then everything is written at once.

Rules
1. Ledger first: an id that is known gets its recorded answer, and nothing happens twice.
2. A validly signed envelope always takes its place: settled, or held with a reason.
3. A device's commands are received in the order of its chain (`sync_server.chain`); what comes early waits for the
   gap to close. From a device that is forked or revoked nothing is received: what it sends is kept apart for review.
4. What waits for a command, a decision or bytes is decided again in the unit in which that comes.
5. `flush` takes the tenant's head last and gives out places in the changes feed and the audit in one range; records,
   outcomes, audit and receipts are written together or not at all.
6. One signature covers all receipts of the unit (`shared.receipts`).
"""

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from reconciliation.decide import (
    Defer,
    Doubt,
    Draft,
    Facts,
    Lacks,
    Past,
    Pending,
    Ruling,
    Wait,
    decide,
    draft_of,
    refs_of,
)
from reconciliation.dependants import ring
from reconciliation.external import with_external
from reconciliation.ruling import DETAIL_CHARS_MAX, rejected
from reconciliation.scope import team_of, visible
from shared.attachments import Attachment
from shared.commands import UnknownKind
from shared.commands.base import OFFICE, Command, Creation
from shared.contract import to_instant
from shared.envelope import Envelope, SigningKey
from shared.ids import id_of, record_ref, sha256_hex
from shared.outcomes import Hold, Outcome, Reason, Receipt
from shared.problems import Code, Problem, Refused, problem
from shared.receipts import Proof, seal_all
from shared.records import Conflict, ConflictStatus, Record
from shared.statements import ReceiptsRoot
from sync_server.admission import Admitted
from sync_server.chain import Adrift, Early, Fork, Place, Taken, place_of
from sync_server.file_rights import may_have
from sync_server.logs import where
from sync_server.store import (
    TROUBLE,
    Device,
    DeviceState,
    Entry,
    Epoch,
    Person,
    TenantHead,
    TenantSettings,
    Tx,
    Write,
)
from sync_server.systems.outbox import write_outgoing

log = logging.getLogger("tailboard.server")

#: What one device may have waiting for review; beyond this its envelopes are refused, and it keeps them.
QUARANTINE_MAX = 1000
#: How many commands one device may have taken back that never came. A withdrawal travels beside its command.
WITHDRAWALS_MAX = 500
_TAKEN_BACK = rejected(Reason.WITHDRAWN, "its author took it back")
#: A record longer than this takes nothing more in: devices must still be able to read a page with it.
RECORD_CHARS_MAX = 3 << 20
#: A lifetime ends with its last instant; what is due is looked at just behind it.
_MOMENT = timedelta(microseconds=1)
_NOBODY = frozenset[str]()


@dataclass(frozen=True, slots=True)
class _Settled:
    entry: Entry
    ruling: Ruling
    versions: Mapping[str, int]


class Batch:
    """One unit of work for one tenant."""

    def __init__(self, tx: Tx, tenant: str, now: datetime, receipt_key: SigningKey, incarnation: int) -> None:
        self._tx, self._tenant, self._now = tx, tenant, now
        self._key, self._incarnation = receipt_key, incarnation
        self._entries: dict[str, Entry | None] = {}
        self._new: set[str] = set()
        self._changed: dict[str, Entry] = {}
        self._settled: dict[str, _Settled] = {}
        self._needs: dict[str, frozenset[str]] = {}
        self._freed: set[str] = set()
        self._there: set[str] = set()
        self._withdrawn: dict[str, str] = {}
        self._unfounded: set[str] = set()
        self._settings: TenantSettings | None = None
        self._drafts: dict[str, Draft | None] = {}
        self._notes: list[dict[str, Any]] = []
        self._records: dict[str, Record | None] = {}
        self._stored: dict[str, Record] = {}
        self._sizes: dict[str, int] = {}
        self._written: dict[str, Record] = {}
        self._people: dict[str, Person | None] = {}
        self._devices: dict[str, Device] = {}
        self._epochs: dict[str, dict[int, Epoch]] = {}
        self._early: dict[tuple[str, int], list[Entry]] = {}
        self._rescoped: set[str] = set()

    # -- receiving

    def receive(self, admitted: Admitted, *, offset_s: float = 0.0, doubtful: bool = False) -> None:
        """Take a verified command in.

        Args:
            admitted: the command.
            offset_s: its device's clock minus ours, as measured now.
            doubtful: the device's clock was changed after the command was confirmed.

        Raises:
            Refused: `id_reused`, `settled_purged` or `quarantine_full`.
        """
        command, envelope = admitted.command, admitted.envelope
        known = self.entry(command.id)
        if known is not None:
            if known.envelope.hash != envelope.hash:
                raise Refused(Code.ID_REUSED, f"{command.id} is known with other bytes")
            return
        entry = Entry(command, envelope, self._now, offset_s=offset_s, doubtful=doubtful)
        if command.device == OFFICE:
            self._take(entry)
        elif self.device(command.device).state is not DeviceState.ACTIVE:
            self._set_apart(entry, problem(_STATES[self.device(command.device).state], "kept for review"))
        else:
            self._place(entry)

    def _take(self, entry: Entry) -> None:
        self._new.add(entry.command.id)
        self._settle_or_hold(entry)

    def _place(self, entry: Entry) -> None:
        command = entry.command
        assert command.epoch is not None, "a device command has a place"
        found = place_of(command, entry.envelope.hash, self._epochs_of(command.device).get(command.epoch))
        match found:
            case Taken(epoch):
                self._epochs[command.device][command.epoch] = epoch
                self._take(entry)
                self._close_gap(command.device, command.epoch)
            case Early(expected):
                gap = problem(Code.CHAIN_GAP, f"number {expected} of this device has not arrived yet")
                self._new.add(command.id)
                waiting = self._hold(entry, Hold.WAITING, gap)
                self._early_of(command.device, command.epoch).append(waiting)
            case Adrift():
                lost = problem(Code.CHAIN_GAP, "what came before it was lost on the device")
                self._set_apart(entry, lost)
            case Fork():
                self._fork(entry)

    def _fork(self, entry: Entry) -> None:
        """Another history. In the epoch that is open, it says that the laptop was cloned or set back."""
        command = entry.command
        assert command.epoch is not None, "a device command has a place"
        assert command.seq is not None, "a device command has a place"
        device, epoch = self.device(command.device), self._epochs_of(command.device).get(command.epoch)
        used = epoch is not None and command.seq <= epoch.head_seq
        if (
            used
            and not self._tx.at_place(self._tenant, device.id, command.epoch, command.seq)
            and not self._is_new(command.epoch, command.seq)
        ):
            raise Refused(Code.SETTLED_PURGED, f"place {command.epoch}/{command.seq} of this device is long settled")
        if command.epoch == device.epoch:
            self._devices[device.id] = replace(device, state=DeviceState.FORKED)
            self.note(act="forked", device=device.id, epoch=command.epoch, seq=command.seq)
        self._set_apart(
            entry, problem(Code.CHAIN_FORK, f"place {command.epoch}/{command.seq} of this device is taken")
        )

    def _is_new(self, epoch: int, seq: int) -> bool:
        places = (entry.command for entry in self._entries.values() if entry and entry.command.id in self._new)
        return any((command.epoch, command.seq) == (epoch, seq) for command in places)

    def _close_gap(self, device: str, epoch: int) -> None:
        """Take what came early, as far as the chain goes on; what claims a place that another took is a fork."""
        early = self._early_of(device, epoch)
        while early:
            chain = self._epochs[device][epoch]
            due = [entry for entry in early if (entry.command.seq or 0) <= chain.head_seq + 1]
            if not due:
                return
            early[:] = [entry for entry in early if entry not in due]
            for entry in sorted(due, key=lambda each: each.command.prev != chain.head_hash):
                self._place_again(entry)

    def _place_again(self, entry: Entry) -> None:
        command = entry.command
        assert command.epoch is not None, "a device command has a place"
        found: Place = place_of(command, entry.envelope.hash, self._epochs[command.device][command.epoch])
        if isinstance(found, Taken):
            self._epochs[command.device][command.epoch] = found.epoch
            self._settle_or_hold(entry)
        else:
            self._fork(entry)

    def _set_apart(self, entry: Entry, why: Problem) -> None:
        """Keep it for a person to look at.

        Raises:
            Refused: too much of this device waits for that already, and this is not stored yet. What is stored takes
                no more room, and the device is being answered for another command.
        """
        if self.withdrawn(entry):
            if self.entry(entry.command.id) is None:
                self._new.add(entry.command.id)
            self._settle(entry, _TAKEN_BACK)
            return
        if entry.hold is not None:
            self._hold(entry, Hold.QUARANTINED, why)
            return
        device = entry.command.device
        here = sum(each.hold is Hold.QUARANTINED for each in self._changed.values())
        if self._tx.held_count(self._tenant, device, Hold.QUARANTINED) + here >= QUARANTINE_MAX:
            raise Refused(Code.QUARANTINE_FULL, f"{QUARANTINE_MAX} commands of {device} wait for review")
        if self.entry(entry.command.id) is None:
            self._new.add(entry.command.id)
        self._hold(entry, Hold.QUARANTINED, why)

    def withdraw(self, command_id: str, envelope_hash: str, statement: Envelope, device: str) -> None:
        """The author takes a command back, as `device` brings it.

        Without effect if it is settled, or released by a reviewer, or if other bytes were meant.
        """
        known = self.entry(command_id)
        if known is not None and known.envelope.hash != envelope_hash:
            return
        self._tx.put_withdrawal(self._tenant, command_id, envelope_hash, statement, device, self._now)
        self._withdrawn[command_id] = envelope_hash
        if known is None:
            self._unfounded.add(command_id)
        elif known.hold is Hold.QUARANTINED and self.stand_in_of(known) is None:
            self._settle(known, _TAKEN_BACK)
        else:
            self.again([known])

    def check_withdrawals(self, device: str) -> None:
        """Hold the bound on what a device takes back that never came, after all of a round was taken in.

        Raises:
            Refused: `withdrawals_full`; the unit is to be undone.
        """
        came = sum(self.entry(command) is not None for command in self._unfounded)
        if came == len(self._unfounded):
            return
        if self._tx.stray_withdrawals(self._tenant, device) - came > WITHDRAWALS_MAX:
            raise Refused(Code.WITHDRAWALS_FULL, f"{device} took back {WITHDRAWALS_MAX} commands that never came")

    # -- epochs

    def open_epoch(self, device_id: str, reason: str, missing: tuple[int, ...] | None = None) -> Epoch:
        """Begin a new stretch of a device's chain. What came early in the old one is for review."""
        device = self.device(device_id)
        old = self._epochs_of(device_id)[device.epoch]
        opened = Epoch(device_id, device.epoch + 1, 0, None, self._now, reason)
        ended = replace(old, missing=missing or ())
        self._epochs[device_id] |= {old.epoch: ended, opened.epoch: opened}
        self._devices[device_id] = replace(device, epoch=opened.epoch)
        for entry in self._early_of(device_id, old.epoch):
            self._set_apart(entry, problem(Code.CHAIN_GAP, "what came before it was lost on the device"))
        self._early[device_id, old.epoch] = []
        self.note(
            act="epoch",
            device=device_id,
            epoch=opened.epoch,
            why=reason,
            head=old.head_seq,
            missing=list(missing or ()),
        )
        return opened

    def set_device(self, device: Device) -> None:
        """Change a device's state."""
        self._devices[device.id] = device

    def rescope(self, device_id: str) -> None:
        """From this unit on the device sees other records. The change takes its own place in the feed."""
        self.device(device_id)
        self._rescoped.add(device_id)

    def _strand(self) -> None:
        """What came early from a device that may not go on is for review, like the rest of what it brings."""
        for device in [each for each in self._devices.values() if each.state is not DeviceState.ACTIVE]:
            for epoch in self._epochs_of(device.id):
                for entry in self._early_of(device.id, epoch):
                    self._set_apart(entry, problem(_STATES[device.state], "kept for review"))
                self._early[device.id, epoch] = []

    # -- settling

    def again(self, entries: Iterable[Entry]) -> None:
        """Decide held commands anew: a decision was taken, time has passed, or the program knows more."""
        for entry in entries:
            current = self.entry(entry.command.id)
            if current is not None and _undecided(current):
                self._settle_or_hold(current)

    def bytes_arrived(self, sha256: str) -> None:
        """The bytes of an attachment are here; what waits for them is decided when the unit is written."""
        self._there.add(sha256)

    def settle_apart(self, entry: Entry, ruling: Ruling) -> None:
        """Settle a quarantined command as a reviewer decided."""
        self._settle(entry, ruling)

    def reconsider(self, entry: Entry) -> None:
        """Decide a quarantined command itself: a reviewer found that nothing stands against it."""
        self._settle_or_hold(replace(entry, doubtful=False))

    def stand_in(self, entry: Entry, given: Admitted) -> None:
        """Give another command in place of a quarantined one, which shares its outcome as soon as there is one."""
        self.receive(given)
        assert entry.problem is not None, "what is quarantined has a reason"
        told = problem(entry.problem.code, f"released by {given.command.actor} as {given.command.id}")
        self._hold(entry, Hold.QUARANTINED, told, needs=frozenset({given.command.id}))
        self._break_ring(entry.command.id)

    def stand_in_of(self, entry: Entry) -> str | None:
        """The command that was given in place of a quarantined one; None if it was not released."""
        needs = self._needs.get(entry.command.id)
        return next(iter(self._tx.needs_of(self._tenant, entry.command.id) if needs is None else needs), None)

    def withdrawn(self, entry: Entry) -> bool:
        """Whether its author has taken it back."""
        return self._withdrawn_hash(entry) == entry.envelope.hash

    def _share(self, entry: Entry) -> None:
        given = self._settled.get(self.stand_in_of(entry) or "")
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
        self._settle(entry, shared, given.versions)

    def _settle_or_hold(self, entry: Entry) -> None:
        """Settle the entry, or hold it with the reason."""
        try:
            facts = self._facts(entry)
            verdict = with_external(decide(facts), facts)
            if not isinstance(verdict, Ruling):
                self._hold_for(entry, verdict)
                return
        except UnknownKind as error:
            self._hold(entry, Hold.UNREADABLE, problem(Code.KIND_UNKNOWN, str(error)))
            return
        except TROUBLE:
            raise  # that is not the command's fault
        except Exception as error:  # noqa: BLE001  # one poison command must not stop the others
            log.error("a command could not be decided", extra={"command_id": entry.command.id, **where(error)})
            fault = problem(Code.INTERNAL, "the server could not decide it; the office looks into it")
            self._hold(entry, Hold.QUARANTINED, fault)
            return
        self._settle(entry, verdict)

    def _hold_for(self, entry: Entry, pending: Pending) -> None:
        match pending:
            case Wait(needs):
                self._hold(entry, Hold.WAITING, None, needs=frozenset(needs) | self._conflicts_of(needs))
                if entry.hold is not None:  # nothing waits yet on what was received just now
                    self._break_ring(entry.command.id)
            case Lacks(sha256s):
                lacks = problem(Code.BYTES_MISSING, f"{len(sha256s)} of its files are still on the device")
                due_at = entry.command.expires_at.astimezone(UTC) - timedelta(seconds=entry.offset_s)
                self._hold(entry, Hold.WAITING, lacks, needs=frozenset(sha256s), due_at=due_at + _MOMENT)
            case Defer(approval):
                due_at = to_instant(str(approval.fields["expires_at"])).astimezone(UTC)
                if self._records.get(approval.ref) != approval:
                    self._write([approval])
                asked = problem(Code.APPROVAL_NEEDED, f"asked as {approval.ref}")
                self._hold(entry, Hold.DEFERRED, asked, needs=frozenset({approval.ref}), due_at=due_at)
            case Doubt(detail):
                self._hold(entry, Hold.QUARANTINED, problem(Code.CLOCK_DOUBT, detail))
            case _:
                assert_never(pending)

    def _break_ring(self, command_id: str) -> None:
        """Refuse commands that wait for each other, which nothing but a dishonest device makes."""
        members = ring(command_id, self._waiting_behind(command_id))
        for member in members:
            entry = self.entry(member)
            if entry and entry.hold is Hold.WAITING:
                way = " needs ".join((*members, members[0]))
                self._settle(entry, rejected(Reason.DEPENDENCY_FAILED, f"they wait for each other: {way}"))

    def _waiting_behind(self, command_id: str) -> dict[str, frozenset[str]]:
        """What a held command needs, what that needs, and so on, as this unit sees it."""
        known: dict[str, frozenset[str]] = {}
        ahead = {command_id}
        while ahead:
            here = {each: self._needs[each] for each in ahead & self._needs.keys()}
            elsewhere = ahead - here.keys() - self._settled.keys()
            stored = self._tx.needs_of_each(self._tenant, elsewhere) if elsewhere else {}
            known |= dict.fromkeys(ahead, _NOBODY) | stored | here
            ahead = {need for each in ahead for need in known[each]} - known.keys()
        return known

    def _conflicts_of(self, needs: Iterable[str]) -> frozenset[str]:
        """The ids of the conflicts that commands ended in: a released one's is not its own."""
        return frozenset(id_of(ref) for need in needs if (ref := self._conflict_of(need)))

    def _conflict_of(self, command_id: str) -> str | None:
        settled, entry = self._settled.get(command_id), self.entry(command_id)
        if settled:
            return settled.ruling.conflict
        return entry.receipt.conflict if entry and entry.receipt else None

    def _settle(self, entry: Entry, ruling: Ruling, versions: Mapping[str, int] | None = None) -> None:
        """`versions` are those of the records that it changed, where that is not what the ruling writes."""
        command_id = entry.command.id
        if entry.hold is not None and command_id not in self._new:
            self._freed.add(command_id)
        settled = entry if entry.hold is None else replace(entry, hold=None, problem=None, due_at=None)
        written = {record.ref: record.version for record in ruling.writes}
        self._settled[command_id] = _Settled(settled, ruling, written if versions is None else versions)
        self._entries[command_id] = settled
        self._changed.pop(command_id, None)
        self._needs.pop(command_id, None)
        self._there.add(command_id)
        self._write(ruling.writes)
        for record in ruling.writes:
            self._sizes[record.ref] = self._sizes.get(record.ref, 0) + len(entry.envelope.payload)

    def _write(self, records: Iterable[Record]) -> None:
        for record in records:
            self._records[record.ref] = self._written[record.ref] = record
            if record.kind == "conflict" and record.fields["status"] == ConflictStatus.RESOLVED:
                self._there.add(id_of(record.ref))
            self._there.add(record.ref)

    def _hold(
        self,
        entry: Entry,
        hold: Hold,
        why: Problem | None,
        *,
        needs: frozenset[str] = _NOBODY,
        due_at: datetime | None = None,
    ) -> Entry:
        command_id = entry.command.id
        held = replace(entry, hold=hold, problem=why, due_at=due_at)
        self._entries[command_id] = self._changed[command_id] = held
        self._needs[command_id] = needs
        if (entry.hold, entry.problem) != (hold, why):
            self.note(act="held", command=command_id, hold=hold, code=why and why.code)
        return held

    def _release(self) -> None:
        """Decide again what was waiting for something that is there now, until nothing more moves."""
        while self._there:
            there, self._there = self._there, set()
            waiting = set(self._tx.needing(self._tenant, there))
            waiting |= {command for command, needs in self._needs.items() if needs & there}
            waiting -= self._settled.keys()
            self._load_entries(waiting)
            entries = [entry for command in waiting if (entry := self._entries.get(command))]
            for entry in sorted(entries, key=_turn):
                if entry.command.id in self._settled:  # refused with the ring that it was part of
                    continue
                if entry.hold is Hold.QUARANTINED:
                    self._share(entry)
                elif _undecided(entry):
                    self._settle_or_hold(entry)

    def _draft(self, command: Command) -> Draft | None:
        """The command read, once in this unit; None if its payload does not fit, as `decide` will say."""
        if command.id not in self._drafts:
            try:
                self._drafts[command.id] = draft_of(command)
            except ValueError:
                self._drafts[command.id] = None
        return self._drafts[command.id]

    def _refs(self, command: Command) -> frozenset[str]:
        """Every record that deciding the command needs."""
        draft = self._draft(command)
        refs = refs_of(draft) if draft else frozenset({command.record})
        return refs.union(base.record for base in command.bases)

    def _facts(self, entry: Entry) -> Facts:
        command, withdrawn = entry.command, self.withdrawn(entry)
        # what was taken back is not read: nobody here may be able to
        draft = None if withdrawn else self._draft(command)
        refs = frozenset({command.record}) if withdrawn else self._refs(command)
        records = self._load(refs)
        person = self._person(command.actor)
        return Facts(
            command=command,
            roles=person.roles if person else frozenset(),
            records=records,
            past={need: self._past(need) for need in command.needs},
            received_at=entry.received_at,
            hash=entry.envelope.hash,
            draft=draft,
            withdrawn=withdrawn,
            in_scope=command.device == OFFICE or _in_scope(person, draft, records),
            doubtful=entry.doubtful,
            lacks=self._lacking(command, draft.payload.attachments()) if draft else (),
            approval=self._approval(entry),
            now=self._now,
            offset=timedelta(seconds=entry.offset_s),
            full=self._full(refs, len(entry.envelope.payload)),
            newest=self._newest(),
        )

    def _full(self, refs: frozenset[str], more: int) -> frozenset[str]:
        """The records that would be too large with about `more` characters more."""
        return frozenset(ref for ref in refs if self._sizes.get(ref, 0) + more > RECORD_CHARS_MAX)

    def _withdrawn_hash(self, entry: Entry) -> str | None:
        command_id = entry.command.id
        if command_id not in self._new and command_id not in self._withdrawn:
            self._withdrawn |= self._tx.withdrawn(self._tenant, [command_id])
        return self._withdrawn.get(command_id)

    def _approval(self, entry: Entry) -> Record | None:
        if entry.hold is None:
            return None
        ref = record_ref("approval", entry.command.id)
        return self._load({ref}).get(ref)

    def _newest(self) -> frozenset[str]:
        if self._settings is None:
            self._settings = self._tx.settings(self._tenant)
        return self._settings.newest

    def _lacking(self, command: Command, files: tuple[Attachment, ...]) -> tuple[str, ...]:
        """The sha256 of those of its files that are not here yet; from now on their bytes are taken."""
        if not files:
            return ()
        self._tx.name_blobs(self._tenant, command, files)
        lacking = self._tx.lacking(self._tenant, files)
        if command.device == OFFICE:
            return lacking
        here = {file.sha256 for file in files} - set(lacking)
        return tuple(sorted({*lacking, *(each for each in here if not self._may_name(command, each))}))

    def _may_name(self, command: Command, sha256: str) -> bool:
        """Whether a file that is here is the author's to name: naming it gives nobody the file."""
        blob = self._tx.blob(self._tenant, sha256, self._new)
        return blob is not None and may_have(self._tx, self._tenant, command.actor, sha256, blob)

    def _past(self, command_id: str) -> Past:
        entry = self.entry(command_id)
        if entry is None:
            return Past(known=False)
        settled = self._settled.get(command_id)
        outcome = settled.ruling.outcome if settled else entry.receipt and entry.receipt.outcome
        if outcome is not Outcome.CONFLICT:
            return Past(outcome or None, versions=self._versions(command_id))
        ref = self._conflict_of(command_id)
        assert ref is not None, "such an outcome names its conflict"
        conflict = self._load({ref})[ref]
        if conflict.fields["status"] != ConflictStatus.RESOLVED:
            return Past(outcome)
        return Past(outcome, resolved=True, versions=self._settled_at(conflict))

    def _settled_at(self, conflict: Record) -> dict[str, int]:
        """The versions that the settlements of a conflict produced, in whatever number of commands."""
        standing = Conflict.model_validate(conflict.fields).standing().values()
        commands = {conflict.stamp("status").command, *(entry.command for entry in standing)}
        versions: dict[str, int] = {}
        for command_id in filter(None, commands):
            for ref, version in self._versions(command_id).items():
                versions[ref] = max(version, versions.get(ref, 0))
        return versions

    def _versions(self, command_id: str) -> dict[str, int]:
        if settled := self._settled.get(command_id):
            return dict(settled.versions)
        entry = self.entry(command_id)
        return dict(entry.receipt.versions) if entry and entry.receipt else {}

    # -- loading, once each

    def entry(self, command_id: str) -> Entry | None:
        """What the ledger, or this unit, knows of a command."""
        if command_id not in self._entries:
            self._load_entries({command_id})
        return self._entries[command_id]

    def _load_entries(self, ids: Iterable[str]) -> None:
        unknown = set(ids) - self._entries.keys()
        if unknown:
            self._entries |= dict.fromkeys(unknown) | self._tx.entries(self._tenant, unknown)

    def foresee(self, ids: Iterable[str], refs: set[str]) -> None:
        """Fetch entries and records that will be asked for, in few queries instead of many."""
        self._load_entries(ids)
        self._load(refs)

    def preload(self, commands: list[Command]) -> None:
        """Fetch what a round's commands will ask for, in few queries instead of many."""
        ids = {command.id for command in commands}
        self._load_entries(ids | {need for command in commands for need in command.needs})
        self._withdrawn |= self._tx.withdrawn(self._tenant, ids)
        refs: set[str] = set()
        for command in commands:
            with suppress(Exception):  # what cannot be read is met again, and named, when it is decided
                refs |= self._refs(command)
        self._load(refs)

    def look(self, refs: frozenset[str]) -> dict[str, Record]:
        """The named records as this unit sees them; missing ones are left out."""
        return self._load(refs)

    def _load(self, refs: "set[str] | frozenset[str]") -> dict[str, Record]:
        unknown = refs - self._records.keys()
        if unknown:
            sized = self._tx.records_sized(self._tenant, unknown)
            self._sizes |= {ref: size for ref, (_, size) in sized.items()}
            found = {ref: record for ref, (record, _) in sized.items()}
            self._stored |= found
            self._records |= dict.fromkeys(unknown) | found
        return {ref: record for ref in refs if (record := self._records[ref]) is not None}

    def _early_of(self, device: str, epoch: int) -> list[Entry]:
        if (device, epoch) not in self._early:
            self._early[device, epoch] = self._tx.early(self._tenant, device, epoch)
            self._entries |= {entry.command.id: entry for entry in self._early[device, epoch]}
        return self._early[device, epoch]

    def _person(self, actor: str) -> Person | None:
        if actor not in self._people:
            self._people[actor] = self._tx.person(self._tenant, actor)
        return self._people[actor]

    def device(self, device: str) -> Device:
        """An enrolled device as this unit sees it, held until the transaction ends."""
        if device not in self._devices:
            stored = self._tx.device(self._tenant, device, lock=True)
            assert stored is not None, "an admitted command names an enrolled device"
            self._devices[device] = stored
        return self._devices[device]

    def _epochs_of(self, device: str) -> dict[int, Epoch]:
        if device not in self._epochs:
            self.device(device)
            self._epochs[device] = self._tx.epochs(self._tenant, device)
        return self._epochs[device]

    def epoch(self, device: str) -> Epoch:
        """The open epoch of a device."""
        return self._epochs_of(device)[self.device(device).epoch]

    # -- writing

    def note(self, **what: Any) -> None:
        """Add an administrative act to the audit of this unit."""
        self._notes.append(what)

    def flush(self) -> None:
        """Write everything that this unit decided."""
        self._strand()
        self._release()
        if not (self._settled or self._changed or self._notes or self._written):
            return
        rulings = [(each.entry.command, each.ruling) for each in self._settled.values()]
        write_outgoing(self._tx, self._tenant, rulings, self._now, self._incarnation)
        head = self._tx.lock_head(self._tenant)
        writes = [self._placed(record, head.change_seq + n) for n, record in enumerate(self._written.values(), 1)]
        change_seq = head.change_seq + len(writes) + bool(self._rescoped)
        for device_id in self._rescoped:
            self._devices[device_id] = replace(self._devices[device_id], scope_seq=change_seq)
        chain = _Chain(head)
        for note in self._notes:
            chain.add({"at": self._now.isoformat(), **note})
        settled = self._sealed(change_seq, chain)
        self._tx.put_records(self._tenant, writes)
        self._put_entries(settled, chain.position)
        self._tx.add_audit(self._tenant, chain.links)
        self._tx.set_head(self._tenant, TenantHead(change_seq, chain.position, chain.hash))
        for device in self._devices.values():
            self._tx.put_device(self._tenant, device)
        for epochs in self._epochs.values():
            for epoch in epochs.values():
                self._tx.put_epoch(self._tenant, epoch)

    def _placed(self, record: Record, change_seq: int) -> Write:
        stored, team = self._stored.get(record.ref), team_of(record)
        if stored is None:
            return Write(record, change_seq, team, before=0)
        return Write(record, change_seq, team, before=stored.version, left=team_of(stored) != team)

    def _put_entries(self, settled: list[Entry], root: int) -> None:
        if settled and settled[0].proof:
            self._tx.put_root(self._tenant, root, settled[0].proof.envelope)
        entries = [*self._changed.values(), *settled]
        self._tx.add_entries(self._tenant, [e for e in entries if e.command.id in self._new], root)
        self._tx.put_entries(self._tenant, [e for e in entries if e.command.id not in self._new], root)
        self._entries |= {entry.command.id: entry for entry in settled}
        moved = self._freed | {command for command in self._needs if command not in self._new}
        if moved:
            self._tx.drop_needs(self._tenant, moved)
        self._tx.put_needs(self._tenant, ((need, command) for command, ns in self._needs.items() for need in ns))

    def _sealed(self, change_seq: int, chain: "_Chain") -> list[Entry]:
        """The settled entries with their receipts, proved by one signature; each has its link in the audit."""
        if not self._settled:
            return []
        receipts = [self._receipt(each, change_seq, chain) for each in self._settled.values()]
        payloads = [receipt.to_bytes() for receipt in receipts]
        root = ReceiptsRoot(
            tenant=self._tenant, incarnation=self._incarnation, size=1, root=sha256_hex(b""), at=self._now
        )
        proofs: list[Proof] = seal_all(payloads, root, self._key)
        return [
            each.entry.settled(receipt, payload, proof)
            for each, receipt, payload, proof in zip(self._settled.values(), receipts, payloads, proofs, strict=True)
        ]

    def _receipt(self, settled: _Settled, change_seq: int, chain: "_Chain") -> Receipt:
        entry, ruling = settled.entry, settled.ruling
        versions = dict(settled.versions)
        position = chain.add(_audit_body(entry, ruling, versions, self._now))
        return Receipt.model_construct(  # all of it is our own, and checked already
            tenant=self._tenant,
            command=entry.command.id,
            envelope_hash=entry.envelope.hash,
            outcome=ruling.outcome,
            reason=ruling.reason,
            detail=ruling.detail,
            applied=ruling.applied,
            conflicting=ruling.conflicting,
            conflict=ruling.conflict,
            versions=versions,
            change_seq=change_seq,
            incarnation=self._incarnation,
            audit_position=position,
            settled_at=self._now,
            key_id=self._key.keyid,
        )


_STATES: Mapping[DeviceState, Code] = {
    DeviceState.FORKED: Code.DEVICE_FORKED,
    DeviceState.REVOKED: Code.DEVICE_REVOKED,
}


def _undecided(entry: Entry) -> bool:
    """Whether it is held for something that may have come. What is early has no place; what is apart, a person."""
    if entry.hold is None or entry.hold is Hold.QUARANTINED:
        return False
    return entry.problem is None or entry.problem.code is not Code.CHAIN_GAP


def _in_scope(person: Person | None, draft: Draft | None, records: Mapping[str, Record]) -> bool:
    """Whether somebody may see everything that a command is about, and what it would create."""
    teams = person.teams if person else None
    if teams is None or draft is None:
        return True
    created = {effect.fields.get("team") for effect in draft.effects if isinstance(effect, Creation)}
    if created - {None} - teams:
        return False
    return all(visible(records[ref], teams) for ref in refs_of(draft) if ref in records)


def _turn(entry: Entry) -> tuple[datetime, str, int, int]:
    command = entry.command
    return entry.received_at, command.device, command.epoch or 0, command.seq or 0


class _Chain:
    """The audit chain being extended: each link's hash covers the one before."""

    def __init__(self, head: TenantHead) -> None:
        self.hash = head.audit_hash
        self.position = head.audit_position
        self.links: list[tuple[int, str, str, str]] = []

    def add(self, body: dict[str, Any]) -> int:
        """Append a link; its position."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        before, self.hash = self.hash, link_hash(self.hash, text)
        self.position += 1
        self.links.append((self.position, before, self.hash, text))
        return self.position


def link_hash(prev: str, body: str) -> str:
    """The hash of an audit link over the one before and its own body."""
    return sha256_hex(f"{prev}\n{body}".encode())


def _audit_body(entry: Entry, ruling: Ruling, versions: dict[str, int], at: datetime) -> dict[str, Any]:
    command = entry.command
    return {
        "at": at.isoformat(),
        "act": "outcome",
        "command": command.id,
        "hash": entry.envelope.hash,
        "kind": command.kind,
        "actor": command.actor,
        "device": command.device,
        "record": command.record,
        "outcome": ruling.outcome,
        "reason": ruling.reason,
        "versions": versions,
    }
