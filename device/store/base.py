"""What every part of the store stands on: the tables' common base, the open transaction, errors as sentences."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlcipher3 import dbapi2
from sqlmodel import MetaData, SQLModel

from device.errors import StoreError

BUSY_TIMEOUT_MS = 5000
#: Pages kept decrypted: each page that is read again is checked and decrypted again.
CACHE_KIB = 32 << 10


class Table(SQLModel):
    """A table of the device's database."""

    metadata = MetaData()


def table_of(row: type[Table]) -> Any:
    """The Core table behind a row class: hot paths use Core statements."""
    return Table.metadata.tables[str(row.__tablename__)]


class Part:
    """One concern of the open database; `device.store.DeviceStore` puts them together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._open: Connection | None = None
        self._changes = 0

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
            except BaseException as error:
                self._changes += 1  # what was counted meanwhile was not kept
                if isinstance(error, DBAPIError | dbapi2.Error):
                    raise sentence_of(error) from error
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise StoreError(_FULL) from error
                raise
            finally:
                self._open = None

    def generation(self) -> tuple[int, int]:
        """Changes whenever replica or outbox states changed, here or through another program's connection.

        Appending to the outbox does not change it: who appends knows what was appended.
        Source: SQLite, PRAGMA data_version.
        """
        return self._changes, int(self._quick("PRAGMA data_version")[0])

    def _quick(self, sql: str, *values: str) -> Any:
        """The first row of a small read that every confirmation makes, None if there is none.

        It goes to the driver itself: on the way through SQLAlchemy it takes seven times as long.
        """
        with self.transaction() as connection:
            return connection.connection.driver_connection.execute(sql, values).fetchone()  # type: ignore[union-attr]

    def _all(self, query: Any, **values: Any) -> Any:
        with self.transaction() as connection:
            return connection.execute(query, values).all()

    def _one(self, query: Any, **values: Any) -> Any:
        with self.transaction() as connection:
            return connection.execute(query, values).one_or_none()

    def _do(self, statement: Any, rows: Any = None) -> int:
        """Run a statement, once or once for each of `rows`; how many rows it touched."""
        with self.transaction() as connection:
            return int(connection.execute(statement, rows).rowcount)


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
    words = str(getattr(error, "orig", None) or error)
    sentence = next((text for key, text in _SENTENCES.items() if key in words.lower()), None)
    return StoreError(sentence or f"The device's database failed: {words}")


def connect(path: Path, key: bytes) -> Any:
    """An encrypted connection that keeps what it acknowledges. Raises `StoreError`."""
    try:
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
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
