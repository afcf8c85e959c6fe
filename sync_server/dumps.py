"""How each kind of database is dumped while it is in use, and how a dump takes its place.

SQLite copies itself into a file (``VACUUM INTO``, one read transaction). PostgreSQL's own programs make and read its
dumps (custom format, the schema ``public`` alone). What stood there before is renamed, never removed.

Source: SQLite, "VACUUM"; PostgreSQL, "pg_dump", "pg_restore".
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import URL, make_url

from shared.problems import Code, Refused

_SIDE_FILES = ("-wal", "-shm")


class Database(Protocol):
    """A database that can be dumped and replaced. `kind` is its name in a backup."""

    kind: str

    def dump(self, file: Path) -> None:
        """Write its state to `file`, all of one moment."""

    def exists(self) -> bool:
        """Whether there is one yet."""

    def in_use(self) -> bool:
        """Whether somebody else is connected."""

    def replace(self, file: Path) -> str | None:
        """Put the dump in its place; what the old one is called now, None if there was none."""

    def undo(self, aside: str | None) -> None:
        """Put what `replace` put aside back."""


def database_at(url: str) -> Database:
    """The database behind a SQLAlchemy URL. Raises `Refused` for a kind that has no backup."""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.database:
        return _Sqlite(Path(parsed.database))
    if kind == "postgresql":
        return _Postgres(parsed)
    raise Refused(Code.NOT_FOUND, f"there is no backup of a {kind} database like this")


class _Sqlite:
    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def dump(self, file: Path) -> None:
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                connection.execute("VACUUM INTO ?", (str(file),))
        except sqlite3.Error as error:
            raise Refused(Code.STORE_FULL, f"the database could not be copied: {error}") from error

    def exists(self) -> bool:
        return self._path.exists()

    def in_use(self) -> bool:
        """A file in WAL mode leaves it only when nobody else has it open."""
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as error:
                return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            except sqlite3.DatabaseError:
                return False  # not a database any more: nobody works on it
        return False

    def replace(self, file: Path) -> str | None:
        aside = self._put_aside()
        shutil.copyfile(file, self._path)
        with self._path.open("rb+") as stream:
            os.fsync(stream.fileno())
        return aside

    def undo(self, aside: str | None) -> None:
        for end in ("", *_SIDE_FILES):
            Path(f"{self._path}{end}").unlink(missing_ok=True)
            if aside and Path(f"{aside}{end}").exists():
                Path(f"{aside}{end}").rename(f"{self._path}{end}")

    def _put_aside(self) -> str | None:
        """The file under the next free name, with what SQLite keeps beside it."""
        if not self._path.exists():
            return None
        number = 1
        while (aside := Path(f"{self._path}.before-restore-{number}")).exists():
            number += 1
        for end in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{end}").rename(f"{aside}{end}")
        self._path.rename(aside)
        return str(aside)


class _Postgres:
    kind = "postgresql"

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")

    def dump(self, file: Path) -> None:
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--schema=public", f"--file={file}")

    def exists(self) -> bool:
        return True

    def in_use(self) -> bool:
        """Any other client of the database counts: an idle server keeps its connections."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with self._connected() as connection:
            row = connection.execute(query).fetchone()
        return bool(row and row[0])

    def replace(self, file: Path) -> str | None:
        aside = self._put_aside()
        try:
            options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--schema=public")
            self._run("pg_restore", *options, str(file))
        except BaseException:
            self.undo(aside)
            raise
        return aside

    def undo(self, aside: str | None) -> None:
        assert aside is not None, "a schema is always put aside"
        with self._connected() as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute(f'ALTER SCHEMA "{aside}" RENAME TO public'.encode())

    def _put_aside(self) -> str:
        with self._connected() as connection:
            schemas = {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}
            numbered = (f"before_restore_{number}" for number in range(1, len(schemas) + 2))
            aside = next(name for name in numbered if name not in schemas)
            connection.execute(f'ALTER SCHEMA public RENAME TO "{aside}"'.encode())
            connection.execute("CREATE SCHEMA public")
        return aside

    @contextlib.contextmanager
    def _connected(self) -> Iterator["psycopg.Connection[Any]"]:
        try:
            with psycopg.connect(self._url.render_as_string(hide_password=False)) as connection:
                yield connection
        except psycopg.Error as error:
            said = str(error).strip().partition("\n")[0]
            raise Refused(Code.BUSY, f"the database could not be replaced or read: {said}") from error

    def _run(self, program: str, *options: str) -> None:
        """One of PostgreSQL's programs; the password goes through the environment, where nobody else sees it."""
        found = shutil.which(program)
        if found is None:
            raise Refused(
                Code.NOT_FOUND, f"{program} is not installed here; install PostgreSQL's client programs and try again"
            )
        password = {"PGPASSWORD": str(self._url.password)} if self._url.password else {}
        place = self._url.set(password=None).render_as_string(hide_password=False)
        command = [found, f"--dbname={place}", *options]
        done = subprocess.run(command, env=os.environ | password, capture_output=True, text=True, check=False)
        if done.returncode:
            said = next(iter(done.stderr.strip().splitlines()), f"it ended with {done.returncode}")
            raise Refused(Code.INTERNAL, f"{said}; nothing was changed")
