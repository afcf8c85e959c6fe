"""How a database of an older program becomes one of this program: numbered steps, in one transaction.

Rules
1. Step N turns schema N into schema N + 1. Steps are never changed once released; they speak SQL of their own and not
   the tables of today.
2. What was signed is copied byte for byte.
"""

import json
from collections.abc import Callable

from device.core.evidence import old_hash, told_before
from device.errors import StoreError
from device.store.base import Connection
from shared.contract import to_instant
from shared.evidence import NOTHING

Step = Callable[[Connection], None]


def migrate(connection: Connection) -> bool:
    """Bring an existing database up to date; False if it is empty.

    Raises:
        StoreError: a newer program wrote it.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").fetchone():
        return False
    stored = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    schema = int(stored[0]) if stored else SCHEMA_VERSION
    if schema > SCHEMA_VERSION:
        raise StoreError(f"The database was written by a newer Tailboard (schema {schema}). Update this program.")
    for step in STEPS[schema - 1 :]:
        step(connection)
    write_schema(connection)
    return True


def write_schema(connection: Connection) -> None:
    """Note the schema that the database has now."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(SCHEMA_VERSION),),
    )


def _protocol_2(connection: Connection) -> None:
    """Copies have numbers; an outbox row keeps its receipt in proof form, and what else protocol 2 needs."""
    run = connection.execute
    run("ALTER TABLE replica ADD COLUMN copy_no INTEGER NOT NULL DEFAULT 0")
    run("ALTER TABLE outbox RENAME COLUMN envelope TO payload")
    columns = {name for _, name, *_ in run("PRAGMA table_info(outbox)").fetchall()}
    for column in _OUTBOX_2:
        if column.partition(" ")[0] not in columns:
            run(f"ALTER TABLE outbox ADD COLUMN {column}")
    if "receipt_envelope" in columns:
        _envelopes_to_proofs(connection)
        run("ALTER TABLE outbox DROP COLUMN receipt_envelope")
    run("UPDATE outbox SET bytes = length(payload)")
    for position, receipt in run("SELECT position, receipt FROM outbox WHERE receipt IS NOT NULL").fetchall():
        told = json.loads(receipt)
        values = (told["incarnation"], to_instant(told["settled_at"]).isoformat(), position)
        run("UPDATE outbox SET incarnation = ?, settled_at = ? WHERE position = ?", values)
    run("DROP INDEX IF EXISTS ix_outbox_state")
    run("CREATE INDEX ix_outbox_kept ON outbox (state, bytes)")


def _envelopes_to_proofs(connection: Connection) -> None:
    """A receipt in an envelope of its own is proved by that envelope."""
    run = connection.execute
    for position, envelope in run(
        "SELECT position, receipt_envelope FROM outbox WHERE receipt_envelope IS NOT NULL"
    ).fetchall():
        proof = json.dumps({"envelope": json.loads(envelope), "place": None})
        run("UPDATE outbox SET proof = ? WHERE position = ?", (proof, position))


_OUTBOX_2 = (
    "proof VARCHAR",
    "incarnation INTEGER",
    "settled_at VARCHAR",
    "earlier BLOB",
    "earlier_proof VARCHAR",
    "earlier_outcome VARCHAR",
    "withdrawal VARCHAR",
    "dealt VARCHAR",
    "priority VARCHAR NOT NULL DEFAULT 'normal'",
    "bytes INTEGER NOT NULL DEFAULT 0",
    "boot VARCHAR",
    "elapsed_s FLOAT",
    "wall VARCHAR",
    "first_sent_at VARCHAR",
)


def _found_by_place(connection: Connection) -> None:
    """What every round asks is read from indexes instead of the whole outbox."""
    connection.execute("DROP INDEX ix_outbox_kept")
    connection.execute("CREATE INDEX ix_outbox_queue ON outbox (state, position, id, bytes)")
    connection.execute("CREATE INDEX ix_outbox_place ON outbox (epoch, seq)")


def _roots_once(connection: Connection) -> None:
    """Proofs name a signed envelope that is kept once; those that are here hold theirs, and are still read."""
    connection.execute(
        "CREATE TABLE root (number INTEGER NOT NULL PRIMARY KEY, digest VARCHAR NOT NULL UNIQUE,"
        " envelope VARCHAR NOT NULL)"
    )


def _fewer_pages(connection: Connection) -> None:
    """A save touches one page of the outbox and one of its index. Only a table made anew loses a unique column."""
    run = connection.execute
    run("ALTER TABLE journal ADD COLUMN place INTEGER NOT NULL DEFAULT 0")
    run("ALTER TABLE outbox RENAME TO outbox_before")
    run(f"CREATE TABLE outbox (position INTEGER NOT NULL PRIMARY KEY, {', '.join(_OUTBOX_5)}, said VARCHAR)")
    names = ", ".join(["position", *(column.partition(" ")[0] for column in _OUTBOX_5)])
    run(f"INSERT INTO outbox ({names}) SELECT {names} FROM outbox_before ORDER BY position")  # noqa: S608
    run("DROP TABLE outbox_before")
    run("CREATE INDEX ix_outbox_standing ON outbox (state, id, bytes)")


_OUTBOX_5 = (
    "id VARCHAR NOT NULL",
    "epoch INTEGER NOT NULL",
    "seq INTEGER NOT NULL",
    "hash VARCHAR NOT NULL",
    "keyid VARCHAR NOT NULL",
    "payload BLOB NOT NULL",
    "signature BLOB NOT NULL",
    "summary VARCHAR NOT NULL",
    "state VARCHAR NOT NULL",
    "hold VARCHAR",
    "problem VARCHAR",
    "outcome VARCHAR",
    "resolved BOOLEAN NOT NULL",
    "change_seq INTEGER",
    "receipt BLOB",
    *_OUTBOX_2,
)


def _the_link_remembered(connection: Connection) -> None:
    """The last exchanges with the server are kept."""
    connection.execute(
        "CREATE TABLE exchange (number INTEGER NOT NULL PRIMARY KEY, boot VARCHAR NOT NULL, elapsed_s FLOAT NOT NULL,"
        " wall VARCHAR NOT NULL, took_s FLOAT NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL,"
        " what VARCHAR NOT NULL)"
    )


def _evidence_chained(connection: Connection) -> None:
    """Decisions form a chain. Those that are here stay as they are; the chain's first entry vouches for them."""
    run = connection.execute
    run(
        "CREATE TABLE evidence (number INTEGER NOT NULL PRIMARY KEY, prev VARCHAR NOT NULL, hash VARCHAR NOT NULL,"
        " at VARCHAR NOT NULL, kind VARCHAR NOT NULL, body VARCHAR NOT NULL)"
    )
    run("CREATE TABLE conversation (name VARCHAR NOT NULL PRIMARY KEY, data_class VARCHAR NOT NULL)")
    run("CREATE TABLE consent (id VARCHAR NOT NULL PRIMARY KEY, envelope VARCHAR NOT NULL, used INTEGER NOT NULL)")
    run("CREATE TABLE consent_revocation (id VARCHAR NOT NULL PRIMARY KEY, envelope VARCHAR NOT NULL)")
    old = [body for (body,) in run("SELECT body FROM decision ORDER BY position").fetchall()]
    if old:
        body = json.dumps(told_before(old))
        values = (1, NOTHING, old_hash(1, NOTHING, "", "before", body), "", "before", body)
        run("INSERT INTO evidence (number, prev, hash, at, kind, body) VALUES (?, ?, ?, ?, ?, ?)", values)


def _evidence_told(connection: Connection) -> None:
    """What may be told of an entry stands beside it. Of those that are here nothing is."""
    connection.execute("ALTER TABLE evidence ADD COLUMN told VARCHAR NOT NULL DEFAULT ''")


def _looked_at_in_part(connection: Connection) -> None:
    """A screen finds what matters in the outbox without reading all of it."""
    run, new = connection.execute, "CREATE INDEX IF NOT EXISTS"
    run(
        f"{new} ix_outbox_attention ON outbox (position) WHERE state = 'settled' AND dealt IS NULL AND (outcome IN"
        " ('rejected', 'expired') OR outcome = 'conflict' AND NOT resolved OR earlier_outcome IS NOT NULL)"
    )
    run(f"{new} ix_outbox_effect ON outbox (change_seq) WHERE outcome IN ('applied', 'merged')")
    run(f"{new} ix_outbox_dealt ON outbox (position) WHERE dealt IS NOT NULL")


STEPS: tuple[Step, ...] = (
    _protocol_2,
    _found_by_place,
    _roots_once,
    _fewer_pages,
    _the_link_remembered,
    _evidence_chained,
    _evidence_told,
    _looked_at_in_part,
)
SCHEMA_VERSION = 1 + len(STEPS)
