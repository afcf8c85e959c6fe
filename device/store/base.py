"""What every part of the store stands on: the open transaction, and errors as sentences.

The device speaks SQL to its driver and nothing in between: a database library that composes statements would be a
quarter of what a start takes, and a sixth of the memory (ADR 37). Each part says its own tables, in `TABLES`.
"""

import errno
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2

from device.errors import StoreError

BUSY_TIMEOUT_MS = 5000
#: Pages kept decrypted: each page that is read again is checked and decrypted again.
CACHE_KIB = 32 << 10
_FEW_PAGES, _ITS_PAGES = "PRAGMA cache_size = -256", f"PRAGMA cache_size = -{CACHE_KIB}"

#: Values of a statement, by place or by name.
Bound = Sequence[object] | Mapping[str, object]
#: A connection of the driver, which ships no types.
Connection = Any


class Part:
    """One concern of the open database; `device.store.DeviceStore` puts them together."""

    def __init__(self, connection: Connection) -> None:
        self._lock = threading.RLock()
        self._driver = connection
        self._inside = False
        self._changes = 0
        self._seen: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable unit: everything inside is kept, or nothing. Nested calls join the outer one.

        Raises:
            StoreError: the disk is full, or another program holds the database.
        """
        with self._lock:
            if self._inside:
                yield self._driver
                return
            try:
                self._begin()
                yield self._driver
                self._commit()
            except BaseException as error:
                self._changes += 1  # what was counted meanwhile was not kept
                self._roll_back()
                if isinstance(error, dbapi2.Error):
                    raise sentence_of(error) from error
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise StoreError(_FULL) from error
                raise
            finally:
                self._inside = False

    def _begin(self) -> None:
        self._driver.execute("BEGIN IMMEDIATE")
        self._inside, self._seen = True, None

    def _commit(self) -> None:
        self._driver.commit()

    def _roll_back(self) -> None:
        if self._driver.in_transaction:  # a full disk has rolled it back already
            self._driver.execute("ROLLBACK")

    def _joined(self) -> AbstractContextManager[object]:
        """The open transaction, or one of its own; to be asked for with the lock held."""
        return nullcontext() if self._inside else self.transaction()

    def generation(self) -> tuple[int, int]:
        """Changes whenever replica or outbox states changed, here or through another program's connection.

        Appending to the outbox does not change it: who appends knows what was appended.
        Source: SQLite, PRAGMA data_version.
        """
        with self._lock:
            if self._inside and self._seen is not None:  # nobody else writes while this transaction is open
                return self._changes, self._seen
            with self._joined():
                self._seen = int(self._driver.execute("PRAGMA data_version").fetchone()[0])
                return self._changes, self._seen

    def _rows(self, sql: str, values: Bound = ()) -> list[Any]:
        """What a statement finds: rows as tuples. Alone it needs no transaction, and waits for no writer.

        Raises:
            StoreError: as `transaction`.
        """
        with self._lock:
            if self._inside:
                return list(self._driver.execute(sql, values).fetchall())
            try:
                return list(self._driver.execute(sql, values).fetchall())
            except dbapi2.Error as error:
                raise sentence_of(error) from error

    def _stream(self, sql: str) -> Iterator[Any]:
        """As `_rows`, a handful at a time: an answer of many megabytes is never here as a whole.

        Its pages do not stay decrypted, as nobody reads them again soon. Nobody else gets at the connection until the
        last row is read.

        Raises:
            StoreError: as `transaction`.
        """
        with self._lock:
            try:
                self._driver.execute(_FEW_PAGES)
                cursor = self._driver.execute(sql)
                while rows := cursor.fetchmany(256):
                    yield from rows
            except dbapi2.Error as error:
                raise sentence_of(error) from error
            finally:
                with suppress(dbapi2.Error):  # a damaged database has said so already
                    self._driver.execute(_ITS_PAGES)

    def read(self, sql: str, values: Bound = ()) -> list[Any]:
        """What a statement finds in the tables of another part of the device. Raises `StoreError`."""
        return self._rows(sql, values)

    def _write(self, sql: str, values: Bound) -> int:
        """Run a statement; how many rows it touched."""
        with self._lock, self._joined():
            return int(self._driver.execute(sql, values).rowcount)

    def _write_all(self, sql: str, each: Iterable[Bound]) -> int:
        """The statement, once for each of these; how many rows it touched."""
        with self._lock, self._joined():
            return int(self._driver.executemany(sql, each).rowcount)


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


def sentence_of(error: Exception) -> StoreError:
    """A database error in words for the person in front of it."""
    words = str(error)
    sentence = next((text for key, text in _SENTENCES.items() if key in words.lower()), None)
    return StoreError(sentence or f"The device's database failed: {words}")


def connect(path: Path, key: bytes) -> Any:
    """An encrypted connection that keeps what it acknowledges. Raises `StoreError`."""
    try:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(_ITS_PAGES)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        level = connection.execute("PRAGMA synchronous").fetchone()[0]
    except dbapi2.Error as error:
        raise sentence_of(error) from error
    if mode.lower() != "wal" or level != 2:
        raise StoreError(
            f"This disk does not keep what it acknowledges (journal {mode}, synchronous {level}). Use a local disk."
        )
    return connection
