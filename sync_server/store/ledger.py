"""The ledger: every command that was received, byte for byte, and the one thing that became of it.

A command is settled if it has a receipt, else held. Beside it stand what it waits for, and what was taken back.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from pydantic_core import from_json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    LargeBinary,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field

from shared.commands.base import Command, read_command
from shared.contract import instant_text, to_instant
from shared.envelope import COMMAND_TYPE, Envelope, wire_from
from shared.merkle import Inclusion, Leaf, Tree
from shared.outcomes import Hold, Outcome, Receipt
from shared.problems import Code, Problem
from shared.receipts import Proof
from shared.values import value
from sync_server.store.base import Contended, Fixed, Part, Table, among, one_of, table_of

_HELD = text("hold IS NOT NULL")


class LedgerRow(Table, table=True):
    """A received command, its raw bytes, and what became of it.

    `receipt` is the receipt's payload; `root` and `place` prove it: the signed envelope, and the place under it as
    ``[index,size]`` (JSON). An older program kept the path as a third part, in hexadecimal, and no leaves.
    """

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ledger_chain", "tenant", "device", "epoch", "seq"),
        Index("ledger_held", "tenant", "hold", "device", "epoch", "seq", sqlite_where=_HELD, postgresql_where=_HELD),
    )
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    hash: str
    device: str
    epoch: int | None
    seq: int | None = Field(default=None, sa_column=Column(BigInteger))
    keyid: str
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    signature: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: str
    hold: str | None = None
    due_at: str | None = None
    problem: str | None = Field(default=None, sa_column=Column(Text))
    offset_s: float = Field(default=0.0, sa_column=Column(Float, nullable=False, server_default="0"))
    doubtful: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    outcome: str | None = None
    settled_at: str | None = None
    receipt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    root: int | None = Field(default=None, sa_column=Column(BigInteger))
    place: str | None = Field(default=None, sa_column=Column(Text))


class RootRow(Table, table=True):
    """A signed envelope over the receipts of one unit of work; `id` is the audit position at its end.

    `leaves` are the hashes of those receipts one behind the other: each one's path follows from them, also when
    others are purged.
    """

    __tablename__ = "receipts_root"
    tenant: str = Field(primary_key=True)
    id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    envelope: str = Field(sa_column=Column(Text, nullable=False))
    leaves: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


class NeedRow(Table, table=True):
    """`command` is held until `need` (a command id, or the sha256 of bytes) is there."""

    __tablename__ = "need"
    tenant: str = Field(primary_key=True)
    need: str = Field(primary_key=True)
    command: str = Field(primary_key=True)


class WithdrawalRow(Table, table=True):
    """The author's signed word that a command is taken back; it may come before the command."""

    __tablename__ = "withdrawal"
    tenant: str = Field(primary_key=True)
    command: str = Field(primary_key=True)
    hash: str
    envelope: str = Field(sa_column=Column(Text, nullable=False))
    device: str | None = None
    received_at: str | None = None


LEDGER, ROOT, NEED, WITHDRAWAL = (table_of(row) for row in (LedgerRow, RootRow, NeedRow, WithdrawalRow))
_RECEIVE = insert(LEDGER)
_KEEP_ROOT = Fixed(insert(ROOT).values({name: bindparam(name) for name in ("tenant", "id", "envelope", "leaves")}))
#: By name, so that the index of what is held serves and not the whole chain of a device.
_IS_HELD = one_of(LEDGER.c.hold, map(str, Hold))
_ENTRIES = select(LEDGER)

_EARLY = Fixed(
    _ENTRIES.where(
        LEDGER.c.tenant == bindparam("of"),
        LEDGER.c.device == bindparam("by"),
        LEDGER.c.epoch == bindparam("within"),
        LEDGER.c.hold == str(Hold.WAITING),
        LEDGER.c.problem.is_not(None),
    ).order_by(LEDGER.c.seq)
)
_FIRST_HELD = Fixed(
    select(func.min(LEDGER.c.seq)).where(
        LEDGER.c.tenant == bindparam("of"),
        _IS_HELD,
        LEDGER.c.device == bindparam("by"),
        LEDGER.c.epoch == bindparam("within"),
        LEDGER.c.seq <= bindparam("up_to"),
    )
)
_DUE = Fixed(
    _ENTRIES.where(LEDGER.c.tenant == bindparam("of"), _IS_HELD, LEDGER.c.due_at <= bindparam("at")).order_by(
        LEDGER.c.due_at
    )
)


@cache
def _under(holds: tuple[Hold, ...], *, of_one: bool) -> Fixed:
    """What is under one of `holds`, all of it or one device's."""
    query = _ENTRIES.where(LEDGER.c.tenant == bindparam("of"), one_of(LEDGER.c.hold, map(str, holds)))
    query = query.where(LEDGER.c.device == bindparam("by")) if of_one else query
    order = (LEDGER.c.received_at, LEDGER.c.device, LEDGER.c.epoch, LEDGER.c.seq, LEDGER.c.id)
    return Fixed(query.order_by(*order).limit(bindparam("limit")))


@cache
def _roots(dialect: str) -> Any:
    return Fixed(select(ROOT).where(ROOT.c.tenant == bindparam("of"), among(ROOT.c.id, dialect, BigInteger)))


@cache
def _named(dialect: str) -> Any:
    return Fixed(_ENTRIES.where(LEDGER.c.tenant == bindparam("of"), among(LEDGER.c.id, dialect)))


@cache
def _told(dialect: str) -> Any:
    chosen = (LEDGER.c.tenant == bindparam("of"), LEDGER.c.outcome.is_not(None), among(LEDGER.c.id, dialect))
    return Fixed(select(LEDGER.c.id, LEDGER.c.outcome, LEDGER.c.receipt).where(*chosen))


@cache
def _as_it_stands(dialect: str) -> Any:
    names = (LEDGER.c.id, LEDGER.c.hash, LEDGER.c.payload, LEDGER.c.outcome, LEDGER.c.receipt)
    chosen = (LEDGER.c.tenant == bindparam("of"), LEDGER.c.outcome.is_not(None), among(LEDGER.c.id, dialect))
    return Fixed(select(*names).where(*chosen))


@cache
def _taken_back(dialect: str) -> Any:
    chosen = (WITHDRAWAL.c.tenant == bindparam("of"), among(WITHDRAWAL.c.command, dialect))
    return Fixed(select(WITHDRAWAL.c.command, WITHDRAWAL.c.hash).where(*chosen))


@cache
def _waiting_for(dialect: str) -> Any:
    return Fixed(select(NEED.c.command).where(NEED.c.tenant == bindparam("of"), among(NEED.c.need, dialect)))


@cache
def _stop_waiting(dialect: str) -> Any:
    return Fixed(delete(NEED).where(NEED.c.tenant == bindparam("of"), among(NEED.c.command, dialect)))


@value(frozen=True)
class Entry:
    """A received command in the ledger: settled if it has an outcome, else held.

    Args:
        command: as it was read when it was received.
        envelope: its bytes.
        received_at: the server's time at first receipt.
        hold, problem: why it is not settled yet.
        due_at: when the hold ends by itself; None for never.
        offset_s: the device's clock minus the server's, when it was received.
        doubtful: the device's clock was changed between confirming and sending.
        outcome, settled_at: the final word.
        receipt_payload, proof: the signed bytes that say it, and what proves them.
    """

    command: Command
    envelope: Envelope
    received_at: datetime
    hold: Hold | None = None
    problem: Problem | None = None
    due_at: datetime | None = None
    offset_s: float = 0.0
    doubtful: bool = False
    outcome: Outcome | None = None
    settled_at: datetime | None = None
    receipt_payload: bytes | None = None
    proof: Proof | None = None

    @cached_property
    def receipt(self) -> Receipt | None:
        """The final word in full, read when somebody asks; None while it is held."""
        return None if self.receipt_payload is None else Receipt.model_validate_json(self.receipt_payload)

    def settled(self, outcome: Outcome, settled_at: datetime, payload: bytes, proof: Proof) -> "Entry":
        """The entry with its final word."""
        return Entry(
            command=self.command,
            envelope=self.envelope,
            received_at=self.received_at,
            offset_s=self.offset_s,
            doubtful=self.doubtful,
            outcome=outcome,
            settled_at=settled_at,
            receipt_payload=payload,
            proof=proof,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a settled command, without the command: its outcome, and the versions that it produced."""

    outcome: Outcome
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class KeptOutcome:
    """A settled command as it stands in the ledger. Nothing of it was read: `hash` need not be that of `payload`."""

    command: str
    hash: str
    payload: bytes
    outcome: str
    receipt: bytes


class Ledger(Part):
    """Commands and what became of them."""

    def entries(self, tenant: str, ids: Iterable[str]) -> dict[str, Entry]:
        """The named commands, as far as they were ever received."""
        rows = self._all(_named(self._dialect), of=tenant, among=self._listed(ids))
        return {entry.command.id: entry for entry in self._entries(tenant, rows)}

    def _entries(self, tenant: str, rows: Sequence[Any]) -> list[Entry]:
        """What the rows say, with what proves their receipts: each root is read once."""
        ids = {row.root for row in rows if row.root is not None}
        found = self._all(_roots(self._dialect), of=tenant, among=self._listed(ids)) if ids else ()
        roots = {row.id: _Root.of(row) for row in found}
        return [_entry(row, roots.get(row.root)) for row in rows]

    def told(self, tenant: str, ids: Iterable[str]) -> dict[str, Told]:
        """What became of those of `ids` that are settled."""
        rows = self._all(_told(self._dialect), of=tenant, among=self._listed(ids))
        return {row.id: Told(Outcome(row.outcome), from_json(bytes(row.receipt))["versions"]) for row in rows}

    def known(self, tenant: str, ids: Iterable[str]) -> frozenset[str]:
        """Which of `ids` were ever received."""
        query = select(LEDGER.c.id).where(LEDGER.c.tenant == tenant, among(LEDGER.c.id, self._dialect))
        return frozenset(row.id for row in self._all(query, among=self._listed(ids)))

    def settled_among(self, tenant: str, ids: Iterable[str]) -> frozenset[str]:
        """Which of `ids` have an outcome."""
        named = (LEDGER.c.tenant == tenant, LEDGER.c.hold.is_(None), among(LEDGER.c.id, self._dialect))
        rows = self._all(select(LEDGER.c.id).where(*named), among=self._listed(ids))
        return frozenset(row.id for row in rows)

    def held(self, tenant: str, *holds: Hold, device: str | None = None, limit: int = 100_000) -> list[Entry]:
        """The commands under one of `holds`, in the order of receipt; only one device's if it is named."""
        query, by = _under(holds, of_one=device is not None), {} if device is None else {"by": device}
        return self._entries(tenant, self._all(query, of=tenant, limit=limit, **by))

    def held_count(self, tenant: str, device: str, hold: Hold) -> int:
        """How many of a device's commands are under `hold`."""
        query = select(func.count()).where(
            LEDGER.c.tenant == tenant, LEDGER.c.device == device, LEDGER.c.hold == str(hold)
        )
        return int(self._one(query.select_from(LEDGER))[0])

    def early(self, tenant: str, device: str, epoch: int) -> list[Entry]:
        """What a device sent before its turn in `epoch`, by place: held for a gap, not for another command."""
        entries = self._entries(tenant, self._all(_EARLY, of=tenant, by=device, within=epoch))
        return [entry for entry in entries if entry.problem and entry.problem.code == "chain_gap"]

    def due(self, tenant: str, now: datetime) -> list[Entry]:
        """The held commands whose hold ends by itself at or before `now`."""
        return self._entries(tenant, self._all(_DUE, of=tenant, at=now.isoformat()))

    def at_place(self, tenant: str, device: str, epoch: int, seq: int) -> str | None:
        """The hash of the envelope at a place in a device's chain; None if it is not in the ledger (any more)."""
        query = (
            select(LEDGER.c.hash, LEDGER.c.hold, LEDGER.c.problem)
            .where(LEDGER.c.tenant == tenant, LEDGER.c.device == device, LEDGER.c.epoch == epoch, LEDGER.c.seq == seq)
            .order_by(LEDGER.c.received_at)
        )
        return next((row.hash for row in self._all(query) if not _beside(row)), None)

    def settled_through(self, tenant: str, device: str, epoch: int, received: int) -> int:
        """The largest number N such that everything up to N in the epoch's chain is settled."""
        first = self._one(_FIRST_HELD, of=tenant, by=device, within=epoch, up_to=received)[0]
        return received if first is None else int(first) - 1

    def put_entries(self, tenant: str, entries: Iterable[Entry], root: int | None = None) -> None:
        """Write commands and what became of them. A settled one is never overwritten.

        Args:
            tenant: whose.
            entries: new ones, and ones that move on from a hold.
            root: the signed root (see `put_root`) that proves the receipts among them.

        Raises:
            Contended: one of them was settled by another writer.
        """
        rows = [_row(tenant, entry, root) for entry in entries]
        if not rows:
            return
        statement = self._insert(LEDGER)
        names = ("hold", "due_at", "problem", "doubtful", "outcome", "settled_at", "receipt", "root", "place")
        new = {name: statement.excluded[name] for name in names}
        upsert = statement.on_conflict_do_update(
            index_elements=["tenant", "id"], set_=new, where=LEDGER.c.outcome.is_(None)
        )
        if self._count(upsert, rows) != len(rows):
            raise Contended("another writer settled the command")

    def add_entries(self, tenant: str, entries: Iterable[Entry], root: int | None = None) -> None:
        """Write commands that were never received before: the short way. Raises `Contended` if one was."""
        rows = [_row(tenant, entry, root) for entry in entries]
        try:
            if rows:
                self._many(_RECEIVE, rows)
        except IntegrityError as error:
            raise Contended("another writer received the command") from error

    def put_root(self, tenant: str, root: int, envelope: Envelope, leaves: bytes) -> None:
        """Keep the signed envelope over a unit's receipts, and the hashes of their leaves."""
        values = {"tenant": tenant, "id": root, "envelope": envelope.wire_json, "leaves": leaves}
        self._do(_KEEP_ROOT, values)

    # -- needs

    def put_needs(self, tenant: str, needs: Iterable[tuple[str, str]]) -> None:
        """(need, command) pairs: the command is held until the need is there."""
        rows = [{"tenant": tenant, "need": need, "command": command} for need, command in needs]
        if rows:
            self._do(self._insert(NEED).on_conflict_do_nothing(), rows)

    def drop_needs(self, tenant: str, commands: Iterable[str]) -> None:
        """Nothing is waited for any more by `commands`."""
        self._do(_stop_waiting(self._dialect), {"of": tenant, "among": self._listed(commands)})

    def needing(self, tenant: str, needs: Iterable[str]) -> frozenset[str]:
        """The commands that are held until one of `needs` is there."""
        rows = self._all(_waiting_for(self._dialect), of=tenant, among=self._listed(needs))
        return frozenset(row.command for row in rows)

    def needs_of(self, tenant: str, command: str) -> frozenset[str]:
        """What one command is held for."""
        query = select(NEED.c.need).where(NEED.c.tenant == tenant, NEED.c.command == command)
        return frozenset(row.need for row in self._all(query))

    def needs_of_each(self, tenant: str, commands: Iterable[str]) -> dict[str, frozenset[str]]:
        """What each of `commands` is held for; those that are held for nothing are left out."""
        query = select(NEED.c.command, NEED.c.need).where(
            NEED.c.tenant == tenant, among(NEED.c.command, self._dialect)
        )
        found: dict[str, set[str]] = {}
        for row in self._all(query, among=self._listed(commands)):
            found.setdefault(row.command, set()).add(row.need)
        return {command: frozenset(needs) for command, needs in found.items()}

    def all_needs(self, tenant: str) -> list[tuple[str, str]]:
        """Every (need, command) pair."""
        query = select(NEED.c.need, NEED.c.command).where(NEED.c.tenant == tenant)
        return [(row.need, row.command) for row in self._all(query.order_by(NEED.c.command))]

    # -- withdrawals

    def put_withdrawal(
        self, tenant: str, command: str, envelope_hash: str, envelope: Envelope, device: str, at: datetime
    ) -> None:
        """Keep the author's word, brought by `device` at `at`, that a command is taken back; of several, the last."""
        said = {"hash": envelope_hash, "envelope": envelope.to_wire().model_dump_json()}
        values = {**said, "device": device, "received_at": at.isoformat()}
        statement = self._insert(WITHDRAWAL).values(tenant=tenant, command=command, **values)
        self._do(statement.on_conflict_do_update(index_elements=["tenant", "command"], set_=values))

    def withdrawn(self, tenant: str, ids: Iterable[str]) -> dict[str, str]:
        """Those of `ids` that were taken back: command id → hash of the envelope that was meant."""
        rows = self._all(_taken_back(self._dialect), of=tenant, among=self._listed(ids))
        return {row.command: row.hash for row in rows}

    def stray_withdrawals(self, tenant: str, device: str) -> int:
        """How many commands a device took back that never came."""
        stray = and_(_stray(tenant), WITHDRAWAL.c.device == device)
        return int(self._one(select(func.count()).select_from(WITHDRAWAL).where(stray))[0])

    def forget_withdrawals(self, tenant: str, before: datetime) -> int:
        """Drop the withdrawals brought before an instant whose commands never came; how many."""
        old = and_(_stray(tenant), WITHDRAWAL.c.received_at < before.isoformat())
        return int(self._do(delete(WITHDRAWAL).where(old)).rowcount)

    # -- proof

    def kept_outcomes(self, tenant: str, ids: Sequence[str]) -> list[KeptOutcome]:
        """Of these commands, those that are settled, as they stand here."""
        rows = self._all(_as_it_stands(self._dialect), of=tenant, among=self._listed(ids))
        return [KeptOutcome(row.id, row.hash, bytes(row.payload), row.outcome, bytes(row.receipt)) for row in rows]

    def settled_count(self, tenant: str) -> int:
        """How many commands are settled and not purged."""
        query = select(func.count()).where(LEDGER.c.tenant == tenant, LEDGER.c.outcome.is_not(None))
        return int(self._one(query)[0])

    # -- retention

    def purge(self, tenant: str, before: datetime) -> int:
        """Drop what was settled before an instant; how many.

        What is not settled is never dropped, nor what something that is not settled rests on.
        """
        needed = select(NEED.c.need).where(NEED.c.tenant == tenant)
        old = and_(_settled_before(tenant, before), LEDGER.c.id.not_in(needed))
        gone = select(LEDGER.c.id).where(old)
        self._do(delete(WITHDRAWAL).where(WITHDRAWAL.c.tenant == tenant, WITHDRAWAL.c.command.in_(gone)))
        dropped = int(self._do(delete(LEDGER).where(old)).rowcount)
        still = select(LEDGER.c.root).where(LEDGER.c.tenant == tenant, LEDGER.c.root.is_not(None))
        self._do(delete(ROOT).where(ROOT.c.tenant == tenant, ROOT.c.id.not_in(still)))
        return dropped

    def feed_end_before(self, tenant: str, before: datetime) -> int:
        """A place in the feed that was reached before an instant, as the receipts still tell; 0 if they do not."""
        query = select(LEDGER.c.receipt).where(_settled_before(tenant, before))
        row = self._one(query.order_by(LEDGER.c.settled_at.desc()).limit(1))
        return Receipt.model_validate_json(bytes(row.receipt)).change_seq if row else 0

    def search(self, tenant: str, *, device: str | None, record: str | None, limit: int) -> list[Entry]:
        """The newest commands; only those of `device` or about `record`, if they are named."""
        query = _ENTRIES.where(LEDGER.c.tenant == tenant)
        query = query if device is None else query.where(LEDGER.c.device == device)
        rows = self._all(query.order_by(LEDGER.c.received_at.desc(), LEDGER.c.id.desc()).limit(limit))
        found = self._entries(tenant, rows)
        return [entry for entry in found if record is None or entry.command.record == record]


def _stray(tenant: str) -> ColumnElement[bool]:
    came = exists().where(LEDGER.c.tenant == WITHDRAWAL.c.tenant, LEDGER.c.id == WITHDRAWAL.c.command)
    return and_(WITHDRAWAL.c.tenant == tenant, ~came)


def _settled_before(tenant: str, before: datetime) -> ColumnElement[bool]:
    return and_(LEDGER.c.tenant == tenant, LEDGER.c.outcome.is_not(None), LEDGER.c.settled_at < before.isoformat())


def _beside(row: Any) -> bool:
    """Whether an envelope only claims its place, which another one took."""
    return bool(row.hold and row.problem) and json.loads(row.problem)["code"] == Code.CHAIN_FORK


@dataclass(frozen=True, slots=True)
class _Root:
    """A signed envelope and the tree under it; None where an older program kept each receipt's path."""

    envelope: Envelope
    tree: Tree | None

    @classmethod
    def of(cls, row: Any) -> "_Root":
        return cls(wire_from(json.loads(row.envelope)), Tree(bytes(row.leaves)) if row.leaves else None)

    def proof(self, place: str | None) -> Proof:
        """What proves the receipt whose row has this `place`."""
        if place is None:
            return Proof(self.envelope)
        index, size, *path = json.loads(place)
        if path:
            return Proof(self.envelope, Inclusion(index, size, tuple(map(bytes.fromhex, path[0]))))
        assert self.tree is not None, "a place without a path stands in a tree"
        return Proof(self.envelope, Leaf(index, self.tree))


def _entry(row: Any, root: _Root | None) -> Entry:
    envelope = Envelope(COMMAND_TYPE, bytes(row.payload), ((row.keyid, bytes(row.signature)),))
    receipt = None if row.receipt is None else bytes(row.receipt)
    return Entry(
        command=read_command(envelope.payload),
        envelope=envelope,
        received_at=to_instant(row.received_at),
        hold=Hold(row.hold) if row.hold else None,
        problem=Problem.model_validate_json(row.problem) if row.problem else None,
        due_at=to_instant(row.due_at) if row.due_at else None,
        offset_s=row.offset_s,
        doubtful=row.doubtful,
        outcome=Outcome(row.outcome) if row.outcome else None,
        settled_at=to_instant(row.settled_at) if row.settled_at else None,
        receipt_payload=receipt,
        proof=root.proof(row.place) if root and receipt is not None else None,
    )


def _row(tenant: str, entry: Entry, root: int | None) -> dict[str, Any]:
    command, outcome = entry.command, entry.outcome
    keyid, signature = entry.envelope.signatures[0]
    place = entry.proof.inclusion if entry.proof else None
    return {
        "tenant": tenant,
        "id": command.id,
        "hash": entry.envelope.hash,
        "device": command.device,
        "epoch": command.epoch,
        "seq": command.seq,
        "keyid": keyid,
        "payload": entry.envelope.payload,
        "signature": signature,
        "received_at": instant_text(entry.received_at),
        "hold": entry.hold and str(entry.hold),
        "due_at": entry.due_at.astimezone(UTC).isoformat() if entry.due_at else None,
        "problem": entry.problem.model_dump_json() if entry.problem else None,
        "offset_s": entry.offset_s,
        "doubtful": entry.doubtful,
        "outcome": outcome and str(outcome),
        "settled_at": instant_text(entry.settled_at) if entry.settled_at else None,
        "receipt": entry.receipt_payload,
        "root": root if outcome else None,
        "place": f"[{place.index},{place.size}]" if place else None,
    }
