"""Records and commands as lists ask for them: a page at a time, from the end of the one before, through an index.

Nothing here is held until the transaction ends: whoever reads a list keeps nobody waiting.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, literal, select, union_all

from shared.records import WAITING_STATES, Record
from sync_server.store.base import Fixed, Part, among
from sync_server.store.ledger import LEDGER
from sync_server.store.read_records import read_record
from sync_server.store.records import RECORD

_OF_KIND = (
    select(RECORD.c.body)
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.kind == bindparam("of_kind"))
    .where(RECORD.c.ref > bindparam("after"))
    .order_by(RECORD.c.ref)
    .limit(bindparam("limit"))
)
_IN_KIND = Fixed(_OF_KIND)
_IN_STATE = Fixed(_OF_KIND.where(RECORD.c.state == bindparam("in_state")))
_BACK = (
    select(RECORD.c.body)
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.kind == bindparam("of_kind"))
    .where(RECORD.c.ref < bindparam("before"))
    .order_by(RECORD.c.ref.desc())
    .limit(bindparam("limit"))
)
_BACK_IN_STATE = Fixed(_BACK.where(RECORD.c.state == bindparam("in_state")))


def _number(kind: str, state: str) -> Any:
    named = (RECORD.c.tenant == bindparam("of"), RECORD.c.kind == kind, RECORD.c.state == state)
    return select(literal(kind).label("kind"), func.count().label("number")).select_from(RECORD).where(*named)


_WAITING = union_all(*(_number(kind, state) for kind, states in WAITING_STATES.items() for state in states))
_THROUGH = Fixed(
    select(func.count().label("number"))
    .select_from(RECORD)
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.kind == bindparam("of_kind"))
    .where(RECORD.c.state == bindparam("in_state"), RECORD.c.ref <= bindparam("through"))
)
_STATES = Fixed(
    select(RECORD.c.state, func.count().label("number"))
    .where(RECORD.c.tenant == bindparam("of"), RECORD.c.kind == bindparam("of_kind"), RECORD.c.state.is_not(None))
    .group_by(RECORD.c.state)
)
_HELD = Fixed(
    select(LEDGER.c.device, LEDGER.c.hold, func.count().label("number"))
    .where(LEDGER.c.tenant == bindparam("of"), LEDGER.c.hold.is_not(None))
    .group_by(LEDGER.c.device, LEDGER.c.hold)
)

_OUTCOMES = Fixed(
    select(LEDGER.c.outcome, func.count().label("number"))
    .where(LEDGER.c.tenant == bindparam("of"), LEDGER.c.device == bindparam("by"), LEDGER.c.outcome.is_not(None))
    .group_by(LEDGER.c.outcome)
)


@cache
def _seen(dialect: str) -> Any:
    named = (RECORD.c.tenant == bindparam("of"), among(RECORD.c.ref, dialect))
    return Fixed(select(RECORD.c.ref, RECORD.c.body).where(*named))


class Lists(Part):
    """Pages of records, and how many there are."""

    def records_page(
        self, tenant: str, kind: str, state: str | None = None, *, after: str = "", limit: int = 50
    ) -> list[Record]:
        """Records of a kind behind `after`, by reference; only those in `state`, if it is named."""
        told = {"of": tenant, "of_kind": kind, "after": after, "limit": limit}
        rows = self._all(_IN_KIND, **told) if state is None else self._all(_IN_STATE, **told, in_state=state)
        return [read_record(row.body) for row in rows]

    def records_before(self, tenant: str, kind: str, state: str, *, before: str, limit: int = 1) -> list[Record]:
        """Records of a kind in a state before `before`, the nearest first."""
        told = {"of": tenant, "of_kind": kind, "before": before, "limit": limit, "in_state": state}
        return [read_record(row.body) for row in self._all(_BACK_IN_STATE, **told)]

    def records_seen(self, tenant: str, refs: Iterable[str]) -> dict[str, Record]:
        """The named records as they stand; missing ones are left out."""
        rows = self._all(_seen(self._dialect), of=tenant, among=self._listed(set(refs)))
        return {row.ref: read_record(row.body) for row in rows}

    def waiting_counts(self, tenant: str) -> Mapping[str, int]:
        """How many records of each kind wait for a person."""
        counts = dict.fromkeys(WAITING_STATES, 0)
        for row in self._all(_WAITING, of=tenant):
            counts[row.kind] += int(row.number)
        return counts

    def records_through(self, tenant: str, kind: str, state: str, ref: str) -> int:
        """How many records of a kind in a state stand up to `ref`, itself among them."""
        told = {"of": tenant, "of_kind": kind, "in_state": state, "through": ref}
        return int(self._one(_THROUGH, **told).number)

    def state_counts(self, tenant: str, kind: str) -> Mapping[str, int]:
        """How many records of a kind are in each state."""
        return {row.state: int(row.number) for row in self._all(_STATES, of=tenant, of_kind=kind)}

    def held_by_device(self, tenant: str) -> Mapping[str, Mapping[str, int]]:
        """How many commands of each device are held, by what holds them."""
        found: dict[str, dict[str, int]] = {}
        for row in self._all(_HELD, of=tenant):
            found.setdefault(row.device, {})[row.hold] = int(row.number)
        return found

    def outcomes_of(self, tenant: str, device: str) -> Mapping[str, int]:
        """How many commands of a device were settled, by outcome."""
        return {row.outcome: int(row.number) for row in self._all(_OUTCOMES, of=tenant, by=device)}
