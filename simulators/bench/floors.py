"""What the bare machine does: the floors that figures stand beside."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.envelope import Envelope, pae
from simulators.bench.figures import seconds

#: Enough signatures for a steady rate, few enough to take a fraction of a second.
SIGNATURES = 2000


def verification_rate(envelopes: Sequence[Envelope], public: bytes) -> float:
    """Ed25519 verifications a second on one core, over the envelopes' own bytes; nothing else is counted."""
    key = Ed25519PublicKey.from_public_bytes(public)
    signed = [(each.signatures[0][1], pae(each.payload_type, each.payload)) for each in envelopes]
    rounds = -(-SIGNATURES // len(signed))
    jobs = (signed * rounds)[:SIGNATURES]
    taken = seconds(lambda: [key.verify(signature, message) for signature, message in jobs])
    return len(jobs) / taken


def parse_rate(documents: Sequence[str]) -> float:
    """Documents a second that `json.loads` reads; none is kept, so that no collector counts along."""

    def read() -> None:
        for each in documents:
            json.loads(each)

    return len(documents) / seconds(read)


def commit_s(folder: Path, rows: Sequence[bytes]) -> float:
    """Seconds for one durable SQLite transaction that inserts `rows`: WAL, `synchronous=FULL`."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS bare (position INTEGER PRIMARY KEY, body BLOB)")

        def write() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare (body) VALUES (?)", [(row,) for row in rows])
            connection.execute("COMMIT")

        return seconds(write)
