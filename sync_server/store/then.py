"""What was measured some time ago, and what evaluations of models said when these were published."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Float, Text, bindparam, delete, select
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


class ModelReportRow(Table, table=True):
    """What an evaluation of a model's file said (JSON)."""

    __tablename__ = "model_report"
    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    told_at: str
    report: str = Field(sa_column=Column(Text, nullable=False))


THEN, REPORT = table_of(MeasuredThenRow), table_of(ModelReportRow)
_SINCE = Fixed(
    select(THEN)
    .where(THEN.c.tenant == bindparam("of"), THEN.c.name == bindparam("named"), THEN.c.at >= bindparam("since"))
    .order_by(THEN.c.labels, THEN.c.at)
)


class Then(Part):
    """Values of some time ago, and reports about models."""

    def keep_measured(self, tenant: str, at: datetime, values: Mapping[Key, float]) -> None:
        """Keep `values` as of `at`; nothing of what is kept of that instant changes."""
        rows = [
            {"tenant": tenant, "name": name, "labels": json.dumps(labels), "at": at.isoformat(), "value": value}
            for (name, labels), value in sorted(values.items())
        ]
        if rows:
            columns = ["tenant", "name", "labels", "at"]
            self._do(self._insert(THEN).on_conflict_do_nothing(index_elements=columns), rows)

    def measured_since(
        self, tenant: str, names: Iterable[str], since: datetime
    ) -> dict[Key, list[tuple[datetime, float]]]:
        """What was kept under `names` since then, the oldest first."""
        found: dict[Key, list[Point]] = {}
        for name in names:
            for row in self._all(_SINCE, of=tenant, named=name, since=since.isoformat()):
                key = row.name, tuple(json.loads(row.labels))
                found.setdefault(key, []).append((to_instant(row.at), float(row.value)))
        return found

    def forget_measured(self, tenant: str, before: datetime) -> None:
        """Drop what was kept before then."""
        self._do(delete(THEN).where(THEN.c.tenant == tenant, THEN.c.at < before.isoformat()))

    def put_model_report(self, tenant: str, sha256: str, told_at: datetime, report: Mapping[str, Any]) -> None:
        """Keep what an evaluation of a file said, in the place of an older one."""
        values = {"told_at": told_at.isoformat(), "report": json.dumps(report)}
        told = self._insert(REPORT).values(tenant=tenant, sha256=sha256, **values)
        self._do(told.on_conflict_do_update(index_elements=["tenant", "sha256"], set_=values))

    def model_reports(self, tenant: str) -> dict[str, tuple[datetime, dict[str, Any]]]:
        """What evaluations said, by the sha256 of the file, and since when it is here."""
        rows = self._all(select(REPORT).where(REPORT.c.tenant == tenant))
        return {row.sha256: (to_instant(row.told_at), json.loads(row.report)) for row in rows}
