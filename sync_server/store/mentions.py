"""Whom and what the audit mentions, so that it can be asked for by record, person or device without reading it all.

Rules
1. It follows from the audit, and is written behind it, some links at a time: nobody's round waits for it. How far it
   is stands among the server's values.
2. The same links written twice are the same rows.
"""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, bindparam, func, select
from sqlmodel import Field

from sync_server.store.audit import AUDIT, Audit, Link
from sync_server.store.base import Fixed, Table, table_of
from sync_server.store.organisation import Organisation

RECORD, PERSON, DEVICE, COMMAND, OUTCOME = "record", "person", "device", "command", "outcome"
#: What became of a command that its author should hear about.
_NOT_DONE = frozenset({"rejected", "expired"})


class MentionRow(Table, table=True):
    """The link at `position` mentions `named`, such as ``device TB-01``."""

    __tablename__ = "audit_mention"
    tenant: str = Field(primary_key=True)
    named: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))


MENTION = table_of(MentionRow)
_NEWEST = Fixed(
    select(AUDIT)
    .where(AUDIT.c.tenant == bindparam("of"), AUDIT.c.position < bindparam("before"))
    .order_by(AUDIT.c.position.desc())
    .limit(bindparam("limit"))
)
_MENTIONING = Fixed(
    select(AUDIT)
    .join(MENTION, (MENTION.c.tenant == AUDIT.c.tenant) & (MENTION.c.position == AUDIT.c.position))
    .where(MENTION.c.tenant == bindparam("of"), MENTION.c.named == bindparam("about"))
    .where(MENTION.c.position < bindparam("before"))
    .order_by(MENTION.c.position.desc())
    .limit(bindparam("limit"))
)
_COUNT = Fixed(select(func.count()).where(MENTION.c.tenant == bindparam("of"), MENTION.c.named == bindparam("about")))


class Mentions(Audit, Organisation):
    """The audit, newest first, all of it or what mentions somebody or something."""

    def newest_links(self, tenant: str, before: int, limit: int, about: str | None = None) -> list[Link]:
        """At most `limit` links before the position `before`, newest first; only those that mention `about`."""
        if about is None:
            rows = self._all(_NEWEST, of=tenant, before=before, limit=limit)
        else:
            rows = self._all(_MENTIONING, of=tenant, about=about, before=before, limit=limit)
        return [(row.position, row.prev, row.hash, row.body) for row in rows]

    def mentioned(self, tenant: str) -> int:
        """The position up to which the links are gone through."""
        return int(self.server_value(_key(tenant)) or 0)

    def mentioned_through(self, tenant: str, position: int) -> None:
        """The links up to that position are gone through."""
        self.set_server_value(_key(tenant), str(position))

    def mention_more(self, tenant: str, links: int) -> bool:
        """Go through up to so many links more; whether others may be left."""
        after = self.mentioned(tenant)
        found = [*self.audit(tenant, after, after + links)]
        rows = [
            {"tenant": tenant, "named": named, "position": position}
            for position, _, _, body in found
            for named in sorted(set(names_in(body)))
        ]
        if rows:
            self._do(self._insert(MENTION).on_conflict_do_nothing(), rows)
        if found:
            self.mentioned_through(tenant, found[-1][0])
        return len(found) == links


def body_in(text: str) -> dict[str, Any]:
    """What a link says; nothing if somebody spoilt it, which a check of the chain tells."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def names_in(body: str) -> Iterator[str]:
    """Whom and what a link's body (JSON) mentions."""
    told = body_in(body)
    for what, names in _WHERE.items():
        for name in names:
            if isinstance(found := told.get(name), str):
                yield f"{what} {found}"
    if told.get("outcome") in _NOT_DONE:
        yield f"{OUTCOME} refused"
    versions = told.get("versions")
    if isinstance(versions, dict):
        yield from (f"{RECORD} {ref}" for ref in versions)


_WHERE = {
    RECORD: ("record",),
    PERSON: ("actor", "person"),
    DEVICE: ("device",),
    COMMAND: ("command",),
}


def _key(tenant: str) -> str:
    return f"mentions:{tenant}"
