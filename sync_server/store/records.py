"""The records as they stand, and the changes feed over them.

The feed is current state in commit order: each record at the place of its last change. A record that moves to another
team leaves a removal at that place, for those who may no longer see it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from pydantic_core import to_json
from sqlalchemy import BigInteger, Column, Index, Text, bindparam, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field

from shared.records import Record, record_to_json
from shared.values import value
from sync_server.store.base import Contended, Fixed, Part, Table, among, table_of
from sync_server.store.read_records import ReadRecords, read_record

#: A page of the feed holds about this many characters, and at least one record.
PAGE_CHARS_MAX = 3 << 20

_STATED = text("state IS NOT NULL")


class RecordRow(Table, table=True):
    """A record as it stands; `change_seq` is its last place in the changes feed, `team` who may see it.

    `state` is what lists of its kind are asked for by (`shared.records.state_of`).
    """

    __tablename__ = "record"
    __table_args__ = (
        Index("record_feed", "tenant", "change_seq"),
        Index("record_kind", "tenant", "kind", "ref"),
        Index("record_state", "tenant", "kind", "state", "ref", sqlite_where=_STATED, postgresql_where=_STATED),
    )
    tenant: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    kind: str
    version: int
    change_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: str = Field(sa_column=Column(Text, nullable=False))
    team: str | None = None
    state: str | None = None


class RemovalRow(Table, table=True):
    """At `change_seq`, `ref` went to another team."""

    __tablename__ = "removal"
    tenant: str = Field(primary_key=True)
    change_seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    ref: str


RECORD, REMOVAL = table_of(RecordRow), table_of(RemovalRow)
_INSERT = insert(RECORD)
_UPDATE = (
    update(RECORD)
    .where(
        RECORD.c.tenant == bindparam("of"),
        RECORD.c.ref == bindparam("named"),
        RECORD.c.version == bindparam("before"),
    )
    .values(
        version=bindparam("version"),
        change_seq=bindparam("change_seq"),
        body=bindparam("body"),
        team=bindparam("team"),
        state=bindparam("state"),
    )
)
_FEED = (
    select(RECORD.c.body, RECORD.c.change_seq, func.length(RECORD.c.body).label("size"))
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.change_seq > bindparam("after"))
    .where(RECORD.c.change_seq <= bindparam("up_to"))
    .order_by(RECORD.c.change_seq)
    .limit(bindparam("limit"))
)
_WHOLE_FEED = Fixed(_FEED)
_OF_KIND = Fixed(
    select(RECORD.c.body)
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.kind == bindparam("of_kind"))
    .order_by(RECORD.c.ref)
)


@cache
def _held_fast(dialect: str) -> Any:
    chosen = (RECORD.c.tenant == bindparam("of"), among(RECORD.c.ref, dialect))
    return Fixed(select(RECORD.c.ref, RECORD.c.body).where(*chosen).order_by(RECORD.c.ref).with_for_update())


_READ = ReadRecords()

Teams = frozenset[str] | None


@value(frozen=True, slots=True)
class Write:
    """A record's new state, its place in the feed, who may see it, and the version that it replaces (0: none).

    `state` is what lists of its kind are asked for by.
    """

    record: Record
    change_seq: int
    team: str | None
    before: int
    left: bool = False
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the feed: records as stored (JSON), what left the scope, and how far the page reaches."""

    records: tuple[str, ...]
    removals: tuple[str, ...]
    reached: int
    more: bool


class Records(Part):
    """Records and their feed."""

    def records(self, tenant: str, refs: Iterable[str]) -> dict[str, Record]:
        """The named records, held until the transaction ends; missing ones are left out."""
        return {ref: record for ref, (record, _) in self.records_sized(tenant, refs).items()}

    def records_sized(self, tenant: str, refs: Iterable[str]) -> dict[str, tuple[Record, int]]:
        """The same, each with the characters of its JSON."""
        rows = self._all(_held_fast(self._dialect), of=tenant, among=self._listed(refs))
        return {row.ref: (_READ.read(tenant, row.ref, row.body), len(row.body)) for row in rows}

    def records_of(self, tenant: str, kind: str) -> list[Record]:
        """Every record of a kind, by reference."""
        return [read_record(row.body) for row in self._all(_OF_KIND, of=tenant, of_kind=kind)]

    def put_records(self, tenant: str, writes: Iterable[Write]) -> None:
        """Write records at their places in the feed.

        Raises:
            Contended: a record is not at the version that its new state was made from.
        """
        listed = list(writes)
        new = [_row(tenant, write) for write in listed if not write.before]
        changed = [_change(tenant, write) for write in listed if write.before]
        moved = [{"tenant": tenant, "change_seq": w.change_seq, "ref": w.record.ref} for w in listed if w.left]
        try:
            if new:
                self._many(_INSERT, new)
        except IntegrityError as error:
            raise Contended("another writer created the record") from error
        if changed and self._many(_UPDATE, changed) != len(changed):
            raise Contended("another writer changed the record")
        if moved:
            self._do(insert(REMOVAL), moved)

    def feed(self, tenant: str, after: int, end: int, limit: int, teams: Teams) -> Page:
        """What changed beyond `after`, in feed order, as far as members of `teams` may see it; None sees all.

        `end` is the tenant's last place, read before: what is committed while this runs belongs to the next page.
        A page holds at most `limit` records and about `PAGE_CHARS_MAX` characters, and at least one record.
        """
        query = _WHOLE_FEED if teams is None else _FEED.where(_visible(teams))
        rows = self._all(query, of=tenant, after=after, up_to=end, limit=limit)
        room = accumulate(row.size for row in rows)
        page = [row for row, size in zip(rows, room, strict=True) if size <= PAGE_CHARS_MAX] or rows[:1]
        more = len(page) < len(rows) or len(rows) == limit
        reached = page[-1].change_seq if more else end
        return Page(tuple(row.body for row in page), self._removals(tenant, after, reached, teams), reached, more)

    def _removals(self, tenant: str, after: int, reached: int, teams: Teams) -> tuple[str, ...]:
        """What went out of sight in (after, reached] and has not come back."""
        if teams is None:
            return ()
        query = (
            select(REMOVAL.c.ref)
            .join(RECORD, (RECORD.c.tenant == REMOVAL.c.tenant) & (RECORD.c.ref == REMOVAL.c.ref))
            .where(REMOVAL.c.tenant == tenant, REMOVAL.c.change_seq > after, REMOVAL.c.change_seq <= reached)
            .where(RECORD.c.team.is_not(None), RECORD.c.team.not_in(sorted(teams)))
            .distinct()
        )
        return tuple(row.ref for row in self._all(query.order_by(REMOVAL.c.ref)))

    def forget_removals(self, tenant: str, up_to: int) -> int:
        """Drop the removals up to a place in the feed; how many. Copies begun before it start over."""
        old = delete(REMOVAL).where(REMOVAL.c.tenant == tenant, REMOVAL.c.change_seq <= up_to)
        return int(self._do(old).rowcount)


def _visible(teams: frozenset[str]) -> Any:
    return or_(RECORD.c.team.is_(None), RECORD.c.team.in_(sorted(teams)))


def _row(tenant: str, write: Write) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "ref": write.record.ref,
        "kind": write.record.kind,
        "version": write.record.version,
        "change_seq": write.change_seq,
        "body": _body(tenant, write.record),
        "team": write.team,
        "state": write.state,
    }


def _change(tenant: str, write: Write) -> dict[str, Any]:
    return {
        "of": tenant,
        "named": write.record.ref,
        "before": write.before,
        "version": write.record.version,
        "change_seq": write.change_seq,
        "body": _body(tenant, write.record),
        "team": write.team,
        "state": write.state,
    }


def _body(tenant: str, record: Record) -> str:
    body = to_json(record_to_json(record)).decode()
    _READ.keep(tenant, record, body)
    return body
