"""What is on the disk, read with SQL alone: no store, no reconciliation, no counter of the product's own.

Rules
1. SQLite files are read from a copy, with their write-ahead log: reading must not recover for the program what it has
   to recover by itself.
2. Nothing here judges.
"""

import base64
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlcipher3 import dbapi2

from simulators.scratch import in_memory

Body = Mapping[str, Any]
EFFECTIVE = frozenset({"applied", "merged"})
_COLUMNS = "id, device, hash, keyid, payload, signature, hold, problem, receipt, received_at, offset_s"
_LEDGER = f"SELECT {_COLUMNS} FROM ledger WHERE tenant = :t"  # noqa: S608  # all of it is ours
_CHECK = "PRAGMA integrity_check(5)"
_KEYS = 'SELECT keyid, purpose, device, actor, public FROM "key" WHERE tenant = :t'


@lru_cache(maxsize=8192)
def _parsed(stored: bytes | str) -> Body:
    """JSON as it is stored; the same bytes are asked for again and again."""
    parsed: Body = json.loads(stored)
    return parsed


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the audit as it is stored."""

    position: int
    prev: str
    hash: str
    body: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody confirmed: their own words, not what a program made of them. `device` is where."""

    kind: str
    record: str
    payload: Mapping[str, Any]
    device: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A command in the ledger, an office's included, as its bytes are stored."""

    id: str
    device: str
    hash: str
    keyid: str
    payload: bytes
    signature: bytes
    hold: str | None
    problem: str | None
    receipt: str | None
    #: When it first came, by the server's clock, as the ledger writes it.
    received_at: str
    #: The device's clock minus the server's, as the server measured it when this came.
    offset_s: float = 0.0

    @property
    def command(self) -> Body:
        """What the signed bytes say."""
        return _parsed(self.payload)

    @property
    def answer(self) -> Body | None:
        """The receipt as its JSON says; None while it is not settled."""
        return None if self.receipt is None else _parsed(self.receipt)

    @property
    def effective(self) -> bool:
        """Whether it took effect, as its receipt says."""
        return self.answer is not None and self.answer["outcome"] in EFFECTIVE

    @property
    def needs(self) -> frozenset[str]:
        """What it rests on, as its author's bytes say."""
        named = (base.get("command") for base in self.command["bases"])
        return frozenset(filter(None, (*self.command["depends_on"], *named)))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that the server knows, and what it may sign; `public` is hexadecimal."""

    purpose: str
    device: str | None
    actor: str | None
    public: str


@dataclass(frozen=True, slots=True)
class ServerFile:
    """The server's database: records by reference, receipts by command id (None while held), the audit, its ends.

    `ledger` names what devices sent; `received` holds all of it, the office's commands included, by id. `flaws` is
    what SQLite itself finds wrong with the file.
    """

    records: Mapping[str, Body]
    ledger: Mapping[str, str | None]
    audit: tuple[Link, ...]
    change_seq: int
    audit_position: int
    audit_hash: str
    received: Mapping[str, Received] = field(default_factory=dict)
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    flaws: tuple[str, ...] = ()

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
    hash: str = ""
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """The device's database: the outbox in its order, the replica, and how far in the changes feed it reaches.

    `receipt_key` is the raw key that it pinned at enrolment; `flaws` as of `ServerFile`; `met` is what came of its
    last exchanges with the server, in order.
    """

    outbox: tuple[Sent, ...]
    replica: Mapping[str, Body]
    reached: int
    receipt_key: bytes = b""
    flaws: tuple[str, ...] = ()
    met: tuple[str, ...] = ()


def read_server(database: str, tenant: str) -> ServerFile:
    """What the database at a SQLAlchemy URL holds of a tenant: what its devices sent, and its records."""
    with _connected(database) as connection:
        return server_in(connection, tenant)


def server_in(connection: Connection, tenant: str) -> ServerFile:
    """The same, of a database that somebody has open.

    A copy shows what a crash at this moment would leave. That can be more than what the program committed: a write
    that failed at its very end.
    """
    records = connection.execute(text("SELECT ref, body FROM record WHERE tenant = :t"), {"t": tenant}).all()
    ledger = connection.execute(
        text("SELECT id, receipt FROM ledger WHERE tenant = :t AND device <> 'office'"), {"t": tenant}
    ).all()
    links = text("SELECT position, prev, hash, body FROM audit WHERE tenant = :t ORDER BY position")
    audit = tuple(Link(*row) for row in connection.execute(links, {"t": tenant}))
    ends = text("SELECT change_seq, audit_position, audit_hash FROM tenant WHERE id = :t")
    changes, position, digest = connection.execute(ends, {"t": tenant}).one()
    received = [_received(row) for row in connection.execute(text(_LEDGER), {"t": tenant})]
    keys = connection.execute(text(_KEYS), {"t": tenant}).all()
    flaws = _flaws(connection.exec_driver_sql(_CHECK)) if connection.dialect.name == "sqlite" else ()
    receipts = {row.id: None if row.receipt is None else bytes(row.receipt).decode() for row in ledger}
    return ServerFile(
        {row.ref: json.loads(row.body) for row in records},
        receipts,
        audit,
        changes,
        position,
        digest,
        received={each.id: each for each in received},
        keys={row.keyid: PublicKey(row.purpose, row.device, row.actor, row.public) for row in keys},
        flaws=flaws,
    )


def _flaws(found: Iterable[Any]) -> tuple[str, ...]:
    """What an integrity check says; nothing where all is well."""
    return tuple(words for (words,) in found if words != "ok")


def _received(row: Any) -> Received:
    receipt = None if row.receipt is None else bytes(row.receipt).decode()
    signed = (bytes(row.payload), bytes(row.signature))
    times = (row.received_at, row.offset_s)
    return Received(row.id, row.device, row.hash, row.keyid, *signed, row.hold, row.problem, receipt, *times)


def read_device(database: Path, key: bytes) -> DeviceFile:
    """What the device's encrypted file holds; `key` is its raw key."""
    with opened_copy(database, key) as connection:
        outbox = connection.execute(
            "SELECT id, state, receipt, proof, hash, payload FROM outbox ORDER BY position"
        ).fetchall()
        roots = dict(connection.execute("SELECT number, envelope FROM root").fetchall())
        replica = connection.execute("SELECT ref, body FROM replica").fetchall()
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()
        identity = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
        met = tuple(what for (what,) in connection.execute("SELECT what FROM exchange ORDER BY number"))
        flaws = _flaws(connection.execute(_CHECK))
    return DeviceFile(
        tuple(
            Sent(name, state, _text(receipt), _whole(proof, roots), digest, bytes(payload))
            for name, state, receipt, proof, digest, payload in outbox
        ),
        {ref: json.loads(body) for ref, body in replica},
        int(cursor[0].split(":")[1]) if cursor else 0,
        bytes.fromhex(json.loads(identity[0])["receipt_key"]) if identity else b"",
        flaws,
        met,
    )


def _whole(proof: str | None, roots: Mapping[int, str]) -> str | None:
    """A proof with its envelope, which is kept once for many of them, and each hash of its path in hexadecimal."""
    told = json.loads(proof) if proof else {}
    if "root" not in told:
        return proof
    place = told["place"]
    if place:
        path = base64.b64decode(place[2]).hex()
        place[2] = [path[at : at + 64] for at in range(0, len(path), 64)]
    return json.dumps({"envelope": json.loads(roots[told["root"]]), "place": place})


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
        _engine(f"sqlite:///{copy}&uri=true") as connection,
    ):
        yield connection


@contextmanager
def _engine(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def opened_copy(database: Path, key: bytes) -> Iterator[dbapi2.Connection]:
    """A copy of a laptop's encrypted file, opened with its raw key."""
    with _copied(database) as copy, closing(dbapi2.connect(copy, uri=True)) as connection:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        yield connection


@contextmanager
def _copied(database: Path) -> Iterator[str]:
    """A copy of a SQLite file and of its write-ahead log, while nobody writes; as what SQLite only reads.

    A connection that may write would work the log into the copy when it ends.
    """
    with in_memory("tailboard-read-") as folder:
        for path in database.parent.glob(f"{database.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        yield f"file:{folder}/{database.name}?mode=ro"
