"""What every part of the store stands on: the tables' common base, and the open transaction."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ARRAY, Connection, Dialect, Text, any_, bindparam, func, select
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


def among(column: Any, dialect: str) -> Any:
    """`column` is one of the values of the parameter ``among``, however many: the statement stays the same."""
    if dialect == "postgresql":
        return column == any_(bindparam("among", type_=ARRAY(Text)))
    return column.in_(select(func.json_each(bindparam("among")).table_valued("value").c.value))


class Part:
    """One concern of the open transaction; `sync_server.store.Tx` puts them together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self._dialect]

    @property
    def alone(self) -> bool:
        """Whether nobody else can have written since this transaction began: SQLite gives writers turns."""
        return self._dialect == "sqlite"

    def _listed(self, values: Iterable[str]) -> Any:
        """`values` as the parameter of `among`."""
        listed = sorted(values)
        return listed if self._dialect == "postgresql" else json.dumps(listed)

    def _one(self, query: Any, **values: Any) -> Any:
        return self._connection.execute(query, values).one_or_none()

    def _all(self, query: Any, **values: Any) -> Sequence[Any]:
        return self._connection.execute(query, values).all()

    def _do(self, statement: Any, rows: Any = None) -> Any:
        return self._connection.execute(statement, rows)

    def _count(self, statement: Any, rows: Any) -> int:
        """Do it for each of `rows`; how many rows of the table were touched."""
        return _touched(self._connection.execute(statement, rows, execution_options=_COUNTED))

    def _many(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
        """The same for many `rows`, straight to the driver, which takes half as long over a row.

        Args:
            statement: built once, in its module.
            rows: at least one, all with the same names in the same order. No column's type is asked: plain values.
        """
        bulk = _bulk(statement, tuple(rows[0]), self._connection.dialect)
        values = [*map(bulk.values, rows)] if bulk.values else [*rows]
        return _touched(self._connection.exec_driver_sql(bulk.text, values, execution_options=_COUNTED))


@dataclass(frozen=True, slots=True)
class _Bulk:
    """A statement in a driver's own words, and how a row's values are lined up for it; None for by name."""

    text: str
    values: Callable[[Mapping[str, Any]], Any] | None


@lru_cache(maxsize=64)
def _bulk(statement: Any, names: tuple[str, ...], dialect: Dialect) -> _Bulk:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    places = compiled.positiontup
    return _Bulk(str(compiled), None if places is None else itemgetter(*places))


#: Without it, an INSERT does not say on every database how many rows it made.
_COUNTED = {"preserve_rowcount": True}


def _touched(done: Any) -> int:
    assert done.rowcount >= 0, "both databases count"
    return int(done.rowcount)
