"""A unit of work: commands are received, settled and released in memory, then everything is written at once.

Rules
1. Ledger first: an id that is known gets its recorded answer, and nothing happens twice.
2. A validly signed envelope always takes its place: settled, or held with a reason.
3. A device's commands are received in the order of its chain; what comes early waits for the gap to close.
4. What waits for another command is settled in the same unit as soon as that one is.
5. `flush` takes the tenant's head last and gives out places in the changes feed and the audit in one range; records,
   outcomes, audit and receipts are written together or not at all.
"""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reconciliation.decide import Facts, Past, Ruling, Wait, decide, refs_of
from shared.commands import UnknownKind
from shared.commands.base import OFFICE, Command, Role
from shared.envelope import RECEIPT_TYPE, Envelope, SigningKey, seal
from shared.ids import record_ref, sha256_hex
from shared.outcomes import Hold, Outcome, Receipt
from shared.problems import Code, Refused, problem
from shared.records import ConflictStatus, Record
from sync_server.admission import Admitted
from sync_server.logs import where
from sync_server.store import Device, Entry, TenantHead, Tx

log = logging.getLogger("tailboard.server")


@dataclass(frozen=True, slots=True)
class _Settled:
    entry: Entry
    ruling: Ruling


class Batch:
    """One unit of work for one tenant."""

    def __init__(self, tx: Tx, tenant: str, now: datetime, receipt_key: SigningKey, incarnation: int) -> None:
        self._tx, self._tenant, self._now = tx, tenant, now
        self._key, self._incarnation = receipt_key, incarnation
        self._entries: dict[str, Entry] = {}
        self._records: dict[str, Record] = {}
        self._missing: set[str] = set()
        self._written: dict[str, Record] = {}
        self._settled: dict[str, _Settled] = {}
        self._touched: dict[str, Entry] = {}
        self._notes: list[dict[str, Any]] = []
        self._waiting: dict[str, Entry] | None = None
        self._roles: dict[str, frozenset[Role]] = {}
        self._devices: dict[str, Device] = {}

    # -- receiving

    def receive(self, admitted: Admitted) -> None:
        """Take a verified command in.

        Raises:
            Refused: `id_reused`, if the id is known with other bytes.
        """
        command, envelope = admitted.command, admitted.envelope
        known = self.entry(command.id)
        if known is not None:
            if known.envelope.hash != envelope.hash:
                raise Refused(Code.ID_REUSED, f"{command.id} is known with other bytes")
            return
        entry = Entry(command, envelope, self._now)
        if command.device == OFFICE:
            self._settle_or_hold(entry)
        elif self._takes_place(entry):
            self._settle_or_hold(entry)
            self._close_gap(command.device)
        self._release()

    def _takes_place(self, entry: Entry) -> bool:
        """Whether the entry extends its device's chain; if it does not, it is held with the reason."""
        command = entry.command
        device = self._device(command.device)
        place = (command.epoch, command.seq)
        expected = (device.epoch, device.head_seq + 1)
        if place == expected and command.prev == device.head_hash:
            self._devices[device.id] = replace(device, head_seq=device.head_seq + 1, head_hash=entry.envelope.hash)
            return True
        if command.epoch == device.epoch and (command.seq or 0) > expected[1]:
            gap = problem(Code.CHAIN_GAP, f"number {expected[1]} of this device has not arrived yet")
            self._hold(replace(entry, hold=Hold.WAITING, problem=gap))
        else:
            fork = problem(Code.CHAIN_FORK, f"place {command.epoch}/{command.seq} of this device is taken")
            self._hold(replace(entry, hold=Hold.QUARANTINED, problem=fork))
        return False

    def _close_gap(self, device: str) -> None:
        """Take what came early, as far as the chain goes on; what claims a place that another took is a fork."""
        while (early := self._early(device)) is not None:
            for entry in early:
                if self._takes_place(entry):
                    self._settle_or_hold(entry)

    def _early(self, device: str) -> list[Entry] | None:
        """The early ones whose turn has come, the one that fits first; None if there is none."""
        head = self._device(device)
        due = [
            replace(entry, hold=None, problem=None)
            for entry in self._all_waiting().values()
            if entry.problem is not None
            and (entry.command.device, entry.command.epoch) == (device, head.epoch)
            and (entry.command.seq or 0) <= head.head_seq + 1
        ]
        return sorted(due, key=lambda entry: entry.command.prev != head.head_hash) or None

    # -- settling

    def _settle_or_hold(self, entry: Entry) -> bool:
        """Settle the entry, or hold it with the reason. Whether it is settled."""
        try:
            ruling = decide(self._facts(entry))
        except UnknownKind as error:
            unreadable = problem(Code.KIND_UNKNOWN, str(error))
            self._hold(replace(entry, hold=Hold.UNREADABLE, problem=unreadable))
            return False
        except Exception as error:  # noqa: BLE001  # one poison command must not stop the others
            log.error("a command could not be decided", extra={"command_id": entry.command.id, **where(error)})
            fault = problem(Code.INTERNAL, "the server could not decide it; the office looks into it")
            self._hold(replace(entry, hold=Hold.QUARANTINED, problem=fault))
            return False
        if isinstance(ruling, Wait):
            known = self._all_waiting().get(entry.command.id)
            if known is None or known.problem is not None:
                self._hold(replace(entry, hold=Hold.WAITING, problem=None))
            return False
        self._settle(entry, ruling)
        return True

    def _settle(self, entry: Entry, ruling: Ruling) -> None:
        settled = replace(entry, hold=None, problem=None)
        self._settled[entry.command.id] = _Settled(settled, ruling)
        self._keep(settled)
        for record in ruling.writes:
            self._records[record.ref] = self._written[record.ref] = record

    def _hold(self, entry: Entry) -> None:
        self._keep(entry)
        self._touched[entry.command.id] = entry
        self._notes.append(
            {
                "act": "held",
                "command": entry.command.id,
                "hold": entry.hold,
                "code": entry.problem and entry.problem.code,
            }
        )

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.command.id] = entry
        waiting = self._all_waiting()
        if entry.hold is Hold.WAITING:
            waiting[entry.command.id] = entry
        else:
            waiting.pop(entry.command.id, None)

    def _release(self) -> None:
        """Settle what was waiting for something that is settled now, until nothing more moves."""
        moved = True
        while moved:
            moved = False
            for entry in list(self._all_waiting().values()):
                moved |= entry.problem is None and self._settle_or_hold(entry)

    def _facts(self, entry: Entry) -> Facts:
        command = entry.command
        try:
            refs = refs_of(command)
        except ValueError:  # a payload that does not fit; `decide` says so
            refs = frozenset({command.record})
        return Facts(
            command=command,
            roles=self._roles_of(command.actor),
            records=self._load(refs | {base.record for base in command.bases}),
            past={need: self._past(need) for need in command.needs},
            received_at=entry.received_at,
        )

    def _past(self, command_id: str) -> Past:
        entry = self.entry(command_id)
        if entry is None:
            return Past(known=False)
        settled = self._settled.get(command_id)
        outcome = settled.ruling.outcome if settled else entry.receipt and entry.receipt.outcome
        if outcome is not Outcome.CONFLICT:
            return Past(outcome or None, versions=self._versions(command_id))
        conflict = self._load({record_ref("conflict", command_id)})[record_ref("conflict", command_id)]
        if conflict.fields["status"] != ConflictStatus.RESOLVED:
            return Past(outcome)
        return Past(outcome, resolved=True, versions=self._versions(conflict.stamp("status").command))

    def _versions(self, command_id: str) -> dict[str, int]:
        if settled := self._settled.get(command_id):
            return {record.ref: record.version for record in settled.ruling.writes}
        entry = self.entry(command_id)
        return dict(entry.receipt.versions) if entry and entry.receipt else {}

    # -- loading, once each

    def entry(self, command_id: str) -> Entry | None:
        """What the ledger, or this unit, knows of a command."""
        if command_id not in self._entries:
            self._entries.update(self._tx.entries(self._tenant, [command_id]))
        return self._entries.get(command_id)

    def preload(self, commands: list[Command]) -> None:
        """Fetch what a round's commands will ask for, in two queries instead of many."""
        ids = {command.id for command in commands} | {need for command in commands for need in command.needs}
        self._entries.update(self._tx.entries(self._tenant, ids))
        self._load({command.record for command in commands} | {b.record for c in commands for b in c.bases})

    def look(self, refs: frozenset[str]) -> dict[str, Record]:
        """The named records as this unit sees them; missing ones are left out."""
        return self._load(refs)

    def _load(self, refs: "set[str] | frozenset[str]") -> dict[str, Record]:
        unknown = refs - self._records.keys() - self._missing
        if unknown:
            found = self._tx.records(self._tenant, unknown)
            self._records.update(found)
            self._missing |= unknown - found.keys()
        return {ref: self._records[ref] for ref in refs if ref in self._records}

    def _all_waiting(self) -> dict[str, Entry]:
        if self._waiting is None:
            self._waiting = {entry.command.id: entry for entry in self._tx.waiting(self._tenant)}
        return self._waiting

    def _roles_of(self, actor: str) -> frozenset[Role]:
        if actor not in self._roles:
            person = self._tx.person(self._tenant, actor)
            self._roles[actor] = person.roles if person else frozenset()
        return self._roles[actor]

    def _device(self, device: str) -> Device:
        if device not in self._devices:
            stored = self._tx.device(self._tenant, device, lock=True)
            assert stored is not None, "an admitted command names an enrolled device"
            self._devices[device] = stored
        return self._devices[device]

    # -- writing

    def note(self, **what: Any) -> None:
        """Add an administrative act to the audit of this unit."""
        self._notes.append(what)

    def flush(self) -> None:
        """Write everything that this unit decided."""
        if not (self._settled or self._touched or self._notes):
            return
        head = self._tx.lock_head(self._tenant)
        places = enumerate(self._written.values(), start=head.change_seq + 1)
        placed = [(record, place) for place, record in places]
        change_seq = head.change_seq + len(placed)
        position, chain = head.audit_position, _Chain(head)
        for note in self._notes:
            chain.add({"at": self._now.isoformat(), **note})
        settled = [self._sealed(each, change_seq, chain) for each in self._settled.values()]
        self._tx.put_records(self._tenant, placed)
        self._tx.put_entries(self._tenant, [e for e in self._touched.values() if e.command.id not in self._settled])
        self._tx.put_entries(self._tenant, settled)
        self._tx.add_audit(self._tenant, chain.links)
        self._tx.set_head(self._tenant, TenantHead(change_seq, position + len(chain.links), chain.hash))
        for device in self._devices.values():
            self._tx.advance(self._tenant, device, self._now)
        self._entries.update({entry.command.id: entry for entry in settled})

    def _sealed(self, settled: _Settled, change_seq: int, chain: "_Chain") -> Entry:
        """The entry with its receipt, and its link in the audit."""
        entry, ruling = settled.entry, settled.ruling
        versions = {record.ref: record.version for record in ruling.writes}
        position = chain.add(_audit_body(entry, ruling, versions, self._now))
        receipt = Receipt(
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
        envelope: Envelope = seal(RECEIPT_TYPE, receipt.to_bytes(), self._key)
        return replace(entry, receipt=receipt, receipt_envelope=envelope)


class _Chain:
    """The audit chain being extended: each link's hash covers the one before."""

    def __init__(self, head: TenantHead) -> None:
        self.hash = head.audit_hash
        self._position = head.audit_position
        self.links: list[tuple[int, str, str, str]] = []

    def add(self, body: dict[str, Any]) -> int:
        """Append a link; its position."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        before, self.hash = self.hash, link_hash(self.hash, text)
        self._position += 1
        self.links.append((self._position, before, self.hash, text))
        return self._position


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
