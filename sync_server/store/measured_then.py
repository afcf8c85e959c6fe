"""What was measured some time ago."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Float, bindparam, delete, select
from sqlmodel import Field

from shared.contract import to_instant
from shared.metrics import Key
from sync_server.store.base import Fixed, Part, Table, table_of

#: A value and when it was that.
Point = tuple[datetime, float]


class MeasuredThenRow(Table, table=True):
    """A value under a name and labels (JSON) of `shared.metrics` at an instant."""

    __tablename__ = "measured_then"
    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    labels: str = Field(primary_key=True)
    at: str = Field(primary_key=True)
    value: float = Field(sa_column=Column(Float, nullable=False))


THEN = table_of(MeasuredThenRow)
_SINCE = Fixed(
    select(THEN)
    .where(THEN.c.tenant == bindparam("of"), THEN.c.name == bindparam("named"), THEN.c.at >= bindparam("since"))
    .order_by(THEN.c.labels, THEN.c.at)
)
_FORGET = Fixed(delete(THEN).where(THEN.c.tenant == bindparam("of"), THEN.c.at < bindparam("before")))


@cache
def _kept(inserted: Any) -> Any:
    """A value, unless one is there; `inserted` is the dialect's own insert."""
    return inserted(THEN).on_conflict_do_nothing(index_elements=["tenant", "name", "labels", "at"])


class MeasuredThen(Part):
    """Values of some time ago."""

    def keep_measured(self, tenant: str, at: datetime, values: Mapping[Key, float]) -> None:
        """Keep `values` as of `at`; nothing of what is kept of that instant changes."""
        rows = [
            {"tenant": tenant, "name": name, "labels": json.dumps(labels), "at": at.isoformat(), "value": value}
            for (name, labels), value in sorted(values.items())
        ]
        if rows:
            self._many(_kept(self._insert), rows)

    def measured_since(self, tenant: str, names: Iterable[str], since: datetime) -> dict[Key, list[Point]]:
        """What was kept under `names` since then, the oldest first."""
        found: dict[Key, list[Point]] = {}
        for name in names:
            for row in self._all(_SINCE, of=tenant, named=name, since=since.isoformat()):
                key = row.name, tuple(json.loads(row.labels))
                found.setdefault(key, []).append((to_instant(row.at), float(row.value)))
        return found

    def forget_measured(self, tenant: str, before: datetime) -> None:
        """Drop what was kept before then."""
        self._do(_FORGET, {"of": tenant, "before": before.isoformat()})
