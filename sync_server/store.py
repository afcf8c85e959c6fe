"""The server's database: rows in, values out, one transaction at a time.

Rules
1. Every key begins with the tenant.
2. A transaction is one unit of work and never spans an await. On SQLite it begins immediately, so that two writers
   take turns instead of failing half-way.
3. The tenant's head (last place in the changes feed, last place and hash of the audit) is one row, locked last, so
   that places are given in commit order and a cursor can never pass a change that commits later.
4. Rows never leave this module.

Not handled here: what anything means. The store verifies nothing and decides nothing.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    LargeBinary,
    Text,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, MetaData, SQLModel

from shared.commands.base import Command, Role, read_command
from shared.contract import to_instant
from shared.envelope import Envelope, wire_from
from shared.outcomes import Hold, Receipt
from shared.problems import Code, Problem, Refused
from shared.records import Record, record_from_json, record_to_json

BUSY_TIMEOUT_MS = 10_000
PAGE_CHARS_MAX = 4 << 20


class _Table(SQLModel):
    metadata = MetaData()


class ServerRow(_Table, table=True):
    """Named single values of this server."""

    __tablename__ = "server"
    key: str = Field(primary_key=True)
    value: str


class TenantRow(_Table, table=True):
    """An organisation, with the head of its changes feed and of its audit chain."""

    __tablename__ = "tenant"
    id: str = Field(primary_key=True)
    name: str
    change_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    audit_position: int = Field(sa_column=Column(BigInteger, nullable=False))
    audit_hash: str


class PersonRow(_Table, table=True):
    """Somebody who works there; `roles` is a JSON list."""

    __tablename__ = "person"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    roles: str


class DeviceRow(_Table, table=True):
    """An enrolled laptop and the end of its chain."""

    __tablename__ = "device"
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    actor: str
    state: str
    epoch: int
    head_seq: int
    head_hash: str | None
    enrolled_at: str
    last_seen_at: str | None = None


class KeyRow(_Table, table=True):
    """A public key and what it may sign; the server's own keys carry their sealed private half."""

    __tablename__ = "key"
    keyid: str = Field(primary_key=True)
    tenant: str = Field(index=True)
    purpose: str
    device: str | None = None
    actor: str | None = None
    public: str
    state: str
    sealed: str | None = None


class CodeRow(_Table, table=True):
    """A one-time enrolment code, kept as a hash; `keyid` is the device key that used it."""

    __tablename__ = "enrol_code"
    hash: str = Field(primary_key=True)
    tenant: str
    person: str
    expires_at: str
    keyid: str | None = None


class RecordRow(_Table, table=True):
    """A record as it stands; `change_seq` is its last place in the changes feed."""

    __tablename__ = "record"
    __table_args__ = (Index("record_feed", "tenant", "change_seq"), Index("record_kind", "tenant", "kind"))
    tenant: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    kind: str
    version: int
    change_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: str = Field(sa_column=Column(Text, nullable=False))


class LedgerRow(_Table, table=True):
    """A received command, its raw bytes, and what became of it."""

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ledger_chain", "tenant", "device", "epoch", "seq"),
        Index("ledger_hold", "tenant", "hold"),
    )
    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    hash: str
    device: str
    epoch: int | None
    seq: int | None
    envelope: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: str
    hold: str | None = None
    problem: str | None = None
    outcome: str | None = None
    receipt: str | None = Field(default=None, sa_column=Column(Text))


class AuditRow(_Table, table=True):
    """One link of the audit chain: `hash` covers `prev` and `body`."""

    __tablename__ = "audit"
    tenant: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))
    prev: str
    hash: str
    body: str = Field(sa_column=Column(Text, nullable=False))


SERVER, TENANT, PERSON, DEVICE, KEY, CODE, RECORD, LEDGER, AUDIT = (
    _Table.metadata.tables[name]
    for name in ("server", "tenant", "person", "device", "key", "enrol_code", "record", "ledger", "audit")
)


@dataclass(frozen=True, slots=True)
class TenantHead:
    """The ends of a tenant's two sequences."""

    change_seq: int
    audit_position: int
    audit_hash: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works there."""

    id: str
    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled laptop. `head_seq` and `head_hash` are the last envelope received in `epoch`."""

    id: str
    name: str
    actor: str
    state: str
    epoch: int
    head_seq: int
    head_hash: str | None
    enrolled_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may sign for a purpose: ``device``, ``technician``, ``office`` or ``receipt``."""

    keyid: str
    tenant: str
    purpose: str
    device: str | None
    actor: str | None
    public: bytes
    state: str
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class EnrolCode:
    """A one-time code by its hash."""

    hash: str
    tenant: str
    person: str
    expires_at: datetime
    keyid: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A received command in the ledger. It is settled if it has a receipt, else held."""

    command: Command
    envelope: Envelope
    received_at: datetime
    hold: Hold | None = None
    problem: Problem | None = None
    receipt: Receipt | None = None
    receipt_envelope: Envelope | None = None


class Store:
    """The database behind a SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        """`url` such as ``sqlite:////var/lib/tailboard/server.db``."""
        # parameters stay out of error messages: they are people's words
        self.engine: Engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    def create_tables(self) -> None:
        """Make what is missing."""
        with self.engine.begin() as connection:
            _Table.metadata.create_all(connection)

    @contextmanager
    def transaction(self) -> Iterator["Tx"]:
        """One unit of work: everything or nothing.

        Raises:
            Refused: `busy` or `store_full`, with nothing done.
        """
        try:
            with self.engine.begin() as connection:
                yield Tx(connection)
        except DBAPIError as error:
            raise _refusal(error) from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


class Tx:
    """The open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]

    def _one(self, query: Any) -> Any:
        return self._connection.execute(query).one_or_none()

    def _all(self, query: Any) -> Sequence[Any]:
        return self._connection.execute(query).all()

    # -- server, tenant, people

    def server_value(self, key: str) -> str | None:
        """A named value of this server."""
        row = self._one(select(SERVER.c.value).where(SERVER.c.key == key))
        return row.value if row else None

    def set_server_value(self, key: str, value: str) -> None:
        """Set a named value of this server."""
        statement = self._insert(SERVER).values(key=key, value=value)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    def add_tenant(self, tenant: str, name: str, audit_hash: str) -> None:
        """A new organisation with empty sequences. Raises `Refused` if there is one of that name."""
        values = {"id": tenant, "name": name, "change_seq": 0, "audit_position": 0, "audit_hash": audit_hash}
        try:
            self._connection.execute(insert(TENANT).values(values))
        except IntegrityError as error:
            raise Refused(Code.STALE, f"there is a tenant {tenant} already") from error

    def tenants(self) -> dict[str, str]:
        """Tenant id → name."""
        return {row.id: row.name for row in self._all(select(TENANT.c.id, TENANT.c.name).order_by(TENANT.c.id))}

    def lock_head(self, tenant: str) -> TenantHead:
        """The ends of the tenant's sequences, held until the transaction ends. Take it last."""
        row = self._one(select(TENANT).where(TENANT.c.id == tenant).with_for_update())
        return TenantHead(row.change_seq, row.audit_position, row.audit_hash)

    def set_head(self, tenant: str, head: TenantHead) -> None:
        """Move the ends on."""
        values = {
            "change_seq": head.change_seq,
            "audit_position": head.audit_position,
            "audit_hash": head.audit_hash,
        }
        self._connection.execute(update(TENANT).where(TENANT.c.id == tenant).values(values))

    def change_seq(self, tenant: str) -> int:
        """The last place in the tenant's changes feed."""
        return int(self._one(select(TENANT.c.change_seq).where(TENANT.c.id == tenant)).change_seq)

    def put_person(self, tenant: str, person: Person) -> None:
        """Add somebody, or change name and roles."""
        values = {"name": person.name, "roles": json.dumps(sorted(person.roles))}
        statement = self._insert(PERSON).values(tenant=tenant, id=person.id, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["tenant", "id"], set_=values))

    def person(self, tenant: str, person: str) -> Person | None:
        """Somebody by id."""
        row = self._one(select(PERSON).where(PERSON.c.tenant == tenant, PERSON.c.id == person))
        return _person(row) if row else None

    def people(self, tenant: str) -> list[Person]:
        """Everybody, by id."""
        return [
            _person(row) for row in self._all(select(PERSON).where(PERSON.c.tenant == tenant).order_by(PERSON.c.id))
        ]

    # -- keys, codes, devices

    def add_key(self, key: Key) -> None:
        """Enrol a key. Raises `Refused` if it is enrolled already: a key belongs to one tenant, once."""
        values = {
            name: getattr(key, name) for name in ("keyid", "tenant", "purpose", "device", "actor", "state", "sealed")
        }
        try:
            self._connection.execute(insert(KEY).values(public=key.public.hex(), **values))
        except IntegrityError as error:
            raise Refused(Code.STALE, "this key is enrolled already") from error

    def key(self, keyid: str) -> Key | None:
        """A key by its id."""
        row = self._one(select(KEY).where(KEY.c.keyid == keyid))
        return _key(row) if row else None

    def server_key(self, tenant: str, purpose: str) -> Key | None:
        """The tenant's own active key for ``office`` or ``receipt``."""
        query = select(KEY).where(KEY.c.tenant == tenant, KEY.c.purpose == purpose, KEY.c.state == "active")
        row = self._one(query)
        return _key(row) if row else None

    def add_code(self, code: EnrolCode) -> None:
        """Keep a fresh enrolment code."""
        values = {"hash": code.hash, "tenant": code.tenant, "person": code.person, "keyid": code.keyid}
        self._connection.execute(insert(CODE).values(expires_at=code.expires_at.isoformat(), **values))

    def code(self, code_hash: str) -> EnrolCode | None:
        """A code by its hash, used or not."""
        row = self._one(select(CODE).where(CODE.c.hash == code_hash).with_for_update())
        return EnrolCode(row.hash, row.tenant, row.person, to_instant(row.expires_at), row.keyid) if row else None

    def use_code(self, code_hash: str, keyid: str) -> None:
        """Bind a code to the device key that used it."""
        self._connection.execute(update(CODE).where(CODE.c.hash == code_hash).values(keyid=keyid))

    def add_device(self, tenant: str, device: Device) -> None:
        """Enrol a laptop."""
        self._connection.execute(
            insert(DEVICE).values(
                tenant=tenant,
                id=device.id,
                name=device.name,
                actor=device.actor,
                state=device.state,
                epoch=device.epoch,
                head_seq=device.head_seq,
                head_hash=device.head_hash,
                enrolled_at=device.enrolled_at.isoformat(),
            )
        )

    def device(self, tenant: str, device: str, *, lock: bool = False) -> Device | None:
        """A laptop by id; with `lock`, held until the transaction ends."""
        query = select(DEVICE).where(DEVICE.c.tenant == tenant, DEVICE.c.id == device)
        row = self._one(query.with_for_update() if lock else query)
        return _device(row) if row else None

    def devices(self, tenant: str) -> list[Device]:
        """Every laptop, by id."""
        return [
            _device(row) for row in self._all(select(DEVICE).where(DEVICE.c.tenant == tenant).order_by(DEVICE.c.id))
        ]

    def advance(self, tenant: str, device: Device, seen_at: datetime) -> None:
        """Keep the new end of a laptop's chain, and when it was seen."""
        values = {"head_seq": device.head_seq, "head_hash": device.head_hash, "last_seen_at": seen_at.isoformat()}
        self._connection.execute(
            update(DEVICE).where(DEVICE.c.tenant == tenant, DEVICE.c.id == device.id).values(values)
        )

    # -- records

    def records(self, tenant: str, refs: Iterable[str]) -> dict[str, Record]:
        """The named records, held until the transaction ends; missing ones are left out."""
        query = select(RECORD.c.body).where(RECORD.c.tenant == tenant, RECORD.c.ref.in_(sorted(refs)))
        rows = self._all(query.order_by(RECORD.c.ref).with_for_update())
        return {record.ref: record for record in (_record(row.body) for row in rows)}

    def records_of(self, tenant: str, kind: str) -> list[Record]:
        """Every record of a kind, by reference."""
        query = select(RECORD.c.body).where(RECORD.c.tenant == tenant, RECORD.c.kind == kind)
        return [_record(row.body) for row in self._all(query.order_by(RECORD.c.ref))]

    def put_records(self, tenant: str, records: Iterable[tuple[Record, int]]) -> None:
        """Write records with their places in the changes feed."""
        rows = [
            {
                "tenant": tenant,
                "ref": record.ref,
                "kind": record.kind,
                "version": record.version,
                "change_seq": change_seq,
                "body": json.dumps(record_to_json(record), ensure_ascii=False, separators=(",", ":")),
            }
            for record, change_seq in records
        ]
        if not rows:
            return
        statement = self._insert(RECORD)
        new = {name: statement.excluded[name] for name in ("version", "change_seq", "body")}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["tenant", "ref"], set_=new), rows)

    def changes(self, tenant: str, after: int, limit: int) -> tuple[list[tuple[Record, int]], bool]:
        """Records whose last change lies beyond `after`, in feed order, and whether there are more.

        A page holds at most `limit` records and about `PAGE_CHARS_MAX` characters, and at least one record.
        """
        query = select(RECORD.c.body, RECORD.c.change_seq).where(
            RECORD.c.tenant == tenant, RECORD.c.change_seq > after
        )
        rows = self._all(query.order_by(RECORD.c.change_seq, RECORD.c.ref).limit(limit))
        room = accumulate(len(row.body) for row in rows)
        page = [row for row, size in zip(rows, room, strict=True) if size <= PAGE_CHARS_MAX] or rows[:1]
        more = len(page) < len(rows) or len(rows) == limit
        return [(_record(row.body), row.change_seq) for row in page], more

    def touch(self, tenant: str, device: str, seen_at: datetime) -> None:
        """Remember when a laptop was last heard."""
        this = (DEVICE.c.tenant == tenant) & (DEVICE.c.id == device)
        self._connection.execute(update(DEVICE).where(this).values(last_seen_at=seen_at.isoformat()))

    # -- ledger and audit

    def entries(self, tenant: str, ids: Iterable[str]) -> dict[str, Entry]:
        """The named commands, as far as they were ever received."""
        rows = self._all(select(LEDGER).where(LEDGER.c.tenant == tenant, LEDGER.c.id.in_(sorted(ids))))
        return {entry.command.id: entry for entry in map(_entry, rows)}

    def waiting(self, tenant: str) -> list[Entry]:
        """The commands held `waiting`, in the order of their chains."""
        query = select(LEDGER).where(LEDGER.c.tenant == tenant, LEDGER.c.hold == Hold.WAITING)
        return [_entry(row) for row in self._all(query.order_by(LEDGER.c.device, LEDGER.c.epoch, LEDGER.c.seq))]

    def put_entries(self, tenant: str, entries: Iterable[Entry]) -> None:
        """Write commands and what became of them. A settled one is never overwritten."""
        rows = [_entry_row(tenant, entry) for entry in entries]
        if not rows:
            return
        statement = self._insert(LEDGER)
        new = {name: statement.excluded[name] for name in ("hold", "problem", "outcome", "receipt")}
        upsert = statement.on_conflict_do_update(
            index_elements=["tenant", "id"], set_=new, where=LEDGER.c.outcome.is_(None)
        )
        self._connection.execute(upsert, rows)

    def add_audit(self, tenant: str, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Append links: (position, hash before, hash, body)."""
        values = [
            {"tenant": tenant, "position": p, "prev": prev, "hash": h, "body": body} for p, prev, h, body in rows
        ]
        if values:
            self._connection.execute(insert(AUDIT), values)

    def audit(self, tenant: str, after: int = 0, limit: int = 1_000_000) -> list[tuple[int, str, str, str]]:
        """The chain from behind position `after`: (position, hash before, hash, body)."""
        query = select(AUDIT).where(AUDIT.c.tenant == tenant, AUDIT.c.position > after)
        rows = self._all(query.order_by(AUDIT.c.position).limit(limit))
        return [(row.position, row.prev, row.hash, row.body) for row in rows]


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, immediately
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _refusal(error: DBAPIError) -> Exception:
    words = str(error.orig).lower()
    if "locked" in words or "busy" in words:
        return Refused(Code.BUSY, "the database is busy")
    if "full" in words:
        return Refused(Code.STORE_FULL, "the database cannot grow")
    return error


def _person(row: Any) -> Person:
    return Person(row.id, row.name, frozenset(Role(role) for role in json.loads(row.roles)))


def _key(row: Any) -> Key:
    public = bytes.fromhex(row.public)
    return Key(row.keyid, row.tenant, row.purpose, row.device, row.actor, public, row.state, row.sealed)


def _device(row: Any) -> Device:
    return Device(
        id=row.id,
        name=row.name,
        actor=row.actor,
        state=row.state,
        epoch=row.epoch,
        head_seq=row.head_seq,
        head_hash=row.head_hash,
        enrolled_at=to_instant(row.enrolled_at),
        last_seen_at=to_instant(row.last_seen_at) if row.last_seen_at else None,
    )


def _record(body: str) -> Record:
    return record_from_json(json.loads(body))


def _entry(row: Any) -> Entry:
    envelope = wire_from(json.loads(row.envelope))
    receipt = wire_from(json.loads(row.receipt)) if row.receipt else None
    return Entry(
        command=read_command(envelope.payload),
        envelope=envelope,
        received_at=to_instant(row.received_at),
        hold=Hold(row.hold) if row.hold else None,
        problem=Problem.model_validate_json(row.problem) if row.problem else None,
        receipt=Receipt.model_validate_json(receipt.payload) if receipt else None,
        receipt_envelope=receipt,
    )


def _entry_row(tenant: str, entry: Entry) -> dict[str, Any]:
    command, receipt = entry.command, entry.receipt
    return {
        "tenant": tenant,
        "id": command.id,
        "hash": entry.envelope.hash,
        "device": command.device,
        "epoch": command.epoch,
        "seq": command.seq,
        "envelope": entry.envelope.to_wire().to_bytes(),
        "received_at": entry.received_at.isoformat(),
        "hold": entry.hold,
        "problem": entry.problem.model_dump_json() if entry.problem else None,
        "outcome": receipt.outcome if receipt else None,
        "receipt": entry.receipt_envelope.to_wire().model_dump_json() if entry.receipt_envelope else None,
    }
