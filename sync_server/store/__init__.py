"""The server's database: rows in, values out, one transaction at a time.

Rules
1. Every key begins with the tenant.
2. A transaction is one unit of work and never spans an await. On SQLite it begins immediately, so that two writers
   take turns instead of failing half-way.
3. The tenant's head (last place in the changes feed, last place and hash of the audit) is one row, locked last, so
   that places are given in commit order and a cursor can never pass a change that commits later.
4. Where the database gives way to another writer, or its connection is lost, the whole unit of work is done again:
   it begins by reading the ledger, so what was committed before is found and not repeated.
5. On SQLite, units of work that come together share a transaction (`lane`).
6. Rows never leave this package. Each concern has a module; `Tx` puts them together.

Not handled here: what anything means. The store verifies nothing and decides nothing.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool, Pool, QueuePool

from shared import log_room
from shared.problems import Code, Refused
from sync_server.store.accounts import Account, Accounts, ConsoleSession
from sync_server.store.audit import Link
from sync_server.store.base import TROUBLE, Contended
from sync_server.store.blobs import Blobs
from sync_server.store.devices import Device, Devices, DeviceState, EnrolCode, Epoch, Key
from sync_server.store.inference import Client, Inference
from sync_server.store.lane import Apart, Lane, Undone
from sync_server.store.ledger import Entry, KeptOutcome, Ledger, Told
from sync_server.store.lists import Lists
from sync_server.store.measured_then import MeasuredThen
from sync_server.store.measures import Measures
from sync_server.store.mentions import Mentions
from sync_server.store.model_reports import ModelReports
from sync_server.store.organisation import Person, TenantHead, TenantSettings
from sync_server.store.outgoing import OutgoingEntry, OutgoingWrites
from sync_server.store.quotas import QuotaWindows
from sync_server.store.records import Page, Records, Write
from sync_server.store.tasks import TaskEntry, Tasks
from sync_server.store.traces import StrandTold, Traces
from sync_server.store.updates import UpdateFiles

__all__ = [
    "TROUBLE",
    "Account",
    "Client",
    "ConsoleSession",
    "Contended",
    "Device",
    "DeviceState",
    "EnrolCode",
    "Entry",
    "Epoch",
    "KeptOutcome",
    "Key",
    "Link",
    "OutgoingEntry",
    "Page",
    "Person",
    "Store",
    "StrandTold",
    "TaskEntry",
    "TenantHead",
    "TenantSettings",
    "Told",
    "Tx",
    "Write",
]

T = TypeVar("T")
BUSY_TIMEOUT_MS = 10_000
_FULL_SYNC = 2
#: Where SQLite's log has so many pages (of 4 KiB), whoever commits works it into the database, and waits for that. A
#: full round writes some 800, many of them again and again; the sweep does it before, while nobody waits.
LOG_PAGES_MAX = 16_000
#: What `make_room` gives it: a backlog of some 6,000 commands, 33 MB.
LOG_PAGES_ROOM = 8_000
TRIES = 5
#: Serialization failure, deadlock, and a unique key that another writer took first. Source: PostgreSQL, appendix A.
_GIVES_WAY = frozenset({"40001", "40P01", "23505"})
_READS = "tailboard_reads"
#: As of one instant, and held by nothing that waits for a writer.
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_BUSY = (Code.BUSY, "the database is busy")
_FULL = (Code.STORE_FULL, "the database cannot grow")
#: How other states of PostgreSQL begin: no space, too little of something else, a lock not given, about to stop.
_SHORT = {"53100": _FULL, "53": _BUSY, "55P03": _BUSY, "57P": _BUSY}
_BROKEN = (Code.INTERNAL, "the database is damaged; stop the server and run: tailboard-server restore")
#: Whether it was kept shows when it is asked for again: a log that could not be synced may still reach the disk.
_FAILED = (Code.INTERNAL, "the database's disk failed in the middle; look after the disk, then do it again")
_SQLITE = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FAILED,
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
}


class Tx(
    Devices,
    Records,
    Ledger,
    Blobs,
    OutgoingWrites,
    UpdateFiles,
    Inference,
    Tasks,
    QuotaWindows,
    Accounts,
    Traces,
    Measures,
    Lists,
    Mentions,
    MeasuredThen,
    ModelReports,
):
    """The open transaction."""

    def apart(self, work: Callable[[], T]) -> T:
        """`work` in a savepoint: if it raises, nothing of it stays.

        Raises:
            Undone: the database gave the whole transaction up.
        """
        savepoint = self._connection.begin_nested()
        try:
            done = work()
            self.check_open()
            savepoint.commit()
        except Exception as error:
            self.check_open(error)
            savepoint.rollback()
            if isinstance(error, DBAPIError):
                raise _meaning(error) from error
            raise
        return done

    def check_open(self, cause: Exception | None = None) -> None:
        """Raises `Undone` if the database gave the transaction up, as SQLite does where the disk is full.

        What is done after that would be committed statement by statement, and a commit would say nothing.
        """
        raw: object = self._connection.connection.dbapi_connection
        if isinstance(raw, sqlite3.Connection) and not raw.in_transaction:
            raise Undone("the database gave the transaction up") from cause


_NO_DATABASE = (
    "that is no database URL; write sqlite:////var/lib/tailboard/server.db or postgresql+psycopg://USER@HOST/DATABASE"
)


class Store:
    """The database behind a SQLAlchemy URL."""

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        """Open nothing yet.

        Args:
            url: such as ``sqlite:////var/lib/tailboard/server.db`` or ``postgresql+psycopg://host/tailboard``.
            pooled: keep connections open between units of work, until `close`; a command that ends does not.

        Raises:
            Refused: `malformed`, the URL names no database that this program can use.
        """
        kept: dict[str, Any] = {"pool_pre_ping": not url.startswith("sqlite")} if pooled else {"poolclass": NullPool}
        # parameters stay out of error messages: they are people's words
        try:
            self.engine: Engine = create_engine(url, hide_parameters=True, **kept)
        except (ArgumentError, ModuleNotFoundError) as error:  # never its words: they may quote a password
            raise Refused(Code.MALFORMED, _NO_DATABASE) from error
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._lane = Lane(self._transact) if self.engine.dialect.name == "sqlite" else None
        self._reads: dict[str, Any] = {_READS: True} if self._lane is not None else _SNAPSHOT
        #: One at most, between two units of work: to give it to the pool and back takes longer than SQLite does.
        self._kept: deque[Connection] = deque()

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A transaction without the words of `Tx`, for what looks after the tables themselves.

        Raises:
            Refused: `busy` or `store_full`, with nothing done.
            Contended: another writer was faster, with nothing done.
        """
        with _meant(), self._connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """The kept connection, or one of the pool; after an error nobody keeps it, who may have been its cause."""
        try:
            connection = self._kept.pop()
        except IndexError:  # another thread has it
            connection = self.engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._lane is not None and not self._kept and _nobody_waits(self.engine.pool):
            self._kept.append(connection)
        else:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """One unit of work: everything or nothing. Raises as `connected`."""
        with self.connected() as connection, _whole(connection) as tx:
            yield tx

    def attempt(self, work: Callable[[Tx], T]) -> T:
        """`work` in a transaction, again where it had to give way: a whole unit that reads the ledger first.

        Raises:
            Refused: what `work` refuses; `busy` after several tries.
        """
        for _ in range(TRIES):
            try:
                return self._once(work)
            except Contended:
                continue
        raise Refused(Code.BUSY, "other writers were faster several times")

    def _once(self, work: Callable[[Tx], T]) -> T:
        if self._lane is not None:
            return self._lane.run(work)
        with self.transaction() as tx:
            return work(tx)

    def _transact(self, work_off: Callable[[Tx, Apart], None]) -> None:
        with self.transaction() as tx:
            work_off(tx, tx.apart)

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A transaction that only reads, as of one instant, and keeps no writer waiting. Raises `Refused`: `busy`."""
        with _meant(), self.engine.connect() as connection, connection.execution_options(**self._reads).begin():
            yield Tx(connection)

    @contextmanager
    def rehearsal(self) -> Iterator[Tx]:
        """A transaction of which nothing is kept. Raises `Refused`: `busy`, also where it gave way to a writer."""
        try:
            with self.engine.connect() as connection, connection.begin() as transaction:
                yield Tx(connection)
                transaction.rollback()
        except (Contended, DBAPIError, PoolTimeout, sqlite3.Error) as error:
            meant = error if isinstance(error, Contended) else _meaning(error)
            raise (Refused(*_BUSY) if isinstance(meant, Contended) else meant) from error

    def work_log_in(self) -> None:
        """Work SQLite's log into the database, as far as nobody is in the way. Other databases see to it themselves.

        Raises:
            Refused: `busy` or `store_full`; the log stays as it is.
        """
        if self._lane is None:
            return
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
        except sqlite3.Error as error:
            raise _meaning(error) from error
        finally:
            connection.close()

    def make_room(self) -> None:
        """Give SQLite's log a good part of the length that it grows to, so that no commit waits for the file to grow.

        For a program that stays: it takes some 50 ms. Without room on the disk nothing is done; other databases see
        to it themselves.

        Raises:
            Refused: `busy`, another program writes.
        """
        path = self.engine.url.database
        if self._lane is None or not path:
            return
        log = Path(f"{path}-wal")
        # who may write is the only one who lengthens the log
        with self.transaction(), suppress(OSError), log.open("r+b", buffering=0) as file:
            log_room.lengthen(file, log_room.bytes_of(LOG_PAGES_ROOM), os.fsync)

    def close(self) -> None:
        """Give the connections back."""
        while self._kept:
            self._kept.pop().close()
        self.engine.dispose()


def _nobody_waits(pool: Pool) -> bool:
    """Whether the pool has room, so that a connection which is not given back keeps nobody waiting."""
    return isinstance(pool, QueuePool) and pool.checkedout() <= pool.size()


@contextmanager
def _meant() -> Iterator[None]:
    """What a database says, in the words of this program."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error) as error:
        raise _meaning(error) from error


@contextmanager
def _whole(connection: Connection) -> Iterator[Tx]:
    """The open transaction, which is whole at its end. Raises `Refused` if the database gave it up."""
    try:
        tx = Tx(connection)
        yield tx
        tx.check_open()
    except Undone as undone:
        raise _cause(undone) from undone


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set a new connection up. Raises `Refused` where the disk cannot keep what is acknowledged."""
    connection.isolation_level = None  # we begin transactions ourselves, immediately
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {LOG_PAGES_MAX}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    kept = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    if kept != ["wal", _FULL_SYNC]:
        raise Refused(Code.INTERNAL, f"the database's disk does not allow WAL with FULL ({kept}); use a local disk")


def _begin_sqlite(connection: Connection) -> None:
    words = "BEGIN" if connection.get_execution_options().get(_READS) else "BEGIN IMMEDIATE"
    connection.connection.driver_connection.execute(words).close()  # type: ignore[union-attr]


def _meaning(error: DBAPIError | PoolTimeout | sqlite3.Error) -> Exception:
    if isinstance(error, PoolTimeout):
        return Refused(Code.BUSY, "every connection to the database is in use")
    if isinstance(error, sqlite3.Error):  # while a connection was being set up
        return _sqlite_meaning(error) or error
    state = getattr(error.orig, "sqlstate", None)
    if state in _GIVES_WAY or error.connection_invalidated:
        return Contended("the database gave way to another writer, or its connection was lost")
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_meaning(error.orig) or error
    if state is None and isinstance(error, OperationalError):
        return Refused(Code.BUSY, "the database cannot be reached")
    found = next((refusal for prefix, refusal in _SHORT.items() if state and state.startswith(prefix)), None)
    return Refused(*found) if found else error


def _cause(undone: Undone) -> Exception:
    """What to say to everybody whose work is gone: why, if that is known."""
    why = undone.__cause__
    meant = _meaning(why) if isinstance(why, DBAPIError) else None
    return meant if isinstance(meant, Refused) else Refused(*_BUSY)


def _sqlite_meaning(error: sqlite3.Error) -> Refused | None:
    found = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return Refused(*found) if found else None
