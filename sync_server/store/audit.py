"""The audit: one chain of links per tenant."""

from collections.abc import Iterable, Iterator

from sqlalchemy import BigInteger, Column, Text, bindparam, insert, select
from sqlmodel import Field

from sync_server.store.base import Fixed, Part, Table, table_of

PAGE = 10_000


class AuditRow(Table, table=True):
    """One link of the audit chain: `hash` covers `prev` and `body`."""

    __tablename__ = "audit"
    tenant: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))
    prev: str
    hash: str
    body: str = Field(sa_column=Column(Text, nullable=False))


AUDIT = table_of(AuditRow)
_APPEND = insert(AUDIT)
_HASH_AT = Fixed(
    select(AUDIT.c.hash).where(AUDIT.c.tenant == bindparam("of"), AUDIT.c.position == bindparam("place"))
)
_CHAIN = (
    select(AUDIT)
    .where(AUDIT.c.tenant == bindparam("of"), AUDIT.c.position > bindparam("after"))
    .order_by(AUDIT.c.position)
    .limit(PAGE)
)
_PAGE, _PAGE_UP_TO = Fixed(_CHAIN), Fixed(_CHAIN.where(AUDIT.c.position <= bindparam("up_to")))
#: position, hash before, hash, body
Link = tuple[int, str, str, str]


class Audit(Part):
    """The audit chain."""

    def add_audit(self, tenant: str, links: Iterable[Link]) -> None:
        """Append links."""
        values = [
            {"tenant": tenant, "position": p, "prev": prev, "hash": h, "body": body} for p, prev, h, body in links
        ]
        if values:
            self._many(_APPEND, values)

    def audit(self, tenant: str, after: int = 0, up_to: int | None = None) -> Iterator[Link]:
        """The chain from behind position `after`, up to and including `up_to`, page by page."""
        while True:
            query, bounds = (_PAGE, {}) if up_to is None else (_PAGE_UP_TO, {"up_to": up_to})
            rows = self._all(query, of=tenant, after=after, **bounds)
            for row in rows:
                yield row.position, row.prev, row.hash, row.body
            if len(rows) < PAGE:
                return
            after = rows[-1].position

    def link_hash_at(self, tenant: str, position: int) -> str | None:
        """The hash of the link at `position`; None if there is none."""
        row = self._one(_HASH_AT, of=tenant, place=position)
        return row.hash if row else None
