"""What the bare machine does: the floors that figures stand beside."""

import json
import multiprocessing
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from multiprocessing.connection import Connection
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


def processors(alone: float, envelopes: Sequence[Envelope], public: bytes) -> float:
    """How many processors two processes really have: what both verify at once, over the rate `alone` of one.

    A machine that is shared with others may give its second processor seldom, and says so nowhere else.
    """
    context = multiprocessing.get_context("spawn")
    ours, workers = [], []
    for _ in range(2):
        here, there = context.Pipe()
        workers.append(context.Process(target=_verify_when_told, args=(there, envelopes, public), daemon=True))
        workers[-1].start()
        ours.append(here)
    for each in ours:
        each.recv()  # it is up
    for each in ours:
        each.send(None)
    both: float = sum(each.recv() for each in ours)
    for worker in workers:
        worker.join()
    return both / alone


def _verify_when_told(line: Connection, envelopes: Sequence[Envelope], public: bytes) -> None:
    line.send(None)
    line.recv()
    line.send(verification_rate(envelopes, public))


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
