"""What every part of the store stands on: the tables' common base, and the open transaction.

Rules
1. What every round asks is a `Fixed` statement: built once, in its module, with a bound parameter for whatever
   differs.
2. SQLite gets a fixed statement in its own words, compiled once a process, straight through the driver: composing,
   looking up and unpacking it anew takes SQLAlchemy several times as long as SQLite takes to answer. PostgreSQL gets
   it from SQLAlchemy, whose care for lost connections it needs.
3. Either way the same rows come back, and the same errors.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

from pydantic_core import to_json
from sqlalchemy import ARRAY, Connection, Dialect, Text, any_, bindparam, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine
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


def sortable(at: datetime) -> str:
    """An instant as text of one length, so that texts sort as instants do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def among(column: Any, dialect: str, each: type[TypeEngine[Any]] = Text) -> Any:
    """`column` is one of the values of the parameter ``among``, however many: the statement stays the same.

    `each` is the type of one value.
    """
    if dialect == "postgresql":
        return column == any_(bindparam("among", type_=ARRAY(each)))
    return column.in_(select(func.json_each(bindparam("among")).table_valued("value").c.value))


#: One for all engines: what it compiled outlives the connections.
_SQLITE = pysqlite.dialect()


class Fixed:
    """A statement that never changes: built once, in its module. It hashes by itself, not by what it says."""

    def __init__(self, statement: Any) -> None:
        """`statement` is SQLAlchemy's; every value that differs from time to time is a `bindparam`."""
        self.statement = statement

    @cached_property
    def in_sqlite(self) -> "_Words":
        """As SQLite's driver takes it."""
        compiled = self.statement.compile(dialect=_SQLITE)
        assert "POSTCOMPILE" not in str(compiled), "a list of values is given by `one_of`, or by `among`"
        columns = [(each.keyname, each.type) for each in compiled._result_columns]  # noqa: SLF001  # as results read it
        return _Words(str(compiled), _liner(compiled), _reader(columns))


def one_of(column: Any, values: Iterable[str]) -> Any:
    """`column` is one of `values`, which are always the same: a fixed statement may say so."""
    return column.in_([literal(value) for value in values])


class Part:
    """One concern of the open transaction; `sync_server.store.Tx` puts them together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        #: SQLite's own connection, for fixed statements.
        self._direct: Any = connection.connection.driver_connection if self.alone else None
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self._dialect]

    @property
    def alone(self) -> bool:
        """Whether nobody else can have written since this transaction began: SQLite gives writers turns."""
        return self._dialect == "sqlite"

    def _listed(self, values: Iterable[str] | Iterable[int]) -> Any:
        """`values` as the parameter of `among`."""
        listed = sorted(values)
        return listed if self._dialect == "postgresql" else to_json(listed).decode()

    def _one(self, query: Any, **values: Any) -> Any:
        if self._direct is not None and isinstance(query, Fixed):
            found = self._asked(query, values)
            assert len(found) <= 1, "asked for one"
            return found[0] if found else None
        return self._connection.execute(_plain(query), values).one_or_none()

    def _all(self, query: Any, **values: Any) -> Sequence[Any]:
        if self._direct is not None and isinstance(query, Fixed):
            return self._asked(query, values)
        return self._connection.execute(_plain(query), values).all()

    def _do(self, statement: Any, rows: Any = None) -> Any:
        """Do it once, or for each of a list of rows; what it returns has a `rowcount`."""
        if self._direct is not None and isinstance(statement, Fixed) and not isinstance(rows, list):
            return self._told(statement.in_sqlite, rows or {})
        return self._connection.execute(_plain(statement), rows)

    def _asked(self, query: Fixed, values: Mapping[str, Any]) -> list[Any]:
        words = query.in_sqlite
        return [*map(words.row, self._told(words, values).fetchall())]

    def _told(self, words: "_Words", values: Mapping[str, Any]) -> Any:
        try:
            return self._direct.execute(words.text, words.values(values))
        except sqlite3.Error as error:
            raise DBAPIError.instance(words.text, None, error, sqlite3.Error, hide_parameters=True) from error

    def _count(self, statement: Any, rows: Any) -> int:
        """Do it for each of `rows`; how many rows of the table were touched."""
        return _touched(self._connection.execute(statement, rows, execution_options=_COUNTED))

    def _many(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
        """The same for many `rows`, straight to the driver, which takes half as long over a row.

        Args:
            statement: built once, in its module.
            rows: at least one, all with the same names in the same order. No column's type is asked: plain values.
        """
        bulk = _bulk(statement, tuple(rows[0]), _SQLITE if self.alone else self._connection.dialect)
        values = [*map(bulk.values, rows)] if bulk.values else [*rows]
        return _touched(self._connection.exec_driver_sql(bulk.text, values, execution_options=_COUNTED))


def _plain(statement: Any) -> Any:
    return statement.statement if isinstance(statement, Fixed) else statement


@dataclass(frozen=True, slots=True)
class _Words:
    """A fixed statement in SQLite's own words, how its values are lined up, and what a row of its answer becomes."""

    text: str
    values: Callable[[Mapping[str, Any]], Sequence[Any]]
    row: Callable[[Sequence[Any]], Any]


def _liner(compiled: Any) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """Puts values by name, and those that the statement brings along, into the places of its question marks."""
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    to_ask = {name for name, bind in binds.items() if bind.required}
    brought = {name: value for name, value in compiled.params.items() if name not in to_ask}
    made = {name: made for name, bind in binds.items() if (made := _impl(bind.type).bind_processor(_SQLITE))}
    places = [*(compiled.positiontup or ())]
    lined_up = itemgetter(*places) if len(places) > 1 else lambda values: tuple(values[each] for each in places)

    def values(given: Mapping[str, Any]) -> Sequence[Any]:
        assert given.keys() == to_ask, f"the statement asks for {sorted(to_ask)}"
        all_of_them = {**brought, **given}
        for name, make in made.items():
            all_of_them[name] = make(all_of_them[name])
        return lined_up(all_of_them)

    return values


def _impl(type_: Any) -> Any:
    return type_.dialect_impl(_SQLITE)


def _reader(columns: Sequence[tuple[str, Any]]) -> Callable[[Sequence[Any]], Any]:
    """Makes a named tuple of a row, with values of the columns' types."""
    if not columns:
        return tuple
    row = namedtuple("row", [name for name, _ in columns], rename=True)  # type: ignore[misc]
    made = [_impl(type_).result_processor(_SQLITE, None) for _, type_ in columns]
    if not any(made):
        return row._make
    return lambda found: row(*[make(value) if make else value for make, value in zip(made, found, strict=True)])


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
