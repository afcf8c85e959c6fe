"""Files that bring records: planned, shown, then done (`sync_server.imports`)."""

from shared.commands.base import Payload
from shared.commands.record_imported import RecordImported
from shared.outcomes import Outcome, Receipt
from shared.problems import Code, Refused
from sync_server.imports import ImportPlan, plan
from sync_server.office.base import OfficePart


class Imports(OfficePart):
    """CSV files."""

    def plan_import(self, tenant: str, kind: str, text: str, *, overwrite: bool = False) -> ImportPlan:
        """What a CSV file of `kind` would do (`sync_server.imports`). Raises `Refused` if it cannot be one."""
        standing = {record.ref: record for record in self.records(tenant, kind)}
        assets = {record.ref for record in self.records(tenant, "asset")}
        return plan(kind, text, standing, assets, overwrite=overwrite)

    def apply_import(self, tenant: str, actor: str, planned: ImportPlan) -> list[Receipt]:
        """Do what a plan without bad rows says. Raises `Refused` if it has some, or a row was not accepted."""
        if planned.bad:
            raise Refused(Code.MALFORMED, f"{len(planned.bad)} bad rows; nothing was imported")
        work: list[tuple[str, Payload]] = [
            (ref, RecordImported(fields=fields)) for ref, fields in {**planned.new, **planned.changes}.items()
        ]
        receipts = self._give(tenant, actor, work, planned.versions)
        for receipt in receipts:
            if receipt.outcome not in {Outcome.APPLIED, Outcome.MERGED}:
                raise Refused(Code.STALE, f"{receipt.detail}; run the import again")
        return receipts
