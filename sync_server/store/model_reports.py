"""What evaluations of models said when these were published."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Text, select
from sqlmodel import Field

from shared.contract import to_instant
from sync_server.store.base import Part, Table, table_of


class ModelReportRow(Table, table=True):
    """What an evaluation of a model's file said (JSON)."""

    __tablename__ = "model_report"
    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    told_at: str
    report: str = Field(sa_column=Column(Text, nullable=False))


REPORT = table_of(ModelReportRow)


class ModelReports(Part):
    """Reports about models, by the sha256 of their file."""

    def put_model_report(self, tenant: str, sha256: str, told_at: datetime, report: Mapping[str, Any]) -> None:
        """Keep what an evaluation of a file said, in the place of an older one."""
        values = {"told_at": told_at.isoformat(), "report": json.dumps(report)}
        told = self._insert(REPORT).values(tenant=tenant, sha256=sha256, **values)
        self._do(told.on_conflict_do_update(index_elements=["tenant", "sha256"], set_=values))

    def model_reports(self, tenant: str) -> dict[str, tuple[datetime, dict[str, Any]]]:
        """What evaluations said, by the sha256 of the file, and since when it is here."""
        rows = self._all(select(REPORT).where(REPORT.c.tenant == tenant))
        return {row.sha256: (to_instant(row.told_at), json.loads(row.report)) for row in rows}
