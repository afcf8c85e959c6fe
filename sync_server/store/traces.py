"""What laptops told of their evidence, and how far each has told it.

Rules
1. A trace is known by its hash, which covers everything before it: told again, it is the same row.
2. How far a laptop told is one row, held until the transaction ends: of two requests one waits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text, bindparam, delete, insert, literal, select, tuple_
from sqlmodel import Field

from shared.contract import to_instant
from shared.evidence import Trace
from sync_server.store.base import Fixed, Part, Table, among, table_of


class TraceRow(Table, table=True):
    """One entry that a laptop told; `at` is by its clock, `came_at` by ours."""

    __tablename__ = "trace"
    __table_args__ = (
        Index("trace_came", "tenant", "came_at"),
        Index("trace_number", "tenant", "device", "number"),
    )
    tenant: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    hash: str = Field(primary_key=True)
    strand: int
    number: int = Field(sa_column=Column(BigInteger, nullable=False))
    at: str
    came_at: str
    kind: str
    sealed: str
    told: str = Field(sa_column=Column(Text, nullable=False))


class StrandRow(Table, table=True):
    """How far a laptop has told its evidence; `head` is its signed word of where that ends."""

    __tablename__ = "strand"
    tenant: str = Field(primary_key=True)
    device: str = Field(primary_key=True)
    strand: int
    number: int = Field(sa_column=Column(BigInteger, nullable=False))
    stated: int = Field(sa_column=Column(BigInteger, nullable=False))
    lost: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: str
    began_at: str
    told_at: str
    head: str = Field(sa_column=Column(Text, nullable=False))


TRACE, STRAND = table_of(TraceRow), table_of(StrandRow)
_ADD = insert(TRACE)
_TOLD = Fixed(
    select(STRAND).where(STRAND.c.tenant == bindparam("of"), STRAND.c.device == bindparam("by")).with_for_update()
)


@cache
def _known(dialect: str) -> Fixed:
    """Those hashes of a laptop's traces that are among others."""
    this = (TRACE.c.tenant == bindparam("of")) & (TRACE.c.device == bindparam("by"))
    return Fixed(select(TRACE.c.hash).where(this, among(TRACE.c.hash, dialect)))


_STRANDS = Fixed(select(STRAND).where(STRAND.c.tenant == bindparam("of")).order_by(STRAND.c.device))


@cache
def _put(inserted: Any) -> Any:
    """How far a laptop told, instead of what stood there; `inserted` is the dialect's own insert."""
    statement = inserted(STRAND)
    values = {each.name: statement.excluded[each.name] for each in STRAND.c if not each.primary_key}
    return statement.on_conflict_do_update(index_elements=["tenant", "device"], set_=values)


@dataclass(frozen=True, slots=True)
class StrandTold:
    """How far a laptop has told its evidence.

    Args:
        strand: which of its strands is told now.
        number: of the last entry that is here, and its `hash`.
        stated: the number of the last entry that it says it has.
        lost: entries that can never come, in all strands.
        began_at: when this strand began here.
        told_at: when something was told last.
        head: the laptop's signed word, in wire form.
    """

    strand: int
    number: int
    hash: str
    stated: int
    lost: int
    began_at: datetime
    told_at: datetime
    head: str


class Traces(Part):
    """What laptops told."""

    def strand(self, tenant: str, device: str) -> StrandTold | None:
        """How far a laptop has told; None if it never did. Held until the transaction ends."""
        row = self._one(_TOLD, of=tenant, by=device)
        return _told(row) if row else None

    def strands(self, tenant: str) -> dict[str, StrandTold]:
        """How far each laptop has told, by its id."""
        rows = self._all(_STRANDS, of=tenant)
        return {row.device: _told(row) for row in rows}

    def put_strand(self, tenant: str, device: str, told: StrandTold) -> None:
        """How far it has told now."""
        values = {name: getattr(told, name) for name in ("strand", "number", "hash", "stated", "lost", "head")}
        values |= {"began_at": _text(told.began_at), "told_at": _text(told.told_at)}
        self._many(_put(self._insert), [{"tenant": tenant, "device": device, **values}])

    def known_traces(self, tenant: str, device: str, hashes: Iterable[str]) -> frozenset[str]:
        """Those of `hashes` that are here, of whatever strand."""
        rows = self._all(_known(self._dialect), of=tenant, by=device, among=self._listed(hashes))
        return frozenset(row.hash for row in rows)

    def add_traces(
        self, tenant: str, device: str, strand: int, came: Iterable[tuple[str, Trace]], at: datetime
    ) -> None:
        """Keep traces, each with its hash; none of them is here."""
        rows = [
            {
                "tenant": tenant,
                "device": device,
                "hash": digest,
                "strand": strand,
                "number": each.number,
                "at": each.at,
                "came_at": _text(at),
                "kind": each.kind,
                "sealed": each.sealed,
                "told": each.told,
            }
            for digest, each in came
        ]
        if rows:
            self._do(_ADD, rows)

    def traces(self, tenant: str, kind: str, since: datetime | None = None) -> list[tuple[str, str]]:
        """Device and content of the traces of a kind that came since then, in the order in which they came."""
        query = select(TRACE.c.device, TRACE.c.told).where(TRACE.c.tenant == tenant, TRACE.c.kind == kind)
        query = query if since is None else query.where(TRACE.c.came_at >= _text(since))
        rows = self._all(query.order_by(TRACE.c.came_at, TRACE.c.device, TRACE.c.number))
        return [(row.device, row.told) for row in rows]

    def traces_behind(self, tenant: str, place: tuple[str, str, str], until: datetime, most: int) -> Sequence[Any]:
        """The traces that came before `until`, behind a place (came at, device, hash), in the order of places."""
        c = TRACE.c
        behind = tuple_(c.came_at, c.device, c.hash) > tuple_(*map(literal, place))
        query = select(TRACE).where(c.tenant == tenant, c.came_at < _text(until), behind)
        return self._all(query.order_by(c.came_at, c.device, c.hash).limit(most))

    def forget_traces(self, tenant: str, before: datetime) -> int:
        """Drop the traces that came before then; how many. What they came to stays counted."""
        gone = self._do(delete(TRACE).where(TRACE.c.tenant == tenant, TRACE.c.came_at < _text(before)))
        return int(gone.rowcount)


def _text(at: datetime) -> str:
    """Instants of one length, so that their texts sort as they do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _told(row: Any) -> StrandTold:
    return StrandTold(
        strand=row.strand,
        number=row.number,
        hash=row.hash,
        stated=row.stated,
        lost=row.lost,
        began_at=to_instant(row.began_at),
        told_at=to_instant(row.told_at),
        head=row.head,
    )
