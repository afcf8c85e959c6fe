"""What is on the disk, read with SQL alone: no store, no reconciliation, no counter of the product's own.

Rules
1. SQLite files are read from a copy, with their write-ahead log: reading must not recover for the program what it has
   to recover by itself.
2. Nothing here judges.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlcipher3 import dbapi2

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the audit as it is stored."""

    position: int
    prev: str
    hash: str
    body: str


@dataclass(frozen=True, slots=True)
class ServerFile:
    """The server's database: records by reference, receipts by command id (None while held), the audit, its ends."""

    records: Mapping[str, Body]
    ledger: Mapping[str, str | None]
    audit: tuple[Link, ...]
    change_seq: int
    audit_position: int
    audit_hash: str

    def receipt(self, command: str) -> Body | None:
        """The receipt of a command as its JSON says; None while it is not settled."""
        stored = self.ledger.get(command)
        return None if stored is None else json.loads(stored)


@dataclass(frozen=True, slots=True)
class Sent:
    """A command in the device's outbox; `receipt` and `proof` as they are stored."""

    id: str
    state: str
    receipt: str | None
    proof: str | None


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """The device's database: the outbox in its order, the replica, and how far in the changes feed it reaches."""

    outbox: tuple[Sent, ...]
    replica: Mapping[str, Body]
    reached: int


def read_server(database: str, tenant: str) -> ServerFile:
    """What the database at a SQLAlchemy URL holds of a tenant: what its devices sent, and its records."""
    with _connected(database) as connection:
        records = connection.execute(text("SELECT ref, body FROM record WHERE tenant = :t"), {"t": tenant}).all()
        ledger = connection.execute(
            text("SELECT id, receipt FROM ledger WHERE tenant = :t AND device <> 'office'"), {"t": tenant}
        ).all()
        links = text("SELECT position, prev, hash, body FROM audit WHERE tenant = :t ORDER BY position")
        audit = tuple(Link(*row) for row in connection.execute(links, {"t": tenant}))
        ends = text("SELECT change_seq, audit_position, audit_hash FROM tenant WHERE id = :t")
        head = connection.execute(ends, {"t": tenant}).one()
    receipts = {row.id: None if row.receipt is None else bytes(row.receipt).decode() for row in ledger}
    return ServerFile({row.ref: json.loads(row.body) for row in records}, receipts, audit, *head)


def read_device(database: Path, key: bytes) -> DeviceFile:
    """What the device's encrypted file holds; `key` is its raw key."""
    with _copied(database) as copy, closing(dbapi2.connect(str(copy))) as connection:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        outbox = connection.execute("SELECT id, state, receipt, proof FROM outbox ORDER BY position").fetchall()
        replica = connection.execute("SELECT ref, body FROM replica").fetchall()
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()
    return DeviceFile(
        tuple(Sent(name, state, _text(receipt), proof) for name, state, receipt, proof in outbox),
        {ref: json.loads(body) for ref, body in replica},
        int(cursor[0].split(":")[1]) if cursor else 0,
    )


def _text(stored: bytes | str | None) -> str | None:
    return stored.decode() if isinstance(stored, bytes) else stored


@contextmanager
def _connected(database: str) -> Iterator[Connection]:
    if not database.startswith("sqlite:///"):
        with _engine(database) as connection:
            yield connection
        return
    with (
        _copied(Path(database.removeprefix("sqlite:///"))) as copy,
        _engine(f"sqlite:///{copy}") as connection,
    ):
        yield connection


@contextmanager
def _engine(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def _copied(database: Path) -> Iterator[Path]:
    """A copy of a SQLite file and of its write-ahead log, while nobody writes."""
    with tempfile.TemporaryDirectory(prefix="tailboard-kill-") as folder:
        for path in database.parent.glob(f"{database.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        yield Path(folder) / database.name
