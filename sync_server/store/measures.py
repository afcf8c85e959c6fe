"""What things come to: counts that only grow, and what rows say now.

Rules
1. A count is raised in the transaction of what it counts. So it is right however many servers there are, and stays
   when old rows go.
2. How far the audit is counted is a count among the others.
3. What rows say now is read through an index, or from few rows: whoever asks holds up no round.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, bindparam, func, select
from sqlmodel import Field

from shared.metrics import Key
from sync_server.store.base import Fixed, Part, Table, table_of
from sync_server.store.ledger import LEDGER
from sync_server.store.tasks import TASK

#: The count under which stands up to where the audit is counted.
_AUDIT = "audit"


class MeasureRow(Table, table=True):
    """A count under a name and labels (JSON) of `shared.metrics`."""

    __tablename__ = "measure"
    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    labels: str = Field(primary_key=True)
    value: int = Field(sa_column=Column(BigInteger, nullable=False))


MEASURE = table_of(MeasureRow)
_COUNTED = Fixed(
    select(MEASURE.c.value).where(MEASURE.c.tenant == bindparam("of"), MEASURE.c.name == _AUDIT).with_for_update()
)
_MEASURED = Fixed(
    select(MEASURE)
    .where(MEASURE.c.tenant == bindparam("of"), MEASURE.c.name != _AUDIT)
    .order_by(MEASURE.c.name, MEASURE.c.labels)
)
_HELD = Fixed(
    select(LEDGER.c.hold, func.count().label("number"))
    .where(LEDGER.c.tenant == bindparam("of"), LEDGER.c.hold.is_not(None))
    .group_by(LEDGER.c.hold)
)
_TASKS = Fixed(
    select(TASK.c.state, func.count().label("number"), func.sum(TASK.c.attempts).label("attempts"))
    .where(TASK.c.tenant == bindparam("of"))
    .group_by(TASK.c.state)
)
_OLDEST_TASK = Fixed(
    select(func.min(TASK.c.queued_at).label("at")).where(TASK.c.tenant == bindparam("of"), TASK.c.state == "queued")
)


@cache
def _raised(inserted: Any) -> Any:
    """A count raised by what is told, or begun with it; `inserted` is the dialect's own insert."""
    statement = inserted(MEASURE)
    value = {"value": MEASURE.c.value + statement.excluded.value}
    return statement.on_conflict_do_update(index_elements=["tenant", "name", "labels"], set_=value)


class Measures(Part):
    """Counts."""

    def measure(self, tenant: str, counts: Mapping[Key, int]) -> None:
        """Count more; in one order, so that nobody waits for each other."""
        rows = [
            {"tenant": tenant, "name": name, "labels": json.dumps(labels), "value": more}
            for (name, labels), more in sorted(counts.items())
        ]
        if rows:
            self._many(_raised(self._insert), rows)

    def measured(self, tenant: str) -> dict[Key, int]:
        """Everything that was counted of an organisation."""
        rows = self._all(_MEASURED, of=tenant)
        return {(row.name, tuple(json.loads(row.labels))): int(row.value) for row in rows}

    def audit_counted(self, tenant: str) -> int:
        """The position up to which the audit is counted; held until the transaction ends."""
        row = self._one(_COUNTED, of=tenant)
        return int(row.value) if row else 0

    def count_audit(self, tenant: str, links: int) -> None:
        """So many links more are counted."""
        self.measure(tenant, {(_AUDIT, ()): links})

    def held_by_hold(self, tenant: str) -> dict[str, int]:
        """How many commands are held, by what holds them."""
        return {row.hold: int(row.number) for row in self._all(_HELD, of=tenant)}

    def task_counts(self, tenant: str) -> tuple[dict[str, int], int, str | None]:
        """How many tasks stand where, how often they went to the cluster, and since when the oldest waits."""
        rows = self._all(_TASKS, of=tenant)
        counts = {row.state: int(row.number) for row in rows}
        return counts, sum(int(row.attempts or 0) for row in rows), self._one(_OLDEST_TASK, of=tenant).at
