"""The schema's versions: which one a database has, and how it gets to today's.

Rules
1. A revision is a file in `sync_server/migrations/versions`; its name begins with its number. Numbers go up by one.
   A revision says what it does to the schema of its own time, and imports nothing of ours: our code moves on.
2. All missing revisions run in one transaction, one process at a time. Whoever comes second finds nothing to do.
3. A new database gets today's tables at once. A test holds both ways to the same result.
4. Nothing migrates behind an operator's back: a program over another schema than its own refuses, and says what
   to run.

Source: docs/adr/0017-one-store-two-databases.md.
"""

from functools import cache
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from shared.problems import Code, Refused
from sync_server.store import Store
from sync_server.store.base import Table

VERSION_TABLE = "alembic_version"
_MIGRATIONS = Path(str(resources.files("sync_server"))) / "migrations"
#: Any number will do, as long as it is always the same. Source: PostgreSQL, "Advisory Locks".
_LOCK = 0x7461696C


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that this program knows, oldest first; the last is its own schema's."""
    return tuple(sorted(path.stem[1:5] for path in (_MIGRATIONS / "versions").glob("r[0-9]*.py")))


def revision_of(connection: Connection) -> str | None:
    """The revision of a database's tables; None if it has none yet."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).one_or_none()  # noqa: S608
        return str(row[0]) if row else None
    return revisions()[0] if "tenant" in tables else None  # the first release wrote no version down


def check(store: Store) -> None:
    """Raises `Refused`, with what to run, unless the database has exactly this program's schema."""
    with store.connected() as connection:
        found = revision_of(connection)
    if found is None:
        raise Refused(Code.NOT_FOUND, "the database is empty; run: tailboard-server init")
    _refuse_newer(found)
    if found != revisions()[-1]:
        raise Refused(
            Code.STALE,
            f"the database has schema {found}, this program needs {revisions()[-1]}; stop every server on it, make a "
            "backup, then run: tailboard-server migrate",
        )


def migrate(store: Store) -> tuple[str | None, str]:
    """Bring the database to this program's schema: the revision before, and the one after.

    Raises:
        Refused: the database is of a newer program. Nothing was done.
    """
    with store.connected() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found, target = revision_of(connection), revisions()[-1]
        if found is None:
            Table.metadata.create_all(connection)
        else:
            _refuse_newer(found)
        if found != target:
            _run(connection, found, target)
    return found, target


def _refuse_newer(found: str) -> None:
    if found not in revisions():
        raise Refused(
            Code.STALE,
            f"the database has schema {found}, which is newer than this program ({revisions()[-1]}); update it",
        )


def _run(connection: Connection, found: str | None, target: str) -> None:
    """Run what lies between `found` and `target`, or only write `target` down for tables that are new."""
    from alembic import command  # noqa: PLC0415  # a tenth of a second that other calls are spared
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.stamp(config, found or target)
    command.upgrade(config, target)
