"""What every part of the store stands on: the tables' common base, and the open transaction."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, Text, any_, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import MetaData, SQLModel


class Contended(Exception):
    """Another writer was faster. Nothing was done; the whole unit of work is to be tried again."""


#: What says something about the database and nothing about what is being worked on: the whole unit ends with it.
TROUBLE = (Contended, DBAPIError)


class Table(SQLModel):
    """A table of the server's database."""

    metadata = MetaData()


def table_of(row: type[Table]) -> Any:
    """The Core table behind a row class: hot paths use Core statements."""
    return Table.metadata.tables[str(row.__tablename__)]


class Part:
    """One concern of the open transaction; `sync_server.store.Tx` puts them together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self._dialect]

    def _among(self, column: Any, values: Iterable[str]) -> Any:
        """`column` is one of `values`, however many: one parameter, so the statement is the same every time."""
        listed = sorted(values)
        if self._dialect == "postgresql":
            return column == any_(literal(listed, ARRAY(Text)))
        return column.in_(select(func.json_each(json.dumps(listed)).table_valued("value").c.value))

    def _one(self, query: Any, **values: Any) -> Any:
        return self._connection.execute(query, values).one_or_none()

    def _all(self, query: Any, **values: Any) -> Sequence[Any]:
        return self._connection.execute(query, values).all()

    def _do(self, statement: Any, rows: Any = None) -> Any:
        return self._connection.execute(statement, rows)

    def _count(self, statement: Any, rows: Any) -> int:
        """Do it for each of `rows`; how many rows of the table were touched."""
        # without the option, an INSERT does not say on every database
        done = self._connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
        assert done.rowcount >= 0, "both databases count"
        return int(done.rowcount)
