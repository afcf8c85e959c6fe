"""The device's database: one encrypted SQLite file that survives kill −9 and power loss.

Rules
1. SQLCipher from the first page; the raw key comes from `device.keys` and is never written in the clear.
2. WAL with `synchronous=FULL`, checked when the file is opened: with `NORMAL`, acknowledged rows can be gone after a
   power cut.
3. A command is *saved* when its transaction has committed, and not a moment earlier.
4. Rows never leave this module; callers get frozen values.

Not handled here: what to send next (`device.core.session`), what a command means (`reconciliation`).
"""

import errno
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool
from sqlcipher3 import dbapi2
from sqlmodel import Field, MetaData, SQLModel

from device.core.session import Queue
from device.errors import StoreError
from shared.commands.base import Command, read_command
from shared.contract import Contract, to_instant
from shared.envelope import COMMAND_TYPE, Envelope
from shared.outcomes import (
    EFFECTIVE,
    HOLD_STANDING,
    OUTCOME_STANDING,
    Hold,
    Outcome,
    Receipt,
    Standing,
)
from shared.problems import Problem
from shared.receipts import Proof, proof_to_json
from shared.records import ConflictStatus, Record, record_from_json, record_to_json
from shared.routing import Decision
from shared.sync import read_cursor

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 5000


class _Table(SQLModel):
    metadata = MetaData()


class MetaRow(_Table, table=True):
    """Named single values: identity, cursor, link, schema version."""

    __tablename__ = "meta"
    key: str = Field(primary_key=True)
    value: str


class ReplicaRow(_Table, table=True):
    """The device's copy of one record; `body` is JSON."""

    __tablename__ = "replica"
    ref: str = Field(primary_key=True)
    version: int
    body: str


class OutboxRow(_Table, table=True):
    """One command and where it stands; `envelope` is the signed payload, byte for byte."""

    __tablename__ = "outbox"
    position: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    epoch: int
    seq: int
    hash: str
    keyid: str
    envelope: bytes
    signature: bytes
    summary: str
    state: str = Field(index=True)
    hold: str | None = None
    problem: str | None = None
    outcome: str | None = None
    resolved: bool = False
    change_seq: int | None = None
    receipt: bytes | None = None
    proof: str | None = None


class JournalRow(_Table, table=True):
    """What a person said and confirmed; `commands` is a JSON list of command ids."""

    __tablename__ = "journal"
    position: int | None = Field(default=None, primary_key=True)
    at: str
    actor: str
    source: str
    sentence: str
    commands: str


class DecisionRow(_Table, table=True):
    """One recorded route decision; `body` is JSON."""

    __tablename__ = "decision"
    position: int | None = Field(default=None, primary_key=True)
    body: str


META, REPLICA, OUTBOX, JOURNAL, DECISION = (
    _Table.metadata.tables[name] for name in ("meta", "replica", "outbox", "journal", "decision")
)


#: Statements of the hot path, built once: building one costs more than running it. The chain's end is the last row of
#: its epoch, found from the end of the table: sorting by `seq` would read every row at every confirmation.
_HEAD = (
    select(OUTBOX.c.seq, OUTBOX.c.hash)
    .where(OUTBOX.c.epoch == bindparam("of"))
    .order_by(OUTBOX.c.position.desc())
    .limit(literal_column("1"))
)
_APPEND, _JOURNAL = insert(OUTBOX), insert(JOURNAL)
_META = select(META.c.value).where(META.c.key == bindparam("named"))
_SETTLE = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("named"), OUTBOX.c.state != "settled")
    .values(
        state="settled",
        hold=None,
        problem=None,
        outcome=bindparam("outcome"),
        change_seq=bindparam("change_seq"),
        receipt=bindparam("receipt"),
        proof=bindparam("proof"),
    )
)
_NEW = upsert(REPLICA)
_RECORD = _NEW.on_conflict_do_update(
    index_elements=["ref"],
    set_={"version": _NEW.excluded.version, "body": _NEW.excluded.body},
    where=_NEW.excluded.version >= REPLICA.c.version,
)


class State(StrEnum):
    """Where a command stands on the device. `SENT` is in doubt: bytes may have arrived, no answer was seen."""

    SAVED = "saved"
    SENT = "sent"
    HELD = "held"
    TURNED = "turned"
    SETTLED = "settled"


class Identity(Contract):
    """Who this device is, from enrolment. Keys are raw public keys, hexadecimal."""

    server_url: str
    tenant: str
    tenant_name: str
    device: str
    actor: str
    actor_name: str
    epoch: int
    incarnation: int
    receipt_key: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the device's chain: the next command's place."""

    epoch: int
    next_seq: int
    prev: str | None


@dataclass(frozen=True, slots=True)
class FileStanding:
    """How far a command's file has got: bytes the server has of how many, and why it does not take them."""

    sent: int
    size: int
    up: bool
    refusal: str | None

    @property
    def percent(self) -> int:
        """0 to 99 until the server has confirmed it, then 100."""
        return 100 if self.up else min(99, self.sent * 100 // self.size)


@dataclass(frozen=True, slots=True)
class Item:
    """One command in the outbox, as the rest of the device sees it."""

    position: int
    command: Command
    envelope: Envelope
    summary: str
    state: State
    hold: Hold | None
    problem: Problem | None
    receipt: Receipt | None
    standing: Standing
    file: FileStanding | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What a person said and confirmed."""

    at: datetime
    actor: str
    source: str
    sentence: str
    commands: tuple[str, ...]


class DeviceStore:
    """The open database. Safe to call from several threads: one connection, one lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._open: Connection | None = None
        self._changes = 0

    @classmethod
    def open(cls, path: Path, key: bytes) -> "DeviceStore":
        """The database at `path` under the raw 32-byte `key`, made if it is not there.

        Raises:
            StoreError: wrong key, damaged file, a newer schema, or a disk that cannot keep what it acknowledges.
        """
        engine = create_engine("sqlite://", module=dbapi2, creator=lambda: _connect(path, key), poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        store = cls(engine)
        with store.transaction() as connection:
            _Table.metadata.create_all(connection)
            _check_schema(connection)
        return store

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable unit: everything inside is kept, or nothing. Nested calls join the outer one.

        Raises:
            StoreError: the disk is full, or another program holds the database.
        """
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            try:
                with self._engine.begin() as connection:
                    self._open = connection
                    yield connection
            except DBAPIError as error:
                raise _store_error(error) from error
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise StoreError(_FULL) from error
                raise
            finally:
                self._open = None

    def generation(self) -> tuple[int, int]:
        """Changes whenever replica or outbox states changed, here or through another program's connection.

        Appending to the outbox does not change it: who appends knows what was appended.
        Source: SQLite, PRAGMA data_version.
        """
        with self.transaction() as connection:
            return self._changes, int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    # -- named values

    def meta(self, key: str) -> str | None:
        """The named value, None if it was never set."""
        with self.transaction() as connection:
            return connection.execute(_META, {"named": key}).scalar_one_or_none()

    def set_meta(self, key: str, value: str) -> None:
        """Set the named value."""
        with self.transaction() as connection:
            _put(connection, key, value)

    def identity(self) -> Identity | None:
        """Who this device is; None before enrolment."""
        stored = self.meta("identity")
        return Identity.model_validate_json(stored) if stored else None

    # -- the replica

    def replica(self) -> dict[str, Record]:
        """Every record on the device."""
        with self.transaction() as connection:
            rows = connection.execute(select(REPLICA.c.body)).scalars()
            return {record.ref: record for record in map(_record, rows)}

    # -- the outbox

    def head(self, epoch: int) -> Head:
        """Where the next command goes in the chain of `epoch`."""
        with self.transaction() as connection:
            row = connection.execute(_HEAD, {"of": epoch}).one_or_none()
        return Head(epoch, row.seq + 1, row.hash) if row else Head(epoch, 1, None)

    def append(self, command: Command, envelope: Envelope, summary: str) -> None:
        """Put a signed command at the end of the chain. It is saved when the surrounding transaction commits."""
        keyid, signature = envelope.signatures[0]
        with self.transaction() as connection:
            connection.execute(
                _APPEND,
                {
                    "id": command.id,
                    "epoch": command.epoch,
                    "seq": command.seq,
                    "hash": envelope.hash,
                    "keyid": keyid,
                    "envelope": envelope.payload,
                    "signature": signature,
                    "summary": summary,
                    "state": State.SAVED,
                },
            )

    def add_to_journal(self, entry: JournalEntry) -> None:
        """Keep what a person said beside the commands that came of it."""
        with self.transaction() as connection:
            connection.execute(
                _JOURNAL,
                {
                    "at": entry.at.isoformat(),
                    "actor": entry.actor,
                    "source": entry.source,
                    "sentence": entry.sentence,
                    "commands": json.dumps(entry.commands),
                },
            )

    def journal(self) -> list[JournalEntry]:
        """Everything that was said and confirmed on this device, oldest first."""
        with self.transaction() as connection:
            rows = connection.execute(select(JOURNAL).order_by(JOURNAL.c.position)).all()
        return [
            JournalEntry(to_instant(row.at), row.actor, row.source, row.sentence, tuple(json.loads(row.commands)))
            for row in rows
        ]

    def items(self, *, states: Iterable[State] = tuple(State), limit: int = 100_000) -> list[Item]:
        """The outbox in the order of confirmation, only `states`, at most `limit`."""
        query = select(OUTBOX).where(OUTBOX.c.state.in_(list(states))).order_by(OUTBOX.c.position).limit(limit)
        with self.transaction() as connection:
            return [_item(dict(row._mapping)) for row in connection.execute(query)]

    def items_of(self, ids: Sequence[str]) -> list[Item]:
        """The named commands, in the order of confirmation."""
        query = select(OUTBOX).where(OUTBOX.c.id.in_(ids)).order_by(OUTBOX.c.position)
        with self.transaction() as connection:
            return [_item(dict(row._mapping)) for row in connection.execute(query)]

    def queue(self) -> Queue:
        """The ids that the network could do something about, oldest first."""
        states = (State.SENT, State.SAVED, State.HELD)
        query = select(OUTBOX.c.id, OUTBOX.c.state).where(OUTBOX.c.state.in_(states)).order_by(OUTBOX.c.position)
        ids: dict[State, list[str]] = {state: [] for state in states}
        with self.transaction() as connection:
            for row in connection.execute(query):
                ids[State(row.state)].append(row.id)
        return Queue(*(tuple(ids[state]) for state in states))

    def pending(self, replica: Mapping[str, Record]) -> list[tuple[Command, frozenset[str]]]:
        """The commands that the view must replay, oldest first, each with the records that hold its effect already.

        They are the unsettled ones that the server may still take, and those that took effect there at a place in the
        changes feed that the cursor has not reached. Of these some records may be here and others still on the way.
        """
        _, absorbed = read_cursor(self.meta("cursor"))
        unsettled = OUTBOX.c.state.in_([State.SAVED, State.SENT, State.HELD])
        on_the_way = OUTBOX.c.outcome.in_(list(EFFECTIVE)) & (OUTBOX.c.change_seq > absorbed)
        columns = (OUTBOX.c.envelope, OUTBOX.c.receipt)
        query = select(*columns).where(unsettled | on_the_way).order_by(OUTBOX.c.position)
        with self.transaction() as connection:
            rows = connection.execute(query).all()
        return [(read_command(row.envelope), _held_already(row.receipt, replica)) for row in rows]

    def counts(self) -> dict[Standing, int]:
        """How many commands stand where."""
        columns = (OUTBOX.c.state, OUTBOX.c.hold, OUTBOX.c.outcome, OUTBOX.c.resolved)
        query = select(*columns, func.count().label("n")).group_by(*columns)
        counted = dict.fromkeys(Standing, 0)
        with self.transaction() as connection:
            for row in connection.execute(query):
                counted[_standing(dict(row._mapping))] += row.n
        return counted

    def mark_sent(self, ids: Sequence[str]) -> None:
        """Record, before the first byte leaves, that these are in doubt from now on."""
        self._set(ids, state=State.SENT, problem=None)

    def mark_unknown(self, ids: Sequence[str]) -> None:
        """The server never stored these: the same bytes may be sent again."""
        self._set(ids, state=State.SAVED)

    def mark_held(self, command_id: str, hold: Hold, problem: Problem | None) -> None:
        """The server stores it and will settle it later."""
        self._set([command_id], state=State.HELD, hold=hold, problem=problem and problem.model_dump_json())

    def mark_turned(self, command_id: str, problem: Problem) -> None:
        """The server would not take the envelope; it stays here, with the reason."""
        self._set([command_id], state=State.TURNED, problem=problem.model_dump_json())

    def mark_settled(self, receipt: Receipt, payload: bytes, proof: Proof) -> None:
        """The final word, with the bytes that prove it."""
        self._changes += 1
        values = {
            "named": receipt.command,
            "outcome": receipt.outcome,
            "change_seq": receipt.change_seq,
            "receipt": payload,
            "proof": proof_to_json(proof),
        }
        with self.transaction() as connection:
            connection.execute(_SETTLE, values)

    def _set(self, ids: Sequence[str], **values: object) -> None:
        self._changes += 1
        with self.transaction() as connection:
            settled = OUTBOX.c.state == State.SETTLED
            connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_(ids), ~settled).values(**values))

    # -- what came down

    def absorb(self, records: Iterable[Record], cursor: str) -> None:
        """Take a page of changes into the replica and remember how far it reaches."""
        self._changes += 1
        with self.transaction() as connection:
            page = list(records)
            plain = [_record_row(record) for record in page if record.kind != "conflict"]
            if plain:
                connection.execute(_RECORD, plain)
            for record in page:
                if record.kind == "conflict" and connection.execute(_RECORD, _record_row(record)).rowcount > 0:
                    settled = OUTBOX.c.id == record.fields["command"]
                    resolved = record.fields["status"] == ConflictStatus.RESOLVED  # which can be undone
                    connection.execute(update(OUTBOX).where(settled).values(resolved=resolved))
            if read_cursor(cursor) > read_cursor(self.meta("cursor")):
                _put(connection, "cursor", cursor)

    def forget_cursor(self) -> None:
        """Start the download again from the beginning; records that are here stay until newer ones come."""
        self._changes += 1
        with self.transaction() as connection:
            connection.execute(delete(META).where(META.c.key == "cursor"))

    # -- decisions

    def record_decision(self, decision: Decision) -> None:
        """Keep a route decision before anything is done about it."""
        with self.transaction() as connection:
            connection.execute(insert(DECISION).values(body=decision.model_dump_json()))

    def decisions(self) -> list[Decision]:
        """Every recorded route decision, oldest first."""
        with self.transaction() as connection:
            rows = connection.execute(select(DECISION.c.body).order_by(DECISION.c.position)).scalars()
            return [Decision.model_validate_json(body) for body in rows]


_FULL = "The disk is full. Nothing that was saved is lost; free some space and try again."
_SENTENCES = {
    "database is locked": "Another program is using this device's database. Close it, or try again in a moment.",
    "database or disk is full": _FULL,
    "file is not a database": "The database does not open: wrong key, or a damaged file. Restore it or enrol again.",
    "disk i/o error": "The disk reported an error. Nothing more is saved until it works again; check the disk.",
    "database disk image is malformed": "The database is damaged. Export what is readable, then enrol again.",
    "attempt to write a readonly database": "The database cannot be written. Check the permissions of its folder.",
    "unable to open database file": "The database cannot be opened. Check that its folder exists and can be written.",
}


def _store_error(error: Exception) -> StoreError:
    words = str(getattr(error, "orig", None) or error)
    sentence = next((text for key, text in _SENTENCES.items() if key in words.lower()), None)
    return StoreError(sentence or f"The device's database failed: {words}")


def _connect(path: Path, key: bytes) -> Any:
    try:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        level = connection.execute("PRAGMA synchronous").fetchone()[0]
    except dbapi2.Error as error:
        raise _store_error(error) from error
    if mode.lower() != "wal" or level != 2:
        raise StoreError(
            f"This disk does not keep what it acknowledges (journal {mode}, synchronous {level}). Use a local disk."
        )
    return connection


def _check_schema(connection: Connection) -> None:
    stored = connection.execute(select(META.c.value).where(META.c.key == "schema")).scalar_one_or_none()
    if stored is None:
        _put(connection, "schema", str(SCHEMA_VERSION))
    elif int(stored) > SCHEMA_VERSION:
        raise StoreError(f"The database was written by a newer Tailboard (schema {stored}). Update this program.")


def _held_already(receipt: bytes | None, replica: Mapping[str, Record]) -> frozenset[str]:
    if receipt is None:
        return frozenset()
    versions = Receipt.model_validate_json(receipt).versions
    return frozenset(ref for ref, version in versions.items() if ref in replica and replica[ref].version >= version)


def _put(connection: Connection, key: str, value: str) -> None:
    statement = upsert(META).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def _record_row(record: Record) -> dict[str, Any]:
    body = json.dumps(record_to_json(record), ensure_ascii=False, separators=(",", ":"))
    return {"ref": record.ref, "version": record.version, "body": body}


def _record(body: str) -> Record:
    value: Mapping[str, JsonValue] = json.loads(body)
    return record_from_json(value)


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        position=row["position"],
        command=read_command(row["envelope"]),
        envelope=Envelope(COMMAND_TYPE, row["envelope"], ((row["keyid"], row["signature"]),)),
        summary=row["summary"],
        state=State(row["state"]),
        hold=Hold(row["hold"]) if row["hold"] else None,
        problem=Problem.model_validate_json(row["problem"]) if row["problem"] else None,
        receipt=Receipt.model_validate_json(row["receipt"]) if row["receipt"] else None,
        standing=_standing(row),
    )


def _standing(row: Mapping[str, Any]) -> Standing:
    """What a screen may say. A conflict is in review until the replica shows that a person settled it."""
    if row["resolved"] and row["outcome"] == Outcome.CONFLICT:
        return Standing.ACCEPTED
    if row["outcome"]:
        return OUTCOME_STANDING[Outcome(row["outcome"])]
    if row["hold"]:
        return HOLD_STANDING[Hold(row["hold"])]
    return {State.SENT: Standing.SENT, State.TURNED: Standing.REFUSED}.get(State(row["state"]), Standing.SAVED)
