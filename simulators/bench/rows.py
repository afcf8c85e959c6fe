"""Rows by the million, written straight into a server's SQLite file.

A row that the server wrote itself is the pattern; only what must differ is changed, so the copies are as large and as
indexed as real ones, whatever columns the server's tables have.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

_NUMBERS = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :number) "


def more_records(database: Path, tenant: str, pattern: str, number: int) -> None:
    """`number` further work orders like `pattern` (a reference) at the end of the tenant's feed."""
    name = "printf('work_order/BULK-%06d', n)"
    differing = {
        "ref": name,
        "change_seq": "n + (SELECT change_seq FROM tenant WHERE id = :tenant)",
        "body": f"replace(body, ref, {name})",
    }
    with closing(_open(database)) as connection:
        one = "SELECT * FROM record WHERE tenant = :tenant AND ref = :pattern"
        _copy(connection, "record", one, differing, {"tenant": tenant, "pattern": pattern, "number": number})
        connection.execute("UPDATE tenant SET change_seq = change_seq + ? WHERE id = ?", (number, tenant))


def fill_ledger(database: Path, tenant: str, upto: int) -> None:
    """Copies of settled commands of devices until the tenant's ledger holds `upto` rows.

    Their ids are as old commands' are: in the order of their time, spread by their random part.
    """
    differing = {
        "id": "printf('%08x-%04x-7%03x-8%03x-', 27000000 + n / 65536, n % 65536, n % 4096, n % 3001)"
        " || lower(hex(randomblob(6)))",
        "device": "printf('OLD-%03d', n % 200)",
        "seq": "n",
    }
    with closing(_open(database)) as connection:
        (there,) = connection.execute("SELECT count(*) FROM ledger WHERE tenant = ?", (tenant,)).fetchone()
        pattern = "SELECT * FROM ledger WHERE tenant = :tenant AND seq IS NOT NULL AND outcome IS NOT NULL LIMIT 5000"
        values: dict[str, str | int] = {"tenant": tenant, "number": upto - there}
        if upto > there:
            _copy(connection, "ledger", pattern, differing, values)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous = OFF")  # nothing here is anybody's work
    return connection


def _copy(
    connection: sqlite3.Connection,
    table: str,
    pattern: str,
    differing: Mapping[str, str],
    values: Mapping[str, str | int],
) -> None:
    """For every n from 1 to `values["number"]`, the next row of `pattern`, over and over, with `differing` values."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.execute("DROP TABLE IF EXISTS temp.pattern")
    connection.execute(f"CREATE TEMP TABLE pattern AS {pattern}", values)
    wanted = ", ".join(differing.get(name, name) for name in columns)
    turns = "(SELECT count(*) FROM pattern)"
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) {_NUMBERS}"  # noqa: S608 - our own words only
        f" SELECT {wanted} FROM counted JOIN pattern ON pattern.rowid = 1 + n % {turns}",
        values,
    )


# -- on either database, through SQLAlchemy


def more_conflicts(connection: Connection, tenant: str, upto: int) -> None:
    """Copies of open conflicts, each under an id of its own, until there are `upto`."""
    (there,) = connection.execute(
        text("SELECT count(*) FROM record WHERE tenant = :t AND kind = 'conflict' AND state = 'open'"), {"t": tenant}
    ).one()
    name = _printed(connection, "conflict/8{}-0000-7000-8000-000000000000", "n")
    differing = {"ref": name, "body": f"replace(body, ref, {name})"}
    pattern = "SELECT * FROM record WHERE tenant = :t AND kind = 'conflict' AND state = 'open'"
    _copies(connection, "record", pattern, differing, {"t": tenant, "number": upto - there})


def more_links(connection: Connection, tenant: str, upto: int, mentioned: int) -> None:
    """Copies of links of the audit until there are `upto`; no chain, but as large and as many.

    Whom and what the first `mentioned` of them mention is written as if a server had gone through them; it must have
    gone through the links that are copied.
    """
    (there,) = connection.execute(text("SELECT audit_position FROM tenant WHERE id = :t"), {"t": tenant}).one()
    copies = (
        ("audit", "position, prev, hash, body", upto),
        ("audit_mention", "position, named", mentioned),
    )
    for table, columns, last in copies:
        wanted = columns.replace("position", "p.position + counted.n * :there")
        connection.execute(
            text(
                f"INSERT INTO {table} (tenant, {columns}) "  # noqa: S608 - our own words only
                "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :times) "
                f"SELECT p.tenant, {wanted} FROM {table} AS p CROSS JOIN counted "
                "WHERE p.tenant = :t AND p.position <= :there AND p.position + counted.n * :there <= :last"
            ),
            {"t": tenant, "there": there, "times": last // there, "last": last},
        )
    connection.execute(text("UPDATE tenant SET audit_position = :n WHERE id = :t"), {"n": upto, "t": tenant})


def _printed(connection: Connection, shape: str, number: str) -> str:
    """A number with seven digits in a text, in the database's words."""
    start, end = shape.split("{}")
    sqlite = connection.dialect.name == "sqlite"
    digits = f"printf('%07d', {number})" if sqlite else f"lpad({number}::text, 7, '0')"
    return f"'{start}' || {digits} || '{end}'"


def _copies(
    connection: Connection, table: str, pattern: str, differing: Mapping[str, str], values: Mapping[str, str | int]
) -> None:
    columns = [each["name"] for each in inspect(connection).get_columns(table)]
    wanted = ", ".join(differing.get(name, name) for name in columns)
    numbered = f"SELECT row_number() OVER () - 1 AS turn, p.* FROM ({pattern}) AS p"  # noqa: S608 - our own words only
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - our own words only
            "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :number), "
            f"pattern AS ({numbered}) SELECT {wanted} FROM counted "
            "JOIN pattern ON pattern.turn = counted.n % (SELECT count(*) FROM pattern)"
        ),
        dict(values),
    )
