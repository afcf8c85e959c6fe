"""The device's database: one encrypted SQLite file that survives kill −9 and power loss.

Rules
1. SQLCipher from the first page; the raw key comes from `device.keys` and is never written in the clear.
2. WAL with `synchronous=FULL`, checked when the file is opened: with `NORMAL`, acknowledged rows can be gone after a
   power cut.
3. A command is *saved* when its transaction has committed, and not a moment earlier.
4. Rows never leave this package; callers get frozen values. Each concern has a module; `DeviceStore` puts them
   together.
5. A database of an older program is brought up to date when it is opened (`migrations`).

Not handled here: what to send next (`device.core.session`), what a command means (`reconciliation`).
"""

from pathlib import Path

from device.store import evidence, exchanges, items, journal, proofs, replica, values
from device.store.base import connect
from device.store.evidence import EvidenceLog
from device.store.exchanges import Exchanges
from device.store.items import LISTED, UNSETTLED, FileStanding, Issue, Item, Lost, Outgoing, State
from device.store.journal import Journal, JournalEntry
from device.store.looking import Looking
from device.store.migrations import migrate, write_schema
from device.store.outbox import Head
from device.store.room import lengthen
from device.store.values import Identity

__all__ = [
    "LISTED",
    "UNSETTLED",
    "DeviceStore",
    "FileStanding",
    "Head",
    "Identity",
    "Issue",
    "Item",
    "JournalEntry",
    "Lost",
    "Outgoing",
    "State",
]


#: What a new database is made of.
TABLES = (
    *items.TABLES,
    *values.TABLES,
    *replica.TABLES,
    *proofs.TABLES,
    *journal.TABLES,
    *exchanges.TABLES,
    *evidence.TABLES,
)


class DeviceStore(Looking, Journal, Exchanges, EvidenceLog):
    """The open database. Safe to call from several threads: one connection, one lock."""

    _path: Path

    @classmethod
    def open(cls, path: Path, key: bytes) -> "DeviceStore":
        """The database at `path` under the raw 32-byte `key`, made if it is not there.

        Raises:
            StoreError: wrong key, damaged file, a newer schema, or a disk that cannot keep what it acknowledges.
        """
        store = cls(connect(path, key))
        store._path = path
        with store.transaction() as connection:
            if not migrate(connection):
                for statement in TABLES:
                    connection.execute(statement)
                write_schema(connection)
            store.set_damaged_apart()
        return store

    def make_room(self) -> None:
        """Give the log the length that it grows to, so that no confirmation waits for that; a few milliseconds.

        For a program that stays open: one that saves once and ends has no use for it.

        Raises:
            StoreError: another program holds the database.
        """
        with self.transaction():  # whoever holds the write lock is the only one who writes to the log
            lengthen(Path(f"{self._path}-wal"))

    def close(self) -> None:
        """Release the file."""
        self._driver.close()
