"""Writes on their way to systems of record: one row per command that leaves something there.

Rules
1. A row is written in the transaction that settles its command, and never deleted before the ledger forgets it.
2. Who works on a row holds a lease with a fence. Every lease has a higher fence than the one before, and a change
   under an old fence changes nothing: a worker that was away too long cannot write over the one that took over.
3. `in_doubt` stands from before the first byte leaves until the result is known.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Index, Text, bindparam, or_, select, update
from sqlmodel import Field

from shared.commands.base import Outgoing
from shared.contract import to_instant
from shared.records import WriteStatus
from sync_server.store.base import Fixed, Part, Table, one_of, table_of


class OutgoingRow(Table, table=True):
    """A write to a system of record; `body` is JSON, instants are ISO 8601 in UTC with microseconds."""

    __tablename__ = "outgoing"
    __table_args__ = (Index("outgoing_due", "system", "state", "not_before"),)
    tenant: str = Field(primary_key=True)
    command: str = Field(primary_key=True)
    system: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    state: str
    in_doubt: bool
    vouched: bool = False
    fence: int = 0
    attempts: int = 0
    tries: int = 0
    queued_at: str
    last_sent_at: str | None = None
    not_before: str | None = None
    lease_owner: str | None = None
    lease_until: str | None = None
    reference: str = ""
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))


OUTGOING = table_of(OutgoingRow)
_UNFINISHED = (WriteStatus.QUEUED, WriteStatus.SENDING)
_PLAIN = ("state", "in_doubt", "vouched", "attempts", "tries", "lease_owner", "reference", "detail")
_INSTANTS = ("queued_at", "last_sent_at", "not_before", "lease_until")
_DUE = select(OUTGOING).where(
    OUTGOING.c.system == bindparam("to"),
    one_of(OUTGOING.c.state, _UNFINISHED),
    or_(OUTGOING.c.not_before.is_(None), OUTGOING.c.not_before <= bindparam("now")),
    or_(OUTGOING.c.lease_until.is_(None), OUTGOING.c.lease_until <= bindparam("now")),
)
_MOVE = Fixed(
    update(OUTGOING)
    .where(OUTGOING.c.tenant == bindparam("of"), OUTGOING.c.command == bindparam("named"))
    .where(OUTGOING.c.fence == bindparam("under"))
    .values({name: bindparam(name) for name in ("fence", *_PLAIN, *_INSTANTS)})
)


def _first_due(tenants: Any = None) -> Any:
    """The write that waits longest; only of `tenants`, a condition."""
    query = _DUE if tenants is None else _DUE.where(tenants)
    return query.order_by(OUTGOING.c.queued_at, OUTGOING.c.command).limit(1).with_for_update(skip_locked=True)


_FIRST_DUE = Fixed(_first_due())


@dataclass(frozen=True, slots=True)
class OutgoingEntry:
    """A write and how far it is.

    Args:
        tenant: whose command it is.
        outgoing: what is to be written, and where.
        state: as the ``external_write`` record says it, or ahead of it while a worker has the row.
        queued_at: when it was decided.
        in_doubt: it may have been sent; look it up before anything else.
        vouched: a person said that nothing happened so far, and that it shall be tried again.
        fence: of the lease that last held it.
        attempts: how often it was sent.
        tries: fruitless tries in a row.
        last_sent_at: when it was last marked for sending, None if never.
        not_before: when a worker may take it again.
        lease_owner: the worker that has it, until `lease_until`.
        lease_until: when another worker may take it over.
        reference: what the system calls it.
        detail: why it is not done.
    """

    tenant: str
    outgoing: Outgoing
    state: WriteStatus
    queued_at: datetime
    in_doubt: bool = False
    vouched: bool = False
    fence: int = 0
    attempts: int = 0
    tries: int = 0
    last_sent_at: datetime | None = None
    not_before: datetime | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None
    reference: str = ""
    detail: str = ""


class OutgoingWrites(Part):
    """The writes on their way."""

    def add_outgoing(self, entry: OutgoingEntry) -> None:
        """A write that was decided in this transaction."""
        key = {"tenant": entry.tenant, "command": entry.outgoing.command, "system": entry.outgoing.system}
        body = json.dumps(dict(entry.outgoing.body), ensure_ascii=False, separators=(",", ":"))
        self._do(self._insert(OUTGOING).values(**key, body=body, fence=entry.fence, **_values(entry)))

    def outgoing(self, tenant: str, command: str) -> OutgoingEntry | None:
        """A write by its command, held until the transaction ends."""
        this = (OUTGOING.c.tenant == tenant) & (OUTGOING.c.command == command)
        row = self._one(select(OUTGOING).where(this).with_for_update())
        return _entry(row) if row else None

    def outgoing_seen(self, tenant: str, command: str) -> OutgoingEntry | None:
        """The same, held by nobody."""
        this = (OUTGOING.c.tenant == tenant) & (OUTGOING.c.command == command)
        row = self._one(select(OUTGOING).where(this))
        return _entry(row) if row else None

    def outgoing_in(self, tenant: str, states: Collection[WriteStatus]) -> list[OutgoingEntry]:
        """The tenant's writes in one of `states`, oldest first."""
        query = select(OUTGOING).where(OUTGOING.c.tenant == tenant, OUTGOING.c.state.in_(sorted(states)))
        return [_entry(row) for row in self._all(query.order_by(OUTGOING.c.queued_at, OUTGOING.c.command))]

    def lease_outgoing(
        self, system: str, owner: str, now: datetime, until: datetime, without: Collection[str] = ()
    ) -> OutgoingEntry | None:
        """The write to `system` that waits longest, leased to `owner`; None if nothing is due or free.

        Tenants in `without` are passed over.
        """
        first = _first_due(OUTGOING.c.tenant.not_in(sorted(without))) if without else _FIRST_DUE
        row = self._one(first, to=system, now=_text(now))
        if row is None:
            return None
        leased = replace(_entry(row), fence=row.fence + 1, lease_owner=owner, lease_until=until)
        self._change(leased, row.fence)
        return leased

    def move_outgoing(self, entry: OutgoingEntry) -> bool:
        """Write `entry` if its fence is still the row's. False, and nothing changed, if somebody took over."""
        return self._change(entry, entry.fence)

    def overrule_outgoing(self, entry: OutgoingEntry) -> None:
        """Write `entry` for a person, and fence off whoever may still have the row."""
        self._change(replace(entry, fence=entry.fence + 1), entry.fence)

    def doubt_outgoing(self) -> None:
        """After a restore: nobody knows what was sent since the backup; look everything up first."""
        unfinished = OUTGOING.c.state.in_(_UNFINISHED)
        free = {"in_doubt": True, "lease_owner": None, "lease_until": None, "fence": OUTGOING.c.fence + 1}
        self._do(update(OUTGOING).where(unfinished).values(free))

    def _change(self, entry: OutgoingEntry, fence: int) -> bool:
        this = {"of": entry.tenant, "named": entry.outgoing.command, "under": fence}
        return bool(self._do(_MOVE, {**this, "fence": entry.fence, **_values(entry)}).rowcount == 1)


def _values(entry: OutgoingEntry) -> dict[str, Any]:
    at = {name: getattr(entry, name) for name in _INSTANTS}
    return {name: getattr(entry, name) for name in _PLAIN} | {
        name: at[name] and _text(at[name]) for name in _INSTANTS
    }


def _text(at: datetime) -> str:
    """Instants of one length, so that their texts sort as they do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _at(text: str | None) -> datetime | None:
    return to_instant(text) if text else None


def _entry(row: Any) -> OutgoingEntry:
    return OutgoingEntry(
        tenant=row.tenant,
        outgoing=Outgoing(row.command, row.system, json.loads(row.body)),
        state=WriteStatus(row.state),
        queued_at=to_instant(row.queued_at),
        in_doubt=row.in_doubt,
        vouched=row.vouched,
        fence=row.fence,
        attempts=row.attempts,
        tries=row.tries,
        last_sent_at=_at(row.last_sent_at),
        not_before=_at(row.not_before),
        lease_owner=row.lease_owner,
        lease_until=_at(row.lease_until),
        reference=row.reference,
        detail=row.detail,
    )
